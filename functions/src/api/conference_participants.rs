//! `conference/participants`: who is or was in a meeting.

use std::fmt::{self, Display};
use std::str::FromStr;

use domain::Reason;
use domain::conference::Conference;
use domain::id::{ConferenceId, Occurrence, ParticipantNumber};
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Attendance, Behind, ConferenceState, Stay};

use super::digits::Digits;
use super::list::{self, Entry, Limit, List};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;

/// Lists participants.
#[derive(Debug)]
pub struct ConferenceParticipants;

/// Of which meeting.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceParticipantsParameters {
    /// Its id.
    pub conference_id: ConferenceId,
    /// Only of this occurrence, by its original start.
    pub occurrence: Option<String>,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// What `X-Next-After` said of the page before, or the number of its last participant.
    #[schemars(with = "Option<NumberOrText>")]
    pub after: Option<Digits<Place>>,
}

/// A place in the list: a participant's number, in one occurrence of a meeting that repeats `occurrence-number`.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    occurrence: Option<Occurrence>,
    participant: ParticipantNumber,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = || {
            let (occurrence, participant) = match text.rsplit_once('-') {
                Some((occurrence, participant)) => (Some(Occurrence::new(occurrence.parse().ok()?)), participant),
                None => (None, text),
            };
            Some(Self {
                occurrence,
                participant: participant.parse().ok()?,
            })
        };
        place().ok_or("is not in this list")
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.occurrence {
            Some(occurrence) => write!(f, "{}-{}", occurrence.value(), self.participant),
            None => write!(f, "{}", self.participant),
        }
    }
}

/// How a [`Place`] is written.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "a schema")]
enum NumberOrText {
    Number(ParticipantNumber),
    Text(String),
}

/// Somebody who is or was in a meeting. Times are wall clock in the meeting's zone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AttendanceAnswer {
    /// Its number in the conference.
    pub participant: ParticipantNumber,
    /// What clients call it.
    pub identity: String,
    /// Its name as shown last.
    pub name: String,
    /// It leads, or led when it was there last.
    pub moderator: bool,
    /// The original start of the occurrence.
    pub occurrence: String,
    /// It is there now.
    pub present: bool,
    /// When it came first.
    pub join_time: String,
    /// When it left last; null while it is there.
    pub leave_time: Option<String>,
    /// Why it left last; null while it is there.
    pub reason: Option<Reason>,
    /// Each time that it came, the last one last; at most 51.
    pub stays: Vec<StayAnswer>,
    #[serde(skip)]
    place: Place,
}

impl Entry for AttendanceAnswer {
    fn id(&self) -> String {
        self.place.to_string()
    }
}

/// From coming to leaving.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StayAnswer {
    /// When it came.
    pub join_time: String,
    /// When it left; null while it is there.
    pub leave_time: Option<String>,
    /// Why it left.
    pub reason: Option<Reason>,
}

impl Endpoint for ConferenceParticipants {
    const ID: &'static str = "conference_participants";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/participants";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const FIRST: Option<First> = Some(First::Conference);
    const SUMMARY: &'static str = "Answers who is or was in a meeting, the newest first.";
    type Input = Parameters<ConferenceParticipantsParameters>;
    type Output = List<AttendanceAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = list::limit(asked.limit);
        let (caller, store) = (context.caller()?, context.store());
        let state = context.conference(asked.conference_id).await?;
        let occurrence = occurrence_asked(&state, asked.occurrence.as_deref())?;
        let of = (caller.reseller, asked.conference_id);
        let conference = &state.conference;
        let only = conference.series.is_none().then_some(conference.occurrence);
        let after = asked
            .after
            .map(|Digits(place)| match place.occurrence.or(occurrence).or(only) {
                Some(occurrence) => Behind::Place(occurrence, place.participant),
                None => Behind::Newest(place.participant),
            });
        let (found, more) = store
            .attendance(of, occurrence, after, limit as usize, context.now)
            .await?;
        List::of(found.iter().map(|one| Ok(shown(one, conference))), more)
    }
}

/// The occurrence that is asked for by its original start, if one is.
pub(super) fn occurrence_asked(state: &ConferenceState, asked: Option<&str>) -> Result<Option<Occurrence>, Refusal> {
    let Some(text) = asked else {
        return Ok(None);
    };
    let start = state.conference.zone.read(text);
    let start = start.map_err(|why| Refusal::invalid("occurrence", why))?;
    let meant = Occurrence::new(start.as_second());
    state
        .occurrence(meant)
        .ok_or_else(|| Refusal::not_found("occurrence"))?;
    Ok(Some(meant))
}

pub(super) fn shown(one: &Attendance, conference: &Conference) -> AttendanceAnswer {
    let zone = &conference.zone;
    let stay = |stay: &Stay| StayAnswer {
        join_time: zone.wall_clock(stay.joined),
        leave_time: stay.left.map(|left| zone.wall_clock(left)),
        reason: stay.reason.filter(|_| stay.left.is_some()),
    };
    let stays: Vec<StayAnswer> = one.stays.iter().map(stay).collect();
    let last = stays.last().cloned();
    AttendanceAnswer {
        participant: one.participant,
        identity: one.participant.identity(),
        name: one.name.clone(),
        moderator: one.moderator,
        occurrence: zone.wall_clock(one.occurrence.start()),
        present: one.is_present(),
        join_time: stays.first().map(|first| first.join_time.clone()).unwrap_or_default(),
        leave_time: last.as_ref().and_then(|last| last.leave_time.clone()),
        reason: last.and_then(|last| last.reason),
        stays,
        place: Place {
            // One that repeated once may have others.
            occurrence: (conference.series.is_some() || one.occurrence != conference.occurrence)
                .then_some(one.occurrence),
            participant: one.participant,
        },
    }
}
