//! Offers and answers, and what flows once they agree.

use std::time::Duration;

use livekit_protocol::{
    MediaSectionsRequirement, SessionDescription, TrackSubscribed, participant_info::State, signal_response::Message,
};

use super::{
    api::Mode,
    context::{Context, SessionId},
    leave::Departure,
    state::{Room, Timer},
    subscription::Send,
};
use crate::{
    forward::{self, SinkSpec},
    sdp::SendState,
    types::{DisconnectReason, TransportCommand, TransportEvent, TransportId},
};

/// An offer or answer of the client is asked for again after this long.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Offers that may go unanswered one after the other, each longer than the one before.
const MAX_UNANSWERED: u32 = 16;

/// Media may be away this long before the participant counts as gone.
const MEDIA_GRACE: Duration = Duration::from_secs(20);

impl Room {
    /// The client's offer: answered at once, with everything that waits for it.
    pub(super) fn client_offer(&mut self, ctx: &mut Context<'_>, session: SessionId, offer: &SessionDescription) {
        self.hint_tracks(session);
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let peer = &mut participant.publisher;
        if let Err(error) = peer.negotiator.accept_offer(&offer.sdp) {
            tracing::info!(room = %self.key, participant = %participant.sid, %error, "offer refused");
            self.depart(ctx, session, Departure::Confused);
            return;
        }
        if peer.negotiator.remote_restarted() {
            let ice = ctx.ice();
            ctx.transports(TransportCommand::RestartIce {
                id: peer.transport,
                ice: ice.clone(),
            });
            peer.negotiator.restart_ice(ice);
        }
        let sdp = peer.negotiator.answer();
        peer.asked = false;
        peer.tell_remote(ctx);
        let answer = SessionDescription {
            r#type: "answer".to_owned(),
            sdp,
            id: offer.id,
            mid_to_track_id: peer.negotiator.mid_to_track_id(),
        };
        ctx.send(participant.connection, Message::Answer(answer));
        if participant.mode == Mode::Single {
            self.timers.clear(&Timer::Negotiate(session));
        }
        self.receive_tracks(ctx, session);
        self.start_sinks(ctx, session);
        self.note_undecodable(ctx, session);
        self.unsettled.insert(session);
    }

