//! Coming in: admission, and everything the newcomer needs in one go.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use domain::{Reason, room::MuteMode};
use livekit_protocol as lk;
use livekit_protocol::{participant_info::State, signal_response::Message};

use super::{
    api::{Errand, Join, Mode, Now, Output, Refusal, RoomKey, Ticket},
    context::{Context, SessionId},
    leave::Departure,
    participant::{Participant, Peer},
    publish::MAX_TRACKS,
    quality::Gathered,
    signal::MAX_ITEMS,
    state::{Limits, Phase, Room, Timer},
    waiting::WAITING,
};
use crate::{
    forward,
    sdp::{Local, Negotiator, Role},
    types::{Codec, DtlsRole, SrtpChoice, TransportCommand},
};

/// Version of the signalling protocol that we speak.
pub(super) const PROTOCOL: i32 = 17;

/// The release of LiveKit's server whose features clients may count on; native SDKs call each other (RPC) from 1.8.0 on,
/// and livekit-client publishes VP9 and AV1 in simulcast from 1.13.7 on.
const SPEAKS: &str = "1.13.7";

/// Media must be connected this long after joining.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// The token is sent again this often.
pub(super) const TOKEN_EVERY: Duration = Duration::from_secs(300);

/// Seconds between the client's pings.
const PING_INTERVAL: i32 = 5;

/// Seconds without any message after which the client gives its connection up.
const PING_TIMEOUT: i32 = 15;

/// Joins that wait for the control plane's answer about one meeting.
const MAX_WAITING: usize = 1_000;

/// The data channels that the server opens towards a subscriber: label, ordered, retransmissions.
const CHANNELS: [(&str, bool, Option<u16>); 3] = [
    ("_reliable", true, None),
    ("_lossy", false, Some(0)),
    ("_data_track", false, Some(0)),
];

impl Room {
    /// Would this session get in now?
    pub(super) fn admission(&self, now: Now, ticket: &Ticket) -> Result<(), Refusal> {
        if let Phase::Closed { reason } = &self.phase {
            return Err(reason.map_or(Refusal::Unavailable, Refusal::Because));
        }
        if let Some(reason) = self.put_out.refuses(ticket) {
            return Err(Refusal::Because(reason));
        }
        // Moderators pass, or a room that its only one has lost would stay locked; who was in comes back.
        let passes_lock =
            self.leads(ticket) || self.session_of(&ticket.identity).is_some() || self.broken.contains(&ticket.jti);
        if self.rules.locked && !passes_lock {
            return Err(Refusal::Because(Reason::Locked));
        }
        // As many may wait as may be in.
        let others = self.count(self.has_to_wait(ticket), &ticket.identity);
        if others >= usize::try_from(self.limits.participants).unwrap_or(usize::MAX) {
            return Err(Refusal::Because(Reason::Full));
        }
        self.has_rested(now, &ticket.identity)
    }

    /// What a client has given up may arrive behind what took its place, as TCP goes on sending for a page that is gone.
    fn is_latest(&self, join: &Join) -> Result<(), Refusal> {
        let present = self
            .session_of(&join.ticket.identity)
            .and_then(|session| self.participants.get(&session));
        match present {
            Some(present) if present.ticket.jti == join.ticket.jti && present.has_gone_beyond(join.attempt) => {
                Err(Refusal::Because(Reason::Duplicate))
            }
            _ => Ok(()),
        }
    }

    /// Somebody asks to come in: at once when the room is open, after the control plane's answer otherwise.
    pub(super) fn join(&mut self, ctx: &mut Context<'_>, join: Join) {
        match &mut self.phase {
            Phase::Entering { waiting } if waiting.len() < MAX_WAITING => {
                if let (RoomKey::Meeting(room), Some(participant)) = (&self.key, join.ticket.number)
                    && waiting.is_empty()
                {
                    ctx.out.push_back(Output::Enter {
                        room: *room,
                        participant,
                        jti: join.ticket.jti.clone(),
                    });
                }
                waiting.push(join);
            }
            Phase::Entering { .. } => {
                ctx.out.push_back(Output::Refuse {
                    connection: join.connection,
                    refusal: Refusal::Unavailable,
                });
            }
            Phase::Open | Phase::Closed { .. } => self.admit(ctx, join),
        }
    }

