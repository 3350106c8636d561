//! A room: its participants, tracks and deadlines, and what happens at the end of every step.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use domain::{Reason, conference::LEASE, relay::Entered, room::RoomRules};
use livekit_protocol::{ParticipantInfo, StreamStateInfo, TrackInfo, TrackSource};

use super::{
    api::{Config, Join, Now, RoomKey, Ticket},
    context::{Context, RoomId, SessionId, TrackSid},
    data::History,
    moderation::Standing,
    participant::Participant,
    timers::Timers,
    track::Track,
};
use crate::allowance::Allowance;

/// An emptied room is kept this long.
pub(super) const EMPTY_GRACE: Duration = Duration::from_secs(30);

/// A room that was made is kept this long for the first to come, as by LiveKit's server.
const FIRST_WAIT: Duration = Duration::from_secs(300);

/// A meeting that goes on after its relay has gone waits so long for its people, as the control plane holds it.
const GOES_ON_WITHIN: Duration = LEASE.unsigned_abs();

/// What a deadline is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// The meeting must be over.
    HardStop,
    /// Nobody is here.
    Empty,
    /// Changes that may wait are told.
    Flush,
    /// So are pictures that began to flow, or stopped.
    Streams,
    /// Connection quality is told.
    Quality,
    /// The participant must have connected its media.
    Connect(SessionId),
    /// The participant must have come back with a signalling connection.
    Resume(SessionId),
    /// The participant's media must have come back.
    Media(SessionId),
    /// An offer was asked for, or made, and must have been answered.
    Negotiate(SessionId),
    /// The participant gets its token again.
    Token(SessionId),
    /// A changed tile size takes effect.
    Want(SessionId, TrackSid),
    /// The others are to hear of tracks that were just announced.
    Announced,
    /// The media of a track that the others know of must have been offered.
    Offer(TrackSid),
    /// The track's publisher knows it by now.
    Known(TrackSid),
    /// Who held that session's token (`jti`) and said goodbye has left.
    Left(String),
    /// What a publisher said last of who may have its tracks takes effect.
    Permission(SessionId),
}

/// Whether the control plane let the meeting open here.
#[derive(Debug)]
pub(super) enum Phase {
    /// It was asked; these wait for the answer.
    Entering {
        /// In order of arrival.
        waiting: Vec<Join>,
    },
    /// It is open.
    Open,
    /// It is over: nothing happens in it any more.
    Closed {
        /// Why, for those who come later.
        reason: Option<Reason>,
    },
}

/// The limits of a room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) participants: u32,
    /// Unix milliseconds.
    pub(super) hard_stop_ms: Option<i64>,
    /// How long a room that opened waits for the first to come.
    pub(super) first_wait: Duration,
    /// How long it stays once all are gone.
    pub(super) empty_grace: Duration,
}

/// Who was put out of a room.
#[derive(Debug, Default)]
pub(super) struct PutOut {
    /// Sessions, by `jti`, and why: their tokens open nothing any more.
    pub(super) sessions: HashMap<String, Reason>,
    /// When people of a meeting were put out for good, in Unix seconds, and why, by identity: what was issued until then opens
    /// nothing either.
    pub(super) people: HashMap<String, (i64, Reason)>,
}

impl PutOut {
    /// Why the holder of a token stays out.
    pub(super) fn refuses(&self, ticket: &Ticket) -> Option<Reason> {
        let session = self.sessions.get(&ticket.jti).copied();
        let person = self.people.get(&ticket.identity);
        let person = person.filter(|(at, _)| ticket.issued.is_some_and(|issued| issued <= *at));
        session.or(person.map(|(_, reason)| *reason))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.people.is_empty()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: RoomId,
    pub(super) key: RoomKey,
    pub(super) sid: String,
    /// Told to everybody.
    pub(super) metadata: String,
    pub(super) created_ms: i64,
    /// The same, for the clock of allowances.
    created: Instant,
    pub(super) phase: Phase,
    pub(super) limits: Limits,
    pub(super) participants: BTreeMap<SessionId, Participant>,
    pub(super) tracks: BTreeMap<TrackSid, Track>,
    pub(super) timers: Timers<Timer>,
    /// What moderators have set.
    pub(super) rules: RoomRules,
    /// They are others than those of its opening, or were.
    pub(super) are_set: bool,
    /// What moderators have made of people, by identity.
    pub(super) standings: HashMap<String, Standing>,
    pub(super) put_out: PutOut,
    /// Sessions whose connection broke: they come back through a lock.
    pub(super) broken: HashSet<String>,
    /// Sessions that did not lead when the relay before this one went, whatever their tokens say.
    pub(super) followers_before: HashSet<String>,
    /// Sources of tracks that somebody else muted and that went since, by the identity of their publisher.
    pub(super) silenced: HashMap<String, Vec<TrackSource>>,
    /// How often people take a track from the others, by identity.
    pub(super) taken: HashMap<String, Allowance>,
    /// Last information of those who went and whom the others still see.
    pub(super) departed: Vec<ParticipantInfo>,
    /// The same, for those who come back to a broken connection.
    pub(super) recently_departed: VecDeque<Departed>,
    /// The number of participants or publishers changed.
    pub(super) counts_changed: bool,
    /// When everybody was told of participants last.
    pub(super) told_at: Option<Instant>,
    /// Tracks that go to all who get every track, once these have heard of them.
    pub(super) unoffered: Vec<TrackSid>,
    /// Tracks that were just announced.
    pub(super) announced: Vec<TrackSid>,
    /// Cameras went, and others may take their place.
    pub(super) refill: bool,
    /// Participants whose tracks or subscriptions changed.
    pub(super) unsettled: BTreeSet<SessionId>,
    /// The same, where it may wait until everybody is told of participants again.
    pub(super) unsettled_later: BTreeSet<SessionId>,
    /// Pictures that began to flow, or stopped, and whose subscribers have not heard of it.
    pub(super) stream_states: BTreeMap<SessionId, Vec<StreamStateInfo>>,
    pub(super) history: History,
    /// How often connection quality was told since the control plane heard of it last.
    pub(super) quality_ticks: u32,
}

/// Somebody who went.
#[derive(Debug)]
pub(super) struct Departed {
    /// They waited: only moderators knew of them.
    pub(super) waited: bool,
    pub(super) info: ParticipantInfo,
}

impl Room {
    /// An empty room that is not open yet.
    pub(super) fn new(ctx: &mut Context<'_>, key: RoomKey) -> Self {
        Self {
            id: ctx.room,
            key,
            sid: ctx.name("RM_"),
            metadata: String::new(),
            created_ms: ctx.now.unix_ms,
            created: ctx.now.at,
            phase: Phase::Entering { waiting: Vec::new() },
            limits: Limits::of_named(ctx.config),
            participants: BTreeMap::new(),
            tracks: BTreeMap::new(),
            timers: Timers::default(),
            rules: RoomRules::default(),
            are_set: false,
            standings: HashMap::new(),
            put_out: PutOut::default(),
            broken: HashSet::new(),
            followers_before: HashSet::new(),
            silenced: HashMap::new(),
            taken: HashMap::new(),
            departed: Vec::new(),
            recently_departed: VecDeque::new(),
            counts_changed: false,
            told_at: None,
            unoffered: Vec::new(),
            announced: Vec::new(),
            refill: false,
            unsettled: BTreeSet::new(),
            unsettled_later: BTreeSet::new(),
            stream_states: BTreeMap::new(),
            history: History::default(),
            quality_ticks: 0,
        }
    }

