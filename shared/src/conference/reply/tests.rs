use proptest::prelude::*;
use serde::Deserialize as _;
use serde::de::value::{Error, StrDeserializer};

use super::*;
use crate::conference::{CodeKind, Exception, Kind, Minutes, Rule, Series};
use crate::id::{CompanyId, ConferenceId, HostId, ResellerId};
use crate::room::MuteMode;
use crate::sealed::Sealed;
use crate::time::Zone;

const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn meeting() -> Conference {
    let sealed = Sealed::deserialize(StrDeserializer::<Error>::new("sealed")).expect("text");
    Conference {
        id: ConferenceId::new(7).expect("an id"),
        reseller: ResellerId::new(1).expect("an id"),
        company: CompanyId::new(2).expect("an id"),
        host: HostId::new(3).expect("an id"),
        kind: Kind::Scheduled,
        subject: "Numbers".parse().expect("a subject"),
        agenda: None,
        start: at(0),
        occurrence: Occurrence::new(0),
        zone: Zone::utc(),
        duration: Minutes::new(60).expect("minutes"),
        code: "1234567".parse().expect("a code"),
        code_kind: CodeKind::Host,
        secure_url: false,
        host_initiated_recording: false,
        security_pin: None,
        mute_mode: MuteMode::default(),
        waiting_room: false,
        registration: false,
        moderator_token: sealed,
        invited: Vec::new(),
        reminders: Vec::new(),
        ics_uid: "uid".into(),
        sequence: 0,
        times_since: TimesSince::default(),
        max_participants: 100,
        h264: true,
        created: at(0),
        series: None,
        version: 0,
        deleted: false,
    }
}

/// On five days.
fn daily() -> Conference {
    let rule: Rule = "FREQ=DAILY;COUNT=5".parse().expect("a rule");
    let starts = rule.starts(at(0), &Zone::utc()).expect("starts");
    Conference {
        series: Some(Series::new(rule, &starts)),
        ..meeting()
    }
}

fn day(number: i64) -> Occurrence {
    Occurrence::new(number * DAY)
}

/// The same after a change, which is told.
fn changed(before: &Conference, change: impl FnOnce(&mut Conference)) -> Conference {
    let mut after = before.clone();
    change(&mut after);
    after.sequence = before.sequence + 1;
    after.times_since = before.times_since.after(before, &after, after.sequence);
    after
}

fn exception(conference: &mut Conference, number: i64, exception: Exception) {
    conference
        .series
        .as_mut()
        .expect("a series")
        .set(day(number), exception);
}

fn said(sequence: u32, second: i64, status: PartStat) -> Reply {
    Reply {
        sequence,
        at: at(second),
        status,
    }
}

#[test]
fn later_answers_count_and_earlier_ones_change_nothing() {
    let conference = changed(&meeting(), |meeting| meeting.agenda = Some("Words".into()));
    let mut replies = Replies::default();
    assert!(replies.take(&conference, None, said(0, 20, PartStat::Accepted)));
    assert!(
        !replies.take(&conference, None, said(0, 20, PartStat::Declined)),
        "the same time"
    );
    assert!(
        !replies.take(&conference, None, said(0, 10, PartStat::Declined)),
        "written before"
    );
    assert_eq!(replies.to_whole(&conference), PartStat::Accepted);
    // To the later invitation, by a clock that is behind.
    assert!(replies.take(&conference, None, said(1, 5, PartStat::Declined)));
    assert!(!replies.take(&conference, None, said(0, 30, PartStat::Accepted)));
    assert_eq!(replies.to(&conference, conference.occurrence), PartStat::Declined);
}

#[test]
fn an_answer_to_what_was_not_told_yet_does_not_keep_later_ones_out() {
    let conference = meeting();
    let mut replies = Replies::default();
    assert!(replies.take(&conference, None, said(u32::MAX, 10, PartStat::Declined)));
    assert!(replies.take(&conference, None, said(0, 11, PartStat::Accepted)));
}

#[test]
fn an_answer_to_one_occurrence_is_about_that_one() {
    let conference = daily();
    let mut replies = Replies::default();
    assert!(replies.take(&conference, Some(day(1)), said(0, 10, PartStat::Declined)));
    let all = |replies: &Replies| [0, 1, 2].map(|number| replies.to(&conference, day(number)));
    assert_eq!(
        all(&replies),
        [PartStat::NeedsAction, PartStat::Declined, PartStat::NeedsAction]
    );
    assert_eq!(replies.to_whole(&conference), PartStat::NeedsAction);
    // Written before, and told later.
    assert!(replies.take(&conference, None, said(0, 5, PartStat::Accepted)));
    assert_eq!(
        all(&replies),
        [PartStat::Accepted, PartStat::Declined, PartStat::Accepted]
    );
    assert!(replies.take(&conference, None, said(0, 20, PartStat::Tentative)));
    assert_eq!(all(&replies), [PartStat::Tentative; 3], "later, and to all");
    assert!(!replies.take(&conference, Some(day(1)), said(0, 15, PartStat::Declined)));
}

