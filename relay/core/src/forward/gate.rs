//! What of a stream with several spatial layers passes to one sink.
//!
//! All layers come under one sequence of numbers. What is dropped on purpose leaves no hole for the subscriber: a **dense**
//! number is the publisher's number less the packets dropped before it, and takes its place in the sink's runs. A packet
//! that comes late has its dense number already; if its layer is not wanted it goes out empty.

use super::{
    cache::Slot,
    rewrite::{Descriptor, Sublayer},
};

/// Numbers that are remembered: about three seconds.
const WINDOW: u64 = 1024;
const WORDS: usize = 16;
/// Limits that are remembered.
const FORMER: usize = 4;

/// State of one sink.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// The highest spatial layer that passes in the present picture,
    limit: u8,
    /// and in the next one.
    next: u8,
    /// The limits before, each with the first packet for which it held no longer; newest first.
    former: [(u64, u8); FORMER],
    /// Only the lowest temporal layer passes,
    thinned: bool,
    /// from its next picture on.
    thin_next: bool,
    /// Timestamp of the present picture.
    picture: u32,
    highest: Option<u64>,
    /// Packets dropped so far.
    total: u64,
    dropped: Bits,
    /// Late ones whose layer is not wanted.
    empty: Bits,
    /// Last packets of their picture, for this sink.
    ends: Bits,
}

/// A packet that comes to the gate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// Absent for one that does not tell: it is taken for one of the lowest layer.
    pub(super) sublayer: Option<Sublayer>,
}

impl Arrival {
    /// One that has been kept.
    pub(super) fn of(slot: &Slot) -> Self {
        Self {
            seq: slot.seq,
            timestamp: slot.timestamp,
            marker: slot.marker,
            sublayer: slot.descriptor.as_ref().and_then(Descriptor::sublayer),
        }
    }
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    Dropped,
    Passes {
        /// The last of its picture for this sink.
        ends: bool,
    },
}

impl Gate {
    /// Begins anew with the keyframe that comes next: layers up to `limit`.
    pub(super) fn open(&mut self, limit: u8) {
        *self = Self {
            limit,
            next: limit,
            former: [(0, limit); FORMER],
            ..Self::default()
        };
    }

    /// Layers up to `limit`, from the next picture on.
    pub(super) const fn set(&mut self, limit: u8) {
        self.next = limit;
    }

    /// Only the lowest temporal layer, or all of them, from the next picture of the lowest one on: those above are predicted
    /// from nothing before it.
    pub(super) const fn thin(&mut self, thinned: bool) {
        self.thin_next = thinned;
    }

    /// Layers up to `limit`, from the keyframe on whose first packet that is. False if others came before it: then part of
    /// the keyframe may have been dropped.
    pub(super) fn raise(&mut self, limit: u8, start: u64) -> bool {
        let comes = self.highest.is_none_or(|highest| highest < start);
        if comes {
            self.next = limit;
        }
        comes
    }

    /// Decides about a packet; each packet comes once.
    pub(super) fn take(&mut self, packet: &Arrival) -> Passage {
        let seq = packet.seq;
        let (spatial, ends) = packet.sublayer.map_or((0, false), |s| (s.spatial, s.ends));
        let upper = packet.sublayer.is_some_and(|sublayer| sublayer.temporal > 0);
        let late = self.highest.is_some_and(|highest| seq <= highest);
        if late {
            if !self.remembers(seq) {
                return Passage::Dropped;
            }
            let limit = self.limit_for(packet);
            let ends = packet.marker || ends && spatial == limit;
            if spatial > limit || upper && self.thinned {
                self.empty.set(seq);
            } else if ends {
                self.ends.set(seq);
            }
            return Passage::Passes { ends };
        }
        let from = self
            .highest
            .map_or(seq, |highest| (highest + 1).max(seq.saturating_sub(WINDOW - 1)));
        for fresh in from..=seq {
            self.dropped.clear(fresh);
            self.empty.clear(fresh);
            self.ends.clear(fresh);
        }
        if packet.timestamp != self.picture || self.highest.is_none() {
            self.picture = packet.timestamp;
            if !upper {
                self.thinned = self.thin_next;
            }
            if self.limit != self.next {
                self.former.rotate_right(1);
                self.former[0] = (seq, self.limit);
                self.limit = self.next;
            }
        }
        self.highest = Some(seq);
        if spatial > self.limit || upper && self.thinned {
            self.dropped.set(seq);
            self.total += 1;
            return Passage::Dropped;
        }
        let ends = packet.marker || ends && spatial == self.limit;
        if ends {
            self.ends.set(seq);
        }
        Passage::Passes { ends }
    }

