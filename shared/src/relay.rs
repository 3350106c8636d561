//! The words between a relay and the control plane: JSON over HTTPS, signed by who sends it.
//!
//! A relay signs each report with its own key (`Authorization: Relay <JWS>` with [`ReportClaims`]); the control plane
//! signs each command (`Authorization: Command <JWS>` with [`CommandClaims`]). Both bind the body by its hash.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ContactId, ParticipantNumber, RelayId, RoomName};
use crate::jws::{Jwk, TokenError, body_hash};
use crate::reason::Reason;
use crate::room::{KeptRules, MuteMode, RoomSettings};

/// The audience of a relay's reports.
pub const CONTROL_AUDIENCE: &str = "convoke-control";
/// How long a report may travel, in seconds.
pub const REPORT_SECONDS: i64 = 60;
/// How long a command may travel, in seconds.
pub const COMMAND_SECONDS: i64 = 30;
/// How often a relay reports that it lives, in seconds.
pub const HEARTBEAT_SECONDS: u32 = 5;
/// Most events in one batch.
pub const LARGEST_BATCH: usize = 100;

/// What a relay signs with each report. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportClaims {
    /// The relay.
    pub iss: RelayId,
    /// [`CONTROL_AUDIENCE`].
    pub aud: String,
    /// When it was signed.
    pub iat: i64,
    /// Not valid from here on, at most [`REPORT_SECONDS`] after `iat`.
    pub exp: i64,
    /// Different in each report.
    pub jti: String,
    /// The SHA-256 of the body in hex.
    pub body: String,
}

impl ReportClaims {
    /// Whether these claims vouch for this body now.
    pub fn check(&self, body: &[u8], now: i64) -> Result<(), TokenError> {
        check(
            self.aud == CONTROL_AUDIENCE && self.body == body_hash(body),
            self.iat,
            self.exp,
            REPORT_SECONDS,
            now,
        )
    }
}

/// What the control plane signs with each command. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandClaims {
    /// The relay that shall obey.
    pub aud: RelayId,
    /// The command's id: a second command of this id has no effect.
    pub jti: String,
    /// When it was signed.
    pub iat: i64,
    /// Not valid from here on, at most [`COMMAND_SECONDS`] after `iat`.
    pub exp: i64,
    /// The SHA-256 of the body in hex.
    pub body: String,
}

impl CommandClaims {
    /// Whether these claims vouch for this body at this relay now.
    pub fn check(&self, relay: &RelayId, body: &[u8], now: i64) -> Result<(), TokenError> {
        check(
            self.aud == *relay && self.body == body_hash(body),
            self.iat,
            self.exp,
            COMMAND_SECONDS,
            now,
        )
    }
}

fn check(meant: bool, iat: i64, exp: i64, longest: i64, now: i64) -> Result<(), TokenError> {
    let leeway = crate::join_token::LEEWAY_SECONDS;
    if !meant {
        return Err(TokenError::Claims);
    }
    let in_time = iat.saturating_sub(leeway) <= now && now < exp.saturating_add(leeway);
    if in_time && exp.saturating_sub(iat) <= longest {
        Ok(())
    } else {
        Err(TokenError::Time)
    }
}

/// `POST /relay/register`: a relay has started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Register {
    /// The relay.
    pub relay: RelayId,
    /// Where it stands.
    pub region: String,
    /// The base of its public addresses.
    pub url: String,
    /// The program's version.
    pub version: String,
    /// Most participants that it takes.
    pub capacity: u32,
    /// Unix milliseconds of its start: reports of an earlier start are refused from now on.
    pub epoch: u64,
}

/// The answer to [`Register`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Registered {
    /// How often to report.
    pub heartbeat_seconds: u32,
    /// The keys that sign join tokens and commands.
    pub keys: Vec<Jwk>,
}

/// `POST /relay/heartbeat`: a relay lives, and this is what it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// The relay.
    pub relay: RelayId,
    /// Its start.
    pub epoch: u64,
    /// Participants now.
    pub participants: u32,
    /// Share of its capacity in use, 0 to 1.
    pub load: f64,
    /// Whether it opens no more rooms: those that it holds go on there, others begin elsewhere.
    #[serde(default)]
    pub draining: bool,
    /// The rooms it holds.
    pub rooms: Vec<HeldRoom>,
}

