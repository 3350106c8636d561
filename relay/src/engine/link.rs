//! Ways to a client beside the UDP port: a TCP connection, an allocation of our TURN server.
//!
//! Whoever owns such a way opens a link at the [`Gate`] and hands whole datagrams in; those for the client come out at
//! its [`Sink`]. The workers treat a link as they treat an address: a check proves it, and then it belongs to a transport.

use std::{
    fmt,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;

use super::{
    directory::Directory,
    stun::Request,
    worker::{WorkerHandle, WorkerInput},
};

/// Datagrams let through before a check has proven whom the link belongs to.
const EARLY: u32 = 100;
/// Datagrams of one link that may wait at its worker: what a client sends within about a second.
const MAX_WAITING: usize = 256;
/// Inputs that may wait at a worker before no link adds to them: a bound of memory, out of reach of a few links.
const MAX_LAG: usize = 1 << 16;

/// Names a link; not used again before four thousand million others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(u32);

/// Where a datagram came from, and the way back there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Path {
    /// The UDP port, and the client's address.
    Udp(SocketAddr),
    /// A link.
    Link(LinkId),
}

/// Takes datagrams for a client. It is called from the threads of media, and may not wait.
pub(crate) trait Sink: fmt::Debug + Send + Sync {
    /// Takes a datagram; false when it is dropped instead.
    fn send(&self, datagram: &[u8]) -> bool;
}

/// A link as the workers see it.
#[derive(Debug)]
pub(crate) struct Link {
    id: LinkId,
    /// As which the client is seen at this end.
    address: SocketAddr,
    sink: Arc<dyn Sink>,
    proven: AtomicBool,
    /// The transport that it belonged to is gone.
    closed: AtomicBool,
    /// Datagrams that wait at the worker.
    waiting: AtomicUsize,
}

/// Why a datagram of a link was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// It came before the first check, or was one too many before the first good one.
    Stranger,
    /// The worker has still to take those before.
    Lagging,
    /// The transport that the link belonged to is gone.
    Closed,
}

impl Link {
    pub(super) fn id(&self) -> LinkId {
        self.id
    }

    /// The worker has taken one of the datagrams that wait.
    pub(super) fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Lets nothing through any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Sends a datagram to the client; false when it is dropped.
    pub(super) fn send(&self, datagram: &[u8]) -> bool {
        !self.closed.load(Ordering::Relaxed) && self.sink.send(datagram)
    }
}

/// The way to a client, with all that is needed to send there.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// From the UDP port to this address.
    Udp(SocketAddr),
    /// By a link.
    Link(Arc<Link>),
}

impl Way {
    /// The address that the client is seen at.
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(address) => *address,
            Self::Link(link) => link.address,
        }
    }

    /// A check came from there, signed with the password of one of our transports.
    pub(super) fn prove(&self) {
        if let Self::Link(link) = self {
            link.proven.store(true, Ordering::Relaxed);
        }
    }

    /// Sends a datagram there; false when it is dropped.
    pub(crate) fn send(&self, socket: &UdpSocket, datagram: &[u8]) -> bool {
        match self {
            Self::Udp(address) => socket.send_to(datagram, address).is_ok(),
            Self::Link(link) => link.send(datagram),
        }
    }
}

/// Where links come in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    workers: Vec<WorkerHandle>,
    directory: Option<Arc<Directory>>,
    ids: Arc<AtomicU32>,
}

impl Gate {
    pub(super) fn new(workers: Vec<WorkerHandle>, directory: Option<Arc<Directory>>, ids: Arc<AtomicU32>) -> Self {
        Self {
            workers,
            directory,
            ids,
        }
    }

    /// Opens a link to a client that is seen at `address`, and reached through `sink`.
    pub(crate) fn open(&self, address: SocketAddr, sink: Arc<dyn Sink>) -> Inlet {
        let link = Link {
            id: LinkId(self.ids.fetch_add(1, Ordering::Relaxed)),
            address,
            sink,
            proven: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        };
        Inlet {
            gate: self.clone(),
            link: Arc::new(link),
            worker: None,
            early: 0,
        }
    }

    /// The worker that has the transport which a check is for.
    fn worker(&self, check: &[u8]) -> Option<usize> {
        let request = Request::parse(check)?;
        let ufrag = request.local_ufrag?;
        match &self.directory {
            Some(directory) => directory.worker(ufrag),
            None => Some(0),
        }
    }
}

/// The owner's end of a link. Dropping it closes the link.
#[derive(Debug)]
pub(crate) struct Inlet {
    gate: Gate,
    link: Arc<Link>,
    /// The worker that knows the link: the one for which the first check came.
    worker: Option<usize>,
    early: u32,
}

