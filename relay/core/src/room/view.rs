//! What an operator sees of the rooms: counts since the start, how things are now, and one room in detail.

use std::time::Duration;

use domain::{Reason, quality::Grade};
use livekit_protocol::participant_info::State;

use super::{
    api::{Mode, RoomKey},
    control::Control,
    participant::Participant,
    state::Room,
    track::short_name,
};
use crate::{
    forward::Delays,
    types::{MediaKind, SinkId, SourceId, TransportId},
};

/// How a connection did over the last five seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Share of packets lost on the way to us and not repaired, 0 to 1.
    pub loss_up: f32,
    /// Share of packets lost on the way to the client, as it reports, 0 to 1.
    pub loss_down: f32,
    /// Round trip in milliseconds, once measured.
    pub rtt_ms: Option<u32>,
    /// Mean-opinion style score from 1.0 to 4.5.
    pub score: f32,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// People who came in.
    pub joined: u64,
    /// Sessions that took the place of an earlier one of the same identity.
    pub rejoined: u64,
    /// Sessions that went on with a new signalling connection.
    pub resumed: u64,
    /// From being let in to having media connected.
    pub connected: Delays,
    /// Sessions that ended, in the order of [`Reason::ALL`].
    pub left: [u64; Reason::ALL.len()],
    /// Tracks whose media was found.
    pub published: u64,
    /// Messages on data channels that were dropped: unreadable, too long, to too many, or of somebody who may send none.
    pub data_refused: u64,
}

impl Counts {
    pub(super) fn left(&mut self, reason: Reason) {
        if let Some(place) = Reason::ALL.iter().position(|other| *other == reason) {
            self.left[place] += 1;
        }
    }

    pub(super) fn connected(&mut self, after_ms: i64) {
        let after = Duration::from_millis(u64::try_from(after_ms).unwrap_or(0));
        self.connected.add(u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
    }
}

/// All rooms together, now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overview {
    /// Rooms that are open.
    pub rooms: u32,
    /// Rooms that wait for the control plane.
    pub entering: u32,
    /// Participants whose media is or was connected, in the order of [`Grade::ALL`].
    pub grades: [u32; Grade::ALL.len()],
    /// Participants whose media has not connected yet.
    pub connecting: u32,
    /// Participants whose signalling is away.
    pub unsignalled: u32,
    /// Tracks of sound, and of pictures.
    pub tracks: [u32; 2],
    /// Tracks on their way to somebody.
    pub subscriptions: u32,
    /// How everybody's connections did last.
    pub samples: Vec<Sample>,
    /// Counters since the start.
    pub counts: Counts,
}

/// A room as one line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomLine {
    /// Its name.
    pub key: RoomKey,
    /// Participants in it.
    pub participants: usize,
    /// Tracks published in it.
    pub tracks: usize,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
}

/// One room in detail.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomView {
    /// Its name.
    pub key: RoomKey,
    /// Its id among all rooms there ever were, `RM_…`.
    pub sid: String,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// Participants that it takes.
    pub max_participants: u32,
    /// Who is in it.
    pub participants: Vec<ParticipantView>,
}

/// One participant in detail, without name or address.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantView {
    /// `PA_…`.
    pub sid: String,
    /// Who it is in the room.
    pub identity: String,
    /// One connection or two.
    pub mode: Mode,
    /// What the client calls its SDK, and its version.
    pub client: String,
    /// When it came, in Unix milliseconds.
    pub joined_at_ms: i64,
    /// Whether its media has connected.
    pub active: bool,
    /// Whether its signalling is there.
    pub signalled: bool,
    /// How well it is connected.
    pub grade: Grade,
    /// Its transports, and how each did last.
    pub transports: Vec<(TransportId, Option<Sample>)>,
    /// What it publishes.
    pub tracks: Vec<TrackView>,
    /// What it gets.
    pub subscriptions: Vec<SubscriptionView>,
}

