use domain::conference::Exception;
use domain::id::ContactId;
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use super::*;
use crate::{message_id, sample};

fn person(name: Option<&str>, moderator: bool) -> Invited {
    Invited {
        contact: ContactId::new(9).expect("an id"),
        name: name.map(|name| name.parse().expect("a name")),
        email: sample::guest().clone(),
        phone: None,
        moderator,
    }
}

fn mail(conference: &Conference, invited: &Invited, language: Language, news: News<'_>) -> Mail {
    let color = "#ffd54a".parse().expect("a colour");
    let host = "john@acme.test".parse().expect("an address");
    let meeting = Meeting {
        conference,
        host: Some(Person {
            name: Some("John Host"),
            email: &host,
        }),
        brand: Brand {
            product: "Joe Meet",
            color: Some(&color),
        },
        pin: Some("4711"),
        at: conference.created,
    };
    let reader = Reader {
        invited,
        host: false,
        replies: None,
        url: "https://acme.demo.test/conf/call/1234567",
        language,
        zone: &conference.zone,
    };
    let id = message_id(&["job", "0", "9"], sample::sender());
    let envelope = Envelope {
        id: &id,
        sender: sample::sender(),
        reply_to: Some(("John Host", &host)),
        name: invited.name.as_ref().map(domain::text::Name::as_str),
        to: &invited.email,
        date: conference.created,
    };
    meeting.mail(&envelope, &reader, news)
}

fn read(mail: &Mail) -> Message<'_> {
    MessageParser::default().parse(&mail.raw).expect("a mail")
}

fn kind(part: &mail_parser::MessagePart<'_>) -> String {
    let kind = part.content_type().expect("a type");
    format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default())
}

#[test]
fn an_invitation_is_text_html_and_calendar_and_a_file() {
    let conference = sample::meeting();
    let sent = mail(
        &conference,
        &person(Some("Anna Guest"), false),
        Language::English,
        News::Invited,
    );
    let message = read(&sent);
    assert_eq!(message.subject(), Some("Invitation: Numbers"));
    let from = message.from().and_then(|from| from.first()).expect("a sender");
    assert_eq!(
        (from.name(), from.address()),
        (Some("Joe Meet"), Some("no-reply@demo.test"))
    );
    let to = message.to().and_then(|to| to.first()).expect("somebody");
    assert_eq!((to.name(), to.address()), (Some("Anna Guest"), Some("anna@guest.test")));
    let answers = message.reply_to().and_then(|to| to.first()).expect("somebody");
    assert_eq!(answers.address(), Some("john@acme.test"));
    assert_eq!(message.message_id(), Some(sent.id.as_str()));
    let kinds: Vec<String> = message.parts.iter().map(kind).collect();
    assert_eq!(
        kinds,
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "text/calendar",
            "application/ics"
        ]
    );
    let calendar = &message.parts[4];
    assert_eq!(
        calendar.content_type().and_then(|kind| kind.attribute("method")),
        Some("REQUEST")
    );
    assert_eq!(
        calendar.content_type().and_then(|kind| kind.attribute("charset")),
        Some("utf-8")
    );
    assert_eq!(message.parts[5].attachment_name(), Some("invite.ics"));
    let (PartType::Text(inline), attached) = (&calendar.body, message.parts[5].contents()) else {
        panic!("text")
    };
    assert_eq!(inline.as_bytes(), attached);
    let text = message.body_text(0).expect("text");
    for line in [
        "John Host invites you to a meeting.",
        "Monday, 6 July 2026, 14:00 – 15:00 (Europe/Berlin, UTC+02:00)",
        "https://acme.demo.test/conf/call/1234567",
        "4711",
        "1234567",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.to_lowercase().contains("dial") && !text.contains("moderator"));
}

#[test]
fn the_same_mail_is_the_same_bytes() {
    let conference = sample::meeting();
    let again = || {
        mail(
            &conference,
            &person(Some("Anna"), false),
            Language::German,
            News::Invited,
        )
        .raw
    };
    assert_eq!(again(), again());
    assert_ne!(
        message_id(&["a", "b"], sample::sender()),
        message_id(&["ab", ""], sample::sender())
    );
}

#[test]
fn each_language_says_all_of_it() {
    let conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let subjects = Language::ALL.map(|language| {
        let sent = mail(&conference, &person(None, true), language, News::Invited);
        let message = read(&sent);
        let html = message.body_html(0).expect("HTML").into_owned();
        assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())), "{html}");
        assert!(
            html.contains("prefers-color-scheme:dark") && !html.contains("<img"),
            "{html}"
        );
        assert!(!html.contains('{') || html.contains("<style>"), "{html}");
        // A moderator is told not to pass the link on.
        assert!(message.body_text(0).expect("text").contains(language.words().keep_link));
        message.subject().expect("a subject").to_owned()
    });
    assert_eq!(
        subjects,
        [
            "Invitation: Numbers",
            "Invitación: Numbers",
            "Invitation : Numbers",
            "Einladung: Numbers",
            "Convite: Numbers"
        ]
    );
}

