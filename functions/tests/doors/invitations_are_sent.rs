//! Who is invited, changed over or called off hears so by mail, with a calendar part; from the request through the job to
//! the mail.

use functions::operator::{self, Dispatched};
use icalendar::{Calendar, Component};
use mail_parser::{Message, MessageParser, PartType};
use notify::Mail;
use serde_json::{Value, json};

use crate::asked::work_of;
use crate::post::Fate;
use crate::site::provider::{Provider, Signer};
use crate::site::{ACME, Site};

/// A mail, read by somebody else's parsers.
#[derive(Debug)]
struct Read {
    to: String,
    subject: String,
    text: String,
    method: String,
    file: String,
    calendar: Calendar,
}

impl Read {
    fn of(mail: &Mail) -> Self {
        let message: Message<'_> = MessageParser::default().parse(&mail.raw).expect("a mail");
        let part =
            message.parts.iter().find_map(
                |part| match (&part.body, mail_parser::MimeHeaders::content_type(part)) {
                    (PartType::Text(text), Some(kind)) if kind.subtype() == Some("calendar") => Some((
                        text.to_string(),
                        kind.attribute("method").unwrap_or_default().to_owned(),
                    )),
                    _ => None,
                },
            );
        let (file, method) = part.unwrap_or_default();
        let unfolded = icalendar::parser::unfold(&file);
        let calendar = icalendar::parser::read_calendar(&unfolded);
        assert_eq!(message.message_id(), Some(mail.id.as_str()));
        Self {
            to: mail.to.to_string(),
            subject: message.subject().expect("a subject").to_owned(),
            text: message.body_text(0).expect("text").into_owned(),
            method,
            calendar: calendar.map(Into::into).unwrap_or_default(),
            file: file.replace("\r\n ", ""),
        }
    }

    /// A property of the first event.
    fn property(&self, name: &str) -> Option<String> {
        let mut events = self.calendar.components.iter().filter_map(|part| part.as_event());
        events.next()?.property_value(name).map(str::to_owned)
    }
}

async fn dispatch(site: &Site) -> Dispatched {
    work_of("dispatch", operator::dispatch(&site.app, &[]))
        .await
        .expect("dispatched")
}

/// The mails that go out now, by whom they are for.
async fn mails(site: &Site) -> Vec<Read> {
    dispatch(site).await;
    let mut mails: Vec<Read> = site.mails.take().iter().map(Read::of).collect();
    mails.sort_by(|a, b| (&a.to, &a.method).cmp(&(&b.to, &b.method)));
    mails
}

fn to(mails: &[Read]) -> Vec<(&str, &str)> {
    mails
        .iter()
        .map(|mail| (mail.to.as_str(), mail.method.as_str()))
        .collect()
}

/// A site with a host, whose welcome mail is out of the way.
async fn site() -> (Site, u64) {
    let site = Site::new().await;
    let host = site.host("John").await;
    mails(&site).await;
    (site, host.id)
}

fn weekly(host: u64) -> Value {
    json!({"host_id": host, "subject": "Numbers", "start": "2026-07-06 14:00:00", "time_zone": "Europe/Berlin", "duration": 60,
        "recurrence": {"rrule": "FREQ=WEEKLY;COUNT=4"}, "security_pin": "4711",
        "participant_emails": ["anna@guest.test", {"email": "bob@guest.test", "name": "Bob", "moderator": true}]})
}

/// A meeting of which everybody has heard.
async fn told(site: &Site, asked: Value) -> Value {
    let made = site.admin_api("conference/create", asked).await;
    mails(site).await;
    made
}

async fn update(site: &Site, mut more: Value, made: &Value) {
    more["conference_id"] = made["conference_id"].clone();
    site.admin_api("conference/update", more).await;
}

