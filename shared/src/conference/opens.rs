//! Which meeting a code opens (design §3, rulings 2, 3 and 9): the live one; else the planned one whose window holds now,
//! nearest start first; else, for a host's own code, a new ad-hoc meeting.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{CodeKind, Kind, Minutes, Window};
use crate::id::{ConferenceId, Occurrence};
use crate::relay::OccurrenceState;
use crate::text::Subject;
use crate::time::{millis, millis_option};

/// How long after its first join a meeting's moderators are known.
const SETTLED: SignedDuration = SignedDuration::from_mins(1);

/// A meeting planned on a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The meeting.
    pub conference: ConferenceId,
    /// Which of its occurrences.
    pub occurrence: Occurrence,
    /// How it came about.
    pub kind: Kind,
    /// When it starts.
    #[serde(with = "millis")]
    pub start: Timestamp,
    /// How long it is planned.
    pub duration: Minutes,
    /// What it is about.
    pub subject: Subject,
    /// Where it is in its life.
    #[serde(default)]
    pub state: OccurrenceState,
    /// An occurrence of a meeting that repeats, of which nothing lies in the table yet.
    #[serde(skip)]
    pub unmade: bool,
}

/// The meeting that a code's room holds now: the live pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The meeting.
    pub conference: ConferenceId,
    /// Which of its occurrences.
    pub occurrence: Occurrence,
    /// How it came about.
    pub kind: Kind,
    /// Until when the room is held for somebody on the way; `None` once somebody is in.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub lease: Option<Timestamp>,
    /// Moderators in it now.
    #[serde(default)]
    pub moderators: u32,
    /// When somebody was in it first.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub first_join: Option<Timestamp>,
}

impl Live {
    /// Whether the pointer counts: entered and before its hard stop, or held for somebody on the way.
    pub fn counts(&self, now: Timestamp) -> bool {
        let stopped = self
            .first_join
            .is_some_and(|first| now >= super::later(first, super::HARD_STOP));
        !stopped && self.lease.is_none_or(|until| now < until)
    }

    /// Whether it is an ad-hoc meeting that makes way for a planned one whose window is open: nobody but guests is in it.
    /// Not in its first minute, when the report of its host's entering may be on the way.
    pub fn makes_way(&self, now: Timestamp) -> bool {
        let settled = self
            .first_join
            .is_some_and(|first| now.duration_since(first) >= SETTLED);
        self.kind == Kind::AdHoc && self.lease.is_none() && self.moderators == 0 && settled
    }
}

/// What a code leads to for one caller at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opens<'a> {
    /// The live meeting.
    Live(&'a Live),
    /// A planned meeting; where it takes the place of an ad-hoc one without a moderator, that one closes as `moved`.
    Planned {
        /// The meeting.
        planned: &'a Planned,
        /// The ad-hoc meeting that it takes the place of.
        replaces: Option<&'a Live>,
    },
    /// A new ad-hoc meeting.
    AdHoc,
    /// Nothing yet; the next one planned, where there is one.
    NotStarted(Option<&'a Planned>),
    /// A moderator ended what the code opens.
    Ended,
    /// The code's time is over.
    Expired,
}

/// Which meeting a code opens now. `leads`: the caller is the host or a moderator.
pub fn opens<'a>(
    code: CodeKind,
    live: Option<&'a Live>,
    planned: &'a [Planned],
    now: Timestamp,
    leads: bool,
) -> Opens<'a> {
    let window = |planned: &Planned| Window::new(planned.kind, code, planned.start, planned.duration);
    let distance = |planned: &&Planned| planned.start.duration_since(now).abs();
    let open_now = |planned: &&Planned| planned.kind != Kind::AdHoc && window(planned).holds(now);
    let due = planned
        .iter()
        .filter(open_now)
        .filter(|planned| planned.state != OccurrenceState::Ended)
        .min_by_key(distance);
    let live = live.filter(|live| live.counts(now));
    match (live, due) {
        (Some(live), Some(planned)) if live.makes_way(now) => Opens::Planned {
            planned,
            replaces: Some(live),
        },
        (Some(live), _) => Opens::Live(live),
        (None, Some(planned)) => Opens::Planned {
            planned,
            replaces: None,
        },
        (None, None) if code == CodeKind::Host && leads => Opens::AdHoc,
        (None, None) => closed(code, planned, now, window),
    }
}

