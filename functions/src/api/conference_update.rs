//! `conference/update`: changes a meeting, or occurrences of one that repeats.

use std::collections::BTreeSet;

use domain::Role;
use domain::conference::{Invited, Minutes};
use domain::id::ConferenceId;
use domain::text::Subject;
use domain::time::Zone;
use domain::{Code, Error as Refusal};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Unique;

use super::conference::{ConferenceAnswer, answer};
use super::meeting::{CODE_TRIES, MeetingParameters};
use super::occurrences::{Meant, OccurrenceScope};
use super::participants;
use super::reminders;
use super::replan::{Replan, for_all, new_code};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// How often a change is decided anew when others change the meeting meanwhile.
pub(super) const TRIES: u32 = 6;

/// Changes a meeting.
#[derive(Debug)]
pub struct ConferenceUpdate;

/// What changes; what is absent stays. `agenda`, `security_pin` and `recurrence` are taken away by null. A running meeting
/// keeps its start, zone, code, mute mode and waiting room, one that is over its length too; of a meeting that repeats, what has begun
/// stays as it was planned.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceUpdateParameters {
    /// Its id.
    pub conference_id: ConferenceId,
    /// Which occurrence, by its original start; only its start and length can differ from the others'.
    pub occurrence: Option<String>,
    /// How much of a meeting that repeats.
    pub scope: Option<OccurrenceScope>,
    /// What it is about.
    pub subject: Option<Subject>,
    /// `YYYY-MM-DD HH:MM:SS` in `time_zone`, or ISO 8601 with an offset.
    pub start: Option<String>,
    /// Any IANA name or link; without `start` the time of day stays.
    pub time_zone: Option<Zone>,
    /// How long it is planned, in minutes.
    pub duration: Option<Minutes>,
}

impl Endpoint for ConferenceUpdate {
    const ID: &'static str = "conference_update";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/update";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Conference);
    const SUMMARY: &'static str = "Changes a meeting, or occurrences of one that repeats.";
    type Input = (Parameters<ConferenceUpdateParameters>, Parameters<MeetingParameters>);
    type Output = Json<ConferenceAnswer>;

    fn object((Parameters(asked), _): &Self::Input) -> Option<String> {
        Some(format!("conference/{}", asked.conference_id))
    }

    async fn handle(
        context: &Context<'_>,
        (Parameters(asked), Parameters(meeting)): Self::Input,
    ) -> Result<Self::Output, Error> {
        meeting.check()?;
        for _ in 0..TRIES {
            if let Some(answer) = attempt(context, &asked, &meeting).await? {
                return Ok(Json(answer));
            }
        }
        Err(raced())
    }
}

/// Whether these are the same people in the same roles.
fn same_people(one: &[Invited], other: &[Invited]) -> bool {
    let people =
        |of: &[Invited]| -> BTreeSet<_> { of.iter().map(|person| (person.contact, person.moderator)).collect() };
    people(one) == people(other)
}

/// 409: others kept changing the meeting.
pub(super) fn raced() -> Error {
    Refusal::new(Code::Conflict, "Changed by another request meanwhile, please try again").into()
}

/// One decision. `None`: the meeting changed under it.
async fn attempt(
    context: &Context<'_>,
    asked: &ConferenceUpdateParameters,
    meeting: &MeetingParameters,
) -> Result<Option<ConferenceAnswer>, Error> {
    let (caller, store) = (context.caller()?, context.store());
    let state = context.conference(asked.conference_id).await?;
    let current = &state.conference;
    let new = participants::newcomers(&current.invited, meeting.emails());
    let ((host, company, around), named, new) = tokio::try_join!(
        async { Ok(store.conference_around(&caller.scope, &state).await?) },
        participants::named(context, current.host, meeting.ids()),
        participants::known(context, current.host, &new)
    )?;
    caller.check_rank(host.role)?;
    if asked.duration.is_some() {
        super::meeting::duration(&host, &company, asked.duration)?;
    }
    let wanted = meeting.reminders.as_deref().unwrap_or_default();
    reminders::check_texts(wanted, &context.app.config.texts, &host, &company)?;
    let meant = Meant::read(&state, asked.occurrence.as_deref(), asked.scope)?;
    let replan = Replan {
        context,
        state: &state,
        around: &around,
        asked,
        meeting,
    };
    let mut after = replan.planned(meant, &host)?;
    let named = meeting.participants.is_some().then_some(named);
    let people = participants::replace(
        context,
        &host,
        &current.invited,
        named,
        meeting.participant_emails.as_deref(),
        new,
    );
    let mut new = Vec::new();
    match people.await? {
        Some(guests) if meant == Meant::All => (after.invited, new) = (guests.invited, guests.new),
        Some(guests) if !same_people(&guests.invited, &current.invited) => {
            let by_email = meeting.participant_emails.is_some();
            return Err(for_all(if by_email { "participant_emails" } else { "participants" }).into());
        }
        _ => {}
    }
    for _ in 0..CODE_TRIES {
        let answer = answer(context, &state.changed(after.clone()), &host, &company)?;
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        let done = store.conference_update_inviting((&state, &around), &after, &new, &write);
        match done.await {
            Ok(()) => return Ok(Some(answer)),
            Err(store::Error::Raced) => return Ok(None),
            Err(store::Error::Taken(Unique::AccessCode)) => after.code = new_code(context),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Broken("no free access code was found"))
}