impl Inlet {
    /// Takes a datagram of the client.
    ///
    /// # Errors
    /// When it is dropped.
    pub(crate) fn handle(&mut self, datagram: &[u8]) -> Result<(), Dropped> {
        let worker = match self.worker {
            Some(worker) => worker,
            None => {
                let worker = self.gate.worker(datagram).ok_or(Dropped::Stranger)?;
                self.worker = Some(worker);
                self.gate.workers[worker].send(WorkerInput::LinkOpened(self.link.clone()));
                worker
            }
        };
        if self.is_closed() {
            return Err(Dropped::Closed);
        }
        let handle = &self.gate.workers[worker];
        // Only this end adds, so the count cannot grow in between.
        if self.link.waiting.load(Ordering::Relaxed) >= MAX_WAITING || handle.waiting() >= MAX_LAG {
            return Err(Dropped::Lagging);
        }
        if !self.is_proven() {
            self.early += 1;
            if self.early > EARLY {
                return Err(Dropped::Stranger);
            }
        }
        self.link.waiting.fetch_add(1, Ordering::Relaxed);
        handle.send(WorkerInput::FromLink(self.link.id, Bytes::copy_from_slice(datagram)));
        Ok(())
    }

    /// Whether the transport that the client belonged to is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.link.closed.load(Ordering::Relaxed)
    }

    /// As a check of the client does.
    #[cfg(test)]
    pub(crate) fn prove(&self) {
        self.link.proven.store(true, Ordering::Relaxed);
    }

    /// Whether the client has shown to belong here.
    pub(crate) fn is_proven(&self) -> bool {
        self.link.proven.load(Ordering::Relaxed)
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        if let Some(worker) = self.worker {
            self.gate.workers[worker].send(WorkerInput::LinkClosed(self.link.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::Receiver;

    use super::*;
    use crate::engine::{fuzzing::signed, sys::Waker};

    #[derive(Debug)]
    struct Nowhere;

    impl Sink for Nowhere {
        fn send(&self, _: &[u8]) -> bool {
            false
        }
    }

    /// A gate to a worker that takes nothing by itself.
    fn gate() -> (Gate, Receiver<WorkerInput>) {
        let (sender, inputs) = crossbeam_channel::unbounded();
        let worker = WorkerHandle::new(sender, Arc::new(Waker::new().expect("a waker")));
        (Gate::new(vec![worker], None, Arc::default()), inputs)
    }

    fn open(gate: &Gate) -> Inlet {
        gate.open(([192, 0, 2, 1], 9).into(), Arc::new(Nowhere))
    }

    fn check() -> Vec<u8> {
        signed(b"\0\x06\0\x09frag:them\0\0\0")
    }

    #[test]
    fn who_floods_a_worker_that_lags_is_bounded_and_costs_no_other_link() {
        let (gate, inputs) = gate();
        let (mut flood, mut other) = (open(&gate), open(&gate));
        flood.handle(&check()).expect("a check");
        flood.prove();
        let taken = (0..10_000).filter(|_| flood.handle(&[0x80; 100]).is_ok()).count();
        assert_eq!(taken, MAX_WAITING - 1);
        assert_eq!(flood.handle(&[0x80; 100]), Err(Dropped::Lagging));
        assert_eq!(other.handle(&check()), Ok(()));
        // The worker takes one: there is room for one.
        let link = inputs.try_iter().find_map(|input| match input {
            WorkerInput::LinkOpened(link) => Some(link),
            _ => None,
        });
        link.expect("opened").taken();
        assert_eq!(flood.handle(&[0x80; 100]), Ok(()));
        assert_eq!(flood.handle(&[0x80; 100]), Err(Dropped::Lagging));
    }

    #[test]
    fn who_is_not_proven_lags_like_others_and_is_a_stranger_only_after_a_hundred_that_were_looked_at() {
        let (gate, inputs) = gate();
        let mut inlet = open(&gate);
        assert_eq!(inlet.handle(b"no check"), Err(Dropped::Stranger));
        inlet.handle(&check()).expect("a check");
        inlet.link.waiting.store(MAX_WAITING, Ordering::Relaxed);
        for _ in 0..1_000 {
            assert_eq!(inlet.handle(&check()), Err(Dropped::Lagging));
        }
        inlet.link.waiting.store(0, Ordering::Relaxed);
        for _ in 1..EARLY {
            assert_eq!(inlet.handle(&check()), Ok(()));
        }
        assert_eq!(inlet.handle(&check()), Err(Dropped::Stranger));
        inlet.link.close();
        assert_eq!(inlet.handle(&check()), Err(Dropped::Closed));
        assert_eq!(inputs.len(), 1 + EARLY as usize);
    }
}
