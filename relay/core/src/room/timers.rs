//! Deadlines of one room, ordered, one per purpose.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Instant,
};

/// Deadlines by key: setting one again moves it.
#[derive(Debug)]
pub(super) struct Timers<K> {
    by_key: HashMap<K, Instant>,
    by_time: BTreeSet<(Instant, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            by_time: BTreeSet::new(),
        }
    }
}

impl<K: Clone + Eq + Ord + Hash> Timers<K> {
    /// Wakes at `at`, replacing an earlier deadline of the same key.
    pub(super) fn set(&mut self, key: K, at: Instant) {
        self.clear(&key);
        self.by_key.insert(key.clone(), at);
        self.by_time.insert((at, key));
    }

    /// Like [`Timers::set`], but an existing deadline stays.
    pub(super) fn set_if_idle(&mut self, key: K, at: Instant) {
        if !self.by_key.contains_key(&key) {
            self.set(key, at);
        }
    }

    /// Like [`Timers::set`], but an earlier deadline stays.
    pub(super) fn hasten(&mut self, key: K, at: Instant) {
        if self.by_key.get(&key).is_none_or(|known| at < *known) {
            self.set(key, at);
        }
    }

    /// Forgets the deadline of `key`.
    pub(super) fn clear(&mut self, key: &K) {
        if let Some(at) = self.by_key.remove(key) {
            self.by_time.remove(&(at, key.clone()));
        }
    }

    /// Takes one deadline that has passed.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn deadlines_come_in_order_and_move_when_set_again() {
        let start = crate::room::tests::origin();
        let mut timers = Timers::default();
        timers.set("b", start + Duration::from_secs(2));
        timers.set("a", start + Duration::from_secs(1));
        timers.set("a", start + Duration::from_secs(3));
        timers.set_if_idle("b", start);
        timers.hasten("b", start + Duration::from_secs(4));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(2)));
        assert_eq!(timers.take_due(start + Duration::from_secs(1)), None);
        let late = start + Duration::from_secs(9);
        assert_eq!(timers.take_due(late), Some("b"));
        timers.clear(&"a");
        assert_eq!(timers.take_due(late), None);
    }
}