#[tokio::test]
async fn everybody_is_invited_with_a_link_of_their_own() {
    let (site, host) = site().await;
    let made = site.admin_api("conference/create", weekly(host)).await;
    let invited = mails(&site).await;
    assert_eq!(
        to(&invited),
        [
            ("anna@guest.test", "REQUEST"),
            ("bob@guest.test", "REQUEST"),
            ("john@acme.test", "REQUEST")
        ]
    );
    let text = |name: &str| made[name].as_str().expect("text");
    let leading = format!("{}?moderator_token={}", text("room_url"), text("moderator_token"));
    for (mail, leads) in invited.iter().zip([false, true, true]) {
        assert_eq!(mail.subject, "Invitation: Numbers");
        assert_eq!(mail.property("UID").as_deref(), made["ics_uid"].as_str());
        assert_eq!(mail.property("SEQUENCE").as_deref(), Some("0"));
        assert_eq!(mail.property("RRULE").as_deref(), Some("FREQ=WEEKLY;COUNT=4"));
        assert_eq!(mail.text.contains(&leading), leads, "{}", mail.to);
        assert_eq!(mail.file.contains("moderator_token"), leads, "{}", mail.to);
        assert!(mail.text.contains("4711") && mail.file.contains(&format!(":mailto:{}", mail.to)));
    }
    assert!(mails(&site).await.is_empty(), "once");
}

#[tokio::test]
async fn a_change_comes_with_a_higher_sequence() {
    let (site, host) = site().await;
    let made = told(&site, weekly(host)).await;
    update(&site, json!({"start": "2026-07-07 09:00:00", "duration": 30}), &made).await;
    let moved = mails(&site).await;
    assert_eq!(moved.len(), 3);
    for mail in &moved {
        assert_eq!(
            (mail.subject.as_str(), mail.method.as_str()),
            ("Changed: Numbers", "REQUEST")
        );
        assert_eq!(mail.property("SEQUENCE").as_deref(), Some("1"));
        assert_eq!(mail.property("DTSTART").as_deref(), Some("20260707T090000"));
    }
    // Nothing that calendars hold.
    update(&site, json!({"waiting_room": true}), &made).await;
    assert!(mails(&site).await.is_empty());
}

#[tokio::test]
async fn only_those_hear_whom_it_concerns() {
    let (site, host) = site().await;
    let made = told(&site, weekly(host)).await;
    let people = json!({"participant_emails": [{"email": "bob@guest.test", "moderator": false}, "carl@guest.test"]});
    update(&site, people, &made).await;
    let heard = mails(&site).await;
    assert_eq!(
        to(&heard),
        [
            ("anna@guest.test", "CANCEL"),
            ("bob@guest.test", "REQUEST"),
            ("carl@guest.test", "REQUEST")
        ]
    );
    let subjects: Vec<&str> = heard.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(
        subjects,
        ["Cancelled: Numbers", "Changed: Numbers", "Invitation: Numbers"]
    );
    assert!(heard.iter().all(|mail| !mail.text.contains("moderator_token")));
    assert!(
        heard
            .iter()
            .all(|mail| mail.property("SEQUENCE").as_deref() == Some("1"))
    );
}

