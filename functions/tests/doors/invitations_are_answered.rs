//! What calendars answer to invitations is kept, where it is theirs to say: later invitations show it, and who does not come
//! is not reminded.

use base64::Engine as _;
use domain::conference::PartStat;
use functions::operator;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::asked::work_of;
use crate::site::Site;

const ANNA: &str = "anna@guest.test";

/// A mail that came in.
#[derive(Clone)]
struct Incoming {
    from: String,
    to: String,
    /// `spf`, `dkim`, `dmarc`, `spam`, `virus`.
    verdicts: Value,
    headers: &'static str,
    file: String,
}

impl Incoming {
    /// An answer, as somebody's calendar gives it.
    fn of(made: &Value, who: &str, status: &str, more: &[&str]) -> Self {
        let uid = made["ics_uid"].as_str().expect("a UID");
        let stamp = if more.iter().any(|line| line.starts_with("DTSTAMP")) {
            String::new()
        } else {
            "DTSTAMP:20260601T120000Z\r\n".into()
        };
        let more: String = more.iter().map(|line| format!("{line}\r\n")).collect();
        Self {
            from: who.into(),
            to: "no-reply@demo.test".into(),
            verdicts: json!({"dmarc": "PASS"}),
            headers: "",
            file: format!(
                "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n{stamp}{more}ATTENDEE;PARTSTAT={status}:mailto:{who}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            ),
        }
    }

    fn record(&self) -> Value {
        let raw = format!(
            "From: {}\r\nTo: {}\r\n{}Content-Type: text/calendar; method=REPLY\r\n\r\n{}",
            self.from, self.to, self.headers, self.file
        );
        let verdict = |name: &str| json!({"status": self.verdicts[name].as_str().unwrap_or("GRAY")});
        let message = json!({
            "notificationType": "Received",
            "receipt": {"timestamp": "2026-06-01T12:00:00.000Z", "recipients": ["other@demo.test", self.to],
                "spamVerdict": verdict("spam"), "virusVerdict": verdict("virus"), "spfVerdict": verdict("spf"),
                "dkimVerdict": verdict("dkim"), "dmarcVerdict": verdict("dmarc"),
                "action": {"type": "SNS", "encoding": "BASE64"}},
            "mail": {"source": "bounces@guest.test", "messageId": "1", "destination": [self.to]},
            "content": base64::engine::general_purpose::STANDARD.encode(raw),
        });
        json!({"EventSource": "aws:sns", "Sns": {"Message": message.to_string()}})
    }
}

/// How many were kept, known already, and dropped.
async fn receive(site: &Site, records: Vec<Value>) -> [u64; 3] {
    let event = json!({"Records": records});
    let worker = work_of(
        "mail_receive",
        operator::wake(&site.app, &operator::MAIL_RECEIVE, event),
    );
    let received = worker.await.expect("received");
    ["kept", "known", "dropped"].map(|name| received[name].as_u64().expect("a count"))
}

/// Takes in an answer that is kept.
pub(crate) async fn answer(site: &Site, made: &Value, who: &str, status: &str) {
    let mail = Incoming::of(made, who, status, &[]);
    assert_eq!(receive(site, vec![mail.record()]).await, [1, 0, 0]);
}

async fn dispatch(site: &Site) {
    let work = work_of("dispatch", operator::dispatch(&site.app, &[]));
    work.await.expect("dispatched");
}

/// The mails that go out now to somebody: their calendar files, or what they are called where they have none.
async fn sent_to(site: &Site, who: &str) -> Vec<String> {
    dispatch(site).await;
    let mut sent = Vec::new();
    for mail in site.mails.take().iter().filter(|mail| mail.to.as_str() == who) {
        let message = mail_parser::MessageParser::default().parse(&mail.raw).expect("a mail");
        let file = message.parts.iter().find_map(|part| match &part.body {
            mail_parser::PartType::Text(text) if text.starts_with("BEGIN:VCALENDAR") => Some(text.replace("\r\n ", "")),
            _ => None,
        });
        sent.push(file.unwrap_or_else(|| message.subject().expect("a subject").to_owned()));
    }
    sent
}

async fn site() -> (Site, u64) {
    let site = Site::new().await;
    let host = site.host("John").await;
    dispatch(&site).await;
    (site, host.id)
}

/// A meeting of which everybody has heard.
async fn told(site: &Site, host: u64, more: Value) -> Value {
    let mut asked = json!({"host_id": host, "subject": "Numbers", "start": "2026-06-02 14:00:00", "time_zone": "UTC", "duration": 60,
        "participant_emails": [ANNA, "bob@guest.test"]});
    for (name, value) in more.as_object().expect("fields") {
        asked[name] = value.clone();
    }
    let made = site.admin_api("conference/create", asked).await;
    dispatch(site).await;
    site.mails.take();
    made
}

async fn update(site: &Site, made: &Value, mut more: Value) {
    more["conference_id"] = made["conference_id"].clone();
    site.admin_api("conference/update", more).await;
}

/// What somebody is known to have said to a meeting as a whole.
async fn status(site: &Site, made: &Value, who: &str) -> PartStat {
    let reseller = domain::id::ResellerId::new(1).expect("an id");
    let uid = made["ics_uid"].as_str().expect("a UID");
    let conference = site.app.store.conference_by_uid(reseller, uid).await.expect("read");
    let conference = conference.expect("a meeting");
    let mut people = conference.invited.iter();
    let contact = people
        .find(|person| person.email.as_str() == who)
        .expect("invited")
        .contact;
    let replies = site.app.store.replies(&conference, [contact]).await.expect("read");
    replies
        .get(&contact)
        .map_or(PartStat::NeedsAction, |replies| replies.to_whole(&conference))
}

#[tokio::test]
async fn an_answer_stands_in_later_invitations_until_the_time_is_another() {
    let (site, host) = site().await;
    let made = told(&site, host, json!({})).await;
    answer(&site, &made, ANNA, "ACCEPTED").await;
    update(&site, &made, json!({"agenda": "Words"})).await;
    let sent = sent_to(&site, ANNA).await;
    assert!(
        sent.len() == 1 && sent[0].contains("PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:anna"),
        "{sent:?}"
    );
    update(&site, &made, json!({"start": "2026-06-02 15:00:00"})).await;
    let sent = sent_to(&site, ANNA).await;
    assert!(sent.len() == 1 && sent[0].contains("PARTSTAT=NEEDS-ACTION"), "{sent:?}");
    // To the invitation before.
    let late = Incoming::of(&made, ANNA, "DECLINED", &["SEQUENCE:1"]);
    let now = Incoming::of(&made, ANNA, "TENTATIVE", &["SEQUENCE:2"]);
    assert_eq!(
        receive(&site, vec![late.record(), now.record(), now.record()]).await,
        [1, 2, 0]
    );
    update(&site, &made, json!({"agenda": "Other words"})).await;
    let sent = sent_to(&site, ANNA).await;
    assert!(sent.len() == 1 && sent[0].contains("PARTSTAT=TENTATIVE"), "{sent:?}");
    // A clock that is ahead keeps nothing out.
    let ahead = Incoming::of(&made, ANNA, "DECLINED", &["SEQUENCE:3", "DTSTAMP:20990101T000000Z"]);
    assert_eq!(receive(&site, vec![ahead.record()]).await, [1, 0, 0]);
    site.advance(2);
    let later = Incoming::of(&made, ANNA, "ACCEPTED", &["SEQUENCE:3", "DTSTAMP:20260601T120001Z"]);
    assert_eq!(receive(&site, vec![later.record()]).await, [1, 0, 0]);
    assert_eq!(status(&site, &made, ANNA).await, PartStat::Accepted);
}

#[tokio::test]
async fn who_declines_is_not_reminded() {
    let (site, host) = site().await;
    let both = json!([{"channel": "email", "minutes_before": 15}, {"channel": "sms", "minutes_before": 15}]);
    let people =
        json!([{"email": ANNA, "phone": "+15551230001"}, {"email": "bob@guest.test", "phone": "+15551230002"}]);
    let more = json!({"recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}, "reminders": both, "participant_emails": people});
    let made = told(&site, host, more).await;
    let second = Incoming::of(
        &made,
        ANNA,
        "DECLINED",
        &["RECURRENCE-ID;TZID=Europe/Berlin:20260603T160000"],
    );
    assert_eq!(receive(&site, vec![second.record()]).await, [1, 0, 0]);
    let reminded = async |day: u32| {
        let at: Timestamp = format!("2026-06-0{day}T13:45:00Z").parse().expect("a time");
        site.advance(at.duration_since(site.now()).as_secs());
        dispatch(&site).await;
        let mails = site.mails.take().into_iter().map(|mail| mail.to.to_string());
        let texts = site.mails.take_texts().into_iter().map(|text| text.to.to_string());
        let mut all: Vec<String> = mails.chain(texts).filter(|to| !to.ends_with("acme.test")).collect();
        all.sort();
        all
    };
    let all = ["+15551230001", "+15551230002", ANNA, "bob@guest.test"];
    assert_eq!(reminded(2).await, all);
    assert_eq!(
        reminded(3).await,
        ["+15551230002", "bob@guest.test"],
        "not of what she declined"
    );
    answer(&site, &made, "bob@guest.test", "DECLINED").await;
    assert_eq!(reminded(4).await, ["+15551230001", ANNA], "he declined all of it");
}

#[tokio::test]
async fn what_is_not_to_be_believed_changes_nothing() {
    let (site, host) = site().await;
    let made = told(&site, host, json!({})).await;
    let other = told(
        &site,
        host,
        json!({"recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}, "start": "2026-06-20 14:00:00"}),
    )
    .await;
    let honest = Incoming::of(&made, ANNA, "DECLINED", &[]);
    let changed = |change: &dyn Fn(&mut Incoming)| {
        let mut mail = honest.clone();
        change(&mut mail);
        mail.record()
    };
    let lies = vec![
        changed(&|mail| mail.verdicts = json!({"dmarc": "FAIL", "spf": "PASS", "dkim": "PASS"})),
        changed(&|mail| mail.verdicts = json!({"dmarc": "GRAY"})),
        changed(&|mail| mail.verdicts = json!({"dmarc": "PASS", "spam": "FAIL"})),
        changed(&|mail| mail.verdicts = json!({"dmarc": "PASS", "virus": "FAIL"})),
        // By its own right, about somebody else.
        changed(&|mail| mail.from = "eve@guest.test".into()),
        changed(&|mail| mail.to = "support@demo.test".into()),
        changed(&|mail| mail.to = "no-reply@elsewhere.test".into()),
        changed(&|mail| mail.file = mail.file.replace("UID:", "UID:x")),
        changed(&|mail| mail.headers = "Auto-Submitted: auto-replied\r\n"),
        changed(&|mail| mail.file = mail.file.replace("METHOD:REPLY", "METHOD:COUNTER")),
        changed(&|mail| mail.file = "Thank you!".into()),
        Incoming::of(&made, "eve@guest.test", "DECLINED", &[]).record(),
        Incoming::of(&other, ANNA, "DECLINED", &["RECURRENCE-ID:20260620T150000Z"]).record(),
        Incoming::of(&made, ANNA, "DECLINED", &["RECURRENCE-ID:20260602T140000Z"]).record(),
        json!({"Sns": {"Message": "no JSON"}}),
        json!({"Sns": {"Message": "{\"receipt\": {\"recipients\": []}, \"mail\": {\"source\": \"\"}}"}}),
        json!({"Sns": {}}),
    ];
    let all = lies.len() as u64;
    assert_eq!(receive(&site, lies).await, [0, 0, all]);
    assert_eq!(status(&site, &made, ANNA).await, PartStat::NeedsAction);
    assert!(site.mails.take().is_empty(), "nothing is ever answered");
    // Where the domain has no rule, by whom it was sent.
    let sent = changed(&|mail| mail.verdicts = json!({"dmarc": "GRAY", "spf": "PASS"}));
    assert_eq!(receive(&site, vec![sent]).await, [1, 0, 0]);
    assert_eq!(status(&site, &made, ANNA).await, PartStat::Declined);
    assert_eq!(status(&site, &made, "bob@guest.test").await, PartStat::NeedsAction);
}

#[tokio::test]
async fn what_was_answered_goes_with_the_meeting() {
    let (site, host) = site().await;
    let made = told(&site, host, json!({})).await;
    let gone = told(&site, host, json!({"start": "2026-06-03 14:00:00"})).await;
    for (meeting, who) in [(&made, ANNA), (&made, "bob@guest.test"), (&gone, ANNA)] {
        answer(&site, meeting, who, "TENTATIVE").await;
    }
    let kept = async || {
        dispatch(&site).await;
        let table = crate::hosts_are_erased::table(&site).await;
        (table.matches("\"reply#").count(), table.matches("#uid#").count())
    };
    assert_eq!(kept().await, (3, 2));
    update(&site, &made, json!({"participant_emails": ["bob@guest.test"]})).await;
    assert_eq!(kept().await, (2, 2));
    site.admin_api("conference/delete", json!({"conference_id": gone["conference_id"]}))
        .await;
    assert_eq!(kept().await, (1, 1));
    let late = Incoming::of(&gone, ANNA, "ACCEPTED", &[]);
    assert_eq!(receive(&site, vec![late.record()]).await, [0, 0, 1]);
    site.admin_api("host/erase", json!({"host_id": host})).await;
    crate::hosts_are_erased::work(&site).await;
    assert_eq!(kept().await, (0, 0));
}
