//! The way from the media workers to a client of TURN.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU16, Ordering},
};

use rtc::stun::message::TransactionId;

use crate::{
    access::{
        outflow::Weight,
        turn::{Back, message::data_indication},
    },
    engine::link::Sink,
};

/// What the media workers send to a client by TURN.
#[derive(Debug)]
pub(super) struct PeerSink {
    pub(super) back: Back,
    pub(super) peer: SocketAddr,
    /// The channel bound to the peer; 0 is none.
    pub(super) channel: AtomicU16,
    /// There is a permission: without one a channel stays bound, and carries nothing.
    pub(super) permitted: AtomicBool,
}

impl Sink for PeerSink {
    fn send(&self, datagram: &[u8]) -> bool {
        let Ok(len) = u16::try_from(datagram.len()) else {
            return false;
        };
        if !self.permitted.load(Ordering::Relaxed) {
            return false;
        }
        let weight = Weight::of(datagram);
        match self.channel.load(Ordering::Relaxed) {
            0 => {
                let head = data_indication(TransactionId::new(), self.peer, len);
                self.back.send(&head, datagram, weight)
            }
            channel => {
                let [c, l] = [channel.to_be_bytes(), len.to_be_bytes()];
                self.back.send(&[c[0], c[1], l[0], l[1]], datagram, weight)
            }
        }
    }
}
