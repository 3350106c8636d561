//! `host/erase`: an account goes, and with it what is known of the person.

use domain::id::HostId;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Erases an account.
#[derive(Debug)]
pub struct HostErase;

/// Which account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostEraseParameters {
    /// Its id; also of one that was deleted before.
    pub host_id: HostId,
}

/// An account that is being erased, or is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostErased")]
pub struct HostEraseAnswer {
    /// Its id.
    pub host_id: HostId,
    /// Whether it is done: a first call begins it, and it goes on by itself for some minutes. Asking again tells.
    pub erased: bool,
}

impl Endpoint for HostErase {
    const ID: &'static str = "host_erase";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/erase";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Deletes a host account, and takes names, addresses and texts out of its meetings, events and audit; numbers stay.";
    type Input = Parameters<HostEraseParameters>;
    type Output = Json<HostEraseAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("host/{}", asked.host_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        let id = asked.host_id;
        let remains = store.host_remains(&caller.scope, id).await?;
        caller.check_rank(remains.role())?;
        if id == caller.host {
            let why = "You cannot erase the account that you are signed in with";
            return Err(Refusal::new(Code::Conflict, why).with_field("host_id").into());
        }
        let answer = HostEraseAnswer {
            host_id: id,
            erased: remains.erased().is_some(),
        };
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        if remains.erasing().is_some() {
            context.keep(claim.as_ref(), None).await?;
        } else {
            store.host_erase(&remains, &write).await?;
        }
        Ok(Json(answer))
    }
}
