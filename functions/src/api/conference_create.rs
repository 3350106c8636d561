//! `conference/create`: plans a meeting.

use domain::Role;
use domain::conference::{Kind as MeetingKind, Minutes};
use domain::id::HostId;
use domain::text::Subject;
use domain::time::Zone;
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

/// Plans a meeting.
#[derive(Debug)]
pub struct ConferenceCreate;

/// What is planned.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceCreateParameters {
    /// Who holds it.
    pub host_id: HostId,
    /// What it is about.
    pub subject: Subject,
    /// `YYYY-MM-DD HH:MM:SS` in `time_zone`, or ISO 8601 with an offset.
    pub start: String,
    /// Any IANA name or link.
    pub time_zone: Zone,
    /// How long it is planned, in minutes.
    pub duration: Minutes,
}

impl Endpoint for ConferenceCreate {
    const ID: &'static str = "conference_create";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/create";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Plans a meeting.";
    type Input = (Parameters<ConferenceCreateParameters>, Parameters<MeetingParameters>);
    type Output = Json<ConferenceAnswer>;

    async fn handle(
        context: &Context<'_>,
        (Parameters(asked), Parameters(meeting)): Self::Input,
    ) -> Result<Self::Output, Error> {
        let start = meeting::start(&asked.start, &asked.time_zone, context.now)?;
        meeting.check()?;
        let plan = Plan {
            kind: MeetingKind::Scheduled,
            subject: Some(asked.subject),
            start,
            zone: asked.time_zone,
            duration: Some(asked.duration),
        };
        meeting.create(context, asked.host_id, plan).await.map(Json)
    }
}
