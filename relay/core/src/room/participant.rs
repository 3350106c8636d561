//! One participant: who it is, what it may do, and its connections.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::quality::Grade;
use livekit_protocol::{
    ClientInfo, ConnectionQuality, ParticipantInfo, ParticipantPermission, TrackInfo, TrackSource, TrackType,
    participant_info::State,
};

use super::{
    allowed::Allowed,
    api::{ConnectionId, Grants, Mode, Ticket},
    context::{Context, SessionId, TrackSid},
    quality::Gathered,
    subscription::Subscription,
    updates::MAX_METADATA,
    view::Sample,
};
use crate::{
    allowance::Allowance,
    sdp::{Negotiator, Remote},
    types::{Codec, Mid, Ssrc, TransportCommand, TransportId},
};

/// Attributes that take more than [`MAX_METADATA`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Every source, by the names of [`source_name`].
pub(super) const SOURCES: [&str; 4] = ["camera", "microphone", "screen_share", "screen_share_audio"];

/// What tokens call a source.
pub(super) const fn source_name(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Unknown => "unknown",
        TrackSource::Camera => "camera",
        TrackSource::Microphone => "microphone",
        TrackSource::ScreenShare => "screen_share",
        TrackSource::ScreenShareAudio => "screen_share_audio",
    }
}

/// Where a track comes from, as far as that can be: sound of a camera is of no known source, as its picture's rights do
/// not allow it.
pub(super) const fn real_source(kind: TrackType, source: TrackSource) -> TrackSource {
    match (kind, source) {
        (TrackType::Audio, TrackSource::Camera | TrackSource::ScreenShare)
        | (TrackType::Video, TrackSource::Microphone | TrackSource::ScreenShareAudio) => TrackSource::Unknown,
        (_, source) => source,
    }
}

/// One media connection of a participant.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) transport: TransportId,
    pub(super) negotiator: Negotiator,
    /// DTLS is up.
    pub(super) connected: bool,
    /// What the transport was last told about the client.
    pub(super) remote: Option<Remote>,
    /// Offers that the server made: the id of the last one.
    pub(super) offers: u32,
    /// The server's offer that waits for an answer (two connections).
    pub(super) offered: Option<u32>,
    /// Offers since the last answer.
    pub(super) unanswered: u32,
    /// The client was asked for an offer (one connection).
    pub(super) asked: bool,
    /// SSRCs given out on this transport, never again.
    pub(super) ssrcs: HashSet<Ssrc>,
}

impl Peer {
    /// A fresh SSRC of this transport.
    pub(super) fn mint_ssrc(&mut self, ctx: &mut Context<'_>) -> Ssrc {
        loop {
            let ssrc = ctx.ssrc();
            if self.ssrcs.insert(ssrc) {
                return ssrc;
            }
        }
    }

    /// Tells the transport what the client's description says, if that changed.
    pub(super) fn tell_remote(&mut self, ctx: &mut Context<'_>) {
        let Some(remote) = self.negotiator.remote() else {
            return;
        };
        if self.remote.as_ref() == Some(remote) {
            return;
        }
        ctx.transports(TransportCommand::Remote {
            id: self.transport,
            ice: remote.ice.clone(),
            fingerprint: remote.fingerprint,
            dtls: remote.dtls,
            channels: remote.channels,
        });
        self.remote = Some(remote.clone());
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) session: SessionId,
    pub(super) sid: String,
    pub(super) ticket: Ticket,
    pub(super) grants: Grants,
    /// A moderator.
    pub(super) leads: bool,
    /// In the waiting room.
    pub(super) waits: bool,
    pub(super) name: String,
    pub(super) metadata: String,
    pub(super) attributes: BTreeMap<String, String>,
    /// Which attempt of its client brought it here.
    pub(super) attempt: u64,
    pub(super) client: ClientInfo,
    pub(super) mode: Mode,
    pub(super) auto_subscribe: bool,
    pub(super) adaptive_stream: bool,
    /// Video may stop when bandwidth is short.
    pub(super) allow_pause: bool,
    /// Its client makes one offer and no other.
    pub(super) offers_once: bool,
    pub(super) connection: Option<ConnectionId>,
    pub(super) state: State,
    pub(super) version: u32,
    pub(super) joined_at_ms: i64,
    /// When this person came, over reconnects: what the reports count from.
    pub(super) present_since_ms: i64,
    /// Publishes; with one connection it also receives.
    pub(super) publisher: Peer,
    /// Receives, with two connections.
    pub(super) subscriber: Option<Peer>,
    pub(super) subscriptions: BTreeMap<TrackSid, Subscription>,
    /// Tracks that its client does not want.
    pub(super) declined: BTreeSet<TrackSid>,
    /// Codecs that its client refused or has no section for.
    pub(super) cannot_decode: BTreeSet<Codec>,
    /// Who may subscribe to this participant's tracks; `None` is everybody.
    pub(super) allowed: Option<Allowed>,
    /// Tracks announced or published, in order.
    pub(super) published: Vec<TrackSid>,
    /// Sections, and what the client names in them, that go on with a track that was taken from it: another one is not in them.
    pub(super) spent: Vec<(Mid, Option<String>)>,
    /// How each connection did last.
    pub(super) quality: HashMap<TransportId, Sample>,
    /// How they did for a while, of which the control plane has not heard.
    pub(super) gathered: Gathered,
    /// Reliable data messages received, by the sender's numbering.
    pub(super) last_sequence: u32,
    /// Its information changed and the others have not heard of it.
    pub(super) dirty: bool,
    /// How often they hear at once.
    pub(super) told: Allowance,
    /// How often it says who may have its tracks, and what it said last if that waits.
    pub(super) permits: Allowance,
    pub(super) permission: Option<Option<Allowed>>,
    /// How well its connections do, as all know in a large room.
    pub(super) quality_told: Option<ConnectionQuality>,
    /// There it has been told how well all do who publish.
    pub(super) knows_quality: bool,
}

