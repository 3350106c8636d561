//! Relays: their keys, registered by an operator, and their reports that they live.

use domain::Reason;
use domain::id::RelayId;
use domain::jws::Jwk;
use domain::relay::{EndedRoom, Heartbeat, HeartbeatAnswer, OccurrenceState, Register};
use domain::time::{millis, millis_option};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audit::Change;
use crate::membership::Membership;
use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::table::{Outcome, Query};
use crate::value::from_item;
use crate::{Error, Result, Store, Write, keys};

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
    /// Whether it opens no more rooms, by its last report.
    #[serde(default)]
    pub draining: bool,
    /// When its key was registered.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

impl Relay {
    /// How long after its last report a relay counts as gone.
    pub const SILENCE: SignedDuration = SignedDuration::from_secs(15);

    /// Whether it has reported lately.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.last_seen
            .is_some_and(|seen| now.duration_since(seen) < Self::SILENCE)
    }
}

impl Store {
    /// Registers a relay's key (operator). Another key for a known name replaces the former.
    pub async fn relay_add(&self, id: &RelayId, key: &Jwk, write: &Write<'_>) -> Result<()> {
        let op = Op::update(
            keys::relay(id),
            "SET #id = :id, #key = :key, #created = if_not_exists(#created, :now), #gs1pk = :pk, #gs1sk = :sk",
        );
        let list = keys::relay_list(id);
        let op = op
            .value(":id", id)
            .value(":key", key)
            .value(":now", &write.at.as_millisecond())
            .value(":pk", &list.pk)
            .value(":sk", &list.sk);
        let change = Change::created(format!("relay/{id}"), key);
        let mut ops = vec![op];
        ops.extend(write.ops(None, None, change, id));
        self.commit(ops).await
    }

    /// A relay, if its key is registered.
    pub async fn relay(&self, id: &RelayId) -> Result<Option<Relay>> {
        self.get(keys::relay(id))
            .await?
            .map(|item| from_item("relay", &item))
            .transpose()
    }

    /// A relay has started. Fails with [`crate::Error::StaleEpoch`] for an earlier start than the registered one.
    pub async fn relay_register(&self, register: &Register, now: Timestamp) -> Result<()> {
        let op = Op::update(
            keys::relay(&register.relay),
            "SET #region = :region, #url = :url, #version = :version, #capacity = :capacity, #epoch = :epoch, \
             #last_seen = :now, #participants = :none, #load_permille = :none, #draining = :no",
        )
        .value(":region", &register.region)
        .value(":url", &register.url)
        .value(":version", &register.version)
        .value(":capacity", &register.capacity)
        .value(":epoch", &register.epoch)
        .value(":now", &now.as_millisecond())
        .value(":none", &0)
        .value(":no", &false)
        .when(
            "attribute_exists(#pk) AND (attribute_not_exists(#epoch) OR #epoch <= :epoch)",
            Failure::Raced,
        );
        match self.update(op).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(item) if item.is_empty() => Err(Error::NotFound("relay")),
            Outcome::Refused(_) => Err(Error::StaleEpoch),
        }
    }

    /// A relay lives. Answers which of its rooms have ended, and whether this start of it is registered.
    pub async fn relay_heartbeat(&self, heartbeat: &Heartbeat, now: Timestamp) -> Result<HeartbeatAnswer> {
        let load = (heartbeat.load.clamp(0.0, 1.0) * 1_000.0).round();
        let op = Op::update(
            keys::relay(&heartbeat.relay),
            "SET #last_seen = :now, #participants = :participants, #load_permille = :load, #draining = :draining",
        )
        .value(":now", &now.as_millisecond())
        .value(":participants", &heartbeat.participants)
        .value(":load", &format!("{load}").parse::<u32>().unwrap_or(1_000))
        .value(":draining", &heartbeat.draining)
        .value(":epoch", &heartbeat.epoch)
        .when("#epoch = :epoch", Failure::Raced);
        let relay = &heartbeat.relay;
        let rooms = heartbeat.rooms.iter();
        let mut wanted: Vec<_> = rooms.clone().map(|held| keys::occurrence(&held.room)).collect();
        wanted.extend(rooms.map(|held| keys::membership(relay, &held.room)));
        let (seen, found) = tokio::join!(self.update(op), self.get_many(&wanted));
        let (known, found) = (matches!(seen?, Outcome::Done(_)), found?);
        let (occurrences, members) = found.split_at(heartbeat.rooms.len());
        let mut ended = Vec::new();
        for ((held, item), member) in heartbeat.rooms.iter().zip(occurrences).zip(members) {
            let over = match item {
                None => Some(Reason::Expired),
                Some(item) => {
                    let occurrence: OccurrenceItem = from_item("occurrence", item)?;
                    let over = occurrence.state == OccurrenceState::Ended;
                    over.then(|| occurrence.ended_reason.unwrap_or(Reason::Ended))
                }
            };
            let member: Option<Membership> = match member {
                Some(member) => Some(from_item("membership", member)?),
                None => None,
            };
            let astray = member.filter(|member| member.swept || (!member.left && member.epoch < heartbeat.epoch));
            let reason = match (over, astray) {
                (None, Some(member)) if known => self.take_back((relay, heartbeat.epoch), &member, now).await?,
                (over, _) => over,
            };
            ended.extend(reason.map(|reason| EndedRoom {
                room: held.room,
                reason,
            }));
        }
        Ok(HeartbeatAnswer { ended, known })
    }

    /// The relays that live, those of the region first, the least loaded first. One read.
    pub async fn relays_alive(&self, region: Option<&str>, now: Timestamp) -> Result<Vec<Relay>> {
        let mut relays = self.relays_all().await?;
        relays.retain(|relay| relay.is_alive(now));
        relays.sort_by_key(|relay| {
            (
                Some(relay.region.as_str()) != region,
                relay.load_permille,
                relay.participants,
            )
        });
        Ok(relays)
    }

    pub(crate) async fn relays_all(&self) -> Result<Vec<Relay>> {
        let pk = keys::relay_list_pk();
        let query = Query {
            index: true,
            pk,
            from: "-".into(),
            to: "~".into(),
            newest_first: false,
            limit: None,
        };
        self.query(&query)
            .await?
            .iter()
            .map(|item| from_item("relay", item))
            .collect()
    }
}
