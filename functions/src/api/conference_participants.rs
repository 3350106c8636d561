//! `conference/participants`: who is or was in a meeting.

use domain::Reason;
use domain::id::{ConferenceId, ParticipantNumber};
use domain::time::Zone;
use domain::{Error as Refusal, Role};
use http::HeaderName;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use store::{Attendance, Stay};

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::{Json, Reply, ReplyShape, Response};

/// Most entries of one answer.
const MOST: u16 = 1_000;
/// Where a list that was cut short goes on.
const NEXT: HeaderName = HeaderName::from_static("x-next-after");

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
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u16>,
    /// The last participant's number of the page before.
    pub after: Option<ParticipantNumber>,
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

/// A list, with a header where it was cut short.
#[derive(Debug)]
pub struct AttendanceList {
    entries: Vec<AttendanceAnswer>,
    more: bool,
}

impl Reply for AttendanceList {
    fn into_response(self) -> Response {
        let last = self.entries.last().map(|entry| entry.participant);
        let mut response = Json(self.entries).into_response();
        if let Some(last) = last.filter(|_| self.more) {
            response.headers_mut().insert(NEXT, last.value().into());
        }
        response
    }

    fn describe(generator: &mut SchemaGenerator) -> ReplyShape {
        <Json<Vec<AttendanceAnswer>> as Reply>::describe(generator)
    }
}

impl Endpoint for ConferenceParticipants {
    const ID: &'static str = "conference_participants";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/participants";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Answers who is or was in a meeting, the newest first.";
    type Input = Parameters<ConferenceParticipantsParameters>;
    type Output = AttendanceList;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = asked.limit.unwrap_or(MOST);
        if !(1..=MOST).contains(&limit) {
            return Err(Refusal::invalid("limit", "must be 1 to 1000").into());
        }
        let (caller, store) = (context.caller()?, context.store());
        let state = store.conference(&caller.scope, asked.conference_id).await?;
        let zone = &state.conference.zone;
        let occurrence = match &asked.occurrence {
            Some(text) => {
                let start = zone.read(text).map_err(|why| Refusal::invalid("occurrence", why))?;
                let meant = domain::id::Occurrence::new(start.as_second());
                state
                    .occurrence(meant)
                    .ok_or_else(|| Refusal::not_found("occurrence"))?;
                Some(meant)
            }
            None => None,
        };
        let of = (caller.reseller, asked.conference_id);
        let (found, more) = store.attendance(of, occurrence, asked.after, limit.into()).await?;
        Ok(AttendanceList {
            entries: found.iter().map(|one| shown(one, zone)).collect(),
            more,
        })
    }
}

pub(super) fn shown(one: &Attendance, zone: &Zone) -> AttendanceAnswer {
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
    }
}
