//! What of a client's SCTP goes to the library.
//!
//! The library slices by some lengths that it has not checked, looks for the next chunk where it thinks the last one ended, and
//! works once per TSN and per chunk kept, however small they are. So packets are walked here first. One that would stop the library,
//! lead it to read chunks where there are none, or cost far more than its bytes is dropped as if it were lost: whoever means well sends
//! it again when there is room.

use std::collections::BTreeSet;

const PACKET_HEADER: usize = 12;
const CHUNK_HEADER: usize = 4;
/// What follows a chunk's header in DATA, before the payload.
const DATA_HEADER: usize = 12;

// Types of chunks (RFC 9260 §3.2, RFC 6525 §3.1, RFC 3758 §3.2).
const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const SACK: u8 = 3;
const HEARTBEAT: u8 = 4;
const ABORT: u8 = 6;
const SHUTDOWN: u8 = 7;
const SHUTDOWN_ACK: u8 = 8;
const ERROR: u8 = 9;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;
const SHUTDOWN_COMPLETE: u8 = 14;
const RECONFIG: u8 = 130;
const FORWARD_TSN: u8 = 192;

// Types of parameters (RFC 9260 §3.3, RFC 4895 §3.3, RFC 5061 §4.2.7, RFC 3758 §3.1, RFC 6525 §4).
const RESET_REQUEST: u16 = 13;
const RECONFIG_RESPONSE: u16 = 16;
const HMAC_ALGORITHMS: u16 = 0x8004;
const SUPPORTED_EXTENSIONS: u16 = 0x8008;
const FORWARD_TSN_SUPPORTED: u16 = 0xc000;

/// Chunks in one packet that are not DATA: a sender bundles one of each kind at most.
const MAX_CONTROL: usize = 6;
/// DATA that waits to be read, or for what is missing before it: three times the window that the client is told, since a chunk
/// takes more than its payload.
const MAX_HELD: usize = 3 * 1024 * 1024;
/// What a chunk takes beside its payload.
const CHUNK: usize = 768;
/// How far beyond the last TSN that we acknowledged DATA may be.
const MAX_AHEAD: u64 = 4_096;
/// How far FORWARD-TSN may move that TSN. What a client gave up, dropped here or not, counts.
const MAX_FORWARD: u64 = 1 << 16;
/// Requests to reset streams that wait for DATA before them. RFC 6525 §5.1.1 allows a sender one.
const MAX_RESETS: usize = 4;
/// Requests of ours to reset streams that the client has not answered.
const MAX_UNANSWERED: usize = 128;
/// The window of which we tell when nothing is held: the library's default.
const WINDOW: u32 = 1024 * 1024;

/// One client's packets, as far as they decide about the next ones. TSNs are counted on beyond 32 bits.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    /// The tag that the client's packets carry, once we have told it.
    tag: u32,
    /// The TSN up to which the library has all, as last acknowledged; none until the client has told of its first.
    acked: Option<u64>,
    /// The client gave up what is missing up to here.
    forwarded: u64,
    /// TSNs of DATA beyond [`Guard::acked`].
    seen: BTreeSet<u64>,
    /// What chunks take that came and were not read.
    held: usize,
    /// The client uses FORWARD-TSN: the library heeds it then only.
    forwards: bool,
    /// Requests to reset streams: their number, and the TSN that they wait for.
    resets: Vec<(u32, u64)>,
    /// Numbers of our own requests that are not answered.
    unanswered: BTreeSet<u32>,
}

impl Guard {
    /// Whether the library may have this packet. `unread` says that messages wait in the library.
    pub(super) fn admit(&mut self, packet: &[u8], unread: bool) -> bool {
        // The library drops what has another tag or checksum: nothing may be learned from it.
        let tag = if init_tag(packet).is_some() { 0 } else { self.tag };
        if !is_sound(packet) || be32(packet, 4) != Some(tag) || !is_intact(packet) {
            return false;
        }
        let acked = self.acked;
        self.resets
            .retain(|(_, last)| unread || acked.is_none_or(|acked| *last > acked));
        // All of a packet or nothing: what is dropped leaves no trace.
        let all = || chunks(packet).flatten();
        let taken = self.takes_data(packet) && all().all(|chunk| self.takes(&chunk, unread));
        if taken {
            all().for_each(|chunk| self.take(&chunk, unread));
        }
        taken
    }

