//! What a datagram is (RFC 7983), and who takes it.

use std::{net::SocketAddr, time::Instant};

use relay_core::types::TransportId;

use super::Worker;
use crate::{
    engine::{
        ice::Verdict,
        link::{Path, Way},
        srtp::{Opener, SrtpError},
        stun::{MAX_ANSWER, Request},
    },
    transport::TransportInput,
};

/// DTLS datagrams that may wait for the transport thread.
const MAX_LAG: usize = 8_192;

impl Worker {
    /// Takes one datagram, received here or (`via`) by another worker.
    pub(super) fn handle_datagram(&mut self, now: Instant, from: Path, bytes: &mut [u8], via: Option<usize>) {
        if via.is_none() {
            self.counts.packets_in += 1;
            self.counts.bytes_in += bytes.len() as u64;
        }
        match bytes {
            [0..=3, ..] => self.handle_stun(now, from, bytes, via),
            [20..=63 | 128..=191, ..] => match self.agents.owner(from) {
                Some(owner) if bytes[0] < 64 => self.handle_dtls(now, owner.id, bytes),
                Some(owner) if owner.left => self.handle_media_left(now, owner.id, from, bytes),
                Some(owner) => {
                    self.handle_media(now, owner.id, bytes);
                }
                None => self.hand_over(now, from, bytes, via),
            },
            _ => self.counts.garbage += 1,
        }
    }

    fn handle_stun(&mut self, now: Instant, from: Path, bytes: &[u8], via: Option<usize>) {
        let Some(way) = self.way(from) else {
            return;
        };
        let Some(request) = Request::parse(bytes) else {
            self.counts.garbage += 1;
            return;
        };
        let mut answer = [0; MAX_ANSWER];
        let mut back = None;
        let verdict = self
            .agents
            .handle_request(now, (from, way.address()), &request, &mut answer, &mut back);
        match verdict {
            Verdict::Answer { len, of, moved } => {
                self.counts.checks_answered += 1;
                self.egress.push(&self.parts.socket, from, &answer[..len]);
                if let Some(id) = of {
                    way.prove();
                    if let (Some(via), Path::Udp(from)) = (via, from) {
                        self.parts.routes.teach(via, from);
                    }
                    if moved {
                        self.to_transports(TransportInput::Selected(id, way));
                    }
                }
            }
            Verdict::Unknown => match request.local_ufrag.and_then(|ufrag| self.parts.routes.by_ufrag(ufrag)) {
                Some(worker) if via.is_none() => self.pass(worker, from, bytes),
                _ => self.counts.checks_refused += 1,
            },
            Verdict::Refused => self.counts.checks_refused += 1,
        }
        if let Some(life) = back {
            self.report_life(life);
        }
    }

    /// The way to where something came from; none once its link is closed.
    fn way(&self, from: Path) -> Option<Way> {
        match from {
            Path::Udp(address) => Some(Way::Udp(address)),
            Path::Link(id) => self.egress.link(id).cloned().map(Way::Link),
        }
    }

    fn handle_dtls(&mut self, now: Instant, id: TransportId, bytes: &[u8]) {
        if !self.agents.may_burden(now, id) || self.parts.transports.len() >= MAX_LAG {
            self.counts.dropped_lagging += 1;
            return;
        }
        self.to_transports(TransportInput::Datagram(id, now, bytes.into()));
    }

    fn to_transports(&self, input: TransportInput) {
        // It fails only when the thread has ended with the engine.
        let _ = self.parts.transports.send(input);
    }

    /// Whether it opened.
    pub(super) fn handle_media(&mut self, now: Instant, id: TransportId, bytes: &mut [u8]) -> bool {
        let Some(context) = self.contexts.context(id) else {
            // A report tells of the time at which it comes.
            match !is_rtcp(bytes) && self.early.keep(now, id, bytes) {
                true => self.counts.early += 1,
                false => self.counts.dropped_early += 1,
            }
            return false;
        };
        let is_rtcp = is_rtcp(bytes);
        let opened = open(&mut context.opener, bytes);
        let is_open = opened.is_ok();
        context.heard |= is_open;
        match opened {
            Ok(packet) if is_rtcp => self.shard.handle_rtcp(now, id, packet),
            Ok(packet) => self.shard.handle_rtp(now, id, packet),
            Err(SrtpError::Replayed) => self.counts.replayed += 1,
            Err(SrtpError::Malformed) => self.counts.garbage += 1,
            Err(SrtpError::Forged | SrtpError::Exhausted) => self.counts.forged += 1,
        }
        is_open
    }

