//! Outgoing datagrams of one worker: laid out one after the other in a slab, sent in one batch.
//!
//! Neighbours of equal size to one address form a run, which the kernel cuts itself (UDP_SEGMENT): one walk through
//! its stack for many datagrams.

use std::{
    io::{self, ErrorKind},
    net::UdpSocket,
    sync::Arc,
    time::Duration,
};

use relay_core::intmap::IntMap;

use super::{
    link::{Link, LinkId, Path},
    sys::{self, Message, Outbox, SEND_BATCH},
};

/// Bytes of datagrams that wait at most; then they are sent.
const SLAB: usize = 1 << 20;
/// Datagrams that the kernel cuts out of one message at most.
const MAX_SEGMENTS: usize = 64;
/// Bytes of one message at most, with room for IP and UDP headers in 65,535.
const MAX_MESSAGE: usize = 65_000;
/// How long a full socket is waited for, once per batch, before the rest is dropped.
const FULL_WAIT: Duration = Duration::from_micros(500);

/// What was sent and what not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Datagrams given to the kernel.
    pub(crate) packets: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Messages given to the kernel; fewer than packets when it cut them itself.
    pub(crate) messages: u64,
    /// Datagrams dropped because the socket was full.
    pub(crate) full: u64,
    /// Datagrams dropped because the kernel refused them.
    pub(crate) refused: u64,
    /// Datagrams handed to links.
    pub(crate) linked: u64,
    /// Datagrams that links dropped, or that were for links which had closed.
    pub(crate) unlinked: u64,
}

/// The datagrams that wait for the next [`Egress::flush`].
#[derive(Debug)]
pub(crate) struct Egress {
    slab: Box<[u8]>,
    len: usize,
    messages: Vec<Message>,
    /// Whether the last message takes more segments: none is shorter than the first yet.
    open: bool,
    outbox: Outbox,
    /// Whether the kernel and the device cut messages themselves.
    segments: bool,
    links: IntMap<Arc<Link>, LinkId>,
    pub(crate) sent: Sent,
}

impl Egress {
    /// Nothing waits.
    pub(crate) fn new() -> Self {
        Self {
            slab: vec![0; SLAB].into(),
            len: 0,
            messages: Vec::with_capacity(SEND_BATCH),
            open: false,
            outbox: Outbox::new(),
            segments: true,
            links: IntMap::default(),
            sent: Sent::default(),
        }
    }

    /// Room for one datagram, to be given to [`Egress::commit`] once written. The batch goes out first if it is full.
    pub(crate) fn room(&mut self, socket: &UdpSocket, len: usize) -> &mut [u8] {
        if self.len + len > SLAB || self.messages.len() == SEND_BATCH {
            self.flush(socket);
        }
        &mut self.slab[self.len..self.len + len]
    }

    /// A link that datagrams may be for from now on.
    pub(crate) fn open(&mut self, link: Arc<Link>) {
        self.links.insert(link.id(), link);
    }

    /// The link is no more.
    pub(crate) fn close(&mut self, id: LinkId) {
        if let Some(link) = self.links.remove(&id) {
            link.close();
        }
    }

    /// An open link.
    pub(crate) fn link(&self, id: LinkId) -> Option<&Arc<Link>> {
        self.links.get(&id)
    }

    /// Adds the `len` bytes last written into [`Egress::room`] as a datagram to `to`; what is for a link goes at once.
    pub(crate) fn commit(&mut self, to: Path, len: usize) {
        let start = self.len;
        let to = match to {
            Path::Udp(address) => address,
            Path::Link(id) => {
                let datagram = &self.slab[start..start + len];
                if self.links.get(&id).is_some_and(|link| link.send(datagram)) {
                    self.sent.linked += 1;
                } else {
                    self.sent.unlinked += 1;
                }
                return;
            }
        };
        self.len += len;
        if self.open
            && self.segments
            && let Some(last) = self.messages.last_mut()
            && last.to == to
            && len <= usize::from(last.segment)
            && last.len + len <= MAX_MESSAGE
            && last.len / usize::from(last.segment) < MAX_SEGMENTS
        {
            last.len += len;
            self.open = len == usize::from(last.segment);
            return;
        }
        let Ok(segment) = u16::try_from(len) else {
            return;
        };
        self.messages.push(Message {
            to,
            start,
            len,
            segment,
        });
        self.open = len > 0;
    }

