//! `host/reset_login_token`: a new token of single sign-on, where the old one is known to whom it should not be.

use domain::Role;
use domain::host::Host;
use domain::id::HostId;
use domain::sealed::token_hash;
use schemars::JsonSchema;
use serde::Deserialize;

use super::host::{HostAnswer, answer, with_company};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Makes a new token.
#[derive(Debug)]
pub struct HostResetLoginToken;

/// Whose token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostResetLoginTokenParameters {
    /// The account.
    pub host_id: HostId,
}

impl Endpoint for HostResetLoginToken {
    const ID: &'static str = "host_reset_login_token";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/reset_login_token";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Makes a new SSO token of a host account and ends all its sessions.";
    type Input = Parameters<HostResetLoginTokenParameters>;
    type Output = Json<HostAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("host/{}", asked.host_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (host, company) = with_company(context, asked.host_id).await?;
        context.caller()?.check_rank(host.role)?;
        let token = hex::encode(context.app.random::<32>());
        let after = Host {
            sso_token: context.app.seal(&format!("host/{}/sso_token", host.id), &token),
            sso_token_hash: token_hash(&token),
            signed_out: Some(context.now),
            ..host.clone()
        };
        let answer = answer(context, after.clone(), &company)?;
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        context.store().host_update(&host, &after, None, &write).await?;
        Ok(Json(answer))
    }
}
