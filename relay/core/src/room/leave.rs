//! Going: by oneself, by an order, by silence, or with the whole room.

use std::time::Duration;

use domain::{
    Reason,
    id::ParticipantNumber,
    relay::{Event, EventKind},
};
use livekit_protocol::{
    DisconnectReason, LeaveRequest, TrackSource, leave_request::Action, participant_info::State,
    signal_response::Message,
};

use super::{
    api::{Mode, Output, RoomKey},
    context::{Context, SessionId},
    participant::Participant,
    state::{Departed, Phase, Room, Timer},
    updates::MAX_DEPARTED,
};
use crate::{forward, types::TransportCommand};

/// A participant without a signalling connection is waited for this long.
const RESUME_GRACE: Duration = Duration::from_secs(15);

/// Who said goodbye only to connect anew does so within this time.
const ANEW_WITHIN: Duration = Duration::from_secs(30);

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// The client said so.
    Left,
    /// For everybody to hear.
    Because(Reason),
    /// The same identity came again.
    Replaced,
    /// The client and we do not understand each other; it may begin anew.
    Confused,
    /// It shall begin anew, here or elsewhere.
    Sent,
}

impl Departure {
    const fn action(self) -> Action {
        match self {
            Self::Confused | Self::Sent => Action::Reconnect,
            Self::Left | Self::Because(_) | Self::Replaced => Action::Disconnect,
        }
    }

    /// What LiveKit clients call it.
    pub(super) const fn livekit(self) -> DisconnectReason {
        match self {
            Self::Left => DisconnectReason::ClientInitiated,
            Self::Replaced => DisconnectReason::DuplicateIdentity,
            Self::Confused => DisconnectReason::StateMismatch,
            Self::Sent => DisconnectReason::ServerShutdown,
            Self::Because(reason) => match reason {
                Reason::Left => DisconnectReason::ClientInitiated,
                Reason::Ended => DisconnectReason::RoomDeleted,
                Reason::Expired => DisconnectReason::RoomClosed,
                Reason::Duplicate => DisconnectReason::DuplicateIdentity,
                Reason::Moved => DisconnectReason::Migration,
                Reason::Timeout => DisconnectReason::ConnectionTimeout,
                Reason::ConnectionLost => DisconnectReason::SignalClose,
                Reason::MediaDenied => DisconnectReason::MediaFailure,
                Reason::Full | Reason::NotStarted | Reason::WrongPin | Reason::Error => DisconnectReason::JoinFailure,
                Reason::Rejected => DisconnectReason::UserRejected,
                Reason::Removed | Reason::Locked => DisconnectReason::ParticipantRemoved,
            },
        }
    }

    const fn reported(self) -> Reason {
        match self {
            Self::Left => Reason::Left,
            Self::Replaced => Reason::Duplicate,
            Self::Confused => Reason::Error,
            Self::Sent => Reason::ConnectionLost,
            Self::Because(reason) => reason,
        }
    }
}

/// The message that ends a session.
pub(super) fn leave_message(departure: Departure) -> Message {
    let action = departure.action();
    Message::Leave(LeaveRequest {
        can_reconnect: action != Action::Disconnect,
        reason: departure.livekit().into(),
        action: action.into(),
        regions: None,
    })
}

impl Room {
    /// Puts a participant out.
    pub(super) fn put_out(&mut self, ctx: &mut Context<'_>, session: SessionId, reason: Reason) {
        self.depart(ctx, session, Departure::Because(reason));
    }

    /// The same identity comes again: the old session goes, the person stays.
    pub(super) fn replace(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        self.depart(ctx, session, Departure::Replaced);
    }