    /// Adds a whole datagram.
    pub(crate) fn push(&mut self, socket: &UdpSocket, to: Path, bytes: &[u8]) {
        self.room(socket, bytes.len()).copy_from_slice(bytes);
        self.commit(to, bytes.len());
    }

    /// Sends all that waits; what the socket does not take within half a millisecond is dropped, as a network would.
    pub(crate) fn flush(&mut self, socket: &UdpSocket) {
        let mut at = 0;
        let mut waited = false;
        while at < self.messages.len() {
            match self.outbox.send(socket, &self.slab, &self.messages[at..]) {
                Ok(sent) => {
                    for message in &self.messages[at..at + sent] {
                        self.sent.packets += datagrams(message);
                        self.sent.bytes += message.len as u64;
                        self.sent.messages += 1;
                    }
                    at += sent;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if waited {
                        self.sent.full += self.messages[at..].iter().map(datagrams).sum::<u64>();
                        break;
                    }
                    waited = true;
                    sys::wait_writable(socket, FULL_WAIT);
                }
                Err(error) => {
                    let refused = self.messages[at];
                    self.refused(socket, &refused, &error);
                    at += 1;
                }
            }
        }
        self.len = 0;
        self.messages.clear();
        self.open = false;
    }

    /// The kernel does not take this message. If it was a run, its datagrams may go one by one.
    fn refused(&mut self, socket: &UdpSocket, message: &Message, error: &io::Error) {
        if datagrams(message) == 1 {
            self.sent.refused += 1;
            return;
        }
        // EIO: the device cannot cut (no checksum offload); it will not learn it.
        if error.raw_os_error() == Some(libc::EIO) {
            self.segments = false;
        }
        let end = message.start + message.len;
        let mut start = message.start;
        while start < end {
            let len = usize::from(message.segment).min(end - start);
            let single = Message { start, len, ..*message };
            match self.outbox.send(socket, &self.slab, &[single]) {
                Ok(_) => {
                    self.sent.packets += 1;
                    self.sent.bytes += len as u64;
                    self.sent.messages += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.sent.full += 1,
                Err(_) => self.sent.refused += 1,
            }
            start += len;
        }
    }
}

fn datagrams(message: &Message) -> u64 {
    message.len.div_ceil(usize::from(message.segment).max(1)) as u64
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn equal_neighbours_form_runs_that_a_shorter_one_ends() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = |port| Path::Udp(SocketAddr::from(([127, 0, 0, 1], port)));
        let mut egress = Egress::new();
        for (port, len) in [(1, 100), (1, 100), (1, 60), (1, 60), (2, 60), (2, 61), (1, 60)] {
            egress.push(&socket, to(port), &vec![0; len]);
        }
        let runs: Vec<_> = egress
            .messages
            .iter()
            .map(|m| (m.to.port(), m.len, m.segment))
            .collect();
        assert_eq!(
            runs,
            [(1, 260, 100), (1, 60, 60), (2, 60, 60), (2, 61, 61), (1, 60, 60)]
        );
    }

    #[test]
    fn runs_and_the_slab_are_bounded_and_everything_is_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = Path::Udp(receiver.local_addr().expect("an address"));
        let mut egress = Egress::new();
        for _ in 0..3_000 {
            egress.push(&socket, to, &[7; 1_100]);
            assert!(egress.messages.iter().all(|m| m.len <= MAX_MESSAGE));
        }
        egress.flush(&socket);
        let sent = egress.sent;
        assert_eq!(sent.packets + sent.full + sent.refused, 3_000);
        assert!(sent.packets > 0 && sent.messages < sent.packets / 10);
    }

    #[test]
    fn datagrams_go_one_by_one_where_the_kernel_does_not_cut() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        sys::refuse_segments(&socket);
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = Path::Udp(receiver.local_addr().expect("an address"));
        let mut egress = Egress::new();
        for len in [900, 900, 900, 300, 40] {
            egress.push(&socket, to, &vec![1; len]);
        }
        egress.flush(&socket);
        assert_eq!((egress.sent.packets, egress.sent.refused), (5, 0));
        for len in [900, 900, 900, 300, 40] {
            let got = receiver.recv(&mut [0; 2_000]).expect("a datagram");
            assert_eq!(got, len);
        }
    }
}
