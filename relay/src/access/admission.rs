//! How many connections and allocations there may be, in all and of one owner.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Bits of an IPv6 address that name a customer's network; the rest, the customer chooses.
const NETWORK: u32 = 64;

/// Bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub total: usize,
    /// Of one owner.
    pub each: usize,
}

/// Why one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// There are too many.
    Full,
    /// This owner has too many.
    Owner,
}

/// Counts what owners hold.
#[derive(Debug)]
pub(super) struct Admission<Owner> {
    limits: Limits,
    held: Arc<Mutex<Held<Owner>>>,
}

#[derive(Debug)]
struct Held<Owner> {
    total: usize,
    by_owner: HashMap<Owner, usize>,
}

impl<Owner: Eq + Hash + Clone> Admission<Owner> {
    /// Nothing held.
    pub(super) fn new(limits: Limits) -> Self {
        let held = Held {
            total: 0,
            by_owner: HashMap::new(),
        };
        Self {
            limits,
            held: Arc::new(Mutex::new(held)),
        }
    }

    /// What is held now, in all.
    pub(super) fn total(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// Admits one more of this owner, for as long as the answer lives.
    pub(super) fn admit(&self, owner: Owner) -> Result<Admitted<Owner>, Refused> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.total >= self.limits.total {
            return Err(Refused::Full);
        }
        let has = held.by_owner.get(&owner).copied().unwrap_or_default();
        if has >= self.limits.each {
            return Err(Refused::Owner);
        }
        held.by_owner.insert(owner.clone(), has + 1);
        held.total += 1;
        Ok(Admitted {
            held: self.held.clone(),
            owner,
        })
    }
}

/// One that was admitted.
#[derive(Debug)]
pub(super) struct Admitted<Owner: Eq + Hash + Clone> {
    held: Arc<Mutex<Held<Owner>>>,
    owner: Owner,
}

impl<Owner: Eq + Hash + Clone> Drop for Admitted<Owner> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total -= 1;
        if let Entry::Occupied(mut has) = held.by_owner.entry(self.owner.clone()) {
            *has.get_mut() -= 1;
            if *has.get() == 0 {
                has.remove();
            }
        }
    }
}

/// The owner of what comes from an address: the address, or with IPv6 the network that it is of.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from(v6.to_bits() >> (128 - NETWORK) << (128 - NETWORK)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_owner_and_all_together_are_bounded_until_some_go() {
        let admission = Admission::new(Limits { total: 3, each: 2 });
        let first = admission.admit("a").expect("room");
        let second = admission.admit("a").expect("room");
        assert_eq!(admission.admit("a").err(), Some(Refused::Owner));
        let third = admission.admit("b").expect("room");
        assert_eq!(admission.admit("c").err(), Some(Refused::Full));
        drop(first);
        let fourth = admission.admit("c").expect("room");
        assert_eq!(admission.total(), 3);
        drop((second, third, fourth));
        assert_eq!(admission.total(), 0);
        assert!(admission.held.lock().expect("no panic").by_owner.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        assert_eq!(network(ip("2001:db8:0:1::1")), network(ip("2001:db8:0:1:ffff::9")));
        assert_ne!(network(ip("2001:db8:0:1::1")), network(ip("2001:db8:0:2::1")));
        assert_eq!(network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }
}
