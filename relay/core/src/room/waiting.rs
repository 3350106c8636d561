//! The waiting room: guests are at the relay, with everything connected, but have no rights. They receive and send nothing and
//! see nobody; of them only moderators hear, as participants with the attribute `waiting`.

use domain::{Reason, id::ParticipantNumber};
use livekit_protocol::{ParticipantInfo, ParticipantUpdate, participant_info::State, signal_response::Message};

use super::{
    api::{Denied, Ticket},
    context::{Context, SessionId, shared},
    participant::Participant,
    quality::Gathered,
    state::Room,
};

/// The attribute of who waits.
pub(super) const WAITING: &str = "waiting";

impl Room {
    /// Whether the holder of a token has to wait for a moderator.
    pub(super) fn has_to_wait(&self, ticket: &Ticket) -> bool {
        let admitted = self
            .standings
            .get(&ticket.identity)
            .is_some_and(|standing| standing.admitted);
        self.rules.waiting_room && !admitted && !self.leads(ticket)
    }

    /// Participants who wait, or who are in, without those of this identity.
    pub(super) fn count(&self, waits: bool, without: &str) -> usize {
        let others = self.participants.values().filter(|one| one.waits == waits);
        others.filter(|one| one.ticket.identity != without).count()
    }

    /// Whether `viewer` is told of `other`.
    pub(super) fn sees(&self, viewer: &Participant, other: &Participant) -> bool {
        if viewer.session == other.session {
            return true;
        }
        if other.waits {
            viewer.leads
        } else {
            !viewer.waits && !other.grants.hidden
        }
    }

    /// Lets somebody in who waits; who is in stays so.
    pub(super) fn let_in(&mut self, ctx: &mut Context<'_>, number: ParticipantNumber) -> Result<(), Denied> {
        let session = self.numbered(number)?;
        let is_full = self.count(false, "") >= usize::try_from(self.limits.participants).unwrap_or(usize::MAX);
        let Some(participant) = self.participants.get_mut(&session).filter(|one| one.waits) else {
            return Ok(());
        };
        if is_full {
            return Err(Denied::Full);
        }
        participant.waits = false;
        participant.attributes.remove(WAITING);
        participant.present_since_ms = ctx.now.unix_ms;
        participant.joined_at_ms = ctx.now.unix_ms;
        participant.gathered = Gathered::from(ctx.now);
        participant.touch();
        if let Some(standing) = self.standing(session) {
            standing.admitted = true;
        }
        self.settle_grants(ctx, session);
        if let Some(participant) = self.participants.get(&session) {
            // Who is there is told before their tracks are offered, at the end of the step.
            self.tell_present(ctx, participant, Vec::new());
            self.report_join(ctx, participant);
        }
        self.counts_changed = true;
        Ok(())
    }

    /// Lets everybody in who waits, who came first first, until nobody else fits in.
    pub(super) fn let_all_in(&mut self, ctx: &mut Context<'_>) -> Result<(), Denied> {
        let waiting = self.participants.values().filter(|one| one.waits);
        let waiting: Vec<ParticipantNumber> = waiting.filter_map(|one| one.ticket.number).collect();
        waiting.into_iter().try_for_each(|number| self.let_in(ctx, number))
    }

    /// Turns somebody away who waits.
    pub(super) fn turn_away(&mut self, ctx: &mut Context<'_>, number: ParticipantNumber) -> Result<(), Denied> {
        let session = self.numbered(number)?;
        if self.participants.get(&session).is_some_and(|one| !one.waits) {
            return Err(Denied::Waiting);
        }
        self.remove(ctx, session, Reason::Rejected);
        Ok(())
    }

    /// Shows a new moderator who waits, or takes that away from a former one.
    pub(super) fn show_waiting(&self, ctx: &mut Context<'_>, session: SessionId, leads: bool) {
        let waiting = self.participants.values().filter(|one| one.waits);
        let infos: Vec<ParticipantInfo> = waiting
            .map(|one| {
                let mut info = self.participant_info(ctx, one);
                if !leads {
                    info.set_state(State::Disconnected);
                }
                info
            })
            .collect();
        if let Some(viewer) = self.participants.get(&session).filter(|_| !infos.is_empty()) {
            ctx.send(
                viewer.connection,
                Message::Update(ParticipantUpdate { participants: infos }),
            );
        }
    }

    /// Tells moderators of somebody who waits, or does not any more.
    pub(super) fn tell_leaders(&self, ctx: &mut Context<'_>, info: ParticipantInfo) {
        let update = shared(Message::Update(ParticipantUpdate {
            participants: vec![info],
        }));
        for leader in self.participants.values().filter(|one| one.leads) {
            ctx.send_shared(leader.connection, &update);
        }
    }
}
