//! The system calls that the standard library lacks: batches of datagrams, segmentation offload, waiting on two
//! descriptors with nanosecond time-outs, the processor time of a thread, the processor's prefetch, and the process's limits.
//!
//! Everything unsafe of the relay is in this module.
#![allow(
    unsafe_code,
    reason = "recvmmsg, sendmmsg and UDP_SEGMENT have no safe wrapper that sends without allocating"
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    mem,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

mod steering;

pub(crate) use steering::steer;

/// Datagrams taken in one system call.
pub(crate) const RECEIVE_BATCH: usize = 64;
/// Room for one datagram; longer ones are cut and then fail their authentication.
const DATAGRAM: usize = 2048;
/// Messages given out in one system call, the kernel's bound.
pub(crate) const SEND_BATCH: usize = 1024;
/// Room for one control message with a 16-bit value, aligned as the kernel wants it.
const CONTROL: usize = 24;
/// Bytes that the processor fetches at once.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// Lets the process have as many descriptors as it may, and says how many: a service gets 1,024 at first, for the sake of programs
/// that use `select`.
pub(crate) fn raise_descriptors() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes what `limit` is, which outlives the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads it only.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    Ok(limit.rlim_cur)
}

/// Reports the kernel's answer to a call as the standard library does.
fn check(result: libc::c_int) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Wakes a thread that waits in [`wait`].
#[derive(Debug)]
pub(crate) struct Waker {
    event: File,
    armed: AtomicBool,
}

impl Waker {
    /// Makes one.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers; the descriptor it returns is new and ours alone.
        let event = unsafe {
            let fd = check(libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC))?;
            OwnedFd::from_raw_fd(fd as libc::c_int)
        };
        Ok(Self {
            event: event.into(),
            armed: AtomicBool::new(false),
        })
    }

    /// Wakes the thread, or lets it not fall asleep.
    pub(crate) fn wake(&self) {
        if !self.armed.swap(true, Ordering::AcqRel) {
            // It can fail only when the counter is full, and then the thread is awake anyway.
            let _ = (&self.event).write(&1_u64.to_ne_bytes());
        }
    }

    /// Takes the wake-up back; what was sent before it is visible afterwards.
    pub(crate) fn clear(&self) {
        let _ = (&self.event).read(&mut [0; 8]);
        self.armed.store(false, Ordering::Release);
    }
}

/// What [`wait`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Datagrams have arrived at the first socket.
    pub(crate) socket: bool,
    /// Somebody called [`Waker::wake`].
    pub(crate) woken: bool,
}

/// Sleeps until a datagram arrives at one of the sockets, somebody wakes us, or the time is over.
pub(crate) fn wait(socket: &UdpSocket, other: Option<&UdpSocket>, waker: &Waker, timeout: Duration) -> Ready {
    let poll = |fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // The kernel leaves out what is negative.
    let other = other.map_or(-1, AsRawFd::as_raw_fd);
    let mut fds = [poll(socket.as_raw_fd()), poll(waker.event.as_raw_fd()), poll(other)];
    poll_until(&mut fds, timeout);
    Ready {
        socket: fds[0].revents != 0,
        woken: fds[1].revents != 0,
    }
}

/// Sleeps until the socket takes datagrams again, or the time is over.
pub(crate) fn wait_writable(socket: &UdpSocket, timeout: Duration) {
    let mut fds = [libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    }];
    poll_until(&mut fds, timeout);
}

fn poll_until(fds: &mut [libc::pollfd], timeout: Duration) {
    let time = libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: `fds` and `time` outlive the call, the count is that of `fds`, and no signal mask is given.
    // An error (a signal) reads as "nothing ready": the caller looks at its queues and comes back.
    unsafe {
        libc::ppoll(
            fds.as_mut_ptr(),
            fds.len() as libc::nfds_t,
            &raw const time,
            ptr::null(),
        );
    }
}

/// Asks for larger socket buffers than the system's bound allows; needs CAP_NET_ADMIN and does nothing without.
pub(crate) fn force_buffers(socket: &impl AsRawFd, bytes: usize) {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    for option in [libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE] {
        set(socket, libc::SOL_SOCKET, option, bytes);
    }
}

/// Least wait of TCP before it sends again what no answer came to, beyond the round trip, in microseconds. By itself Linux waits 200 ms,
/// as receivers may keep an answer back for so long; one that is kept back costs a small message twice.
const RESEND_AFTER_US: libc::c_int = 50_000;
/// The option for it, from Linux 6.15 on; older ones refuse it, and keep their wait.
const TCP_RTO_MIN_US: libc::c_int = 45;

/// Sends again soon what a connection of few and small messages loses.
pub(crate) fn resend_soon(socket: &impl AsRawFd) {
    set(socket, libc::IPPROTO_TCP, TCP_RTO_MIN_US, RESEND_AFTER_US);
}

