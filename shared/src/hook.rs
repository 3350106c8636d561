//! Webhooks (contract/webhooks.md): what a company may hear of, in which words it is told, and when it is tried again.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ring::{digest, hmac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{CompanyId, ConferenceId, HookId, HostId, Occurrence, ParticipantNumber, ResellerId};
use crate::reason::Reason;
use crate::sealed::Sealed;
use crate::time::{millis, millis_option};

/// Most webhooks of one company.
pub const MOST_HOOKS: usize = 20;
/// The version of what is sent.
pub const VERSION: u32 = 1;
/// How long deliveries are kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);
/// A hook that fails for so long is disabled.
pub const DISABLED_AFTER: SignedDuration = SignedDuration::from_hours(24 * 3);
/// So long the next ones wait for one that fails.
pub const IN_LINE: SignedDuration = SignedDuration::from_mins(10);
/// For how long a company's former signing token goes on being sent when it is replaced.
pub const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// The waits after the first failure, the second, and so on.
const WAITS: [SignedDuration; 8] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(10),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(12),
    SignedDuration::from_hours(24),
];

/// How long a delivery waits after so many failures; `None`: it has failed for good.
#[must_use]
pub fn wait(failures: u32) -> Option<SignedDuration> {
    let at = usize::try_from(failures.checked_sub(1)?).ok()?;
    WAITS.get(at).copied()
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventName {
    /// Somebody is in a meeting for the first time.
    ConferenceStart,
    /// A meeting that somebody was in is over for good.
    ConferenceEnd,
    /// Somebody came in.
    ParticipantJoin,
    /// Somebody is out.
    ParticipantLeave,
    /// A recording runs.
    StartRecording,
    /// It does not any more.
    StopRecording,
    /// A recording can be watched.
    RecordingPublished,
    /// A recording is lost.
    RecordingFailed,
    /// A livestream runs.
    StreamStart,
    /// It does not any more.
    StreamStop,
    /// A transcript can be read.
    TranscriptPublished,
    /// A meeting was made.
    ConferenceCreated,
    /// A meeting was changed.
    ConferenceUpdated,
    /// A meeting was cancelled as a whole.
    ConferenceDeleted,
    /// An account was made.
    HostCreated,
    /// An account was changed.
    HostUpdated,
    /// An account was deleted.
    HostDeleted,
    /// A conversation was taken in.
    VconImportSuccess,
    /// It was not.
    VconImportFailure,
}

impl EventName {
    /// All, as the contract lists them.
    pub const ALL: [Self; 19] = [
        Self::ConferenceStart,
        Self::ConferenceEnd,
        Self::ParticipantJoin,
        Self::ParticipantLeave,
        Self::StartRecording,
        Self::StopRecording,
        Self::RecordingPublished,
        Self::RecordingFailed,
        Self::StreamStart,
        Self::StreamStop,
        Self::TranscriptPublished,
        Self::ConferenceCreated,
        Self::ConferenceUpdated,
        Self::ConferenceDeleted,
        Self::HostCreated,
        Self::HostUpdated,
        Self::HostDeleted,
        Self::VconImportSuccess,
        Self::VconImportFailure,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConferenceStart => "conference_start",
            Self::ConferenceEnd => "conference_end",
            Self::ParticipantJoin => "participant_join",
            Self::ParticipantLeave => "participant_leave",
            Self::StartRecording => "start_recording",
            Self::StopRecording => "stop_recording",
            Self::RecordingPublished => "recording_published",
            Self::RecordingFailed => "recording_failed",
            Self::StreamStart => "stream_start",
            Self::StreamStop => "stream_stop",
            Self::TranscriptPublished => "transcript_published",
            Self::ConferenceCreated => "conference_created",
            Self::ConferenceUpdated => "conference_updated",
            Self::ConferenceDeleted => "conference_deleted",
            Self::HostCreated => "host_created",
            Self::HostUpdated => "host_updated",
            Self::HostDeleted => "host_deleted",
            Self::VconImportSuccess => "vcon_import_success",
            Self::VconImportFailure => "vcon_import_failure",
        }
    }
}

