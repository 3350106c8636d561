use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> Zone {
    name.parse().expect("a zone")
}

fn starts(rule: &str, start: &str, zone: &Zone) -> Result<Vec<String>, Invalid> {
    let rule: Rule = rule.parse()?;
    let starts = rule.starts(zone.read(start)?, zone)?;
    Ok(starts.iter().map(|at| zone.wall_clock(*at)).collect())
}

/// 400 rules with the days that python-dateutil 2.9.0 gives them.
#[test]
fn four_hundred_rules_have_the_days_that_another_implementation_gives_them() {
    let utc = zone("UTC");
    for line in include_str!("second_opinion.txt").lines() {
        let (rule, days) = line.split_once(' ').expect("a rule and its days");
        let days: Vec<String> = days.split(' ').map(|day| format!("{day} 10:00:00")).collect();
        assert_eq!(starts(rule, &days[0], &utc), Ok(days), "{rule}");
    }
}

#[test]
fn nine_oclock_stays_nine_oclock_and_gaps_and_folds_are_by_contract() {
    // Zone, the day and time before the change, and the same time on the day of the change: in a gap, then in a fold.
    let cases = [
        (
            "America/New_York",
            "2026-03-07 02:30:00",
            "2026-03-08T07:30:00Z",
            "2026-03-08 03:30:00",
        ),
        (
            "America/New_York",
            "2026-10-31 01:30:00",
            "2026-11-01T05:30:00Z",
            "2026-11-01 01:30:00",
        ),
        (
            "Europe/Berlin",
            "2026-03-28 02:30:00",
            "2026-03-29T01:30:00Z",
            "2026-03-29 03:30:00",
        ),
        (
            "Europe/Berlin",
            "2026-10-24 02:30:00",
            "2026-10-25T00:30:00Z",
            "2026-10-25 02:30:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03 02:15:00",
            "2026-10-03T15:45:00Z",
            "2026-10-04 02:45:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-04 01:45:00",
            "2026-04-04T14:45:00Z",
            "2026-04-05 01:45:00",
        ),
        (
            "America/Santiago",
            "2026-09-05 00:30:00",
            "2026-09-06T04:30:00Z",
            "2026-09-06 01:30:00",
        ),
        (
            "America/Santiago",
            "2026-04-03 23:30:00",
            "2026-04-05T02:30:00Z",
            "2026-04-04 23:30:00",
        ),
        (
            "Africa/Casablanca",
            "2026-03-21 02:30:00",
            "2026-03-22T02:30:00Z",
            "2026-03-22 03:30:00",
        ),
        (
            "Pacific/Chatham",
            "2026-09-26 03:00:00",
            "2026-09-26T14:15:00Z",
            "2026-09-27 04:00:00",
        ),
        (
            "Pacific/Chatham",
            "2026-04-04 03:00:00",
            "2026-04-04T13:15:00Z",
            "2026-04-05 03:00:00",
        ),
    ];
    let day = |text: &str| text.split(' ').next().expect("a day").to_owned();
    for (name, before, instant, shown) in cases {
        let zone = zone(name);
        let rule: Rule = "FREQ=DAILY;COUNT=4".parse().expect("a rule");
        let found = rule.starts(zone.read(before).expect("a time"), &zone).expect("starts");
        let instant: Timestamp = instant.parse().expect("a time");
        // Both lie on the second day, but for Santiago's fold, where midnight itself comes twice.
        assert_eq!(
            (zone.wall_clock(found[1]).as_str(), found[1]),
            (shown, instant),
            "{name}"
        );
        let time = &before[11..];
        for (at, start) in found.iter().enumerate().filter(|(at, _)| *at != 1) {
            let text = zone.wall_clock(*start);
            assert_eq!(&text[11..], time, "{name}: occurrence {at}");
            assert_ne!(day(&text), day(shown));
        }
    }
}

