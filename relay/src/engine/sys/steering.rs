//! Which of the sockets on one port a datagram goes to: a classic BPF program that the kernel runs for each.
//!
//! SRTCP goes to sockets of its own, so that a worker need not wake for every report of every subscriber. With several
//! workers the sender's port decides which one's, so that a flow stays with one of them.

use std::{io, mem::size_of_val, net::UdpSocket, os::fd::AsRawFd};

use libc::{
    BPF_ABS, BPF_ADD, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IMM, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD,
    BPF_LDX, BPF_MEM, BPF_MOD, BPF_RET, BPF_ST, BPF_X, sock_filter,
};

use super::check;

/// Where the network header begins for a load (`SKF_NET_OFF`); without it, loads begin at the UDP payload.
const NETWORK: u32 = 0xfff0_0000;
/// Bytes of an IPv4 header without options, and of an IPv6 header without extensions: the sender's port is next.
const IPV4: u32 = 20;
const IPV6: u32 = 40;
/// For [`BPF_RET`]: answer the accumulator (`BPF_A`, which the crate lacks).
const ACCUMULATOR: u32 = 0x10;

/// Steers what arrives at the port of `sockets`, bound in this order: first the workers' sockets, then as many for SRTCP.
///
/// # Errors
/// When the kernel does not take the program.
pub(crate) fn steer(sockets: &[UdpSocket]) -> io::Result<()> {
    let workers = u32::try_from(sockets.len() / 2).unwrap_or(1);
    let mut program = program(workers);
    let program = libc::sock_fprog {
        len: program.len() as libc::c_ushort,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the value is a program whose instructions outlive the call; the kernel copies and checks them.
    let result = unsafe {
        libc::setsockopt(
            sockets[0].as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    check(result).map(drop)
}

/// RFC 7983: the first byte 128 to 191 is SRTP or SRTCP; RFC 5761 §4: a second byte of 192 to 223 is SRTCP. A load
/// behind the datagram's end ends the program with 0.
fn program(workers: u32) -> [sock_filter; 20] {
    let jump = |test: u32, k, jt, jf| sock_filter {
        code: (BPF_JMP | test | BPF_K) as u16,
        jt,
        jf,
        k,
    };
    let op = |code: u32, k| sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    [
        // The first of the sockets that come into question is kept in memory.
        op(BPF_LD | BPF_IMM, 0),
        op(BPF_ST, 0),
        op(BPF_LD | BPF_B | BPF_ABS, 0),
        jump(BPF_JGE, 192, 6, 0),
        jump(BPF_JGE, 128, 0, 5),
        op(BPF_LD | BPF_B | BPF_ABS, 1),
        jump(BPF_JGE, 224, 3, 0),
        jump(BPF_JGE, 192, 0, 2),
        op(BPF_LD | BPF_IMM, workers),
        op(BPF_ST, 0),
        // The sender's port chooses among them.
        op(BPF_LD | BPF_B | BPF_ABS, NETWORK),
        op(BPF_ALU | BPF_AND | BPF_K, 0xf0),
        jump(BPF_JEQ, 0x60, 0, 2),
        op(BPF_LD | BPF_H | BPF_ABS, NETWORK + IPV6),
        jump(BPF_JA, 1, 0, 0),
        op(BPF_LD | BPF_H | BPF_ABS, NETWORK + IPV4),
        op(BPF_ALU | BPF_MOD | BPF_K, workers),
        op(BPF_LDX | BPF_MEM, 0),
        op(BPF_ALU | BPF_ADD | BPF_X, 0),
        op(BPF_RET | ACCUMULATOR, 0),
    ]
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use socket2::{Domain, Protocol, Socket, Type};

    use super::*;

    /// The socket of `sockets` at which `datagram` from `sender` arrives.
    fn taker(sockets: &[UdpSocket], sender: &UdpSocket, datagram: &[u8]) -> usize {
        let to = sockets[0].local_addr().expect("an address");
        sender.send_to(datagram, to).expect("sent");
        // On loopback a datagram has arrived when `send_to` returns.
        let mut takers = (0..sockets.len()).filter(|i| sockets[*i].recv(&mut [0; 64]).is_ok());
        let taker = takers.next().expect("it arrived");
        assert_eq!(takers.next(), None);
        taker
    }

    fn sockets(at: &str, count: usize) -> Vec<UdpSocket> {
        let mut address: SocketAddr = at.parse().expect("an address");
        let mut sockets = Vec::new();
        for _ in 0..count {
            let domain = Domain::for_address(address);
            let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP)).expect("a socket");
            socket.set_reuse_port(true).expect("an option of every UDP socket");
            socket.bind(&address.into()).expect("bound");
            let socket = UdpSocket::from(socket);
            address = socket.local_addr().expect("an address");
            sockets.push(socket);
        }
        steer(&sockets).expect("a program that the kernel takes");
        sockets
    }

    const SRTCP: [&[u8]; 3] = [&[0x80, 192], &[0x81, 201, 0, 7], &[0xbf, 223, 1]];
    const OTHERS: [&[u8]; 8] = [
        &[0, 1, 0, 0],
        &[22, 254, 253],
        &[0x80, 111, 0, 1],
        &[0x90, 224, 0, 1],
        &[0x7f, 200],
        &[0xc0, 200],
        &[0x80],
        &[],
    ];

    #[test]
    fn srtcp_arrives_at_a_socket_of_its_own() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let sockets = sockets(address, 2);
            let sender = UdpSocket::bind(address).expect("a socket");
            for datagram in SRTCP {
                assert_eq!(taker(&sockets, &sender, datagram), 1, "{datagram:?}");
            }
            for datagram in OTHERS {
                assert_eq!(taker(&sockets, &sender, datagram), 0, "{datagram:?}");
            }
        }
    }

    #[test]
    fn a_flow_stays_with_one_worker_and_flows_spread() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let sockets = sockets(address, 6);
            let mut used = [false; 3];
            for _ in 0..30 {
                let sender = UdpSocket::bind(address).expect("a socket");
                let worker = taker(&sockets, &sender, OTHERS[0]);
                assert_eq!(taker(&sockets, &sender, OTHERS[2]), worker);
                assert_eq!(taker(&sockets, &sender, SRTCP[1]), worker + 3);
                used[worker] = true;
            }
            assert_eq!(used, [true; 3]);
        }
    }
}
