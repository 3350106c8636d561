//! The job that reminds people of a meeting: one for each meeting that anything is to come of, under a name of its own, which
//! goes on from one reminder to the next. Whoever plans the meeting otherwise wakes it in the same transaction.

use std::collections::BTreeSet;

use domain::conference::{Conference, later};
use domain::id::Occurrence;
use domain::relay::OccurrenceState;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::op::Op;
use crate::value::from_item;
use crate::{Job, Result, Store, Work, keys};

/// How long a reminder that was due before its meeting was planned otherwise is still owed: somebody may be sending it.
pub const OWED: SignedDuration = SignedDuration::from_mins(2);

/// The job of a new meeting.
pub(crate) fn begin(conference: &Conference, now: Timestamp) -> Option<Op> {
    let first = conference.reminders_after(now).first()?.at;
    Some(wake(conference, first, now))
}

/// What a change of a meeting means for its job: nothing, where all of it that is to come stays.
pub(crate) fn follow(before: &Conference, after: &Conference, now: Timestamp) -> Option<Op> {
    let owed = later(now, -OWED);
    let (was, is) = (before.reminders_after(owed), after.reminders_after(owed));
    if was == is {
        return None;
    }
    Some(match is.first() {
        Some(first) => wake(after, first.at.max(now), now),
        None => Op::delete(keys::job(&keys::reminders_job(after.reseller, after.id))),
    })
}

/// Makes the job, or has it look again: how far it has come stays.
fn wake(conference: &Conference, at: Timestamp, now: Timestamp) -> Op {
    let work = Work::Remind {
        conference: conference.id,
        since: now,
        after: None,
    };
    let name = keys::reminders_job(conference.reseller, conference.id);
    let job = Job::named(name, conference.reseller, conference.company, work, now);
    job.wake(at)
}

/// What of an occurrence says whether it is over.
#[derive(Deserialize)]
struct Ended {
    state: OccurrenceState,
}

impl Store {
    /// Which of these occurrences are over for good. One read.
    pub async fn occurrences_ended(
        &self,
        conference: &Conference,
        occurrences: &BTreeSet<Occurrence>,
    ) -> Result<BTreeSet<Occurrence>> {
        let keys: Vec<keys::Key> = occurrences
            .iter()
            .map(|occurrence| keys::occurrence(&conference.room_of(*occurrence)))
            .collect();
        let found = self.get_many(&keys).await?;
        let mut ended = BTreeSet::new();
        for (occurrence, item) in occurrences.iter().zip(&found) {
            let Some(item) = item else { continue };
            let Ended { state } = from_item("occurrence", item)?;
            if state == OccurrenceState::Ended {
                ended.insert(*occurrence);
            }
        }
        Ok(ended)
    }
}
