//! Which worker a client belongs to. The kernel spreads clients over the workers' sockets by address, without
//! knowing rooms: a datagram received by the wrong worker is handed over.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use relay_core::types::{IceCredentials, TransportId};

use super::{
    ice::MAX_CREDENTIALS,
    worker::{WorkerHandle, WorkerInput},
};

/// Addresses whose worker is remembered; beyond, all are learnt anew.
const MAX_ROUTES: usize = 1 << 16;
/// Inputs that may wait at another worker before its datagrams are dropped.
const MAX_LAG: usize = 1 << 14;

/// Workers, and the user fragments of the transports on each. Read only for the first check of an address.
#[derive(Debug, Default)]
pub(super) struct Directory {
    workers: OnceLock<Vec<WorkerHandle>>,
    fragments: RwLock<Fragments>,
}

#[derive(Debug, Default)]
struct Fragments {
    by_ufrag: HashMap<String, usize>,
    /// Oldest first; the worker knows no more of them either.
    of: HashMap<TransportId, VecDeque<String>>,
}

impl Directory {
    /// Names the workers, once they have started.
    pub(super) fn set_workers(&self, workers: Vec<WorkerHandle>) {
        let _ = self.workers.set(workers);
    }

    /// The transport with these local credentials is on that worker.
    pub(super) fn insert(&self, ice: &IceCredentials, worker: usize, id: TransportId) {
        let mut fragments = self.fragments.write().unwrap_or_else(PoisonError::into_inner);
        let Fragments { by_ufrag, of } = &mut *fragments;
        let known = of.entry(id).or_default();
        if known.len() == MAX_CREDENTIALS
            && let Some(oldest) = known.pop_front()
        {
            by_ufrag.remove(&oldest);
        }
        known.push_back(ice.ufrag.clone());
        by_ufrag.insert(ice.ufrag.clone(), worker);
    }

    /// The worker that has the transport of this user fragment.
    pub(super) fn worker(&self, ufrag: &str) -> Option<usize> {
        let fragments = self.fragments.read().unwrap_or_else(PoisonError::into_inner);
        fragments.by_ufrag.get(ufrag).copied()
    }

    /// The transport is closed.
    pub(super) fn remove(&self, id: TransportId) {
        let mut fragments = self.fragments.write().unwrap_or_else(PoisonError::into_inner);
        for ufrag in fragments.of.remove(&id).unwrap_or_default() {
            fragments.by_ufrag.remove(&ufrag);
        }
    }
}

/// One worker's view of the others.
#[derive(Debug)]
pub(super) struct Routes {
    me: usize,
    /// `None` when there is one worker only.
    directory: Option<Arc<Directory>>,
    by_address: HashMap<SocketAddr, usize>,
}

impl Routes {
    pub(super) fn new(me: usize, directory: Option<Arc<Directory>>) -> Self {
        Self {
            me,
            directory,
            by_address: HashMap::new(),
        }
    }

    /// The other worker that has the transport of this user fragment.
    pub(super) fn by_ufrag(&self, ufrag: &str) -> Option<usize> {
        let worker = self.directory.as_ref()?.worker(ufrag)?;
        (worker != self.me).then_some(worker)
    }

    /// The other worker that has the transport of this address.
    pub(super) fn by_address(&self, address: SocketAddr) -> Option<usize> {
        self.by_address.get(&address).copied()
    }

    /// Remembers a route.
    pub(super) fn learn(&mut self, address: SocketAddr, worker: usize) {
        if self.by_address.len() >= MAX_ROUTES {
            self.by_address.clear();
        }
        self.by_address.insert(address, worker);
    }

    /// Forgets a route, if it leads to that worker.
    pub(super) fn unlearn(&mut self, address: SocketAddr, worker: usize) {
        if self.by_address(address) == Some(worker) {
            self.by_address.remove(&address);
        }
    }

    /// Tells the worker that handed a proven client's datagram over to do so from now on.
    pub(super) fn teach(&self, worker: usize, address: SocketAddr) {
        self.send(worker, WorkerInput::Route(address, self.me));
    }

    /// Tells the worker that handed a datagram over that it is of nobody here.
    pub(super) fn unteach(&self, worker: usize, address: SocketAddr) {
        self.send(worker, WorkerInput::Unroute(address, self.me));
    }

    /// Sends to another worker, unless it lags far behind.
    pub(super) fn send(&self, worker: usize, input: WorkerInput) {
        let handle = self
            .directory
            .as_ref()
            .and_then(|directory| directory.workers.get())
            .and_then(|workers| workers.get(worker));
        if let Some(handle) = handle
            && handle.waiting() < MAX_LAG
        {
            handle.send(input);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_is_known_by_its_latest_user_fragments_and_by_none_once_closed() {
        let directory = Directory::default();
        let ice = |n: u32| IceCredentials {
            ufrag: format!("u{n}"),
            pwd: "p".repeat(22),
        };
        directory.insert(&ice(1_000), 0, TransportId(2));
        for n in 0..1_000 {
            directory.insert(&ice(n), 1, TransportId(1));
        }
        let known = (0..1_000).filter(|n| directory.worker(&format!("u{n}")) == Some(1));
        assert_eq!(known.collect::<Vec<_>>(), [996, 997, 998, 999]);
        directory.remove(TransportId(1));
        assert_eq!((directory.worker("u999"), directory.worker("u1000")), (None, Some(0)));
        directory.remove(TransportId(2));
        let fragments = directory.fragments.read().expect("no panic");
        assert!(fragments.by_ufrag.is_empty() && fragments.of.is_empty());
    }
}
