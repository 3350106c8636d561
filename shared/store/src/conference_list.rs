//! A host's conferences, newest first.

use std::collections::BTreeSet;

use domain::conference::Conference;
use domain::id::{ConferenceId, HostId, ResellerId, RoomName};
use serde::Deserialize;

use crate::table::{Query, beginning_with};
use crate::value::{Item, from_item};
use crate::{ConferenceState, Result, Store, keys};

/// Pages of the index, of about 1 MB each, that are read for one answer: a search that finds little goes on with the next
/// request.
const MOST_PAGES: usize = 5;

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStart(keys::Key);

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ConferencePage {
    /// The conferences.
    pub conferences: Vec<ConferenceState>,
    /// The last one that was looked at, where more may follow.
    pub next: Option<ConferenceId>,
}

#[derive(Deserialize)]
struct Mark {
    room: RoomName,
}

impl Store {
    /// The place in a host's list right after this conference; `None` when it is not one of the host's. One read.
    pub async fn conference_list_after(
        &self,
        reseller: ResellerId,
        host: HostId,
        after: ConferenceId,
    ) -> Result<Option<ListStart>> {
        let Some(item) = self.get(keys::conference(reseller, after)).await? else {
            return Ok(None);
        };
        let conference: Conference = from_item("conference", &item)?;
        let place = keys::conference_list(reseller, host, conference.created, after);
        Ok((conference.host == host).then_some(ListStart(place)))
    }

    /// A host's active meetings. One read.
    pub async fn conferences_active(&self, reseller: ResellerId, host: HostId) -> Result<BTreeSet<RoomName>> {
        let list = keys::active_list(reseller, host);
        let items = self.query(&beginning_with(list.pk, &list.sk)).await?;
        let room = |item: &Item| from_item("mark of an active meeting", item).map(|Mark { room }| room);
        items.iter().map(room).collect()
    }

    /// A host's conferences, newest first, from the start or from a place on: those that are wanted, at most so many. One read
    /// for each megabyte, at most five.
    pub async fn conferences(
        &self,
        (reseller, host): (ResellerId, HostId),
        after: Option<&ListStart>,
        active: &BTreeSet<RoomName>,
        limit: usize,
        wanted: impl Fn(&ConferenceState) -> bool,
    ) -> Result<ConferencePage> {
        let mut query = Query {
            index: true,
            pk: keys::conference_list_pk(reseller, host),
            from: "0".into(),
            to: "~".into(),
            newest_first: true,
            limit: None,
        };
        if let Some(ListStart(place)) = after {
            query.to.clone_from(&place.sk);
        }
        let mut conferences = Vec::new();
        let mut last = None;
        let mut start = None;
        for _ in 0..MOST_PAGES {
            // One more than wanted tells whether more follow; the one it starts after is read again.
            query.limit = Some(u32::try_from(limit.saturating_sub(conferences.len()) + 2).unwrap_or(u32::MAX));
            let (page, next) = self.query_page(&query, start).await?;
            for item in &page {
                let conference: Conference = from_item("conference", item)?;
                let place = keys::conference_list(reseller, host, conference.created, conference.id);
                // The index may be behind a deletion.
                if conference.deleted || after.is_some_and(|ListStart(after)| after.sk == place.sk) {
                    continue;
                }
                if conferences.len() == limit {
                    return Ok(ConferencePage {
                        conferences,
                        next: last,
                    });
                }
                last = Some(conference.id);
                let state = ConferenceState::listed(conference, active);
                if wanted(&state) {
                    conferences.push(state);
                }
            }
            if next.is_none() {
                return Ok(ConferencePage {
                    conferences,
                    next: None,
                });
            }
            start = next;
        }
        Ok(ConferencePage {
            conferences,
            next: last,
        })
    }
}
