//! `host/fetch`: an account and its room.

use domain::Role;
use domain::id::HostId;
use schemars::JsonSchema;
use serde::Deserialize;

use super::host::{HostAnswer, answer, with_company};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Shows an account.
#[derive(Debug)]
pub struct HostFetch;

/// Which account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostFetchParameters {
    /// Its id.
    pub host_id: HostId,
}

impl Endpoint for HostFetch {
    const ID: &'static str = "host_fetch";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/fetch";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Answers a host account.";
    type Input = Parameters<HostFetchParameters>;
    type Output = Json<HostAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (host, company) = with_company(context, asked.host_id).await?;
        answer(context, host, &company).map(Json)
    }
}