    /// The clock of allowances.
    pub(super) fn micros(&self, now: Now) -> u64 {
        let age = now.at.saturating_duration_since(self.created);
        u64::try_from(age.as_micros()).unwrap_or(u64::MAX)
    }

    /// Tracks of a participant that others know of, as they see them.
    pub(super) fn track_infos(&self, participant: &Participant) -> Vec<TrackInfo> {
        participant
            .published
            .iter()
            .filter_map(|sid| self.tracks.get(sid))
            .filter(|track| track.shown)
            .map(|track| track.info.clone())
            .collect()
    }

    /// What everybody is told about a participant.
    pub(super) fn participant_info(&self, ctx: &Context<'_>, participant: &Participant) -> ParticipantInfo {
        participant.info(self.track_infos(participant), &ctx.config.region)
    }

    /// Somebody with this identity.
    pub(super) fn session_of(&self, identity: &str) -> Option<SessionId> {
        self.participants
            .values()
            .find(|participant| participant.ticket.identity == identity)
            .map(|participant| participant.session)
    }

    /// The control plane is asked whether it may open.
    pub(super) fn is_entering(&self) -> bool {
        matches!(self.phase, Phase::Entering { .. })
    }

    /// The room is over.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. })
    }

    /// What follows from the step just made: the others hear of changes, then connections are negotiated anew.
    pub(super) fn settle(&mut self, ctx: &mut Context<'_>) {
        if self.is_closed() {
            return;
        }
        self.tell_changes(ctx);
        while let Some(session) = self.unsettled.pop_first() {
            self.negotiate(ctx, session);
        }
    }

    /// A deadline has passed.
    pub(super) fn handle_timer(&mut self, ctx: &mut Context<'_>, timer: Timer) {
        match timer {
            Timer::HardStop => self.end(ctx, Reason::Expired, None),
            Timer::Empty => self.close_empty(ctx),
            Timer::Flush => self.flush(ctx),
            Timer::Streams => self.tell_streams(ctx),
            Timer::Quality => self.tell_quality(ctx),
            Timer::Connect(session) => self.connect_timed_out(ctx, session),
            Timer::Resume(session) | Timer::Media(session) => self.put_out(ctx, session, Reason::ConnectionLost),
            Timer::Negotiate(session) => self.negotiate_again(ctx, session),
            Timer::Token(session) => self.refresh_token(ctx, session),
            Timer::Want(session, track) => self.apply_want(ctx, session, &track),
            Timer::Announced => self.show_announced(ctx),
            Timer::Offer(track) => self.hide_track(ctx, &track),
            Timer::Known(track) => self.publisher_knows(ctx, &track),
            Timer::Left(jti) => {
                self.broken.remove(&jti);
            }
            Timer::Permission(session) => self.hear_permission(ctx, session),
        }
    }
}

impl Limits {
    /// Of a room of a classic key.
    pub(super) fn of_named(config: &Config) -> Self {
        Self {
            participants: config.max_participants,
            hard_stop_ms: None,
            first_wait: FIRST_WAIT,
            empty_grace: EMPTY_GRACE,
        }
    }

    /// Of a meeting. One that goes on after its relay has gone waits longer for its people.
    pub(super) fn of_entered(entered: &Entered) -> Self {
        let settings = &entered.settings;
        let goes_on = entered.rules.is_some() || entered.earlier.iter().any(|earlier| earlier.removed.is_none());
        let empty_grace = Duration::from_secs(settings.empty_grace_seconds.into());
        Self {
            participants: settings.max_participants,
            hard_stop_ms: Some(settings.hard_stop.saturating_mul(1000)),
            first_wait: if goes_on { GOES_ON_WITHIN } else { empty_grace },
            empty_grace,
        }
    }
}
