//! What is due: jobs, and lines of webhooks. Much of one company or webhook does not hide what is others'.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};

use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::job::Job;
use crate::keys::{self, Key};
use crate::line::Line;
use crate::table::Query;
use crate::value::from_item;
use crate::{Result, Store};

/// Pages of a shard that are read behind its first one, and the entries of each.
const FURTHER: usize = 4;
const OF_A_PAGE: u32 = 500;
/// Whoever has so many before them in the shard gives none to these pages.
const OF_ONE: usize = 32;

impl Store {
    /// Jobs that are due, the earliest due first, those of one instant in no order: the first ones of each shard, and behind these
    /// some of each company that has few before them. Of 2,000 in a shard, and of any number where they are one company's and due at
    /// one instant, none stays unseen for another company's. The index may be behind: who acts on one claims it first.
    pub async fn jobs_due(&self, now: Timestamp, of_each_shard: u32) -> Result<Vec<Job>> {
        let shards = (0..keys::JOB_SHARDS).map(|shard| {
            let of = |job: &Job| (job.reseller, job.company);
            self.first_due("job", keys::jobs_due_by(shard, now), of_each_shard, of)
        });
        let mut found: Vec<(Option<Timestamp>, Job)> = try_join_all(shards).await?.into_iter().flatten().collect();
        // Several who look at once begin with different ones.
        let chance = RandomState::new();
        found.sort_by_cached_key(|(due, job)| (*due, chance.hash_one(&job.id)));
        Ok(found.into_iter().map(|(_, job)| job).collect())
    }

    /// Lines in which something is to be sent, the earliest due of each shard first; of webhooks as of companies' jobs
    /// ([`Store::jobs_due`]). The index may be behind: who acts on one claims it first.
    pub async fn lines_due(&self, now: Timestamp, of_each_shard: u32) -> Result<Vec<Line>> {
        let shards = (0..keys::HOOK_SHARDS).map(|shard| {
            let of = |line: &Line| (line.reseller, line.hook);
            self.first_due("line", keys::lines_due_by(shard, now), of_each_shard, of)
        });
        let found = try_join_all(shards).await?;
        Ok(found.into_iter().flatten().map(|(_, line)| line).collect())
    }

    /// What lies before this place of the index, and when it is due: so many first entries, and behind them some of each owner
    /// that has few of these. An instant's entries lie by owner.
    async fn first_due<T: DeserializeOwned, O: Eq + Hash>(
        &self,
        kind: &'static str,
        Key { pk, sk: to }: Key,
        first: u32,
        owner: impl Fn(&T) -> O,
    ) -> Result<Vec<(Option<Timestamp>, T)>> {
        let mut query = Query {
            index: true,
            pk,
            from: "0".into(),
            to,
            newest_first: false,
            limit: Some(first),
        };
        let (mut found, mut counts, mut start) = (Vec::new(), HashMap::<O, usize>::new(), None);
        for page in 0..=FURTHER {
            let (items, next) = self.query_page(&query, start).await?;
            let mut behind = None;
            for item in &items {
                let entry: T = from_item(kind, item)?;
                let count = counts.entry(owner(&entry)).or_default();
                *count += 1;
                let sk = item.get(keys::INDEX_SK).and_then(|sk| sk.as_s().ok());
                behind = sk.filter(|_| *count > OF_ONE).map(|sk| sk.clone() + keys::BEHIND);
                if page == 0 || *count <= OF_ONE {
                    found.push((sk.and_then(|sk| keys::due_at(sk)), entry));
                }
            }
            if next.is_none() {
                break;
            }
            // Past all else that this owner has due at that instant.
            (query.from, start) = match behind {
                Some(behind) => (behind, None),
                None => (query.from, next),
            };
            query.limit = Some(OF_A_PAGE);
        }
        Ok(found)
    }
}
