//! What a room is to a relay: who may do what in it, and how it is set.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::ConferenceId;

/// What a participant may do in a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomRole {
    /// Takes part.
    #[default]
    Guest,
    /// Also leads: mutes, removes, ends.
    Moderator,
}

/// Who is heard in a meeting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum MuteMode {
    /// Everybody unmuted.
    #[default]
    #[serde(rename = "conversation")]
    Conversation,
    /// Muted, may unmute.
    #[serde(rename = "q&a")]
    QuestionsAndAnswers,
    /// Muted, only a moderator unmutes.
    #[serde(rename = "presentation")]
    Presentation,
}

/// How a room is set, told to a relay when its first participant enters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomSettings {
    /// The meeting.
    pub conference: ConferenceId,
    /// Its subject.
    pub subject: String,
    /// Most participants at one time.
    pub max_participants: u32,
    /// Who is heard.
    pub mute_mode: MuteMode,
    /// Guests wait until a moderator lets them in.
    #[serde(default)]
    pub waiting_room: bool,
    /// When the room closes for good, in Unix seconds: 24 h after the first join.
    pub hard_stop: i64,
    /// Until when an emptied room goes back to scheduled, in Unix seconds.
    pub window_end: i64,
    /// How long an emptied room waits for somebody to come back, in seconds.
    pub empty_grace_seconds: u32,
}

/// What everybody in a room is told about it: the room's metadata, as JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomRules {
    /// Nobody new gets in.
    pub locked: bool,
    /// Who is heard.
    pub mute_mode: MuteMode,
    /// Guests wait until a moderator lets them in.
    pub waiting_room: bool,
}

/// What moderators set in a room, which holds for as long as its meeting goes on, at whichever relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptRules {
    /// Nobody new gets in.
    pub locked: bool,
    /// Who is heard.
    pub mute_mode: MuteMode,
}

impl RoomRules {
    /// The metadata.
    pub fn to_metadata(self) -> String {
        serde_json::to_string(&self).expect("rules are plain data")
    }
}

/// How long an emptied room waits for somebody to come back, in seconds.
pub const EMPTY_GRACE_SECONDS: u32 = 30;

impl RoomSettings {
    /// When the room closes for good.
    pub fn hard_stop(&self) -> Timestamp {
        Timestamp::from_second(self.hard_stop).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_the_contracts_words() {
        let words = [
            MuteMode::Conversation,
            MuteMode::QuestionsAndAnswers,
            MuteMode::Presentation,
        ]
        .map(|mode| serde_json::to_value(mode).expect("json"));
        assert_eq!(words, ["conversation", "q&a", "presentation"]);
        let rules = RoomRules {
            locked: true,
            mute_mode: MuteMode::QuestionsAndAnswers,
            waiting_room: false,
        };
        assert_eq!(
            rules.to_metadata(),
            r#"{"locked":true,"mute_mode":"q&a","waiting_room":false}"#
        );
    }
}
