//! What people answered to being invited: beside the conference, an item for each who did. It holds no address.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::code::Email;
use domain::conference::{Conference, Invited, Replies, Reply};
use domain::id::{ConferenceId, ContactId, Occurrence, ResellerId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::op::{Failure, Op};
use crate::table::key_of;
use crate::value::{Item, from_item};
use crate::{Error, Job, Result, Store, Work, keys};

/// Whose UID it is.
#[derive(Serialize, Deserialize)]
struct Uid {
    conference: ConferenceId,
}

/// An item of answers.
#[derive(Serialize, Deserialize)]
struct Kept {
    contact: ContactId,
    replies: Replies,
    version: u64,
}

impl Store {
    /// The conference that calendars know by this UID, unless it was cancelled as a whole. Two reads.
    pub async fn conference_by_uid(&self, reseller: ResellerId, uid: &str) -> Result<Option<Conference>> {
        let Some(item) = self.get(keys::conference_uid(reseller, uid)).await? else {
            return Ok(None);
        };
        let Uid { conference } = from_item("UID", &item)?;
        let Some(item) = self.get(keys::conference(reseller, conference)).await? else {
            return Ok(None);
        };
        let conference: Conference = from_item("conference", &item)?;
        Ok(Some(conference).filter(|conference| !conference.deleted))
    }

    /// What these people have answered; nothing is there of those who have not. One read for a hundred.
    pub async fn replies(
        &self,
        conference: &Conference,
        contacts: impl IntoIterator<Item = ContactId>,
    ) -> Result<BTreeMap<ContactId, Replies>> {
        let wanted = contacts.into_iter();
        let wanted: Vec<_> = wanted
            .map(|contact| keys::replies(conference.reseller, conference.id, contact))
            .collect();
        let mut all = BTreeMap::new();
        for item in self.get_many(&wanted).await?.iter().flatten() {
            let kept: Kept = from_item("replies", item)?;
            all.insert(kept.contact, kept.replies);
        }
        Ok(all)
    }

    /// Keeps what somebody invited says, about the conference as a whole or about single occurrences. Answers whether any of it
    /// is a change. Fails with [`Error::Raced`] where the conference, or what was answered, has changed since the conference was read.
    pub async fn replies_take(
        &self,
        conference: &Conference,
        contact: ContactId,
        said: &[(Option<Occurrence>, Reply)],
    ) -> Result<bool> {
        if !conference.invited.iter().any(|person| person.contact == contact) {
            return Err(Error::NotFound("participant"));
        }
        let key = keys::replies(conference.reseller, conference.id, contact);
        let found = self.get(key.clone()).await?;
        let before: Option<Kept> = found.map(|item| from_item("replies", &item)).transpose()?;
        let (mut replies, version) = match before {
            Some(kept) => (kept.replies, Some(kept.version)),
            None => (Replies::default(), None),
        };
        let mut changed = false;
        for (of, given) in said {
            changed |= replies.take(conference, *of, *given);
        }
        if !changed {
            return Ok(false);
        }
        let kept = Kept {
            contact,
            replies,
            version: version.map_or(0, |version| version + 1),
        };
        let put = Op::put(key, &kept);
        let put = match version {
            Some(version) => put
                .value(":version", &version)
                .when("#version = :version", Failure::Raced),
            None => put.when_new(Failure::Raced),
        };
        // Who is invited, and to what, is as it was when it was read.
        let same = Op::check(keys::conference(conference.reseller, conference.id))
            .value(":version", &conference.version)
            .when("#version = :version", Failure::Raced);
        self.commit(vec![put, same]).await?;
        Ok(true)
    }

    /// Takes away what people answered who are not invited any more, and what these did who `moved`; all of it where the conference was cancelled as a whole
    /// or is not there. Harmless when repeated.
    pub async fn replies_forget(&self, reseller: ResellerId, id: ConferenceId, moved: &[ContactId]) -> Result<()> {
        let item = self.get(keys::conference(reseller, id)).await?;
        let conference: Option<Conference> = item.map(|item| from_item("conference", &item)).transpose()?;
        let invited: HashSet<ContactId> = conference
            .filter(|conference| !conference.deleted)
            .map(|conference| conference.invited.iter().map(|person| person.contact).collect())
            .unwrap_or_default();
        let gone = |item: &Item| -> Result<Option<Op>> {
            let kept: Kept = from_item("replies", item)?;
            let stays = invited.contains(&kept.contact) && !moved.contains(&kept.contact);
            Ok((!stays).then(|| Op::delete(key_of(item))))
        };
        self.rewrite(keys::replies_list(reseller, id), gone).await
    }
}

/// The write that makes a conference known by its UID.
pub(crate) fn uid_op(conference: &Conference) -> Op {
    let uid = Uid {
        conference: conference.id,
    };
    Op::put(keys::conference_uid(conference.reseller, &conference.ics_uid), &uid).when_new(Failure::Raced)
}

/// The write after which nobody finds it by that any more.
pub(crate) fn uid_gone(conference: &Conference) -> Op {
    Op::delete(keys::conference_uid(conference.reseller, &conference.ics_uid))
}

/// The job that forgets what people answered, where somebody was invited who is not any more, or not at that address: whoever
/// answered there may have been another.
pub(crate) fn forgets(before: &Conference, after: &Conference, now: Timestamp) -> Option<Op> {
    let stays: HashMap<ContactId, &Email> = after
        .invited
        .iter()
        .map(|person| (person.contact, &person.email))
        .collect();
    let gone = before.invited.iter().any(|person| !stays.contains_key(&person.contact));
    let moved = |person: &&Invited| {
        let now = stays.get(&person.contact);
        now.is_some_and(|email| email.folded() != person.email.folded())
    };
    let moved: Vec<ContactId> = before
        .invited
        .iter()
        .filter(moved)
        .map(|person| person.contact)
        .collect();
    let forgets = gone || !moved.is_empty();
    let work = Work::RepliesForget {
        conference: after.id,
        moved,
    };
    forgets.then(|| Job::new(after.reseller, after.company, work, now).create())
}
