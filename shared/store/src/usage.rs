//! What meetings came to, by company, host and day: counted in the transactions that keep what relays report, so that
//! each meeting, person and stay counts once. Days are those of UTC.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use domain::id::{CompanyId, ConferenceId, HostId, ResellerId};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::Deserialize;

use crate::keys::{self, Key};
use crate::op::Op;
use crate::room::Room;
use crate::table::Query;
use crate::value::from_item;
use crate::{Result, Store};

/// What meetings came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Meetings that somebody was in, each on the day of its first participant; of one that repeats each occurrence.
    pub meetings: u64,
    /// People, each once in each meeting, on the day when they came first.
    pub participants: u64,
    /// How long people stayed, in milliseconds, on the day when they left; who is there still is not in it yet.
    pub stayed: u64,
}

impl Usage {
    /// A meeting that began.
    pub(crate) const MEETING: Self = Self {
        meetings: 1,
        participants: 0,
        stayed: 0,
    };

    /// A stay from one time to another.
    pub(crate) fn stay(joined: Timestamp, left: Timestamp) -> Self {
        Self {
            stayed: u64::try_from(left.duration_since(joined).as_millis()).unwrap_or_default(),
            ..Self::default()
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.meetings += other.meetings;
        self.participants += other.participants;
        self.stayed += other.stayed;
    }
}

/// The day of a time.
fn day(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// What one transaction adds: each item once, however many meetings count in it.
#[derive(Default)]
pub(crate) struct Counted(BTreeMap<(String, String), Usage>);

impl Counted {
    /// Counts for the meeting of a room.
    pub(crate) fn add(&mut self, room: &Room, conference: ConferenceId, at: Timestamp, usage: Usage) {
        if usage == Usage::default() {
            return;
        }
        let keys = [
            keys::usage(room.reseller, room.company, day(at), conference),
            keys::host_usage(room.reseller, room.host, day(at)),
        ];
        for Key { pk, sk } in keys {
            *self.0.entry((pk, sk)).or_default() += usage;
        }
    }

    /// The writes.
    pub(crate) fn ops(self) -> impl Iterator<Item = Op> {
        self.0.into_iter().map(|((pk, sk), usage)| {
            Op::update(
                Key { pk, sk },
                "ADD #meetings :meetings, #participants :participants, #stayed :stayed",
            )
            .value(":meetings", &usage.meetings)
            .value(":participants", &usage.participants)
            .value(":stayed", &usage.stayed)
        })
    }
}

#[derive(Deserialize)]
struct Kept {
    #[serde(rename = "sk")]
    key: String,
    #[serde(flatten)]
    usage: Usage,
}

impl Store {
    /// What a company's meetings came to on each day from one to another, both included; days of nothing are left out. One
    /// read.
    pub async fn usage(
        &self,
        reseller: ResellerId,
        company: CompanyId,
        (from, to): (Date, Date),
    ) -> Result<BTreeMap<Date, Usage>> {
        let any = ConferenceId::new(1).expect("1 is an id");
        self.usage_days(keys::usage(reseller, company, from, any).pk, from, to)
            .await
    }

    /// The same of a host's meetings.
    pub async fn host_usage(
        &self,
        reseller: ResellerId,
        host: HostId,
        (from, to): (Date, Date),
    ) -> Result<BTreeMap<Date, Usage>> {
        self.usage_days(keys::host_usage(reseller, host, from).pk, from, to)
            .await
    }

    async fn usage_days(&self, pk: String, from: Date, to: Date) -> Result<BTreeMap<Date, Usage>> {
        let query = Query {
            index: false,
            pk,
            from: from.to_string(),
            to: format!("{to}#~"),
            newest_first: false,
            limit: None,
        };
        let mut days: BTreeMap<Date, Usage> = BTreeMap::new();
        for item in self.query(&query).await? {
            let Kept { key, usage } = from_item("usage", &item)?;
            let text = key.split('#').next().unwrap_or_default();
            if let Ok(day) = text.parse::<Date>() {
                *days.entry(day).or_default() += usage;
            }
        }
        Ok(days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stay_counts_its_length_and_never_backwards() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let (noon, later) = (at("2026-06-01T12:00:00Z"), at("2026-06-01T12:00:01.5Z"));
        assert_eq!(Usage::stay(noon, later).stayed, 1_500);
        assert_eq!(Usage::stay(later, noon).stayed, 0);
        assert_eq!(day(at("2026-06-01T23:59:59.999Z")).to_string(), "2026-06-01");
    }
}
