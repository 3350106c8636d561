//! Who gets another mail address or phone is written to there from then on, and no longer where a stranger may read it.

use mail_parser::{MessageParser, MimeHeaders as _};
use serde_json::{Value, json};

use crate::asked::work_of;
use crate::site::Site;

/// The mails that go out now, as (to, what its calendar part does, whether it holds the link to lead the meeting by).
async fn mails(site: &Site) -> Vec<(String, String, bool)> {
    let work = work_of("dispatch", functions::operator::dispatch(&site.app, &[]));
    work.await.expect("dispatched");
    let mut mails = Vec::new();
    for mail in site.mails.take() {
        let message = MessageParser::default().parse(&mail.raw).expect("a mail");
        let method = message.parts.iter().find_map(|part| {
            let kind = part.content_type().filter(|kind| kind.subtype() == Some("calendar"))?;
            kind.attribute("method").map(str::to_owned)
        });
        let leads = message.body_text(0).expect("text").contains("moderator_token=");
        mails.push((mail.to.to_string(), method.unwrap_or_default(), leads));
    }
    mails.sort();
    mails
}

fn is(mails: &[(String, String, bool)], expected: &[(&str, &str)]) {
    let found: Vec<_> = mails
        .iter()
        .map(|(to, method, _)| (to.as_str(), method.as_str()))
        .collect();
    assert_eq!(found, expected);
}

/// A meeting at 14:00 UTC, two hours from now, of which everybody has heard.
async fn meeting(site: &Site, more: Value) -> Value {
    let mut asked = json!({"subject": "Numbers", "start": "2026-06-01 14:00:00", "time_zone": "UTC", "duration": 60});
    for (name, value) in more.as_object().expect("fields") {
        asked[name] = value.clone();
    }
    let made = site.admin_api("conference/create", asked).await;
    mails(site).await;
    made
}

async fn update(site: &Site, made: &Value, mut more: Value) {
    more["conference_id"] = made["conference_id"].clone();
    site.admin_api("conference/update", more).await;
}

#[tokio::test]
async fn a_hosts_mails_go_to_its_present_address() {
    let site = Site::new().await;
    let host = site.host("John").await;
    let reminders = json!([{"channel": "email", "minutes_before": 10}]);
    let made = meeting(&site, json!({"host_id": host.id, "reminders": reminders})).await;
    let moved = json!({"host_id": host.id, "email": "jane@acme.test"});
    site.admin_api("host/update", moved).await;
    update(&site, &made, json!({"subject": "More numbers"})).await;
    let changed = mails(&site).await;
    is(&changed, &[("jane@acme.test", "REQUEST")]);
    assert!(changed[0].2, "with the way to lead it");
    site.advance(110 * 60);
    let reminded = mails(&site).await;
    is(&reminded, &[("jane@acme.test", "")]);
    let cancelled = json!({"conference_id": made["conference_id"]});
    site.admin_api("conference/delete", cancelled).await;
    is(&mails(&site).await, &[("jane@acme.test", "CANCEL")]);
}

#[tokio::test]
async fn who_is_invited_again_at_another_address_is_invited_there() {
    let site = Site::new().await;
    let host = site.host("John").await;
    let new = json!({"host_id": host.id, "name": "Anna", "email": "typo@guest.test", "phone": "+15551230001"});
    let contact = site.admin_api("contact/create", new).await["contact_id"].clone();
    let reminders = json!([{"channel": "email", "minutes_before": 10}, {"channel": "sms", "minutes_before": 10}]);
    let asked = json!({"host_id": host.id, "participants": [contact], "reminders": reminders});
    let made = meeting(&site, asked).await;
    let right = json!({"contact_id": contact, "email": "right@guest.test", "phone": "+15551230002"});
    site.admin_api("contact/update", right).await;
    is(&mails(&site).await, &[]);
    // Without a word about people: who is changed over is reached where it is now.
    update(&site, &made, json!({"subject": "More numbers"})).await;
    let changed = mails(&site).await;
    is(
        &changed,
        &[("john@acme.test", "REQUEST"), ("right@guest.test", "REQUEST")],
    );
    update(&site, &made, json!({"participants": [contact]})).await;
    let invited = mails(&site).await;
    is(
        &invited,
        &[("right@guest.test", "REQUEST"), ("typo@guest.test", "CANCEL")],
    );
    update(&site, &made, json!({"participants": [contact]})).await;
    is(&mails(&site).await, &[]);
    // What the person answers from the new address is heard.
    crate::invitations_are_answered::answer(&site, &made, "right@guest.test", "ACCEPTED").await;
    site.advance(110 * 60);
    is(&mails(&site).await, &[("john@acme.test", ""), ("right@guest.test", "")]);
    let texts: Vec<String> = site.mails.take_texts().iter().map(|text| text.to.to_string()).collect();
    assert_eq!(texts, ["+15551230002"]);
}

#[tokio::test]
async fn an_answer_from_an_address_that_came_later_is_heard() {
    let site = Site::new().await;
    let host = site.host("John").await;
    let asked = json!({"host_id": host.id, "participant_emails": ["typo@guest.test"]});
    let made = meeting(&site, asked).await;
    let contact = made["participants"][1].clone();
    let right = json!({"contact_id": contact, "email": "right@guest.test"});
    site.admin_api("contact/update", right).await;
    crate::invitations_are_answered::answer(&site, &made, "right@guest.test", "DECLINED").await;
}
