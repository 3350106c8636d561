//! `conference/join_token`: lets somebody in from a native application, by a token and a relay's address.

use std::time::Duration;

use domain::code::AccessCode;
use domain::id::{ConferenceId, ParticipantNumber};
use domain::join::RelayAddress;
use domain::number::Within;
use domain::room::RoomRole;
use domain::text::Name;
use domain::time::iso;
use domain::{Error as Refusal, Role};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digits::Digits;
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::join::vouched::{self, Into, Vouched};
use crate::reply::Json;
use crate::text::Text;

/// How long a token may wait for its first use where the caller says nothing.
const FIRST_USE: Duration = Duration::from_secs(600);

/// Makes a token.
#[derive(Debug)]
pub struct ConferenceJoinToken;

/// For whom, and into which meeting: `conference_id` or `access_code`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct JoinTokenParameters {
    /// The meeting; it must be one that its code opens now.
    pub conference_id: Option<ConferenceId>,
    /// The code; for a host's own code with nothing planned, a moderator's token begins a meeting.
    pub access_code: Option<Digits<AccessCode>>,
    /// The name as shown.
    pub name: Name,
    /// Enters as moderator.
    pub moderator: Option<bool>,
    /// The partner's own name for the person, 1 to 128 characters: a later token for it replaces its session and keeps its
    /// number. Shown to the other participants as the attribute `identity`.
    pub identity: Option<Text<128>>,
    /// How long the token may wait for its first use, in seconds, 30 to 86400; 600 when absent.
    pub ttl: Option<Within<30, 86_400>>,
}

/// A way into a meeting.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JoinTokenAnswer {
    /// The token for the client's SDK.
    pub token: String,
    /// The relay's address for the client's SDK.
    pub url: String,
    /// The same as a list, best first.
    pub relays: Vec<RelayAddress>,
    /// The meeting.
    pub conference_id: ConferenceId,
    /// Where it repeats: the original start of the occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<String>,
    /// The participant's number.
    pub participant: ParticipantNumber,
    /// What the client's SDK calls the participant.
    pub identity: String,
    /// What it may do.
    pub role: RoomRole,
    /// The token must be used for the first time before this time, ISO 8601.
    pub first_use_by: String,
    /// When the meeting closes in any case, ISO 8601.
    pub expires: String,
}

impl Endpoint for ConferenceJoinToken {
    const ID: &'static str = "conference_join_token";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/join_token";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey, Need::SigningKey];
    const FIRST: Option<First> = Some(First::Meeting);
    const SUMMARY: &'static str = "Makes a token and names a relay, for a native application to join with.";
    type Input = Parameters<JoinTokenParameters>;
    type Output = Json<JoinTokenAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let into = match (asked.conference_id, asked.access_code) {
            (Some(id), None) => Into::Conference(id),
            (None, Some(Digits(code))) => Into::Code(code),
            (None, None) => return Err(Refusal::missing("conference_id").into()),
            (Some(_), Some(_)) => {
                return Err(Refusal::invalid("access_code", "must not stand beside conference_id").into());
            }
        };
        let first_use = asked.ttl.map_or(FIRST_USE.as_secs(), |ttl| ttl.value().into());
        let identity = asked.identity.map(Text::into_string);
        if identity.as_ref().is_some_and(|identity| identity.trim().is_empty()) {
            return Err(Refusal::invalid("identity", "must not be empty").into());
        }
        let who = Vouched {
            name: asked.name,
            moderator: asked.moderator.unwrap_or_default(),
            identity,
            first_use: i64::try_from(first_use).unwrap_or(i64::MAX),
        };
        let done = vouched::join(context, into, &who).await?;
        let time = |seconds: i64| iso(Timestamp::from_second(seconds).unwrap_or(context.now));
        let number = done.token.convoke.as_ref().map(|grant| grant.participant);
        let number = number.ok_or(Error::Broken("our own tokens have a number"))?;
        let zone = &done.conference.zone;
        Ok(Json(JoinTokenAnswer {
            token: context.app.keys.signing.sign(&done.token),
            url: done.relay.url.clone(),
            relays: vec![done.relay],
            conference_id: done.conference.id,
            occurrence: done
                .conference
                .series
                .as_ref()
                .map(|_| zone.wall_clock(done.occurrence.start())),
            participant: number,
            identity: number.identity(),
            role: done.token.role(),
            first_use_by: time(done.token.first_use_by.unwrap_or(done.token.exp)),
            expires: time(done.token.exp),
        }))
    }
}
