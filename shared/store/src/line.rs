//! Lines: how far a webhook has heard of one meeting or account, and when something is to be sent next; and the log of
//! deliveries. One worker holds a line at a time, so what is in it is sent in the order of its numbers.

use domain::conference::later;
use domain::hook::{EventName, Hook, KEPT, Subject, delivery_id};
use domain::id::{CompanyId, HookId, ResellerId};
use domain::time::{millis, millis_option};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::op::{Failure, Op};
use crate::retry::random;
use crate::table::{Outcome, Query, has_run_out};
use crate::value::{Item, from_item};
use crate::{Error, Page, Result, Store};

/// A line that nothing has been in for so long is dropped: longer than anything can be sent again.
const IDLE: SignedDuration = SignedDuration::from_hours(24 * 60);

/// A webhook's line of one meeting or account; or one event of it that is sent apart from the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// The webhook.
    pub hook: HookId,
    /// Which time of its being enabled: a line of a former one is not sent.
    pub era: u32,
    /// The meeting or account.
    pub subject: Subject,
    /// The one event, where it is sent apart.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub only: Option<u64>,
    /// All up to this number is sent, not wanted, or sent apart.
    #[serde(default)]
    pub done: u64,
    /// The last number there is.
    #[serde(default)]
    pub known: u64,
    /// How many events are sent apart, or failed, and have not arrived.
    #[serde(default)]
    pub missed: i64,
    /// How many more that are since the line was read: added when it is saved, since what is sent apart counts it down meanwhile.
    #[serde(skip)]
    pub aside: i64,
    /// How often its first event failed.
    #[serde(default)]
    pub failures: u32,
    /// When it failed first.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Timestamp>,
    /// When it is tried again.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub retry: Option<Timestamp>,
    /// Counts who took it up: only the last one's word counts.
    #[serde(default)]
    pub claims: u64,
}

/// What becomes of a line that is laid down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It goes on being held.
    Held,
    /// It is taken up again at this time.
    Until(Timestamp),
    /// Nothing is in it.
    Idle,
    /// There is no such line any more.
    Gone,
}

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be tried again.
    Waiting,
    /// It has arrived.
    Delivered,
    /// It will not be tried again by itself.
    Failed,
}

/// A delivery as it is kept. It holds nothing of what was sent but numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// What was told.
    pub event: EventName,
    /// The meeting or account.
    pub subject: Subject,
    /// The event's number there.
    pub sequence: u64,
    /// When it happened.
    #[serde(with = "millis")]
    pub happened: Timestamp,
    /// When it was tried first.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// Where it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried last.
    #[serde(with = "millis")]
    pub last: Timestamp,
    /// The status that was answered last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// When it is tried again.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub next: Option<Timestamp>,
    /// The era whose line counts it among what has not arrived.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub missed_in: Option<u32>,
}

impl Delivery {
    /// Until when it is kept.
    #[must_use]
    pub fn kept_until(&self) -> Timestamp {
        later(self.created, KEPT)
    }

    fn put(&self, line: &Line) -> Op {
        Op::put(keys::delivery(line.reseller, line.hook, &self.id), self)
            .indexed(keys::delivery_list(line.reseller, line.hook, self.created, &self.id))
            .expires(self.kept_until())
    }
}

impl Line {
    /// How long a worker holds a line before others may take it up, from its last word on.
    pub const LEASE: SignedDuration = SignedDuration::from_secs(15);

    fn key(&self) -> keys::Key {
        keys::line(self.reseller, self.hook, self.era, self.subject, self.only)
    }

    fn main(&self) -> keys::Key {
        keys::line(self.reseller, self.hook, self.era, self.subject, None)
    }

    fn due(&self, at: Timestamp) -> keys::Key {
        keys::line_due((self.reseller, self.hook), self.subject, at)
    }

    /// The id of the delivery of an event in it.
    #[must_use]
    pub fn delivery_id(&self, sequence: u64) -> String {
        delivery_id(self.reseller, self.hook, self.subject, sequence)
    }

    /// One event of it, to be sent apart at this time.
    #[must_use]
    pub fn apart(&self, sequence: u64, failures: u32, at: Timestamp) -> Self {
        Self {
            only: Some(sequence),
            done: sequence.saturating_sub(1),
            known: sequence,
            missed: 0,
            aside: 0,
            failures,
            first: None,
            retry: Some(at),
            claims: 0,
            ..self.clone()
        }
    }

    /// The write that makes it, or has it taken up at its time, whatever it is at.
    fn put_apart(&self, now: Timestamp) -> Op {
        let due = self.due(self.retry.unwrap_or(now));
        // Above what whoever holds it now has counted: that one's word does not count any more.
        let claims = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let fresh = Self { claims, ..self.clone() };
        Op::put(self.key(), &fresh).indexed(due).expires(later(now, IDLE))
    }

