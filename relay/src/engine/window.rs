//! Which packet indices of one stream have been seen.

const WORDS: usize = 16;

/// How far behind the highest index a packet may come.
pub(crate) const WINDOW: u64 = WORDS as u64 * 64;

/// The highest index seen and a bitmap of the [`WINDOW`] indices up to it, used as a ring.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    highest: u64,
    seen: [u64; WORDS],
}

impl Window {
    /// A window that has seen nothing but `first`.
    pub(crate) fn new(first: u64) -> Self {
        let mut window = Self {
            highest: first,
            seen: [0; WORDS],
        };
        window.mark(first);
        window
    }

    /// The highest index seen.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `index` is new: neither seen nor too old to tell.
    pub(crate) fn is_new(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        self.highest - index < WINDOW && self.seen[word(index)] & bit(index) == 0
    }

    /// Records `index`; says whether it was new.
    pub(crate) fn insert(&mut self, index: u64) -> bool {
        if !self.is_new(index) {
            return false;
        }
        if index > self.highest {
            self.advance(index);
        }
        self.mark(index);
        true
    }

    fn advance(&mut self, index: u64) {
        let step = index - self.highest;
        if step >= WINDOW {
            self.seen = [0; WORDS];
        } else {
            for skipped in self.highest + 1..=index {
                self.seen[word(skipped)] &= !bit(skipped);
            }
        }
        self.highest = index;
    }

    fn mark(&mut self, index: u64) {
        self.seen[word(index)] |= bit(index);
    }
}

fn word(index: u64) -> usize {
    (index / 64) as usize % WORDS
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

/// The most likely index (rollover counter and sequence number) of a packet, given the highest seen (RFC 3711 §3.3.1).
pub(crate) fn estimate(highest: Option<u64>, sequence: u16) -> u64 {
    let Some(highest) = highest else {
        return u64::from(sequence);
    };
    let roc = highest >> 16;
    let distance = i64::from(sequence) - i64::from(highest as u16);
    let roc = if distance > 1 << 15 {
        roc.saturating_sub(1)
    } else if distance < -(1 << 15) {
        roc + 1
    } else {
        roc
    };
    roc << 16 | u64::from(sequence)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_new_twice(first in 0_u64..5_000, steps in proptest::collection::vec(-1_500_i64..1_500, 1..400)) {
            let mut window = Window::new(first);
            let mut seen = HashSet::from([first]);
            let mut highest = first;
            let mut at = first;
            for step in steps {
                at = at.saturating_add_signed(step);
                let expected = !seen.contains(&at) && at + WINDOW > highest;
                prop_assert_eq!(window.insert(at), expected);
                if expected {
                    seen.insert(at);
                    highest = highest.max(at);
                }
                prop_assert_eq!(window.highest(), highest);
            }
        }

        #[test]
        fn an_index_is_guessed_from_its_low_bits(highest in 40_000_u64..1 << 40, step in -32_000_i64..32_000) {
            let index = highest.saturating_add_signed(step);
            prop_assert_eq!(estimate(Some(highest), index as u16), index);
        }
    }
}
