//! Answers as the programs write them, made up after the RFCs and what is known of each.

use base64::Engine as _;
use domain::id::Occurrence;
use proptest::prelude::*;

use super::*;
use crate::calendar::{Attendee, Method, Part, Person};
use crate::sample;

const UID: &str = "6ba7b810-9dad-11d1-80b4-00c04fd430c8@acme.demo.test";

/// A file with lines of an event.
fn file(lines: &[&str]) -> String {
    let head = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Test//EN",
        "VERSION:2.0",
        "METHOD:REPLY",
        "BEGIN:VEVENT",
    ];
    let all = head.iter().chain(lines).chain(&["END:VEVENT", "END:VCALENDAR", ""]);
    all.copied().collect::<Vec<_>>().join("\r\n")
}

fn accepted() -> String {
    file(&[
        &format!("UID:{UID}"),
        "SEQUENCE:2",
        "DTSTAMP:20260601T121500Z",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@guest.test",
    ])
}

fn mail(kind: &str, more: &str, body: &str) -> Vec<u8> {
    format!("From: Anna Guest <anna@guest.test>\r\nTo: no-reply@demo.test\r\nSubject: Accepted: Numbers\r\n{more}MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{body}").into_bytes()
}

fn plain(file: &str) -> Vec<u8> {
    mail("text/calendar; charset=UTF-8; method=REPLY", "", file)
}

fn read(raw: &[u8]) -> ReplyMail {
    ReplyMail::read(raw).expect("an answer")
}

fn why(raw: &[u8]) -> Unread {
    ReplyMail::read(raw).expect_err("no answer")
}

fn check(reply: &ReplyMail, status: PartStat, sequence: u32) {
    assert_eq!(reply.from.as_str(), "anna@guest.test");
    assert_eq!(reply.attendee.folded(), "anna@guest.test");
    assert_eq!(reply.uid, UID);
    let [part] = reply.parts.as_slice() else {
        panic!("one part: {reply:?}")
    };
    assert_eq!((part.status, part.sequence, &part.instance), (status, sequence, &None));
    assert_eq!(part.at.to_string(), "2026-06-01T12:15:00Z");
}

/// Gmail: `multipart/mixed` of `multipart/alternative` and the file once more; the inline one quoted-printable, and generated.
#[test]
fn gmail() {
    let body = format!(
        "--m\r\nContent-Type: multipart/alternative; boundary=\"a\"\r\n\r\n\
         --a\r\nContent-Type: text/plain; charset=\"UTF-8\"; format=flowed; delsp=yes\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n\
         --a\r\nContent-Type: text/html; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Anna has accepted =\r\nthis.</p>\r\n\
         --a\r\nContent-Type: text/calendar; charset=\"UTF-8\"; method=REPLY\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         BEGIN:VCALENDAR\r\nPRODID:-//Google Inc//Google Calendar 70.9054//EN\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\n\
         DTSTART:20260706T120000Z\r\nDTEND:20260706T130000Z\r\nDTSTAMP:20260601T121500Z\r\nORGANIZER;CN=3DJohn Host:mailto:no-reply@demo.test\r\n\
         UID:{UID}\r\nATTENDEE;CUTYPE=3DINDIVIDUAL;ROLE=3DREQ-PARTICIPANT;PARTSTAT=3DACCEPTED;CN=3Danna=\r\n@guest.test;X-NUM-GUESTS=3D0:mailto:anna@guest.test\r\n\
         X-MICROSOFT-CDO-OWNERAPPTID:-1\r\nCREATED:20260601T120000Z\r\nDESCRIPTION:-::~:~::~:~:~\\n\\nM=C3=BCnchen\r\nLAST-MODIFIED:20260601T121500Z\r\n\
         SEQUENCE:1\r\nSTATUS:CONFIRMED\r\nSUMMARY:Numbers\r\nTRANSP:OPAQUE\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n\
         --a--\r\n\
         --m\r\nContent-Type: application/ics; name=\"invite.ics\"\r\nContent-Disposition: attachment; filename=\"invite.ics\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--m--\r\n",
        base64::engine::general_purpose::STANDARD.encode("Anna has accepted"),
        base64::engine::general_purpose::STANDARD.encode(accepted()),
    );
    let more = "Sender: Google Calendar <calendar-notification@google.com>\r\nAuto-Submitted: auto-generated\r\n\
        DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n        d=Guest.test; s=20230601; h=from:to;\r\n bh=x; b=d=evil.test\r\n\
        DKIM-Signature: v=1; a=rsa-sha256; d=google.com; s=1; b=x\r\n";
    let reply = read(&mail("multipart/mixed; boundary=\"m\"", more, &body));
    check(&reply, PartStat::Accepted, 1);
    assert_eq!(reply.signed, ["guest.test", "google.com"]);
}

