//! The task that talks to the control plane.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use domain::{
    Code, Reason,
    id::{ParticipantNumber, RoomName},
    jws::KeySet,
    relay::{
        Action, Enter, Entered, Event, Events, EventsAnswer, Heartbeat, HeartbeatAnswer, HeldRoom, LARGEST_BATCH,
        Leave, Left, Register, Registered,
    },
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use relay_core::room::{Census, Input, Refusal, RoomKey};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{About, Report, ReportCounts};
use crate::{
    call::{CallError, Caller},
    control::{Rooms, unix_ms},
    drain::Drain,
    tokens::Tokens,
};

/// Reports that wait for the control plane; more are dropped.
const QUEUE: usize = 100_000;

/// Between tries while the control plane is away.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LAST_BACKOFF: Duration = Duration::from_secs(30);

/// A newcomer waits for the control plane's answer so long.
const ENTER_TIMEOUT: Duration = Duration::from_secs(6);

/// Without an answer for so long, the control plane may soon take all who are here for gone: it does after 45 s.
const SILENCE: Duration = Duration::from_secs(30);

enum Item {
    Event(Event),
    /// A room, and whether its people were told to come again.
    Leave(RoomName, bool),
}

/// One request at a time keeps the order.
enum Done {
    Registered(Result<Registered, CallError>),
    Events(usize, Result<EventsAnswer, CallError>),
    Left(RoomName, Result<Left, CallError>),
}

/// What has come of asking whether a meeting may open here.
enum Asked {
    Answered(Result<Entered, CallError>),
    /// Nothing yet, for longer than anybody is kept at the door.
    Slowly(Job<Result<Entered, CallError>>),
}

type Job<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The task that talks to the control plane.
pub(crate) struct Reporter {
    about: About,
    caller: Arc<Caller>,
    tokens: Arc<Tokens>,
    rooms: Rooms,
    drain: Drain,
    /// The control plane hears of the drain with the next heartbeat, which is not waited for.
    drain_seen: bool,
    counts: Arc<ReportCounts>,
    /// Unix milliseconds of the registration that counts.
    epoch: u64,
    /// The same for others who report, once it is registered.
    known: watch::Sender<Option<u64>>,
    registered: bool,
    heartbeat: Duration,
    queue: VecDeque<Item>,
    /// Number of the next batch.
    n: u64,
    /// How many events of the front are in it, once it was sent: a repeat must be the same batch.
    batch: Option<usize>,
    job: Option<Job<Done>>,
    beat: Option<Job<Result<HeartbeatAnswer, CallError>>>,
    /// What was counted last.
    census: Census,
    /// When one was answered last.
    beaten_at: Instant,
    enters: FuturesUnordered<Job<(RoomName, Asked)>>,
    /// How many of them there are of each meeting.
    entering: HashMap<RoomName, usize>,
    /// Meetings that wait for the registration, or for their own leave to be heard.
    held: Vec<(RoomName, ParticipantNumber, String)>,
    leaving: Option<RoomName>,
    backoff: Duration,
    retry_at: Instant,
    next_beat: Instant,
    flush: Vec<oneshot::Sender<()>>,
}

impl Reporter {
    pub(crate) fn new(
        about: About,
        caller: Arc<Caller>,
        tokens: Arc<Tokens>,
        rooms: Rooms,
        drain: Drain,
        counts: Arc<ReportCounts>,
    ) -> Self {
        let now = Instant::now();
        Self {
            about,
            caller,
            tokens,
            rooms,
            drain,
            drain_seen: false,
            counts,
            epoch: u64::try_from(unix_ms()).unwrap_or(0),
            known: watch::Sender::new(None),
            registered: false,
            heartbeat: Duration::from_secs(10),
            queue: VecDeque::new(),
            n: 1,
            batch: None,
            job: None,
            beat: None,
            beaten_at: now,
            enters: FuturesUnordered::new(),
            entering: HashMap::new(),
            census: Census::default(),
            held: Vec::new(),
            leaving: None,
            backoff: FIRST_BACKOFF,
            retry_at: now,
            next_beat: now,
            flush: Vec::new(),
        }
    }

