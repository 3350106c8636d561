//! What crosses between media workers, in batches: messages of [`forward::mesh`](relay_core::forward::mesh), and datagrams that the kernel
//! gave the wrong one. A worker that does not keep up loses some, as on a full link.

use std::{net::SocketAddr, sync::Arc};

use crossbeam_channel::{Receiver, Sender};
use relay_core::{
    forward::mesh::{Clock, Keyframe, Message, Nack, Packet, Wish},
    types::{SourceId, TransportId},
};

use super::{
    spread::{behind, link_to},
    sys::Waker,
};

/// Batches that wait at a worker; further ones are lost.
const WAITING: usize = 128;
/// Messages and datagrams of one batch.
const LARGEST: usize = 64;
/// Bytes of one batch that there is room for from the start: packets of an Ethernet link.
const ROOM: usize = LARGEST * 1_500;

/// What another worker sent.
#[derive(Debug)]
pub(super) enum Crossed<'a> {
    /// Of a room that both have, by this link.
    Message(TransportId, Message<'a>),
    /// For a transport of this worker, from there.
    Datagram(SocketAddr, &'a mut [u8]),
}

/// Some of it from one worker.
#[derive(Debug)]
pub(super) struct Batch {
    from: usize,
    items: Vec<Item>,
    /// Datagrams, and the packets' extensions and payloads, one after the other.
    bytes: Vec<u8>,
    /// What is asked for again.
    seqs: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Packet {
        source: SourceId,
        layer: u8,
        seq: u64,
        timestamp: u32,
        marker: bool,
        again: bool,
        exts: usize,
        payload: usize,
    },
    Clock(Clock),
    Wish(Wish),
    Nack {
        source: SourceId,
        layer: u8,
        count: usize,
    },
    Keyframe(Keyframe),
    Datagram {
        from: SocketAddr,
        len: usize,
    },
}

impl Batch {
    /// One that is full before it grows.
    fn new() -> Self {
        Self {
            from: 0,
            items: Vec::with_capacity(LARGEST),
            bytes: Vec::with_capacity(ROOM),
            seqs: Vec::with_capacity(LARGEST),
        }
    }

    fn push(&mut self, message: Message<'_>) {
        self.items.push(match message {
            Message::Packet(packet) => {
                self.bytes.extend_from_slice(packet.exts);
                self.bytes.extend_from_slice(packet.payload);
                Item::Packet {
                    source: packet.source,
                    layer: packet.layer,
                    seq: packet.seq,
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    again: packet.again,
                    exts: packet.exts.len(),
                    payload: packet.payload.len(),
                }
            }
            Message::Clock(clock) => Item::Clock(clock),
            Message::Wish(wish) => Item::Wish(wish),
            Message::Nack(nack) => {
                self.seqs.extend_from_slice(nack.seqs);
                Item::Nack {
                    source: nack.source,
                    layer: nack.layer,
                    count: nack.seqs.len(),
                }
            }
            Message::Keyframe(keyframe) => Item::Keyframe(keyframe),
        });
    }

    fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.seqs.clear();
    }

    /// The worker that it is from.
    pub(super) fn sender(&self) -> usize {
        self.from
    }

    /// Hands all of it to `take`, in order.
    pub(super) fn read(&mut self, mut take: impl FnMut(Crossed<'_>)) {
        let (mut bytes, mut seqs) = (self.bytes.as_mut_slice(), self.seqs.as_slice());
        let link = link_to(self.from);
        for item in &self.items {
            let message = match *item {
                Item::Datagram { from, len } => {
                    let (datagram, rest) = bytes.split_at_mut(len);
                    bytes = rest;
                    take(Crossed::Datagram(from, datagram));
                    continue;
                }
                Item::Packet {
                    source,
                    layer,
                    seq,
                    timestamp,
                    marker,
                    again,
                    exts,
                    payload,
                } => {
                    let (packet, rest) = bytes.split_at_mut(exts + payload);
                    bytes = rest;
                    let (exts, payload) = packet.split_at(exts);
                    Message::Packet(Packet {
                        source,
                        layer,
                        seq,
                        timestamp,
                        marker,
                        again,
                        exts,
                        payload,
                    })
                }
                Item::Clock(clock) => Message::Clock(clock),
                Item::Wish(wish) => Message::Wish(wish),
                Item::Nack { source, layer, count } => {
                    let (asked, rest) = seqs.split_at(count);
                    seqs = rest;
                    Message::Nack(Nack {
                        source,
                        layer,
                        seqs: asked,
                    })
                }
                Item::Keyframe(keyframe) => Message::Keyframe(keyframe),
            };
            take(Crossed::Message(link, message));
        }
    }
}

/// Where batches for a worker go.
#[derive(Debug, Clone)]
struct Way {
    inbox: Sender<Batch>,
    waker: Arc<Waker>,
}

/// One worker's end of all ways to the others.
#[derive(Debug)]
pub(super) struct Crossings {
    number: usize,
    inbox: Receiver<Batch>,
    ways: Vec<Way>,
    /// What is put together for each of the others.
    begun: Vec<Batch>,
    /// Empty batches of all workers, to be used again.
    spare: (Sender<Batch>, Receiver<Batch>),
    /// Messages for others.
    pub(super) crossed: u64,
    /// Messages and datagrams lost, as the other worker did not keep up.
    pub(super) lost: u64,
}

impl Crossings {
    /// The ends of the workers that these wake.
    pub(super) fn between(wakers: &[Arc<Waker>]) -> Vec<Self> {
        let (ways, inboxes): (Vec<Way>, Vec<Receiver<Batch>>) = wakers
            .iter()
            .map(|waker| {
                let (inbox, batches) = crossbeam_channel::bounded(WAITING);
                let waker = waker.clone();
                (Way { inbox, waker }, batches)
            })
            .unzip();
        let spare = crossbeam_channel::bounded(WAITING);
        // As many as one worker can be late by; the kernel gives memory only to as much of each as was ever used.
        let made = if wakers.len() > 1 { WAITING } else { 0 };
        for batch in std::iter::repeat_with(Batch::new).take(made) {
            let _ = spare.0.try_send(batch);
        }
        let ends = inboxes.into_iter().enumerate();
        ends.map(|(number, inbox)| Self {
            number,
            inbox,
            ways: ways.clone(),
            begun: ways.iter().map(|_| Batch::new()).collect(),
            spare: spare.clone(),
            crossed: 0,
            lost: 0,
        })
        .collect()
    }

    /// The worker whose end it is.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> usize {
        self.ways.len()
    }

    /// Takes a message for the worker that a link stands for.
    pub(super) fn push(&mut self, link: TransportId, message: Message<'_>) {
        let to = behind(link);
        if let Some(batch) = self.begun.get_mut(to) {
            batch.push(message);
            self.crossed += 1;
            self.flush_full(to);
        }
    }

    /// Takes a datagram for a transport of another worker.
    pub(super) fn pass(&mut self, to: usize, from: SocketAddr, datagram: &[u8]) {
        if let Some(batch) = self.begun.get_mut(to) {
            batch.bytes.extend_from_slice(datagram);
            batch.items.push(Item::Datagram {
                from,
                len: datagram.len(),
            });
            self.flush_full(to);
        }
    }

    fn flush_full(&mut self, to: usize) {
        if self.begun[to].items.len() >= LARGEST {
            self.hand_over(to);
        }
    }

    /// Sends what was taken on its way.
    pub(super) fn flush(&mut self) {
        for to in 0..self.begun.len() {
            if !self.begun[to].items.is_empty() {
                self.hand_over(to);
            }
        }
    }

    fn hand_over(&mut self, to: usize) {
        let next = self.spare.1.try_recv().unwrap_or_else(|_| Batch::new());
        let mut batch = std::mem::replace(&mut self.begun[to], next);
        batch.from = self.number;
        match self.ways[to].inbox.try_send(batch) {
            Ok(()) => self.ways[to].waker.wake(),
            Err(full) => {
                let batch = full.into_inner();
                self.lost += batch.items.len() as u64;
                self.put_by(batch);
            }
        }
    }

    /// Keeps a batch that was read, to be used again.
    pub(super) fn put_by(&self, mut batch: Batch) {
        batch.clear();
        // Where there are enough of them it is one too many.
        let _ = self.spare.0.try_send(batch);
    }

    /// What has come from other workers, the oldest first.
    pub(super) fn receive(&self) -> Option<Batch> {
        self.inbox.try_recv().ok()
    }
}
