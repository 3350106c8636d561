//! All rooms of a relay, and the way from an input to the room it concerns.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Instant,
};

use domain::{Reason, id::RoomName, join_token::LEEWAY_SECONDS, relay::Action};

use super::{
    api::{By, Config, ConnectionId, Denied, Input, Join, Now, Output, Refusal, Resume, RoomKey, Ticket},
    context::{Context, Ids, Index, Random, RoomId},
    leave::Departure,
    resume::turn_away,
    service::Failure,
    state::{Limits, Phase, PutOut, Room},
    view::{Counts, Sample},
};
use crate::{
    forward,
    types::{TransportEvent, TransportId},
};

/// Ended rooms and refused meetings remembered, so that those who ask again hear the same.
const MAX_REMEMBERED: usize = 10_000;

/// Sessions remembered as begun: those before so many others, twice, are forgotten.
const MAX_BEGUN: usize = 100_000;

/// A refusal of the control plane is believed this long, in milliseconds; an end until the memory is full.
const REFUSAL_MS: i64 = 5_000;

/// All rooms of a relay, sans-IO: [`handle`](Self::handle) an input, then drain [`poll_output`](Self::poll_output);
/// call [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) is due.
#[derive(Debug)]
pub struct Control {
    config: Config,
    random: Box<dyn Random>,
    ids: Ids,
    index: Index,
    counts: Counts,
    /// No room is opened any more; those that are open go on.
    draining: bool,
    rooms: HashMap<RoomId, Room>,
    by_key: HashMap<RoomKey, RoomId>,
    /// Rooms by their next deadline.
    deadlines: BTreeSet<(Instant, RoomId)>,
    deadline_of: HashMap<RoomId, Instant>,
    /// Connections that wait for admission.
    waiting: HashMap<ConnectionId, RoomId>,
    /// Why rooms that are not here do not open, and until when (Unix milliseconds).
    refused: HashMap<RoomKey, (Refusal, i64)>,
    /// Sessions that have begun, by `jti`: the latest, and those before them.
    begun: [HashSet<String>; 2],
    /// Who was put out of meetings that are not here at the moment.
    put_out: HashMap<RoomKey, PutOut>,
    out: VecDeque<Output>,
}

/// How full a relay is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Participants in each meeting.
    pub meetings: Vec<(RoomName, u32)>,
    /// Rooms of all kinds.
    pub rooms: u32,
    /// Participants in all rooms.
    pub participants: u32,
    /// Tracks published.
    pub tracks: u32,
}

impl Control {
    /// A relay without rooms.
    #[must_use]
    pub fn new(config: Config, random: Box<dyn Random>) -> Self {
        Self {
            config,
            random,
            ids: Ids::default(),
            index: Index::default(),
            counts: Counts::default(),
            draining: false,
            rooms: HashMap::new(),
            by_key: HashMap::new(),
            deadlines: BTreeSet::new(),
            deadline_of: HashMap::new(),
            waiting: HashMap::new(),
            refused: HashMap::new(),
            begun: <[HashSet<String>; 2]>::default(),
            put_out: HashMap::new(),
            out: VecDeque::new(),
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Join(join) => self.join(now, *join),
            Input::Resume(resume) => self.resume(now, &resume),
            Input::Validate { connection, ticket } => {
                let output = match self.would_admit(now, &ticket) {
                    Ok(()) => Output::Accept { connection },
                    Err(refusal) => Output::Refuse { connection, refusal },
                };
                self.out.push_back(output);
            }
            Input::Signal { connection, message } => {
                if let Some((room, session)) = self.index.connections.get(&connection).copied() {
                    self.step(now, room, |room, ctx| room.handle_signal(ctx, session, message));
                }
            }
            Input::SignalClosed { connection } => self.signal_closed(now, connection),
            Input::Entered { room, answer } => self.entered(now, room, answer),
            Input::ReportAgain => {
                let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
                for id in ids {
                    self.step(now, id, |room, ctx| room.report_again(ctx));
                }
            }
            Input::Transport(event) => {
                if let Some((room, session)) = self.index.transports.get(&transport_of(&event)).copied() {
                    self.step(now, room, |room, ctx| room.handle_transport(ctx, session, event));
                }
            }
            Input::Forward(event) => self.handle_forward(now, event),
            Input::Drain => {
                if !std::mem::replace(&mut self.draining, true) {
                    tracing::info!(rooms = self.rooms.len(), "draining: no room is opened any more");
                }
            }
            Input::Shutdown => {
                self.draining = true;
                for id in self.rooms.keys().copied().collect::<Vec<_>>() {
                    self.step(now, id, |room, ctx| room.close(ctx, Departure::Sent, None));
                }
            }
        }
    }