    fn save(&self, rest: Rest, now: Timestamp) -> Op {
        if rest == Rest::Gone {
            return Op::delete(self.key())
                .value(":claims", &self.claims)
                .when("#claims = :claims", Failure::Raced);
        }
        let mut set = "SET #done = :done, #missed = #missed + :aside, #failures = :failures, #ttl = :ttl".to_owned();
        let mut removed: Vec<&str> = Vec::new();
        let mut values = Vec::new();
        for (name, value) in [("first", self.first), ("retry", self.retry)] {
            match value {
                Some(at) => {
                    set.push_str(&format!(", #{name} = :{name}"));
                    values.push((format!(":{name}"), at.as_millisecond()));
                }
                None => removed.push(name),
            }
        }
        let due = match rest {
            Rest::Held => Some(later(now, Self::LEASE)),
            Rest::Until(at) => Some(at),
            Rest::Idle | Rest::Gone => None,
        };
        if due.is_some() {
            set.push_str(", #gs1sk = :due");
        } else {
            removed.extend(["gs1pk", "gs1sk"]);
        }
        if !removed.is_empty() {
            let removed: Vec<String> = removed.iter().map(|name| format!("#{name}")).collect();
            set.push_str(&format!(" REMOVE {}", removed.join(", ")));
        }
        let mut op = Op::update(self.key(), &set)
            .value(":done", &self.done)
            .value(":aside", &self.aside)
            .value(":failures", &self.failures)
            .value(":ttl", &later(now, IDLE).as_second())
            .value(":claims", &self.claims);
        for (name, value) in values {
            op = op.value(&name, &value);
        }
        match due {
            Some(at) => op
                .value(":due", &self.due(at).sk)
                .when("#claims = :claims", Failure::Raced),
            // What came meanwhile is not left lying.
            None => op
                .value(":known", &self.known)
                .when("#claims = :claims AND #known = :known", Failure::Raced),
        }
    }
}

/// The write that tells a webhook's line of events behind a number, up to another; the line begins there where it is new.
pub(crate) fn upsert(hook: &Hook, subject: Subject, (before, last): (u64, u64), now: Timestamp) -> Op {
    let due = keys::line_due((hook.reseller, hook.id), subject, now);
    Op::update(
        keys::line(hook.reseller, hook.id, hook.era, subject, None),
        "SET #reseller = :reseller, #company = :company, #hook = :hook, #era = :era, #subject = :subject, #known = :last, \
         #done = if_not_exists(#done, :before), #missed = if_not_exists(#missed, :zero), \
         #failures = if_not_exists(#failures, :zero), #claims = if_not_exists(#claims, :zero), #ttl = :ttl, \
         #gs1pk = :pk, #gs1sk = if_not_exists(#gs1sk, :now)",
    )
    .value(":reseller", &hook.reseller)
    .value(":company", &hook.company)
    .value(":hook", &hook.id)
    .value(":era", &hook.era)
    .value(":subject", &subject)
    .value(":last", &last)
    .value(":before", &before)
    .value(":zero", &0)
    .value(":ttl", &later(now, IDLE).as_second())
    .value(":pk", &due.pk)
    .value(":now", &due.sk)
}

impl Store {
    /// When the next line is due that is not due now, if that is before this time. The index may be behind.
    pub async fn lines_next(&self, now: Timestamp, before: Timestamp) -> Result<Option<Timestamp>> {
        if before <= now {
            return Ok(None);
        }
        let span = |shard| {
            let (first, last) = (keys::lines_due_by(shard, now), keys::lines_due_by(shard, before));
            (first.pk, first.sk, last.sk)
        };
        let found = self.query_shards(keys::HOOK_SHARDS, 1, span).await?;
        let due = found.iter().filter_map(|item| item.get(keys::INDEX_SK));
        Ok(due.filter_map(|sk| keys::due_at(sk.as_s().ok()?)).min())
    }