impl Grants {
    /// Do they allow to publish from this source?
    pub(super) fn allow(&self, source: TrackSource) -> bool {
        let name = source_name(source);
        self.publish && (self.sources.is_empty() || self.sources.iter().any(|allowed| allowed == name))
    }
}

impl Participant {
    /// The connection that brings tracks to this participant.
    pub(super) fn receiver(&mut self) -> &mut Peer {
        self.subscriber.as_mut().unwrap_or(&mut self.publisher)
    }

    /// Whether its client has given this attempt up: a later one brought it here.
    pub(super) fn has_gone_beyond(&self, attempt: u64) -> bool {
        (1..self.attempt).contains(&attempt)
    }

    /// Whether tracks come to it unasked.
    pub(super) fn gets_all(&self) -> bool {
        self.auto_subscribe && self.grants.subscribe
    }

    /// The connection with this transport.
    pub(super) fn peer(&mut self, transport: TransportId) -> Option<&mut Peer> {
        if self.publisher.transport == transport {
            return Some(&mut self.publisher);
        }
        self.subscriber.as_mut().filter(|peer| peer.transport == transport)
    }

    /// Transport that brings data messages to this participant.
    pub(super) fn receiving_transport(&self) -> TransportId {
        self.subscriber.as_ref().unwrap_or(&self.publisher).transport
    }

    /// All transports.
    pub(super) fn transports(&self) -> impl Iterator<Item = TransportId> + '_ {
        std::iter::once(&self.publisher)
            .chain(&self.subscriber)
            .map(|peer| peer.transport)
    }

    /// Whether DTLS is up on what this participant needs: its primary connection.
    pub(super) fn is_connected(&self) -> bool {
        self.subscriber.as_ref().unwrap_or(&self.publisher).connected
    }

    /// Score of its worst connection, from 1.0 to 4.5, which is the score of one that nothing is known of.
    pub(super) fn score(&self) -> f32 {
        self.quality.values().map(|sample| sample.score).fold(4.5, f32::min)
    }

    /// How well it is connected, as the clients are told.
    pub(super) fn grade(&self) -> Grade {
        let score = self.score();
        if !self.is_connected() {
            Grade::Lost
        } else if score > 4.0 {
            Grade::Excellent
        } else if score > 3.0 {
            Grade::Good
        } else {
            Grade::Poor
        }
    }

    /// Marks that the others must hear of a change.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Changes how it is described; a name or metadata that is empty stays.
    pub(super) fn describe(&mut self, name: String, metadata: String, attributes: BTreeMap<String, String>) {
        self.attributes = attributes;
        if !metadata.is_empty() {
            self.metadata = metadata;
        }
        if !name.is_empty() {
            self.name = name;
        }
        self.touch();
    }

    /// Its attributes after these changes; an empty value removes one.
    pub(super) fn attributes_with(
        &self,
        changes: &HashMap<String, String>,
    ) -> Result<BTreeMap<String, String>, TooLong> {
        let mut attributes = self.attributes.clone();
        for (key, value) in changes {
            if value.is_empty() {
                attributes.remove(key);
            } else {
                attributes.insert(key.clone(), value.clone());
            }
        }
        let size: usize = attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
        if size > MAX_METADATA {
            Err(TooLong)
        } else {
            Ok(attributes)
        }
    }

    /// May somebody with this identity and sid subscribe to the track?
    pub(super) fn lets(&self, identity: &str, sid: &str, track: &str) -> bool {
        self.allowed
            .as_ref()
            .is_none_or(|allowed| allowed.lets(identity, sid, track))
    }

    /// What the others and itself are told about it, with the tracks given.
    pub(super) fn info(&self, tracks: Vec<TrackInfo>, region: &str) -> ParticipantInfo {
        ParticipantInfo {
            sid: self.sid.clone(),
            identity: self.ticket.identity.clone(),
            state: self.state.into(),
            is_publisher: !tracks.is_empty(),
            tracks,
            metadata: self.metadata.clone(),
            joined_at: self.joined_at_ms / 1000,
            joined_at_ms: self.joined_at_ms,
            name: self.name.clone(),
            version: self.version,
            permission: Some(self.permission()),
            region: region.to_owned(),
            attributes: self
                .attributes
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            client_protocol: self.client.client_protocol,
            capabilities: self.client.capabilities.clone(),
            ..ParticipantInfo::default()
        }
    }

    fn permission(&self) -> ParticipantPermission {
        ParticipantPermission {
            can_subscribe: self.grants.subscribe,
            can_publish: self.grants.publish,
            can_publish_data: self.grants.publish_data,
            can_publish_sources: self
                .grants
                .sources
                .iter()
                .filter_map(|name| TrackSource::from_str_name(&name.to_uppercase()))
                .map(Into::into)
                .collect(),
            hidden: self.grants.hidden,
            can_update_metadata: self.grants.update_metadata,
            ..ParticipantPermission::default()
        }
    }
}
