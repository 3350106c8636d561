//! Many meetings at once: everybody is reminded in time, and who has few of them does not wait for who has many.

use std::time::Duration;

use crate::morning::{Morning, middle_and_last};

#[test]
fn everybody_is_reminded_within_the_minute_and_nobody_twice() {
    let morning = Morning {
        companies: vec![150, 3, 3],
        people: 4,
        rate: 20,
        watched: Duration::from_secs(120),
    };
    let report = morning.run();
    let all: usize = report.late.iter().map(Vec::len).sum();
    assert_eq!(
        (all, report.twice, report.early, report.stale),
        (156 * 4, 0, 0, 0),
        "{report:?}"
    );
    let waited: Vec<_> = report.late.iter().map(|late| middle_and_last(late)).collect();
    // What the mail service lets through takes 31 seconds; who has little waits for little of it.
    assert!(waited[0].1 < Duration::from_secs(60), "{waited:?} {report:?}");
    for few in &waited[1..] {
        assert!(few.1 < Duration::from_secs(10), "{waited:?}");
    }
}
