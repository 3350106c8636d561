//! The server API over HTTP: LiveKit's `RoomService` as its server SDKs call it (Twirp: a POST for each method, in protobuf or
//! JSON), for the holders of classic API keys. Without such keys every call is refused.

use axum::{
    body::Bytes,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode, header};
use livekit_protocol as lk;
use relay_core::room::{Control, Failure, Now};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    control::{Rooms, now, unix_ms},
    tokens::{ServiceGrant, Tokens, credentials},
};

/// A request's body that is not too long for [`lk::SendDataRequest`] of the largest message, in JSON.
pub(crate) const MAX_BODY: usize = 256 * 1024;

/// An error of Twirp: its code, status and text.
struct Refusal(&'static str, StatusCode, String);

impl Refusal {
    fn malformed(error: impl std::fmt::Display) -> Self {
        Self("malformed", StatusCode::BAD_REQUEST, error.to_string())
    }

    fn unauthenticated(error: impl std::fmt::Display) -> Self {
        Self("unauthenticated", StatusCode::UNAUTHORIZED, error.to_string())
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound(what) => Self("not_found", StatusCode::NOT_FOUND, what.to_owned()),
            Failure::Invalid(what) => Self("invalid_argument", StatusCode::BAD_REQUEST, what.to_owned()),
            Failure::Refused(what) => Self("failed_precondition", StatusCode::PRECONDITION_FAILED, what.to_owned()),
            Failure::Exhausted => Self(
                "resource_exhausted",
                StatusCode::TOO_MANY_REQUESTS,
                "the relay holds no more rooms".to_owned(),
            ),
        }
    }
}

/// Answers a call of `method`.
pub(crate) async fn serve(tokens: &Tokens, rooms: &Rooms, method: &str, headers: &HeaderMap, body: &Bytes) -> Response {
    match answer(tokens, rooms, method, headers, body).await {
        Ok(response) => response,
        Err(Refusal(code, status, msg)) => {
            (status, axum::Json(serde_json::json!({"code": code, "msg": msg}))).into_response()
        }
    }
}

async fn answer(
    tokens: &Tokens,
    rooms: &Rooms,
    method: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response, Refusal> {
    let call = Call {
        grant: grant(tokens, headers)?,
        rooms,
        coding: Coding::of(headers)?,
        body,
    };
    match method {
        "CreateRoom" => call.run(|grant, _| grant.room_create, Control::create_room).await,
        "DeleteRoom" => {
            let delete = |control: &mut Control, now, request| control.delete_room(now, &request);
            call.run(|grant, _| grant.room_create, delete).await
        }
        "ListRooms" => {
            let list = |control: &mut Control, _, request| Ok(control.list_rooms(&request));
            call.run(|grant, _| grant.room_list, list).await
        }
        "UpdateRoomMetadata" => call.run(leads, Control::update_room_metadata).await,
        "ListParticipants" => {
            let list = |control: &mut Control, now, request| control.list_participants(now, &request);
            call.run(leads, list).await
        }
        "GetParticipant" => {
            let get = |control: &mut Control, now, request| control.get_participant(now, &request);
            call.run(leads, get).await
        }
        "RemoveParticipant" => {
            let remove = |control: &mut Control, now, request| control.remove_participant(now, &request);
            call.run(leads, remove).await
        }
        "MutePublishedTrack" => {
            let mute = |control: &mut Control, now, request| control.mute_published_track(now, &request);
            call.run(leads, mute).await
        }
        "UpdateParticipant" => call.run(leads, Control::update_participant).await,
        "UpdateSubscriptions" => call.run(leads, Control::update_subscriptions).await,
        "SendData" => call.run(leads, Control::send_data).await,
        _ => Err(Refusal(
            "bad_route",
            StatusCode::NOT_FOUND,
            format!("no method {method:?} here"),
        )),
    }
}

fn grant(tokens: &Tokens, headers: &HeaderMap) -> Result<ServiceGrant, Refusal> {
    let token = credentials(headers, "Bearer").ok_or_else(|| Refusal::unauthenticated("no access token"))?;
    tokens
        .service(token, unix_ms() / 1000)
        .map_err(Refusal::unauthenticated)
}

/// Whether a grant leads the room that a request is about.
fn leads(grant: &ServiceGrant, request: &impl OfRoom) -> bool {
    grant.room_admin && grant.room == request.room()
}

/// A request about one room.
trait OfRoom {
    fn room(&self) -> &str;
}

macro_rules! of_room {
    ($($request:ty),+ $(,)?) => {
        $(impl OfRoom for $request {
            fn room(&self) -> &str {
                &self.room
            }
        })+
    };
}

of_room!(
    lk::UpdateRoomMetadataRequest,
    lk::ListParticipantsRequest,
    lk::RoomParticipantIdentity,
    lk::MuteRoomTrackRequest,
    lk::UpdateParticipantRequest,
    lk::UpdateSubscriptionsRequest,
    lk::SendDataRequest,
);

/// How request and answer are written.
#[derive(Debug, Clone, Copy)]
enum Coding {
    Protobuf,
    Json,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match kind.and_then(|kind| kind.split(';').next()).map(str::trim) {
            Some("application/json") => Ok(Self::Json),
            Some("application/protobuf") => Ok(Self::Protobuf),
            _ => Err(Refusal(
                "bad_route",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type is neither application/json nor application/protobuf".to_owned(),
            )),
        }
    }

    fn read<Q: prost::Message + Default + DeserializeOwned>(self, body: &Bytes) -> Result<Q, Refusal> {
        match self {
            Self::Json => serde_json::from_slice(body).map_err(Refusal::malformed),
            Self::Protobuf => Q::decode(body.clone()).map_err(Refusal::malformed),
        }
    }

    fn write<A: prost::Message + Serialize>(self, answer: &A) -> Response {
        match self {
            Self::Json => axum::Json(answer).into_response(),
            Self::Protobuf => {
                ([(header::CONTENT_TYPE, "application/protobuf")], answer.encode_to_vec()).into_response()
            }
        }
    }
}

/// A call that came with a good token.
struct Call<'a> {
    grant: ServiceGrant,
    rooms: &'a Rooms,
    coding: Coding,
    body: &'a Bytes,
}

impl Call<'_> {
    async fn run<Q, A>(
        self,
        may: impl FnOnce(&ServiceGrant, &Q) -> bool,
        act: impl FnOnce(&mut Control, Now, Q) -> Result<A, Failure> + Send + 'static,
    ) -> Result<Response, Refusal>
    where
        Q: prost::Message + Default + DeserializeOwned + 'static,
        A: prost::Message + Serialize + 'static,
    {
        let request: Q = self.coding.read(self.body)?;
        if !may(&self.grant, &request) {
            let text = "the token does not allow this".to_owned();
            return Err(Refusal("permission_denied", StatusCode::FORBIDDEN, text));
        }
        let answer = self.rooms.call(move |control| act(control, now(), request)).await;
        let gone = || {
            Refusal(
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "the relay stops".to_owned(),
            )
        };
        Ok(self.coding.write(&answer.ok_or_else(gone)??))
    }
}
