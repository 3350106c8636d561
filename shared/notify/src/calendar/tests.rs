use std::collections::BTreeMap;

use domain::conference::{Exception, Minutes, Rule, Series};
use domain::time::Zone;
use icalendar::{Calendar, CalendarComponent, Component, Event};
use jiff::civil::DateTime;

use super::*;
use crate::sample;

/// A file as an independent reader has it.
pub(crate) fn read(file: &str) -> Calendar {
    // The reader's own rule: unfolded first.
    icalendar::parser::read_calendar(&icalendar::parser::unfold(file))
        .expect("a calendar")
        .into()
}

fn events(calendar: &Calendar) -> Vec<&Event> {
    let event = |part: &'_ CalendarComponent| -> bool { matches!(part, CalendarComponent::Event(_)) };
    let events = calendar.components.iter().filter(|part| event(part));
    events.filter_map(CalendarComponent::as_event).collect()
}

fn file<'a>(conference: &'a Conference, method: Method, part: Part<'a>) -> File<'a> {
    File {
        conference,
        method,
        part,
        stamp: "2026-06-01T12:00:00Z".parse().expect("a time"),
        product: "Joe Meet",
        organizer: Person {
            name: Some("John Host"),
            email: sample::sender(),
        },
        attendee: Some(Attendee {
            person: Person {
                name: Some("Anna Guest"),
                email: sample::guest(),
            },
            leads: false,
            host: false,
            gone: false,
            replies: None,
        }),
        summary: conference.subject.as_str(),
        description: "Bring numbers",
        url: "https://acme.demo.test/conf/call/1234567",
    }
}

fn value<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.property_value(name)
}

fn times(event: &Event, name: &str) -> Vec<String> {
    event
        .multi_properties()
        .get(name)
        .into_iter()
        .flatten()
        .map(|one| one.value().to_owned())
        .collect()
}

#[test]
fn an_invitation_has_all_that_calendars_ask_for() {
    let conference = sample::meeting();
    let text = file(&conference, Method::Request, Part::Whole).render();
    let calendar = read(&text);
    let property = |name: &str| calendar.property_value(name).map(str::to_owned);
    assert_eq!(property("VERSION").as_deref(), Some("2.0"));
    assert_eq!(property("METHOD").as_deref(), Some("REQUEST"));
    assert_eq!(property("PRODID").as_deref(), Some("-//Joe Meet//EN"));
    let all = events(&calendar);
    let [event] = all[..] else { panic!("one event: {text}") };
    assert_eq!(value(event, "UID"), Some("6ba7b810@acme.demo.test"));
    assert_eq!(value(event, "SEQUENCE"), Some("0"));
    assert_eq!(value(event, "DTSTAMP"), Some("20260601T120000Z"));
    assert_eq!(value(event, "STATUS"), Some("CONFIRMED"));
    let start = event.properties().get("DTSTART").expect("a start");
    assert_eq!(start.value(), "20260706T140000");
    assert_eq!(start.params().get("TZID").expect("a zone").value(), "Europe/Berlin");
    assert_eq!(value(event, "DTEND"), Some("20260706T150000"));
    let organizer = event.properties().get("ORGANIZER").expect("an organizer");
    assert_eq!(organizer.value(), "mailto:no-reply@demo.test");
    let attendee = text.replace("\r\n ", "");
    assert!(
        attendee.contains(
            "\r\nATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=\"Anna Guest\":mailto:anna@guest.test\r\n"
        ),
        "{attendee}"
    );
    // RFC 5546 §3.2.2: a zone that is named is there.
    assert!(text.contains("BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n"));
}

#[test]
fn times_of_utc_need_no_zone() {
    let conference = Conference {
        zone: Zone::utc(),
        ..sample::meeting()
    };
    let text = file(&conference, Method::Request, Part::Whole).render();
    assert!(
        text.contains("\r\nDTSTART:20260706T120000Z\r\n") && !text.contains("VTIMEZONE"),
        "{text}"
    );
}