/// A published track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackView {
    /// `TR_…`.
    pub sid: String,
    /// Camera, microphone, screen.
    pub source: &'static str,
    /// The codec, once its media was found.
    pub codec: Option<&'static str>,
    /// What the shard calls it.
    pub id: Option<SourceId>,
    /// Muted by its publisher.
    pub muted: bool,
    /// How many get it.
    pub subscribers: usize,
}

/// A track on its way to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionView {
    /// `TR_…`.
    pub track: String,
    /// What the shard calls it, once it is sent.
    pub sink: Option<SinkId>,
    /// Whether it is wanted at the moment.
    pub enabled: bool,
    /// Size of the tile in pixels, 0 when unknown.
    pub size: (u32, u32),
}

impl Control {
    /// All rooms together.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let mut overview = Overview {
            counts: self.counts(),
            ..Overview::default()
        };
        for room in self.rooms() {
            if room.is_entering() {
                overview.entering += 1;
            } else {
                overview.rooms += 1;
            }
            for track in room.tracks.values() {
                overview.tracks[usize::from(track.kind == MediaKind::Video)] += 1;
            }
            for participant in room.participants.values() {
                if participant.state == State::Active {
                    overview.grades[participant.grade() as usize] += 1;
                } else {
                    overview.connecting += 1;
                }
                overview.unsignalled += u32::from(participant.connection.is_none());
                let sent = participant.subscriptions.values().filter(|one| one.sink.is_some());
                overview.subscriptions += u32::try_from(sent.count()).unwrap_or(u32::MAX);
                overview.samples.extend(participant.quality.values());
            }
        }
        overview
    }

    /// All rooms, by name.
    #[must_use]
    pub fn room_lines(&self) -> Vec<RoomLine> {
        let line = |room: &Room| RoomLine {
            key: room.key.clone(),
            participants: room.participants.len(),
            tracks: room.tracks.len(),
            created_ms: room.created_ms,
        };
        let mut lines: Vec<_> = self.rooms().map(line).collect();
        lines.sort_by_cached_key(|line| line.key.to_string());
        lines
    }

    /// One room, if it is here.
    #[must_use]
    pub fn room_view(&self, name: &str) -> Option<RoomView> {
        let room = self.rooms().find(|room| room.key.to_string() == name)?;
        Some(RoomView {
            key: room.key.clone(),
            sid: room.sid.clone(),
            created_ms: room.created_ms,
            max_participants: room.limits.participants,
            participants: room.participants.values().map(|one| room.view_of(one)).collect(),
        })
    }
}

impl Room {
    fn view_of(&self, participant: &Participant) -> ParticipantView {
        let tracks = participant.published.iter().filter_map(|sid| self.tracks.get(sid));
        let subscriptions = participant.subscriptions.iter();
        ParticipantView {
            sid: participant.sid.clone(),
            identity: participant.ticket.identity.clone(),
            mode: participant.mode,
            client: format!(
                "{} {}",
                participant.client.sdk().as_str_name(),
                participant.client.version
            ),
            joined_at_ms: participant.joined_at_ms,
            active: participant.state == State::Active,
            signalled: participant.connection.is_some(),
            grade: participant.grade(),
            transports: participant
                .transports()
                .map(|id| (id, participant.quality.get(&id).copied()))
                .collect(),
            tracks: tracks
                .map(|track| TrackView {
                    sid: track.sid.to_string(),
                    source: track.info.source().as_str_name(),
                    codec: track.media.as_ref().map(|media| short_name(media.codec)),
                    id: track.media.as_ref().map(|media| media.source),
                    muted: track.info.muted,
                    subscribers: track.subscribers,
                })
                .collect(),
            subscriptions: subscriptions
                .map(|(sid, subscription)| SubscriptionView {
                    track: sid.to_string(),
                    sink: subscription.sink,
                    enabled: subscription.want.enabled,
                    size: (subscription.want.width, subscription.want.height),
                })
                .collect(),
        }
    }
}
