//! Coming back with a new signalling connection while the media goes on.

use domain::Reason;
use livekit_protocol::{ReconnectResponse, SyncState, TrackUnpublishedResponse, signal_response::Message};

use super::{
    api::{Output, Refusal, Resume},
    context::{Context, SessionId},
    join::server_info,
    leave::{Departure, leave_message},
    publish::MAX_TRACKS,
    state::{Room, Timer},
    subscription::MAX_NAMES,
};
use crate::types::TransportCommand;

impl Room {
    /// The session that `resume` goes on with, if it is still here and the same.
    fn resumable(&self, resume: &Resume) -> Option<SessionId> {
        self.participants
            .values()
            .find(|participant| {
                participant.sid == resume.sid
                    && participant.ticket.identity == resume.ticket.identity
                    && participant.ticket.jti == resume.ticket.jti
            })
            .map(|participant| participant.session)
    }

    /// A client comes back: it hears first that it may go on, then all that it may have missed.
    pub(super) fn resume(&mut self, ctx: &mut Context<'_>, resume: &Resume) {
        let Some(session) = self.resumable(resume) else {
            turn_away(ctx, resume);
            return;
        };
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let connection = resume.connection;
        if participant.has_gone_beyond(resume.attempt) {
            let refusal = Refusal::Because(Reason::Duplicate);
            ctx.out.push_back(Output::Refuse { connection, refusal });
            return;
        }
        participant.attempt = participant.attempt.max(resume.attempt);
        let former = participant.connection.replace(connection);
        if let Some(former) = former {
            ctx.close(former);
        }
        ctx.index.connections.insert(connection, (self.id, session));
        ctx.out.push_back(Output::Accept { connection });
        let reconnect = ReconnectResponse {
            ice_servers: ctx.config.ice_servers.servers(ctx.now, &resume.ticket),
            server_info: Some(server_info(ctx)),
            last_message_seq: participant.last_sequence,
            ..ReconnectResponse::default()
        };
        ctx.send(Some(connection), Message::Reconnect(reconnect));
        participant.publisher.asked = false;
        participant.publisher.negotiator.ask_again();
        participant.knows_quality = false;
        self.timers.clear(&Timer::Resume(session));
        self.tell_all(ctx, session);
        self.refresh_token(ctx, session);
        self.tell_of_own_tracks(ctx, session);
        if let Some(state) = &resume.sync_state {
            self.sync(ctx, session, state);
        }
        self.restart_subscriber(ctx, session);
        self.unsettled.insert(session);
        ctx.counts.resumed += 1;
        tracing::info!(room = %self.key, participant = %resume.sid, "participant resumed");
    }

    /// What was said of its own tracks while its connection was away is said again.
    fn tell_of_own_tracks(&self, ctx: &mut Context<'_>, session: SessionId) {
        for track in self.published_by(session) {
            if track.streams().any(|media| media.wanted.is_some()) {
                self.tell_wanted(ctx, &track.sid);
            }
            if track.silenced {
                self.order_mute(ctx, session, &track.sid);
            }
        }
    }

    /// What a client that comes back believes: where either side's last words were lost, they are made good.
    pub(super) fn sync(&mut self, ctx: &mut Context<'_>, session: SessionId, state: &SyncState) {
        self.replay(ctx, session, &state.datachannel_receive_states);
        let connection = self
            .participants
            .get(&session)
            .and_then(|participant| participant.connection);
        let believed = state
            .publish_tracks
            .iter()
            .take(MAX_TRACKS)
            .filter_map(|published| published.track.as_ref());
        for track in believed.filter(|track| !self.published_by(session).any(|own| *own.sid == *track.sid)) {
            let track_sid = track.sid.clone();
            ctx.send(
                connection,
                Message::TrackUnpublished(TrackUnpublishedResponse { track_sid }),
            );
        }
        if let Some(subscription) = &state.subscription {
            self.update_subscription(ctx, session, subscription);
        }
        for name in state.track_sids_disabled.iter().take(MAX_NAMES) {
            self.disable(ctx, session, name);
        }
    }

    /// With two connections the server restarts ICE on its own one; the client does so on the other.
    fn restart_subscriber(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(peer) = self
            .participants
            .get_mut(&session)
            .and_then(|participant| participant.subscriber.as_mut())
        else {
            return;
        };
        let ice = ctx.ice();
        ctx.transports(TransportCommand::RestartIce {
            id: peer.transport,
            ice: ice.clone(),
        });
        peer.negotiator.restart_ice(ice);
        self.server_offer(ctx, session);
    }
}

/// Nothing to go on with: the client begins anew.
pub(super) fn turn_away(ctx: &mut Context<'_>, resume: &Resume) {
    let connection = resume.connection;
    ctx.out.push_back(Output::Accept { connection });
    ctx.send(Some(connection), leave_message(Departure::Confused));
    ctx.close(connection);
}
