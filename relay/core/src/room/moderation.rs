//! What moderators do in a meeting, and the control plane in a partner's name (contract/enterprise-api.md,
//! `conference/control`). Outcomes are muted tracks, permissions, attributes and the room's metadata, which every client of
//! the protocol sees; only the wish that somebody unmutes is a data message of a topic of its own.

use std::sync::Arc;

use domain::{
    Reason,
    id::ParticipantNumber,
    relay::{Action, Entered, EventKind},
    room::{KeptRules, MuteMode, RoomRules},
};
use livekit_protocol::{
    DataPacket, MuteTrackRequest, TrackSource, UserPacket,
    data_packet::{Kind, Value},
    signal_response::Message,
};
use prost::Message as _;

use super::{
    api::{By, Denied, Grants, Now, RoomKey, Ticket},
    context::{Context, SessionId, TrackSid},
    participant::{Participant, SOURCES},
    state::Room,
};
use crate::{forward, types::MediaKind};

/// The topic of the data message by which somebody is asked to unmute. It comes from the server, so without a sender, and
/// its text is JSON: `{"by": <number>}` names the moderator, `{}` is the control plane.
pub const ASK_UNMUTE: &str = "convoke.ask_unmute";

/// The rights of who waits.
const NOTHING: Grants = Grants {
    subscribe: false,
    publish: false,
    publish_data: false,
    update_metadata: false,
    hidden: true,
    sources: Vec::new(),
};

/// For so long after somebody came, what it publishes may be what it published before it was away, in milliseconds.
const COMES_BACK_WITHIN_MS: i64 = 30_000;

/// The attribute that tells who leads.
pub(super) const ROLE: &str = "role";

/// What moderators have made of somebody; it outlives a session, since people reconnect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Leads, or does not, whatever the token says.
    pub(super) leads: Option<bool>,
    /// Has the word in a presentation.
    pub(super) has_word: bool,
    /// Was let in from the waiting room.
    pub(super) admitted: bool,
}

impl Room {
    /// Carries an order out.
    pub(super) fn obey(&mut self, ctx: &mut Context<'_>, by: &By, action: Action) -> Result<(), Denied> {
        let leader = self.leader(by)?;
        if let Action::End { reason } = action {
            self.end(ctx, reason, leader);
            return Ok(());
        }
        if !matches!(self.key, RoomKey::Meeting(_)) {
            return Err(Denied::NoRoom);
        }
        match action {
            Action::End { .. } => {}
            Action::Remove { participant, reason } => {
                let session = self.numbered(participant)?;
                self.remove(ctx, session, reason);
            }
            Action::Admit { participant } => self.let_in(ctx, participant)?,
            Action::AdmitAll => self.let_all_in(ctx)?,
            Action::Reject { participant } => self.turn_away(ctx, participant)?,
            Action::Mute { participant } => {
                let session = self.inside(participant)?;
                self.silence(ctx, session);
            }
            Action::AskUnmute { participant } => {
                let session = self.inside(participant)?;
                self.ask_unmute(ctx, session, leader);
            }
            Action::CameraOff { participant } => {
                let session = self.inside(participant)?;
                self.mute_tracks(ctx, session, MediaKind::Video);
            }
            Action::Promote { participant } => {
                let session = self.inside(participant)?;
                self.set_leads(ctx, session, true);
            }
            Action::Demote { participant } => {
                let session = self.inside(participant)?;
                self.set_leads(ctx, session, false);
            }
            Action::MuteAll => {
                for session in self.followers() {
                    self.silence(ctx, session);
                }
            }
            Action::UnmuteAll => {
                for session in self.followers() {
                    if !self.is_heard(session) {
                        self.ask_unmute(ctx, session, leader);
                    }
                }
            }
            Action::Lock => self.change_rules(ctx, |rules| rules.locked = true),
            Action::Unlock => self.change_rules(ctx, |rules| rules.locked = false),
            Action::SetMuteMode { mute_mode } => self.set_mute_mode(ctx, mute_mode),
        }
        Ok(())
    }

