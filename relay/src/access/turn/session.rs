//! What one client, known by the connection or address that it comes from, does at our TURN server.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use relay_core::room::Now;
use rtc::stun::{
    attributes::{ATTR_NONCE, ATTR_REALM, ATTR_XOR_RELAYED_ADDRESS},
    integrity::MessageIntegrity,
    message::{
        METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, METHOD_SEND,
        TransactionId,
    },
};

use super::{
    Back, REALM, Server,
    message::{Answer, Request},
};
use crate::{
    access::{
        admission::{Admitted, Refused},
        outflow::Weight,
    },
    engine::link::Inlet,
};

use sink::PeerSink;

/// Life of an allocation without a refresh (RFC 8656 §3.2), and the longest that is granted.
const LIFETIME: Duration = Duration::from_secs(600);
const MAX_LIFETIME: Duration = Duration::from_secs(3_600);
/// Life of a permission, and of a channel (RFC 8656 §9, §12).
const PERMISSION: Duration = Duration::from_secs(300);
const CHANNEL: Duration = Duration::from_secs(600);
/// Numbers of channels (RFC 8656 §12).
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4fff;
/// Number of UDP, the only transport that is relayed.
const UDP: u8 = 17;

/// One client.
#[derive(Debug)]
pub(in crate::access) struct Session {
    server: Arc<Server>,
    client: SocketAddr,
    back: Back,
    allocation: Option<Allocation>,
}

#[derive(Debug)]
struct Allocation {
    user: String,
    /// Of MESSAGE-INTEGRITY.
    key: Vec<u8>,
    /// The request that it was made by: repeated, it is answered again.
    made_by: TransactionId,
    relayed: SocketAddr,
    until: Instant,
    permissions: Vec<(IpAddr, Instant)>,
    peers: Vec<Peer>,
    /// Its place among all.
    _admitted: Admitted<String>,
}

/// One of our media addresses, as an allocation deals with it.
#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    inlet: Inlet,
    sink: Arc<PeerSink>,
    channel: Option<(u16, Instant)>,
}

impl Session {
    /// Of a client at this address.
    pub(in crate::access) fn new(server: Arc<Server>, client: SocketAddr, back: Back) -> Self {
        Self {
            server,
            client,
            back,
            allocation: None,
        }
    }

    /// Whether there is anything to keep of it.
    pub(in crate::access) fn has_allocation(&self) -> bool {
        self.allocation.is_some()
    }

    /// When [`Session::handle_timeout`] is due.
    pub(in crate::access) fn poll_timeout(&self) -> Option<Instant> {
        let allocation = self.allocation.as_ref()?;
        let permissions = allocation.permissions.iter().map(|(_, until)| *until);
        let channels = allocation.peers.iter().filter_map(|peer| Some(peer.channel?.1));
        permissions.chain(channels).chain([allocation.until]).min()
    }

    /// Ends what was not refreshed.
    pub(in crate::access) fn handle_timeout(&mut self, now: Instant) {
        let Some(allocation) = &mut self.allocation else {
            return;
        };
        if allocation.until <= now {
            self.allocation = None;
            return;
        }
        allocation.permissions.retain(|(_, until)| now < *until);
        let permissions = &allocation.permissions;
        allocation.peers.retain_mut(|peer| {
            if peer.channel.is_some_and(|(_, until)| until <= now) {
                peer.channel = None;
                peer.sink.channel.store(0, Ordering::Relaxed);
            }
            let permitted = permissions.iter().any(|(ip, _)| *ip == peer.address.ip());
            peer.sink.permitted.store(permitted, Ordering::Relaxed);
            // A channel lives on without its permission, and serves again once that is renewed (RFC 8656 §9, §12).
            permitted || peer.channel.is_some()
        });
    }