    /// Takes media from where its sender was followed from, and follows it back when it speaks there again.
    fn handle_media_left(&mut self, now: Instant, id: TransportId, from: Path, bytes: &mut [u8]) {
        let context = self.contexts.context(id);
        let newest = context.is_some_and(|context| context.opener.may_follow(bytes, is_rtcp(bytes)));
        if self.handle_media(now, id, bytes) && newest && self.agents.may_move(now, id) {
            self.follow(now, id, from);
        }
    }

    fn follow(&mut self, now: Instant, id: TransportId, to: Path) {
        self.counts.followed += 1;
        self.agents.follow(now, id, to);
        if let Some(way) = self.way(to) {
            self.to_transports(TransportInput::Selected(id, way));
        }
    }

    /// Nobody here proved this path; another worker may know it. Links are with the right worker from the start.
    fn hand_over(&mut self, now: Instant, from: Path, bytes: &[u8], via: Option<usize>) {
        let Path::Udp(address) = from else {
            self.counts.strangers += 1;
            return;
        };
        let is_media = bytes[0] >= 128;
        match (via, self.parts.routes.by_address(address)) {
            (None, Some(worker)) => self.pass(worker, from, bytes),
            (None, None) => {
                let looks = is_media && self.strays.take(now, address);
                if looks && self.handle_stray(now, address, bytes) {
                    return;
                }
                self.counts.strangers += 1;
                if looks {
                    self.pass_around(from, bytes);
                }
            }
            (Some(via), _) => {
                let looks = is_media && self.passed_strays.take(now, address);
                match looks && self.handle_stray(now, address, bytes) {
                    true => self.parts.routes.teach(via, address),
                    // It may have learnt so when the address was another client's.
                    false => self.parts.routes.unteach(via, address),
                }
            }
        }
    }

    /// Looks whether one of our clients sends from another address, as behind a NAT that rebinds: its next check may be
    /// seconds away, and until then nothing would reach it. What it sends is as hard to forge as a check is.
    fn handle_stray(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> bool {
        let is_rtcp = is_rtcp(bytes);
        // What fails to open is no longer what it was.
        let mut copy = Vec::new();
        let agents = &self.agents;
        let found = self.contexts.iter_mut().find_map(|context| {
            if !agents.may_move(now, context.id) || !context.opener.may_follow(bytes, is_rtcp) {
                return None;
            }
            copy.clear();
            copy.extend_from_slice(bytes);
            let opened = open(&mut context.opener, &mut copy).ok()?.len();
            Some((context.id, opened))
        });
        let Some((id, len)) = found else {
            return false;
        };
        self.follow(now, id, Path::Udp(from));
        match is_rtcp {
            true => self.shard.handle_rtcp(now, id, &copy[..len]),
            false => self.shard.handle_rtp(now, id, &copy[..len]),
        }
        true
    }

    /// To all other workers.
    fn pass_around(&mut self, from: Path, bytes: &[u8]) {
        let me = self.parts.crossings.number();
        for worker in (0..self.parts.crossings.workers()).filter(|worker| *worker != me) {
            self.pass(worker, from, bytes);
        }
    }

    fn pass(&mut self, worker: usize, from: Path, bytes: &[u8]) {
        if let Path::Udp(from) = from {
            self.parts.crossings.pass(worker, from, bytes);
        }
    }
}

/// RFC 5761 §4: payload types 64 to 95 with the marker bit are RTCP packet types.
fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.len() >= 2 && (192..=223).contains(&bytes[1])
}

fn open<'a>(opener: &mut Opener, bytes: &'a mut [u8]) -> Result<&'a [u8], SrtpError> {
    match is_rtcp(bytes) {
        true => opener.open_rtcp(bytes),
        false => opener.open_rtp(bytes),
    }
}
