//! Turns at signing in: tries that count against the same limit are made one after the other within a process.

use std::hash::{BuildHasher, Hash, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// How many turns there are; tries of different people rarely wait for each other.
const LANES: usize = 64;

/// The turns of one process.
#[derive(Debug)]
pub(crate) struct SignIns {
    lanes: [Mutex<()>; LANES],
    hasher: RandomState,
}

impl Default for SignIns {
    fn default() -> Self {
        Self {
            lanes: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }
}

impl SignIns {
    /// Waits until no other try of the same `who` is made.
    pub(crate) async fn turn(&self, who: &impl Hash) -> MutexGuard<'_, ()> {
        let lane = self.hasher.hash_one(who) % LANES as u64;
        self.lanes[usize::try_from(lane).unwrap_or_default()].lock().await
    }
}
