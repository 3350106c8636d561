//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use super::write::{close, head};

/// Ticks of a delta in a second: 250 µs each.
const TICK_US: i64 = 250;
/// Microseconds of one unit of the reference time.
const REFERENCE_US: i64 = 64_000;

/// A feedback message, read in place.
#[derive(Debug, Clone)]
pub struct Feedback<'a> {
    /// Sequence number of the first packet that it tells about.
    pub base: u16,
    /// How many packets it tells about.
    pub count: u16,
    /// Receiver's clock at the base, in units of 64 ms, 24 bits signed.
    pub reference: i32,
    /// Number of this feedback message, modulo 256.
    pub number: u8,
    body: &'a [u8],
}

/// What the feedback says of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Transport-wide sequence number.
    pub seq: u16,
    /// Receiver's time of arrival in microseconds; `None` if it has not arrived.
    pub at_us: Option<i64>,
}

impl<'a> Feedback<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (head, body) = body.split_first_chunk::<8>()?;
        let reference = i32::from_be_bytes([head[4], head[5], head[6], 0]) >> 8;
        Some(Self {
            base: u16::from_be_bytes([head[0], head[1]]),
            count: u16::from_be_bytes([head[2], head[3]]),
            reference,
            number: head[7],
            body,
        })
    }

    /// The packets in order of their sequence numbers; ends early when the message is cut short.
    #[must_use]
    pub fn packets(&self) -> Arrivals<'a> {
        Arrivals {
            chunks: self.body,
            deltas: deltas(self.body, self.count),
            left: self.count,
            seq: self.base,
            at_us: i64::from(self.reference) * REFERENCE_US,
            chunk: 0,
            in_chunk: 0,
        }
    }
}

/// Where the deltas start: behind the chunks that cover `count` packets.
fn deltas(body: &[u8], count: u16) -> &[u8] {
    let mut left = usize::from(count);
    let mut rest = body;
    while left > 0 {
        let Some((chunk, behind)) = rest.split_first_chunk::<2>() else {
            return &[];
        };
        left = left.saturating_sub(covered(u16::from_be_bytes(*chunk)));
        rest = behind;
    }
    rest
}

/// How many packets a chunk covers.
const fn covered(chunk: u16) -> usize {
    match chunk >> 14 {
        0 | 1 => (chunk & 0x1fff) as usize,
        2 => 14,
        _ => 7,
    }
}

/// Iterator over the packets of a feedback message.
#[derive(Debug, Clone)]
pub struct Arrivals<'a> {
    chunks: &'a [u8],
    deltas: &'a [u8],
    left: u16,
    seq: u16,
    at_us: i64,
    chunk: u16,
    in_chunk: usize,
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.left = self.left.checked_sub(1)?;
        while self.in_chunk == 0 {
            let (chunk, rest) = self.chunks.split_first_chunk::<2>()?;
            self.chunks = rest;
            self.chunk = u16::from_be_bytes(*chunk);
            self.in_chunk = covered(self.chunk);
        }
        let symbol = match self.chunk >> 14 {
            0 | 1 => self.chunk >> 13 & 3,
            2 => self.chunk >> (self.in_chunk - 1) & 1,
            _ => self.chunk >> (2 * (self.in_chunk - 1)) & 3,
        };
        self.in_chunk -= 1;
        let delta = match symbol {
            0 => None,
            1 => {
                let (&delta, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                Some(i64::from(delta))
            }
            // 3 is reserved; libwebrtc reads nothing for it.
            2 => {
                let (delta, rest) = self.deltas.split_first_chunk::<2>()?;
                self.deltas = rest;
                Some(i64::from(i16::from_be_bytes(*delta)))
            }
            _ => None,
        };
        let seq = self.seq;
        self.seq = seq.wrapping_add(1);
        Some(Arrival {
            seq,
            at_us: delta.map(|delta| {
                self.at_us += delta * TICK_US;
                self.at_us
            }),
        })
    }
}

/// Writes one feedback message about the packets from `base` on, whose arrival times in microseconds (any clock, not negative) are
/// given, `None` for lost ones. Returns how many were told: a message ends where a delta does not fit 16 bits.
/// At least one of the first packets must have arrived; nothing is written otherwise.
pub fn write(out: &mut Vec<u8>, sender: u32, media: u32, number: u8, base: u16, arrivals: &[Option<u64>]) -> usize {
    let Some(first) = arrivals.iter().flatten().next() else {
        return 0;
    };
    let us = |at: u64| i64::try_from(at).unwrap_or(i64::MAX / 2);
    let reference = us(*first) / REFERENCE_US;
    let told = fitting(arrivals, reference, us);
    let arrivals = &arrivals[..told];
    let start = out.len();
    head(out, 15, 205, 0);
    out.extend(sender.to_be_bytes());
    out.extend(media.to_be_bytes());
    out.extend(base.to_be_bytes());
    out.extend(u16::try_from(told).expect("bounded below").to_be_bytes());
    let reference_bits = (reference & 0x00ff_ffff) as u32;
    out.extend((reference_bits << 8 | u32::from(number)).to_be_bytes());
    let mut ticks = Ticks::new(reference);
    let mut symbols = arrivals.iter().map(|at| symbol(ticks.next(at.map(us))));
    chunks(out, &mut symbols);
    let mut ticks = Ticks::new(reference);
    for at in arrivals {
        match ticks.next(at.map(us)) {
            Some(delta @ 0..=255) => out.push(u8::try_from(delta).expect("matched")),
            Some(delta) => out.extend(i16::try_from(delta).expect("checked to fit").to_be_bytes()),
            None => {}
        }
    }
    while !(out.len() - start).is_multiple_of(4) {
        out.push(0);
    }
    close(out, start);
    told
}