    /// The number of the moderator who orders; none where the control plane does.
    fn leader(&self, by: &By) -> Result<Option<ParticipantNumber>, Denied> {
        let By::Holder { identity, jti } = by else {
            return Ok(None);
        };
        self.session_of(identity)
            .and_then(|session| self.participants.get(&session))
            .filter(|holder| holder.ticket.jti == *jti && holder.leads)
            .map(|holder| holder.ticket.number)
            .ok_or(Denied::NotModerator)
    }

    /// Somebody of this number, waiting or in.
    pub(super) fn numbered(&self, number: ParticipantNumber) -> Result<SessionId, Denied> {
        self.participants
            .values()
            .find(|participant| participant.ticket.number == Some(number))
            .map(|participant| participant.session)
            .ok_or(Denied::NoParticipant)
    }

    /// Somebody of this number who is in.
    fn inside(&self, number: ParticipantNumber) -> Result<SessionId, Denied> {
        let session = self.numbered(number)?;
        let waits = self.participants.get(&session).is_some_and(|one| one.waits);
        if waits { Err(Denied::Waiting) } else { Ok(session) }
    }

    /// Everybody who is in and does not lead.
    fn followers(&self) -> Vec<SessionId> {
        let followers = self.participants.values().filter(|one| !one.leads && !one.waits);
        followers.map(|participant| participant.session).collect()
    }

    pub(super) fn standing(&mut self, session: SessionId) -> Option<&mut Standing> {
        let identity = self.participants.get(&session)?.ticket.identity.clone();
        Some(self.standings.entry(identity).or_default())
    }

    /// Puts somebody out for good: its token opens nothing any more.
    pub(super) fn remove(&mut self, ctx: &mut Context<'_>, session: SessionId, reason: Reason) {
        if let Some(participant) = self.participants.get(&session) {
            self.put_out.sessions.insert(participant.ticket.jti.clone(), reason);
            let identity = participant.ticket.identity.clone();
            self.standings.remove(&identity);
            if participant.ticket.number.is_some() {
                self.put_out.people.insert(identity, (ctx.now.unix_ms / 1_000, reason));
            }
        }
        self.put_out(ctx, session, reason);
    }

    // --- sound and picture

    /// Mutes somebody, and takes its word back.
    fn silence(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        if let Some(standing) = self.standing(session) {
            standing.has_word = false;
        }
        self.mute_tracks(ctx, session, MediaKind::Audio);
        self.settle_grants(ctx, session);
    }

    /// Mutes what somebody publishes of that kind, except a shared screen's picture. Its client is told, and may unmute.
    fn mute_tracks(&mut self, ctx: &mut Context<'_>, session: SessionId, kind: MediaKind) {
        let Some(participant) = self.participants.get(&session) else {
            return;
        };
        let meant: Vec<TrackSid> = participant
            .published
            .iter()
            .filter_map(|sid| self.tracks.get(sid))
            .filter(|track| track.kind == kind)
            .filter(|track| kind == MediaKind::Audio || !track.is_screen())
            .map(|track| track.sid.clone())
            .collect();
        for sid in meant {
            self.silence_track(ctx, session, &sid);
        }
    }

    fn silence_track(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        if self.tracks.get(sid).is_some_and(|track| track.info.muted) {
            self.withhold(ctx, sid);
        } else {
            self.mute_for(ctx, session, sid);
        }
    }

    /// Who was muted, and comes back without having heard of it, still is. What it publishes later it publishes anew.
    pub(super) fn silence_again(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        source: TrackSource,
        sid: &TrackSid,
    ) {
        let back = self.participants.get(&session);
        let Some(participant) = back.filter(|participant| participant.may_be_coming_back(ctx.now)) else {
            return;
        };
        let Some(sources) = self.silenced.get_mut(&participant.ticket.identity) else {
            return;
        };
        let Some(place) = sources.iter().position(|silenced| *silenced == source) else {
            return;
        };
        sources.swap_remove(place);
        self.silence_track(ctx, session, sid);
    }

