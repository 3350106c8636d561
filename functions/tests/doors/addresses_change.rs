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

/// The address book goes with the host, but not before it has said where people hear of what is cancelled.
#[tokio::test]
async fn a_deleted_hosts_meetings_are_taken_back_where_people_are_now() {
    let site = Site::new().await;
    let host = site.host("John").await;
    let new = json!({"host_id": host.id, "name": "Anna", "email": "old@guest.test"});
    let contact = site.admin_api("contact/create", new).await["contact_id"].clone();
    meeting(&site, json!({"host_id": host.id, "participants": [contact]})).await;
    let moved = json!({"contact_id": contact, "email": "new@guest.test"});
    site.admin_api("contact/update", moved).await;
    let moved = json!({"host_id": host.id, "email": "jane@acme.test"});
    site.admin_api("host/update", moved).await;
    site.admin_api("host/delete", json!({"host_id": host.id})).await;
    let mut told = mails(&site).await;
    for _ in 0..3 {
        site.advance(61);
        told.extend(mails(&site).await);
    }
    told.retain(|(_, method, _)| !method.is_empty());
    is(&told, &[("jane@acme.test", "CANCEL"), ("new@guest.test", "CANCEL")]);
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

/// Three people with addresses of their own, and the meeting to which two of them are invited.
async fn three(site: &Site) -> (Value, Vec<Value>) {
    let host = site.host("John").await;
    let mut contacts = Vec::new();
    for name in ["one", "two", "three"] {
        let new =
            json!({"host_id": host.id, "name": name, "email": format!("{name}@guest.test"), "idempotency_key": name});
        contacts.push(site.admin_api("contact/create", new).await["contact_id"].clone());
    }
    let asked = json!({"host_id": host.id, "participants": [contacts[0], contacts[1]]});
    (meeting(site, asked).await, contacts)
}

async fn moves(site: &Site, contact: &Value, email: &str) {
    let moved = json!({"contact_id": contact, "email": email});
    site.admin_api("contact/update", moved).await;
}

#[tokio::test]
async fn people_who_exchange_addresses_are_told_to_stay_away_at_none() {
    let site = Site::new().await;
    let (made, contacts) = three(&site).await;
    crate::invitations_are_answered::answer(&site, &made, "one@guest.test", "DECLINED").await;
    moves(&site, &contacts[0], "between@guest.test").await;
    moves(&site, &contacts[1], "one@guest.test").await;
    moves(&site, &contacts[0], "two@guest.test").await;
    update(&site, &made, json!({"participants": [contacts[0], contacts[1]]})).await;
    let told = mails(&site).await;
    is(&told, &[("one@guest.test", "REQUEST"), ("two@guest.test", "REQUEST")]);
    // What was answered by whoever read that address then says nothing of who reads it now.
    let uid = made["ics_uid"].as_str().expect("a UID");
    let reseller = domain::id::ResellerId::new(1).expect("an id");
    let conference = site.app.store.conference_by_uid(reseller, uid).await.expect("read");
    let conference = conference.expect("a meeting");
    let everybody = conference.invited.iter().map(|person| person.contact);
    let replies = site.app.store.replies(&conference, everybody).await.expect("read");
    assert!(replies.is_empty(), "{replies:?}");
    // The answer counts for whoever has the address now.
    crate::invitations_are_answered::answer(&site, &made, "one@guest.test", "ACCEPTED").await;
    let everybody = conference.invited.iter().map(|person| person.contact);
    let replies = site.app.store.replies(&conference, everybody).await.expect("read");
    let of: Vec<String> = replies.keys().map(ToString::to_string).collect();
    assert_eq!(of, [contacts[1].to_string()]);
}

#[tokio::test]
async fn who_is_taken_off_hears_so_at_its_present_address() {
    let site = Site::new().await;
    let (made, contacts) = three(&site).await;
    moves(&site, &contacts[0], "new@guest.test").await;
    update(&site, &made, json!({"participants": [contacts[1], contacts[2]]})).await;
    is(
        &mails(&site).await,
        &[("new@guest.test", "CANCEL"), ("three@guest.test", "REQUEST")],
    );
}

#[tokio::test]
async fn who_registers_by_its_new_address_is_there_once() {
    let site = Site::new().await;
    let host = site.host("John").await;
    let asked = json!({"host_id": host.id, "registration": true, "participant_emails": ["anna@guest.test"]});
    let made = meeting(&site, asked).await;
    moves(&site, &made["participants"][1], "new@guest.test").await;
    crate::registration::register(&site, &made, "Anna", "new@guest.test")
        .await
        .ok();
    is(&mails(&site).await, &[("new@guest.test", "REQUEST")]);
    let people = json!({"conference_id": made["conference_id"]});
    let people = site.admin_api("conference/fetch", people).await["participants"].clone();
    assert_eq!(people, made["participants"]);
}

#[tokio::test]
async fn a_phone_that_was_given_with_an_invitation_counts() {
    let site = Site::new().await;
    let host = site.host("John").await;
    let new = json!({"host_id": host.id, "name": "Anna", "email": "anna@guest.test"});
    site.admin_api("contact/create", new).await;
    let asked = json!({"host_id": host.id, "reminders": [{"channel": "sms", "minutes_before": 10}],
        "participant_emails": [{"email": "anna@guest.test", "phone": "+15551230003"}]});
    meeting(&site, asked).await;
    site.advance(110 * 60);
    mails(&site).await;
    let texts: Vec<String> = site.mails.take_texts().iter().map(|text| text.to.to_string()).collect();
    assert_eq!(texts, ["+15551230003"]);
}