/// Sets an option that is an int; returns what the system does.
fn set(socket: &impl AsRawFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> libc::c_int {
    // SAFETY: the value is an int of the size given, and outlives the call.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    }
}

/// Makes the kernel refuse segmentation on this socket, as with a device that cannot compute checksums.
#[cfg(test)]
pub(crate) fn refuse_segments(socket: &UdpSocket) {
    check(set(socket, libc::SOL_SOCKET, libc::SO_NO_CHECK, 1)).expect("an option of every UDP socket");
}

/// Processor time that the calling thread has used.
pub(crate) fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(
        time.tv_sec.try_into().unwrap_or(0),
        time.tv_nsec.try_into().unwrap_or(0),
    )
}

/// Has the processor fetch `value` into its caches, and does not wait for it. It does nothing where that is not known to help.
#[inline]
pub(crate) fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(value)).step_by(CACHE_LINE) {
        // SAFETY: the address lies in `value`; a prefetch reads nothing that the program could see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ptr::from_ref(value).cast::<i8>().add(line)) };
    }
    let _ = value;
}

/// An address in the kernel's form.
#[derive(Clone, Copy)]
union RawAddr {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
    family: libc::sa_family_t,
}

impl RawAddr {
    fn empty() -> Self {
        // SAFETY: all-zero bytes are valid values of every variant.
        unsafe { mem::zeroed() }
    }

    fn set(&mut self, address: SocketAddr) -> libc::socklen_t {
        *self = Self::empty();
        match address {
            SocketAddr::V4(v4) => {
                self.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr {
                        s_addr: u32::from_ne_bytes(v4.ip().octets()),
                    },
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V6(v6) => {
                self.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr {
                        s6_addr: v6.ip().octets(),
                    },
                    sin6_scope_id: v6.scope_id(),
                };
                size_of::<libc::sockaddr_in6>() as libc::socklen_t
            }
        }
    }

    fn read(&self) -> Option<SocketAddr> {
        // SAFETY: the family is at the same place in both forms, every bit pattern of it and of the variant that it
        // names is valid.
        unsafe {
            match libc::c_int::from(self.family) {
                libc::AF_INET => Some(SocketAddr::V4(SocketAddrV4::new(
                    Ipv4Addr::from(self.v4.sin_addr.s_addr.to_ne_bytes()),
                    u16::from_be(self.v4.sin_port),
                ))),
                libc::AF_INET6 => Some(SocketAddr::V6(SocketAddrV6::new(
                    Ipv6Addr::from(self.v6.sin6_addr.s6_addr),
                    u16::from_be(self.v6.sin6_port),
                    0,
                    self.v6.sin6_scope_id,
                ))),
                _ => None,
            }
        }
    }
}

/// Buffers for one batch of received datagrams.
pub(crate) struct Inbox {
    bytes: Box<[u8]>,
    addresses: Box<[RawAddr]>,
    lens: [usize; RECEIVE_BATCH],
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Inbox {
    /// Empty buffers.
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; RECEIVE_BATCH * DATAGRAM].into(),
            addresses: vec![RawAddr::empty(); RECEIVE_BATCH].into(),
            lens: [0; RECEIVE_BATCH],
        }
    }

    /// Takes what has arrived, at most [`RECEIVE_BATCH`] datagrams, and says how many. Does not wait.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> usize {
        // SAFETY: zero is a valid value of these plain structures.
        let (mut iovecs, mut headers): ([libc::iovec; RECEIVE_BATCH], [libc::mmsghdr; RECEIVE_BATCH]) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        for (i, chunk) in self.bytes.chunks_exact_mut(DATAGRAM).enumerate() {
            iovecs[i] = libc::iovec {
                iov_base: chunk.as_mut_ptr().cast(),
                iov_len: DATAGRAM,
            };
            let header = &mut headers[i].msg_hdr;
            header.msg_name = (&raw mut self.addresses[i]).cast();
            header.msg_namelen = size_of::<RawAddr>() as libc::socklen_t;
            header.msg_iov = &raw mut iovecs[i];
            header.msg_iovlen = 1;
        }
        // SAFETY: every header points to a buffer and an address of its own with their sizes, all of which outlive
        // the call; the count is that of the headers.
        let taken = check(unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                RECEIVE_BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        })
        .unwrap_or(0);
        for (len, header) in self.lens.iter_mut().zip(&headers[..taken]) {
            *len = header.msg_len as usize;
        }
        taken
    }

    /// The datagram at `i` of the last batch and where it came from.
    pub(crate) fn datagram(&mut self, i: usize) -> Option<(SocketAddr, &mut [u8])> {
        let from = self.addresses.get(i)?.read()?;
        let start = i * DATAGRAM;
        Some((from, &mut self.bytes[start..start + self.lens[i]]))
    }
}

/// A run of datagrams to one address: `len` bytes cut into pieces of `segment`, the last of which may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    /// Where to.
    pub(crate) to: SocketAddr,
    /// First byte.
    pub(crate) start: usize,
    /// Bytes in all.
    pub(crate) len: usize,
    /// Bytes of each datagram.
    pub(crate) segment: u16,
}

/// Structures for one batch of sent messages, made once.
pub(crate) struct Outbox {
    headers: Vec<libc::mmsghdr>,
    iovecs: Vec<libc::iovec>,
    addresses: Vec<RawAddr>,
    controls: Vec<[u64; CONTROL / 8]>,
}

