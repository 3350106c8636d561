//! Maps keyed by numbers of 32 bits: SSRCs, and ids that wrap one.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A map from a number, or from an id that is one.
///
/// The hash is cheap and not keyed. Who picks bad SSRCs slows down only the packets of their own transport, whose map
/// is bounded by its layers; ids are minted by us.
pub type IntMap<V, K = u32> = HashMap<K, V, BuildHasherDefault<IntHasher>>;

/// Multiplies by the golden ratio, so that high and low bits both vary.
#[derive(Debug, Default, Clone, Copy)]
pub struct IntHasher(u64);

impl Hasher for IntHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        let mixed = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
