//! A media worker: one thread, one socket, one forwarding shard. It never waits for anything but its socket.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use relay_core::{
    forward::{self, Shard},
    types::{DisconnectReason, IceCredentials, TransportEvent, TransportId},
};
use rtc::crypto::RTCCryptoProvider;
use tokio::sync::oneshot;

use super::{
    EngineEvent,
    crossing::{Crossed, Crossings},
    directory::Routes,
    egress::Egress,
    ice::{Agents, Life, Patience},
    link::{Link, LinkId, Path},
    outlet::{Contexts, Outlet, Unsent},
    spread::told,
    srtp::{Keys, Opener, Sealer},
    stats::WorkerStats,
    sys::{self, Inbox, RECEIVE_BATCH, Ready, Waker},
};
use crate::transport::TransportInput;

mod early;
mod ingress;
mod strays;

use early::Early;
use strays::Strays;

/// How often counters are published and silence is looked for.
const TICK: Duration = Duration::from_millis(250);
/// Full batches received in a row before what they caused is sent.
const BATCHES: usize = 2;
/// How long SRTCP waits at most: reports of many subscribers are read together, and mostly when media comes anyway.
const REPORTS_WAIT: Duration = Duration::from_millis(5);
/// Commands carried out in a row before media goes on.
const COMMANDS: usize = 256;
/// Batches taken from other workers in a row before what they caused is sent.
const CROSSINGS: usize = 16;

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum WorkerInput {
    /// Accept checks for a new transport.
    Create(TransportId, IceCredentials),
    /// Accept checks with further credentials.
    RestartIce(TransportId, IceCredentials),
    /// DTLS is up: media can be opened and sealed.
    Keys(TransportId, Box<Keys>),
    /// Forget a transport.
    Remove(TransportId),
    /// To the shard.
    Forward(forward::Command),
    /// What flows on these transports?
    View(Vec<TransportId>, oneshot::Sender<Vec<forward::TransportView>>),
    /// Datagrams from there are to be handed to that worker.
    Route(SocketAddr, usize),
    /// Datagrams from there are not for that worker.
    Unroute(SocketAddr, usize),
    /// A link whose first check is for a transport of this worker.
    LinkOpened(Arc<Link>),
    /// A datagram that came by a link.
    FromLink(LinkId, Bytes),
    /// The link is no more.
    LinkClosed(LinkId),
    /// End the thread.
    Stop,
}

/// A worker as others see it.
#[derive(Debug, Clone)]
pub(crate) struct WorkerHandle {
    inputs: Sender<WorkerInput>,
    waker: Arc<Waker>,
}

impl WorkerHandle {
    pub(super) fn new(inputs: Sender<WorkerInput>, waker: Arc<Waker>) -> Self {
        Self { inputs, waker }
    }

    /// Inputs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.inputs.len()
    }

    /// Queues an input and wakes the worker.
    pub(crate) fn send(&self, input: WorkerInput) {
        // It fails only when the worker has ended, and then nothing of it matters any more.
        if self.inputs.send(input).is_ok() {
            self.waker.wake();
        }
    }
}

/// All that a worker is made of.
pub(super) struct WorkerParts {
    pub(super) socket: UdpSocket,
    /// Where SRTCP arrives; what is sent goes out of the other one.
    pub(super) reports: UdpSocket,
    pub(super) inputs: Receiver<WorkerInput>,
    pub(super) waker: Arc<Waker>,
    pub(super) transports: Sender<TransportInput>,
    pub(super) events: Sender<EngineEvent>,
    pub(super) routes: Routes,
    pub(super) patience: Patience,
    pub(super) crossings: Crossings,
    pub(super) forward: forward::Config,
    pub(super) crypto: Arc<dyn RTCCryptoProvider>,
    pub(super) stats: Arc<Mutex<WorkerStats>>,
}

