//! Reminders by text message: to those with a number, where the operator sends any, at most once, and within what a company may
//! spend in a day.

use functions::{Config, operator};
use notify::{Text, TextError};
use serde_json::{Value, json};

use crate::asked::work_of;
use crate::site::{ACME, Site};

async fn texts(site: &Site) -> Vec<Text> {
    let work = work_of("dispatch", operator::dispatch(&site.app, &[]));
    work.await.expect("dispatched");
    let mut texts = site.mails.take_texts();
    texts.sort_by(|a, b| a.to.as_str().cmp(b.to.as_str()));
    texts
}

fn to(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(|text| text.to.as_str()).collect()
}

/// In an hour, with these numbers.
fn meeting(host: u64, numbers: &[&str]) -> Value {
    let person = |(n, number): (usize, &&str)| json!({"email": format!("p{n}@guest.test"), "phone": number});
    json!({"host_id": host, "subject": "Numbers", "start": "2026-06-01 15:00:00", "time_zone": "Europe/Berlin", "duration": 60,
        "reminders": [{"channel": "sms", "minutes_before": 30}],
        "participant_emails": numbers.iter().enumerate().map(person).collect::<Vec<_>>()})
}

/// A site half an hour before a meeting with these numbers.
async fn due(numbers: &[&str]) -> Site {
    let site = Site::new().await;
    let host = site.host("John").await;
    site.admin_api("conference/create", meeting(host.id, numbers)).await;
    assert!(texts(&site).await.is_empty());
    site.advance(1_800);
    site
}

fn error(make: fn(String) -> TextError) -> Option<TextError> {
    Some(make("test".into()))
}

#[tokio::test]
async fn who_has_a_number_is_reminded_by_what_the_country_takes() {
    let site = due(&["+4915112345678", "+15551234567", "+33612345678", "+19005551234"]).await;
    let sent = texts(&site).await;
    assert_eq!(
        to(&sent),
        ["+15551234567", "+4915112345678"],
        "no country that is not listed, no premium number"
    );
    assert_eq!(
        (sent[0].sender.as_deref(), sent[1].sender.as_deref()),
        (None, Some("Acme"))
    );
    let body = &sent[0].body;
    assert!(
        body.starts_with("Acme: Numbers starts at 15:00 (Europe/Berlin). https://acme.demo.test/conf/call/"),
        "{body}"
    );
    assert!(!body.contains("moderator_token"));
    assert!(
        !site
            .mails
            .take()
            .iter()
            .any(|mail| mail.raw.windows(9).any(|word| word == b"Reminder:")),
        "not by mail"
    );
    site.advance(600);
    assert!(texts(&site).await.is_empty(), "once");
}

#[tokio::test]
async fn what_may_have_gone_out_is_not_sent_again_and_what_surely_did_not_is() {
    let site = due(&["+15551230001", "+15551230002", "+15551230003", "+15551230004"]).await;
    site.mails.trouble(&[
        error(TextError::Unknown),
        error(TextError::NotSent),
        error(TextError::Refused),
        None,
    ]);
    assert_eq!(texts(&site).await.len(), 2);
    site.advance(5);
    assert_eq!(to(&texts(&site).await), ["+15551230002"]);
    site.advance(1_200);
    assert!(texts(&site).await.is_empty());
}

#[tokio::test]
async fn who_wants_none_gets_none_any_more() {
    let site = due(&["+15551230001", "+15551230002"]).await;
    site.mails.trouble(&[Some(TextError::OptedOut)]);
    assert_eq!(to(&texts(&site).await), ["+15551230002"]);
    let mut again = meeting(2, &["+15551230001", "+15551230002"]);
    again["start"] = "2026-06-01 16:00:00".into();
    site.admin_api("conference/create", again).await;
    site.advance(3_600);
    assert_eq!(to(&texts(&site).await), ["+15551230002"]);
}

#[tokio::test]
async fn a_company_spends_no_more_in_a_day_than_it_may() {
    // 20 cents a day, 5 a message.
    let numbers: Vec<String> = (0..6).map(|n| format!("+4915112345{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let site = due(&numbers).await;
    // What did not go out costs nothing.
    site.mails.trouble(&[error(TextError::Refused)]);
    assert_eq!(texts(&site).await.len(), 4);
    let mut tomorrow = meeting(2, &numbers[..2]);
    tomorrow["start"] = "2026-06-02 15:00:00".into();
    site.admin_api("conference/create", tomorrow).await;
    site.advance(24 * 3_600);
    assert_eq!(texts(&site).await.len(), 2);
}

#[tokio::test]
async fn where_none_are_sent_none_can_be_asked_for() {
    let site = Site::with(Config::default()).await;
    let host = site.host("John").await;
    let mut asked = meeting(host.id, &[]);
    asked["auth_token"] = site.admin.clone().into();
    let answer = site.api(ACME, "conference/create", asked).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["field"].clone()),
        (400, json!("reminders"))
    );
}