#[test]
fn what_does_not_end_or_is_no_rule_is_refused_and_says_why() {
    let refused = [
        ("FREQ=DAILY", "must have COUNT or UNTIL"),
        (
            "FREQ=DAILY;COUNT=2;UNTIL=20270101",
            "must have COUNT or UNTIL, not both",
        ),
        ("FREQ=SECONDLY;COUNT=2", "must repeat DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=HOURLY;COUNT=2", "must repeat DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=DAILY;COUNT=0", "must have a COUNT of 1 to 1000"),
        ("FREQ=DAILY;COUNT=1001", "must have a COUNT of 1 to 1000"),
        ("FREQ=DAILY;COUNT=-1", "must have a COUNT of 1 to 1000"),
        ("FREQ=DAILY;COUNT=2;INTERVAL=0", "must have an INTERVAL of 1 to 1000"),
        (
            "FREQ=DAILY;COUNT=2;BYHOUR=9,10",
            "must leave the time of day to the start",
        ),
        ("FREQ=YEARLY;COUNT=2;BYWEEKNO=20", "must not use BYWEEKNO"),
        (
            "FREQ=WEEKLY;COUNT=2;BYDAY=1MO",
            "must number weekdays in months and years only",
        ),
        ("FREQ=WEEKLY;COUNT=2;BYMONTHDAY=1", "must not have BYMONTHDAY in weeks"),
        ("FREQ=MONTHLY;COUNT=2;BYYEARDAY=1", "must have BYYEARDAY in years only"),
        (
            "FREQ=DAILY;COUNT=2;BYSETPOS=1",
            "must have another part beside BYSETPOS",
        ),
        ("FREQ=DAILY;COUNT=2;COUNT=3", "must name each part once"),
        (
            "FREQ=DAILY;UNTIL=tomorrow",
            "must have a date or a time in UTC as UNTIL",
        ),
        (
            "FREQ=DAILY;UNTIL=20260230",
            "must have a date or a time in UTC as UNTIL",
        ),
        ("FREQ=DAILY;COUNT=2;X=1", "must be a rule such as FREQ=WEEKLY;COUNT=10"),
        ("DAILY", "must be a rule such as FREQ=WEEKLY;COUNT=10"),
        ("", "must be a rule such as FREQ=WEEKLY;COUNT=10"),
    ];
    for (rule, why) in refused {
        assert_eq!(
            rule.parse::<Rule>().map_err(|invalid| invalid.to_string()),
            Err(why.to_owned()),
            "{rule}"
        );
    }
    let utc = zone("UTC");
    let never = [
        ("FREQ=DAILY;COUNT=800", "must end within 2 years of the start"),
        ("FREQ=YEARLY;COUNT=4", "must end within 2 years of the start"),
        ("FREQ=DAILY;UNTIL=20300101", "must end within 2 years of the start"),
        ("FREQ=DAILY;UNTIL=99991231", "must end within 2 years of the start"),
        (
            "FREQ=DAILY;UNTIL=99991231T235959",
            "must end within 2 years of the start",
        ),
        (
            "FREQ=DAILY;UNTIL=99981231T235959Z",
            "must end within 2 years of the start",
        ),
        (
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
            "must end within 2 years of the start",
        ),
        (
            "FREQ=WEEKLY;BYDAY=TU;COUNT=2",
            "must have the meeting's start as its first day",
        ),
        (
            "FREQ=DAILY;UNTIL=20260531",
            "must have the meeting's start as its first day",
        ),
    ];
    for (rule, why) in never {
        let found = starts(rule, "2026-06-01 10:00:00", &utc).map_err(|invalid| invalid.to_string());
        assert_eq!(found, Err(why.to_owned()), "{rule}");
    }
    assert_eq!(
        starts("FREQ=DAILY;UNTIL=20280601", "2026-06-01 10:00:00", &utc).map(|all| all.len()),
        Ok(732)
    );
    let last = starts("RRULE:freq=daily;until=20260603T100000Z", "2026-06-01 10:00:00", &utc).expect("starts");
    assert_eq!(
        last.last().map(String::as_str),
        Some("2026-06-03 10:00:00"),
        "UNTIL is the last one"
    );
    let tokyo = zone("Asia/Tokyo");
    let until = |rule: &str| starts(rule, "2026-06-01 08:00:00", &tokyo).expect("starts").len();
    assert_eq!(
        until("FREQ=DAILY;UNTIL=20260603"),
        3,
        "a date is a day of the meeting's zone"
    );
    assert_eq!(until("FREQ=DAILY;UNTIL=20260602T225959Z"), 2, "a time with Z is UTC");
    assert_eq!(
        until("FREQ=DAILY;UNTIL=20260603T080000"),
        3,
        "a time without is the zone's"
    );
}

proptest! {
    #[test]
    fn any_text_is_refused_or_kept(text in "\\PC{0,80}") {
        if let Ok(rule) = text.parse::<Rule>() { prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule)); }
    }

    #[test]
    fn any_rule_ends_in_order_and_in_time(
        frequency in 0_usize..4, interval in 1_i32..400, count in 1_usize..1_001, month in prop::option::of(1_i16..13),
        month_day in prop::option::of(-31_i16..32), day in prop::option::of((-5_i16..6, 0_usize..7)), position in prop::option::of(-3_i16..4),
        seconds in 1_700_000_000_i64..1_900_000_000, which in 0_usize..4,
    ) {
        let mut text = format!("FREQ={};INTERVAL={interval};COUNT={count}", ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][frequency]);
        if let Some(month) = month { text += &format!(";BYMONTH={month}"); }
        if let Some(day) = month_day { text += &format!(";BYMONTHDAY={day}"); }
        if let Some((n, day)) = day {
            let n = if n == 0 { String::new() } else { n.to_string() };
            text += &format!(";BYDAY={n}{}", ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][day]);
        }
        if let Some(position) = position { text += &format!(";BYSETPOS={position}"); }
        let zone = zone(["UTC", "Australia/Lord_Howe", "America/New_York", "Pacific/Apia"][which]);
        let start = Timestamp::from_second(seconds).expect("a time");
        if let Ok(rule) = text.parse::<Rule>() && let Ok(starts) = rule.starts(start, &zone) {
            prop_assert_eq!(starts[0], start);
            prop_assert!(starts.len() == count && starts.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(starts[count - 1].duration_since(start).as_hours() <= 24 * LONGEST_DAYS);
        }
    }
}
