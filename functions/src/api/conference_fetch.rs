//! `conference/fetch`: a meeting and where it is in its life.

use domain::id::ConferenceId;
use domain::time::Zone;
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;

use super::conference::{ConferenceAnswer, answer};
use super::host::of_company;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Shows a meeting.
#[derive(Debug)]
pub struct ConferenceFetch;

/// Which meeting.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceFetchParameters {
    /// Its id.
    pub conference_id: ConferenceId,
    /// Which of its holdings, by its original start.
    pub occurrence: Option<String>,
    /// How much of a meeting that repeats.
    pub scope: Option<OccurrenceScope>,
}

/// How much of a meeting that repeats is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OccurrenceScope {
    /// The one that is named.
    This,
    /// The one that is named and those after it.
    Following,
    /// All.
    #[default]
    All,
}

impl Endpoint for ConferenceFetch {
    const ID: &'static str = "conference_fetch";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/fetch";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Answers a meeting.";
    type Input = Parameters<ConferenceFetchParameters>;
    type Output = Json<ConferenceAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let state = context
            .store()
            .conference(&context.caller()?.scope, asked.conference_id)
            .await?;
        if let Some(occurrence) = &asked.occurrence {
            check_occurrence(occurrence, &state.conference.zone, state.conference.occurrence.value())?;
        }
        let (host, company) = of_company(context, state.conference.host, state.conference.company).await?;
        answer(context, &state, &host, &company).map(Json)
    }
}

/// A meeting that does not repeat has one occurrence.
fn check_occurrence(asked: &str, zone: &Zone, only: i64) -> Result<(), Refusal> {
    let start = zone.read(asked).map_err(|why| Refusal::invalid("occurrence", why))?;
    if start.as_second() == only {
        Ok(())
    } else {
        Err(Refusal::not_found("occurrence"))
    }
}