#[tokio::test]
async fn single_occurrences_are_told_by_their_original_starts() {
    let (site, host) = site().await;
    let made = told(&site, weekly(host)).await;
    let moved = json!({"occurrence": "2026-07-13 14:00:00", "scope": "this", "start": "2026-07-14 10:30:00"});
    update(&site, moved, &made).await;
    let changed = mails(&site).await;
    assert_eq!(changed.len(), 3);
    for mail in changed {
        assert_eq!(
            (mail.subject.as_str(), mail.method.as_str()),
            ("Changed: Numbers", "REQUEST")
        );
        assert_eq!(mail.property("RECURRENCE-ID").as_deref(), Some("20260713T140000"));
        assert_eq!(mail.property("DTSTART").as_deref(), Some("20260714T103000"));
        assert_eq!(
            (mail.property("RRULE"), mail.property("SEQUENCE").as_deref()),
            (None, Some("1"))
        );
    }
    let gone = json!({"conference_id": made["conference_id"], "occurrence": "2026-07-20 14:00:00", "scope": "this"});
    site.admin_api("conference/delete", gone).await;
    let cancelled = mails(&site).await;
    assert_eq!(cancelled.len(), 3);
    for mail in cancelled {
        assert_eq!(
            (mail.subject.as_str(), mail.method.as_str()),
            ("Cancelled: Numbers", "CANCEL")
        );
        assert_eq!(mail.property("RECURRENCE-ID").as_deref(), Some("20260720T140000"));
        assert_eq!(mail.property("SEQUENCE").as_deref(), Some("2"));
    }
    // Who comes later gets all of it in one file.
    let bob = json!({"email": "bob@guest.test", "moderator": true});
    let people = json!({"participant_emails": ["anna@guest.test", bob, "carl@guest.test"]});
    update(&site, people, &made).await;
    let later = mails(&site).await;
    let [mail] = &later[..] else { panic!("one: {later:?}") };
    assert!(
        mail.file.contains("\r\nEXDATE;TZID=Europe/Berlin:20260720T140000\r\n"),
        "{}",
        mail.file
    );
    assert!(
        mail.file
            .contains("\r\nRECURRENCE-ID;TZID=Europe/Berlin:20260713T140000\r\n"),
        "{}",
        mail.file
    );
}

#[tokio::test]
async fn a_cancelled_meeting_leaves_every_calendar() {
    let (site, host) = site().await;
    let made = told(&site, weekly(host)).await;
    site.admin_api("conference/delete", json!({"conference_id": made["conference_id"]}))
        .await;
    let off = mails(&site).await;
    assert_eq!(
        to(&off),
        [
            ("anna@guest.test", "CANCEL"),
            ("bob@guest.test", "CANCEL"),
            ("john@acme.test", "CANCEL")
        ]
    );
    for mail in off {
        assert_eq!(mail.property("UID").as_deref(), made["ics_uid"].as_str());
        assert_eq!(mail.property("SEQUENCE").as_deref(), Some("1"));
        assert_eq!(mail.property("STATUS").as_deref(), Some("CANCELLED"));
        assert!(!mail.text.contains("moderator_token") && !mail.file.contains("moderator_token"));
    }
}

#[tokio::test]
async fn a_deleted_host_calls_its_meetings_off() {
    let (site, host) = site().await;
    told(&site, weekly(host)).await;
    site.admin_api("host/delete", json!({"host_id": host})).await;
    assert_eq!(
        to(&mails(&site).await),
        [
            ("anna@guest.test", "CANCEL"),
            ("bob@guest.test", "CANCEL"),
            ("john@acme.test", "CANCEL")
        ]
    );
}

#[tokio::test]
async fn what_is_over_is_told_nobody() {
    let (site, host) = site().await;
    let past = json!({"host_id": host, "subject": "Past", "start": "2026-06-01 10:00:00", "time_zone": "UTC", "duration": 60,
        "participant_emails": ["anna@guest.test"]});
    let made = site.admin_api("conference/create", past).await;
    update(&site, json!({"subject": "Gone"}), &made).await;
    assert!(mails(&site).await.is_empty());
}

#[tokio::test]
async fn who_starts_a_meeting_at_once_needs_no_invitation() {
    let (site, host) = site().await;
    let now = json!({"host_id": host, "participant_emails": ["anna@guest.test"]});
    site.admin_api("conference/create/reservationless", now).await;
    assert_eq!(to(&mails(&site).await), [("anna@guest.test", "REQUEST")]);
}

