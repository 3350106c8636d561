//! What webhooks hear of: written unnumbered in the transaction of its cause, numbered per meeting or account afterwards. In
//! the transaction that numbers it, each webhook that wants it has something new in its line, so that nothing is told twice
//! or never, whoever dies.

use std::collections::HashSet;

use domain::conference::later;
use domain::hook::{Happening, Hook, KEPT, Subject};
use domain::id::{CompanyId, ConferenceId, HostId, ResellerId, RoomName};
use domain::time::millis;
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::line::upsert;
use crate::op::{Failure, Op};
use crate::retry::{random, unraced};
use crate::table::{Query, key_of};
use crate::value::{Item, from_item};
use crate::{Error, Result, Store};

/// Numbered in one transaction; each is written and deleted, and each webhook has a line.
const STEP: u32 = 20;
/// Looks at a shard of what waits, behind the first one where that does not show all.
const FURTHER: usize = 4;
/// What is numbered stays so much longer than what can be sent again.
const LONGER: SignedDuration = SignedDuration::from_hours(24 * 5);

/// Something that happened and has no number yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// What it happened to.
    pub subject: Subject,
    /// When.
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// What.
    pub happening: Happening,
}

impl News {
    /// Whether the stream's word of a new item in this partition is of news.
    #[must_use]
    pub fn is_in(partition: &str) -> bool {
        keys::is_news(partition)
    }

    /// The write of what happened to a meeting, for its cause's transaction.
    pub(crate) fn of_conference(
        (reseller, company, conference): (ResellerId, CompanyId, ConferenceId),
        happening: Happening,
        at: Timestamp,
    ) -> Op {
        let news = Self {
            reseller,
            company,
            subject: Subject::Conference(conference),
            at,
            happening,
        };
        news.put(at, 0)
    }

    /// The same of what happened in a company's room, as the so-many-th of a transaction at this time.
    pub(crate) fn of_room(
        (room, company): (&RoomName, CompanyId),
        happening: Happening,
        at: Timestamp,
        (now, index): (Timestamp, usize),
    ) -> Op {
        let news = Self {
            reseller: room.reseller,
            company,
            subject: Subject::Conference(room.conference),
            at,
            happening,
        };
        news.put(now, index)
    }

    /// The same of what happened to an account.
    pub(crate) fn of_host(
        (reseller, company, host): (ResellerId, CompanyId, HostId),
        happening: Happening,
        at: Timestamp,
    ) -> Op {
        let news = Self {
            reseller,
            company,
            subject: Subject::Host(host),
            at,
            happening,
        };
        news.put(at, 0)
    }

    fn put(&self, now: Timestamp, index: usize) -> Op {
        let place = (self.happening.rank(), index);
        let unique = hex::encode(random::<8>());
        Op::put(keys::news(self.reseller, self.subject, now, place, &unique), self).indexed(keys::news_list(
            self.subject,
            (self.reseller, self.company),
            now,
        ))
    }
}

/// Something that happened, with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its number, from 1 for each meeting and account.
    pub sequence: u64,
    /// When it happened.
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// What.
    pub happening: Happening,
    /// Whose company.
    pub company: CompanyId,
    /// The account, or the meeting's.
    pub host: HostId,
}

/// The last number of a subject.
#[derive(Default, Serialize, Deserialize)]
struct Sequence {
    last: u64,
}

/// What of a meeting says whose it is.
#[derive(Deserialize)]
struct Held {
    company: CompanyId,
    host: HostId,
}

impl Store {
    /// What has no number yet, once for each meeting and account, of each company the oldest first: so many of each shard and, where
    /// there are more, as many of a few other companies, each time of others. The index may be behind.
    pub async fn news_waiting(&self, of_each_shard: u32) -> Result<Vec<News>> {
        let shards = (0..keys::HOOK_SHARDS).map(|shard| self.news_of_shard(shard, of_each_shard));
        let mut first: Vec<News> = try_join_all(shards).await?.into_iter().flatten().collect();
        let mut known = HashSet::new();
        first.retain(|news| known.insert((news.reseller, news.subject)));
        Ok(first)
    }

    async fn news_of_shard(&self, shard: u64, limit: u32) -> Result<Vec<News>> {
        let mut query = Query {
            index: true,
            pk: keys::news_shard(shard),
            from: "0".into(),
            to: keys::BEHIND.into(),
            newest_first: false,
            limit: Some(limit),
        };
        let (mut found, mut wrapped) = (Vec::<News>::new(), false);
        for page in 0..=FURTHER {
            let items = self.query(&query).await?;
            for item in &items {
                found.push(from_item("news", item)?);
            }
            let last = found.last().filter(|_| items.len() >= limit as usize);
            query.from = match last {
                Some(_) if page == 0 => keys::news_somewhere(random()),
                Some(last) => keys::news_owner(last.reseller, last.company) + keys::BEHIND,
                None if page == 0 || wrapped => break,
                None => {
                    wrapped = true;
                    "0".into()
                }
            };
        }
        Ok(found)
    }

