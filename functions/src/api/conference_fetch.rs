//! `conference/fetch`: a meeting and where it is in its life.

use domain::Role;
use domain::id::ConferenceId;
use schemars::JsonSchema;
use serde::Deserialize;

use super::conference::{ConferenceAnswer, answer};
use super::host::of_company;
use super::occurrences::{Meant, OccurrenceScope};
use crate::ahead::First;
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
    /// Which occurrence, by its original start.
    pub occurrence: Option<String>,
    /// How much of a meeting that repeats.
    pub scope: Option<OccurrenceScope>,
}

impl Endpoint for ConferenceFetch {
    const ID: &'static str = "conference_fetch";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/fetch";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Conference);
    const SUMMARY: &'static str = "Answers a meeting.";
    type Input = Parameters<ConferenceFetchParameters>;
    type Output = Json<ConferenceAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let id = asked.conference_id;
        let mut state = context.conference(id).await?;
        let meant = Meant::read(&state, asked.occurrence.as_deref(), asked.scope);
        let (host, company) = of_company(context, state.conference.host, state.conference.company).await?;
        let meant = meant?;
        state.occurrences.retain(|view| meant.holds(view.slot.occurrence));
        answer(context, &state, &host, &company).map(Json)
    }
}