    /// A message of so many chunks and bytes was read.
    pub(super) fn release(&mut self, chunks: usize, bytes: usize) {
        self.held = self.held.saturating_sub(chunks * CHUNK + bytes);
    }

    /// Takes notice of a packet of ours: the library makes one for each SACK and each request.
    pub(super) fn sent(&mut self, packet: &[u8]) {
        let Some(Some(chunk)) = chunks(packet).next() else {
            return;
        };
        match chunk.kind {
            INIT | INIT_ACK => self.tag = be32(chunk.body, 0).unwrap_or(0),
            SACK => {
                if let (Some(tsn), Some(window)) = (be32(chunk.body, 0), be32(chunk.body, 4)) {
                    self.acknowledge(tsn, window);
                }
            }
            RECONFIG => {
                for (_, value) in parameters(chunk.body)
                    .flatten()
                    .filter(|(kind, _)| *kind == RESET_REQUEST)
                {
                    self.unanswered.extend(be32(value, 0));
                }
            }
            _ => {}
        }
    }

    fn acknowledge(&mut self, tsn: u32, window: u32) {
        let Some(acked) = self.position(tsn) else {
            return;
        };
        self.acked = self.acked.max(Some(acked));
        self.seen = self.seen.split_off(&(acked + 1));
        // What FORWARD-TSN and resets of streams made the library forget is known by this only.
        if window == WINDOW {
            self.held = self.seen.len() * CHUNK;
        }
    }

    /// Where a TSN is, seen from the last one acknowledged (RFC 9260 §1.6).
    fn position(&self, tsn: u32) -> Option<u64> {
        let acked = self.acked?;
        let distance = tsn.wrapping_sub(acked as u32).cast_signed();
        Some(acked.saturating_add_signed(i64::from(distance)))
    }

    /// Where DATA goes on once this packet is taken.
    fn base(&self, packet: &[u8]) -> Option<u64> {
        let forward = chunks(packet)
            .flatten()
            .filter(|chunk| chunk.kind == FORWARD_TSN)
            .filter_map(|chunk| self.position(be32(chunk.body, 0)?))
            .max();
        Some(self.acked?.max(self.forwarded).max(forward.unwrap_or(0)))
    }

    fn takes_data(&self, packet: &[u8]) -> bool {
        let data = || chunks(packet).flatten().filter(|chunk| chunk.kind == DATA);
        if data().next().is_none() {
            return true;
        }
        let Some(base) = self.base(packet) else {
            return false;
        };
        let mut cost = 0;
        for chunk in data() {
            let Some(tsn) = self.new_tsn(&chunk) else {
                continue;
            };
            if tsn > base + MAX_AHEAD {
                return false;
            }
            cost += chunk.cost();
        }
        if self.held + cost <= MAX_HELD {
            return true;
        }
        // What is missing makes room: all that waits for it can be read then.
        let missing = (base + 1..).find(|tsn| !self.seen.contains(tsn));
        let fills = missing < self.seen.last().copied() && data().any(|chunk| self.new_tsn(&chunk) == missing);
        cost == 0 || fills && self.held + cost <= 2 * MAX_HELD
    }

    /// The TSN of DATA that did not come before.
    fn new_tsn(&self, chunk: &Chunk<'_>) -> Option<u64> {
        let tsn = self.position(be32(chunk.body, 0)?)?;
        let old = tsn <= self.acked? || self.seen.contains(&tsn);
        (!old).then_some(tsn)
    }

