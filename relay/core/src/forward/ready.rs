//! Which transports have something to send, and when the first of them may.

use super::{clock::Micros, pacer::Queued, transport::Transport};

/// A packet of a picture waits so long at most for the rest of it: what leaves in one run costs far less than packets one
/// by one, and nobody decodes a part.
const PICTURE_WAIT: Micros = 1_000;

/// A list of keys of transports.
#[derive(Debug, Default)]
pub(super) struct Ready {
    keys: Vec<u32>,
    /// No transport of the list is due before.
    due: Micros,
}

impl Ready {
    /// When the first transport of the list is due, or a little earlier.
    pub(super) fn due(&self) -> Option<Micros> {
        (!self.keys.is_empty()).then_some(self.due)
    }

    /// Takes the list; those that stay on it are put back by [`Ready::keep`].
    pub(super) fn take(&mut self, spare: Vec<u32>) -> Vec<u32> {
        std::mem::replace(&mut self.keys, spare)
    }

    /// Puts a transport that was taken back on the list.
    pub(super) fn keep(&mut self, transport: &mut Transport, key: u32, due: Micros) {
        transport.ready = true;
        transport.due = due;
        self.due = if self.keys.is_empty() { due } else { self.due.min(due) };
        self.keys.push(key);
    }

    /// Forgets a transport.
    pub(super) fn forget(&mut self, key: u32) {
        self.keys.retain(|ready| *ready != key);
    }

    /// Puts a transport on the list, to be looked at now unless its pacer waits.
    pub(super) fn mark(&mut self, transport: &mut Transport, key: u32) {
        if !transport.ready {
            transport.held = false;
            self.keep(transport, key, 0);
        } else if transport.held {
            self.hasten(transport);
        }
    }

    /// Puts a transport on the list, to be looked at now.
    pub(super) fn mark_urgent(&mut self, transport: &mut Transport, key: u32) {
        self.mark(transport, key);
        self.hasten(transport);
    }

    /// Queues sound, which goes at once.
    pub(super) fn queue_audio(&mut self, transport: &mut Transport, key: u32, packet: Queued) {
        transport.pacer.audio.push_back(packet);
        self.mark_urgent(transport, key);
    }

    /// Queues a packet of a picture; `unfinished` says that more of the picture should come any moment.
    pub(super) fn queue_video(
        &mut self,
        transport: &mut Transport,
        key: u32,
        packet: Queued,
        now: Micros,
        unfinished: bool,
    ) {
        transport.pacer.push_video(packet);
        if !unfinished {
            self.mark(transport, key);
        } else if !transport.ready {
            transport.held = true;
            self.keep(transport, key, now + PICTURE_WAIT);
        }
    }

    fn hasten(&mut self, transport: &mut Transport) {
        transport.due = 0;
        self.due = 0;
    }
}