    /// Numbers what happened to a meeting or an account, and puts it into the lines of the webhooks that want it. Harmless
    /// when repeated, and in several processes at once.
    pub async fn news_tell(&self, reseller: ResellerId, subject: Subject, now: Timestamp) -> Result<()> {
        while unraced(|| self.try_news_tell(reseller, subject, now)).await? {}
        Ok(())
    }

    /// The next step of it; whether there may be more.
    async fn try_news_tell(&self, reseller: ResellerId, subject: Subject, now: Timestamp) -> Result<bool> {
        let items = self
            .query(&Query {
                index: false,
                pk: keys::news_of(reseller, subject),
                from: "0".into(),
                to: "~".into(),
                newest_first: false,
                limit: Some(STEP),
            })
            .await?;
        let news: Vec<News> = items
            .iter()
            .map(|item| from_item("news", item))
            .collect::<Result<_>>()?;
        let Some(first) = news.first() else {
            return Ok(false);
        };
        let more = items.len() >= STEP as usize;
        let deletions = items
            .iter()
            .map(|item| Op::delete(key_of(item)).when_there(Failure::Raced));
        let mut ops: Vec<Op> = deletions.collect();
        let hooks = match self.held(first).await? {
            Some(held) => Some((self.hooks(reseller, held.company).await?, held)),
            None => None,
        };
        if let Some((hooks, held)) = hooks.filter(|(hooks, _)| !hooks.is_empty()) {
            let counter = keys::told_counter(reseller, subject);
            let before = self.get(counter).await?;
            ops.extend(numbered(&news, &hooks, &held, before.as_ref(), now)?);
        }
        match self.commit(ops).await {
            Ok(()) => Ok(more),
            Err(error) => Err(error),
        }
    }

    /// Whose a meeting or an account is.
    async fn held(&self, news: &News) -> Result<Option<Held>> {
        let company = news.company;
        match news.subject {
            Subject::Host(host) => Ok(Some(Held { company, host })),
            Subject::Conference(id) => {
                let item = self.get(keys::conference(news.reseller, id)).await?;
                item.map(|item| from_item("conference", &item)).transpose()
            }
        }
    }

    /// What happened to a meeting or an account behind this number, the first ones.
    pub async fn told_events(
        &self,
        reseller: ResellerId,
        subject: Subject,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Told>> {
        let first = keys::told(reseller, subject, after.saturating_add(1));
        let items = self
            .query(&Query {
                index: false,
                pk: first.pk,
                from: first.sk,
                to: keys::told_end(),
                newest_first: false,
                limit: Some(limit),
            })
            .await?;
        items.iter().map(|item| from_item("event", item)).collect()
    }
}

/// The writes that number news and tell each webhook's line of them.
fn numbered(news: &[News], hooks: &[Hook], held: &Held, before: Option<&Item>, now: Timestamp) -> Result<Vec<Op>> {
    let Some(News { reseller, subject, .. }) = news.first() else {
        return Ok(Vec::new());
    };
    let (reseller, subject) = (*reseller, *subject);
    let before: Sequence = match before {
        Some(item) => from_item("sequence", item)?,
        None => Sequence::default(),
    };
    let last = before.last + news.len() as u64;
    let counted = Op::put(keys::told_counter(reseller, subject), &Sequence { last });
    let mut ops = vec![match before.last {
        0 => counted.when_new(Failure::Raced),
        known => counted.value(":last", &known).when("#last = :last", Failure::Raced),
    }];
    for (sequence, news) in (before.last + 1..).zip(news) {
        let told = Told {
            sequence,
            at: news.at,
            happening: news.happening.clone(),
            company: held.company,
            host: held.host,
        };
        let put = Op::put(keys::told(reseller, subject, sequence), &told);
        ops.push(put.expires(later(later(now, KEPT), LONGER)).when_new(Failure::Raced));
    }
    let wanted = |hook: &&Hook| news.iter().any(|news| hook.wants(news.happening.name()));
    for hook in hooks.iter().filter(wanted) {
        ops.push(upsert(hook, subject, (before.last, last), now));
    }
    match ops.len() > crate::table::LARGEST_TRANSACTION {
        true => Err(Error::TooLarge("items")),
        false => Ok(ops),
    }
}
