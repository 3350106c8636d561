//! Why somebody left a meeting or was not let in (contract/embedding.md §5): the same word in every message.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why somebody left or was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Left by own choice.
    Left,
    /// A moderator ended the meeting.
    Ended,
    /// A moderator took this participant out.
    Removed,
    /// Not let in from the waiting room.
    Rejected,
    /// The meeting is locked.
    Locked,
    /// The meeting has as many participants as it may have.
    Full,
    /// The code or the meeting is not valid any more.
    Expired,
    /// The meeting's window has not opened.
    NotStarted,
    /// The security PIN was wrong.
    WrongPin,
    /// The same identity joined elsewhere.
    Duplicate,
    /// The room lives, or goes on, at another place.
    Moved,
    /// The connection broke and did not come back.
    ConnectionLost,
    /// Nothing was heard for too long.
    Timeout,
    /// The browser or the person refused the devices.
    MediaDenied,
    /// Something failed that has no better word.
    Error,
}

impl Reason {
    /// Every reason, in the contract's order.
    pub const ALL: [Self; 15] = [
        Self::Left,
        Self::Ended,
        Self::Removed,
        Self::Rejected,
        Self::Locked,
        Self::Full,
        Self::Expired,
        Self::NotStarted,
        Self::WrongPin,
        Self::Duplicate,
        Self::Moved,
        Self::ConnectionLost,
        Self::Timeout,
        Self::MediaDenied,
        Self::Error,
    ];

    /// The word on the wire, such as `connection_lost`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Ended => "ended",
            Self::Removed => "removed",
            Self::Rejected => "rejected",
            Self::Locked => "locked",
            Self::Full => "full",
            Self::Expired => "expired",
            Self::NotStarted => "not_started",
            Self::WrongPin => "wrong_pin",
            Self::Duplicate => "duplicate",
            Self::Moved => "moved",
            Self::ConnectionLost => "connection_lost",
            Self::Timeout => "timeout",
            Self::MediaDenied => "media_denied",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The word names no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a reason")]
pub struct UnknownReason;

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.word() == text)
            .ok_or(UnknownReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_word_in_text_and_json() {
        for reason in Reason::ALL {
            assert_eq!(reason.word().parse(), Ok(reason));
            assert_eq!(serde_json::to_value(reason).expect("json"), reason.word());
        }
    }
}