fn closed(code: CodeKind, planned: &[Planned], now: Timestamp, window: impl Fn(&Planned) -> Window) -> Opens<'_> {
    let mut ended_now = planned.iter().filter(|planned| {
        planned.kind != Kind::AdHoc && planned.state == OccurrenceState::Ended && window(planned).holds(now)
    });
    if ended_now.next().is_some() {
        return Opens::Ended;
    }
    let next = planned
        .iter()
        .filter(|planned| planned.state != OccurrenceState::Ended && now < window(planned).opens)
        .min_by_key(|planned| planned.start);
    match code {
        CodeKind::Host => Opens::NotStarted(next),
        CodeKind::OneTime if next.is_some() => Opens::NotStarted(next),
        CodeKind::OneTime => Opens::Expired,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-01-01T{text}:00Z").parse().expect("a time")
    }

    fn planned(id: u64, start: &str, minutes: u16) -> Planned {
        Planned {
            conference: ConferenceId::new(id).expect("an id"),
            occurrence: Occurrence::new(at(start).as_second()),
            kind: Kind::Scheduled,
            start: at(start),
            duration: Minutes::new(minutes).expect("minutes"),
            subject: "Talk".parse().expect("a subject"),
            state: OccurrenceState::Scheduled,
            unmade: false,
        }
    }

    fn live(id: u64, kind: Kind) -> Live {
        Live {
            conference: ConferenceId::new(id).expect("an id"),
            occurrence: Occurrence::new(0),
            kind,
            lease: None,
            moderators: 1,
            first_join: Some(at("09:00")),
        }
    }

    #[test]
    fn the_live_meeting_wins_while_it_counts() {
        let plans = [planned(1, "12:00", 60)];
        let running = live(2, Kind::Scheduled);
        assert_eq!(
            opens(CodeKind::Host, Some(&running), &plans, at("12:00"), false),
            Opens::Live(&running)
        );
        let late = Live {
            lease: Some(at("11:59")),
            ..running
        };
        assert_eq!(
            opens(CodeKind::Host, Some(&late), &plans, at("12:00"), false),
            Opens::Planned {
                planned: &plans[0],
                replaces: None
            }
        );
    }

    #[test]
    fn the_nearest_start_wins_among_open_windows() {
        let plans = [planned(1, "11:00", 120), planned(2, "12:10", 60)];
        assert_eq!(
            opens(CodeKind::Host, None, &plans, at("12:00"), false),
            Opens::Planned {
                planned: &plans[1],
                replaces: None
            }
        );
        assert_eq!(
            opens(CodeKind::Host, None, &plans, at("11:50"), false),
            Opens::Planned {
                planned: &plans[0],
                replaces: None
            }
        );
    }

    #[test]
    fn an_ad_hoc_meeting_of_guests_makes_way_for_the_planned_one() {
        let plans = [planned(1, "12:00", 60)];
        let guests = Live {
            moderators: 0,
            ..live(2, Kind::AdHoc)
        };
        assert_eq!(
            opens(CodeKind::Host, Some(&guests), &plans, at("11:30"), false),
            Opens::Live(&guests)
        );
        assert_eq!(
            opens(CodeKind::Host, Some(&guests), &plans, at("11:45"), false),
            Opens::Planned {
                planned: &plans[0],
                replaces: Some(&guests)
            }
        );
        let led = live(2, Kind::AdHoc);
        assert_eq!(
            opens(CodeKind::Host, Some(&led), &plans, at("11:45"), false),
            Opens::Live(&led)
        );
    }

    #[test]
    fn only_who_leads_opens_an_ad_hoc_meeting_and_only_on_a_hosts_code() {
        let plans = [planned(1, "12:00", 60)];
        assert_eq!(opens(CodeKind::Host, None, &plans, at("11:00"), true), Opens::AdHoc);
        assert_eq!(
            opens(CodeKind::Host, None, &plans, at("11:00"), false),
            Opens::NotStarted(Some(&plans[0]))
        );
        assert_eq!(
            opens(CodeKind::Host, None, &[], at("11:00"), false),
            Opens::NotStarted(None)
        );
        assert_eq!(
            opens(CodeKind::OneTime, None, &plans, at("11:00"), true),
            Opens::NotStarted(Some(&plans[0]))
        );
    }

    #[test]
    fn a_one_time_code_expires_and_an_ended_meeting_says_so() {
        let mut plans = [planned(1, "12:00", 60)];
        let day_after = at("13:00")
            .saturating_add(SignedDuration::from_hours(24))
            .expect("a time");
        assert_eq!(opens(CodeKind::OneTime, None, &plans, day_after, false), Opens::Expired);
        plans[0].state = OccurrenceState::Ended;
        assert_eq!(opens(CodeKind::OneTime, None, &plans, at("12:30"), true), Opens::Ended);
        assert_eq!(opens(CodeKind::Host, None, &plans, at("12:30"), false), Opens::Ended);
        assert_eq!(opens(CodeKind::Host, None, &plans, at("12:30"), true), Opens::AdHoc);
        assert_eq!(
            opens(CodeKind::Host, None, &plans, at("13:00"), false),
            Opens::NotStarted(None)
        );
    }

    proptest! {
        #[test]
        fn nothing_opens_outside_its_window(starts in prop::collection::vec(0u32..2_000, 0..6), now in 0u32..2_000, one_time: bool, leads: bool) {
            let minute = |minute: u32| later_by(at("00:00"), i64::from(minute));
            let plans: Vec<Planned> = starts.iter().enumerate().map(|(n, start)| Planned {
                start: minute(*start),
                ..planned(n as u64 + 1, "00:00", 45)
            }).collect();
            let code = if one_time { CodeKind::OneTime } else { CodeKind::Host };
            if let Opens::Planned { planned, .. } = opens(code, None, &plans, minute(now), leads) {
                prop_assert!(Window::new(planned.kind, code, planned.start, planned.duration).holds(minute(now)));
            }
        }
    }

    fn later_by(at: Timestamp, minutes: i64) -> Timestamp {
        super::super::later(at, SignedDuration::from_mins(minutes))
    }
}
