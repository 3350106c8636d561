//! The way out for a shard's packets: sealed with the key of their transport, straight into the slab.

use std::net::UdpSocket;

use relay_core::{
    forward::{Outgoing, Transmit, mesh},
    intmap::IntMap,
    types::TransportId,
};

use super::{
    crossing::Crossings,
    egress::Egress,
    ice::Agents,
    link::Path,
    srtp::{Opener, Profile, Sealer},
    sys,
};

/// Longest packet that is sent; a longer one would not fit the path anyway.
const MAX_PACKET: usize = 1_500;

/// Both directions of SRTP of one transport.
#[derive(Debug)]
pub(super) struct Crypto {
    pub(super) id: TransportId,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
    /// Whether something opened since this was last looked at.
    pub(super) heard: bool,
}

/// The SRTP contexts of one worker.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    slots: IntMap<usize, TransportId>,
    contexts: Vec<Crypto>,
}

impl Contexts {
    /// Adds the contexts of a transport. There is one sealer per transport for good: a second one is refused.
    pub(super) fn insert(&mut self, id: TransportId, sealer: Sealer, opener: Opener) {
        if self.slots.contains_key(&id) {
            return;
        }
        self.slots.insert(id, self.contexts.len());
        self.contexts.push(Crypto {
            id,
            sealer,
            opener,
            heard: false,
        });
    }

    pub(super) fn remove(&mut self, id: TransportId) {
        let Some(slot) = self.slots.remove(&id) else {
            return;
        };
        self.contexts.swap_remove(slot);
        if let Some(moved) = self.contexts.get(slot) {
            self.slots.insert(moved.id, slot);
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Crypto> {
        self.contexts.iter_mut()
    }

    /// Prefetches what sealing for a transport will use.
    fn prefetch_sealer(&self, id: TransportId) {
        if let Some(context) = self.slots.get(&id).and_then(|slot| self.contexts.get(*slot)) {
            context.sealer.prefetch();
        }
    }

    pub(super) fn context(&mut self, id: TransportId) -> Option<&mut Crypto> {
        let slot = *self.slots.get(&id)?;
        self.contexts.get_mut(slot)
    }
}

/// What could not be sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unsent {
    /// The transport has no key yet, or has fallen silent.
    pub(super) closed: u64,
    /// The index was used before, or the packet is too long: a defect of ours.
    pub(super) unsealed: u64,
}

/// A [`Transmit`] over the sockets of one worker, for one turn of its loop.
pub(super) struct Outlet<'a> {
    contexts: &'a mut Contexts,
    agents: &'a Agents,
    egress: &'a mut Egress,
    socket: &'a UdpSocket,
    unsent: &'a mut Unsent,
    crossings: &'a mut Crossings,
    /// The transport of the last packet, and where its packets go: packets come in runs.
    current: Option<(TransportId, Option<(usize, Path)>)>,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(
        contexts: &'a mut Contexts,
        agents: &'a Agents,
        egress: &'a mut Egress,
        socket: &'a UdpSocket,
        unsent: &'a mut Unsent,
        crossings: &'a mut Crossings,
    ) -> Self {
        Self {
            contexts,
            agents,
            egress,
            socket,
            unsent,
            crossings,
            current: None,
        }
    }

    /// Slot of the transport's context and its path.
    fn way(&mut self, to: TransportId) -> Option<(usize, Path)> {
        if let Some((id, way)) = self.current
            && id == to
        {
            return way;
        }
        let way = self.contexts.slots.get(&to).copied().zip(self.agents.destination(to));
        self.current = Some((to, way));
        way
    }

    /// Lays the parts out with room for what sealing adds, seals, and queues the datagram.
    fn seal(
        &mut self,
        to: TransportId,
        parts: [&[u8]; 3],
        overhead: impl FnOnce(Profile) -> usize,
        seal: impl FnOnce(&mut Sealer, &mut [u8]) -> bool,
    ) {
        let Some((slot, path)) = self.way(to) else {
            self.unsent.closed += 1;
            return;
        };
        let Some(context) = self.contexts.contexts.get_mut(slot) else {
            self.unsent.unsealed += 1;
            return;
        };
        let len = parts.iter().map(|part| part.len()).sum::<usize>() + overhead(context.sealer.profile());
        if len > MAX_PACKET {
            self.unsent.unsealed += 1;
            return;
        }
        let packet = self.egress.room(self.socket, len);
        let mut at = 0;
        for part in parts {
            packet[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        if seal(&mut context.sealer, packet) {
            self.egress.commit(path, len);
        } else {
            self.unsent.unsealed += 1;
        }
    }
}

impl Transmit for Outlet<'_> {
    fn rtp(&mut self, packet: Outgoing<'_>) {
        let header = packet.header.len();
        let parts = [packet.header, packet.payload[0], packet.payload[1]];
        self.seal(packet.to, parts, Profile::rtp_overhead, |sealer, bytes| {
            let sealed = sealer.seal_rtp(bytes, header, packet.index);
            debug_assert!(sealed.is_ok(), "sealing for {}: {sealed:?}", packet.to);
            sealed.is_ok()
        });
    }

    fn rtcp(&mut self, to: TransportId, compound: &[u8]) {
        self.seal(to, [compound, &[], &[]], Profile::rtcp_overhead, |sealer, bytes| {
            sealer.seal_rtcp(bytes).is_ok()
        });
    }

    fn prefetch<T: ?Sized>(&self, soon: &T) {
        sys::prefetch(soon);
    }

    fn prefetch_transport(&self, to: TransportId) {
        self.contexts.prefetch_sealer(to);
        self.agents.prefetch(to);
    }

    fn mesh(&mut self, link: TransportId, message: mesh::Message<'_>) {
        self.crossings.push(link, message);
    }
}
