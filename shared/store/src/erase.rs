//! Erasing a host: what stays of it for the sake of numbers and of the audit loses names, addresses and words. Every step
//! may be repeated, and finds nothing to do where it was done.

use std::collections::HashSet;
use std::ops::Bound;

use domain::Role;
use domain::conference::Conference;
use domain::host::Host;
use domain::id::{CompanyId, ConferenceId, HostId, ResellerId};
use domain::relay::{Event, EventKind, OccurrenceState};
use domain::text::Subject;
use domain::time::millis;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::Change;
use crate::conference::put_op;
use crate::events::Numbered;
use crate::host::{forgotten, going_ops};
use crate::job::{Erasure, Job, Work};
use crate::list::Span;
use crate::occurrence::OccurrenceItem;
use crate::op::{Failure, Op};
use crate::presence::Participant;
use crate::reply::uid_gone;
use crate::retry::unraced;
use crate::series::SeriesItem;
use crate::table::{LARGEST_TRANSACTION, Query, beginning_with, key_of};
use crate::value::{Item, from_item};
use crate::{AuditEntry, Error, GoneHost, Page, Result, Scope, Store, Write, keys};

/// What stands where a name or a word stood.
const ERASED: &str = "erased";
/// Items of the audit, and kept answers, seen to at once.
const AT_ONCE: u32 = 50;
/// Words in the audit that say what happened and nothing of anybody.
const KEPT: [&str; 8] = [
    "role",
    "kind",
    "state",
    "reason",
    "entry",
    "action",
    "code_kind",
    "mute_mode",
];

/// What there is of a host: its account, or what is left of it.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRemains {
    id: HostId,
    reseller: ResellerId,
    company: CompanyId,
    role: Role,
    created: Timestamp,
    account: Option<Host>,
    gone: Option<GoneHost>,
}

impl HostRemains {
    /// Its company.
    pub fn company(&self) -> CompanyId {
        self.company
    }

    /// When it was made.
    pub(crate) fn created(&self) -> Timestamp {
        self.created
    }

    /// Its role, or the one it had.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The account, unless it was deleted.
    pub fn account(&self) -> Option<&Host> {
        self.account.as_ref().filter(|host| host.deleting.is_none())
    }

    /// Since when it is being erased.
    pub fn erasing(&self) -> Option<Timestamp> {
        self.gone.and_then(|gone| gone.erasing)
    }

    /// Since when it is erased.
    pub fn erased(&self) -> Option<Timestamp> {
        self.gone.and_then(|gone| gone.erased)
    }
}

/// The place of a meeting in a host's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeetingPlace {
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// Its id.
    pub id: ConferenceId,
}

impl Store {
    /// What there is of a host in the caller's scope, also when it was deleted. One read.
    pub async fn host_remains(&self, scope: &Scope, id: HostId) -> Result<HostRemains> {
        let reseller = scope.reseller;
        let found = self
            .get_many(&[keys::host(reseller, id), keys::host_gone(reseller, id)])
            .await?;
        let account: Option<Host> = found[0].as_ref().map(|item| from_item("host", item)).transpose()?;
        let gone: Option<GoneHost> = found[1].as_ref().map(|item| from_item("host", item)).transpose()?;
        let known = account.as_ref().map(|host| (host.company, host.role, host.created));
        let known = known.or(gone.map(|gone| (gone.company, gone.role, gone.created)));
        let (company, role, created) = known.ok_or(Error::NotFound("host"))?;
        scope.check(company, Some(id))?;
        Ok(HostRemains {
            id,
            reseller,
            company,
            role,
            created,
            account,
            gone,
        })
    }

    /// Begins to erase a host, if nobody has changed it since it was read. An account is deleted with it, as by
    /// [`Store::host_delete`]. The rest is a job, written in the same transaction.
    pub async fn host_erase(&self, remains: &HostRemains, write: &Write<'_>) -> Result<()> {
        let HostRemains {
            id, reseller, company, ..
        } = *remains;
        let work = Work::HostErase {
            host: id,
            pass: 1,
            at: Erasure::Meetings,
            after: None,
        };
        let mut ops = match remains.account() {
            Some(host) => going_ops(host, work, Some(write.at), write.at),
            None => {
                let marked = Op::update(keys::host_gone(reseller, id), "SET #erasing = :now")
                    .value(":now", &write.at.as_millisecond())
                    .when(
                        "attribute_exists(#pk) AND attribute_not_exists(#erasing)",
                        Failure::Raced,
                    );
                vec![marked, Job::new(reseller, company, work, write.at).create()]
            }
        };
        let change = Change::happened(format!("host/{id}"));
        ops.extend(write.ops(Some(reseller), Some(company), change, &id));
        self.commit(ops).await
    }