/// Outlook and Exchange: base64 under `multipart/alternative`, a zone of its own name, `MAILTO` in capitals, odd properties.
#[test]
fn outlook() {
    let lines = format!(
        "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nPRODID:Microsoft Exchange Server 2010\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\n\
         BEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\n\
         END:VTIMEZONE\r\nBEGIN:VEVENT\r\nATTENDEE;PARTSTAT=TENTATIVE;CN=\"Guest, Anna; ACME: Ltd\":MAILTO:Anna@guest.test\r\n\
         COMMENT;LANGUAGE=de-DE:Ich wei\u{df} noch nicht: vielleicht\\n\r\nUID:{}\r\n {}\r\nSUMMARY;LANGUAGE=de-DE:Mit Vorbehalt: Numbers\r\n\
         DTSTART;TZID=W. Europe Standard Time:20260706T140000\r\nDTEND;TZID=W. Europe Standard Time:20260706T150000\r\nCLASS:PUBLIC\r\nPRIORITY:5\r\n\
         DTSTAMP:20260601T121500Z\r\nTRANSP:OPAQUE\r\nSTATUS:CONFIRMED\r\nSEQUENCE:0\r\nnot a line\r\nX-MICROSOFT-CDO-APPT-SEQUENCE:7\r\n\
         BEGIN:VALARM\r\nACTION:DISPLAY\r\nUID:of-an-alarm\r\nATTENDEE:mailto:eve@evil.test\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        &UID[..40],
        &UID[40..],
    );
    let encoded = base64::engine::general_purpose::STANDARD.encode(lines);
    let folded: Vec<&str> = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    let body = format!(
        "--_000_x_\r\nContent-Type: text/plain; charset=\"iso-8859-1\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nIch wei=DF noch nicht\r\n\
         --_000_x_\r\nContent-Type: text/calendar; charset=\"utf-8\"; method=REPLY\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--_000_x_--\r\n",
        folded.join("\r\n")
    );
    let more = "Thread-Topic: Numbers\r\nX-MS-Exchange-Calendar-Series-Instance-Id: x\r\nX-MS-Has-Attach:\r\n";
    let reply = read(&mail("multipart/alternative;\r\n\tboundary=\"_000_x_\"", more, &body));
    check(&reply, PartStat::Tentative, 0);
}

/// Apple Calendar: the method only in the file, which is an attachment; the address in a parameter.
#[test]
fn apple() {
    let lines = file(&[
        "CREATED:20260601T120000Z",
        &format!("UID:{UID}"),
        "DTEND;TZID=Europe/Berlin:20260706T150000",
        "ATTENDEE;CN=Anna;CUTYPE=INDIVIDUAL;EMAIL=anna@guest.test;PARTSTAT=DECLINED",
        " ;ROLE=REQ-PARTICIPANT:/1234/principal/",
        "DTSTAMP:20260601T121500Z",
        "SEQUENCE:3",
    ]);
    let body = format!(
        "--Apple-Mail=_1\r\nContent-Type: text/plain\r\n\r\nAnna has declined.\r\n\
         --Apple-Mail=_1\r\nContent-Disposition: attachment; filename=iCal-1.ics\r\nContent-Type: text/calendar; x-unix-mode=0644; name=\"iCal-1.ics\"\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\n{lines}\r\n--Apple-Mail=_1--\r\n"
    );
    let reply = read(&mail("multipart/mixed; boundary=\"Apple-Mail=_1\"", "", &body));
    check(&reply, PartStat::Declined, 3);
}