// SAFETY: the pointers in it are written and used within one call of `send`, and mean nothing between calls.
unsafe impl Send for Outbox {}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

impl Outbox {
    /// Room for [`SEND_BATCH`] messages.
    pub(crate) fn new() -> Self {
        Self {
            headers: Vec::with_capacity(SEND_BATCH),
            iovecs: Vec::with_capacity(SEND_BATCH),
            addresses: Vec::with_capacity(SEND_BATCH),
            controls: Vec::with_capacity(SEND_BATCH),
        }
    }

    /// Sends messages out of `slab`, at most [`SEND_BATCH`], and says how many went; an error is about the first.
    pub(crate) fn send(&mut self, socket: &UdpSocket, slab: &[u8], messages: &[Message]) -> io::Result<usize> {
        let messages = &messages[..messages.len().min(SEND_BATCH)];
        self.headers.clear();
        self.iovecs.clear();
        self.addresses.clear();
        self.controls.clear();
        for message in messages {
            let bytes = &slab[message.start..message.start + message.len];
            let mut address = RawAddr::empty();
            let address_len = address.set(message.to);
            // The vectors have their full capacity from the start, so elements do not move while the loop runs.
            self.addresses.push(address);
            self.iovecs.push(libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            });
            self.controls.push([0; CONTROL / 8]);
            // SAFETY: zero is a valid value of this plain structure.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            let hdr = &mut header.msg_hdr;
            hdr.msg_name = self
                .addresses
                .last_mut()
                .map_or(ptr::null_mut(), |a| ptr::from_mut(a).cast());
            hdr.msg_namelen = address_len;
            hdr.msg_iov = self.iovecs.last_mut().map_or(ptr::null_mut(), ptr::from_mut);
            hdr.msg_iovlen = 1;
            if message.len > usize::from(message.segment)
                && let Some(control) = self.controls.last_mut()
            {
                set_segment(hdr, control, message.segment);
            }
            self.headers.push(header);
        }
        // SAFETY: every header points to an address, an iovec and maybe a control message in vectors that are not
        // touched until the call returns; the iovecs point into `slab`, which is borrowed and only read.
        check(unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        })
    }
}

/// Tells the kernel in a control message where to cut.
fn set_segment(header: &mut libc::msghdr, control: &mut [u64; CONTROL / 8], segment: u16) {
    header.msg_control = control.as_mut_ptr().cast();
    // SAFETY: the control buffer is aligned and as long as CMSG_SPACE of a u16 (24 bytes on 64-bit Linux, less on
    // 32-bit), so the first header and its data are within it.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as _;
        let first = libc::CMSG_FIRSTHDR(header);
        (*first).cmsg_level = libc::SOL_UDP;
        (*first).cmsg_type = libc::UDP_SEGMENT;
        (*first).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
        libc::CMSG_DATA(first).cast::<u16>().write_unaligned(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let bind = || UdpSocket::bind("127.0.0.1:0").expect("a socket");
        (bind(), bind())
    }

    #[test]
    fn segments_arrive_as_datagrams() {
        let (sender, receiver) = pair();
        let slab: Vec<u8> = (0..2_500_u32).map(|i| (i / 1_000) as u8).collect();
        let to = receiver.local_addr().expect("an address");
        let messages = [
            Message {
                to,
                start: 0,
                len: 2_500,
                segment: 1_000,
            },
            Message {
                to,
                start: 2_400,
                len: 100,
                segment: 100,
            },
        ];
        let sent = Outbox::new().send(&sender, &slab, &messages).expect("sent");
        assert_eq!(sent, 2);
        let waker = Waker::new().expect("a waker");
        let mut inbox = Inbox::new();
        let mut got = Vec::new();
        while got.len() < 4 {
            assert!(wait(&receiver, None, &waker, Duration::from_secs(5)).socket);
            for i in 0..inbox.receive(&receiver) {
                let (from, bytes) = inbox.datagram(i).expect("a datagram");
                assert_eq!(from, sender.local_addr().expect("an address"));
                got.push((bytes.len(), bytes[0]));
            }
        }
        assert_eq!(got, [(1_000, 0), (1_000, 1), (500, 2), (100, 2)]);
    }

    #[test]
    fn a_wake_up_is_seen_once() {
        let (socket, _) = pair();
        let waker = Waker::new().expect("a waker");
        waker.wake();
        waker.wake();
        assert!(wait(&socket, None, &waker, Duration::from_secs(5)).woken);
        waker.clear();
        let ready = wait(&socket, None, &waker, Duration::from_millis(1));
        assert!(!ready.woken && !ready.socket);
        waker.wake();
        assert!(wait(&socket, None, &waker, Duration::from_secs(5)).woken);
    }

    #[test]
    fn addresses_survive_the_kernels_form() {
        for text in ["192.0.2.7:65535", "[2001:db8::1]:1", "[::ffff:1.2.3.4]:80"] {
            let address: SocketAddr = text.parse().expect("an address");
            let mut raw = RawAddr::empty();
            raw.set(address);
            assert_eq!(raw.read(), Some(address));
        }
    }
}
