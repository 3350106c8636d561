//! The tests' book of every nonce that a key of ours was ever used with on this thread.
//!
//! With AES-GCM two packets under one nonce give the authentication key and both texts away (RFC 7714 §8), so the promise
//! is about nonces and not about what the code above calls them: a key is its bytes, whoever holds it.

use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::DefaultHasher, hash_map::Entry},
    hash::{Hash, Hasher as _},
};

/// What was sealed so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// Packets.
    pub(crate) packets: u64,
    /// Nonces that a second packet was sealed with, whatever it held.
    pub(crate) repeated: u64,
    /// Those of them whose packets differed.
    pub(crate) broken: u64,
}

#[derive(Default)]
struct Ledger {
    /// Key and nonce, and a hash of what was sealed with them.
    texts: HashMap<([u8; 16], [u8; 16]), u64>,
    sealed: Sealed,
}

thread_local! {
    static LEDGER: RefCell<Ledger> = RefCell::default();
}

/// A packet is about to be sealed.
pub(super) fn note(key: &[u8; 16], nonce: &[u8; 16], around: impl Hash, text: &[u8]) {
    let mut hasher = DefaultHasher::new();
    (around, text).hash(&mut hasher);
    let hash = hasher.finish();
    LEDGER.with_borrow_mut(|ledger| {
        ledger.sealed.packets += 1;
        match ledger.texts.entry((*key, *nonce)) {
            Entry::Vacant(entry) => {
                entry.insert(hash);
            }
            Entry::Occupied(entry) => {
                ledger.sealed.repeated += 1;
                ledger.sealed.broken += u64::from(*entry.get() != hash);
            }
        }
    });
}

/// Closes the book: what was sealed since it was opened.
pub(crate) fn close() -> Sealed {
    LEDGER.take().sealed
}
