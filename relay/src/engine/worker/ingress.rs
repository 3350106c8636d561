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
        self.counts.packets_in += 1;
        self.counts.bytes_in += bytes.len() as u64;
        match bytes {
            [0..=3, ..] => self.handle_stun(now, from, bytes, via),
            [20..=63 | 128..=191, ..] => match self.agents.owner(from) {
                Some(id) if bytes[0] < 64 => self.handle_dtls(now, id, bytes),
                Some(id) => self.handle_media(now, id, bytes),
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
        if self.parts.transports.len() >= MAX_LAG {
            self.counts.dropped_lagging += 1;
            return;
        }
        self.to_transports(TransportInput::Datagram(id, now, bytes.into()));
    }

    fn to_transports(&self, input: TransportInput) {
        // It fails only when the thread has ended with the engine.
        let _ = self.parts.transports.send(input);
    }

    fn handle_media(&mut self, now: Instant, id: TransportId, bytes: &mut [u8]) {
        let Some(context) = self.contexts.context(id) else {
            self.counts.strangers += 1;
            return;
        };
        let is_rtcp = is_rtcp(bytes);
        match open(&mut context.opener, bytes) {
            Ok(packet) if is_rtcp => self.shard.handle_rtcp(now, id, packet),
            Ok(packet) => self.shard.handle_rtp(now, id, packet),
            Err(SrtpError::Replayed) => self.counts.replayed += 1,
            Err(SrtpError::Malformed) => self.counts.garbage += 1,
            Err(SrtpError::Forged | SrtpError::Exhausted) => self.counts.forged += 1,
        }
    }

    /// Nobody here proved this path; another worker may know it. Links are with the right worker from the start.
    fn hand_over(&mut self, now: Instant, from: Path, bytes: &[u8], via: Option<usize>) {
        let Path::Udp(address) = from else {
            self.counts.strangers += 1;
            return;
        };
        match self.parts.routes.by_address(address) {
            Some(worker) if via.is_none() => self.pass(worker, from, bytes),
            _ if bytes[0] >= 128 && self.strays.take(now) => self.handle_stray(now, address, bytes, via),
            _ => self.counts.strangers += 1,
        }
    }

    /// Looks whether one of our clients sends from another address, as behind a NAT that rebinds: its next check may be
    /// seconds away, and until then nothing would reach it. What it sends is as hard to forge as a check is.
    fn handle_stray(&mut self, now: Instant, from: SocketAddr, bytes: &[u8], via: Option<usize>) {
        let is_rtcp = is_rtcp(bytes);
        // What fails to open is no longer what it was.
        let mut copy = Vec::new();
        let agents = &self.agents;
        let found = self.contexts.iter_mut().find_map(|context| {
            if !agents.may_move(context.id) || !context.opener.may_follow(bytes, is_rtcp) {
                return None;
            }
            copy.clear();
            copy.extend_from_slice(bytes);
            let opened = open(&mut context.opener, &mut copy).ok()?.len();
            Some((context.id, opened))
        });
        let Some((id, len)) = found else {
            match via {
                None => self.pass_around(from, bytes),
                Some(_) => self.counts.strangers += 1,
            }
            return;
        };
        self.counts.followed += 1;
        self.agents.follow(id, Path::Udp(from));
        if let Some(via) = via {
            self.parts.routes.teach(via, from);
        }
        self.to_transports(TransportInput::Selected(id, Way::Udp(from)));
        match is_rtcp {
            true => self.shard.handle_rtcp(now, id, &copy[..len]),
            false => self.shard.handle_rtp(now, id, &copy[..len]),
        }
    }

    /// To all other workers.
    fn pass_around(&mut self, from: SocketAddr, bytes: &[u8]) {
        let (me, workers) = (self.parts.crossings.number(), self.parts.crossings.workers());
        if workers == 1 {
            self.counts.strangers += 1;
        }
        for worker in (0..workers).filter(|worker| *worker != me) {
            self.parts.crossings.pass(worker, from, bytes);
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