#[tokio::test]
async fn a_new_account_gets_the_link_to_its_password() {
    let (site, _) = site().await;
    let asked = json!({"company_id": 1, "name": "Nora", "email": "nora@acme.test", "locale": "de-DE"});
    let made = site.admin_api("host/create", asked).await;
    let welcome = mails(&site).await;
    let [mail] = &welcome[..] else {
        panic!("one: {welcome:?}")
    };
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("nora@acme.test", "Willkommen bei Acme")
    );
    let link = made["password_creation_link"].as_str().expect("a link");
    assert!(mail.text.contains(link), "{}", mail.text);
    // Who has a password already is shown where to sign in; who wants no mail gets none.
    let asked = json!({"company_id": 1, "name": "Otto", "email": "otto@acme.test", "password": "SoSecret5!"});
    let made = site.admin_api("host/create", asked).await;
    let welcome = mails(&site).await;
    let [mail] = &welcome[..] else {
        panic!("one: {welcome:?}")
    };
    let link = made["password_creation_link"].as_str().expect("a link");
    assert!(mail.text.contains(&format!("https://{ACME}/login")) && !mail.text.contains(link));
    let asked = json!({"company_id": 1, "name": "Quiet", "email": "quiet@acme.test", "no_welcome_email": true});
    site.admin_api("host/create", asked).await;
    assert!(mails(&site).await.is_empty());
}

/// Where a provider signs people in, a password opens nothing.
#[tokio::test]
async fn who_signs_in_by_a_provider_is_welcomed_to_sign_in() {
    let (site, _) = site().await;
    let signer = Signer::es256();
    let provider = Provider::start(&signer).await;
    let mut event = serde_json::to_value(site.first()).expect("JSON");
    event["reseller"]["openid"] = provider.registration();
    let asked = serde_json::from_value(event).expect("an event");
    operator::init(&site.app, &asked).await.expect("kept");
    let company = json!({"subdomain": "openly", "name": "Openly", "openid_provider": true});
    let company = site.admin_api("company/create", company).await["id"].clone();
    let host = json!({"company_id": company, "name": "Olga", "email": "olga@openly.test", "openid_sub": "olga"});
    site.admin_api("host/create", host).await;
    let welcome = mails(&site).await;
    let [mail] = &welcome[..] else {
        panic!("one: {welcome:?}")
    };
    assert!(mail.text.contains("https://openly.demo.test/login"), "{}", mail.text);
    assert!(!mail.text.contains("/password/"), "{}", mail.text);
}

#[tokio::test]
async fn mail_that_fails_is_tried_again_as_the_same_mail() {
    let (site, host) = site().await;
    site.admin_api("conference/create", weekly(host)).await;
    // The first goes out, but that is not heard; nobody is reached, so all of it is tried again later.
    site.mails.meet(&[Fate::Unheard, Fate::Failed, Fate::Failed]);
    assert_eq!(dispatch(&site).await.failed, 1);
    let first = site.mails.take();
    assert_eq!(dispatch(&site).await, Dispatched::default(), "not at once");
    site.advance(5);
    assert_eq!(dispatch(&site).await.done, 1);
    let again = site.mails.take();
    assert_eq!((first.len(), again.len()), (1, 3));
    assert!(again.contains(&first[0]), "byte for byte");
}

#[tokio::test]
async fn whom_mail_fails_to_reach_is_written_to_alone_and_the_rest_goes_on() {
    let (site, host) = site().await;
    let people: Vec<String> = (0..30).map(|n| format!("p{n}@guest.test")).collect();
    let mut asked = weekly(host);
    asked["participant_emails"] = json!(people);
    site.admin_api("conference/create", asked).await;
    site.mails.meet(&[Fate::Sent, Fate::Unheard]);
    let done = dispatch(&site).await;
    assert_eq!((done.done, done.steps, done.failed), (1, 1, 0));
    let first = site.mails.take();
    assert_eq!(first.len(), 31);
    assert!(mails(&site).await.is_empty(), "not at once");
    site.advance(5);
    // Still not: by itself, with waits of its own.
    site.mails.meet(&[Fate::Failed]);
    assert_eq!(dispatch(&site).await.failed, 1);
    site.advance(9);
    assert!(mails(&site).await.is_empty());
    site.advance(1);
    assert_eq!(dispatch(&site).await.done, 1);
    assert_eq!(site.mails.take(), [first[1].clone()], "the same mail");
    site.advance(3_600);
    assert!(mails(&site).await.is_empty());
}