/// Thunderbird: bare line feeds, folded by tabs, an occurrence.
#[test]
fn thunderbird() {
    let lines = file(&[
        &format!("UID:{UID}"),
        "RECURRENCE-ID;TZID=Europe/Berlin:20260720T140000",
        "SEQUENCE:1",
        "DTSTAMP:20260601T121500Z",
        "ATTENDEE;RSVP=TRUE;CN=Anna;PARTSTAT=DECLI",
        "\tNED;ROLE=REQ-PARTICIPANT:mailto:anna%40guest.test",
        "X-MOZ-SEND-INVITATIONS:TRUE",
    ]);
    let reply = read(&mail(
        "text/calendar; method=REPLY; charset=UTF-8",
        "",
        &lines.replace("\r\n", "\n"),
    ));
    let [part] = reply.parts.as_slice() else {
        panic!("one part")
    };
    assert_eq!((part.status, part.sequence), (PartStat::Declined, 1));
    let conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let third = conference.series.as_ref().expect("a series").starts[2];
    assert_eq!(
        part.instance
            .as_ref()
            .and_then(|instance| instance.occurrence(&conference)),
        Some(third)
    );
}

#[test]
fn an_occurrence_is_found_by_its_instant() {
    let conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let starts = conference.series.as_ref().expect("a series").starts.clone();
    let found = |line: &str| -> Option<Occurrence> {
        let line = file::Line::read(line).expect("a line");
        Instance::read(&line)?.occurrence(&conference)
    };
    for line in [
        "RECURRENCE-ID:20260713T120000Z",
        "RECURRENCE-ID;TZID=America/New_York:20260713T080000",
        "RECURRENCE-ID;TZID=W. Europe Standard Time:20260713T140000",
        "RECURRENCE-ID;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260713T140000",
        "recurrence-id:20260713T140000",
        "RECURRENCE-ID;VALUE=DATE:20260713",
    ] {
        assert_eq!(found(line), Some(starts[1]), "{line}");
    }
    for line in [
        "RECURRENCE-ID:20260713T140000Z",
        "RECURRENCE-ID;TZID=America/New_York:20260713T140000",
        "RECURRENCE-ID;VALUE=DATE:20260714",
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20260713T120000Z",
        "RECURRENCE-ID:tomorrow",
        "RECURRENCE-ID:99999999T999999Z",
    ] {
        assert_eq!(found(line), None, "{line}");
    }
    let line = file::Line::read("RECURRENCE-ID:20260706T120000Z").expect("a line");
    let once = Instance::read(&line).expect("a time").occurrence(&sample::meeting());
    assert_eq!(once, None, "a meeting that does not repeat has none");
}