    /// A session is over.
    pub(super) fn depart(&mut self, ctx: &mut Context<'_>, session: SessionId, departure: Departure) {
        let tracks = self
            .participants
            .get(&session)
            .map(|participant| participant.published.clone())
            .unwrap_or_default();
        let silenced = self.published_by(session).filter(|track| track.silenced);
        let silenced: Vec<TrackSource> = silenced.map(|track| track.info.source()).collect();
        // Whoever comes and goes without end is not let in for a while.
        self.may_take(ctx, session, self.shown(&tracks));
        for sid in &tracks {
            self.unpublish(ctx, sid);
        }
        let Some(mut participant) = self.participants.remove(&session) else {
            return;
        };
        // It may not have heard of it, and comes back as it was.
        let identity = &participant.ticket.identity;
        if !participant.may_be_coming_back(ctx.now) {
            self.silenced.remove(identity);
        }
        if !silenced.is_empty() {
            self.silenced.entry(identity.clone()).or_default().extend(silenced);
        }
        for (sid, subscription) in &participant.subscriptions {
            if let Some(sink) = subscription.sink {
                ctx.index.sinks.remove(&sink);
                if let Some(track) = self.tracks.get_mut(sid) {
                    track.subscribers = track.subscribers.saturating_sub(1);
                }
            }
            self.timers.clear(&Timer::Want(session, sid.clone()));
        }
        for transport in participant.transports() {
            ctx.forward(forward::Command::TransportRemove { id: transport });
            ctx.transports(TransportCommand::Close { id: transport });
            ctx.index.transports.remove(&transport);
        }
        for timer in [
            Timer::Connect(session),
            Timer::Resume(session),
            Timer::Media(session),
            Timer::Negotiate(session),
            Timer::Token(session),
            Timer::Permission(session),
        ] {
            self.timers.clear(&timer);
        }
        self.unsettled.remove(&session);
        self.unsettled_later.remove(&session);
        self.stream_states.remove(&session);
        if let Some(connection) = participant.connection {
            ctx.send(Some(connection), leave_message(departure));
            ctx.close(connection);
        }
        participant.state = State::Disconnected;
        participant.version += 1;
        let mut info = participant.info(Vec::new(), &ctx.config.region);
        info.disconnect_reason = departure.livekit().into();
        if participant.waits || !participant.grants.hidden {
            self.recently_departed.push_back(Departed {
                waited: participant.waits,
                info: info.clone(),
            });
            if self.recently_departed.len() > MAX_DEPARTED {
                self.recently_departed.pop_front();
            }
        }
        if participant.waits {
            self.tell_leaders(ctx, info);
        } else if !participant.grants.hidden {
            self.departed.push(info);
        }
        self.counts_changed = true;
        if matches!(self.key, RoomKey::Meeting(_)) {
            self.may_come_back(ctx, &participant.ticket.jti, departure);
        }
        self.report_last_quality(ctx, &mut participant);
        if departure != Departure::Replaced && !participant.waits {
            self.report_leave(ctx, &participant, departure.reported());
        }
        if !participant.waits {
            ctx.counts.left(departure.reported());
        }
        tracing::info!(
            room = %self.key,
            participant = %participant.sid,
            reason = departure.reported().word(),
            seconds = (ctx.now.unix_ms - participant.joined_at_ms) / 1000,
            "participant left"
        );
        if self.participants.is_empty() && matches!(self.phase, Phase::Open) {
            self.timers.set(Timer::Empty, ctx.after(self.limits.empty_grace));
        }
    }

    /// Whose connection broke comes back through a lock. So does who says goodbye, for a moment: clients say it also before they
    /// connect anew, and a page before it is loaded again.
    fn may_come_back(&mut self, ctx: &Context<'_>, jti: &str, departure: Departure) {
        let left = departure == Departure::Left;
        let broke = matches!(
            departure,
            Departure::Sent | Departure::Confused | Departure::Because(Reason::ConnectionLost | Reason::Timeout)
        );
        if left {
            self.timers.set(Timer::Left(jti.to_owned()), ctx.after(ANEW_WITHIN));
        }
        if left || broke {
            self.broken.insert(jti.to_owned());
        }
    }

    /// A signalling connection is gone: its participant may come back with another.
    pub(super) fn signal_closed(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        if let Some(participant) = self.participants.get_mut(&session) {
            participant.connection = None;
            // With media away too, or never there, nothing is to be waited for.
            let grace = if participant.is_connected() {
                RESUME_GRACE
            } else {
                RESUME_GRACE / 3
            };
            self.timers.set(Timer::Resume(session), ctx.after(grace));
        }
    }

