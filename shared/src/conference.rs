//! A meeting: its fields, the windows in which it can be entered, which meeting a code opens, and how an occurrence lives
//! and ends. Rules only; what is kept of them lies in the table.

mod life;
mod news;
mod opens;
mod reminder;
mod reply;
mod rule;
mod series;

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::life::{Life, NextStep};
pub use self::news::{News, Said};
pub use self::opens::{Live, Opens, Planned, opens};
pub use self::reminder::{Channel, Due, Lead, MOST_REMINDERS, Reminder};
pub use self::reply::{PartStat, Replies, Reply, TimesSince};
pub use self::rule::{Frequency, MOST_OCCURRENCES, Rule};
pub use self::series::{Exception, Series, Slot};
use crate::code::{AccessCode, Email, Invalid, Phone};
use crate::id::{CompanyId, ConferenceId, ContactId, HostId, Occurrence, ResellerId, RoomName, string_on_the_wire};
use crate::number::whole;
use crate::room::MuteMode;
use crate::sealed::Sealed;
use crate::text::{Name, Subject};
use crate::time::{Zone, millis};

/// How long before its start a meeting can be entered.
pub const EARLY: SignedDuration = SignedDuration::from_mins(15);
/// How long after its planned end a meeting with a code of its own can be entered.
pub const ONE_TIME_LATE: SignedDuration = SignedDuration::from_hours(24);
/// How long after its first join a meeting ends in any case.
pub const HARD_STOP: SignedDuration = SignedDuration::from_hours(24);
/// How long a reservationless meeting waits for its first participant.
pub const UNATTENDED: SignedDuration = SignedDuration::from_mins(15);
/// How long a room is held for somebody who was let in and is on the way to the relay.
pub const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// Most people invited to one meeting.
pub const MOST_PARTICIPANTS: usize = 1_000;
/// The longest agenda, in characters.
pub const LONGEST_AGENDA: usize = 8_000;

/// How a meeting came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Planned for a time.
    Scheduled,
    /// Started at once by the API.
    Reservationless,
    /// Started by a host who entered its own code with nothing planned.
    AdHoc,
}

/// Whose code leads to a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodeKind {
    /// The host's own code, the same for all its meetings.
    Host,
    /// A code of 9 digits for this meeting alone.
    OneTime,
}

/// A planned length: 1 to 1440 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minutes(u16);

impl Minutes {
    /// The length of a reservationless meeting that names none.
    pub const RESERVATIONLESS: Self = Self(660);

    /// A length; `None` outside 1 to 1440.
    pub const fn new(minutes: u16) -> Option<Self> {
        if minutes >= 1 && minutes <= 1_440 {
            Some(Self(minutes))
        } else {
            None
        }
    }

    /// The minutes.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// As a duration.
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.0))
    }
}

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Minutes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Minutes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let minutes = whole(deserializer)?.and_then(Self::new);
        minutes.ok_or_else(|| serde::de::Error::custom("must be 1 to 1440"))
    }
}

impl JsonSchema for Minutes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Minutes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "minimum": 1, "maximum": 1440})
    }
}

/// Who is invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// The host's address book entry.
    pub contact: ContactId,
    /// The name, where one is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Name>,
    /// Where the invitation goes.
    pub email: Email,
    /// For text messages.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<Phone>,
    /// Enters as moderator.
    #[serde(default)]
    pub moderator: bool,
}

/// The token that makes whoever shows it a moderator of one meeting: 12 to 64 URL-safe characters.
#[derive(Clone, PartialEq, Eq)]
pub struct ModeratorToken(String);

impl ModeratorToken {
    /// A token of 128 bits out of random bytes.
    pub fn random(random: [u8; 16]) -> Self {
        use base64::Engine as _;
        Self(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ModeratorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModeratorToken(***)")
    }
}

impl fmt::Display for ModeratorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ModeratorToken {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (12..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(Invalid("is not a moderator token"))
        }
    }
}

string_on_the_wire!(ModeratorToken, {"type": "string", "pattern": "^[A-Za-z0-9_-]{12,64}$"});

/// A meeting as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conference {
    /// Its id.
    pub id: ConferenceId,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// Who holds it.
    pub host: HostId,
    /// How it came about.
    pub kind: Kind,
    /// What it is about.
    pub subject: Subject,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agenda: Option<String>,
    /// When it starts.
    #[serde(with = "millis")]
    pub start: Timestamp,
    /// Which of its holdings: fixed at creation, stays when the start moves.
    pub occurrence: Occurrence,
    /// The zone that its times are shown in.
    pub zone: Zone,
    /// How long it is planned.
    pub duration: Minutes,
    /// The code that opens it.
    pub code: AccessCode,
    /// Whose code that is.
    pub code_kind: CodeKind,
    /// Whether `room_url` holds the code sealed.
    #[serde(default)]
    pub secure_url: bool,
    /// Whether recording starts already when the host joins.
    #[serde(default)]
    pub host_initiated_recording: bool,
    /// The PIN asked after the code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub security_pin: Option<Sealed>,
    /// Who is heard.
    pub mute_mode: MuteMode,
    /// Guests wait until a moderator lets them in.
    #[serde(default)]
    pub waiting_room: bool,
    /// Guests come in by links of their own, which whoever registers gets by mail.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub registration: bool,
    /// The token that makes a moderator, sealed.
    pub moderator_token: Sealed,
    /// Who is invited, the host's own contact first.
    pub invited: Vec<Invited>,
    /// When people are reminded of it; each once.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reminders: Vec<Reminder>,
    /// The UID in calendars.
    pub ics_uid: String,
    /// How often what calendars hold of it was changed (`SEQUENCE`, RFC 5545 §3.8.7.4).
    #[serde(default)]
    pub sequence: u32,
    /// By which `sequence` its times came to be as they are.
    #[serde(skip_serializing_if = "TimesSince::is_first", default)]
    pub times_since: TimesSince,
    /// Most participants at one time.
    pub max_participants: u32,
    /// Whether the room publishes H.264.
    pub h264: bool,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// Its occurrences, where it repeats; then `start` and `occurrence` are the first one's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub series: Option<Series>,
    /// Counts its changes.
    #[serde(default)]
    pub version: u64,
    /// It was cancelled as a whole: kept for what refers to it, answered to nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub deleted: bool,
}

