//! What was read lately, by name. Old and new alike go when too much is remembered.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

/// How much is remembered; beyond it all is forgotten.
const MOST: usize = 10_000;

pub(super) struct Recent<K, T>(Mutex<HashMap<K, (T, Timestamp)>>);

impl<K, T> Default for Recent<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, T> fmt::Debug for Recent<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent(..)")
    }
}

impl<K: Hash + Eq, T: Clone> Recent<K, T> {
    /// What was read of it less than `fresh` ago.
    pub(super) fn find(&self, name: &K, now: Timestamp, fresh: SignedDuration) -> Option<T> {
        let known = self.0.lock().ok()?;
        known
            .get(name)
            .filter(|(_, since)| now.duration_since(*since).abs() < fresh)
            .map(|(read, _)| read.clone())
    }

    /// Remembers what was read now.
    pub(super) fn keep(&self, name: K, read: T, now: Timestamp) {
        if let Ok(mut known) = self.0.lock() {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(name, (read, now));
        }
    }
}
