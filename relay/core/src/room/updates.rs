//! What participants are told about each other and about the room.

use std::{collections::BTreeMap, time::Duration};

use livekit_protocol::{
    ParticipantInfo, ParticipantUpdate, RequestResponse, RoomUpdate, UpdateParticipantMetadata,
    request_response::{Reason as Refused, Request},
    signal_response::Message,
};

use super::{
    api::{RESERVED_ATTRIBUTES, RoomKey},
    context::{Context, SessionId, shared},
    join::TOKEN_EVERY,
    participant::Participant,
    state::{Departed, Room, Timer},
};

/// In a room of more people, what all are told of goes out together.
const SMALL: usize = 50;

/// How long changes of those who publish nothing wait there, and counts of the room in any case.
const BATCH: Duration = Duration::from_secs(1);

/// Everything else waits there until so much time for each participant is over since all were told last: whatever the size, a
/// room tells some five hundred participants a second.
const PACE: Duration = Duration::from_millis(2);

/// In a small room the changes of one participant are told at once as long as they are not more, in the long run, than one in
/// so many microseconds,
const TOLD_EVERY: u64 = 100_000;
/// and no more than so many microseconds of that in a burst: fifty.
const TOLD_AT_ONCE: u64 = 50 * TOLD_EVERY;

/// Longest metadata, and all attributes together, in bytes.
pub(super) const MAX_METADATA: usize = 65_536;

/// Longest name, in bytes.
pub(super) const MAX_NAME: usize = 256;

const FORBIDDEN: (Refused, &str) = (Refused::NotAllowed, "does not have permission to update own metadata");

/// Those who went in the last minute, for who comes back to a broken connection.
pub(super) const MAX_DEPARTED: usize = 100;

impl Room {
    /// Whether so few are here that everything is told at once.
    pub(super) fn is_small(&self) -> bool {
        self.participants.len() <= SMALL
    }

    /// How long all are told nothing after they were told something.
    fn pace(&self) -> Duration {
        if self.is_small() {
            return Duration::ZERO;
        }
        let participants = u32::try_from(self.participants.len()).unwrap_or(u32::MAX);
        PACE.saturating_mul(participants).min(BATCH)
    }

    /// Tells changes, at once where that matters and all have not just been told of others.
    pub(super) fn tell_changes(&mut self, ctx: &mut Context<'_>) {
        let now = self.micros(ctx.now);
        let is_small = self.is_small();
        let (mut waits, mut at_once) = (false, false);
        for participant in self.participants.values_mut().filter(|participant| participant.dirty) {
            waits = true;
            at_once |= if is_small {
                participant.told.take(now, TOLD_EVERY, TOLD_AT_ONCE)
            } else {
                !participant.published.is_empty()
            };
        }
        let urgent = !self.departed.is_empty()
            || !self.unoffered.is_empty()
            || !self.unsettled_later.is_empty()
            || self.refill
            || at_once;
        if urgent {
            let due = self.told_at.map(|told| told + self.pace());
            match due.filter(|due| *due > ctx.now.at) {
                Some(due) => self.timers.hasten(Timer::Flush, due),
                None => self.tell_participants(ctx),
            }
        } else if waits && is_small {
            self.timers
                .hasten(Timer::Flush, ctx.after(Duration::from_micros(TOLD_EVERY)));
        } else if waits {
            self.timers.set_if_idle(Timer::Flush, ctx.after(BATCH));
        }
        if self.counts_changed {
            self.timers.set_if_idle(Timer::Flush, ctx.after(BATCH));
        }
    }

    /// What waited goes out.
    pub(super) fn flush(&mut self, ctx: &mut Context<'_>) {
        self.tell_participants(ctx);
        if self.counts_changed {
            self.tell_room(ctx);
        }
    }

    /// Tells what the room is now.
    pub(super) fn tell_room(&mut self, ctx: &mut Context<'_>) {
        self.counts_changed = false;
        let update = shared(Message::RoomUpdate(RoomUpdate {
            room: Some(self.info(0)),
        }));
        for participant in self.participants.values().filter(|one| !one.waits) {
            ctx.send_shared(participant.connection, &update);
        }
    }

