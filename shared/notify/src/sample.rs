//! A meeting for tests.

use std::sync::LazyLock;

use domain::code::Email;
use domain::conference::{CodeKind, Conference, Kind, Minutes, Rule, Series};
use domain::id::Occurrence;
use domain::room::MuteMode;
use domain::time::Zone;
use serde::Deserialize as _;
use serde::de::value::{Error, StrDeserializer};

fn email(text: &str) -> Email {
    text.parse().expect("an address")
}

pub(crate) fn sender() -> &'static Email {
    static SENDER: LazyLock<Email> = LazyLock::new(|| email("no-reply@demo.test"));
    &SENDER
}

pub(crate) fn guest() -> &'static Email {
    static GUEST: LazyLock<Email> = LazyLock::new(|| email("anna@guest.test"));
    &GUEST
}

/// Monday, 6 July 2026, 14:00 to 15:00 in Berlin.
pub(crate) fn meeting() -> Conference {
    let zone: Zone = "Europe/Berlin".parse().expect("a zone");
    let start = zone.read("2026-07-06 14:00:00").expect("a time");
    let sealed = || domain::sealed::Sealed::deserialize(StrDeserializer::<Error>::new("sealed")).expect("text");
    Conference {
        id: domain::id::ConferenceId::new(7).expect("an id"),
        reseller: domain::id::ResellerId::new(1).expect("an id"),
        company: domain::id::CompanyId::new(2).expect("an id"),
        host: domain::id::HostId::new(3).expect("an id"),
        kind: Kind::Scheduled,
        subject: "Numbers".parse().expect("a subject"),
        agenda: None,
        start,
        occurrence: Occurrence::new(start.as_second()),
        zone,
        duration: Minutes::new(60).expect("minutes"),
        code: "1234567".parse().expect("a code"),
        code_kind: CodeKind::Host,
        secure_url: false,
        host_initiated_recording: false,
        security_pin: None,
        mute_mode: MuteMode::default(),
        waiting_room: false,
        registration: false,
        moderator_token: sealed(),
        invited: Vec::new(),
        reminders: Vec::new(),
        ics_uid: "6ba7b810@acme.demo.test".into(),
        sequence: 0,
        times_since: domain::conference::TimesSince::default(),
        max_participants: 100,
        h264: true,
        created: "2026-06-01T12:00:00Z".parse().expect("a time"),
        series: None,
        version: 0,
        deleted: false,
    }
}

/// The same, repeated by a rule.
pub(crate) fn weekly(rule: &str) -> Conference {
    let mut conference = meeting();
    let rule: Rule = rule.parse().expect("a rule");
    let starts = rule.starts(conference.start, &conference.zone).expect("starts");
    conference.series = Some(Series::new(rule, &starts));
    conference
}
