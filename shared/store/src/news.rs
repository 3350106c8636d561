//! What webhooks hear of: written unnumbered in the transaction of its cause, numbered per meeting or account afterwards. In
//! the transaction that numbers it, each webhook that wants it has something new in its line, so that nothing is told twice
//! or never, whoever dies.

use domain::conference::later;
use domain::hook::{Happening, Hook, KEPT, Subject};
use domain::id::{CompanyId, ConferenceId, HostId, ResellerId, RoomName};
use domain::time::millis;
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
/// What is numbered stays so much longer than what can be sent again.
const LONGER: SignedDuration = SignedDuration::from_hours(24 * 5);

/// Something that happened and has no number yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company, of an account; a meeting says it itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub company: Option<CompanyId>,
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
        (reseller, conference): (ResellerId, ConferenceId),
        happening: Happening,
        at: Timestamp,
    ) -> Op {
        let news = Self {
            reseller,
            company: None,
            subject: Subject::Conference(conference),
            at,
            happening,
        };
        news.put(at, 0)
    }

    /// The same of what happened in a room, as the so-many-th of a transaction at this time.
    pub(crate) fn of_room(
        room: &RoomName,
        happening: Happening,
        at: Timestamp,
        (now, index): (Timestamp, usize),
    ) -> Op {
        let news = Self {
            reseller: room.reseller,
            company: None,
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
            company: Some(company),
            subject: Subject::Host(host),
            at,
            happening,
        };
        news.put(at, 0)
    }

    fn put(&self, now: Timestamp, index: usize) -> Op {
        let place = (self.happening.rank(), index);
        let unique = hex::encode(random::<8>());
        Op::put(keys::news(self.reseller, self.subject, now, place, &unique), self)
            .indexed(keys::news_list(self.subject, now))
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
    /// To which meetings and accounts something happened that has no number yet, the oldest first. The index may be behind.
    pub async fn news_waiting(&self, of_each_shard: u32) -> Result<Vec<(ResellerId, Subject)>> {
        let all = |shard| {
            (
                keys::news_shard(shard, Timestamp::UNIX_EPOCH).pk,
                "0".into(),
                "~".into(),
            )
        };
        let found = self.query_shards(keys::HOOK_SHARDS, of_each_shard, all).await?;
        let mut news: Vec<News> = Vec::new();
        for item in &found {
            news.push(from_item("news", item)?);
        }
        news.sort_by_key(|news| news.at);
        let mut subjects = Vec::new();
        for news in news {
            let subject = (news.reseller, news.subject);
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        Ok(subjects)
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
        match (news.subject, news.company) {
            (Subject::Host(host), Some(company)) => Ok(Some(Held { company, host })),
            (Subject::Host(_), None) => Ok(None),
            (Subject::Conference(id), _) => {
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
