//! `host/delete`: an account goes, with its meetings and contacts.

use domain::id::HostId;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Deletes an account.
#[derive(Debug)]
pub struct HostDelete;

/// Which account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostDeleteParameters {
    /// Its id.
    pub host_id: HostId,
}

/// The account that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostGone")]
pub struct HostDeleteAnswer {
    /// Its id.
    pub host_id: HostId,
}

impl Endpoint for HostDelete {
    const ID: &'static str = "host_delete";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/delete";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Deletes a host account: its sessions end and its code is closed at once, its meetings end and its contacts go soon after.";
    type Input = Parameters<HostDeleteParameters>;
    type Output = Json<HostDeleteAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("host/{}", asked.host_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        let host = context.host(asked.host_id).await?;
        caller.check_rank(host.role)?;
        if host.id == caller.host {
            let why = "You cannot delete the account that you are signed in with";
            return Err(Refusal::new(Code::Conflict, why).with_field("host_id").into());
        }
        let answer = HostDeleteAnswer { host_id: host.id };
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        store.host_delete(&host, &write).await?;
        Ok(Json(answer))
    }
}