    /// The next thing to do; drain after each input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((at, id)) = self.deadlines.first().copied() {
            if at > now.at {
                break;
            }
            self.step(now, id, |room, ctx| {
                while let Some(timer) = room.timers.take_due(ctx.now.at) {
                    room.handle_timer(ctx, timer);
                    if room.is_closed() {
                        break;
                    }
                }
            });
        }
    }

    /// Does in a room what a moderator or the control plane orders. What is so already stays so.
    ///
    /// # Errors
    /// No such meeting, somebody who may not order, or nobody of that number.
    pub fn order(&mut self, now: Now, key: &RoomKey, by: &By, action: Action) -> Result<(), Denied> {
        let id = self.room_of(key).ok_or(Denied::NoRoom)?;
        let mut answer = Err(Denied::NoRoom);
        self.step(now, id, |room, ctx| answer = room.obey(ctx, by, action));
        answer
    }

    /// How full the relay is.
    #[must_use]
    pub fn census(&self) -> Census {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut census = Census {
            rooms: count(self.rooms.len()),
            ..Census::default()
        };
        for room in self.rooms.values() {
            let participants = count(room.participants.len());
            census.participants += participants;
            census.tracks += count(room.tracks.len());
            if let (RoomKey::Meeting(name), Phase::Open) = (&room.key, &room.phase) {
                census.meetings.push((*name, participants));
            }
        }
        census
    }

    fn join(&mut self, now: Now, join: Join) {
        if let Err(refusal) = self.may_open(now, &join.ticket) {
            self.out.push_back(Output::Refuse {
                connection: join.connection,
                refusal,
            });
            return;
        }
        if matches!(join.ticket.room, RoomKey::Meeting(_)) {
            if self.begun[0].len() >= MAX_BEGUN {
                self.begun.swap(0, 1);
                self.begun[0].clear();
            }
            self.begun[0].insert(join.ticket.jti.clone());
        }
        let key = join.ticket.room.clone();
        let id = match self.by_key.get(&key) {
            Some(id) => *id,
            None => self.make_room(now, key),
        };
        self.waiting.insert(join.connection, id);
        self.step(now, id, |room, ctx| room.join(ctx, join));
    }

    /// The room of that name.
    pub(super) fn room_of(&self, key: &RoomKey) -> Option<RoomId> {
        self.by_key.get(key).copied()
    }

    /// The room of that name itself.
    pub(super) fn room_named(&self, key: &RoomKey) -> Option<&Room> {
        self.rooms.get(self.by_key.get(key)?)
    }

    /// All rooms.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }

    /// Counters since the start.
    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether there is no place for a room that nobody has joined: one for each participant that fits, none while draining.
    pub(super) fn is_full_of_rooms(&self) -> bool {
        self.draining || self.rooms.len() >= usize::try_from(self.config.capacity).unwrap_or(usize::MAX)
    }

    /// A step of a room that has an answer.
    pub(super) fn answer<T>(
        &mut self,
        now: Now,
        id: RoomId,
        act: impl FnOnce(&mut Room, &mut Context<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut answer = Err(Failure::NotFound("room does not exist"));
        self.step(now, id, |room, ctx| answer = act(room, ctx));
        answer
    }

    /// Makes a room; one of an API key is open at once.
    pub(super) fn make_room(&mut self, now: Now, key: RoomKey) -> RoomId {
        self.ids.rooms += 1;
        let id = RoomId(self.ids.rooms);
        let named = matches!(key, RoomKey::Named(_));
        let mut ctx = context(
            now,
            id,
            &self.config,
            &mut self.ids,
            (&mut self.index, &mut self.counts),
            &mut *self.random,
            &mut self.out,
        );
        let mut room = Room::new(&mut ctx, key.clone());
        room.put_out = self.put_out.remove(&key).unwrap_or_default();
        if named {
            let limits = room.limits;
            room.open(&mut ctx, limits);
        }
        tracing::info!(room = %key, "room made");
        self.rooms.insert(id, room);
        self.by_key.insert(key, id);
        id
    }

    fn resume(&mut self, now: Now, resume: &Resume) {
        match self.by_key.get(&resume.ticket.room).copied() {
            Some(id) => self.step(now, id, |room, ctx| room.resume(ctx, resume)),
            None => {
                let mut ctx = context(
                    now,
                    RoomId(0),
                    &self.config,
                    &mut self.ids,
                    (&mut self.index, &mut self.counts),
                    &mut *self.random,
                    &mut self.out,
                );
                turn_away(&mut ctx, resume);
            }
        }
    }

    /// Would the holder of this token get in now?
    pub(super) fn would_admit(&self, now: Now, ticket: &Ticket) -> Result<(), Refusal> {
        self.may_open(now, ticket)?;
        let room = self.room_named(&ticket.room);
        room.map_or(Ok(()), |room| room.admission(now, ticket))
    }

    /// What can be said without looking into the room.
    fn may_open(&self, now: Now, ticket: &Ticket) -> Result<(), Refusal> {
        if let Some((refusal, until)) = self.refused.get(&ticket.room)
            && now.unix_ms < *until
        {
            return Err(*refusal);
        }
        if let Some(reason) = self.put_out.get(&ticket.room).and_then(|out| out.refuses(ticket)) {
            return Err(Refusal::Because(reason));
        }
        // A meeting lives on one relay: those of its people who come late are let in where it is.
        if self.draining && !self.by_key.contains_key(&ticket.room) {
            return Err(Refusal::Unavailable);
        }
        let missed = ticket
            .first_use_by
            .is_some_and(|by| now.unix_ms / 1000 >= by.saturating_add(LEEWAY_SECONDS));
        if missed && !self.begun.iter().any(|begun| begun.contains(&ticket.jti)) {
            return Err(Refusal::Because(Reason::Expired));
        }
        let known = self
            .room_named(&ticket.room)
            .is_some_and(|room| room.session_of(&ticket.identity).is_some());
        let participants: usize = self.rooms.values().map(|room| room.participants.len()).sum();
        if !known && participants >= usize::try_from(self.config.capacity).unwrap_or(usize::MAX) {
            return Err(Refusal::Unavailable);
        }
        Ok(())
    }

    fn signal_closed(&mut self, now: Now, connection: ConnectionId) {
        if let Some(id) = self.waiting.remove(&connection) {
            self.step(now, id, |room, _| room.stop_waiting(connection));
        }
        if let Some((room, session)) = self.index.connections.remove(&connection) {
            self.step(now, room, |room, ctx| room.signal_closed(ctx, session));
        }
    }

    fn entered(&mut self, now: Now, room: RoomName, answer: Result<domain::relay::Entered, Refusal>) {
        let key = RoomKey::Meeting(room);
        let held = self
            .by_key
            .get(&key)
            .and_then(|id| self.rooms.get(id).map(|room| (*id, room)));
        // An answer may have been lost, or come for a room that an earlier one closed, and an entering takes back a leave.
        let unknown = match held {
            None => !matches!(answer, Err(Refusal::Because(_))),
            Some((_, room)) => room.is_entering() && answer.is_err(),
        };
        if unknown {
            self.out.push_back(Output::Leave {
                room,
                reconnecting: true,
            });
        }
        // It is asked anew for who comes after all who waited are gone: the first answer counts.
        let Some((id, _)) = held.filter(|(_, room)| room.is_entering()) else {
            return;
        };
        if let Err(refusal @ Refusal::Because(_)) = answer {
            self.remember(key, refusal, now.unix_ms + REFUSAL_MS);
        }
        self.step(now, id, |room, ctx| match answer {
            Ok(entered) => {
                room.take_up(&entered);
                room.open(ctx, Limits::of_entered(&entered));
            }
            Err(refusal) => room.refuse_all(ctx, refusal),
        });
    }

    fn handle_forward(&mut self, now: Now, event: forward::Event) {
        match event {
            forward::Event::Speakers { changed } => {
                let mut by_room: HashMap<RoomId, Vec<_>> = HashMap::new();
                for level in changed {
                    if let Some((room, sid)) = self.index.sources.get(&level.source) {
                        by_room.entry(*room).or_default().push((sid.clone(), level.eighths));
                    }
                }
                for (id, changed) in by_room {
                    self.step(now, id, |room, ctx| room.speakers_changed(ctx, &changed));
                }
            }
            forward::Event::LayerStarted {
                source,
                layer,
                ssrc,
                rtx_ssrc,
            } => {
                if let Some((room, sid)) = self.index.sources.get(&source).cloned() {
                    self.step(now, room, |room, ctx| {
                        room.layer_started(ctx, (&sid, source), layer, (ssrc, rtx_ssrc))
                    });
                }
            }
            forward::Event::LayerWanted { source, highest } => {
                if let Some((room, sid)) = self.index.sources.get(&source).cloned() {
                    self.step(now, room, |room, ctx| room.layer_wanted(ctx, (&sid, source), highest));
                }
            }
            forward::Event::StreamState { sink, active } => {
                if let Some((room, session, sid)) = self.index.sinks.get(&sink).cloned() {
                    self.step(now, room, |room, ctx| room.stream_state(ctx, session, &sid, active));
                }
            }
            forward::Event::Quality {
                transport,
                loss_up,
                loss_down,
                rtt_ms,
                score,
            } => {
                let sample = Sample {
                    loss_up,
                    loss_down,
                    rtt_ms,
                    score,
                };
                if let Some((room, session)) = self.index.transports.get(&transport).copied() {
                    self.step(now, room, |room, _| room.quality(session, transport, sample));
                }
            }
            forward::Event::LayerStopped { .. } | forward::Event::Estimate { .. } => {}
        }
    }

    /// One step of one room, and what follows from it.
    fn step(&mut self, now: Now, id: RoomId, step: impl FnOnce(&mut Room, &mut Context<'_>)) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        let mut ctx = context(
            now,
            id,
            &self.config,
            &mut self.ids,
            (&mut self.index, &mut self.counts),
            &mut *self.random,
            &mut self.out,
        );
        step(room, &mut ctx);
        room.settle(&mut ctx);
        let next = room.timers.next();
        if !room.is_entering() {
            self.waiting.retain(|_, waits_for| *waits_for != id);
        }
        if let Phase::Closed { reason } = room.phase {
            let (key, put_out) = (room.key.clone(), std::mem::take(&mut room.put_out));
            self.rooms.remove(&id);
            self.by_key.remove(&key);
            self.set_deadline(id, None);
            // A meeting may be opened again: who was put out of it stays out.
            if !put_out.is_empty() {
                if self.put_out.len() >= MAX_REMEMBERED {
                    self.put_out.clear();
                }
                self.put_out.insert(key.clone(), put_out);
            }
            // An end is for good, but what has moved may come back; a refusal of the control plane was noted with its own time.
            let noted = self.refused.get(&key).is_some_and(|(_, until)| now.unix_ms < *until);
            if let Some(reason) = reason
                && !noted
            {
                let until = match reason {
                    Reason::Moved => now.unix_ms + REFUSAL_MS,
                    _ => i64::MAX,
                };
                self.remember(key, Refusal::Because(reason), until);
            }
        } else {
            self.set_deadline(id, next);
        }
    }

    fn remember(&mut self, key: RoomKey, refusal: Refusal, until: i64) {
        if matches!(key, RoomKey::Named(_)) {
            return;
        }
        if self.refused.len() >= MAX_REMEMBERED {
            self.refused.clear();
        }
        self.refused.insert(key, (refusal, until));
    }

    fn set_deadline(&mut self, id: RoomId, next: Option<Instant>) {
        if self.deadline_of.get(&id).copied() == next {
            return;
        }
        if let Some(former) = self.deadline_of.remove(&id) {
            self.deadlines.remove(&(former, id));
        }
        if let Some(next) = next {
            self.deadline_of.insert(id, next);
            self.deadlines.insert((next, id));
        }
    }
}

fn context<'a>(
    now: Now,
    room: RoomId,
    config: &'a Config,
    ids: &'a mut Ids,
    (index, counts): (&'a mut Index, &'a mut Counts),
    random: &'a mut dyn Random,
    out: &'a mut VecDeque<Output>,
) -> Context<'a> {
    Context {
        now,
        room,
        config,
        ids,
        index,
        counts,
        random,
        out,
    }
}

fn transport_of(event: &TransportEvent) -> TransportId {
    match event {
        TransportEvent::Connected { id }
        | TransportEvent::Disconnected { id, .. }
        | TransportEvent::ChannelOpen { id, .. }
        | TransportEvent::Data { id, .. }
        | TransportEvent::ChannelBuffered { id, .. } => *id,
    }
}
