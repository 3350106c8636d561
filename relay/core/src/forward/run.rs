//! The sequence map of one sink: which packet of which layer went out under which number.
//!
//! Packets of one layer go out in **runs**: within a run the outgoing number is the incoming one plus a constant, and
//! so is the timestamp. A run begins at each switch of layers, right behind the highest number sent so far, so that
//! the subscriber sees no gap. Runs of the near past are kept to answer NACKs.

use super::rewrite::{Last, Shift};

/// Runs remembered.
const KEPT: usize = 8;

/// A stretch of packets with the same shifts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) layer: u8,
    in_start: u64,
    out_start: u64,
    /// Added to the timestamp.
    pub(super) ts_shift: u32,
    /// Added to the numbers of pictures.
    pub(super) shift: Shift,
}

/// The runs of one sink, newest last, and what was sent so far.
#[derive(Debug)]
pub(super) struct Runs {
    kept: [Run; KEPT],
    len: usize,
    /// The next number behind the highest one sent; never falls.
    next_out: u64,
    sent: SentGuard,
    last: Option<LastSent>,
}

/// The newest packet sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastSent {
    pub(super) layer: u8,
    /// Its timestamp at the publisher.
    pub(super) in_timestamp: u32,
    /// As sent.
    pub(super) timestamp: u32,
    /// When it came from the publisher.
    pub(super) arrived: u64,
    /// Its picture's numbers, as sent.
    pub(super) picture: Last,
}

impl Runs {
    /// A sink that has sent nothing; its first number will be `first`.
    pub(super) fn new(first: u64) -> Self {
        Self {
            kept: [Run::default(); KEPT],
            len: 0,
            next_out: first,
            sent: SentGuard::default(),
            last: None,
        }
    }

    /// Begins a run with the packet `in_start` of `layer`.
    pub(super) fn start(&mut self, layer: u8, in_start: u64, ts_shift: u32, shift: Shift) {
        if self.len == KEPT {
            self.kept.rotate_left(1);
            self.len -= 1;
        }
        self.kept[self.len] = Run {
            layer,
            in_start,
            out_start: self.next_out,
            ts_shift,
            shift,
        };
        self.len += 1;
    }

    /// The current run.
    pub(super) fn current(&self) -> Option<&Run> {
        self.kept[..self.len].last()
    }

    /// The number under which a packet of the current run goes out, once: the caller sends it.
    ///
    /// `None` for a packet from before the run or of another layer, and for one that was sent already.
    pub(super) fn send(&mut self, layer: u8, seq: u64) -> Option<(u64, Run)> {
        let run = *self.current()?;
        if run.layer != layer {
            return None;
        }
        let out = run.out_start + seq.checked_sub(run.in_start)?;
        if !self.sent.mark(out) {
            return None;
        }
        self.next_out = self.next_out.max(out + 1);
        Some((out, run))
    }

    /// Takes note of what was sent; only the packet with the highest number counts.
    pub(super) fn sent(&mut self, out: u64, last: LastSent) {
        if out + 1 == self.next_out {
            self.last = Some(last);
        }
    }

    pub(super) const fn last(&self) -> Option<&LastSent> {
        self.last.as_ref()
    }

    /// Nothing of what was sent has been received: times need not go on from it. Numbers still do.
    pub(super) const fn forget_last(&mut self) {
        self.last = None;
    }

    /// The number that the next packet gets at the least.
    pub(super) const fn next_out(&self) -> u64 {
        self.next_out
    }

    /// Whether the publisher's packet `seq` is part of the current run.
    pub(super) fn holds(&self, seq: u64) -> bool {
        self.current().is_some_and(|run| seq >= run.in_start)
    }

    /// The packet that went out under `out`: its run, and its number at the publisher.
    pub(super) fn find(&self, out: u64) -> Option<(&Run, u64)> {
        if out >= self.next_out || !self.sent.was_sent(out) {
            return None;
        }
        let run = self.kept[..self.len].iter().rev().find(|run| run.out_start <= out)?;
        Some((run, run.in_start + (out - run.out_start)))
    }

    /// Whether a packet of the current run: what went out before it is made up for by the keyframe that began it.
    pub(super) fn is_current(&self, out: u64) -> bool {
        self.current().is_some_and(|run| out >= run.out_start)
    }

