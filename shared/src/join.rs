//! `POST /conf/join`: how a person's page asks to be let into a meeting.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ConferenceId, ParticipantNumber};
use crate::room::{MuteMode, RoomRole};

/// The request. A host's session comes by cookie, or in a frame by the header `Authorization: Session <token>`.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct JoinRequest {
    /// The access code, or its sealed form.
    pub code: String,
    /// Whether `code` is in its sealed form.
    #[serde(default)]
    pub encrypted: bool,
    /// The name to show; a signed-in host's own where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The meeting's security PIN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pin: Option<String>,
    /// The host's PIN, which makes a moderator.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moderator_pin: Option<String>,
    /// The meeting's moderator token, which makes a moderator.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moderator_token: Option<String>,
    /// The pass in a person's own link, by which a meeting with registration is entered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pass: Option<String>,
    /// An earlier join token: a rejoin that keeps number and identity, and begins no new meeting.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<String>,
    /// No camera, no tile for others.
    #[serde(default)]
    pub observer: bool,
}

impl std::fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinRequest")
            .field("encrypted", &self.encrypted)
            .field("observer", &self.observer)
            .finish_non_exhaustive()
    }
}

/// The answer of an admitted participant.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct JoinAnswer {
    /// The join token for the relay.
    pub token: String,
    /// The identity at the relay: `p17`.
    pub identity: String,
    /// The number that embedding messages carry.
    pub participant: ParticipantNumber,
    /// The name as shown.
    pub name: String,
    /// What the participant may do.
    pub role: RoomRole,
    /// Up to three relays, to be raced without the token.
    pub relays: Vec<RelayAddress>,
    /// The meeting.
    pub conference: JoinedConference,
    /// What to publish.
    pub media: MediaSettings,
}

impl std::fmt::Debug for JoinAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinAnswer")
            .field("identity", &self.identity)
            .field("relays", &self.relays)
            .field("conference", &self.conference.id)
            .finish_non_exhaustive()
    }
}

/// Where a relay is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelayAddress {
    /// The base of its public addresses, such as `https://r1.eu.relay.example.com`.
    pub url: String,
    /// Where it stands.
    pub region: String,
}

/// What a participant is told of the meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JoinedConference {
    /// The meeting.
    pub id: ConferenceId,
    /// Its subject.
    pub subject: String,
    /// Who is heard.
    pub mute_mode: MuteMode,
    /// Guests wait at the relay until a moderator lets them in.
    #[serde(default)]
    pub waiting_room: bool,
    /// The host's name.
    pub host_name: String,
    /// When it closes for good, in Unix seconds.
    pub hard_stop: i64,
}

/// What a participant should publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaSettings {
    /// H.264 first, so that the room can be streamed and recorded without transcoding.
    pub h264: bool,
    /// The highest resolution sent, in lines.
    pub max_resolution: u32,
}
