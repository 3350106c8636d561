//! Identities: one type per entity, small integers that fit a partner's column, and names of relays and rooms.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest id, 2^53 - 1: the last integer that every JSON reader keeps exactly.
pub const LARGEST_ID: u64 = (1 << 53) - 1;

/// Why a text or a number is no id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not {0}")]
pub struct InvalidId(&'static str);

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $largest:expr, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// The id of this number; `None` for zero and for what is too large.
            pub const fn new(number: $inner) -> Option<Self> {
                if number == 0 || number > $largest { None } else { Some(Self(number)) }
            }

            /// The number itself, from 1.
            pub const fn value(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                digits(text).and_then(|number| number.try_into().ok()).and_then(Self::new).ok_or(InvalidId($what))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let id = crate::number::whole(deserializer)?.and_then(Self::new);
                id.ok_or_else(|| serde::de::Error::custom(InvalidId($what)))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let largest: u64 = $largest as u64;
                json_schema!({"type": "integer", "minimum": 1, "maximum": largest})
            }
        }
    };
}

numeric_id!(
    /// A reseller: the partner whose name the platform carries.
    ResellerId, u64, LARGEST_ID, "a reseller's id"
);
numeric_id!(
    /// A company of a reseller.
    CompanyId, u64, LARGEST_ID, "a company's id"
);
numeric_id!(
    /// An account that can hold meetings.
    HostId, u64, LARGEST_ID, "a host's id"
);
numeric_id!(
    /// An entry of a host's address book.
    ContactId, u64, LARGEST_ID, "a contact's id"
);
numeric_id!(
    /// A meeting, with all its occurrences.
    ConferenceId, u64, LARGEST_ID, "a conference's id"
);
numeric_id!(
    /// A reseller's plan: what its companies may subscribe to.
    PlanId, u64, LARGEST_ID, "a plan's id"
);
numeric_id!(
    /// A company's subscription to a plan, or a host's own instance of it.
    SubscriptionId, u64, LARGEST_ID, "a subscription's id"
);
numeric_id!(
    /// A webhook of a company.
    HookId, u64, LARGEST_ID, "a webhook's id"
);
numeric_id!(
    /// A participant's number in its conference, from 1; what the embedding messages carry.
    ParticipantNumber, u32, u32::MAX, "a participant's number"
);

impl ParticipantNumber {
    /// The identity that a relay and the clients know this participant by: `p17`.
    pub fn identity(self) -> String {
        format!("p{}", self.0)
    }

    /// The number in an identity such as `p17`.
    pub fn from_identity(identity: &str) -> Option<Self> {
        identity.strip_prefix('p')?.parse().ok()
    }
}

/// Decimal digits without sign, space or leading zero.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

/// Writes and reads a type as the JSON string of its `Display` and `FromStr`.
macro_rules! string_on_the_wire {
    ($name:ident, $schema:tt) => {
        $crate::id::string_on_the_wire!($name, $schema, $crate::given::given);
    };
    // Whose rules have grown stricter: read by `read` of `crate::given`.
    ($name:ident, $schema:tt, $read:path) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $read(deserializer)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}
pub(crate) use string_on_the_wire;

/// One holding of a conference, named by its original start in Unix seconds; stays the same when the meeting moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Occurrence(i64);

impl Occurrence {
    /// The occurrence that was first planned to start at this Unix second.
    pub const fn new(original_start: i64) -> Self {
        Self(original_start)
    }

    /// The original start, in Unix seconds.
    pub const fn value(self) -> i64 {
        self.0
    }

    /// The original start.
    pub fn start(self) -> Timestamp {
        Timestamp::from_second(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Occurrence {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let number: i64 = text.parse().map_err(|_| InvalidId("an occurrence"))?;
        // One text per occurrence: no `+5`, no `007`.
        if number.to_string() == text {
            Ok(Self(number))
        } else {
            Err(InvalidId("an occurrence"))
        }
    }
}

/// A relay's name: 1 to 63 of `a-z`, `0-9` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(String);

impl RelayId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RelayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RelayId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=63).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidId("a relay's name: 1 to 63 of a-z, 0-9 and -"))
        }
    }
}

string_on_the_wire!(RelayId, {"type": "string", "pattern": "^[a-z0-9-]{1,63}$"});

/// The tenant-qualified name of one occurrence's room, the same at every relay: `<reseller>/<conference>/<occurrence>`.
///
/// ```
/// let room: domain::id::RoomName = "1/183/1790000000".parse()?;
/// assert_eq!(room.conference.value(), 183);
/// assert_eq!(room.to_string(), "1/183/1790000000");
/// # Ok::<(), domain::id::InvalidId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName {
    /// Whose meeting it is.
    pub reseller: ResellerId,
    /// The meeting.
    pub conference: ConferenceId,
    /// Which of its occurrences.
    pub occurrence: Occurrence,
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.reseller, self.conference, self.occurrence)
    }
}

impl FromStr for RoomName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut parts = text.split('/');
        let (Some(reseller), Some(conference), Some(occurrence), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidId("a room's name: <reseller>/<conference>/<occurrence>"));
        };
        Ok(Self {
            reseller: reseller.parse()?,
            conference: conference.parse()?,
            occurrence: occurrence.parse()?,
        })
    }
}

string_on_the_wire!(RoomName, {"type": "string", "pattern": "^[1-9][0-9]*/[1-9][0-9]*/-?[0-9]+$"});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_refused_or_read_back_the_same(text in "\\PC{0,40}") {
            if let Ok(id) = text.parse::<HostId>() { prop_assert_eq!(id.to_string(), text.clone()); }
            if let Ok(id) = text.parse::<RelayId>() { prop_assert_eq!(id.to_string(), text.clone()); }
            if let Ok(id) = text.parse::<Occurrence>() { prop_assert_eq!(id.to_string(), text.clone()); }
            if let Ok(id) = text.parse::<RoomName>() { prop_assert_eq!(id.to_string(), text); }
        }

        #[test]
        fn a_room_name_survives_text_and_json(r in 1..=LARGEST_ID, c in 1..=LARGEST_ID, o: i64) {
            let room = RoomName {
                reseller: ResellerId::new(r).expect("in range"),
                conference: ConferenceId::new(c).expect("in range"),
                occurrence: Occurrence::new(o),
            };
            prop_assert_eq!(room.to_string().parse::<RoomName>().expect("own text"), room);
            let json = serde_json::to_string(&room).expect("json");
            prop_assert_eq!(serde_json::from_str::<RoomName>(&json).expect("own json"), room);
        }
    }

    #[test]
    fn zero_signs_and_leading_zeros_are_no_ids() {
        for text in ["0", "-1", "+1", "01", " 1", "1 ", "", "9007199254740992", "1e3", "１"] {
            assert!(text.parse::<ConferenceId>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<CompanyId>("0").is_err());
        assert_eq!(ParticipantNumber::from_identity("p17"), ParticipantNumber::new(17));
        assert_eq!(ParticipantNumber::from_identity("p017"), None);
    }
}
