//! The packets of one layer, kept once for all subscribers: to be sent, and to be sent again.

use super::{clock::Micros, rewrite::Descriptor};

/// Most bytes of one packet's payload and kept extensions together.
pub(super) const MAX_PACKET: usize = 1_600;

/// A cache gets larger while it holds less than this.
const WANTED_SPAN: Micros = 1_000_000;

/// What is known of a kept packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Extended sequence number at the publisher.
    pub(super) seq: u64,
    /// Where its bytes lie, counted endlessly.
    pos: u64,
    /// When it came.
    pub(super) at: Micros,
    pub(super) timestamp: u32,
    pub(super) payload_len: u16,
    ext_len: u8,
    pub(super) marker: bool,
    /// What it says of itself, if its codec has that and the packet is not empty.
    pub(super) descriptor: Option<Descriptor>,
}

/// A ring of bytes in order of arrival, and a ring of slots by sequence number.
#[derive(Debug)]
pub(super) struct PacketCache {
    slots: Vec<Option<Slot>>,
    bytes: Vec<u8>,
    /// Endless position behind the last byte written.
    head: u64,
    /// When writing began at the start of the bytes.
    lap_start: Micros,
    max_bytes: usize,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserted {
    New,
    /// Held already, too old to be held, or too large.
    Refused,
}

/// The fields of a packet to keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) descriptor: Option<Descriptor>,
    /// Extensions that are passed on, as `kind, length, data`.
    pub(super) exts: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl PacketCache {
    /// A cache of `slots` packets (a power of two) that starts with `bytes` and grows to `max_bytes`.
    pub(super) fn new(slots: usize, bytes: usize, max_bytes: usize) -> Self {
        assert!(
            slots.is_power_of_two() && bytes >= MAX_PACKET,
            "sizes are ours to choose"
        );
        Self {
            slots: vec![None; slots],
            bytes: vec![0; bytes],
            head: 0,
            lap_start: 0,
            max_bytes,
        }
    }

    /// Keeps a packet.
    pub(super) fn insert(&mut self, now: Micros, entry: &Entry<'_>) -> Inserted {
        let len = entry.exts.len() + entry.payload.len();
        let index = self.index(entry.seq);
        let (Ok(ext_len), Ok(payload_len)) = (u8::try_from(entry.exts.len()), u16::try_from(entry.payload.len()))
        else {
            return Inserted::Refused;
        };
        if len > MAX_PACKET || self.slots[index].is_some_and(|slot| slot.seq >= entry.seq) {
            return Inserted::Refused;
        }
        let start = self.reserve(now, len);
        let pos = self.head;
        let (exts, payload) = self.bytes[start..start + len].split_at_mut(entry.exts.len());
        exts.copy_from_slice(entry.exts);
        payload.copy_from_slice(entry.payload);
        self.head += to_u64(len);
        self.slots[index] = Some(Slot {
            seq: entry.seq,
            pos,
            at: now,
            timestamp: entry.timestamp,
            payload_len,
            ext_len,
            marker: entry.marker,
            descriptor: entry.descriptor,
        });
        Inserted::New
    }

    /// The packet, if it is still held.
    pub(super) fn slot(&self, seq: u64) -> Option<&Slot> {
        let slot = self.slots[self.index(seq)].as_ref()?;
        (slot.seq == seq && self.head - slot.pos <= to_u64(self.bytes.len())).then_some(slot)
    }

    /// Its kept extensions and its payload.
    pub(super) fn content(&self, slot: &Slot) -> (&[u8], &[u8]) {
        let start = self.offset(slot.pos);
        let exts = usize::from(slot.ext_len);
        let bytes = &self.bytes[start..start + exts + usize::from(slot.payload_len)];
        bytes.split_at(exts)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.fill(None);
    }

    fn index(&self, seq: u64) -> usize {
        usize::try_from(seq & to_u64(self.slots.len() - 1)).expect("masked by a usize")
    }

    fn offset(&self, pos: u64) -> usize {
        usize::try_from(pos % to_u64(self.bytes.len())).expect("below a usize")
    }

    /// Makes room for `len` bytes in one piece at `head`; returns their offset.
    fn reserve(&mut self, now: Micros, len: usize) -> usize {
        let start = self.offset(self.head);
        if self.head == 0 {
            self.lap_start = now;
        }
        if start + len <= self.bytes.len() && (start > 0 || self.head == 0) {
            return start;
        }
        // A lap is full. If it took less than the wanted span, the next one is twice as long.
        let full = now.saturating_sub(self.lap_start) < WANTED_SPAN;
        self.lap_start = now;
        let capacity = self.bytes.len();
        if start > 0 {
            self.head += to_u64(capacity - start);
        }
        if full && capacity * 2 <= self.max_bytes && self.head > 0 {
            self.grow();
        }
        self.offset(self.head)
    }

    /// Doubles the bytes at the end of a lap: the lap just written keeps its offsets, the new half comes next.
    fn grow(&mut self) {
        let capacity = to_u64(self.bytes.len());
        let lap = self.head - capacity;
        let base = self.head.next_multiple_of(capacity * 2) + capacity * 2;
        for slot in &mut self.slots {
            *slot = slot.take_if(|slot| slot.pos >= lap).map(|slot| Slot {
                pos: slot.pos - lap + base,
                ..slot
            });
        }
        self.bytes.resize(self.bytes.len() * 2, 0);
        self.head = base + capacity;
    }
}

const fn to_u64(len: usize) -> u64 {
    len as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(seq: u64, payload: &[u8]) -> Entry<'_> {
        Entry {
            seq,
            timestamp: 0,
            marker: false,
            descriptor: None,
            exts: &[],
            payload,
        }
    }

