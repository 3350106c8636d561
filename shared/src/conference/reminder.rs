//! Reminders before a meeting: by which way, how long before, and what is due when.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conference, Kind, later};
use crate::id::Occurrence;
use crate::number::whole;

/// Most reminders of one meeting.
pub const MOST_REMINDERS: usize = 5;

/// The way of a reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By mail.
    Email,
    /// By text message.
    Sms,
}

impl Channel {
    /// As on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

/// How long before a start: 1 minute to 4 weeks, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lead(u32);

impl Lead {
    /// The longest: 4 weeks.
    pub const LONGEST: u32 = 4 * 7 * 24 * 60;

    /// So many minutes; `None` outside 1 to 40,320.
    pub const fn new(minutes: u32) -> Option<Self> {
        if minutes >= 1 && minutes <= Self::LONGEST {
            Some(Self(minutes))
        } else {
            None
        }
    }

    /// The minutes.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Lead {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Lead {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lead = whole(deserializer)?.and_then(Self::new);
        lead.ok_or_else(|| serde::de::Error::custom("must be 1 to 40320"))
    }
}

impl JsonSchema for Lead {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Lead".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "minimum": 1, "maximum": Self::LONGEST})
    }
}

/// A reminder before each occurrence of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Reminder {
    /// By which way.
    pub channel: Channel,
    /// How many minutes before the start.
    pub minutes_before: Lead,
}

impl Reminder {
    /// The one of a meeting that names none: by mail, 15 minutes before.
    pub const DEFAULT: Self = Self {
        channel: Channel::Email,
        minutes_before: Lead(15),
    };
}

/// Something to remind people of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Due {
    /// When.
    #[serde(with = "crate::time::millis")]
    pub at: Timestamp,
    /// Of which occurrence.
    pub occurrence: Occurrence,
    /// By which way.
    pub channel: Channel,
}

impl Conference {
    /// What people are to be reminded of after this time, in order. Nothing of what is cancelled, or of a meeting that nobody
    /// planned.
    pub fn reminders_after(&self, after: Timestamp) -> Vec<Due> {
        if self.deleted || self.kind == Kind::AdHoc {
            return Vec::new();
        }
        let mut due = Vec::new();
        for slot in self
            .slots()
            .into_iter()
            .filter(|slot| !slot.cancelled && slot.start > after)
        {
            for reminder in &self.reminders {
                let lead = SignedDuration::from_mins(i64::from(reminder.minutes_before.value()));
                due.push(Due {
                    at: later(slot.start, -lead),
                    occurrence: slot.occurrence,
                    channel: reminder.channel,
                });
            }
        }
        due.retain(|due| due.at > after);
        due.sort_unstable();
        due.dedup();
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_are_a_minute_to_four_weeks() {
        let read = |minutes: u32| serde_json::from_value::<Lead>(minutes.into()).is_ok();
        assert!(read(1) && read(40_320) && !read(0) && !read(40_321));
    }
}