#[test]
fn a_cancellation_shows_no_way_in() {
    let mut conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let starts = conference.series.as_ref().expect("a series").starts.clone();
    let exception = Exception {
        cancelled: true,
        ..Exception::default()
    };
    conference.series.as_mut().expect("a series").set(starts[1], exception);
    for (news, subject) in [
        (News::Cancelled(Part::Whole), "Cancelled: Numbers"),
        (News::Cancelled(Part::Occurrences(&starts[1..2])), "Cancelled: Numbers"),
        (News::Uninvited, "Cancelled: Numbers"),
    ] {
        let whole = !matches!(news, News::Cancelled(Part::Occurrences(_)));
        let sent = mail(&conference, &person(None, false), Language::English, news);
        let message = read(&sent);
        assert_eq!(message.subject(), Some(subject));
        let method = message.parts[4]
            .content_type()
            .and_then(|kind| kind.attribute("method"));
        assert_eq!(method, Some("CANCEL"));
        let text = message.body_text(0).expect("text");
        assert!(!text.contains("http") && !text.contains("4711"), "{text}");
        assert_eq!(text.contains("3 times, the last on"), whole, "{text}");
        let all = news == News::Cancelled(Part::Whole);
        assert_eq!(
            text.contains("This series of meetings does not take place"),
            all,
            "{text}"
        );
    }
}

#[test]
fn what_was_moved_is_named_by_when_it_was_to_be() {
    let mut conference = sample::weekly("FREQ=WEEKLY;COUNT=4");
    let starts = conference.series.as_ref().expect("a series").starts.clone();
    let exception = Exception {
        start: Some("2026-07-14T08:30:00Z".parse().expect("a time")),
        ..Exception::default()
    };
    conference.series.as_mut().expect("a series").set(starts[1], exception);
    let news = News::Changed(Part::Occurrences(&starts[1..3]));
    let sent = mail(&conference, &person(None, false), Language::English, news);
    let text = read(&sent).body_text(0).expect("text").into_owned();
    let moved =
        "Tuesday, 14 July 2026, 10:30 – 11:30 (Europe/Berlin, UTC+02:00), originally Monday, 13 July 2026, 14:00";
    assert!(text.contains(moved), "{text}");
    assert_eq!(text.matches("originally").count(), 1, "what lies where it was: {text}");
}

#[test]
fn a_series_says_how_often_it_is_and_what_is_not_as_planned() {
    let mut conference = sample::weekly("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=6");
    let said = |conference: &Conference, language| {
        let sent = mail(conference, &person(None, false), language, News::Invited);
        read(&sent).body_text(0).expect("text").into_owned()
    };
    let text = said(&conference, Language::English);
    let when = "Monday, 6 July 2026, 14:00 – 15:00 (Europe/Berlin, UTC+02:00)\n";
    assert!(text.replace('\r', "").contains(when), "{text}");
    let often = "every week (Monday, Thursday), 6 times, the last on Thursday, 23 July 2026";
    assert!(text.contains(often), "{text}");
    let german = said(&conference, Language::German);
    assert!(
        german.contains("jede Woche (Montag, Donnerstag), 6-mal, zuletzt am"),
        "{german}"
    );
    let exception = Exception {
        start: Some("2026-07-07T08:30:00Z".parse().expect("a time")),
        ..Exception::default()
    };
    let series = conference.series.as_mut().expect("a series");
    series.set(series.starts[0], exception);
    let text = said(&conference, Language::English).replace('\r', "");
    let when = "  Tuesday, 7 July 2026, 10:30 – 11:30 (Europe/Berlin, UTC+02:00), originally Monday, 6 July 2026, 14:00\n  \
                Thursday, 9 July 2026, 14:00 – 15:00 (Europe/Berlin, UTC+02:00)\n";
    assert!(text.contains(when), "{text}");
}

#[test]
fn how_often_is_said_only_where_a_word_says_it() {
    let said = |rule: &str, zone: &str| {
        let mut conference = sample::weekly(rule);
        // The reader's zone is the meeting's: the starts stay what they are.
        conference.zone = zone.parse().expect("a zone");
        let sent = mail(&conference, &person(None, false), Language::English, News::Invited);
        let text = read(&sent).body_text(0).expect("text").replace('\r', "");
        let (_, text) = text.split_once("Repeats:\n  ").expect("how often");
        text.lines().next().expect("a line").to_owned()
    };
    let often = |rule| {
        said(rule, "Europe/Berlin")
            .split(" times")
            .next()
            .expect("words")
            .to_owned()
    };
    assert_eq!(often("FREQ=DAILY;COUNT=5"), "every day, 5");
    assert_eq!(often("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=5"), "5");
    assert_eq!(often("FREQ=WEEKLY;INTERVAL=2;COUNT=5"), "every 2 weeks (Monday), 5");
    assert_eq!(often("FREQ=MONTHLY;COUNT=5"), "every month, 5");
    assert_eq!(often("FREQ=MONTHLY;BYDAY=MO;COUNT=5"), "5");
    assert_eq!(often("FREQ=YEARLY;COUNT=2"), "every year, 2");
    assert_eq!(
        said("FREQ=WEEKLY;COUNT=2", "Pacific/Auckland").split(',').next(),
        Some("every week (Tuesday)")
    );
}

