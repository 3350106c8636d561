//! What was sent and what arrived.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::media::Media;

/// Sequence numbers that are remembered to tell a repeat from a late packet.
const WINDOW: u64 = 2048;

/// One received RTP stream.
#[derive(Debug, Clone)]
struct Stream {
    highest: u64,
    seen: Vec<u64>,
}

/// Packets and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// RTP packets, each once.
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
}

/// What all clients of a run sent and received together.
#[derive(Debug, Default)]
pub struct Tally {
    /// Received.
    pub received: Count,
    /// Packets that publishers sent and that every subscriber should get: top layers and sound.
    pub sent: u64,
    /// Packets that came again.
    pub repeats: u64,
    /// Sequence numbers that were skipped and have not come since.
    pub missing: u64,
    /// Streams, each seen by one subscriber.
    pub streams: u64,
    /// Received packets of each layer of the video, lowest first, where [`Tally::tell_layers`] was called.
    pub layers: [u64; 3],
    told: HashMap<Bytes, usize>,
    departures: HashMap<u64, Instant>,
    delays: Vec<Duration>,
}

/// The counters of a tally at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// As in the tally.
    pub received: Count,
    /// As in the tally.
    pub sent: u64,
    /// As in the tally.
    pub repeats: u64,
}

/// The streams of one subscriber.
#[derive(Debug, Default)]
pub struct Streams(HashMap<u32, Stream>);

impl Tally {
    /// A publisher sends a packet that subscribers should get.
    pub fn sent(&mut self, now: Instant, payload: &[u8]) {
        self.sent += 1;
        if let Some(key) = sampled(payload) {
            self.departures.insert(key, now);
        }
    }

    /// A subscriber received a packet. `streams` are its own.
    pub fn received(&mut self, now: Instant, streams: &mut Streams, ssrc: u32, sequence: u16, payload: &[u8]) {
        let stream = streams.0.entry(ssrc).or_insert_with(|| {
            self.streams += 1;
            let start = u64::from(sequence) + 0x1_0000;
            Stream {
                highest: start - 1,
                seen: vec![u64::MAX; usize::try_from(WINDOW / 64).unwrap_or(32)],
            }
        });
        match stream.take(sequence) {
            Arrival::Next(skipped) => self.missing += skipped,
            Arrival::Late => self.missing = self.missing.saturating_sub(1),
            Arrival::Repeat => {
                self.repeats += 1;
                return;
            }
        }
        self.received.packets += 1;
        self.received.bytes += payload.len() as u64;
        if let Some(place) = self.told.get(payload) {
            self.layers[*place] += 1;
        }
        let departure = sampled(payload).and_then(|key| self.departures.get(&key));
        if let Some(departure) = departure {
            self.delays.push(now.saturating_duration_since(*departure));
        }
    }

    /// Counts the packets of each layer from now on.
    pub fn tell_layers(&mut self, media: &Media) {
        self.told = media.layers();
    }

    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            received: self.received,
            sent: self.sent,
            repeats: self.repeats,
        }
    }

    /// Begins a new window: delays so far are forgotten.
    pub fn begin(&mut self) {
        self.delays.clear();
    }

    /// Delay from the publisher's socket to the subscriber's counter at a share (0 to 1) of the sampled packets.
    pub fn delay(&mut self, share: f64) -> Option<Duration> {
        self.delays.sort_unstable();
        let last = self.delays.len().checked_sub(1)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let index = (last as f64 * share).round() as usize;
        self.delays.get(index).copied()
    }
}

enum Arrival {
    /// In front, after so many skipped ones.
    Next(u64),
    Late,
    Repeat,
}

impl Stream {
    fn take(&mut self, sequence: u16) -> Arrival {
        let half = 0x8000;
        let base = self.highest.saturating_sub(half);
        let ahead = u64::from(sequence.wrapping_sub(u16::try_from(base & 0xffff).unwrap_or(0)));
        let number = base + ahead;
        if number > self.highest {
            let skipped = number - self.highest - 1;
            for between in self.highest + 1..number.min(self.highest + WINDOW) {
                self.mark(between, false);
            }
            self.mark(number, true);
            self.highest = number;
            Arrival::Next(skipped)
        } else if self.highest - number >= WINDOW || self.marked(number) {
            Arrival::Repeat
        } else {
            self.mark(number, true);
            Arrival::Late
        }
    }

    fn place(number: u64) -> (usize, u64) {
        let bit = number % WINDOW;
        (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    }

    fn mark(&mut self, number: u64, seen: bool) {
        let (word, bit) = Self::place(number);
        if seen {
            self.seen[word] |= bit;
        } else {
            self.seen[word] &= !bit;
        }
    }

    fn marked(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.seen[word] & bit != 0
    }
}

/// A key for one payload in eight: servers change headers, but not these payloads.
fn sampled(payload: &[u8]) -> Option<u64> {
    let mut key = payload.len() as u64;
    let middle = payload.len() / 2;
    for chunk in [
        payload.get(..8),
        payload.get(middle..middle + 8),
        payload.last_chunk::<8>().map(|c| &c[..]),
    ] {
        let word = chunk
            .and_then(|chunk| chunk.try_into().ok())
            .map_or(0, u64::from_le_bytes);
        key = (key ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    key.is_multiple_of(8).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted_once_and_gaps_heal() {
        let mut tally = Tally::default();
        let mut streams = Streams::default();
        let now = Instant::now();
        for sequence in [65_534, 65_535, 2, 0, 2, 1, 3, 0] {
            tally.received(now, &mut streams, 7, sequence, b"x");
        }
        assert_eq!(tally.received.packets, 6);
        assert_eq!((tally.repeats, tally.missing), (2, 0));
        tally.received(now, &mut streams, 7, 10, b"x");
        assert_eq!(tally.missing, 6);
        tally.received(now, &mut streams, 8, 500, b"x");
        assert_eq!((tally.missing, tally.streams), (6, 2));
    }

    #[test]
    fn delays_are_found_by_payload() {
        let mut tally = Tally::default();
        let mut streams = Streams::default();
        let now = Instant::now();
        for number in 0..200u16 {
            let payload = [number.to_le_bytes(); 20].concat();
            tally.sent(now, &payload);
            let later = now + Duration::from_millis(3);
            tally.received(later, &mut streams, 1, number, &payload);
        }
        assert_eq!(tally.delay(0.5), Some(Duration::from_millis(3)));
    }
}