#[test]
fn a_series_is_one_rule_with_its_exceptions() {
    let mut conference = sample::weekly("FREQ=WEEKLY;UNTIL=20260901");
    let starts = conference.series.as_ref().expect("a series").starts.clone();
    let series = conference.series.as_mut().expect("a series");
    series.set(
        starts[1],
        Exception {
            cancelled: true,
            ..Exception::default()
        },
    );
    let moved = "2026-07-21T08:30:00Z".parse().expect("a time");
    series.set(
        starts[2],
        Exception {
            start: Some(moved),
            ..Exception::default()
        },
    );
    conference.sequence = 3;
    let calendar = read(&file(&conference, Method::Request, Part::Whole).render());
    let all = events(&calendar);
    let [master, changed] = all[..] else {
        panic!("the series and one change")
    };
    assert_eq!(value(master, "RRULE"), Some("FREQ=WEEKLY;COUNT=9"));
    assert_eq!(times(master, "EXDATE"), ["20260713T140000"]);
    assert_eq!(value(changed, "RECURRENCE-ID"), Some("20260720T140000"));
    assert_eq!(value(changed, "DTSTART"), Some("20260721T103000"));
    assert_eq!(
        (value(changed, "UID"), value(changed, "SEQUENCE")),
        (value(master, "UID"), Some("3"))
    );
}

#[test]
fn occurrences_are_named_by_their_original_starts() {
    let mut conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let starts = conference.series.as_ref().expect("a series").starts.clone();
    let moved = "2026-07-21T08:30:00Z".parse().expect("a time");
    let series = conference.series.as_mut().expect("a series");
    series.set(
        starts[2],
        Exception {
            start: Some(moved),
            cancelled: true,
            ..Exception::default()
        },
    );
    let calendar = read(&file(&conference, Method::Cancel, Part::Occurrences(&starts[2..3])).render());
    assert_eq!(calendar.property_value("METHOD"), Some("CANCEL"));
    let all = events(&calendar);
    let [event] = all[..] else { panic!("one occurrence") };
    assert_eq!(value(event, "RECURRENCE-ID"), Some("20260720T140000"));
    assert_eq!(
        (value(event, "STATUS"), value(event, "RRULE")),
        (Some("CANCELLED"), None)
    );
}

/// RFC 5546 §3.2.5: STATUS is CANCELLED where the meeting is off, and not said to who alone is not to come.
#[test]
fn only_a_meeting_that_is_off_is_called_cancelled() {
    let conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let off = file(&conference, Method::Cancel, Part::Whole);
    let gone = File {
        attendee: off.attendee.map(|attendee| Attendee { gone: true, ..attendee }),
        ..off
    };
    for (file, status) in [(off, Some("CANCELLED")), (gone, None)] {
        let calendar = read(&file.render());
        assert_eq!(calendar.property_value("METHOD"), Some("CANCEL"));
        assert_eq!(value(events(&calendar)[0], "STATUS"), status);
    }
}

#[test]
fn a_series_that_was_planned_anew_begins_where_its_rule_does() {
    let mut conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let before = conference.series.clone().expect("a series");
    let start = "2026-07-21T12:00:00Z".parse().expect("a time");
    let rule: Rule = "FREQ=WEEKLY;INTERVAL=2;COUNT=5".parse().expect("a rule");
    let next = Series::new(rule.clone(), &rule.starts(start, &conference.zone).expect("starts"));
    let begun = before.starts[0];
    conference.series = Some(next.after(&before, conference.duration, |slot| slot.occurrence == begun));
    (conference.start, conference.occurrence) = (start, Occurrence::new(start.as_second()));
    let calendar = read(&file(&conference, Method::Request, Part::Whole).render());
    let all = events(&calendar);
    let [master] = all[..] else { panic!("the series") };
    assert_eq!(value(master, "DTSTART"), Some("20260721T140000"));
    assert_eq!(value(master, "RRULE"), Some("FREQ=WEEKLY;INTERVAL=2;COUNT=5"));
}

