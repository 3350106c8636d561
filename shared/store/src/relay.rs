//! Relays: their keys, registered by an operator, and their reports that they live.

use domain::id::RelayId;
use domain::jws::Jwk;
use domain::relay::{Heartbeat, HeartbeatAnswer, Register};
use domain::time::{millis, millis_option};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Result, Store, Write};

/// A relay as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relay {
    /// Its name.
    pub id: RelayId,
    /// The key that it signs its reports with.
    pub key: Jwk,
    /// Where it stands.
    #[serde(default)]
    pub region: String,
    /// The base of its public addresses.
    #[serde(default)]
    pub url: String,
    /// Its program's version.
    #[serde(default)]
    pub version: String,
    /// Most participants that it takes.
    #[serde(default)]
    pub capacity: u32,
    /// Its registered start; 0 before the first.
    #[serde(default)]
    pub epoch: u64,
    /// When it reported last.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub last_seen: Option<Timestamp>,
    /// Participants at its last report.
    #[serde(default)]
    pub participants: u32,
    /// Load at its last report, in thousandths of its capacity.
    #[serde(default)]
    pub load_permille: u32,
    /// When its key was registered.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

impl Relay {
    /// How long after its last report a relay counts as gone.
    pub const SILENCE: SignedDuration = SignedDuration::from_secs(15);

    /// Whether it has reported lately.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.last_seen.is_some_and(|seen| now.duration_since(seen) < Self::SILENCE)
    }
}

impl Store {
    /// Registers a relay's key (operator). Another key for a known name replaces the former.
    pub async fn relay_add(&self, id: &RelayId, key: &Jwk, write: &Write<'_>) -> Result<()> {
        todo!()
    }

    /// A relay, if its key is registered.
    pub async fn relay(&self, id: &RelayId) -> Result<Option<Relay>> {
        todo!()
    }

    /// A relay has started. Fails with [`crate::Error::StaleEpoch`] for an earlier start than the registered one.
    pub async fn relay_register(&self, register: &Register, now: Timestamp) -> Result<()> {
        todo!()
    }

    /// A relay lives. Answers which of its rooms have ended, and whether this start of it is registered.
    pub async fn relay_heartbeat(&self, heartbeat: &Heartbeat, now: Timestamp) -> Result<HeartbeatAnswer> {
        todo!()
    }

    /// The relays that live, those of the region first, the least loaded first. One read.
    pub async fn relays_alive(&self, region: Option<&str>, now: Timestamp) -> Result<Vec<Relay>> {
        todo!()
    }
}
