//! The ICE-lite side of all transports of one worker (RFC 8445 §2.5): who a datagram comes from, and where to answer.
//!
//! A client proves a path (an address of UDP, or a link) by a Binding request signed with our password. What comes by a
//! proven path belongs to its transport; media goes by the path that the client nominated last.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    time::{Duration, Instant},
};

use relay_core::{
    intmap::IntMap,
    types::{IceCredentials, TransportId},
};
use ring::hmac;

use super::{
    link::Path,
    stun::{self, MAX_ANSWER, Request, TransactionId},
    sys,
};
use crate::limit::PerSecond;

/// Proven paths of one transport; the oldest makes room for another.
const MAX_PATHS: usize = 16;
/// Generations of local credentials of one transport.
pub(super) const MAX_CREDENTIALS: usize = 4;
/// Transactions remembered per transport, to refuse a copy sent from elsewhere.
const MAX_TRANSACTIONS: usize = 256;
/// Silence of the chosen address after which a check from elsewhere chooses, though it does not say so: behind a NAT
/// that rebinds, some clients never nominate again.
const STALE: Duration = Duration::from_secs(4);
/// So long who was followed to another address is not followed on: what waited on the way from the former one is late, and
/// newer than all of its kind nevertheless.
const SETTLED: Duration = Duration::from_millis(50);
/// Answers per second to requests without credentials: this port also serves as a STUN server.
const ANONYMOUS_PER_SECOND: u32 = 1_000;
/// Datagrams of DTLS that one transport may send in a second: 38 Mbit/s of data messages.
const DTLS_PER_SECOND: u32 = 4_000;

/// What a Binding request led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send that many bytes of the answer back.
    Answer {
        /// Length of the answer.
        len: usize,
        /// The transport of the client, when it proved to be one.
        of: Option<TransportId>,
        /// Media goes elsewhere from now on: to where the request came from.
        moved: bool,
    },
    /// Not for a transport of this worker.
    Unknown,
    /// Forged, replayed or too many: no answer.
    Refused,
}

/// A transport that fell silent or spoke again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// No check for as long as it takes to call a client gone.
    Gone(TransportId),
    /// A check after that.
    Back(TransportId),
}

/// How long silence lasts before it means something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Nothing is sent any more.
    pub(crate) pause: Duration,
    /// The client is gone.
    pub(crate) disconnect: Duration,
}

/// Whose path it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Its transport.
    pub(crate) id: TransportId,
    /// The transport was followed to another address from this one: what is newer than all before takes it back.
    pub(crate) left: bool,
}

#[derive(Debug)]
struct Credential {
    ufrag: String,
    key: hmac::Key,
    generation: u32,
}

#[derive(Debug)]
struct Agent {
    credentials: Vec<Credential>,
    /// Newest generation of credentials that a check used, and when one first did.
    used: Option<(u32, Instant)>,
    /// Those of which `by_path` names it the owner.
    paths: Vec<Path>,
    selected: Option<Path>,
    /// Where it was followed from, and when.
    left: Option<(Path, Instant)>,
    nominated: bool,
    /// Recent transactions and a hash of where each came from, as a ring.
    transactions: Vec<(TransactionId, u64)>,
    oldest: usize,
    /// Its last check, or media.
    last_heard: Option<Instant>,
    /// Last check from the selected address.
    selected_check: Option<Instant>,
    paused: bool,
    gone: bool,
    /// DTLS that it sent.
    dtls: Option<PerSecond>,
}

impl Agent {
    /// A path is not its any more. If it was the chosen one, the next check chooses.
    fn lose(&mut self, path: Path) {
        self.paths.retain(|known| *known != path);
        if self.selected == Some(path) {
            self.selected = None;
            self.selected_check = None;
        }
        self.left = self.left.filter(|(left, _)| *left != path);
    }

    /// Whether a copy of this transaction came from elsewhere before.
    fn is_replay(&mut self, id: TransactionId, from: u64) -> bool {
        if let Some((_, origin)) = self.transactions.iter().find(|(seen, _)| *seen == id) {
            return *origin != from;
        }
        if self.transactions.len() < MAX_TRANSACTIONS {
            self.transactions.push((id, from));
        } else {
            self.transactions[self.oldest] = (id, from);
            self.oldest = (self.oldest + 1) % MAX_TRANSACTIONS;
        }
        false
    }
}

/// The agents of one worker.
#[derive(Debug)]
pub(crate) struct Agents {
    patience: Patience,
    agents: IntMap<Agent, TransportId>,
    by_ufrag: HashMap<String, TransportId>,
    by_path: HashMap<Path, Owner>,
    hasher: RandomState,
    anonymous: PerSecond,
}