    proptest! {
        /// What is still held is what was put in, whatever the sizes, the order, the laps and the growth.
        #[test]
        fn held_packets_are_intact(steps in proptest::collection::vec((0_u64..8, 0_usize..1500, 0_u64..50_000), 1..300)) {
            let mut cache = PacketCache::new(64, 4_096, 32_768);
            let mut seq = 100_u64;
            let mut now = 1;
            let mut kept = std::collections::HashMap::new();
            for (back, len, wait) in steps {
                now += wait;
                seq += 3;
                let at = seq - back;
                let payload: Vec<u8> = (0..len).map(|i| u8::try_from((i as u64 * 31 + at * 7) & 0xff).expect("masked")).collect();
                let inserted = cache.insert(now, &entry(at, &payload));
                if let std::collections::hash_map::Entry::Vacant(vacant) = kept.entry(at) {
                    if inserted == Inserted::New {
                        vacant.insert(payload);
                    }
                } else {
                    prop_assert_eq!(inserted, Inserted::Refused);
                }
                for (seq, payload) in &kept {
                    if let Some(slot) = cache.slot(*seq) {
                        prop_assert_eq!(cache.content(slot).1, payload.as_slice());
                    }
                }
                prop_assert!(cache.slot(at).is_some());
            }
        }
    }

    #[test]
    fn a_busy_cache_grows_and_a_quiet_one_does_not() {
        let mut cache = PacketCache::new(256, 8_192, 65_536);
        for i in 0..200 {
            cache.insert(1_000_000 + i * 10_000, &entry(i, &[1; 1000]));
        }
        assert!(cache.bytes.len() > 8_192);
        // Its first lap counts as any other: a first keyframe is whole.
        let mut first = PacketCache::new(256, 8_192, 262_144);
        for i in 0..200 {
            first.insert(1_000_000 + i * 500, &entry(i, &[1; 1000]));
        }
        assert!(first.slot(0).is_some());
        let mut quiet = PacketCache::new(256, 8_192, 65_536);
        for i in 0..200 {
            quiet.insert(1_000_000 + i * 500_000, &entry(i, &[1; 1000]));
        }
        assert_eq!(quiet.bytes.len(), 8_192);
    }
}