#[test]
fn times_that_a_clock_change_moves_are_listed() {
    let mut conference = sample::meeting();
    let start = conference.zone.read("2027-03-27 02:30:00").expect("a time");
    let rule: Rule = "FREQ=DAILY;COUNT=3".parse().expect("a rule");
    conference.start = start;
    conference.series = Some(Series::new(
        rule.clone(),
        &rule.starts(start, &conference.zone).expect("starts"),
    ));
    let calendar = read(&file(&conference, Method::Request, Part::Whole).render());
    let all = events(&calendar);
    assert_eq!(value(all[0], "RRULE"), None);
    assert_eq!(times(all[0], "RDATE"), ["20270328T033000", "20270329T023000"]);
}

/// A time of day that happens twice means the first of both (RFC 5545 §3.3.5); the second is said in UTC.
#[test]
fn the_hour_that_happens_twice_is_not_mistaken() {
    let of = |start: &str, minutes: u16| {
        let mut conference = sample::meeting();
        conference.start = conference.zone.read(start).expect("a time");
        conference.duration = Minutes::new(minutes).expect("minutes");
        let calendar = read(&file(&conference, Method::Request, Part::Whole).render());
        let all = events(&calendar);
        ["DTSTART", "DTEND"].map(|name| value(all[0], name).expect("a time").to_owned())
    };
    assert_eq!(of("2027-10-31 02:30:00", 30), ["20271031T023000", "20271031T010000Z"]);
    assert_eq!(of("2027-10-31 02:30:00", 60), ["20271031T023000", "20271031T013000Z"]);
    assert_eq!(of("2027-10-31 01:30:00", 120), ["20271031T013000", "20271031T013000Z"]);
    assert_eq!(
        of("2027-10-31T02:30:00+01:00", 60),
        ["20271031T013000Z", "20271031T033000"]
    );

    let mut conference = sample::weekly("FREQ=WEEKLY;COUNT=3");
    let second = "2027-10-31T01:30:00Z".parse().expect("a time");
    let series = conference.series.as_mut().expect("a series");
    let moved = series.starts[1];
    let exception = Exception {
        start: Some(second),
        ..Exception::default()
    };
    series.set(moved, exception);
    let calendar = read(&file(&conference, Method::Request, Part::Whole).render());
    let all = events(&calendar);
    assert_eq!(value(all[1], "DTSTART"), Some("20271031T013000Z"));

    // A rule that begins with it means the first hour to its readers: its times are listed.
    let rule: Rule = "FREQ=DAILY;COUNT=2".parse().expect("a rule");
    let starts = [second, "2027-11-01T01:30:00Z".parse().expect("a time")];
    conference.start = second;
    conference.series = Some(Series::new(rule, &starts));
    let calendar = read(&file(&conference, Method::Request, Part::Whole).render());
    let all = events(&calendar);
    assert_eq!(value(all[0], "RRULE"), None);
    assert_eq!(value(all[0], "DTSTART"), Some("20271031T013000Z"));
    assert_eq!(times(all[0], "RDATE"), ["20271101T023000"]);
}

#[test]
fn what_is_published_asks_nobody_and_is_called_as_it_is_told() {
    let conference = sample::meeting();
    let mut file = file(&conference, Method::Publish, Part::Whole);
    file.attendee = None;
    file.summary = "Joe Meet · John Host";
    let text = file.render();
    assert!(text.contains("\r\nMETHOD:PUBLISH\r\n") && !text.contains("Numbers"));
    let calendar = read(&text);
    let all = events(&calendar);
    let [event] = all[..] else { panic!("one event") };
    assert_eq!(value(event, "SUMMARY"), Some("Joe Meet · John Host"));
    assert_eq!(value(event, "ORGANIZER"), Some("mailto:no-reply@demo.test"));
    assert_eq!(value(event, "STATUS"), Some("CONFIRMED"));
    assert!(event.multi_properties().get("ATTENDEE").is_none() && value(event, "ATTENDEE").is_none());
}