    /// Takes a line up. `None`: somebody else holds it, or nothing is in it.
    pub async fn line_claim(&self, line: &Line, now: Timestamp) -> Result<Option<Line>> {
        let op = Op::update(line.key(), "SET #claims = :next, #holder = :holder, #gs1sk = :until")
            .value(":next", &(line.claims + 1))
            .value(":claims", &line.claims)
            .value(":holder", &hex::encode(random::<16>()))
            .value(":until", &line.due(later(now, Line::LEASE)).sk)
            .value(":now", &line.due(now).sk)
            .when(
                "attribute_exists(#pk) AND ((#claims = :claims AND #gs1sk <= :now) OR #holder = :holder)",
                Failure::Raced,
            );
        match self.update(op).await? {
            Outcome::Done(item) => from_item("line", &item).map(Some),
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// Has a line looked at later, if nobody has taken it up.
    pub async fn line_postpone(&self, line: &Line, at: Timestamp) -> Result<()> {
        let op = Op::update(line.key(), "SET #gs1sk = :at")
            .value(":at", &line.due(at).sk)
            .value(":claims", &line.claims)
            .when("#claims = :claims AND attribute_exists(#gs1sk)", Failure::Raced);
        self.update(op).await.map(drop)
    }

    /// Writes a line as it has become, with what became of a delivery, and with what is sent apart from now on. Answers
    /// whether it is the caller's still. One that would rest with something new in it is due at once.
    pub async fn line_save(
        &self,
        line: &Line,
        rest: Rest,
        delivery: Option<&Delivery>,
        apart: Option<&Line>,
        now: Timestamp,
    ) -> Result<bool> {
        let ops = |rest| {
            let mut ops = vec![line.save(rest, now)];
            ops.extend(delivery.map(|delivery| delivery.put(line)));
            ops.extend(apart.map(|apart| apart.put_apart(now)));
            ops
        };
        let mut saved = self.commit(ops(rest)).await;
        if rest == Rest::Idle && matches!(saved, Err(Error::Raced)) {
            saved = self.commit(ops(Rest::Until(now))).await;
        }
        match saved {
            Ok(()) => Ok(rest == Rest::Held),
            Err(Error::Raced) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The same of an event that was sent apart: what it has come to is also the line's, where it arrived at last.
    pub async fn line_save_apart(
        &self,
        line: &Line,
        rest: Rest,
        delivery: &Delivery,
        arrived: bool,
        now: Timestamp,
    ) -> Result<()> {
        let mut ops = vec![line.save(rest, now), delivery.put(line)];
        if arrived {
            ops.push(Op::update(line.main(), "ADD #missed :one").value(":one", &-1));
        }
        match self.commit(ops).await {
            Err(Error::Raced) => Ok(()),
            done => done,
        }
    }

    /// Has a delivery sent again now, apart from all others.
    pub async fn delivery_again(&self, hook: &Hook, delivery: &Delivery, write: &crate::Write<'_>) -> Result<()> {
        let line = Line {
            reseller: hook.reseller,
            company: hook.company,
            hook: hook.id,
            era: hook.era,
            subject: delivery.subject,
            only: None,
            done: 0,
            known: 0,
            missed: 0,
            aside: 0,
            failures: 0,
            first: None,
            retry: None,
            claims: 0,
        };
        let apart = line.apart(delivery.sequence, 0, write.at);
        let waiting = Delivery {
            state: DeliveryState::Waiting,
            next: Some(write.at),
            ..delivery.clone()
        };
        let again = serde_json::json!({"delivery": delivery.id});
        let change = crate::audit::Change::created(format!("webhook/{}", hook.id), &again);
        let mut ops = vec![
            Op::check(keys::hook(hook.reseller, hook.company, hook.id)).when_there(Failure::NotFound("webhook")),
            apart.put_apart(write.at),
            waiting.put(&line),
        ];
        ops.extend(write.ops(Some(hook.reseller), Some(hook.company), change, &delivery.id));
        self.commit(ops).await
    }

    /// A delivery to a webhook, while it is kept.
    pub async fn delivery(
        &self,
        reseller: ResellerId,
        hook: HookId,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Delivery>> {
        let item = self.get(keys::delivery(reseller, hook, id)).await?;
        let item = item.filter(|item| !has_run_out(item, now));
        item.map(|item| from_item("delivery", &item)).transpose()
    }

    /// A page of a webhook's deliveries, the latest first, behind one of them.
    pub async fn deliveries(
        &self,
        (reseller, hook): (ResellerId, HookId),
        after: Option<&Delivery>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page<Delivery>> {
        let first = keys::delivery_list(reseller, hook, Timestamp::UNIX_EPOCH, "");
        let behind = after.map(|after| keys::delivery_list(reseller, hook, after.created, &after.id));
        let mut query = Query {
            index: true,
            pk: first.pk,
            from: "0".into(),
            to: behind.map_or_else(|| "~".into(), |key| key.sk),
            newest_first: true,
            limit: None,
        };
        query.limit = Some(limit + 2);
        let items = self.query(&query).await?;
        let mut found: Vec<Delivery> = Vec::new();
        let kept = |item: &&Item| !has_run_out(item, now);
        for item in items.iter().filter(kept) {
            let delivery: Delivery = from_item("delivery", item)?;
            if after.is_none_or(|after| after.id != delivery.id) {
                found.push(delivery);
            }
        }
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        Ok(Page { items: found, more })
    }
}