    /// The limit of a late packet's picture.
    fn limit_for(&self, packet: &Arrival) -> u8 {
        if packet.timestamp == self.picture {
            return self.limit;
        }
        let held = self.former.iter().take_while(|(end, _)| packet.seq < *end);
        held.last().map_or(self.limit, |(_, limit)| *limit)
    }

    /// The dense number of a packet that passes, while it is remembered.
    pub(super) fn dense(&self, seq: u64) -> Option<u64> {
        let highest = self.highest.filter(|_| self.remembers(seq))?;
        Some(seq - (self.total - self.dropped.count(seq, highest)))
    }

    /// The packet that has a dense number, while it is remembered.
    pub(super) fn find(&self, dense: u64) -> Option<u64> {
        let mut seq = (dense + self.total).min(self.highest?);
        // Dropped packets have the number of the next one that passes: the highest packet with the number is meant.
        loop {
            let found = self.dense(seq)?;
            if found == dense {
                return (!self.dropped.get(seq)).then_some(seq);
            }
            seq -= found.checked_sub(dense)?;
        }
    }

    /// Whether a packet goes out empty.
    pub(super) fn is_empty(&self, seq: u64) -> bool {
        self.empty.get(seq)
    }

    /// Whether a packet is the last one of its picture for this sink.
    pub(super) fn ends(&self, seq: u64) -> bool {
        self.ends.get(seq)
    }

    fn remembers(&self, seq: u64) -> bool {
        self.highest
            .is_some_and(|highest| seq <= highest && highest - seq < WINDOW)
    }
}

/// A bit for each number remembered.
#[derive(Debug, Default)]
struct Bits([u64; WORDS]);

impl Bits {
    fn get(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.0[word] >> bit & 1 == 1
    }

    fn set(&mut self, number: u64) {
        let (word, bit) = Self::place(number);
        self.0[word] |= 1 << bit;
    }

    fn clear(&mut self, number: u64) {
        let (word, bit) = Self::place(number);
        self.0[word] &= !(1 << bit);
    }

    /// How many are set from `first` to `last`, both remembered.
    fn count(&self, first: u64, last: u64) -> u64 {
        let mut count = 0;
        let mut at = first;
        while at <= last {
            let (word, bit) = Self::place(at);
            let span = (64 - bit).min(last - at + 1);
            let mask = u64::MAX >> (64 - span) << bit;
            count += u64::from((self.0[word] & mask).count_ones());
            at += span;
        }
        count
    }