#[tokio::test]
async fn who_is_invited_again_meanwhile_is_not_told_to_stay_away() {
    let (site, host) = site().await;
    let made = told(&site, weekly(host)).await;
    let people = |emails: &[&str]| json!({"participant_emails": emails, "subject": format!("Of {}", emails.len())});
    update(&site, people(&["bob@guest.test"]), &made).await;
    // Anna, who comes after the host, cannot be told so now.
    site.mails.meet(&[Fate::Sent, Fate::Failed]);
    assert!(!mails(&site).await.iter().any(|mail| mail.to == "anna@guest.test"));
    update(&site, people(&["bob@guest.test", "anna@guest.test"]), &made).await;
    let again = mails(&site).await;
    assert!(to(&again).contains(&("anna@guest.test", "REQUEST")), "{again:?}");
    site.advance(3_600);
    assert!(
        to(&mails(&site).await).is_empty(),
        "a CANCEL would take the meeting out of Anna's calendar"
    );
}

#[tokio::test]
async fn one_address_that_is_refused_keeps_nobody_else_waiting() {
    let (site, host) = site().await;
    site.admin_api("conference/create", weekly(host)).await;
    site.mails.meet(&[Fate::Sent, Fate::Refused]);
    assert_eq!(mails(&site).await.len(), 2);
    site.advance(3_600);
    assert!(mails(&site).await.is_empty());
}

#[tokio::test]
async fn mail_that_never_goes_out_is_put_aside_for_people() {
    let (site, host) = site().await;
    site.admin_api("conference/create", weekly(host)).await;
    site.mails.meet(&[Fate::Failed; 3 * 18]);
    for _ in 0..18 {
        dispatch(&site).await;
        site.advance(3_600);
    }
    assert!(mails(&site).await.is_empty());
    let parked = site.app.store.jobs_parked(10).await.expect("read");
    let [job] = &parked[..] else { panic!("one: {parked:?}") };
    let error = job.error.as_deref().expect("why");
    assert!(error.contains("could not be sent") && !error.contains('@'), "{error}");
}

#[tokio::test]
async fn a_thousand_people_are_told_in_steps_and_let_others_by() {
    let (site, host) = site().await;
    let people: Vec<String> = (0..999).map(|n| format!("p{n}@guest.test")).collect();
    let mut asked = weekly(host);
    asked["participant_emails"] = json!(people);
    site.admin_api("conference/create", asked.clone()).await;
    site.host_of(2, "Small").await;
    let done = dispatch(&site).await;
    assert_eq!((done.done, done.steps), (2, 49));
    let sent = site.mails.take();
    assert_eq!(sent.len(), 1_001);
    let place = sent.iter().position(|mail| mail.to.as_str() == "small@acme.test");
    assert!(
        place.is_some_and(|place| place <= 40),
        "another company's mail waits: {place:?}"
    );
    let ids: std::collections::BTreeSet<&str> = sent.iter().map(|mail| mail.id.as_str()).collect();
    assert_eq!(ids.len(), 1_001);
    // 1,001 people, the host among them, are refused, and nobody is written to.
    asked["participant_emails"] = json!((0..1_000).map(|n| format!("q{n}@guest.test")).collect::<Vec<_>>());
    asked["auth_token"] = site.admin.clone().into();
    let answer = site.api(ACME, "conference/create", asked).await;
    assert_eq!(answer.json()["field"], "participant_emails");
    assert!(mails(&site).await.is_empty());
}