    /// Takes a message: STUN, or ChannelData.
    pub(in crate::access) fn handle(&mut self, now: Now, message: &[u8]) {
        self.handle_timeout(now.at);
        if matches!(message, [0x40..0x50, ..]) {
            self.handle_channel_data(message);
        } else if let Some(request) = Request::parse(message) {
            match (request.is_indication(), request.method()) {
                (false, METHOD_BINDING) => self.answer(&Answer::success(&request).mapped(self.client).finish(None)),
                (false, _) => self.handle_request(now, request),
                (true, METHOD_SEND) => self.handle_send(&request),
                // A Binding indication keeps the way open.
                (true, METHOD_BINDING) => {}
                (true, _) => self.server.counts.turn_garbage.add(),
            }
        } else {
            self.server.counts.turn_garbage.add();
        }
    }

    fn handle_channel_data(&mut self, message: &[u8]) {
        let [c0, c1, l0, l1, rest @ ..] = message else {
            return;
        };
        let number = u16::from_be_bytes([*c0, *c1]);
        let data = rest.get(..usize::from(u16::from_be_bytes([*l0, *l1])));
        let bound = |peer: &&mut Peer| peer.channel.is_some_and(|(bound, _)| bound == number);
        if let (Some(allocation), Some(data)) = (&mut self.allocation, data)
            && let Some(peer) = allocation.peers.iter_mut().find(bound)
            && peer.sink.permitted.load(Ordering::Relaxed)
            && peer.handle(&self.server, allocation.relayed, data)
        {
            return;
        }
        self.server.counts.turn_dropped.add();
    }

    fn handle_send(&mut self, request: &Request) {
        if let (Some(allocation), Some(peer), Some(data)) = (&mut self.allocation, request.peer(), request.data())
            && self.server.relays_to(peer)
            && allocation.permits(peer.ip())
            && allocation.send(&self.server, &self.back, peer, data)
        {
            return;
        }
        self.server.counts.turn_dropped.add();
    }

    fn handle_request(&mut self, now: Now, mut request: Request) {
        let key = match self.authenticate(now, &mut request) {
            Ok(key) => key,
            Err(answer) => {
                self.server.counts.turn_unauthenticated.add();
                self.answer(&answer);
                return;
            }
        };
        let unknown = request.unknown();
        let result = if unknown.is_empty() {
            match request.method() {
                METHOD_ALLOCATE => self.allocate(now.at, &request, &key),
                METHOD_REFRESH => self.refresh(now, &request),
                METHOD_CREATE_PERMISSION => self.create_permission(now.at, &request),
                METHOD_CHANNEL_BIND => self.channel_bind(now.at, &request),
                _ => Err(400),
            }
        } else {
            Ok(Answer::error(&request, 420).unknown(&unknown))
        };
        let answer = result.unwrap_or_else(|code| {
            self.server.counts.turn_refused.add();
            Answer::error(&request, code)
        });
        self.answer(&answer.finish(Some((&key[..], self.server.crypto.crypto()))));
    }

    /// The key of a request that is what it says (RFC 8489 §9.2.4), or the answer that asks for credentials.
    fn authenticate(&self, now: Now, request: &mut Request) -> Result<Vec<u8>, Vec<u8>> {
        let (server, seconds) = (&self.server, now.unix_ms / 1_000);
        let ask = |request: &Request, code| {
            let nonce = server.credentials.nonce(seconds, self.client);
            let answer = Answer::error(request, code).add(ATTR_REALM, REALM.as_bytes());
            answer.add(ATTR_NONCE, nonce.as_bytes()).finish(None)
        };
        if !request.has_integrity() {
            return Err(ask(request, 401));
        }
        let (Some(user), Some(realm), Some(nonce)) = (request.user(), request.realm(), request.nonce()) else {
            return Err(Answer::error(request, 400).finish(None));
        };
        if realm != REALM.as_bytes() {
            return Err(ask(request, 401));
        }
        if !server.credentials.is_fresh(seconds, self.client, nonce) {
            return Err(ask(request, 438));
        }
        let key = match &self.allocation {
            // It may outlive its credentials while it is used; another user cannot take it over.
            Some(allocation) if allocation.user == user => Some(allocation.key.clone()),
            _ => server
                .credentials
                .password_at(seconds, user)
                .and_then(|password| self.key(user, password)),
        };
        match key {
            Some(key) if request.verify(&key, server.crypto.crypto()) => Ok(key),
            _ => Err(ask(request, 401)),
        }
    }