#[test]
fn what_is_no_answer_is_refused_with_the_reason() {
    let with = |more: &[&str]| {
        let uid = format!("UID:{UID}");
        let mut lines = vec![uid.as_str()];
        lines.extend(more);
        plain(&file(&lines))
    };
    let (stamp, anna) = (
        "DTSTAMP:20260601T121500Z",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@guest.test",
    );
    read(&with(&[stamp, anna]));
    assert_eq!(why(&with(&[anna])), Unread::Instance, "no time");
    assert_eq!(why(&with(&[stamp])), Unread::Attendee);
    let bob = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@guest.test";
    assert_eq!(why(&with(&[stamp, anna, bob])), Unread::Attendee, "several");
    assert_eq!(
        why(&with(&[stamp, "ATTENDEE;PARTSTAT=ACCEPTED:https://guest.test"])),
        Unread::Attendee
    );
    assert_eq!(
        why(&with(&[stamp, "ATTENDEE;PARTSTAT=DELEGATED:mailto:anna@guest.test"])),
        Unread::Status
    );
    assert_eq!(why(&with(&[stamp, anna, "SEQUENCE:-1"])), Unread::Instance);
    let second = |uid: &str, who: &str| {
        let event =
            format!("END:VEVENT\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n{stamp}\r\nRECURRENCE-ID:20260713T120000Z\r\n{who}");
        with(&[stamp, anna, &event])
    };
    assert_eq!(read(&second(UID, anna)).parts.len(), 2);
    assert_eq!(why(&second("another@acme.test", anna)), Unread::Events);
    assert_eq!(why(&second(UID, bob)), Unread::Attendee);
    let many = accepted()
        .replace("BEGIN:VCALENDAR\r\n", "")
        .replace("END:VCALENDAR\r\n", "")
        .repeat(101);
    assert_eq!(
        why(&plain(&format!("BEGIN:VCALENDAR\r\n{many}END:VCALENDAR\r\n"))),
        Unread::Events
    );
    assert_eq!(
        why(&plain("BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n")),
        Unread::Events
    );

    let accepted = accepted();
    for other in ["REQUEST", "CANCEL", "COUNTER", "REFRESH"] {
        assert_eq!(
            why(&plain(&accepted.replace("METHOD:REPLY", &format!("METHOD:{other}")))),
            Unread::NoReply
        );
        let kind = format!("text/calendar; method={other}");
        assert_eq!(why(&mail(&kind, "", &accepted)), Unread::NoReply);
    }
    assert_eq!(why(&mail("text/plain", "", &accepted)), Unread::NoReply);
    assert_eq!(
        why(&mail("text/calendar", "", &accepted.replace("METHOD:REPLY\r\n", ""))),
        Unread::NoReply
    );
    read(&plain(&accepted.replace("METHOD:REPLY\r\n", "")));
    // A mail that is attached to another was not sent by whoever sent that.
    let forwarded = String::from_utf8(plain(&accepted)).expect("text");
    assert_eq!(why(&mail("message/rfc822", "", &forwarded)), Unread::NoReply);

    let kind = "text/calendar; method=REPLY";
    assert_eq!(
        why(&mail(kind, "Auto-Submitted: auto-replied (vacation)\r\n", &accepted)),
        Unread::Automatic
    );
    assert_eq!(
        why(&mail(kind, "From: bob@guest.test\r\n", &accepted)),
        Unread::Sender,
        "two of them"
    );
    let from = |who: &str| {
        let text = String::from_utf8(plain(&accepted)).expect("text");
        text.replace("From: Anna Guest <anna@guest.test>", who).into_bytes()
    };
    for who in [
        "From: a@x.test, anna@guest.test",
        "From: All: anna@guest.test;",
        "From: nobody",
        "X: y",
    ] {
        assert_eq!(why(&from(who)), Unread::Sender, "{who}");
    }
    assert_eq!(why(b""), Unread::Sender);
    assert_eq!(why(&vec![b'a'; LARGEST_REPLY + 1]), Unread::Large);
}

#[test]
fn no_file_is_too_deep_or_too_long() {
    let deep = format!("METHOD:REPLY\r\n{}", "BEGIN:VEVENT\r\n".repeat(15_000));
    assert_eq!(why(&plain(&deep)), Unread::Events);
    let long = file(&[
        &format!("UID:{}", "x".repeat(200_000)),
        "DTSTAMP:20260601T121500Z",
        "ATTENDEE:mailto:anna@guest.test",
    ]);
    assert_eq!(read(&plain(&long)).uid.len(), 200_000);
}