    /// The room is open from now on.
    pub(super) fn open(&mut self, ctx: &mut Context<'_>, limits: Limits) {
        self.limits = limits;
        if let Some(hard_stop) = limits.hard_stop_ms {
            let left = u64::try_from(hard_stop - ctx.now.unix_ms).unwrap_or(0);
            self.timers.set(Timer::HardStop, ctx.after(Duration::from_millis(left)));
        }
        self.timers.set(Timer::Empty, ctx.after(limits.first_wait));
        let Phase::Entering { waiting } = std::mem::replace(&mut self.phase, Phase::Open) else {
            return;
        };
        for join in waiting {
            self.admit(ctx, join);
            self.settle(ctx);
        }
    }

    /// The control plane refused the meeting.
    pub(super) fn refuse_all(&mut self, ctx: &mut Context<'_>, refusal: Refusal) {
        let reason = match refusal {
            Refusal::Because(reason) => Some(reason),
            _ => None,
        };
        if let Phase::Entering { waiting } = std::mem::replace(&mut self.phase, Phase::Closed { reason }) {
            for join in waiting {
                ctx.out.push_back(Output::Refuse {
                    connection: join.connection,
                    refusal,
                });
            }
        }
    }

    fn admit(&mut self, ctx: &mut Context<'_>, join: Join) {
        let sid = ctx.name("PA_");
        let admitted = self
            .admission(ctx.now, &join.ticket)
            .and_then(|()| self.is_latest(&join));
        if let Err(refusal) = admitted.and_then(|()| self.serves(&join, &sid)) {
            let connection = join.connection;
            ctx.out.push_back(Output::Refuse { connection, refusal });
            return;
        }
        let Join {
            connection,
            ticket,
            attempt,
            mut client,
            mode,
            auto_subscribe,
            errand,
            adaptive_stream,
            allow_pause,
            offer,
            add_tracks,
        } = join;
        // The others are told of these.
        client.capabilities.truncate(MAX_ITEMS);
        let before = self.session_of(&ticket.identity);
        let waits = self.has_to_wait(&ticket);
        let present_since_ms = before
            .and_then(|session| self.participants.get(&session))
            .filter(|old| !old.waits && !waits)
            .map(|old| old.present_since_ms);
        match before {
            // It is in no more until it is let in again, and is reported as gone.
            Some(before) if waits => self.depart(ctx, before, Departure::Because(Reason::Duplicate)),
            Some(before) => self.replace(ctx, before),
            None => {}
        }
        self.tell_former(ctx, &ticket);
        ctx.ids.sessions += 1;
        let session = SessionId(ctx.ids.sessions);
        // Encoders and players may have an older cipher only; all others have the best one, and browsers like the older one
        // better.
        let srtp = match errand {
            Some(Errand::Publish | Errand::Watch { browser: false, .. }) => SrtpChoice::Any,
            _ => SrtpChoice::Best,
        };
        let publisher = self.make_peer(ctx, session, Role::ClientOffers, srtp);
        let subscriber = (mode == Mode::Dual).then(|| self.make_peer(ctx, session, Role::ServerOffers, srtp));
        if let Some(peer) = &subscriber {
            for (label, ordered, max_retransmits) in CHANNELS {
                ctx.transports(TransportCommand::OpenChannel {
                    id: peer.transport,
                    label: Arc::from(label),
                    ordered,
                    max_retransmits,
                });
            }
        }
        let comes_back = self.broken.remove(&ticket.jti) || before.is_some();
        self.timers.clear(&Timer::Left(ticket.jti.clone()));
        if !comes_back {
            self.silenced.remove(&ticket.identity);
        }
        let mut participant = Participant {
            session,
            sid,
            grants: ticket.grants.clone(),
            leads: ticket.moderator,
            waits,
            name: ticket.name.clone(),
            metadata: ticket.metadata.clone(),
            attributes: ticket.attributes.clone(),
            attempt,
            client,
            mode,
            auto_subscribe,
            adaptive_stream,
            allow_pause,
            offers_once: errand.is_some(),
            connection: Some(connection),
            state: State::Joined,
            version: 1,
            joined_at_ms: ctx.now.unix_ms,
            present_since_ms: present_since_ms.unwrap_or(ctx.now.unix_ms),
            publisher,
            subscriber,
            subscriptions: BTreeMap::new(),
            declined: BTreeSet::new(),
            cannot_decode: BTreeSet::new(),
            spent: Vec::new(),
            told: crate::allowance::Allowance::default(),
            permits: crate::allowance::Allowance::default(),
            permission: None,
            published: Vec::new(),
            allowed: None,
            quality: HashMap::new(),
            gathered: Gathered::from(ctx.now),
            last_sequence: 0,
            dirty: true,
            quality_told: None,
            knows_quality: false,
            ticket,
        };
        let leads = self.leads(&participant.ticket);
        if leads != participant.leads {
            participant.show_role(leads);
        }
        if participant.waits {
            participant.attributes.insert(WAITING.to_owned(), "true".to_owned());
        }
        participant.grants = self.grants_of(&participant);
        ctx.index.connections.insert(connection, (self.id, session));
        ctx.out.push_back(Output::Accept { connection });
        let welcome = self.welcome(ctx, &participant);
        ctx.send(Some(connection), Message::Join(welcome));
        ctx.send(
            Some(connection),
            Message::RefreshToken(participant.ticket.token.to_string()),
        );
        self.timers.clear(&Timer::Empty);
        self.timers.set(Timer::Connect(session), ctx.after(CONNECT_TIMEOUT));
        self.timers.set(Timer::Token(session), ctx.after(TOKEN_EVERY));
        self.start_quality(ctx);
        if present_since_ms.is_some() {
            ctx.counts.rejoined += 1;
            tracing::info!(room = %self.key, participant = %participant.sid, "participant joined anew");
        } else if !participant.waits {
            self.report_join(ctx, &participant);
        }
        self.participants.insert(session, participant);
        self.counts_changed = true;
        self.unsettled.insert(session);
        self.subscribe_newcomer(ctx, session);
        if let Some(Errand::Watch { publisher, .. }) = errand {
            self.watch(ctx, session, &publisher);
        }
        // Who speaks at once comes in muted where one has to ask for the word; to publish later is to unmute.
        let muted = self.rules.mute_mode == MuteMode::QuestionsAndAnswers && !leads;
        for mut request in add_tracks.into_iter().take(MAX_TRACKS) {
            request.muted |= muted && request.r#type() == lk::TrackType::Audio;
            self.add_track(ctx, session, request);
        }
        if let Some(offer) = offer {
            self.client_offer(ctx, session, &offer);
        }
    }

