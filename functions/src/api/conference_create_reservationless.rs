//! `conference/create/reservationless`: starts a meeting now.

use domain::Role;
use domain::conference::{Kind as MeetingKind, Minutes};
use domain::id::HostId;
use domain::text::Subject;
use domain::time::Zone;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::conference::ConferenceAnswer;
use super::meeting::{self, MeetingParameters, Plan};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Starts a meeting now.
#[derive(Debug)]
pub struct ConferenceCreateReservationless;

/// What is started; all but the host has a default.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ReservationlessParameters {
    /// Who holds it.
    pub host_id: HostId,
    /// What it is about; the host's name makes one.
    pub subject: Option<Subject>,
    /// As in `conference/create`; now when absent.
    pub start: Option<String>,
    /// Any IANA name or link; UTC when absent.
    pub time_zone: Option<Zone>,
    /// How long it is planned, in minutes; 660 when absent.
    pub duration: Option<Minutes>,
}

impl Endpoint for ConferenceCreateReservationless {
    const ID: &'static str = "conference_create_reservationless";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/create/reservationless";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Starts a meeting now.";
    type Input = (Parameters<ReservationlessParameters>, Parameters<MeetingParameters>);
    type Output = Json<ConferenceAnswer>;

    async fn handle(
        context: &Context<'_>,
        (Parameters(asked), Parameters(meeting)): Self::Input,
    ) -> Result<Self::Output, Error> {
        let zone = asked.time_zone.unwrap_or_else(Zone::utc);
        let start = match &asked.start {
            Some(start) => meeting::start(start, &zone, context.now)?,
            None => whole_second(context.now),
        };
        meeting.check()?;
        let plan = Plan {
            kind: MeetingKind::Reservationless,
            subject: asked.subject,
            start,
            zone,
            duration: asked.duration,
        };
        meeting.create(context, asked.host_id, plan).await.map(Json)
    }
}

/// Answers show whole seconds.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