    /// Tells what changed about participants, then brings new tracks to those who get every track.
    pub(super) fn tell_participants(&mut self, ctx: &mut Context<'_>) {
        let dirty: Vec<SessionId> = self
            .participants
            .values()
            .filter(|participant| participant.dirty)
            .map(|participant| participant.session)
            .collect();
        let mut public = std::mem::take(&mut self.departed);
        for session in dirty {
            if let Some(participant) = self.participants.get_mut(&session) {
                participant.dirty = false;
                participant.version += 1;
            }
            let Some(participant) = self.participants.get(&session) else {
                continue;
            };
            let info = self.participant_info(ctx, participant);
            if participant.waits {
                self.tell_leaders(ctx, info.clone());
                ctx.send(participant.connection, update(vec![info]));
            } else if participant.grants.hidden {
                ctx.send(participant.connection, update(vec![info]));
            } else {
                public.push(info);
            }
        }
        if !public.is_empty() {
            self.told_at = Some(ctx.now.at);
            let update = shared(update(public));
            for participant in self.participants.values().filter(|one| !one.waits) {
                ctx.send_shared(participant.connection, &update);
            }
        }
        for sid in std::mem::take(&mut self.unoffered) {
            self.offer_track(ctx, &sid);
        }
        if std::mem::take(&mut self.refill) {
            self.refill_cameras(ctx);
        }
        self.unsettled.append(&mut self.unsettled_later);
    }

    /// Tells somebody what changed about itself, before the others hear of it.
    fn tell_own(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        if let Some(participant) = self.participants.get_mut(&session) {
            participant.version += 1;
        }
        if let Some(participant) = self.participants.get(&session) {
            let info = self.participant_info(ctx, participant);
            ctx.send(participant.connection, update(vec![info]));
        }
    }

    /// Everything about everybody, for one who may have missed some of it.
    pub(super) fn tell_all(&self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get(&session) else {
            return;
        };
        let told = |gone: &&Departed| !participant.waits && (!gone.waited || participant.leads);
        let departed = self.recently_departed.iter().filter(told).map(|gone| &gone.info);
        let departed = departed.filter(|info| self.session_of(&info.identity).is_none());
        self.tell_present(ctx, participant, departed.cloned().collect());
    }

    /// Everything about everybody who is here, behind what is told of others.
    pub(super) fn tell_present(&self, ctx: &mut Context<'_>, participant: &Participant, others: Vec<ParticipantInfo>) {
        let mut infos = others;
        infos.extend(
            self.participants
                .values()
                .filter(|other| self.sees(participant, other))
                .map(|other| self.participant_info(ctx, other)),
        );
        ctx.send(participant.connection, update(infos));
        ctx.send(
            participant.connection,
            Message::RoomUpdate(RoomUpdate {
                room: Some(self.info_for(participant, 0)),
            }),
        );
    }

    /// The client gets its token again, to reconnect with.
    pub(super) fn refresh_token(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        if let Some(participant) = self.participants.get(&session) {
            ctx.send(
                participant.connection,
                Message::RefreshToken(participant.ticket.token.to_string()),
            );
            self.timers.set(Timer::Token(session), ctx.after(TOKEN_EVERY));
        }
    }

    /// The client changes its own name, metadata or attributes.
    pub(super) fn update_metadata(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        request: UpdateParticipantMetadata,
    ) {
        let now = self.micros(ctx.now);
        let is_small = self.is_small();
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let connection = participant.connection;
        let request_id = request.request_id;
        let attributes = participant.attributes_with(&request.attributes);
        // What the control plane or a moderator wrote is not the participant's to change.
        let kept = |attributes: &BTreeMap<String, String>| {
            let meeting = matches!(self.key, RoomKey::Meeting(_));
            let mut reserved = RESERVED_ATTRIBUTES.iter().filter(|_| meeting);
            reserved.all(|key| attributes.get(*key) == participant.attributes.get(*key))
        };
        let fits = request.metadata.len() <= MAX_METADATA && request.name.len() <= MAX_NAME;
        let accepted = match attributes {
            _ if !participant.grants.update_metadata => Err(FORBIDDEN),
            Ok(attributes) if !kept(&attributes) => Err(FORBIDDEN),
            Ok(attributes) if fits => Ok(attributes),
            _ => Err((Refused::LimitExceeded, "name, metadata or attributes are too long")),
        };
        let attributes = match accepted {
            Ok(attributes) => attributes,
            Err((reason, message)) => {
                let response = RequestResponse {
                    request_id,
                    reason: reason.into(),
                    message: message.to_owned(),
                    request: Some(Request::UpdateMetadata(request)),
                };
                ctx.send(connection, Message::RequestResponse(response));
                return;
            }
        };
        participant.describe(request.name, request.metadata, attributes);
        if request_id != 0 {
            // First what changed: native clients send what they know of themselves along with their next change.
            if is_small && participant.told.take(now, TOLD_EVERY, TOLD_AT_ONCE) {
                self.tell_participants(ctx);
            } else {
                self.tell_own(ctx, session);
            }
            let response = RequestResponse {
                request_id,
                reason: Refused::Ok.into(),
                ..RequestResponse::default()
            };
            ctx.send(connection, Message::RequestResponse(response));
        }
    }
}

fn update(participants: Vec<ParticipantInfo>) -> Message {
    Message::Update(ParticipantUpdate { participants })
}