    /// Sees to it that nothing of a track that is muted is sent on until it is unmuted, whatever its client does.
    pub(super) fn withhold(&mut self, ctx: &mut Context<'_>, sid: &str) {
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        if std::mem::replace(&mut track.silenced, true) {
            return;
        }
        for media in track.streams() {
            ctx.forward(forward::Command::SourceMute {
                id: media.source,
                muted: true,
                ordered: true,
            });
        }
    }

    /// Mutes a track in its publisher's place.
    pub(super) fn mute_for(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &str) {
        let order = MuteTrackRequest {
            sid: sid.to_owned(),
            muted: true,
        };
        self.mute(ctx, session, &order, true);
        if let Some(track) = self.tracks.get_mut(sid) {
            track.silence_due = !track.known;
        }
        self.order_mute(ctx, session, sid);
    }

    /// Tells a client that its track is muted.
    pub(super) fn order_mute(&self, ctx: &mut Context<'_>, session: SessionId, sid: &str) {
        let connection = self.participants.get(&session).and_then(|one| one.connection);
        let order = MuteTrackRequest {
            sid: sid.to_owned(),
            muted: true,
        };
        ctx.send(connection, Message::Mute(order));
    }

    fn is_heard(&self, session: SessionId) -> bool {
        let published = self.participants.get(&session).map(|one| one.published.as_slice());
        published
            .unwrap_or_default()
            .iter()
            .filter_map(|sid| self.tracks.get(sid))
            .any(|track| track.kind == MediaKind::Audio && !track.info.muted)
    }

