//! What is posted to webhooks, by contract/webhooks.md: body, headers, and what counts as arrived.

use std::time::Duration;

use bytes::Bytes;
use domain::hook::{Happening, Hook, SigningToken, Subject, VERSION};
use domain::id::{HostId, Occurrence, ParticipantNumber, ResellerId, RoomName};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, Method, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{ConferenceState, Told};

use crate::api::conference::without_secrets;
use crate::app::App;
use crate::error::Error;
use crate::outbound::{Limits, OutboundError};

/// What an answer may take and be. Nobody looks at its body.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(5),
    body: 1_048_576,
};
const TOKEN: HeaderName = HeaderName::from_static("x-signing-token");
const SIGNATURE: HeaderName = HeaderName::from_static("x-convoke-signature");

/// What is sent. The payload is JSON as a text, as the published platform has it.
#[derive(Debug, Serialize)]
struct Body<'a> {
    event: &'a str,
    payload: String,
    timestamp: String,
    id: &'a str,
    sequence: u64,
    version: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gap: bool,
}

/// Why something did not arrive, for whoever owns the webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    /// Another status than 2xx.
    #[error("answers with status {0} instead of 2xx")]
    Status(StatusCode),
    /// No answer.
    #[error("{0}")]
    Outbound(#[from] OutboundError),
}

impl NotTaken {
    /// The status that was answered.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.as_u16()),
            Self::Outbound(_) => None,
        }
    }
}

/// The secrets that what is sent carries.
pub(crate) struct Secrets {
    /// The webhook's.
    pub(crate) secret: String,
    /// The company's.
    pub(crate) token: String,
}

impl Secrets {
    pub(crate) fn of(app: &App, hook: &Hook, token: &SigningToken, now: Timestamp) -> Result<Self, Error> {
        Ok(Self {
            secret: app.open(&Hook::secret_place(hook.id), &hook.secret)?,
            token: app.open(&SigningToken::place(hook.company), token.sent(now))?,
        })
    }
}

/// Posts a ping; it is neither numbered nor kept.
pub(crate) async fn ping(
    app: &App,
    (url, host, hook): (&str, HostId, &Hook),
    secrets: &Secrets,
    now: Timestamp,
) -> Result<StatusCode, NotTaken> {
    let body = Body {
        event: "ping",
        payload: json!({"host_id": host, "company_id": hook.company}).to_string(),
        timestamp: moment(now),
        id: &app.uuid(),
        sequence: 0,
        version: VERSION,
        gap: false,
    };
    post(app, url, secrets, &body, now).await
}

/// Posts something that happened; `payload` is made by [`payload`].
pub(crate) async fn event(
    app: &App,
    hook: &Hook,
    secrets: &Secrets,
    (told, id, gap): (&Told, &str, bool),
    payload: &Value,
    now: Timestamp,
) -> Result<StatusCode, NotTaken> {
    let body = Body {
        event: told.happening.name().as_str(),
        payload: payload.to_string(),
        timestamp: moment(told.at),
        id,
        sequence: told.sequence,
        version: VERSION,
        gap,
    };
    post(app, &hook.url, secrets, &body, now).await
}

async fn post(
    app: &App,
    url: &str,
    secrets: &Secrets,
    body: &Body<'_>,
    now: Timestamp,
) -> Result<StatusCode, NotTaken> {
    let target = app.outbound.target(url)?;
    let body = serde_json::to_vec(body).map_err(|_| OutboundError::Broken)?;
    let signature = domain::hook::signature(&secrets.secret, now.as_second(), &body);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [(TOKEN, &secrets.token), (SIGNATURE, &signature)] {
        let mut value = HeaderValue::try_from(value).map_err(|_| OutboundError::Broken)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let sent = app
        .outbound
        .send(Method::POST, &target, headers, Bytes::from(body), LIMITS);
    let answer = sent.await?;
    match answer.status.is_success() {
        true => Ok(answer.status),
        false => Err(NotTaken::Status(answer.status)),
    }
}

/// ISO 8601 in UTC with milliseconds.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// What is told of something that happened, as things are now: who was erased meanwhile is not named.
pub(crate) async fn payload(app: &App, reseller: ResellerId, subject: Subject, told: &Told) -> Result<Value, Error> {
    let mut fields = Map::new();
    fields.insert("host_id".into(), json!(told.host));
    fields.insert("company_id".into(), json!(told.company));
    let Subject::Conference(conference) = subject else {
        return Ok(fields.into());
    };
    fields.insert("conference_id".into(), json!(conference));
    let Some((state, host, company)) = app.store.meeting_happened(reseller, conference).await? else {
        return Ok(fields.into());
    };
    match &told.happening {
        Happening::ConferenceCreated | Happening::ConferenceUpdated | Happening::ConferenceDeleted => {
            if let Some(company) = &company {
                let own = host.as_ref().map(|host| host.own_contact);
                let object = without_secrets(app, &state, own, company);
                let object = serde_json::to_value(object).map_err(|_| Error::Broken("answers are plain data"))?;
                if let Value::Object(object) = object {
                    fields.extend(object);
                }
            }
        }
        Happening::ConferenceStart { occurrence } => place(&mut fields, &state, *occurrence),
        Happening::ConferenceEnd {
            occurrence,
            reason,
            duration_ms,
        } => {
            place(&mut fields, &state, *occurrence);
            fields.insert("reason".into(), json!(reason));
            fields.insert("duration".into(), json!(duration_ms / 1_000));
        }
        Happening::ParticipantJoin {
            occurrence,
            participant,
            moderator,
            region,
        } => {
            place(&mut fields, &state, *occurrence);
            let who = (*participant, *moderator, Some(region.as_str()));
            somebody(app, &mut fields, &state, *occurrence, who).await?;
        }
        Happening::ParticipantLeave {
            occurrence,
            participant,
            moderator,
            region,
            reason,
            duration_ms,
        } => {
            place(&mut fields, &state, *occurrence);
            let who = (*participant, *moderator, region.as_deref());
            somebody(app, &mut fields, &state, *occurrence, who).await?;
            fields.insert("reason".into(), json!(reason));
            fields.insert("duration".into(), json!(duration_ms / 1_000));
        }
        Happening::HostCreated | Happening::HostUpdated | Happening::HostDeleted => {}
    }
    Ok(fields.into())
}

/// Which occurrence of a meeting that repeats.
fn place(fields: &mut Map<String, Value>, state: &ConferenceState, occurrence: Occurrence) {
    let conference = &state.conference;
    if conference.series.is_some() {
        let text = conference.zone.wall_clock(occurrence.start());
        fields.insert("occurrence".into(), json!(text));
    }
}

async fn somebody(
    app: &App,
    fields: &mut Map<String, Value>,
    state: &ConferenceState,
    occurrence: Occurrence,
    (participant, moderator, region): (ParticipantNumber, bool, Option<&str>),
) -> Result<(), Error> {
    let room: RoomName = state.conference.room_of(occurrence);
    let known = app.store.participant(&room, participant, app.now()).await?;
    let (name, contact) = known.unwrap_or_else(|| (participant.identity(), None));
    fields.insert("participant_id".into(), json!(participant));
    fields.insert("name".into(), json!(name));
    if let Some(contact) = contact {
        fields.insert("contact_id".into(), json!(contact));
    }
    fields.insert("region".into(), json!(region));
    fields.insert("moderator".into(), json!(moderator));
    Ok(())
}
