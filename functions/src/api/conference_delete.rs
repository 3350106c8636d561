//! `conference/delete`: cancels a future meeting, or occurrences of one that repeats.

use domain::Role;
use domain::conference::{Conference, Exception};
use domain::id::ConferenceId;
use domain::{Code, Error as Refusal, Reason};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{ConferenceState, Surroundings};

use super::conference::{ConferenceAnswer, answer};
use super::conference_update::{TRIES, raced};
use super::occurrences::{Meant, OccurrenceScope};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Cancels a meeting.
#[derive(Debug)]
pub struct ConferenceDelete;

/// Which meeting, and what of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceDeleteParameters {
    /// Its id.
    pub conference_id: ConferenceId,
    /// Which occurrence, by its original start.
    pub occurrence: Option<String>,
    /// How much of a meeting that repeats; all of it is not there any more afterwards.
    pub scope: Option<OccurrenceScope>,
}

impl Endpoint for ConferenceDelete {
    const ID: &'static str = "conference_delete";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/delete";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Conference);
    const SUMMARY: &'static str =
        "Cancels a future meeting, or occurrences of one that repeats; answers it as it was, or as it is then.";
    type Input = Parameters<ConferenceDeleteParameters>;
    type Output = Json<ConferenceAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("conference/{}", asked.conference_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        for _ in 0..TRIES {
            if let Some(answer) = attempt(context, &asked).await? {
                return Ok(Json(answer));
            }
        }
        Err(raced())
    }
}

/// One decision. `None`: the meeting changed under it.
async fn attempt(context: &Context<'_>, asked: &ConferenceDeleteParameters) -> Result<Option<ConferenceAnswer>, Error> {
    let (caller, store) = (context.caller()?, context.store());
    let state = context.conference(asked.conference_id).await?;
    let current = &state.conference;
    let (host, company, around) = store.conference_around(&caller.scope, &state).await?;
    caller.check_rank(host.role)?;
    let meant = Meant::read(&state, asked.occurrence.as_deref(), asked.scope)?;
    let left = remaining(context, &state, &around, meant)?;
    let shown = left.clone().unwrap_or_else(|| current.clone());
    let answer = answer(context, &state.changed(shown), &host, &company)?;
    let claim = context.claim(&answer).await?;
    let write = context.write(claim.as_ref()).await?;
    let done = match &left {
        Some(after) => store.conference_update(&state, &around, after, &write).await,
        None => store.conference_delete(&state, &around, &write).await,
    };
    match done {
        Ok(()) => Ok(Some(answer)),
        Err(store::Error::Raced) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is left of the meeting; `None` when it goes as a whole.
fn remaining(
    context: &Context<'_>,
    state: &ConferenceState,
    around: &Surroundings,
    meant: Meant,
) -> Result<Option<Conference>, Refusal> {
    let current = &state.conference;
    let mut goes = false;
    let mut left = current.clone();
    for view in state
        .occurrences
        .iter()
        .filter(|view| meant.holds(view.slot.occurrence))
    {
        let occurrence = view.slot.occurrence;
        if state.runs(around, occurrence, context.now) {
            let why = "The meeting is running: end it instead";
            return Err(Refusal::new(Code::Conflict, why));
        }
        let over = state.is_over(occurrence) || current.window_of(&view.slot).closes <= context.now;
        if over || view.slot.cancelled {
            continue;
        }
        goes = true;
        if let Some(series) = &mut left.series {
            let exception = Exception {
                cancelled: true,
                ..series.exception(occurrence)
            };
            series.set(occurrence, exception);
        }
    }
    if !goes {
        let why = "The meeting is over: there is nothing to cancel";
        return Err(Refusal::new(Code::Conflict, why).with_reason(Reason::Ended));
    }
    Ok((meant != Meant::All).then_some(left))
}