    /// Asks somebody to unmute, and gives it the word.
    fn ask_unmute(&mut self, ctx: &mut Context<'_>, session: SessionId, by: Option<ParticipantNumber>) {
        if let Some(standing) = self.standing(session) {
            standing.has_word = true;
        }
        self.settle_grants(ctx, session);
        let Some(participant) = self.participants.get(&session) else {
            return;
        };
        if let Some(sources) = self.silenced.get_mut(&participant.ticket.identity) {
            forget_sound(sources);
        }
        let payload = by.map_or_else(|| "{}".to_owned(), |by| format!(r#"{{"by":{by}}}"#));
        let mut packet = DataPacket {
            value: Some(Value::User(UserPacket {
                payload: payload.into_bytes(),
                topic: Some(ASK_UNMUTE.to_owned()),
                ..UserPacket::default()
            })),
            ..DataPacket::default()
        };
        packet.set_kind(Kind::Reliable);
        let destinations = [participant.sid.clone()].into_iter().collect();
        let label = Arc::from("_reliable");
        self.deliver(ctx, None, &label, &destinations, &packet.encode_to_vec().into());
    }

    fn set_mute_mode(&mut self, ctx: &mut Context<'_>, mode: MuteMode) {
        if self.rules.mute_mode == mode {
            return;
        }
        for standing in self.standings.values_mut() {
            standing.has_word = false;
        }
        if mode == MuteMode::Conversation {
            self.silenced.values_mut().for_each(forget_sound);
        }
        self.change_rules(ctx, |rules| rules.mute_mode = mode);
        for session in self.followers() {
            if mode != MuteMode::Conversation {
                self.mute_tracks(ctx, session, MediaKind::Audio);
            }
            self.settle_grants(ctx, session);
        }
    }

    // --- the room's rules

    /// How the room is set at its opening, and what moderators made of it and its people where it goes on after its relay has gone.
    pub(super) fn take_up(&mut self, entered: &Entered) {
        let settings = &entered.settings;
        self.are_set = entered.rules.is_some();
        self.set_rules(RoomRules {
            locked: entered.rules.is_some_and(|rules| rules.locked),
            mute_mode: entered.rules.map_or(settings.mute_mode, |rules| rules.mute_mode),
            waiting_room: settings.waiting_room,
        });
        for earlier in &entered.earlier {
            let identity = earlier.participant.identity();
            if let Some(at) = earlier.removed {
                self.put_out.sessions.insert(earlier.jti.clone(), Reason::Removed);
                self.put_out.people.insert(identity, (at, Reason::Removed));
                continue;
            }
            self.broken.insert(earlier.jti.clone());
            let standing = self.standings.entry(identity).or_default();
            standing.leads = earlier.moderator.then_some(true);
            standing.admitted = true;
            if !earlier.moderator {
                self.followers_before.insert(earlier.jti.clone());
            }
        }
    }

    fn set_rules(&mut self, rules: RoomRules) {
        self.rules = rules;
        self.metadata = rules.to_metadata();
    }

    fn change_rules(&mut self, ctx: &mut Context<'_>, change: impl FnOnce(&mut RoomRules)) {
        let mut rules = self.rules;
        change(&mut rules);
        if rules != self.rules {
            self.set_rules(rules);
            self.are_set = true;
            self.tell_room(ctx);
            self.report_rules(ctx);
        }
    }

    /// Reports what moderators have set.
    pub(super) fn report_rules(&self, ctx: &mut Context<'_>) {
        if self.are_set {
            let RoomRules { locked, mute_mode, .. } = self.rules;
            let rules = KeptRules { locked, mute_mode };
            self.report_event(ctx, EventKind::RoomRules { rules });
        }
    }

    // --- roles and rights

    /// Whether the holder of a token leads.
    pub(super) fn leads(&self, ticket: &Ticket) -> bool {
        let by_token = ticket.moderator && !self.followers_before.contains(&ticket.jti);
        self.standings
            .get(&ticket.identity)
            .and_then(|standing| standing.leads)
            .unwrap_or(by_token)
    }

    fn set_leads(&mut self, ctx: &mut Context<'_>, session: SessionId, leads: bool) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        if participant.leads == leads {
            return;
        }
        participant.show_role(leads);
        participant.touch();
        let jti = participant.ticket.jti.clone();
        let number = participant.ticket.number;
        if let Some(standing) = self.standing(session) {
            standing.leads = Some(leads);
            // Who has led does not wait again.
            standing.admitted = true;
        }
        self.settle_grants(ctx, session);
        self.show_waiting(ctx, session, leads);
        if let Some(participant) = number {
            let moderator = leads;
            self.report_event(
                ctx,
                EventKind::ParticipantRole {
                    participant,
                    jti,
                    moderator,
                },
            );
        }
    }

    /// What somebody may do now: what its token says, less what the room's rules take away.
    pub(super) fn grants_of(&self, participant: &Participant) -> Grants {
        self.grants_with(&participant.ticket, participant.leads, participant.waits)
    }

    /// The same of the holder of a token who leads or not, and waits or not.
    pub(super) fn grants_with(&self, ticket: &Ticket, leads: bool, waits: bool) -> Grants {
        if waits {
            return NOTHING;
        }
        let mut grants = ticket.grants.clone();
        let has_word = self
            .standings
            .get(&ticket.identity)
            .is_some_and(|standing| standing.has_word);
        if self.rules.mute_mode == MuteMode::Presentation && !leads && !has_word {
            grants.without_sound();
        }
        grants
    }

    /// Gives somebody the rights that it has now, where they changed.
    pub(super) fn settle_grants(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get(&session) else {
            return;
        };
        let grants = self.grants_of(participant);
        if grants != participant.grants {
            self.permit(ctx, session, grants);
        }
    }
}

impl Grants {
    fn without_sound(&mut self) {
        let mut sources = std::mem::take(&mut self.sources);
        if sources.is_empty() {
            sources = SOURCES.map(str::to_owned).to_vec();
        }
        sources.retain(|source| source != "microphone" && source != "screen_share_audio");
        // An empty list would allow every source.
        self.publish &= !sources.is_empty();
        self.sources = sources;
    }
}

/// Only cameras stay off.
fn forget_sound(sources: &mut Vec<TrackSource>) {
    sources.retain(|source| *source == TrackSource::Camera);
}

impl Participant {
    /// Whether what it publishes now may be what it published before it was away.
    pub(super) const fn may_be_coming_back(&self, now: Now) -> bool {
        now.unix_ms < self.joined_at_ms + COMES_BACK_WITHIN_MS
    }

    /// Takes the role on, and shows it where all look for it.
    pub(super) fn show_role(&mut self, leads: bool) {
        self.leads = leads;
        let role = if leads { "moderator" } else { "guest" };
        self.attributes.insert(ROLE.to_owned(), role.to_owned());
    }
}