    /// Tells the end of former sessions of a newcomer that the others have not heard of: not to the newcomer, who would take it for
    /// its own. In a large room they see the session change instead.
    fn tell_former(&mut self, ctx: &mut Context<'_>, ticket: &Ticket) {
        let is_former = |gone: &lk::ParticipantInfo| gone.identity == ticket.identity;
        let is_seen = !self.has_to_wait(ticket) && !ticket.grants.hidden;
        if !self.is_small() && is_seen {
            self.departed.retain(|gone| !is_former(gone));
        } else if self.departed.iter().any(is_former) {
            self.tell_participants(ctx);
        }
    }

    fn make_peer(&self, ctx: &mut Context<'_>, session: SessionId, role: Role, srtp: SrtpChoice) -> Peer {
        let transport = ctx.transport(session, self.participants.len());
        let ice = ctx.ice();
        let mut id = [0; 8];
        ctx.random.fill(&mut id);
        let local = Local {
            session: u64::from_be_bytes(id) >> 1,
            ice: ice.clone(),
            fingerprint: ctx.config.fingerprint,
            candidates: ctx.config.candidates.clone(),
            codecs: vec![Codec::Opus, Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1],
        };
        ctx.transports(TransportCommand::Create {
            id: transport,
            ice,
            dtls: (role == Role::ServerOffers).then_some(DtlsRole::Client),
            srtp,
        });
        ctx.forward(forward::Command::TransportAdd { id: transport });
        Peer {
            transport,
            negotiator: Negotiator::new(local, role),
            connected: false,
            remote: None,
            offers: 0,
            offered: None,
            unanswered: 0,
            asked: false,
            ssrcs: HashSet::new(),
        }
    }