    fn key(&self, user: &str, password: String) -> Option<Vec<u8>> {
        let crypto = self.server.crypto.crypto();
        MessageIntegrity::long_term_integrity_key(user.to_owned(), REALM.to_owned(), password, crypto).ok()
    }

    fn allocate(&mut self, now: Instant, request: &Request, key: &[u8]) -> Result<Answer, u16> {
        if let Some(allocation) = &self.allocation {
            return match allocation.made_by == request.id() {
                true => Ok(self.allocated(now, request, allocation)),
                false => Err(437),
            };
        }
        match request.transport() {
            Some(UDP) => {}
            Some(_) => return Err(442),
            None => return Err(400),
        }
        let user = request.user().ok_or(400_u16)?.to_owned();
        let relayed = self.server.relayed(request.family()).ok_or(440_u16)?;
        // A session has other credentials whenever it comes back, and is the same owner.
        let owner = user.split_once(':').map_or(&*user, |(_, session)| session);
        let admitted = self
            .server
            .admission
            .admit(owner.to_owned())
            .map_err(|refused| match refused {
                Refused::Owner => 486_u16,
                Refused::Full => 508,
            })?;
        let allocation = Allocation {
            user,
            key: key.to_owned(),
            made_by: request.id(),
            relayed,
            until: now + lifetime(request),
            permissions: Vec::new(),
            peers: Vec::new(),
            _admitted: admitted,
        };
        self.server.counts.turn_allocated.add();
        let answer = self.allocated(now, request, &allocation);
        self.allocation = Some(allocation);
        Ok(answer)
    }

    fn allocated(&self, now: Instant, request: &Request, allocation: &Allocation) -> Answer {
        let left = allocation.until.saturating_duration_since(now).as_secs();
        Answer::success(request)
            .address(ATTR_XOR_RELAYED_ADDRESS, allocation.relayed)
            .lifetime(u32::try_from(left).unwrap_or(u32::MAX))
            .mapped(self.client)
    }

    /// The allocation that a request is about.
    fn allocation(&mut self, request: &Request) -> Result<&mut Allocation, u16> {
        match &mut self.allocation {
            Some(allocation) if Some(allocation.user.as_str()) == request.user() => Ok(allocation),
            Some(_) => Err(441),
            None => Err(437),
        }
    }

    fn refresh(&mut self, now: Now, request: &Request) -> Result<Answer, u16> {
        let server = self.server.clone();
        let allocation = match self.allocation(request) {
            // It is gone already, as was wished (RFC 8656 §8.2).
            Err(437) if request.lifetime() == Some(0) => return Ok(Answer::success(request).lifetime(0)),
            allocation => allocation?,
        };
        let good = server
            .credentials
            .password_at(now.unix_ms / 1_000, &allocation.user)
            .is_some();
        if !good && !allocation.is_used() {
            self.allocation = None;
            return Err(437);
        }
        let lifetime = match request.lifetime() {
            Some(0) => Duration::ZERO,
            _ => lifetime(request),
        };
        allocation.until = now.at + lifetime;
        self.handle_timeout(now.at);
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        Ok(Answer::success(request).lifetime(seconds))
    }

    fn create_permission(&mut self, now: Instant, request: &Request) -> Result<Answer, u16> {
        let server = self.server.clone();
        let allocation = self.allocation(request)?;
        let peers = request.peers().filter(|peers| !peers.is_empty()).ok_or(400_u16)?;
        // All or none (RFC 8656 §10.2).
        for peer in &peers {
            allocation.may_reach(&server, peer.ip())?;
        }
        for peer in peers {
            allocation.permit(peer.ip(), now + PERMISSION);
        }
        Ok(Answer::success(request))
    }

