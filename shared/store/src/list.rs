//! Lists: objects of one index partition in the order of their creation, a page at a time.

use std::collections::HashMap;
use std::sync::Mutex;

use domain::conference::later;
use domain::id::{HostId, ResellerId};
use domain::time::millis;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::op::Op;
use crate::table::Query;
use crate::value::Item;
use crate::{Result, Store};

/// A query answers at most 1 MB at once; a page of a list is at most so many of these.
const MOST_QUERIES: usize = 5;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging<Id> {
    /// Only what lies behind this one.
    pub after: Option<Id>,
    /// At most so many.
    pub limit: u32,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it; fewer than the limit where they are large.
    pub items: Vec<T>,
    /// Whether there is more behind it.
    pub more: bool,
}

impl<T> Page<T> {
    /// The same page of something made from each.
    pub(crate) fn try_map<U>(self, make: impl FnMut(T) -> Result<U>) -> Result<Page<U>> {
        Ok(Page {
            items: self.items.into_iter().map(make).collect::<Result<_>>()?,
            more: self.more,
        })
    }
}

/// What is left for a day of something that was in a list: a page may still come behind it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Left {
    #[serde(with = "millis")]
    pub(crate) created: Timestamp,
    /// Whose it was, where it was a host's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) host: Option<HostId>,
}

impl Left {
    const KEPT: SignedDuration = SignedDuration::from_hours(24);

    /// Leaves it in the place of what goes.
    pub(crate) fn op(&self, key: keys::Key, now: Timestamp) -> Op {
        Op::put(key, self).expires(later(now, Self::KEPT))
    }
}

/// A part of an index partition whose sort keys are those of [`keys::created`].
pub(crate) struct Span {
    pub(crate) pk: String,
    /// Behind the object of this creation and id.
    pub(crate) after: Option<(Timestamp, u64)>,
    pub(crate) newest_first: bool,
    pub(crate) limit: u32,
}

/// Where pages of lists ended lately: when the last object on them was made, which never changes. Whoever asks for what
/// comes behind it need not read it again.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<HashMap<(ResellerId, HostId), Timestamp>>);

impl Ends {
    /// How many are remembered; beyond it all are forgotten.
    const MOST: usize = 10_000;

    pub(crate) fn keep(&self, of: (ResellerId, HostId), created: Timestamp) {
        if let Ok(mut known) = self.0.lock() {
            if known.len() >= Self::MOST {
                known.clear();
            }
            known.insert(of, created);
        }
    }

    pub(crate) fn known(&self, of: (ResellerId, HostId)) -> Option<Timestamp> {
        self.0.lock().ok()?.get(&of).copied()
    }
}

impl Store {
    /// A page of a list. The index may be behind what was written in the last moments.
    pub(crate) async fn list(&self, span: Span) -> Result<Page<Item>> {
        let Span {
            pk,
            after,
            newest_first,
            limit,
        } = span;
        let (from, to) = match (after, newest_first) {
            (None, _) => ("0".to_owned(), "~".to_owned()),
            (Some((at, id)), false) => (keys::created(at, id + 1), "~".to_owned()),
            (Some((at, id)), true) => ("0".to_owned(), keys::created(at, id.saturating_sub(1))),
        };
        let mut query = Query {
            index: true,
            pk,
            from,
            to,
            newest_first,
            limit: None,
        };
        let wanted = limit as usize;
        let (mut items, mut start) = (Vec::new(), None);
        for _ in 0..MOST_QUERIES {
            query.limit = u32::try_from(wanted + 1 - items.len()).ok();
            let (page, next) = self.query_page(&query, start).await?;
            items.extend(page);
            if items.len() > wanted {
                items.truncate(wanted);
                return Ok(Page { items, more: true });
            }
            if next.is_none() {
                return Ok(Page { items, more: false });
            }
            start = next;
        }
        Ok(Page { items, more: true })
    }
}