/// One room that a relay holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldRoom {
    /// The room.
    pub room: RoomName,
    /// Participants in it at this relay.
    pub participants: u32,
}

/// The answer to [`Heartbeat`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeartbeatAnswer {
    /// Rooms of the report that have ended: close them.
    pub ended: Vec<EndedRoom>,
    /// Whether this start of the relay is registered; if not, register again.
    pub known: bool,
}

/// A room that has ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndedRoom {
    /// The room.
    pub room: RoomName,
    /// Why.
    pub reason: Reason,
}

/// `POST /relay/enter`: the first participant of a room is at this relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Enter {
    /// The relay.
    pub relay: RelayId,
    /// Its start.
    pub epoch: u64,
    /// The room.
    pub room: RoomName,
    /// The participant, where its token is one of ours.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub participant: Option<ParticipantNumber>,
    /// The token's id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jti: Option<String>,
}

/// The answer to [`Enter`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entered {
    /// How the room is set.
    pub settings: RoomSettings,
    /// The relays that hold it, this one too.
    pub members: BTreeSet<RelayId>,
    /// What moderators have set, where it goes on after its relay has gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rules: Option<KeptRules>,
    /// Who was in it there, and who was removed from it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub earlier: Vec<Earlier>,
}

/// Somebody who was in a room before its relay went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Earlier {
    /// Who.
    pub participant: ParticipantNumber,
    /// The token's id.
    pub jti: String,
    /// Whether it led.
    pub moderator: bool,
    /// When it was removed, in Unix seconds, where it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub removed: Option<i64>,
}

/// `POST /relay/leave`: a room is closed at this relay, mostly since it is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leave {
    /// The relay.
    pub relay: RelayId,
    /// Its start.
    pub epoch: u64,
    /// The room.
    pub room: RoomName,
    /// Whether it was closed since the relay ends, with people in it: they were told to come again, and are let in elsewhere.
    #[serde(default)]
    pub reconnecting: bool,
}

/// The answer to [`Leave`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// What became of the occurrence.
    pub state: OccurrenceState,
}

/// Where an occurrence is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OccurrenceState {
    /// Nobody is in it; it can begin, or begin again.
    #[default]
    Scheduled,
    /// Somebody is in it.
    Active,
    /// It is over for good.
    Ended,
}

/// `POST /relay/events`: what happened, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Events {
    /// The relay.
    pub relay: RelayId,
    /// Its start.
    pub epoch: u64,
    /// The batch's number, from 1 in each epoch: a repeat has no effect, a gap is refused.
    pub n: u64,
    /// The events, at most [`LARGEST_BATCH`].
    pub events: Vec<Event>,
}

/// The answer to [`Events`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventsAnswer {
    /// The batch that is safely kept.
    pub n: u64,
}

/// One thing that happened in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The room.
    pub room: RoomName,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody is in. Not repeated when the same session comes back.
    ParticipantJoin {
        /// Who.
        participant: ParticipantNumber,
        /// The token's id.
        jti: String,
        /// The name as shown.
        name: String,
        /// Which of the host's contacts it is, where the token says so.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        contact: Option<ContactId>,
        /// Whether a moderator.
        moderator: bool,
        /// The relay's region.
        region: String,
    },
    /// Somebody who is in leads from now on, or does not any more.
    ParticipantRole {
        /// Who.
        participant: ParticipantNumber,
        /// The token's id.
        jti: String,
        /// Whether a moderator.
        moderator: bool,
    },
    /// Somebody is out for good.
    ParticipantLeave {
        /// Who.
        participant: ParticipantNumber,
        /// The token's id.
        jti: String,
        /// Why.
        reason: Reason,
        /// How long it was in, in milliseconds.
        duration_ms: u64,
    },
    /// Moderators have set how the room is held.
    RoomRules {
        /// What holds now.
        #[serde(flatten)]
        rules: KeptRules,
    },
    /// The room was ended from inside.
    RoomEnd {
        /// Why.
        reason: Reason,
        /// The moderator who ended it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        by: Option<ParticipantNumber>,
    },
}

