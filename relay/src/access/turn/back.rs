//! The way back to a client of TURN: a stream, or UDP.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::UdpSocket;

use crate::access::outflow::{Outflow, Weight};

/// Longest message sent by UDP: a datagram of the media port, and what is around it.
const MAX_MESSAGE: usize = 2_048;

/// The way back to a client.
#[derive(Debug, Clone)]
pub(in crate::access) enum Back {
    /// Behind what waits for its stream.
    Stream(Arc<Outflow>),
    /// By a datagram to this address.
    Udp(Arc<UdpSocket>, SocketAddr),
}

impl Back {
    /// Sends head and body as one message, filled up to a multiple of four (as streams need it, and UDP allows); false
    /// when it is dropped. Does not wait.
    pub(super) fn send(&self, head: &[u8], body: &[u8], weight: Weight) -> bool {
        let len = head.len() + body.len();
        let padding = &[0; 3][..len.next_multiple_of(4) - len];
        match self {
            Self::Stream(outflow) => outflow.push(&[head, body, padding], weight),
            Self::Udp(socket, to) => {
                let mut message = [0; MAX_MESSAGE];
                let Some(room) = message.get_mut(..len + padding.len()) else {
                    return false;
                };
                room[..head.len()].copy_from_slice(head);
                room[head.len()..len].copy_from_slice(body);
                socket.try_send_to(room, *to).is_ok()
            }
        }
    }
}
