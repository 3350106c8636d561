//! `host/sso_ticket`: a one-time value that signs a host in at `/auth`, so that its SSO token need not reach a browser.

use std::fmt;

use domain::Role;
use domain::id::HostId;
use domain::sealed::token_hash;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Handoff, HandoffKind};

use crate::ahead::First;
use crate::auth::{TICKET, token};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// How long a ticket is valid, in seconds.
const VALID: u32 = 60;

/// Makes a ticket.
#[derive(Debug)]
pub struct HostSsoTicket;

/// Whose.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostSsoTicketParameters {
    /// The account that is to be signed in.
    pub host_id: HostId,
}

/// A ticket.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "SsoTicket")]
pub struct HostSsoTicketAnswer {
    /// The account.
    pub host_id: HostId,
    /// Taken once by `/auth`, as `login_token_public_key`.
    pub sso_ticket: String,
    /// How long it waits for that, in seconds.
    pub expires_in: u32,
}

impl fmt::Debug for HostSsoTicketAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostSsoTicketAnswer(***)")
    }
}

impl Endpoint for HostSsoTicket {
    const ID: &'static str = "host_sso_ticket";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/sso_ticket";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Makes a one-time value that signs a host in at /auth.";
    type Input = Parameters<HostSsoTicketParameters>;
    type Output = Json<HostSsoTicketAnswer>;

    fn object(Parameters(input): &Self::Input) -> Option<String> {
        Some(format!("host/{}", input.host_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        let host = context.host(asked.host_id).await?;
        caller.check_rank(host.role)?;
        let value = token(context.app);
        let ticket = Handoff {
            kind: HandoffKind::SsoTicket,
            reseller: host.reseller,
            company: host.company,
            host: host.id,
            after_call_url: None,
            remote_logout_url: None,
            session_ends: None,
            sso_token_hash: Some(host.sso_token_hash),
            expires: domain::conference::later(context.now, SignedDuration::from_secs(VALID.into())),
        };
        let answer = HostSsoTicketAnswer {
            host_id: host.id,
            sso_ticket: format!("{TICKET}{value}"),
            expires_in: VALID,
        };
        let claim = context.claim(&answer).await?;
        store
            .sso_ticket_create(&token_hash(&value), &ticket, &context.write(claim.as_ref()).await?)
            .await?;
        Ok(Json(answer))
    }
}