    /// Ends the erasing of a host: what is left is that its id was given, and that it was erased.
    pub async fn host_erased(&self, reseller: ResellerId, id: HostId, now: Timestamp) -> Result<()> {
        let noted = Op::update(keys::host_gone(reseller, id), "SET #erased = :now")
            .value(":now", &now.as_millisecond())
            .when_there(Failure::NotFound("host"));
        self.commit(vec![forgotten(reseller, id), noted]).await
    }

    /// A page of a host's meetings from a place on, oldest first: those that were cancelled as a whole, or all others.
    pub async fn meetings_of(
        &self,
        (reseller, host): (ResellerId, HostId),
        cancelled: bool,
        from: Bound<MeetingPlace>,
        limit: u32,
    ) -> Result<Page<Conference>> {
        let span = Span {
            pk: match cancelled {
                true => keys::conference_cancelled_pk(reseller, host),
                false => keys::conference_list_pk(reseller, host),
            },
            after: match from {
                Bound::Unbounded => None,
                Bound::Excluded(place) => Some((place.created, place.id.value())),
                // Nothing lies between an id and the one below it.
                Bound::Included(place) => Some((place.created, place.id.value() - 1)),
            },
            newest_first: false,
            limit,
        };
        self.list(span).await?.try_map(|item| from_item("conference", &item))
    }

    /// Takes what people wrote and what they are called out of a meeting that is over: its subject, agenda, PIN and the
    /// people invited, what they answered, the names of who was in it, how their connections did, and the partner's own identities;
    /// calendars' answers find it no more. Times, numbers and reasons stay.
    /// Fails with [`crate::Error::Raced`] while something of it is not over.
    pub async fn conference_erase(&self, reseller: ResellerId, id: ConferenceId, now: Timestamp) -> Result<()> {
        unraced(|| self.try_erase(reseller, id, now)).await?;
        self.replies_forget(reseller, id, &[]).await?;
        let nobody = |item: &Item| -> Result<Option<Op>> {
            let known: Participant = from_item("participant", item)?;
            let name = known.participant.identity();
            let update = Op::update(key_of(item), "SET #name = :name REMOVE #contact").value(":name", &name);
            let named = known.name != name || known.contact.is_some();
            Ok(named.then(|| update.when_there(Failure::Raced)))
        };
        self.rewrite(keys::participants(reseller, id), nobody).await?;
        let gone = |item: &Item| -> Result<Option<Op>> { Ok(Some(Op::delete(key_of(item)))) };
        self.rewrite(keys::participant_identities(reseller, id), gone).await?;
        self.rewrite(keys::qualities(reseller, id), gone).await?;
        let event = |item: &Item| -> Result<Option<Op>> {
            let Numbered { event, .. } = from_item("event", item)?;
            let mut after = event.clone();
            nameless(&mut after);
            let update = Op::update(key_of(item), "SET #event = :event").value(":event", &after);
            Ok((after != event).then(|| update.when_there(Failure::Raced)))
        };
        self.rewrite(keys::events(reseller, id), event).await
    }

    async fn try_erase(&self, reseller: ResellerId, id: ConferenceId, now: Timestamp) -> Result<()> {
        let key = keys::conference(reseller, id);
        let items = self.query(&beginning_with(key.pk, &key.sk)).await?;
        let Some((first, rest)) = items.split_first() else {
            return Ok(());
        };
        let former: Conference = from_item("conference", first)?;
        let occurrences: Vec<OccurrenceItem> = rest
            .iter()
            .map(|item| from_item("occurrence", item))
            .collect::<Result<_>>()?;
        if occurrences.iter().any(|item| item.state != OccurrenceState::Ended) {
            return Err(Error::Raced);
        }
        let after = Conference {
            subject: Subject::lossy(ERASED).expect("a word is a subject"),
            agenda: None,
            invited: Vec::new(),
            security_pin: None,
            ..former.clone()
        };
        let mut ops = vec![uid_gone(&former)];
        if after != former {
            let next = Conference {
                version: former.version + 1,
                ..after
            };
            ops.push(
                put_op(&next)
                    .value(":version", &former.version)
                    .when("#version = :version", Failure::Raced),
            );
            ops.extend(SeriesItem::of(&former, now).map(|series| Op::delete(series.place.key())));
        }
        // What lies on the code names the subject; it opens nothing any more.
        let mut deleted = HashSet::new();
        for item in occurrences.iter().filter(|item| !item.erased) {
            let entry = item.planned_key();
            if deleted.insert(entry.clone()) {
                ops.push(Op::delete(entry));
            }
            ops.push(
                Op::update(keys::occurrence(&item.room), "SET #erased = :yes ADD #version :one")
                    .value(":yes", &true)
                    .value(":one", &1)
                    .when_there(Failure::Raced),
            );
        }
        self.commit_all(ops).await
    }

