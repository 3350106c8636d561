//! What a client says, and who answers.
#![expect(deprecated, reason = "the match over messages names them all")]

use livekit_protocol::{
    RequestResponse, SimulateScenario,
    request_response::{Reason as Refused, Request as Refusable},
    signal_request,
    signal_response::Message,
    simulate_scenario::Scenario,
};

use super::{
    context::{Context, SessionId},
    leave::Departure,
    state::Room,
};
use crate::forward;

/// Most features, codecs or capabilities in one message.
pub(super) const MAX_ITEMS: usize = 32;

impl Room {
    /// One message of a client.
    pub(super) fn handle_signal(
        &mut self,
        ctx: &mut Context<'_>,
        session: SessionId,
        message: signal_request::Message,
    ) {
        use signal_request::Message as Request;
        match message {
            Request::Offer(offer) => self.client_offer(ctx, session, &offer),
            Request::Answer(answer) => self.client_answer(ctx, session, &answer),
            Request::AddTrack(request) => self.add_track(ctx, session, request),
            Request::Mute(request) => self.mute(ctx, session, &request, false),
            Request::Subscription(request) => self.update_subscription(ctx, session, &request),
            Request::TrackSetting(request) => self.set_tracks(ctx, session, &request),
            Request::SubscriptionPermission(permission) => self.set_permission(ctx, session, permission),
            Request::UpdateMetadata(request) => self.update_metadata(ctx, session, request),
            Request::Leave(_) => self.depart(ctx, session, Departure::Left),
            Request::SyncState(state) => self.sync(ctx, session, &state),
            Request::Simulate(scenario) => self.simulate(ctx, session, &scenario),
            Request::UpdateAudioTrack(update) => self.update_track(session, &update.track_sid, |track| {
                track.info.audio_features = update.features.iter().copied().take(MAX_ITEMS).collect();
            }),
            Request::UpdateVideoTrack(update) => self.update_track(session, &update.track_sid, |track| {
                (track.info.width, track.info.height) = (update.width, update.height);
            }),
            Request::PublishDataTrackRequest(request) => {
                self.refuse(ctx, session, Refusable::PublishDataTrack(request))
            }
            Request::UnpublishDataTrackRequest(request) => {
                self.refuse(ctx, session, Refusable::UnpublishDataTrack(request))
            }
            // Who holds the connection answers these.
            Request::Ping(_) | Request::PingReq(_) => {}
            // The client's candidates are of no use to an ICE-lite agent: its checks bring its address.
            Request::Trickle(_)
            | Request::UpdateLayers(_)
            | Request::UpdateDataSubscription(_)
            | Request::StoreDataBlobRequest(_)
            | Request::GetDataBlobRequest(_) => {}
        }
    }

    fn answer(&self, ctx: &mut Context<'_>, session: SessionId, message: Message) {
        if let Some(participant) = self.participants.get(&session) {
            ctx.send(participant.connection, message);
        }
    }

    fn refuse(&self, ctx: &mut Context<'_>, session: SessionId, request: Refusable) {
        let response = RequestResponse {
            reason: Refused::UnsupportedType.into(),
            message: "data tracks are not supported".to_owned(),
            request: Some(request),
            ..RequestResponse::default()
        };
        self.answer(ctx, session, Message::RequestResponse(response));
    }

    /// Clients' own tests ask for trouble.
    fn simulate(&mut self, ctx: &mut Context<'_>, session: SessionId, request: &SimulateScenario) {
        match request.scenario {
            Some(Scenario::ServerLeave(true)) => self.depart(ctx, session, Departure::Because(domain::Reason::Error)),
            Some(Scenario::LeaveRequestFullReconnect(true) | Scenario::Migration(true)) => {
                self.depart(ctx, session, Departure::Sent)
            }
            Some(Scenario::NodeFailure(true) | Scenario::DisconnectSignalOnResume(true)) => {
                if let Some(connection) = self
                    .participants
                    .get(&session)
                    .and_then(|participant| participant.connection)
                {
                    ctx.close(connection);
                    self.signal_closed(ctx, session);
                }
            }
            Some(Scenario::SubscriberBandwidth(bits)) => {
                if let Some(participant) = self.participants.get(&session) {
                    ctx.forward(forward::Command::TransportBound {
                        id: participant.receiving_transport(),
                        most: u64::try_from(bits).ok().filter(|bits| *bits > 0),
                    });
                }
            }
            _ => {}
        }
    }
}
