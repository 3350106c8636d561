//! A UDP port that answers plain STUN Binding requests, so that clients ask no public server for their address.
//!
//! It is not the media port: browsers take whatever comes from the address of a STUN server for its answers, and would
//! then never hear an answer to a connectivity check from there.

use std::{io, net::SocketAddr};

use tokio::net::UdpSocket;

use crate::engine::stun::{MAX_ANSWER, Request, write_success};

/// Answers until the relay ends.
pub(crate) async fn answer(socket: UdpSocket) {
    let mut datagram = [0; 1024];
    loop {
        match socket.recv_from(&mut datagram).await {
            Ok((length, from)) => {
                if let Some(request) = Request::parse(&datagram[..length]).filter(Request::is_anonymous) {
                    let mut answer = [0; MAX_ANSWER];
                    let length = write_success(&mut answer, &request.id, from, None);
                    // A lost answer is asked for again.
                    let _ = socket.try_send_to(&answer[..length], from);
                }
            }
            // An answer that went nowhere comes back as an error of the next receive.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => {
                tracing::warn!(%error, "STUN port");
                return;
            }
        }
    }
}

/// Opens the port.
pub(crate) async fn open(address: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind(address).await?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_plain_request_is_answered_and_garbage_is_not() {
        let (socket, address) = open(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        tokio::spawn(answer(socket));
        let client = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        client.send_to(b"garbage", address).await.expect("sent");
        let request = [
            0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
        ];
        client.send_to(&request, address).await.expect("sent");
        let mut answer = [0; 100];
        let received = tokio::time::timeout(Duration::from_secs(5), client.recv_from(&mut answer)).await;
        let (length, _) = received.expect("in time").expect("an answer");
        assert_eq!((&answer[..2], length), (&[1, 1][..], 32));
        assert_eq!(answer[8..20], request[8..]);
    }
}