    /// Does to each item of a range what `change` says, a page at a time.
    pub(crate) async fn rewrite(&self, list: keys::Key, change: impl Fn(&Item) -> Result<Option<Op>>) -> Result<()> {
        let query = beginning_with(list.pk, &list.sk);
        let mut start = None;
        loop {
            let (page, next) = self.query_page(&query, start).await?;
            let ops: Vec<Option<Op>> = page.iter().map(&change).collect::<Result<_>>()?;
            self.commit_all(ops.into_iter().flatten().collect()).await?;
            if next.is_none() {
                return Ok(());
            }
            start = next;
        }
    }

    /// Several writes that need not happen all at once.
    pub(crate) async fn commit_all(&self, ops: Vec<Op>) -> Result<()> {
        let mut left = ops.into_iter().peekable();
        while left.peek().is_some() {
            self.commit(left.by_ref().take(LARGEST_TRANSACTION).collect()).await?;
        }
        Ok(())
    }

    /// Takes what it says of an account out of the audit: who did what, when and to which object stays, and so do numbers;
    /// texts go. Answers whether there may be more.
    pub async fn audit_erase(&self, reseller: ResellerId, host: HostId) -> Result<bool> {
        let found = self.of_host(keys::audit_about_list(reseller, host)).await?;
        let mut ops = Vec::with_capacity(found.len());
        for item in &found {
            let mut entry: AuditEntry = from_item("audit", item)?;
            for value in [&mut entry.before, &mut entry.after].into_iter().flatten() {
                blank(value);
            }
            ops.push(Op::put(key_of(item), &entry).when_there(Failure::Raced));
        }
        self.commit(ops).await?;
        Ok(found.len() == AT_ONCE as usize)
    }

    /// Takes answers away that are kept for repeats and tell about an account. Answers whether there may be more.
    pub async fn answers_forget(&self, reseller: ResellerId, host: HostId) -> Result<bool> {
        let found = self.of_host(keys::idempotency_about(reseller, host, "").pk).await?;
        // Refused where the record has run out meanwhile.
        let forgotten = found.iter().map(|item| {
            let op = Op::update(key_of(item), "REMOVE #answer, #gs1pk, #gs1sk");
            self.update(op.when_there(Failure::Raced))
        });
        try_join_all(forgotten).await?;
        Ok(found.len() == AT_ONCE as usize)
    }

    async fn of_host(&self, pk: String) -> Result<Vec<Item>> {
        let query = Query {
            index: true,
            pk,
            from: "0".into(),
            to: "~".into(),
            newest_first: false,
            limit: Some(AT_ONCE),
        };
        self.query(&query).await
    }
}

/// The same event with the participant's number in place of the name and the contact.
pub(crate) fn nameless(event: &mut Event) {
    if let EventKind::ParticipantJoin {
        participant,
        name,
        contact,
        ..
    } = &mut event.kind
    {
        *name = participant.identity();
        *contact = None;
    }
}

/// Takes texts out of what the audit shows of an object.
fn blank(value: &mut Value) {
    match value {
        Value::String(text) => ERASED.clone_into(text),
        Value::Array(values) => values.iter_mut().for_each(blank),
        Value::Object(fields) => {
            let told = fields.iter_mut().filter(|(name, _)| !KEPT.contains(&name.as_str()));
            told.for_each(|(_, value)| blank(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_what_happened_stay_and_texts_go() {
        let mut value = json!({"name": "Ann", "role": "HOST", "created": 5, "phones": ["+1"], "deep": {"state": "ended", "of": "Ann"}});
        blank(&mut value);
        assert_eq!(
            value,
            json!({"name": "erased", "role": "HOST", "created": 5, "phones": ["erased"], "deep": {"state": "ended", "of": "erased"}})
        );
    }
}