/// Packets in one message at most: keeps it below one datagram.
pub const MAX_TOLD: usize = 400;

/// How many of the first arrivals have deltas of 16 bits.
fn fitting(arrivals: &[Option<u64>], reference: i64, us: impl Fn(u64) -> i64) -> usize {
    let mut ticks = Ticks::new(reference);
    let mut fits = |at: &&Option<u64>| {
        let delta = ticks.next(at.map(&us));
        delta.is_none_or(|delta| i16::try_from(delta).is_ok())
    };
    arrivals.iter().take(MAX_TOLD).take_while(|at| fits(at)).count()
}

/// Arrival times as differences in ticks, rounded without drift.
struct Ticks {
    last: i64,
}

impl Ticks {
    const fn new(reference: i64) -> Self {
        Self {
            last: reference * (REFERENCE_US / TICK_US),
        }
    }

    fn next(&mut self, at_us: Option<i64>) -> Option<i64> {
        let tick = at_us? / TICK_US;
        let delta = tick - self.last;
        self.last = tick;
        Some(delta)
    }
}

const fn symbol(delta: Option<i64>) -> u16 {
    match delta {
        None => 0,
        Some(0..=255) => 1,
        Some(_) => 2,
    }
}

/// Status chunks: runs where seven or more are equal, else seven symbols of two bits.
fn chunks(out: &mut Vec<u8>, symbols: &mut impl Iterator<Item = u16>) {
    let mut symbols = symbols.peekable();
    let mut pending = [0_u16; 7];
    let mut held = 0;
    while let Some(symbol) = symbols.next() {
        if held == 0 {
            let mut run = 1_u16;
            while run < 0x1fff && symbols.peek() == Some(&symbol) {
                symbols.next();
                run += 1;
            }
            if run >= 7 || symbols.peek().is_none() {
                out.extend((symbol << 13 | run).to_be_bytes());
                continue;
            }
            pending[..usize::from(run)].fill(symbol);
            held = usize::from(run);
        } else {
            pending[held] = symbol;
            held += 1;
        }
        if held == 7 {
            out.extend(vector(&pending).to_be_bytes());
            held = 0;
        }
    }
    if held > 0 {
        pending[held..].fill(0);
        out.extend(vector(&pending).to_be_bytes());
    }
}

fn vector(symbols: &[u16; 7]) -> u16 {
    symbols.iter().fold(3, |bits, symbol| bits << 2 | symbol)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtcp::{Compound, RtcpPacket};

    proptest! {
        #[test]
        fn what_is_told_is_read(base: u16, start in 0_u64..1_000_000_000, steps in proptest::collection::vec(
            prop_oneof![5 => (0_i64..40_000).prop_map(Some), 1 => Just(None), 1 => (-30_000_i64..9_000_000).prop_map(Some)], 1..500)) {
            let mut at = i64::try_from(start).expect("small");
            let arrivals: Vec<Option<u64>> = steps.iter().map(|step| step.map(|step| {
                at = (at + step).max(0);
                u64::try_from(at).expect("not negative")
            })).collect();
            let mut told = 0;
            while arrivals[told..].iter().flatten().next().is_some() {
                let mut out = Vec::new();
                let rest = &arrivals[told..];
                let seq = base.wrapping_add(u16::try_from(told).expect("small"));
                let now = write(&mut out, 1, 2, 3, seq, rest);
                if now == 0 {
                    // The first delta alone does not fit after leading losses: impossible, the reference is its own.
                    return Err(TestCaseError::fail("told nothing"));
                }
                let Some(RtcpPacket::TransportFeedback(feedback)) = Compound::new(&out).next() else {
                    return Err(TestCaseError::fail("not feedback"));
                };
                prop_assert_eq!((feedback.base, feedback.number), (seq, 3));
                let read: Vec<_> = feedback.packets().collect();
                prop_assert_eq!(read.len(), now);
                for (i, arrival) in read.iter().enumerate() {
                    let truth = rest[i].map(|at| i64::try_from(at).expect("small") / TICK_US * TICK_US);
                    prop_assert_eq!(arrival.at_us, truth);
                    prop_assert_eq!(arrival.seq, seq.wrapping_add(u16::try_from(i).expect("small")));
                }
                told += now;
            }
        }
    }
}
