//! `conference/end`: closes a meeting for everybody.

use domain::id::ConferenceId;
use domain::relay::{Action, Command};
use domain::{Reason, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use store::EndedConference;
use tokio::task::JoinSet;

use super::conference::{ConferenceAnswer, answer};
use super::conference_update::{TRIES, raced};
use super::host::of_company;
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
    let state = store.conference(&caller.scope, id).await?;
    let current = &state.conference;
    let ((host, company), around) = tokio::try_join!(of_company(context, current.host, current.company), async {
        Ok(store.surroundings(&state).await?)
    })?;
    caller.check_rank(host.role)?;
    let answer = answer(context, &state.ended(Reason::Ended, context.now), &host, &company)?;
    let claim = context.claim(&answer)?;
    let write = context.write(claim.as_ref())?;
    match store.conference_end(&state, &around, Reason::Ended, &write).await {
        Ok(ended) => {
            tell_relays(context, &ended).await;
            if ended.already {
                context.keep(claim.as_ref()).await?;
            }
            Ok(Some(answer))
        }
        Err(store::Error::Raced) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Tells the relays that hold the room. The end is marked in the table already: a relay that cannot be told learns it
/// at its next heartbeat.
async fn tell_relays(context: &Context<'_>, ended: &EndedConference) {
    let mut telling = JoinSet::new();
    for (relay, room) in ended
        .relays
        .iter()
        .flat_map(|relay| ended.rooms.iter().map(move |room| (relay, *room)))
    {
        let (commands, id, url) = (context.app.commands.clone(), relay.id.clone(), relay.url.clone());
        let command = Command {
            room,
            action: Action::End { reason: Reason::Ended },
        };
        let (nonce, now) = (context.app.uuid(), context.now);
        telling.spawn(async move {
            if let Err(error) = commands.send(&id, &url, &nonce, now, &command).await {
                tracing::warn!(relay = %id, error = %error, "a relay was not told of an end");
            }
        });
    }
    while telling.join_next().await.is_some() {}
}
