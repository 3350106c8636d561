//! Opening ports: for both families of addresses where the system has them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::AsFd,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;

/// Makes a socket for `address` that blocks nobody, and says what to bind it to. `[::]` takes IPv4 as well, and is `0.0.0.0` on a
/// system without IPv6.
pub(crate) fn socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<(Socket, SocketAddr)> {
    let make = |address| {
        Socket::new(
            Domain::for_address(address),
            kind.nonblocking().cloexec(),
            Some(protocol),
        )
    };
    match make(address) {
        Ok(socket) => {
            if address.is_ipv6() {
                socket.set_only_v6(false)?;
            }
            Ok((socket, address))
        }
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) && address.ip().is_unspecified() => {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            Ok((make(address)?, address))
        }
        Err(error) => Err(error),
    }
}

/// Opens a TCP port.
pub(crate) fn listen(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let (socket, address) = socket(address, Type::STREAM, Protocol::TCP)?;
    // A port may be taken again while connections of a relay before this one still end.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    tokio::net::TcpListener::from_std(socket.into())
}

/// Sets a connection up for signalling, or a port for all that come to it: few and small messages, which must not wait for each other, nor long for an answer.
pub(crate) fn for_signalling(socket: &impl AsFd) {
    let socket = SockRef::from(socket);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_thin_linear_timeouts(true);
    crate::engine::resend_soon(&*socket);
}

/// Opens a UDP port, with buffers of as many bytes as asked for, or as the system allows.
pub(crate) fn bind_udp(address: SocketAddr, buffer: usize) -> io::Result<tokio::net::UdpSocket> {
    let (socket, address) = socket(address, Type::DGRAM, Protocol::UDP)?;
    let _ = socket.set_recv_buffer_size(buffer);
    let _ = socket.set_send_buffer_size(buffer);
    socket.bind(&address.into())?;
    tokio::net::UdpSocket::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpStream, UdpSocket};

    use super::*;

    fn any() -> SocketAddr {
        "[::]:0".parse().expect("an address")
    }

    #[tokio::test]
    async fn one_port_takes_both_families() {
        let tcp = listen(any()).expect("a port");
        let udp = bind_udp(any(), 1 << 16).expect("a port");
        let port = |address: io::Result<SocketAddr>| address.expect("an address").port();
        for local in ["127.0.0.1", "::1"] {
            let local: IpAddr = local.parse().expect("an address");
            TcpStream::connect((local, port(tcp.local_addr())))
                .await
                .expect("connected");
            let (_, from) = tcp.accept().await.expect("a connection");
            assert_eq!(from.ip().to_canonical(), local);
            let client = UdpSocket::bind((local, 0)).await.expect("a port");
            client
                .send_to(b"x", (local, port(udp.local_addr())))
                .await
                .expect("sent");
            let (_, from) = udp.recv_from(&mut [0; 1]).await.expect("a datagram");
            assert_eq!(from.ip().to_canonical(), local);
        }
    }
}