    fn place(number: u64) -> (usize, u64) {
        let place = number % WINDOW;
        (usize::try_from(place / 64).expect("below the words"), place % 64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packet `seq` of picture `seq / 3`, one of each of three layers.
    fn packet(seq: u64) -> Arrival {
        Arrival {
            seq,
            timestamp: u32::try_from(seq / 3).expect("small"),
            marker: seq % 3 == 2,
            sublayer: Some(Sublayer {
                spatial: u8::try_from(seq % 3).expect("small"),
                temporal: 0,
                ends: true,
            }),
        }
    }

    fn passes(gate: &mut Gate, seqs: impl IntoIterator<Item = u64>) -> Vec<(u64, bool)> {
        let passes = seqs.into_iter().filter_map(|seq| match gate.take(&packet(seq)) {
            Passage::Passes { ends } => Some((seq, ends)),
            Passage::Dropped => None,
        });
        passes.collect()
    }

    #[test]
    fn layers_above_the_limit_are_dropped_from_the_next_picture_on() {
        let mut gate = Gate::default();
        gate.open(2);
        assert_eq!(passes(&mut gate, 30..31), [(30, false)]);
        gate.set(1);
        assert_eq!(
            passes(&mut gate, 31..36),
            [(31, false), (32, true), (33, false), (34, true)]
        );
        assert!(!gate.raise(2, 33));
        assert!(gate.raise(2, 36));
        assert_eq!(passes(&mut gate, 36..39), [(36, false), (37, false), (38, true)]);
        let dense: Vec<_> = [34, 36, 38].into_iter().map(|seq| gate.dense(seq)).collect();
        assert_eq!(dense, [Some(34), Some(35), Some(37)]);
    }

    #[test]
    fn upper_temporal_layers_are_dropped_from_a_picture_of_the_lowest_one_on() {
        let mut gate = Gate::default();
        gate.open(0);
        let take = |gate: &mut Gate, seq: u64, temporal| {
            let sublayer = Sublayer {
                spatial: 0,
                temporal,
                ends: true,
            };
            let packet = Arrival {
                timestamp: u32::try_from(seq).expect("small"),
                marker: true,
                sublayer: Some(sublayer),
                seq,
            };
            gate.take(&packet) != Passage::Dropped
        };
        assert!(take(&mut gate, 30, 0));
        gate.thin(true);
        let taken: Vec<bool> = [(31, 2), (32, 1), (33, 0), (34, 2), (35, 1), (36, 0)]
            .into_iter()
            .map(|(seq, temporal)| take(&mut gate, seq, temporal))
            .collect();
        assert_eq!(taken, [true, true, true, false, false, true]);
        gate.thin(false);
        assert!(!take(&mut gate, 37, 1));
        assert!(take(&mut gate, 38, 0) && take(&mut gate, 39, 1));
        assert_eq!(
            (gate.dense(33), gate.dense(36), gate.dense(39)),
            (Some(33), Some(34), Some(36))
        );
    }

    #[test]
    fn a_late_packet_of_an_unwanted_layer_goes_out_empty() {
        let mut gate = Gate::default();
        gate.open(0);
        assert_eq!(passes(&mut gate, [30, 31, 33]), [(30, true), (33, true)]);
        // Its number was kept free.
        assert_eq!((gate.dense(30), gate.dense(33)), (Some(30), Some(32)));
        passes(&mut gate, [32]);
        assert!(gate.is_empty(32));
        assert_eq!((gate.dense(32), gate.find(31)), (Some(31), Some(32)));
        assert_eq!(gate.find(32), Some(33));
    }

    proptest! {
        /// Whatever the limits and the disorder: numbers of what passes are without holes and are found again.
        #[test]
        fn dense_numbers_have_no_holes(steps in proptest::collection::vec((0_u8..3, 0_u64..40, any::<bool>()), 1..60)) {
            let mut gate = Gate::default();
            gate.open(0);
            let mut seq = 300;
            let mut sent = std::collections::BTreeMap::new();
            for (limit, count, swap) in steps {
                gate.set(limit);
                let mut next: Vec<u64> = (seq..=seq + count).collect();
                seq += count + 1;
                if swap && next.len() > 3 && next[0] > 300 {
                    let last = next.len() - 1;
                    next.swap(1, last);
                }
                for seq in next {
                    if let Passage::Passes { .. } = gate.take(&packet(seq)) {
                        let dense = gate.dense(seq).expect("just taken");
                        prop_assert_eq!(sent.insert(dense, seq), None);
                    }
                }
            }
            let numbers: Vec<u64> = sent.keys().copied().collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
            for (dense, seq) in sent {
                if seq + WINDOW > gate.highest.expect("packets came") {
                    prop_assert_eq!(gate.find(dense), Some(seq));
                } else {
                    prop_assert_eq!(gate.find(dense), None);
                }
            }
        }
    }
}