    /// The extended form of a number that the subscriber names.
    pub(super) fn extend(&self, seq: u16) -> Option<u64> {
        let highest = self.next_out.checked_sub(1)?;
        let low = u16::try_from(highest & 0xffff).expect("masked");
        highest.checked_sub(u64::from(low.wrapping_sub(seq)))
    }
}

/// Numbers that a window looks back.
const WINDOW: u64 = 2048;
const WORDS: usize = 32;

/// Remembers which of the last numbers were used: a repeated (SSRC, index) with other bytes would give the key away
/// under AES-GCM, so this one is asked before every packet.
#[derive(Debug)]
struct SentGuard {
    bits: [u64; WORDS],
    /// Behind the highest number used.
    end: u64,
}

impl Default for SentGuard {
    fn default() -> Self {
        Self {
            bits: [0; WORDS],
            end: 0,
        }
    }
}

impl SentGuard {
    /// Whether `number` is unused; from now on it is used. Numbers older than the window count as used.
    fn mark(&mut self, number: u64) -> bool {
        if number >= self.end {
            let from = self.end.max((number + 1).saturating_sub(WINDOW));
            for fresh in from..=number {
                let (word, bit) = Self::place(fresh);
                self.bits[word] &= !bit;
            }
            self.end = number + 1;
        } else if number + WINDOW < self.end {
            return false;
        }
        let (word, bit) = Self::place(number);
        let unused = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        unused
    }

    fn was_sent(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        number < self.end && number + WINDOW >= self.end && self.bits[word] & bit != 0
    }

    fn place(number: u64) -> (usize, u64) {
        let place = usize::try_from(number % WINDOW).expect("below the window");
        (place / 64, 1 << (place % 64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_number_is_used_twice(steps in proptest::collection::vec((0_u64..40, 0_u64..60), 1..400)) {
            let mut guard = SentGuard::default();
            let mut used = std::collections::HashSet::new();
            let mut highest = 3_000_u64;
            for (ahead, back) in steps {
                highest += ahead;
                let number = highest - back;
                prop_assert_eq!(guard.mark(number), used.insert(number));
                prop_assert!(guard.was_sent(number));
            }
        }

        #[test]
        fn every_packet_of_every_run_is_found_again(runs in proptest::collection::vec((0_u8..3, 0_u64..100_000, 1_u64..50), 1..20)) {
            let mut map = Runs::new(500);
            let mut sent = std::collections::VecDeque::new();
            for (i, (layer, start, count)) in runs.iter().enumerate() {
                map.start(*layer, *start, u32::try_from(i).expect("small"), Shift::default());
                for seq in *start..start + count {
                    // Every fifth is lost before it came to us.
                    if seq % 5 != 0 {
                        let (out, run) = map.send(*layer, seq).expect("fresh");
                        prop_assert!(map.send(*layer, seq).is_none());
                        sent.push_back((i, out, run.layer, seq));
                    }
                }
            }
            prop_assert!(sent.iter().zip(sent.iter().skip(1)).all(|(a, b)| a.1 < b.1));
            let recent = runs.len().saturating_sub(KEPT);
            for (run, out, layer, seq) in sent {
                if run >= recent {
                    let low = u16::try_from(out & 0xffff).expect("masked");
                    prop_assert_eq!(map.extend(low), Some(out));
                    let (found, at) = map.find(out).expect("kept");
                    prop_assert_eq!((found.layer, at), (layer, seq));
                }
            }
        }
    }

    #[test]
    fn packets_from_before_a_run_are_not_sent() {
        let mut map = Runs::new(10);
        map.start(0, 100, 0, Shift::default());
        assert!(map.send(0, 99).is_none());
        assert!(map.send(1, 100).is_none());
        assert_eq!(map.send(0, 102).map(|(out, _)| out), Some(12));
        assert_eq!(map.send(0, 101).map(|(out, _)| out), Some(11));
        map.start(1, 7, 0, Shift::default());
        assert_eq!(map.send(1, 7).map(|(out, _)| out), Some(13));
        assert!(map.send(0, 103).is_none());
    }
}