    fn channel_bind(&mut self, now: Instant, request: &Request) -> Result<Answer, u16> {
        let (server, back) = (self.server.clone(), self.back.clone());
        let allocation = self.allocation(request)?;
        let (Some(number), Some(address)) = (request.channel(), request.peer()) else {
            return Err(400);
        };
        if !CHANNELS.contains(&number) {
            return Err(400);
        }
        allocation.may_reach(&server, address.ip())?;
        if !server.relays_to(address) {
            return Err(403);
        }
        let bound = |peer: &Peer| peer.channel.map(|(number, _)| number);
        let taken = |peer: &Peer| bound(peer) == Some(number) && peer.address != address;
        let other = |peer: &Peer| peer.address == address && bound(peer).is_some_and(|bound| bound != number);
        if allocation.peers.iter().any(|peer| taken(peer) || other(peer)) {
            return Err(400);
        }
        allocation.permit(address.ip(), now + PERMISSION);
        let peer = allocation.peer(&server, &back, address);
        peer.channel = Some((number, now + CHANNEL));
        peer.sink.channel.store(number, Ordering::Relaxed);
        Ok(Answer::success(request))
    }

    fn answer(&self, answer: &[u8]) {
        if !self.back.send(answer, &[], Weight::Control) {
            self.server.counts.turn_dropped.add();
        }
    }
}

impl Allocation {
    /// An address of another family than the relayed one is 443, one that is not ours 403.
    fn may_reach(&self, server: &Server, peer: IpAddr) -> Result<(), u16> {
        if peer.is_ipv4() != self.relayed.is_ipv4() {
            return Err(443);
        }
        if server.serves(peer) { Ok(()) } else { Err(403) }
    }

    /// Whether a client that is in a room sends by it.
    fn is_used(&self) -> bool {
        let live = |peer: &Peer| peer.inlet.is_proven() && !peer.inlet.is_closed();
        self.peers.iter().any(live)
    }

    fn permits(&self, peer: IpAddr) -> bool {
        self.permissions.iter().any(|(ip, _)| *ip == peer)
    }

    fn permit(&mut self, ip: IpAddr, until: Instant) {
        match self.permissions.iter_mut().find(|(permitted, _)| *permitted == ip) {
            Some((_, end)) => *end = until,
            None => self.permissions.push((ip, until)),
        }
        for peer in self.peers.iter().filter(|peer| peer.address.ip() == ip) {
            peer.sink.permitted.store(true, Ordering::Relaxed);
        }
    }

    /// Hands a datagram to one of our addresses; false when it is dropped.
    fn send(&mut self, server: &Server, back: &Back, address: SocketAddr, data: &[u8]) -> bool {
        let relayed = self.relayed;
        self.peer(server, back, address).handle(server, relayed, data)
    }

    /// The dealings with one of our addresses, to which there is a permission, begun if they have not.
    fn peer(&mut self, server: &Server, back: &Back, address: SocketAddr) -> &mut Peer {
        let at = self.peers.iter().position(|peer| peer.address == address);
        let at = at.unwrap_or_else(|| {
            let sink = Arc::new(PeerSink {
                back: back.clone(),
                peer: address,
                channel: AtomicU16::new(0),
                permitted: AtomicBool::new(true),
            });
            self.peers.push(Peer {
                address,
                inlet: server.gate.open(self.relayed, sink.clone()),
                sink,
                channel: None,
            });
            self.peers.len() - 1
        });
        &mut self.peers[at]
    }
}

impl Peer {
    /// Hands a datagram in; false when it is dropped. A link whose transport is gone makes room for another one.
    fn handle(&mut self, server: &Server, relayed: SocketAddr, data: &[u8]) -> bool {
        if self.inlet.is_closed() {
            self.inlet = server.gate.open(relayed, self.sink.clone());
        }
        self.inlet.handle(data).is_ok()
    }
}

fn lifetime(request: &Request) -> Duration {
    let asked = request
        .lifetime()
        .map_or(LIFETIME, |seconds| Duration::from_secs(seconds.into()));
    asked.clamp(LIFETIME, MAX_LIFETIME)
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod sink;
#[cfg(test)]
mod tests;
