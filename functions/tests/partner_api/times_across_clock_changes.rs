//! Meetings on days when clocks change, contract §1: a time that a gap skips is moved forward by the gap, one that comes twice
//! means the first. The instants were computed with Python's `zoneinfo`.

use serde_json::{Value, json};

use crate::world::{World, meeting};

/// A zone; a time in a gap, what it becomes, and when that is; a time in a fold, and when its first is.
type Change = (&'static str, [&'static str; 3], [&'static str; 2]);

/// An hour, half an hour, offsets of a quarter, a change at midnight, and a summer time that is the ordinary one.
const CHANGES: [Change; 7] = [
    (
        "America/New_York",
        ["2027-03-14 02:30:00", "2027-03-14 03:30:00", "2027-03-14T07:30:00Z"],
        ["2026-11-01 01:30:00", "2026-11-01T05:30:00Z"],
    ),
    (
        "Europe/London",
        ["2027-03-28 01:30:00", "2027-03-28 02:30:00", "2027-03-28T01:30:00Z"],
        ["2026-10-25 01:30:00", "2026-10-25T00:30:00Z"],
    ),
    (
        "Australia/Lord_Howe",
        ["2026-10-04 02:15:00", "2026-10-04 02:45:00", "2026-10-03T15:45:00Z"],
        ["2027-04-04 01:45:00", "2027-04-03T14:45:00Z"],
    ),
    (
        "Africa/Casablanca",
        ["2027-03-14 02:30:00", "2027-03-14 03:30:00", "2027-03-14T02:30:00Z"],
        ["2027-02-07 02:30:00", "2027-02-07T01:30:00Z"],
    ),
    (
        "America/St_Johns",
        ["2027-03-14 02:30:00", "2027-03-14 03:30:00", "2027-03-14T06:00:00Z"],
        ["2026-11-01 01:30:00", "2026-11-01T04:00:00Z"],
    ),
    (
        "Pacific/Chatham",
        ["2026-09-27 03:00:00", "2026-09-27 04:00:00", "2026-09-26T14:15:00Z"],
        ["2027-04-04 03:00:00", "2027-04-03T13:15:00Z"],
    ),
    (
        "America/Santiago",
        ["2026-09-06 00:30:00", "2026-09-06 01:30:00", "2026-09-06T04:30:00Z"],
        ["2027-04-03 23:30:00", "2027-04-04T02:30:00Z"],
    ),
];

/// The meetings with an occurrence that starts at this very second.
async fn starting_at(world: &World, host: u64, instant: &str) -> Vec<Value> {
    let at: jiff::Timestamp = instant.parse().expect("a time");
    let next = at.saturating_add(jiff::SignedDuration::from_secs(1)).expect("a time");
    let asked = json!({"host_id": host, "from": instant, "to": next.to_string()});
    let list = world.root("conference/fetch_all", asked).await.ok();
    let all = list.as_array().expect("a list").iter();
    all.map(|meeting| meeting["conference_id"].clone()).collect()
}

/// The same time of day so many days later, or earlier.
fn days(text: &str, days: i64) -> String {
    let local: jiff::civil::DateTime = text.parse().expect("a time");
    let moved = local
        .checked_add(jiff::SignedDuration::from_hours(24 * days))
        .expect("a time");
    moved.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

async fn made(world: &World, host: u64, zone: &str, start: &str, more: &Value) -> Value {
    let mut asked = meeting(host);
    (asked["start"], asked["time_zone"]) = (start.into(), zone.into());
    for (name, value) in more.as_object().expect("an object") {
        asked[name] = value.clone();
    }
    let made = world.root("conference/create", asked).await.ok();
    let found = world
        .root("conference/fetch", json!({"conference_id": made["conference_id"]}))
        .await
        .ok();
    assert_eq!(found, made);
    made
}

#[tokio::test]
async fn a_single_meeting_starts_behind_a_gap_and_in_the_first_of_a_fold() {
    let world = World::new().await;
    let host = world.acme.host.id;
    for (zone, [skipped, shown, instant], [twice, first]) in CHANGES {
        let gap = made(&world, host, zone, skipped, &json!({})).await;
        assert_eq!(gap["start"], shown, "{zone}");
        assert_eq!(
            starting_at(&world, host, instant).await,
            [gap["conference_id"].clone()],
            "{zone}"
        );
        let fold = made(&world, host, zone, twice, &json!({})).await;
        assert_eq!(fold["start"], twice, "{zone}");
        assert_eq!(
            starting_at(&world, host, first).await,
            [fold["conference_id"].clone()],
            "{zone}"
        );
        // The instant itself, and one moved there, say the same.
        let given = made(&world, host, zone, instant, &json!({})).await;
        assert_eq!(
            (&given["start"], &given["end_time"]),
            (&gap["start"], &gap["end_time"]),
            "{zone}"
        );
        let moved = json!({"conference_id": given["conference_id"], "start": twice});
        let moved = world.root("conference/update", moved).await.ok();
        assert_eq!(
            (&moved["start"], &moved["end_time"]),
            (&fold["start"], &fold["end_time"]),
            "{zone}"
        );
        assert_eq!(starting_at(&world, host, first).await.len(), 2, "{zone}");
        for meeting in [gap, fold, moved] {
            world
                .root("conference/delete", json!({"conference_id": meeting["conference_id"]}))
                .await
                .ok();
        }
    }
}

#[tokio::test]
async fn a_meeting_that_repeats_keeps_its_time_of_day_across_changes() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let weekly = json!({"recurrence": {"rrule": "FREQ=WEEKLY;COUNT=3"}});
    for (zone, [skipped, shown, instant], [twice, first]) in CHANGES {
        for (time, shown, instant) in [(skipped, shown, instant), (twice, twice, first)] {
            let series = made(&world, host, zone, &days(time, -7), &weekly).await;
            let starts: Vec<&str> = series["occurrences"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| one["start"].as_str().expect("a time"))
                .collect();
            assert_eq!(
                starts,
                [days(time, -7).as_str(), shown, &days(time, 7)],
                "{zone} {time}"
            );
            assert_eq!(
                starting_at(&world, host, instant).await,
                [series["conference_id"].clone()],
                "{zone} {time}"
            );
            // The one on the day of the change is found by its name, moves, and comes back.
            let one = json!({"conference_id": series["conference_id"], "occurrence": shown, "scope": "this"});
            let named = world.root("conference/fetch", one.clone()).await.ok();
            assert_eq!(named["occurrences"].as_array().map(Vec::len), Some(1), "{zone} {time}");
            let mut moved = one;
            moved["start"] = days(time, 1).into();
            world.root("conference/update", moved).await.ok();
            assert!(starting_at(&world, host, instant).await.is_empty(), "{zone} {time}");
            world
                .root("conference/delete", json!({"conference_id": series["conference_id"]}))
                .await
                .ok();
        }
    }
}

#[tokio::test]
async fn every_zone_of_the_database_is_taken_and_answered_as_it_was_sent() {
    let world = World::new().await;
    let conference = world.acme.host.conference;
    let mut zones = 0;
    for name in jiff::tz::db().available() {
        let name = name.as_str();
        if name.parse::<domain::time::Zone>().is_err() {
            continue;
        }
        zones += 1;
        let asked = json!({"conference_id": conference, "time_zone": name, "start": "2026-07-01T12:00:00Z"});
        let changed = world.root("conference/update", asked).await.ok();
        assert_eq!(changed["time_zone"], name);
        let again = json!({"conference_id": conference, "start": changed["start"]});
        let again = world.root("conference/update", again).await.ok();
        assert_eq!(again["start"], changed["start"], "{name}");
        world.advance(3);
    }
    assert!(zones > 500, "{zones}");
    for name in ["US/Eastern", "EST", "UTC"] {
        let asked = json!({"conference_id": conference, "time_zone": name});
        assert_eq!(world.root("conference/update", asked).await.ok()["time_zone"], name);
    }
}