impl Agents {
    /// Nobody yet.
    pub(crate) fn new(now: Instant, patience: Patience) -> Self {
        Self {
            patience,
            agents: IntMap::default(),
            by_ufrag: HashMap::new(),
            by_path: HashMap::new(),
            hasher: RandomState::new(),
            anonymous: PerSecond::new(now, ANONYMOUS_PER_SECOND),
        }
    }

    /// Accepts checks for a new transport.
    pub(crate) fn create(&mut self, id: TransportId, ice: &IceCredentials) {
        self.agents.entry(id).or_insert_with(|| Agent {
            credentials: Vec::new(),
            used: None,
            paths: Vec::new(),
            selected: None,
            left: None,
            nominated: false,
            transactions: Vec::new(),
            oldest: 0,
            last_heard: None,
            selected_check: None,
            paused: false,
            gone: false,
            dtls: None,
        });
        self.restart(id, ice);
    }

    /// Accepts checks with further credentials.
    pub(crate) fn restart(&mut self, id: TransportId, ice: &IceCredentials) {
        let Some(agent) = self.agents.get_mut(&id) else {
            return;
        };
        if self.by_ufrag.contains_key(&ice.ufrag) {
            return;
        }
        if agent.credentials.len() == MAX_CREDENTIALS {
            self.by_ufrag.remove(&agent.credentials.remove(0).ufrag);
        }
        let generation = agent.credentials.last().map_or(0, |c| c.generation + 1);
        agent.credentials.push(Credential {
            ufrag: ice.ufrag.clone(),
            key: stun::key(&ice.pwd),
            generation,
        });
        self.by_ufrag.insert(ice.ufrag.clone(), id);
    }

    /// Forgets a transport, and says what paths it had.
    pub(crate) fn remove(&mut self, id: TransportId) -> Vec<Path> {
        let Some(agent) = self.agents.remove(&id) else {
            return Vec::new();
        };
        for credential in agent.credentials {
            self.by_ufrag.remove(&credential.ufrag);
        }
        for path in &agent.paths {
            self.by_path.remove(path);
        }
        agent.paths
    }

    /// A path is no more. If it was the chosen one, the next check chooses.
    pub(crate) fn close(&mut self, path: Path) {
        let owner = self.by_path.remove(&path);
        if let Some(agent) = owner.and_then(|owner| self.agents.get_mut(&owner.id)) {
            agent.lose(path);
        }
    }

    /// The transport that proved this path.
    pub(crate) fn owner(&self, path: Path) -> Option<Owner> {
        self.by_path.get(&path).copied()
    }

    /// Where to send to: nowhere before the first check and while the transport is silent.
    pub(crate) fn destination(&self, id: TransportId) -> Option<Path> {
        let agent = self.agents.get(&id)?;
        if agent.paused { None } else { agent.selected }
    }

    /// Whether a transport may have one more datagram of DTLS handled: one thread does so for all.
    pub(crate) fn may_burden(&mut self, now: Instant, id: TransportId) -> bool {
        let Some(agent) = self.agents.get_mut(&id) else {
            return false;
        };
        let limit = agent.dtls.get_or_insert_with(|| PerSecond::new(now, DTLS_PER_SECOND));
        limit.take(now)
    }

    /// Prefetches what [`Agents::destination`] will read.
    pub(crate) fn prefetch(&self, id: TransportId) {
        if let Some(agent) = self.agents.get(&id) {
            sys::prefetch(agent);
        }
    }

    /// Whether a transport is one whose address may turn out to be another one: it is heard of, by UDP, and was not followed just
    /// now.
    pub(crate) fn may_move(&self, now: Instant, id: TransportId) -> bool {
        let left = self.agents.get(&id).and_then(|agent| agent.left);
        let settled = left.is_none_or(|(_, at)| now.saturating_duration_since(at) >= SETTLED);
        settled && matches!(self.destination(id), Some(Path::Udp(_)))
    }

