//! `conference/end`: closes a meeting for everybody.

use domain::id::ConferenceId;
use domain::{Reason, Role};
use schemars::JsonSchema;
use serde::Deserialize;

use super::conference::{ConferenceAnswer, answer};
use super::conference_update::{TRIES, raced};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Ends a meeting.
#[derive(Debug)]
pub struct ConferenceEnd;

/// Which meeting.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceEndParameters {
    /// Its id.
    pub conference_id: ConferenceId,
}

impl Endpoint for ConferenceEnd {
    const ID: &'static str = "conference_end";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/end";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey, Need::SigningKey];
    const FIRST: Option<First> = Some(First::Conference);
    const SUMMARY: &'static str = "Ends a meeting for everybody; harmless on one that has ended.";
    type Input = Parameters<ConferenceEndParameters>;
    type Output = Json<ConferenceAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("conference/{}", asked.conference_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        for _ in 0..TRIES {
            if let Some(answer) = attempt(context, asked.conference_id).await? {
                return Ok(Json(answer));
            }
        }
        Err(raced())
    }
}

/// One decision. `None`: the meeting changed under it.
async fn attempt(context: &Context<'_>, id: ConferenceId) -> Result<Option<ConferenceAnswer>, Error> {
    let (caller, store) = (context.caller()?, context.store());
    let state = context.conference(id).await?;
    let (host, company, around) = store.conference_around(&caller.scope, &state).await?;
    caller.check_rank(host.role)?;
    let answer = answer(context, &state.ended(Reason::Ended, context.now), &host, &company)?;
    let claim = context.claim(&answer).await?;
    let write = context.write(claim.as_ref()).await?;
    match store.conference_end(&state, &around, Reason::Ended, &write).await {
        Ok(ended) => {
            crate::ends::tell(context.app, &ended, context.now).await;
            if ended.already {
                context.keep(claim.as_ref(), Some(host.id)).await?;
            }
            Ok(Some(answer))
        }
        Err(store::Error::Raced) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