pub(super) struct Worker {
    parts: WorkerParts,
    agents: Agents,
    contexts: Contexts,
    shard: Shard,
    egress: Egress,
    unsent: Unsent,
    counts: WorkerStats,
    next_tick: Instant,
    /// Until then arriving SRTCP wakes nobody.
    reports_wait: Instant,
    /// Media from addresses of nobody that is looked at, and the same of what other workers pass on: a flood at one of them is
    /// not to keep this one's clients from being followed.
    strays: Strays,
    passed_strays: Strays,
    early: Early,
    running: bool,
}

impl Worker {
    pub(super) fn new(parts: WorkerParts, now: Instant) -> Self {
        Self {
            agents: Agents::new(now, parts.patience),
            contexts: Contexts::default(),
            shard: Shard::new(parts.forward.clone()),
            egress: Egress::new(),
            unsent: Unsent::default(),
            counts: WorkerStats::default(),
            next_tick: now,
            reports_wait: now,
            strays: Strays::new(now),
            passed_strays: Strays::new(now),
            early: Early::default(),
            running: true,
            parts,
        }
    }

    /// The thread's body: ends at [`WorkerInput::Stop`].
    pub(super) fn run(mut self) {
        let mut inbox = Inbox::new();
        while self.running {
            let ready = self.wait();
            let now = Instant::now();
            if ready.woken {
                self.handle_inputs(now);
                self.handle_crossings(now);
            }
            if ready.socket {
                for _ in 0..BATCHES {
                    let count = inbox.receive(&self.parts.socket);
                    self.handle_datagrams(now, &mut inbox, count);
                    if count < RECEIVE_BATCH {
                        break;
                    }
                }
            }
            let reports = inbox.receive(&self.parts.reports);
            if reports > 0 {
                self.handle_datagrams(now, &mut inbox, reports);
                self.reports_wait = now + REPORTS_WAIT;
            }
            self.give_out(now);
        }
    }

    /// Does what is due and sends what came of it, and of what was received.
    fn give_out(&mut self, now: Instant) {
        if self.shard.poll_timeout().is_some_and(|at| at <= now) {
            self.shard.handle_timeout(now);
        }
        let mut outlet = Outlet::new(
            &mut self.contexts,
            &self.agents,
            &mut self.egress,
            &self.parts.socket,
            &mut self.unsent,
            &mut self.parts.crossings,
        );
        self.shard.transmit(now, &mut outlet);
        self.parts.crossings.flush();
        self.egress.flush(&self.parts.socket);
        while let Some(event) = self.shard.poll_event() {
            let ways = &self.parts.crossings;
            if let Some(event) = told(event, ways.number(), ways.workers()) {
                self.report(EngineEvent::Forward(event));
            }
        }
        if self.next_tick <= now {
            self.tick(now);
        }
    }

    /// Sleeps until there is something to do.
    fn wait(&self) -> Ready {
        let now = Instant::now();
        let due = self.shard.poll_timeout();
        let mut deadline = due.map_or(self.next_tick, |at| at.min(self.next_tick));
        let mut reports = Some(&self.parts.reports);
        if now < self.reports_wait {
            reports = None;
            deadline = deadline.min(self.reports_wait);
        }
        let timeout = deadline.saturating_duration_since(now);
        sys::wait(&self.parts.socket, reports, &self.parts.waker, timeout)
    }

    fn handle_datagrams(&mut self, now: Instant, inbox: &mut Inbox, count: usize) {
        for i in 0..count {
            if let Some((from, bytes)) = inbox.datagram(i) {
                self.handle_datagram(now, Path::Udp(from), bytes, None);
            }
        }
    }

    fn handle_inputs(&mut self, now: Instant) {
        self.parts.waker.clear();
        for _ in 0..COMMANDS {
            let Ok(input) = self.parts.inputs.try_recv() else {
                return;
            };
            self.handle_input(now, input);
        }
        // More wait: come back after the media at hand.
        self.parts.waker.wake();
    }

    fn handle_crossings(&mut self, now: Instant) {
        for _ in 0..CROSSINGS {
            let Some(mut batch) = self.parts.crossings.receive() else {
                return;
            };
            let via = batch.sender();
            batch.read(|crossed| match crossed {
                Crossed::Message(link, message) => self.shard.handle_mesh(now, link, message),
                Crossed::Datagram(from, bytes) => self.handle_datagram(now, Path::Udp(from), bytes, Some(via)),
            });
            self.parts.crossings.put_by(batch);
        }
        // More may wait: come back after the media at hand.
        self.parts.waker.wake();
    }