    fn welcome(&self, ctx: &Context<'_>, participant: &Participant) -> lk::JoinResponse {
        let codecs: &[&str] = if participant.ticket.h264 {
            &["video/H264", "video/VP8", "video/VP9", "video/AV1"]
        } else {
            &["video/VP8", "video/H264", "video/VP9", "video/AV1"]
        };
        lk::JoinResponse {
            room: Some(self.info_for(participant, 1)),
            participant: Some(self.participant_info(ctx, participant)),
            other_participants: self
                .participants
                .values()
                .filter(|other| self.sees(participant, other))
                .map(|other| self.participant_info(ctx, other))
                .collect(),
            server_version: SPEAKS.to_owned(),
            ice_servers: ctx.config.ice_servers.servers(ctx.now, &participant.ticket),
            subscriber_primary: participant.mode == Mode::Dual,
            server_region: ctx.config.region.clone(),
            ping_timeout: PING_TIMEOUT,
            ping_interval: PING_INTERVAL,
            server_info: Some(server_info(ctx)),
            enabled_publish_codecs: codecs
                .iter()
                .chain(&["audio/opus"])
                .map(|mime| lk::Codec {
                    mime: (*mime).to_owned(),
                    fmtp_line: String::new(),
                })
                .collect(),
            fast_publish: true,
            ..lk::JoinResponse::default()
        }
    }

    /// What somebody is told about the room; who waits does not hear how many are in.
    pub(super) fn info_for(&self, viewer: &Participant, more: u32) -> lk::Room {
        let info = self.info(more);
        if viewer.waits {
            return lk::Room {
                num_participants: 0,
                num_publishers: 0,
                ..info
            };
        }
        info
    }

    /// What clients are told about the room; `more` participants are about to come in.
    pub(super) fn info(&self, more: u32) -> lk::Room {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        lk::Room {
            sid: self.sid.clone(),
            name: self.key.to_string(),
            metadata: self.metadata.clone(),
            empty_timeout: seconds(self.limits.first_wait),
            departure_timeout: seconds(self.limits.empty_grace),
            max_participants: self.limits.participants,
            creation_time: self.created_ms / 1000,
            creation_time_ms: self.created_ms,
            num_participants: count(self.count(false, "")) + more,
            num_publishers: count(
                self.participants
                    .values()
                    .filter(|participant| !participant.published.is_empty())
                    .count(),
            ),
            ..lk::Room::default()
        }
    }
}

/// What clients are told about this relay.
pub(super) fn server_info(ctx: &Context<'_>) -> lk::ServerInfo {
    lk::ServerInfo {
        version: SPEAKS.to_owned(),
        protocol: PROTOCOL,
        region: ctx.config.region.clone(),
        node_id: ctx.config.relay.clone(),
        ..lk::ServerInfo::default()
    }
}