    /// What is sent goes there from now on: from there came what only this client can have sealed, newer than all before. The
    /// former path stays its own, so that whoever sends a copy from elsewhere is left as soon as the client speaks again; the one
    /// before it does not.
    pub(crate) fn follow(&mut self, now: Instant, id: TransportId, to: Path) {
        let Some(former) = self.destination(id) else {
            return;
        };
        match self.agents.get(&id).and_then(|agent| agent.left) {
            Some((left, _)) if left != to => self.close(left),
            _ => {}
        }
        self.prove(id, to);
        self.by_path.insert(former, Owner { id, left: true });
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.selected = Some(to);
            agent.selected_check = Some(now);
            agent.left = Some((former, now));
        }
    }

    /// Takes a Binding request of a client that is seen at `seen`, and writes the answer, if there is one. A transport that
    /// was gone is told by `back`.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        (from, seen): (Path, SocketAddr),
        request: &Request<'_>,
        out: &mut [u8; MAX_ANSWER],
        back: &mut Option<Life>,
    ) -> Verdict {
        if request.is_anonymous() {
            return self.answer_anonymous(now, seen, request, out);
        }
        let Some(id) = request.local_ufrag.and_then(|ufrag| self.by_ufrag.get(ufrag)).copied() else {
            return Verdict::Unknown;
        };
        let origin = self.hasher.hash_one(from);
        let Some(agent) = self.agents.get_mut(&id) else {
            return Verdict::Unknown;
        };
        let Some(credential) = agent
            .credentials
            .iter()
            .find(|c| Some(c.ufrag.as_str()) == request.local_ufrag)
        else {
            return Verdict::Unknown;
        };
        if !request.is_signed_by(&credential.key) {
            return Verdict::Refused;
        }
        let (key, generation) = (credential.key.clone(), credential.generation);
        if agent.is_replay(request.id, origin) {
            return Verdict::Refused;
        }
        if request.claims_controlled {
            return Verdict::Answer {
                len: stun::write_role_conflict(out, &request.id, &key),
                of: Some(id),
                moved: false,
            };
        }
        agent.last_heard = Some(now);
        let newest = agent.used.map_or(0, |(generation, _)| generation);
        if agent.used.is_none() || generation > newest {
            agent.used = Some((generation, now));
        }
        let stale = agent.selected_check.is_none_or(|at| now.duration_since(at) >= STALE);
        // Checks of before a restart keep the pair alive, but choose no address any more.
        let chooses = generation >= newest && (request.nominates || !agent.nominated || stale);
        let moved = chooses && agent.selected != Some(from);
        if chooses {
            agent.selected = Some(from);
            agent.nominated |= request.nominates;
        }
        if agent.selected == Some(from) {
            agent.selected_check = Some(now);
        }
        agent.left = agent.left.filter(|(left, _)| *left != from);
        agent.paused = false;
        if std::mem::take(&mut agent.gone) {
            *back = Some(Life::Back(id));
        }
        self.prove(id, from);
        Verdict::Answer {
            len: stun::write_success(out, &request.id, seen, Some(&key)),
            of: Some(id),
            moved,
        }
    }

    fn answer_anonymous(
        &mut self,
        now: Instant,
        seen: SocketAddr,
        request: &Request<'_>,
        out: &mut [u8; MAX_ANSWER],
    ) -> Verdict {
        if !self.anonymous.take(now) {
            return Verdict::Refused;
        }
        Verdict::Answer {
            len: stun::write_success(out, &request.id, seen, None),
            of: None,
            moved: false,
        }
    }

    fn prove(&mut self, id: TransportId, from: Path) {
        match self.by_path.insert(from, Owner { id, left: false }) {
            Some(owner) if owner.id == id => return,
            // Nothing of the former owner goes there any more, nor ends with it.
            Some(former) => {
                if let Some(former) = self.agents.get_mut(&former.id) {
                    former.lose(from);
                }
            }
            None => {}
        }
        let Some(agent) = self.agents.get_mut(&id) else {
            return;
        };
        if agent.paths.contains(&from) {
            return;
        }
        if agent.paths.len() == MAX_PATHS {
            let oldest = usize::from(Some(agent.paths[0]) == agent.selected);
            let forgotten = agent.paths.remove(oldest);
            agent.left = agent.left.filter(|(left, _)| *left != forgotten);
            self.by_path.remove(&forgotten);
        }
        agent.paths.push(from);
    }

    /// Media of a transport came that only it can have sealed: it is there, though it may send no checks. If it was gone, that is
    /// told.
    pub(crate) fn heard(&mut self, now: Instant, id: TransportId) -> Option<Life> {
        let agent = self.agents.get_mut(&id)?;
        *agent.last_heard.as_mut()? = now;
        std::mem::take(&mut agent.gone).then_some(Life::Back(id))
    }

    /// Notices silence; to be called about once a second.
    pub(crate) fn handle_timeout(&mut self, now: Instant, mut report: impl FnMut(Life)) {
        for (id, agent) in &mut self.agents {
            let Some(last) = agent.last_heard else {
                continue;
            };
            let silence = now.saturating_duration_since(last);
            agent.paused = silence >= self.patience.pause;
            if silence >= self.patience.disconnect && !agent.gone {
                agent.gone = true;
                report(Life::Gone(*id));
            }
            let Some((generation, since)) = agent.used else {
                continue;
            };
            if now.saturating_duration_since(since) < self.patience.disconnect {
                continue;
            }
            let by_ufrag = &mut self.by_ufrag;
            agent.credentials.retain(|credential| {
                let current = credential.generation >= generation;
                if !current {
                    by_ufrag.remove(&credential.ufrag);
                }
                current
            });
        }
    }

    /// How many transports there are.
    pub(crate) fn len(&self) -> usize {
        self.agents.len()
    }
}

#[cfg(test)]
mod tests;