    fn takes(&self, chunk: &Chunk<'_>, unread: bool) -> bool {
        match chunk.kind {
            // The library begins anew at whatever TSN it is told.
            INIT | INIT_ACK => self.acked.is_none(),
            FORWARD_TSN => {
                let position = be32(chunk.body, 0).and_then(|tsn| self.position(tsn));
                self.forwards && position.is_some_and(|tsn| Some(tsn) <= self.acked.map(|acked| acked + MAX_FORWARD))
            }
            RECONFIG => {
                let waits = |(_, tsn): &(u32, u64)| unread || Some(*tsn) > self.acked;
                let known = |number| self.resets.iter().any(|(known, _)| *known == number);
                let requests = self.requests(chunk).filter(waits);
                let new = requests.filter(|(number, _)| !known(*number)).count();
                let is_request = self.requests(chunk).next().is_some();
                self.acked.is_some()
                    && self.resets.len() + new <= MAX_RESETS
                    && !(is_request && self.unanswered.len() >= MAX_UNANSWERED)
            }
            _ => true,
        }
    }

    fn take(&mut self, chunk: &Chunk<'_>, unread: bool) {
        match chunk.kind {
            DATA => {
                if let Some(tsn) = self.new_tsn(chunk) {
                    self.seen.insert(tsn);
                    self.held += chunk.cost();
                }
            }
            INIT | INIT_ACK => {
                // Room to count back, too.
                self.acked = be32(chunk.body, 12).map(|tsn| (1 << 32) + u64::from(tsn) - 1);
                self.forwards = parameters(&chunk.body[16..])
                    .flatten()
                    .any(|(kind, value)| kind == SUPPORTED_EXTENSIONS && value.contains(&FORWARD_TSN));
            }
            FORWARD_TSN => {
                let position = be32(chunk.body, 0).and_then(|tsn| self.position(tsn));
                self.forwarded = self.forwarded.max(position.unwrap_or(0));
            }
            RECONFIG => {
                let requests: Vec<_> = self.requests(chunk).collect();
                for (number, tsn) in requests {
                    if let Some((_, last)) = self.resets.iter_mut().find(|(known, _)| *known == number) {
                        *last = tsn.max(*last);
                    } else if unread || Some(tsn) > self.acked {
                        self.resets.push((number, tsn));
                    }
                }
                for (_, value) in parameters(chunk.body)
                    .flatten()
                    .filter(|(kind, _)| *kind == RECONFIG_RESPONSE)
                {
                    be32(value, 0).map(|number| self.unanswered.remove(&number));
                }
            }
            _ => {}
        }
    }

    /// Requests to reset streams: their number, and the last TSN before it.
    fn requests<'a>(&self, chunk: &Chunk<'a>) -> impl Iterator<Item = (u32, u64)> + use<'a, '_> {
        parameters(chunk.body)
            .flatten()
            .filter(|(kind, _)| *kind == RESET_REQUEST)
            .filter_map(|(_, value)| Some((be32(value, 0)?, self.position(be32(value, 8)?)?)))
    }
}

/// The initiate tag of a packet with nothing but an INIT.
pub(super) fn init_tag(packet: &[u8]) -> Option<u32> {
    let first = chunks(packet).next().flatten()?;
    be32(first.body, 0).filter(|_| first.kind == INIT && is_sound(packet))
}

/// Whether a packet of ours answers an INIT.
pub(super) fn is_init_ack(packet: &[u8]) -> bool {
    chunks(packet)
        .next()
        .flatten()
        .is_some_and(|chunk| chunk.kind == INIT_ACK)
}

struct Chunk<'a> {
    kind: u8,
    body: &'a [u8],
}

impl Chunk<'_> {
    fn cost(&self) -> usize {
        CHUNK + self.body.len() - DATA_HEADER
    }

    /// Whether it is one that the library knows, and ends where the library thinks it does.
    fn is_sound(&self) -> bool {
        let body = self.body;
        match self.kind {
            // RFC 9260 §3.3.1 forbids DATA with no payload, and it would take no room in the window.
            DATA => body.len() > DATA_HEADER,
            INIT | INIT_ACK => body.len() >= 16 && are_parameters(&body[16..]),
            SACK => is_sack(body),
            HEARTBEAT => are_parameters(body) && parameters(body).count() == 1,
            ABORT | ERROR => are_causes(body),
            SHUTDOWN => body.len() == 4,
            SHUTDOWN_ACK | COOKIE_ACK | SHUTDOWN_COMPLETE => body.is_empty(),
            COOKIE_ECHO => true,
            RECONFIG => is_reconfig(body),
            FORWARD_TSN => body.len() >= 4 && body.len().is_multiple_of(4),
            _ => false,
        }
    }
}