    fn handle_input(&mut self, now: Instant, input: WorkerInput) {
        match input {
            WorkerInput::Create(id, ice) => self.agents.create(id, &ice),
            WorkerInput::RestartIce(id, ice) => self.agents.restart(id, &ice),
            WorkerInput::Keys(id, keys) => {
                let crypto = self.parts.crypto.crypto();
                let sealer = Sealer::new(keys.profile, &keys.ours, crypto);
                let opener = Opener::new(keys.profile, &keys.theirs, crypto);
                self.contexts.insert(id, sealer, opener);
                for mut datagram in self.early.take(id) {
                    self.handle_media(now, id, &mut datagram);
                }
            }
            WorkerInput::Remove(id) => {
                for path in self.agents.remove(id) {
                    if let Path::Link(link) = path {
                        self.egress.close(link);
                    }
                }
                self.contexts.remove(id);
                self.counts.dropped_early += self.early.take(id).len() as u64;
            }
            WorkerInput::Forward(command) => self.shard.handle_command(now, command),
            WorkerInput::View(ids, answer) => {
                // Who asked may be gone.
                let _ = answer.send(self.shard.view(now, &ids));
            }
            WorkerInput::Route(address, worker) => self.parts.routes.learn(address, worker),
            WorkerInput::Unroute(address, worker) => self.parts.routes.unlearn(address, worker),
            WorkerInput::LinkOpened(link) => self.egress.open(link),
            WorkerInput::FromLink(id, bytes) => {
                if let Some(link) = self.egress.link(id) {
                    link.taken();
                }
                self.handle_datagram(now, Path::Link(id), &mut Vec::from(bytes), None);
            }
            WorkerInput::LinkClosed(id) => {
                self.agents.close(Path::Link(id));
                self.egress.close(id);
            }
            WorkerInput::Stop => self.running = false,
        }
    }

    /// Tells room control. A bounded channel that is full loses the event: media does not wait.
    fn report(&self, event: EngineEvent) {
        let _ = self.parts.events.try_send(event);
    }

    /// Before DTLS was up there is nothing to lose or to win back; the handshake has its own limit.
    fn report_life(&mut self, life: Life) {
        let (Life::Gone(id) | Life::Back(id)) = life;
        if self.contexts.context(id).is_none() {
            return;
        }
        let event = match life {
            Life::Gone(id) => TransportEvent::Disconnected {
                id,
                why: DisconnectReason::Silent,
            },
            Life::Back(id) => TransportEvent::Connected { id },
        };
        self.report(EngineEvent::Transport(event));
    }

    fn tick(&mut self, now: Instant) {
        self.next_tick = now + TICK;
        self.counts.dropped_early += self.early.forget(now) as u64;
        let mut lives = Vec::new();
        for context in self.contexts.iter_mut() {
            if std::mem::take(&mut context.heard) {
                lives.extend(self.agents.heard(now, context.id));
            }
        }
        self.agents.handle_timeout(now, |life| lives.push(life));
        for life in lives {
            self.report_life(life);
        }
        let sent = self.egress.sent;
        let stats = WorkerStats {
            packets_out: sent.packets,
            bytes_out: sent.bytes,
            messages_out: sent.messages,
            dropped_full: sent.full,
            dropped_refused: sent.refused,
            linked_out: sent.linked,
            dropped_links: sent.unlinked,
            dropped_closed: self.unsent.closed,
            dropped_unsealed: self.unsent.unsealed,
            crossed_out: self.parts.crossings.crossed,
            dropped_crossing: self.parts.crossings.lost,
            transports: self.agents.len(),
            busy: sys::thread_time(),
            forward: self.shard.stats(),
            ..self.counts
        };
        *self.parts.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}

#[cfg(test)]
mod nonces;