/// What happened. Holds numbers and times alone: names and texts are looked up when it is told, so that who is erased
/// is not named by what waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// [`EventName::ConferenceStart`].
    ConferenceStart {
        /// The occurrence.
        occurrence: Occurrence,
    },
    /// [`EventName::ConferenceEnd`].
    ConferenceEnd {
        /// The occurrence.
        occurrence: Occurrence,
        /// Why.
        reason: Reason,
        /// From its first participant on, in milliseconds.
        duration_ms: u64,
    },
    /// [`EventName::ParticipantJoin`].
    ParticipantJoin {
        /// The occurrence.
        occurrence: Occurrence,
        /// Who.
        participant: ParticipantNumber,
        /// Whether a moderator.
        moderator: bool,
        /// The relay's region.
        region: String,
    },
    /// [`EventName::ParticipantLeave`].
    ParticipantLeave {
        /// The occurrence.
        occurrence: Occurrence,
        /// Who.
        participant: ParticipantNumber,
        /// Whether it led.
        moderator: bool,
        /// The relay's region, where it is known.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        region: Option<String>,
        /// Why.
        reason: Reason,
        /// How long it was in, in milliseconds.
        duration_ms: u64,
    },
    /// [`EventName::ConferenceCreated`].
    ConferenceCreated,
    /// [`EventName::ConferenceUpdated`].
    ConferenceUpdated,
    /// [`EventName::ConferenceDeleted`].
    ConferenceDeleted,
    /// [`EventName::HostCreated`].
    HostCreated,
    /// [`EventName::HostUpdated`].
    HostUpdated,
    /// [`EventName::HostDeleted`].
    HostDeleted,
}

impl Happening {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> EventName {
        match self {
            Self::ConferenceStart { .. } => EventName::ConferenceStart,
            Self::ConferenceEnd { .. } => EventName::ConferenceEnd,
            Self::ParticipantJoin { .. } => EventName::ParticipantJoin,
            Self::ParticipantLeave { .. } => EventName::ParticipantLeave,
            Self::ConferenceCreated => EventName::ConferenceCreated,
            Self::ConferenceUpdated => EventName::ConferenceUpdated,
            Self::ConferenceDeleted => EventName::ConferenceDeleted,
            Self::HostCreated => EventName::HostCreated,
            Self::HostUpdated => EventName::HostUpdated,
            Self::HostDeleted => EventName::HostDeleted,
        }
    }

    /// What of one transaction is told before what.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::ConferenceCreated | Self::HostCreated => 0,
            Self::ConferenceStart { .. } => 1,
            Self::ParticipantJoin { .. } | Self::ParticipantLeave { .. } => 2,
            Self::ConferenceUpdated | Self::HostUpdated => 3,
            Self::ConferenceEnd { .. } => 4,
            Self::ConferenceDeleted | Self::HostDeleted => 5,
        }
    }
}

/// What events are numbered by, and told in the order of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A meeting.
    Conference(ConferenceId),
    /// An account.
    Host(HostId),
}

/// A webhook of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Its id.
    pub id: HookId,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// The account that made it, and hears when it is disabled.
    pub owner: HostId,
    /// Where it goes. May hold what is secret: not for logs.
    pub url: String,
    /// What it is told of; everything where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub events: Option<BTreeSet<EventName>>,
    /// What deliveries are signed with, sealed for [`Hook::secret_place`].
    pub secret: Sealed,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// Counts how often it was enabled: what waited for an earlier time is not sent any more.
    #[serde(default)]
    pub era: u32,
    /// Since when nothing arrived.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub failing: Option<Timestamp>,
    /// Since when it is disabled.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub disabled: Option<Timestamp>,
    /// Counts its changes.
    #[serde(default)]
    pub version: u64,
}

impl Hook {
    /// Where its secret is sealed for.
    #[must_use]
    pub fn secret_place(id: HookId) -> String {
        format!("hook/{id}/secret")
    }