    /// The client's answer to our offer on its subscriber connection.
    pub(super) fn client_answer(&mut self, ctx: &mut Context<'_>, session: SessionId, answer: &SessionDescription) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let Some(peer) = &mut participant.subscriber else {
            return;
        };
        // Older clients do not echo the id.
        if peer.offered.is_none() || (answer.id != 0 && peer.offered != Some(answer.id)) {
            return;
        }
        if let Err(error) = peer.negotiator.accept_answer(&answer.sdp) {
            tracing::info!(room = %self.key, participant = %participant.sid, %error, "answer refused");
            self.depart(ctx, session, Departure::Confused);
            return;
        }
        peer.offered = None;
        peer.unanswered = 0;
        peer.tell_remote(ctx);
        self.timers.clear(&Timer::Negotiate(session));
        self.start_sinks(ctx, session);
        self.note_undecodable(ctx, session);
        self.unsettled.insert(session);
    }

    /// Offers to, or asks for an offer from, a participant whose tracks changed.
    pub(super) fn negotiate(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        if participant.offers_once {
            self.forget_unplaced(ctx, session);
            return;
        }
        if participant.connection.is_none() {
            return;
        }
        if let Some(peer) = &mut participant.subscriber {
            if peer.offered.is_none() && peer.negotiator.needs_negotiation() {
                self.server_offer(ctx, session);
            }
            return;
        }
        let peer = &mut participant.publisher;
        if peer.remote.is_none() || peer.asked {
            return;
        }
        if let Some(missing) = peer.negotiator.poll_sections_request() {
            peer.asked = true;
            let requirement = MediaSectionsRequirement {
                num_audios: missing.audios,
                num_videos: missing.videos,
            };
            ctx.send(participant.connection, Message::MediaSectionsRequirement(requirement));
            self.timers.set(Timer::Negotiate(session), ctx.after(ASK_AGAIN));
        }
    }

    /// Makes an offer on the subscriber connection, whether or not the former one was answered.
    pub(super) fn server_offer(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let Some(peer) = &mut participant.subscriber else {
            return;
        };
        peer.unanswered += 1;
        if peer.unanswered > MAX_UNANSWERED {
            self.depart(ctx, session, Departure::Confused);
            return;
        }
        peer.offers += 1;
        peer.offered = Some(peer.offers);
        let offer = SessionDescription {
            r#type: "offer".to_owned(),
            sdp: peer.negotiator.create_offer(),
            id: peer.offers,
            mid_to_track_id: peer.negotiator.mid_to_track_id(),
        };
        ctx.send(participant.connection, Message::Offer(offer));
        self.timers.set(Timer::Negotiate(session), ctx.after(ASK_AGAIN));
    }

    /// The client did not answer, or did not offer: ask again.
    pub(super) fn negotiate_again(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        if participant.connection.is_none() {
            return;
        }
        if participant.mode == Mode::Dual {
            self.server_offer(ctx, session);
            return;
        }
        let missing = participant.publisher.negotiator.missing_sections();
        let requirement = MediaSectionsRequirement {
            num_audios: missing.audios,
            num_videos: missing.videos,
        };
        ctx.send(participant.connection, Message::MediaSectionsRequirement(requirement));
        self.timers.set(Timer::Negotiate(session), ctx.after(ASK_AGAIN));
    }

    /// Starts to send what both sides agree on.
    pub(super) fn start_sinks(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let peer = participant.subscriber.as_ref().unwrap_or(&participant.publisher);
        if !peer.connected {
            return;
        }
        let mut told = Vec::new();
        for sending in peer
            .negotiator
            .sending()
            .filter(|sending| sending.state == SendState::Active)
        {
            let Some(subscription) = participant.subscriptions.get_mut(sending.track_sid.as_str()) else {
                continue;
            };
            let is_meant = subscription
                .send
                .as_ref()
                .is_some_and(|Send { key }| *key == sending.key);
            let Some(track) = self
                .tracks
                .get_mut(sending.track_sid.as_str())
                .filter(|_| is_meant && subscription.sink.is_none())
            else {
                continue;
            };
            let Some(media) = track.media_in(sending.codec) else {
                continue;
            };
            let sink = ctx.sink(session, peer.transport, track.sid.clone());
            subscription.sink = Some(sink);
            ctx.forward(forward::Command::SinkAdd {
                id: sink,
                transport: peer.transport,
                source: media.source,
                spec: SinkSpec {
                    ssrc: sending.ssrc,
                    rtx_ssrc: sending.rtx_ssrc,
                    pt: sending.pt,
                    rtx_pt: sending.rtx_pt,
                    red_pt: sending.red_pt.filter(|_| track.may_be_copied()),
                    exts: sending.exts,
                    mid: sending.mid,
                    is_screen: track.is_screen(),
                    allow_pause: participant.allow_pause,
                },
                want: subscription.want,
            });
            track.subscribers += 1;
            if track.subscribers == 1 {
                told.push((track.publisher, track.sid.to_string()));
            }
        }
        for (publisher, track_sid) in told {
            let connection = self
                .participants
                .get(&publisher)
                .and_then(|publisher| publisher.connection);
            ctx.send(connection, Message::TrackSubscribed(TrackSubscribed { track_sid }));
        }
    }

    /// What the transports say about a participant's connections.
    pub(super) fn handle_transport(&mut self, ctx: &mut Context<'_>, session: SessionId, event: TransportEvent) {
        match event {
            TransportEvent::Connected { id } => self.transport_connected(ctx, session, id),
            TransportEvent::Disconnected { id, why } => {
                tracing::info!(room = %self.key, transport = id.0, ?why, "transport is away");
                self.transport_away(ctx, session, id, why);
            }
            TransportEvent::ChannelOpen { .. } | TransportEvent::ChannelBuffered { .. } => {}
            TransportEvent::Data { label, data, .. } => self.handle_data(ctx, session, &label, &data),
        }
    }

    fn transport_away(&mut self, ctx: &mut Context<'_>, session: SessionId, id: TransportId, why: DisconnectReason) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let Some(peer) = participant.peer(id) else {
            return;
        };
        peer.connected = false;
        if participant.connection.is_none() && why == DisconnectReason::ClosedByPeer {
            // A page that was closed: nobody comes back.
            self.put_out(ctx, session, domain::Reason::ConnectionLost);
        } else {
            self.timers.set_if_idle(Timer::Media(session), ctx.after(MEDIA_GRACE));
        }
    }

    fn transport_connected(&mut self, ctx: &mut Context<'_>, session: SessionId, id: TransportId) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let Some(peer) = participant.peer(id) else {
            return;
        };
        peer.connected = true;
        ctx.forward(forward::Command::TransportConnected { id });
        if participant.is_connected() {
            self.timers.clear(&Timer::Connect(session));
            self.timers.clear(&Timer::Media(session));
            if participant.state == State::Joined {
                participant.state = State::Active;
                participant.touch();
                ctx.counts.connected(ctx.now.unix_ms - participant.joined_at_ms);
                tracing::info!(
                    room = %self.key,
                    participant = %participant.sid,
                    milliseconds = ctx.now.unix_ms - participant.joined_at_ms,
                    "participant connected"
                );
            }
        }
        self.start_sinks(ctx, session);
    }

    /// Media was not connected in time.
    pub(super) fn connect_timed_out(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        self.put_out(ctx, session, domain::Reason::Timeout);
    }
}