impl Conference {
    /// Its occurrences as they are planned, one where it does not repeat.
    pub fn slots(&self) -> Vec<Slot> {
        match &self.series {
            Some(series) => series.slots(self.duration).collect(),
            None => vec![Slot {
                occurrence: self.occurrence,
                start: self.start,
                duration: self.duration,
                changed: false,
                cancelled: false,
            }],
        }
    }

    /// The name of the room of one of its occurrences.
    pub fn room_of(&self, occurrence: Occurrence) -> RoomName {
        RoomName {
            reseller: self.reseller,
            conference: self.id,
            occurrence,
        }
    }

    /// When an occurrence can be entered.
    pub fn window_of(&self, slot: &Slot) -> Window {
        Window::new(self.kind, self.code_kind, slot.start, slot.duration)
    }

    /// When the last of its windows closes.
    pub fn closes(&self) -> Timestamp {
        let held = self.slots().into_iter().filter(|slot| !slot.cancelled);
        held.map(|slot| self.window_of(&slot).closes)
            .max()
            .unwrap_or(self.start)
    }

    /// The planned end.
    pub fn end(&self) -> Timestamp {
        later(self.start, self.duration.duration())
    }

    /// The name of the room of its first or only occurrence.
    pub fn room(&self) -> RoomName {
        self.room_of(self.occurrence)
    }
}

/// When a meeting can be entered, and until when an emptied one goes back to scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From here on.
    pub opens: Timestamp,
    /// Until before here.
    pub closes: Timestamp,
}

impl Window {
    /// The window of a meeting: from 15 minutes before the start to the planned end, with a code of its own to 24 hours
    /// after that. An ad-hoc meeting has none: it is over when it is empty.
    pub fn new(kind: Kind, code: CodeKind, start: Timestamp, duration: Minutes) -> Self {
        let end = later(start, duration.duration());
        match (kind, code) {
            (Kind::AdHoc, _) => Self {
                opens: start,
                closes: start,
            },
            (_, CodeKind::Host) => Self {
                opens: later(start, -EARLY),
                closes: end,
            },
            (_, CodeKind::OneTime) => Self {
                opens: later(start, -EARLY),
                closes: later(end, ONE_TIME_LATE),
            },
        }
    }

    /// Whether it is open now.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.opens <= now && now < self.closes
    }
}

/// A time moved by a duration, held inside what can be written.
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Whether a meeting may be planned for this start: at most 2 years ahead, not over a day ago.
pub fn check_start(start: Timestamp, now: Timestamp) -> Result<(), Invalid> {
    if start < later(now, SignedDuration::from_hours(-24)) {
        Err(Invalid("must not be over a day in the past"))
    } else if start > later(now, SignedDuration::from_hours(24 * 731)) {
        Err(Invalid("must be at most 2 years ahead"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_refused_or_kept(text in "\\PC{0,70}") {
            if let Ok(token) = text.parse::<ModeratorToken>() { prop_assert_eq!(token.as_str(), text); }
        }

        #[test]
        fn random_tokens_parse(random: [u8; 16]) {
            prop_assert!(ModeratorToken::random(random).as_str().parse::<ModeratorToken>().is_ok());
        }
    }

    #[test]
    fn windows_by_kind_of_meeting_and_code() {
        let start: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a time");
        let hour = Minutes::new(60).expect("minutes");
        let shown = |kind, code| {
            let window = Window::new(kind, code, start, hour);
            (window.opens.to_string(), window.closes.to_string())
        };
        let text = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            shown(Kind::Scheduled, CodeKind::Host),
            text("2026-01-01T11:45:00Z", "2026-01-01T13:00:00Z")
        );
        assert_eq!(
            shown(Kind::Scheduled, CodeKind::OneTime),
            text("2026-01-01T11:45:00Z", "2026-01-02T13:00:00Z")
        );
        assert!(!Window::new(Kind::AdHoc, CodeKind::Host, start, hour).holds(start));
    }

    #[test]
    fn starts_from_a_day_ago_to_two_years_ahead() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().expect("a time");
        let check = |text: &str| check_start(text.parse().expect("a time"), now).is_ok();
        assert!(check("2026-01-01T00:00:00Z") && !check("2025-12-31T23:59:59Z"));
        assert!(check("2028-01-01T00:00:00Z") && !check("2028-02-01T00:00:00Z"));
    }
}
