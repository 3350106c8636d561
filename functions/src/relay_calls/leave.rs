//! `POST /relay/leave`: a room is empty at a relay and closed there.

use domain::relay::{Leave, Left};
use http::Method;

use super::report;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Signed;
use crate::reply::Json;

/// `POST /relay/leave`.
#[derive(Debug)]
pub struct RelayLeave;

impl Endpoint for RelayLeave {
    const ID: &'static str = "relay_leave";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/relay/leave";
    const ACCESS: Access = Access::Relay;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "A room is empty at a relay.";
    type Input = Signed<Leave>;
    type Output = Json<Left>;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let leave = report::read(context, &input).await?;
        let state = context.store().relay_leave(&leave, context.now).await?;
        Ok(Json(Left { state }))
    }
}