    /// A connection that waits for admission is gone.
    pub(super) fn stop_waiting(&mut self, connection: super::ConnectionId) {
        if let Phase::Entering { waiting } = &mut self.phase {
            waiting.retain(|join| join.connection != connection);
        }
    }

    /// The room is over for all, or has moved and is over here.
    pub(super) fn end(&mut self, ctx: &mut Context<'_>, reason: Reason, by: Option<ParticipantNumber>) {
        if self.is_closed() {
            return;
        }
        // What has moved goes on, as the control plane knows: it said so.
        if reason != Reason::Moved {
            self.report_event(ctx, EventKind::RoomEnd { reason, by });
        }
        self.close(ctx, Departure::Because(reason), Some(reason));
    }

    /// Nobody came back in time.
    pub(super) fn close_empty(&mut self, ctx: &mut Context<'_>) {
        if self.participants.is_empty() {
            self.close(ctx, Departure::Because(Reason::Left), None);
        }
    }

    /// Closes the room; who comes later hears `reason`, or opens it anew.
    pub(super) fn close(&mut self, ctx: &mut Context<'_>, departure: Departure, reason: Option<Reason>) {
        let sessions: Vec<SessionId> = self.participants.keys().copied().collect();
        let reconnecting = departure == Departure::Sent && !sessions.is_empty();
        for session in sessions {
            self.depart(ctx, session, departure);
        }
        let was_open = matches!(self.phase, Phase::Open);
        let before = std::mem::replace(&mut self.phase, Phase::Closed { reason });
        if let Phase::Entering { waiting } = before {
            for join in waiting {
                let refusal = reason.map_or(super::Refusal::Unavailable, super::Refusal::Because);
                ctx.out.push_back(Output::Refuse {
                    connection: join.connection,
                    refusal,
                });
            }
        }
        if let (RoomKey::Meeting(room), true) = (&self.key, was_open) {
            ctx.out.push_back(Output::Leave {
                room: *room,
                reconnecting,
            });
        }
        tracing::info!(room = %self.key, reason = reason.map(Reason::word), "room closed");
    }

    /// Reports that somebody came.
    pub(super) fn report_join(&self, ctx: &mut Context<'_>, participant: &Participant) {
        ctx.counts.joined += 1;
        tracing::info!(
            room = %self.key,
            participant = %participant.sid,
            single = participant.mode == Mode::Single,
            "participant joined"
        );
        self.report_in(ctx, participant);
    }

    /// Reports everybody who is in as somebody who comes now, which changes nothing for whom the control plane knows to be in, and
    /// what moderators have set.
    pub(super) fn report_again(&self, ctx: &mut Context<'_>) {
        for participant in self.participants.values().filter(|participant| !participant.waits) {
            self.report_in(ctx, participant);
        }
        self.report_rules(ctx);
    }

    fn report_in(&self, ctx: &mut Context<'_>, participant: &Participant) {
        if let Some(number) = participant.ticket.number {
            self.report_event(
                ctx,
                EventKind::ParticipantJoin {
                    participant: number,
                    jti: participant.ticket.jti.clone(),
                    name: participant.name.clone(),
                    contact: participant.ticket.contact,
                    moderator: participant.leads,
                    region: ctx.config.region.clone(),
                },
            );
        }
    }

    fn report_leave(&self, ctx: &mut Context<'_>, participant: &Participant, reason: Reason) {
        if let Some(number) = participant.ticket.number {
            self.report_event(
                ctx,
                EventKind::ParticipantLeave {
                    participant: number,
                    jti: participant.ticket.jti.clone(),
                    reason,
                    duration_ms: u64::try_from(ctx.now.unix_ms - participant.present_since_ms).unwrap_or(0),
                },
            );
        }
    }

    pub(super) fn report_event(&self, ctx: &mut Context<'_>, kind: EventKind) {
        if let RoomKey::Meeting(room) = self.key {
            ctx.out.push_back(Output::Report(Event {
                room,
                at: ctx.now.unix_ms,
                kind,
            }));
        }
    }
}