#[test]
fn one_mail_answers_the_whole_and_one_occurrence_in_any_order() {
    let conference = daily();
    let whole = (None, said(0, 10, PartStat::Accepted));
    let own = (Some(day(2)), said(0, 10, PartStat::Declined));
    for mail in [[whole, own], [own, whole]] {
        let mut replies = Replies::default();
        for (of, given) in mail {
            assert!(replies.take(&conference, of, given));
        }
        for (of, given) in mail {
            assert!(!replies.take(&conference, of, given), "the same mail again");
        }
        assert_eq!(replies.to(&conference, day(2)), PartStat::Declined);
        assert_eq!(replies.to(&conference, day(3)), PartStat::Accepted);
    }
}

#[test]
fn another_time_asks_anew_and_other_words_do_not() {
    let conference = daily();
    let mut replies = Replies::default();
    assert!(replies.take(&conference, None, said(0, 10, PartStat::Accepted)));
    let worded = changed(&conference, |meeting| meeting.agenda = Some("Words".into()));
    assert_eq!(replies.to_whole(&worded), PartStat::Accepted);
    let longer = changed(&worded, |meeting| meeting.duration = Minutes::new(90).expect("minutes"));
    assert_eq!(replies.to_whole(&longer), PartStat::NeedsAction);
    assert_eq!(replies.to(&longer, day(1)), PartStat::NeedsAction);
    // Of the times before.
    assert!(!replies.take(&longer, None, said(1, 99, PartStat::Declined)));
    assert!(replies.take(&longer, None, said(2, 99, PartStat::Declined)));
    assert_eq!(replies.to_whole(&longer), PartStat::Declined);
}

#[test]
fn a_moved_occurrence_asks_anew_alone() {
    let conference = daily();
    let mut replies = Replies::default();
    assert!(replies.take(&conference, None, said(0, 10, PartStat::Accepted)));
    assert!(replies.take(&conference, Some(day(3)), said(0, 10, PartStat::Declined)));
    let start = Some(at(DAY + 7_200));
    let moved = changed(&conference, |meeting| {
        exception(
            meeting,
            1,
            Exception {
                start,
                ..Exception::default()
            },
        );
    });
    assert_eq!(replies.to_whole(&moved), PartStat::Accepted);
    let status = |of: &Conference| [0, 1, 3].map(|number| replies.to(of, day(number)));
    assert_eq!(
        status(&moved),
        [PartStat::Accepted, PartStat::NeedsAction, PartStat::Declined]
    );
    // Back where it was is another time once more.
    let back = changed(&moved, |meeting| exception(meeting, 1, Exception::default()));
    assert_eq!(status(&back)[1], PartStat::NeedsAction);
    assert!(
        !replies
            .clone()
            .take(&back, Some(day(1)), said(1, 50, PartStat::Declined))
    );
    assert!(
        replies
            .clone()
            .take(&back, Some(day(1)), said(2, 50, PartStat::Declined))
    );
    // What does not take place asks nobody; what takes place after all does.
    let cancelled = Exception {
        cancelled: true,
        ..Exception::default()
    };
    let off = changed(&conference, |meeting| exception(meeting, 3, cancelled));
    assert_eq!(status(&off)[2], PartStat::Declined);
    let on = changed(&off, |meeting| exception(meeting, 3, Exception::default()));
    assert_eq!(status(&on)[2], PartStat::NeedsAction);
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(
        mut mails in prop::collection::vec((prop::option::of(0_i64..5), 0_u32..3, 0_i64..100_000, 0_usize..4), 1..12),
        turn in 0_usize..12,
    ) {
        // Of one moment is one answer: which of two counts is nobody's to say.
        mails.sort_by_key(|mail| (mail.1, mail.2));
        mails.dedup_by_key(|mail| (mail.1, mail.2));
        let mut conference = daily();
        conference.sequence = 2;
        let taken = |mails: &[(Option<i64>, u32, i64, usize)]| {
            let mut replies = Replies::default();
            for (of, sequence, second, status) in mails {
                replies.take(&conference, of.map(day), said(*sequence, *second, PartStat::ALL[*status]));
            }
            replies
        };
        let in_order = taken(&mails);
        let turn = turn % mails.len();
        mails.rotate_left(turn);
        prop_assert_eq!(&taken(&mails), &in_order);
        mails.reverse();
        prop_assert_eq!(&taken(&mails), &in_order);
        let json = serde_json::to_value(&in_order).expect("JSON");
        prop_assert_eq!(serde_json::from_value::<Replies>(json).expect("own JSON"), in_order);
    }
}
