//! Many meetings at once: everybody is reminded in time, and who has few of them does not wait for who has many.

use std::time::Duration;

use crate::morning::{Morning, Receiving, middle_and_last};

#[test]
fn everybody_is_reminded_within_the_minute_and_nobody_twice() {
    let morning = Morning {
        // More of one company than a dispatcher sees at first, and they were made first.
        companies: vec![500, 3, 3],
        people: 1,
        rate: 20,
        watched: Duration::from_secs(120),
        webhooks: None,
    };
    let report = morning.run();
    let all: usize = report.late.iter().map(Vec::len).sum();
    assert_eq!(
        (all, report.twice, report.early, report.stale),
        (506, 0, 0, 0),
        "{report:?}"
    );
    let waited: Vec<_> = report.late.iter().map(|late| middle_and_last(late)).collect();
    // What the mail service lets through takes 25 seconds; who has little waits for little of it.
    assert!(waited[0].1 < Duration::from_secs(60), "{waited:?} {report:?}");
    for few in &waited[1..] {
        assert!(few.1 < Duration::from_secs(10), "{waited:?}");
    }
}

/// Those that wait for their turn when the meeting starts do not go out after it.
#[test]
fn more_than_goes_out_until_the_meetings_start_is_dropped_and_counted() {
    let morning = Morning {
        companies: vec![100, 2],
        people: 10,
        // 900 until they start, a quarter of an hour later.
        rate: 1,
        watched: Duration::from_secs(17 * 60),
        webhooks: None,
    };
    let report = morning.run();
    let sent: usize = report.late.iter().map(Vec::len).sum();
    assert_eq!(
        (sent + report.stale, report.twice, report.early),
        (1_020, 0, 0),
        "{sent} sent"
    );
    assert!(sent > 800, "{sent}");
    let (_, last) = middle_and_last(&report.late[0]);
    assert!(last <= Duration::from_secs(15 * 60 + 1), "{last:?}");
    // Who has little waits for as much of the others as of its own, whatever the mail service let through meanwhile.
    assert_eq!(report.late[1].len(), 20);
    let (_, last) = middle_and_last(&report.late[1]);
    assert!(last < Duration::from_secs(120), "{:?}", report.late[1]);
}

#[test]
fn a_webhook_that_never_answers_keeps_nobody_else_waiting() {
    let morning = Morning {
        // More lines of the dead one than are seen at first.
        companies: vec![900, 20, 20],
        people: 1,
        rate: 200,
        watched: Duration::from_secs(60),
        webhooks: Some(Receiving::FirstIsDead),
    };
    let report = morning.run();
    let (heard, reminded): (Vec<usize>, usize) = (
        report.heard.iter().map(Vec::len).collect(),
        report.late.iter().map(Vec::len).sum(),
    );
    assert_eq!((heard, reminded), (vec![0, 20, 20], 940));
    for few in &report.heard[1..] {
        let (middle, last) = middle_and_last(few);
        // A quarter of a second is the stream's, and half as much the receiver's and the table's.
        assert!(
            middle < Duration::from_secs(1) && last < Duration::from_secs(2),
            "{middle:?} {last:?}"
        );
    }
}