    /// Whether it was disabled because nothing had arrived for [`DISABLED_AFTER`], and not by anybody.
    #[must_use]
    pub fn given_up(&self) -> bool {
        let failed = self.disabled.zip(self.failing);
        failed.is_some_and(|(disabled, since)| disabled.duration_since(since) >= DISABLED_AFTER)
    }

    /// Whether it is told of an event.
    #[must_use]
    pub fn wants(&self, event: EventName) -> bool {
        self.disabled.is_none() && self.events.as_ref().is_none_or(|events| events.contains(&event))
    }
}

/// What a company's deliveries carry as `x-signing-token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningToken {
    /// The latest, sealed for [`SigningToken::place`].
    pub token: Sealed,
    /// The one before it, and until when that is sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub former: Option<Former>,
    /// Counts its changes.
    #[serde(default)]
    pub version: u64,
}

/// A signing token that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// The token.
    pub token: Sealed,
    /// Until when it is sent.
    #[serde(with = "millis")]
    pub until: Timestamp,
}

impl SigningToken {
    /// Where a company's tokens are sealed for.
    #[must_use]
    pub fn place(company: CompanyId) -> String {
        format!("company/{company}/signing_token")
    }

    /// The one that is sent now.
    #[must_use]
    pub fn sent(&self, now: Timestamp) -> &Sealed {
        match &self.former {
            Some(former) if now < former.until => &former.token,
            _ => &self.token,
        }
    }
}

/// A delivery's id: the same for the same event and hook, however often it is sent.
#[must_use]
pub fn delivery_id(reseller: ResellerId, hook: HookId, subject: Subject, sequence: u64) -> String {
    let subject = match subject {
        Subject::Conference(id) => format!("f{id}"),
        Subject::Host(id) => format!("h{id}"),
    };
    let text = format!("convoke delivery {reseller} {hook} {subject} {sequence}");
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    // RFC 9562, version 8: the bits are our own.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The value of `x-convoke-signature` for a body that is sent at this Unix second: the HMAC-SHA256 of `t.body` under the hook's secret.
///
/// ```
/// let signature = domain::hook::signature("secret", 1_780_315_200, b"{}");
/// assert!(signature.starts_with("t=1780315200,v1=") && signature.len() == 16 + 64);
/// ```
#[must_use]
pub fn signature(secret: &str, second: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut signed = hmac::Context::with_key(&key);
    signed.update(format!("{second}.").as_bytes());
    signed.update(body);
    format!("t={second},v1={}", hex::encode(signed.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_the_contracts() {
        let waits: Vec<i64> = (1..).map_while(wait).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [5, 30, 120, 600, 3_600, 10_800, 43_200, 86_400]);
        assert_eq!((wait(0), wait(9)), (None, None));
    }

    #[test]
    fn an_event_has_one_word() {
        let happening = Happening::ConferenceEnd {
            occurrence: Occurrence::new(1),
            reason: Reason::Ended,
            duration_ms: 5,
        };
        let name = happening.name();
        assert_eq!(serde_json::json!(name), name.as_str());
    }

    #[test]
    fn ids_differ_by_hook_subject_and_number() {
        let id = |hook: u64, subject, sequence| {
            let (reseller, hook) = (ResellerId::new(1).expect("an id"), HookId::new(hook).expect("an id"));
            delivery_id(reseller, hook, subject, sequence)
        };
        let conference = Subject::Conference(ConferenceId::new(7).expect("an id"));
        let host = Subject::Host(HostId::new(7).expect("an id"));
        let ids = [
            id(1, conference, 1),
            id(2, conference, 1),
            id(1, host, 1),
            id(1, conference, 2),
        ];
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), 4);
        assert_eq!(ids[0], id(1, conference, 1));
        assert_eq!((ids[0].len(), &ids[0][14..15]), (36, "8"));
    }

    #[test]
    fn a_signature_is_what_others_compute() {
        // `printf '5.{}' | openssl dgst -sha256 -hmac k`
        assert_eq!(
            signature("k", 5, b"{}"),
            "t=5,v1=d066254199a6f40d63f96c33c549959d7a371ef849d13d2a85811237089b2d00"
        );
    }
}