    /// The registration that counts, while there is one.
    pub(crate) fn known(&self) -> watch::Receiver<Option<u64>> {
        self.known.subscribe()
    }

    /// Runs until the rooms are gone.
    pub(crate) async fn run(mut self, mut reports: mpsc::UnboundedReceiver<Report>) {
        loop {
            self.start_job();
            self.counts.waiting.store(self.queue.len() as u64, Ordering::Relaxed);
            if self.queue.is_empty() && self.job.is_none() {
                for sender in self.flush.drain(..) {
                    let _ = sender.send(());
                }
            }
            let beats = self.registered && self.beat.is_none();
            let waits = self.queue.is_empty() || self.waits_for_an_entering();
            let retries = self.job.is_none() && (!self.registered || !waits);
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => self.take(report),
                    None => return,
                },
                done = pending(&mut self.job) => {
                    self.job = None;
                    self.finish(done);
                }
                answer = pending(&mut self.beat) => {
                    self.beat = None;
                    self.beaten(answer);
                }
                Some((room, asked)) = self.enters.next(), if !self.enters.is_empty() => self.asked(room, asked),
                () = sleep_until(self.next_beat), if beats => self.start_beat().await,
                () = sleep_until(self.retry_at), if retries => {}
                () = self.drain.begun(), if !self.drain_seen => {
                    self.drain_seen = true;
                    self.next_beat = Instant::now();
                }
            }
        }
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Enter { room, participant, jti } => {
                if self.leaving != Some(room) {
                    // It comes back before its leave was sent: it never left.
                    self.queue
                        .retain(|item| !matches!(item, Item::Leave(left, _) if *left == room));
                }
                if self.registered && self.leaving != Some(room) {
                    self.enter(room, participant, jti);
                } else if !self.registered && self.retry_at > Instant::now() + ENTER_TIMEOUT {
                    // Nobody is kept at the door for so long.
                    self.answer(room, Err(Refusal::Unavailable));
                } else {
                    self.held.push((room, participant, jti));
                }
            }
            Report::Leave { room, reconnecting } => self.push(Item::Leave(room, reconnecting)),
            Report::Event(event) => self.push(Item::Event(event)),
            Report::Flush(sender) => {
                // There is no other time for it.
                (self.backoff, self.retry_at) = (FIRST_BACKOFF, Instant::now());
                self.flush.push(sender);
            }
        }
    }

    fn push(&mut self, item: Item) {
        // The oldest cannot go: they may be on their way.
        if self.queue.len() < QUEUE {
            self.queue.push_back(item);
        } else {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("a report was dropped: the control plane has been away for too long");
        }
    }

    /// Whether the next report is a leave that might be carried out after an entering which is under way, and answered soon.
    fn waits_for_an_entering(&self) -> bool {
        matches!(self.queue.front(), Some(Item::Leave(room, _)) if self.entering.contains_key(room))
    }

    fn start_job(&mut self) {
        if self.job.is_some() || Instant::now() < self.retry_at {
            return;
        }
        let caller = self.caller.clone();
        if !self.registered {
            let body = Register {
                relay: self.about.relay.clone(),
                region: self.about.region.clone(),
                url: self.about.url.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                capacity: self.about.capacity,
                epoch: self.epoch,
            };
            self.job = Some(Box::pin(async move {
                Done::Registered(caller.call("/relay/register", &body).await)
            }));
            return;
        }
        match self.queue.front() {
            None => {}
            Some(_) if self.waits_for_an_entering() => {}
            Some(Item::Leave(room, reconnecting)) => {
                let room = *room;
                let body = Leave {
                    relay: self.about.relay.clone(),
                    epoch: self.epoch,
                    room,
                    reconnecting: *reconnecting,
                };
                self.leaving = Some(room);
                self.job = Some(Box::pin(async move {
                    Done::Left(room, caller.call("/relay/leave", &body).await)
                }));
            }
            Some(Item::Event(_)) => {
                let events: Vec<Event> = self
                    .queue
                    .iter()
                    .map_while(|item| match item {
                        Item::Event(event) => Some(event.clone()),
                        Item::Leave(..) => None,
                    })
                    .take(self.batch.unwrap_or(LARGEST_BATCH))
                    .collect();
                let count = events.len();
                self.batch = Some(count);
                let body = Events {
                    relay: self.about.relay.clone(),
                    epoch: self.epoch,
                    n: self.n,
                    events,
                };
                self.job = Some(Box::pin(async move {
                    Done::Events(count, caller.call("/relay/events", &body).await)
                }));
            }
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Registered(Ok(registered)) => self.registered(&registered),
            Done::Registered(Err(error)) => {
                tracing::warn!(error = error.chain(), "not registered with the control plane");
                if error.code() == Some(Code::Conflict) {
                    // Our clock was behind when we started: it may be right by now.
                    self.epoch = next_epoch(self.epoch);
                }
                self.retry_later();
                // Whoever waits at the door is not kept there.
                for (room, ..) in std::mem::take(&mut self.held) {
                    self.answer(room, Err(Refusal::Unavailable));
                }
            }
            Done::Events(count, Ok(_)) => {
                self.drop_front(count);
                self.n += 1;
                self.backoff = FIRST_BACKOFF;
            }
            Done::Events(count, Err(error)) => self.batch_failed(count, &error),
            Done::Left(room, answer) => {
                self.leaving = None;
                match answer {
                    Err(error) if error.is_passing() => {
                        tracing::warn!(%room, error = error.chain(), "leave not reported");
                        self.retry_later();
                    }
                    answer => {
                        if let Err(error) = answer {
                            tracing::warn!(%room, error = error.chain(), "leave refused");
                        }
                        self.drop_front(1);
                    }
                }
                self.release_held();
            }
        }
    }

    /// Reports of the front are done.
    fn drop_front(&mut self, count: usize) {
        self.queue.drain(..count.min(self.queue.len()));
        self.batch = None;
    }

    fn batch_failed(&mut self, count: usize, error: &CallError) {
        if error.is_passing() {
            tracing::warn!(error = error.chain(), "events not reported");
            self.retry_later();
        } else if error.code() == Some(Code::Conflict) {
            // The control plane counts otherwise, or does not know this start of the relay: begin to count anew.
            tracing::warn!(error = error.chain(), "events refused, registering again");
            self.register_again();
        } else {
            self.counts.dropped.fetch_add(count as u64, Ordering::Relaxed);
            tracing::error!(count, error = error.chain(), "events refused, they are lost");
            self.drop_front(count);
        }
    }

    fn registered(&mut self, registered: &Registered) {
        match KeySet::from_jwks(&registered.keys) {
            Ok(keys) => self.tokens.learn(keys),
            Err(error) => tracing::error!(%error, "the control plane's keys cannot be used"),
        }
        tracing::info!(relay = %self.about.relay, epoch = self.epoch, "registered with the control plane");
        self.heartbeat = Duration::from_secs(registered.heartbeat_seconds.clamp(1, 60).into());
        self.registered = true;
        self.known.send_replace(Some(self.epoch));
        self.backoff = FIRST_BACKOFF;
        self.next_beat = Instant::now();
        self.release_held();
    }

    fn register_again(&mut self) {
        self.registered = false;
        self.known.send_replace(None);
        self.epoch = next_epoch(self.epoch);
        self.n = 1;
        self.batch = None;
        // It was heard a moment ago.
        self.backoff = FIRST_BACKOFF;
        self.retry_later();
    }

    fn release_held(&mut self) {
        if self.registered {
            for (room, participant, jti) in std::mem::take(&mut self.held) {
                self.take(Report::Enter { room, participant, jti });
            }
        }
    }

    fn retry_later(&mut self) {
        self.retry_at = Instant::now() + self.backoff;
        self.backoff = (self.backoff * 2).min(LAST_BACKOFF);
    }

    async fn start_beat(&mut self) {
        // Rooms that take no more questions are as full as they were.
        if let Some(census) = self.rooms.census().await {
            self.census = census;
        }
        let census = self.census.clone();
        let body = Heartbeat {
            relay: self.about.relay.clone(),
            epoch: self.epoch,
            participants: census.participants,
            draining: self.drain.is_on(),
            load: (f64::from(census.participants) / f64::from(self.about.capacity.max(1))).min(1.0),
            rooms: census
                .meetings
                .into_iter()
                .map(|(room, participants)| HeldRoom { room, participants })
                .collect(),
        };
        self.next_beat = Instant::now() + self.heartbeat;
        let (caller, limit) = (self.caller.clone(), self.heartbeat);
        // One that hangs does not hold up the next: after three that are not heard the relay counts as gone.
        self.beat = Some(Box::pin(async move {
            let answer = timeout(limit, caller.call("/relay/heartbeat", &body)).await;
            answer.unwrap_or(Err(CallError::TimedOut))
        }));
    }

    fn beaten(&mut self, answer: Result<HeartbeatAnswer, CallError>) {
        match answer {
            Ok(answer) => {
                for ended in answer.ended {
                    self.rooms
                        .order(RoomKey::Meeting(ended.room), Action::End { reason: ended.reason });
                }
                if self.beaten_at.elapsed() >= SILENCE {
                    self.rooms.send(Input::ReportAgain);
                }
                (self.beaten_at, self.retry_at) = (Instant::now(), Instant::now());
                if !answer.known && self.job.is_none() {
                    self.register_again();
                }
            }
            Err(error) => tracing::warn!(error = error.chain(), "heartbeat not heard"),
        }
    }

    fn enter(&mut self, room: RoomName, participant: ParticipantNumber, jti: String) {
        let body = Enter {
            relay: self.about.relay.clone(),
            epoch: self.epoch,
            room,
            participant: Some(participant),
            jti: Some(jti),
        };
        *self.entering.entry(room).or_default() += 1;
        let caller = self.caller.clone();
        let mut call: Job<_> = Box::pin(async move { caller.call("/relay/enter", &body).await });
        self.enters.push(Box::pin(async move {
            let asked = match timeout(ENTER_TIMEOUT, &mut call).await {
                Ok(answer) => Asked::Answered(answer),
                Err(_) => Asked::Slowly(call),
            };
            (room, asked)
        }));
    }

    fn asked(&mut self, room: RoomName, asked: Asked) {
        match asked {
            Asked::Answered(answer) => self.entered(room, answer),
            Asked::Slowly(call) => {
                self.answer(room, Err(Refusal::Unavailable));
                // It may be carried out yet.
                self.enters
                    .push(Box::pin(async move { (room, Asked::Answered(call.await)) }));
            }
        }
    }

    fn entered(&mut self, room: RoomName, answer: Result<Entered, CallError>) {
        if let Some(under_way) = self.entering.get_mut(&room) {
            *under_way -= 1;
            if *under_way == 0 {
                self.entering.remove(&room);
            }
        }
        let answer = answer.map_err(|error| {
            let refusal = refusal(&error);
            tracing::info!(%room, error = error.chain(), "meeting not opened");
            refusal
        });
        self.answer(room, answer);
    }

    fn answer(&self, room: RoomName, answer: Result<Entered, Refusal>) {
        self.rooms.send(Input::Entered { room, answer });
    }
}

/// The next registration's time, in Unix milliseconds.
fn next_epoch(epoch: u64) -> u64 {
    u64::try_from(unix_ms()).unwrap_or(0).max(epoch + 1)
}

/// What a newcomer hears when the control plane does not open the meeting here.
fn refusal(error: &CallError) -> Refusal {
    match (error.reason(), error.code()) {
        (Some(reason), _) => Refusal::Because(reason),
        (None, Some(Code::NotStarted)) => Refusal::Because(Reason::NotStarted),
        (None, Some(Code::Expired | Code::NotFound)) => Refusal::Because(Reason::Expired),
        (None, _) => Refusal::Unavailable,
    }
}

/// The job's end, or never without a job.
async fn pending<T>(job: &mut Option<Job<T>>) -> T {
    match job {
        Some(job) => job.await,
        None => std::future::pending().await,
    }
}