/// The chunks of a packet; `None` in place of what is none.
fn chunks(packet: &[u8]) -> impl Iterator<Item = Option<Chunk<'_>>> {
    let mut rest = packet.get(PACKET_HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let chunk = (|| {
            let len = usize::from(be16(rest, 2)?);
            let (padded, after) = rest.split_at_checked(len.next_multiple_of(4))?;
            let body = padded.get(CHUNK_HEADER..len)?;
            rest = after;
            Some(Chunk { kind: padded[0], body })
        })();
        if chunk.is_none() {
            rest = &[];
        }
        Some(chunk)
    })
}

/// Type and value of each parameter; `None` in place of what is none. The last one needs no padding.
fn parameters(mut rest: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let parameter = (|| {
            let len = usize::from(be16(rest, 2)?);
            Some((be16(rest, 0)?, rest.get(4..len)?, len.next_multiple_of(4)))
        })();
        rest = parameter.map_or(&[], |(.., padded)| rest.get(padded..).unwrap_or_default());
        Some(parameter.map(|(kind, value, _)| (kind, value)))
    })
}

fn is_intact(packet: &[u8]) -> bool {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&packet[..8]), &[0; 4]);
    packet[8..PACKET_HEADER] == crc32c::crc32c_append(crc, &packet[PACKET_HEADER..]).to_le_bytes()
}

fn is_sound(packet: &[u8]) -> bool {
    let (mut all, mut control, mut is_init) = (0, 0, false);
    for chunk in chunks(packet) {
        let Some(chunk) = chunk.filter(Chunk::is_sound) else {
            return false;
        };
        all += 1;
        control += usize::from(chunk.kind != DATA);
        is_init |= matches!(chunk.kind, INIT | INIT_ACK);
    }
    all > 0 && control <= MAX_CONTROL && (all == 1 || !is_init)
}

/// Whether the library takes these parameters to be as long as they say.
fn are_parameters(body: &[u8]) -> bool {
    parameters(body).all(|parameter| match parameter {
        Some((FORWARD_TSN_SUPPORTED, value)) => value.is_empty(),
        Some((HMAC_ALGORITHMS, value)) => value.len().is_multiple_of(2),
        parameter => parameter.is_some(),
    })
}

/// Causes of errors lie side by side for the library, without padding, and each is as long as it says.
fn are_causes(body: &[u8]) -> bool {
    let mut rest = body;
    while let Some(len) = be16(rest, 2).map(usize::from) {
        match rest.get(len..).filter(|_| len >= 4) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    // The library leaves out what is too short for a cause, and goes on after it.
    (body.len() - rest.len()).next_multiple_of(4) == body.len().next_multiple_of(4)
}

/// Gaps in rising order, so that each TSN is looked at once.
fn is_sack(body: &[u8]) -> bool {
    let (Some(gaps), Some(repeated)) = (be16(body, 8), be16(body, 10)) else {
        return false;
    };
    let (gaps, repeated) = (usize::from(gaps), usize::from(repeated));
    if body.len() != 12 + 4 * (gaps + repeated) {
        return false;
    }
    let ends = body[12..12 + 4 * gaps].chunks_exact(2).filter_map(|end| be16(end, 0));
    let ends: Vec<u16> = ends.collect();
    ends.chunks_exact(2).all(|gap| gap[0] <= gap[1]) && ends.windows(2).skip(1).step_by(2).all(|pair| pair[0] < pair[1])
}

/// One or two requests to reset streams or answers to ours (RFC 6525 §3.1): the library knows no others.
fn is_reconfig(body: &[u8]) -> bool {
    let known = |parameter| match parameter {
        Some((RESET_REQUEST, value)) => <[u8]>::len(value) >= 12 && value.len().is_multiple_of(2),
        Some((RECONFIG_RESPONSE, value)) => value.len() == 8,
        _ => false,
    };
    matches!(parameters(body).count(), 1 | 2) && parameters(body).all(known)
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}