/// `POST <relay url>/command`: the control plane wants something done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// The room.
    pub room: RoomName,
    /// What to do there.
    #[serde(flatten)]
    pub action: Action,
}

/// `POST <relay url>/room/control`: a moderator who is in the room wants something done, by its join token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomControl {
    /// Names the request: another one of the same session under this id has no effect. At most 64 bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
}

/// What is done in a room (contract/enterprise-api.md, `conference/control`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Close the room for everybody.
    End {
        /// The reason told to everybody.
        #[serde(default = "ended")]
        reason: Reason,
    },
    /// Take one participant out.
    Remove {
        /// Who.
        participant: ParticipantNumber,
        /// The reason told.
        #[serde(default = "removed")]
        reason: Reason,
    },
    /// Let somebody in from the waiting room.
    Admit {
        /// Who.
        participant: ParticipantNumber,
    },
    /// Let everybody in from the waiting room, as far as there is room. An order of our pages, not of the contract.
    AdmitAll,
    /// Turn somebody away from the waiting room.
    Reject {
        /// Who.
        participant: ParticipantNumber,
    },
    /// Mute somebody's sound. In a presentation that also takes the word back.
    Mute {
        /// Who.
        participant: ParticipantNumber,
    },
    /// Ask somebody to unmute. In a presentation that also gives the word.
    AskUnmute {
        /// Who.
        participant: ParticipantNumber,
    },
    /// Switch somebody's camera off.
    CameraOff {
        /// Who.
        participant: ParticipantNumber,
    },
    /// Make somebody a moderator.
    Promote {
        /// Who.
        participant: ParticipantNumber,
    },
    /// Make a moderator a guest.
    Demote {
        /// Who.
        participant: ParticipantNumber,
    },
    /// Mute everybody but the moderators.
    MuteAll,
    /// Ask everybody who is muted to unmute.
    UnmuteAll,
    /// Let nobody new in.
    Lock,
    /// Let people in again.
    Unlock,
    /// Change who is heard.
    SetMuteMode {
        /// To this.
        mute_mode: MuteMode,
    },
}

const fn ended() -> Reason {
    Reason::Ended
}

const fn removed() -> Reason {
    Reason::Removed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_wire_is_this() {
        let event = json!({"room": "1/2/3", "at": 5, "kind": "participant_leave", "participant": 4, "jti": "j", "reason": "left", "duration_ms": 9});
        let read: Event = serde_json::from_value(event.clone()).expect("an event");
        assert_eq!(serde_json::to_value(read).expect("json"), event);
        let command = json!({"room": "1/2/3", "action": "remove", "participant": 4, "reason": "removed"});
        let read: Command = serde_json::from_value(command.clone()).expect("a command");
        assert_eq!(serde_json::to_value(read).expect("json"), command);
        let control = json!({"id": "c1", "action": "set_mute_mode", "mute_mode": "q&a"});
        let read: RoomControl = serde_json::from_value(control.clone()).expect("a request");
        assert_eq!(serde_json::to_value(read).expect("json"), control);
        let read: RoomControl =
            serde_json::from_value(json!({"action": "remove", "participant": 4})).expect("a request");
        let reason = Reason::Removed;
        assert!(matches!(read.action, Action::Remove { reason: told, .. } if told == reason));
    }

    #[test]
    fn claims_bind_the_body_the_audience_and_the_time() {
        let relay: RelayId = "r1".parse().expect("a name");
        let claims = CommandClaims {
            aud: relay.clone(),
            jti: "1".into(),
            iat: 100,
            exp: 130,
            body: body_hash(b"{}"),
        };
        assert_eq!(claims.check(&relay, b"{}", 110), Ok(()));
        assert_eq!(claims.check(&relay, b"{ }", 110), Err(TokenError::Claims));
        assert_eq!(
            claims.check(&"r2".parse().expect("a name"), b"{}", 110),
            Err(TokenError::Claims)
        );
        assert_eq!(claims.check(&relay, b"{}", 141), Err(TokenError::Time));
        assert_eq!(claims.check(&relay, b"{}", 89), Err(TokenError::Time));
        let long = CommandClaims { exp: 1_000, ..claims };
        assert_eq!(long.check(&relay, b"{}", 110), Err(TokenError::Time));
    }
}
