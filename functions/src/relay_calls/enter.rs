//! `POST /relay/enter`: the first participant of a room is at a relay.

use domain::relay::{Enter, Entered};
use http::Method;

use super::report;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Signed;
use crate::reply::Json;

/// `POST /relay/enter`.
#[derive(Debug)]
pub struct RelayEnter;

impl Endpoint for RelayEnter {
    const ID: &'static str = "relay_enter";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/relay/enter";
    const ACCESS: Access = Access::Relay;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "The first participant of a room is at a relay.";
    type Input = Signed<Enter>;
    type Output = Json<Entered>;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let enter = report::read(context, &input).await?;
        Ok(Json(context.store().relay_enter(&enter, context.now).await?))
    }
}
