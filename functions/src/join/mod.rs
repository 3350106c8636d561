//! `POST /conf/join`: a person is let into a meeting (design §3 "Joining").
//!
//! Round trips, in the common case of a meeting that is live: (1) tenant, room, session, relays and failures so far,
//! all at once; (2) the meeting, its host, the confirmation of the room and the participant's number, all at once.
//! Whoever comes first waits for one more: the write that makes the meeting live comes after PINs were checked.

mod admit;
mod look;
mod open;
mod role;
pub(crate) mod vouched;

use domain::join::{JoinAnswer, JoinRequest};
use http::Method;

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need, Route};
use crate::error::Error;
use crate::input::JsonBody;
use crate::reply::Json;

/// The endpoints of joining.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![Route::of::<ConferenceJoin>()]
}

/// `POST /conf/join`.
#[derive(Debug)]
pub struct ConferenceJoin;

impl Endpoint for ConferenceJoin {
    const ID: &'static str = "conference_join";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/conf/join";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SigningKey, Need::SealingKey];
    const SUMMARY: &'static str = "Lets a person into a meeting.";
    type Input = JsonBody<JoinRequest>;
    type Output = Json<JoinAnswer>;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Json<JoinAnswer>, Error> {
        admit::join(context, &input.0).await.map(Json)
    }
}