#[test]
fn words_of_people_are_no_properties() {
    let mut conference = sample::meeting();
    let subject = "Numbers; \"big\", \\small";
    conference.subject = subject.parse().expect("a subject");
    let mut file = file(&conference, Method::Request, Part::Whole);
    let evil = format!(
        "{subject}\r\nEND:VEVENT\r\nBEGIN:VALARM\nACTION:EMAIL\u{2028}ATTENDEE:mailto:x@evil.test\r{}",
        "ä".repeat(32 * 1024)
    );
    file.description = &evil;
    if let Some(attendee) = &mut file.attendee {
        attendee.person.name = Some("Eve\"\r\nATTENDEE:mailto:x@evil.test");
    }
    file.organizer.name = Some("\u{202e}tsoH;CN=x:mailto:y@evil.test");
    let text = file.render();
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "folded");
    assert!(
        !text
            .replace("\r\n", "")
            .contains(['\r', '\n', '\u{202e}', '\u{2067}', '\u{2028}'])
    );
    let calendar = read(&text);
    let all = events(&calendar);
    let [event] = all[..] else { panic!("one event") };
    let unfolded = text.replace("\r\n ", "");
    let count = |start: &str| unfolded.split("\r\n").filter(|line| line.starts_with(start)).count();
    assert_eq!(
        (
            count("ATTENDEE"),
            count("BEGIN:VALARM"),
            count("BEGIN:VEVENT"),
            count("END:VEVENT")
        ),
        (1, 0, 1, 1)
    );
    let description = value(event, "DESCRIPTION").expect("a description");
    assert!(description.contains("BEGIN:VALARM") && description.chars().count() > 32 * 1024);
}

#[test]
fn an_answer_stands_in_what_is_told_later() {
    let mut conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let starts = conference.series.as_ref().expect("a series").starts.clone();
    let said = |second, status| domain::conference::Reply {
        sequence: 0,
        at: Timestamp::from_second(second).expect("a time"),
        status,
    };
    let mut replies = Replies::default();
    assert!(replies.take(&conference, None, said(1, PartStat::Accepted)));
    assert!(replies.take(&conference, Some(starts[1]), said(2, PartStat::Declined)));
    let statuses = |conference: &Conference, part: Part<'_>, host: bool| -> Vec<(Option<String>, String)> {
        let mut file = file(conference, Method::Request, part);
        if let Some(attendee) = &mut file.attendee {
            (attendee.replies, attendee.host) = (Some(&replies), host);
        }
        let calendar = read(&file.render());
        let status = |event: &Event| {
            let attendee = event.multi_properties()["ATTENDEE"][0].params()["PARTSTAT"]
                .value()
                .to_owned();
            (value(event, "RECURRENCE-ID").map(str::to_owned), attendee)
        };
        events(&calendar).into_iter().map(status).collect()
    };
    let one = |id: Option<&str>, status: &str| (id.map(str::to_owned), status.to_owned());
    // The occurrence with an answer of its own is told of apart, so that no calendar forgets it.
    let (master, own) = (one(None, "ACCEPTED"), one(Some("20260713T140000"), "DECLINED"));
    assert_eq!(statuses(&conference, Part::Whole, false), [master.clone(), own.clone()]);
    assert_eq!(
        statuses(&conference, Part::Occurrences(&starts[1..2]), false),
        std::slice::from_ref(&own)
    );
    let before = conference.clone();
    let moved = "2026-07-21T08:30:00Z".parse().expect("a time");
    let series = conference.series.as_mut().expect("a series");
    series.set(
        starts[2],
        Exception {
            start: Some(moved),
            ..Exception::default()
        },
    );
    conference.sequence = 1;
    conference.times_since = before.times_since.after(&before, &conference, 1);
    let anew = one(Some("20260720T140000"), "NEEDS-ACTION");
    assert_eq!(statuses(&conference, Part::Whole, false), [master, own, anew]);
    // Who holds it is not asked, and may say so.
    let fresh = Replies::default();
    let mut file = file(&before, Method::Request, Part::Whole);
    if let Some(attendee) = &mut file.attendee {
        (attendee.replies, attendee.host) = (Some(&fresh), true);
    }
    assert!(
        file.render()
            .replace("\r\n ", "")
            .contains("PARTSTAT=ACCEPTED;RSVP=FALSE")
    );
}

