//! `POST /relay/heartbeat`: a relay lives, and this is what it holds.

use domain::relay::{Heartbeat, HeartbeatAnswer};
use http::Method;

use super::report;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Signed;
use crate::reply::Json;

/// `POST /relay/heartbeat`.
#[derive(Debug)]
pub struct RelayHeartbeat;

impl Endpoint for RelayHeartbeat {
    const ID: &'static str = "relay_heartbeat";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/relay/heartbeat";
    const ACCESS: Access = Access::Relay;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "A relay lives, and what it holds.";
    type Input = Signed<Heartbeat>;
    type Output = Json<HeartbeatAnswer>;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let heartbeat = report::read(context, &input).await?;
        Ok(Json(context.store().relay_heartbeat(&heartbeat, context.now).await?))
    }
}
