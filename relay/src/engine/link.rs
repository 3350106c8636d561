//! Ways to a client beside the UDP port: a TCP connection, an allocation of our TURN server.
//!
//! Whoever owns such a way opens a link at the [`Gate`] and hands whole datagrams in; those for the client come out at
//! its [`Sink`]. The workers treat a link as they treat an address: a check proves it, and then it belongs to a transport.

use std::{
    fmt,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
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
/// Inputs that may wait at a worker before a link's datagrams are dropped.
const MAX_LAG: usize = 1 << 13;

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
}

impl Link {
    pub(super) fn id(&self) -> LinkId {
        self.id
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
    /// Takes a datagram of the client; false when it is dropped: before the first check, or too many before the first
    /// good one, or when the worker lags behind.
    pub(crate) fn handle(&mut self, datagram: &[u8]) -> bool {
        let worker = match self.worker {
            Some(worker) => worker,
            None => {
                let Some(worker) = self.gate.worker(datagram) else {
                    return false;
                };
                self.worker = Some(worker);
                self.gate.workers[worker].send(WorkerInput::LinkOpened(self.link.clone()));
                worker
            }
        };
        if !self.is_proven() {
            self.early += 1;
            if self.early > EARLY {
                return false;
            }
        }
        let handle = &self.gate.workers[worker];
        if self.is_closed() || handle.waiting() >= MAX_LAG {
            return false;
        }
        handle.send(WorkerInput::FromLink(self.link.id, Bytes::copy_from_slice(datagram)));
        true
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