#[test]
fn clocks_that_change_meanwhile_are_named() {
    let mut conference = sample::meeting();
    conference.start = conference.zone.read("2027-10-31 02:30:00").expect("a time");
    let sent = mail(&conference, &person(None, false), Language::English, News::Invited);
    let text = read(&sent).body_text(0).expect("text").into_owned();
    let when = "Sunday, 31 October 2027, 02:30 – 02:30 (Europe/Berlin, UTC+02:00 – UTC+01:00)";
    assert!(text.contains(when), "{text}");
}

#[test]
fn a_reminder_says_when_and_holds_no_calendar() {
    let conference = sample::meeting();
    let sent = mail(
        &conference,
        &person(None, false),
        Language::German,
        News::Starts(conference.occurrence),
    );
    let message = read(&sent);
    assert_eq!(message.subject(), Some("Erinnerung: Numbers"));
    assert_eq!(message.parts.len(), 3, "alternative of two");
    assert!(message.body_text(0).expect("text").contains("beginnt um 14:00 Uhr"));
}

/// What is read as it is written cannot bring a line break or a mark of direction in, which plain text may not hold.
#[test]
fn what_looks_like_an_encoded_word_is_read_as_it_is_written() {
    let (word, end) = ("=?utf-8?q?=E2=80=AEevil_=0D=0AX=3A1?=", "=?=?");
    let mut conference = sample::meeting();
    conference.subject = word.parse().expect("a subject");
    let sent = mail(
        &conference,
        &person(Some(&format!("{word} {end}")), false),
        Language::English,
        News::Invited,
    );
    let message = read(&sent);
    let shown = |text: Option<&str>| text.expect("there").replace('\u{2060}', "");
    assert_eq!(shown(message.subject()), format!("Invitation: {word}"));
    let to = message.to().and_then(|to| to.first()).expect("somebody");
    assert_eq!(shown(to.name()), format!("{word} {end}"));
    let raw = String::from_utf8(sent.raw).expect("text");
    let head = raw.split("\r\n\r\n").next().expect("headers");
    assert!(!head.contains("=?utf-8?q?=E2=80=AE"), "{head}");
}

#[test]
fn names_and_subjects_stay_in_their_headers() {
    let mut conference = sample::meeting();
    conference.subject = "Zahlen; =?utf-8?q?Bcc?= <x@evil.test>, \"Größe\" 数字"
        .parse()
        .expect("a subject");
    let name = "Eve\" <x@evil.test>, Bob \u{200f}עברית";
    let sent = mail(
        &conference,
        &person(Some(name), false),
        Language::English,
        News::Invited,
    );
    let message = read(&sent);
    assert_eq!(message.to().map(|to| to.iter().count()), Some(1));
    let to = message.to().and_then(|to| to.first()).expect("somebody");
    assert_eq!((to.name(), to.address()), (Some(name), Some("anna@guest.test")));
    let subject = message.subject().expect("a subject").replace('\u{2060}', "");
    assert_eq!(subject, format!("Invitation: {}", conference.subject));
    assert_eq!(
        message
            .headers_raw()
            .filter(|(name, _)| name.eq_ignore_ascii_case("bcc"))
            .count(),
        0
    );
}

#[test]
fn a_long_agenda_is_shown_whole_and_turns_nothing_around() {
    let mut conference = sample::meeting();
    conference.agenda = Some(format!(
        "1. <b>Start</b>\u{202e}\r\n.\r\n{}\r\nBcc: x@evil.test\r\n\r\n--=_x",
        "ß".repeat(64 * 1024)
    ));
    let sent = mail(&conference, &person(None, false), Language::English, News::Invited);
    assert!(
        sent.raw.split(|byte| *byte == b'\n').all(|line| line.len() <= 998),
        "RFC 5322 §2.1.1"
    );
    let message = read(&sent);
    assert_eq!(message.parts.len(), 6);
    let html = message.body_html(0).expect("HTML");
    assert!(html.contains("&lt;b&gt;Start&lt;/b&gt;") && !html.contains('\u{202e}'));
    assert!(html.matches('ß').count() == 64 * 1024);
}