#[test]
fn the_inboxs_own_answer_reads_as_one() {
    let conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let starts = conference.series.as_ref().expect("a series").starts.clone();
    let invitation = |part: Part<'_>| {
        let text = crate::File {
            conference: &conference,
            method: Method::Request,
            part,
            stamp: conference.created,
            product: "Joe Meet",
            organizer: Person {
                name: Some("John"),
                email: sample::sender(),
            },
            attendee: Some(Attendee {
                person: Person {
                    name: Some("Anna; Guest"),
                    email: sample::guest(),
                },
                leads: false,
                host: false,
                gone: false,
                replies: None,
            }),
            summary: "Numbers",
            description: "",
            url: "https://acme.demo.test/conf/call/1234567",
        };
        mail("text/calendar; charset=utf-8; method=REQUEST", "", &text.render())
    };
    let now = "2026-06-01T12:15:00.5Z".parse().expect("a time");
    let raw = reply_to(&invitation(Part::Whole), PartStat::Tentative, now).expect("an answer");
    let reply = read(&raw);
    assert_eq!(
        (reply.from.as_str(), reply.attendee.as_str()),
        ("anna@guest.test", "anna@guest.test")
    );
    assert_eq!(reply.uid, conference.ics_uid);
    let [part] = reply.parts.as_slice() else {
        panic!("one part")
    };
    assert_eq!((part.status, &part.instance), (PartStat::Tentative, &None));
    let raw = reply_to(&invitation(Part::Occurrences(&starts[1..3])), PartStat::Declined, now).expect("an answer");
    let found: Vec<_> = read(&raw)
        .parts
        .iter()
        .map(|part| {
            part.instance
                .as_ref()
                .and_then(|instance| instance.occurrence(&conference))
        })
        .collect();
    assert_eq!(found, [Some(starts[1]), Some(starts[2])]);
    assert!(reply_to(&raw, PartStat::Accepted, now).is_none(), "no invitation");
}

/// Like an answer, and not quite.
fn almost() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("BEGIN:VEVENT".to_owned()),
        Just("END:VEVENT".to_owned()),
        Just("END:VCALENDAR".to_owned()),
        Just("METHOD:REPLY".to_owned()),
        Just("UID:a\\".to_owned()),
        Just("DTSTAMP:20260601T121500Z".to_owned()),
        Just("SEQUENCE:4294967296".to_owned()),
        Just("ATTENDEE;PARTSTAT=\"ACCEPTED:mailto:%4".to_owned()),
        Just("ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@b.test".to_owned()),
        "(RECURRENCE-ID|DTSTAMP)(;TZID=[A-Za-z/]{0,12})?:[0-9TZ]{0,17}",
        "\\PC{0,40}",
        "[ \t;:=\"%\\\\]{0,12}",
    ];
    prop::collection::vec(piece, 0..30).prop_map(|lines| format!("BEGIN:VCALENDAR\r\n{}", lines.join("\r\n")))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(raw in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = ReplyMail::read(&raw);
    }

    #[test]
    fn any_file_is_read_or_refused(text in almost()) {
        if let Ok(reply) = ReplyMail::read(&plain(&text)) {
            prop_assert!(!reply.uid.is_empty() && !reply.parts.is_empty() && reply.parts.len() <= MOST_EVENTS);
            for part in &reply.parts {
                let _ = part.instance.as_ref().map(|instance| instance.occurrence(&sample::weekly("FREQ=WEEKLY;COUNT=4")));
            }
        }
        let _ = reply_to(&plain(&text), PartStat::Accepted, Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn a_damaged_answer_is_read_or_refused(at in 0_usize..2_000, byte: u8, cut in 0_usize..2_000) {
        let mut raw = plain(&accepted());
        let length = raw.len();
        raw[at % length] = byte;
        raw.truncate(cut.max(1));
        let _ = ReplyMail::read(&raw);
    }
}