/// Two years in many zones: what the file's own zone and rule say is when the meeting is.
#[test]
fn local_times_and_zone_of_a_file_give_the_instants() {
    for name in [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "America/Sao_Paulo",
        "Asia/Kolkata",
    ] {
        let zone: Zone = name.parse().expect("a zone");
        let start = zone.read("2026-07-06 09:00:00").expect("a time");
        let rule: Rule = "FREQ=WEEKLY;COUNT=104".parse().expect("a rule");
        let starts = rule.starts(start, &zone).expect("starts");
        let conference = Conference {
            series: Some(Series::new(rule, &starts)),
            start,
            zone,
            duration: Minutes::new(30).expect("minutes"),
            ..sample::meeting()
        };
        let text = file(&conference, Method::Request, Part::Whole).render();
        let offsets = observances(&text);
        for (week, start) in starts.iter().enumerate() {
            let local = DateTime::constant(2026, 7, 6, 9, 0, 0, 0)
                .checked_add(jiff::SignedDuration::from_hours(24 * 7 * week as i64))
                .expect("a day");
            let (_, seconds) = offsets.range(..=local).next_back().expect("an observance");
            let instant = jiff::tz::TimeZone::UTC.to_timestamp(local).expect("a time").as_second() - seconds;
            assert_eq!(instant, start.as_second(), "{name} {local}");
        }
    }
}

/// Read from the file alone: from which local time on which offset counts, in seconds.
fn observances(text: &str) -> BTreeMap<DateTime, i64> {
    let mut found = BTreeMap::new();
    let zone = text.split("END:VTIMEZONE").next().expect("a zone");
    for part in zone.split("BEGIN:").skip(3) {
        let line = |name: &str| part.lines().find_map(|line| line.strip_prefix(name));
        let time = |text: &str| DateTime::strptime("%Y%m%dT%H%M%S", text).expect("a time");
        let first = time(line("DTSTART:").expect("a start"));
        let offset = line("TZOFFSETTO:").expect("an offset");
        let number = |range: std::ops::Range<usize>| offset[range].parse::<i64>().expect("digits");
        let sign = if offset.starts_with('-') { -1 } else { 1 };
        let seconds = sign * (number(1..3) * 3_600 + number(3..5) * 60);
        found.insert(first, seconds);
        for date in part.lines().filter_map(|line| line.strip_prefix("RDATE:")) {
            found.insert(time(date), seconds);
        }
        if let Some(rule) = line("RRULE:FREQ=YEARLY;BYMONTH=") {
            let (month, day) = rule.split_once(";BYDAY=").expect("a day");
            let (nth, weekday) = day.split_at(day.len() - 2);
            let weekday = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
                .iter()
                .position(|known| *known == weekday)
                .expect("a day");
            let weekday = jiff::civil::Weekday::from_monday_zero_offset(weekday as i8).expect("a day");
            for year in first.year()..first.year() + 4 {
                let month = jiff::civil::date(year, month.parse().expect("a month"), 1);
                let date = month
                    .nth_weekday_of_month(nth.parse().expect("a number"), weekday)
                    .expect("a date");
                found.insert(date.to_datetime(first.time()), seconds);
            }
        }
    }
    found
}
