//! Addresses that take no mail, or whose holders complain, are not written to again; others are.

use domain::id::{CompanyId, ResellerId};
use functions::operator;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::Suppressed;

use crate::asked::work_of;
use crate::site::Site;

/// The company whose mails these are, and another one.
const COMPANY: u64 = 1;
const OTHER: u64 = 2;

/// What the mail service says of a mail to an address, as its guide has it.
fn said(kind: &str, address: &str, (source, company): (&str, u64)) -> Value {
    let tags = json!({"ses:configuration-set": ["convoke"], "company": [company.to_string()]});
    let recipients = json!([{"emailAddress": address, "action": "failed", "status": "5.1.1"}]);
    let message = match kind {
        "Complaint" => json!({"eventType": "Complaint", "complaint": {"complainedRecipients": recipients,
            "complaintFeedbackType": "abuse"}, "mail": {"source": source, "destination": [address], "tags": tags}}),
        "Transient" => {
            json!({"eventType": "Bounce", "bounce": {"bounceType": "Transient", "bouncedRecipients": recipients},
            "mail": {"source": source, "tags": tags}})
        }
        "Bounce" => {
            json!({"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bounceSubType": "General",
            "bouncedRecipients": recipients, "feedbackId": "x"}, "mail": {"source": source, "messageId": "1", "tags": tags}})
        }
        other => json!({"eventType": other, "mail": {"source": source, "tags": tags}}),
    };
    json!({"EventSource": "aws:sns", "Sns": {"TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": message.to_string()}})
}

/// A mail of nobody knows which company.
fn untagged() -> Value {
    let mut said = said("Bounce", "fine@guest.test", ("no-reply@demo.test", COMPANY));
    let message = said["Sns"]["Message"]
        .as_str()
        .expect("a text")
        .replace("\"company\"", "\"compny\"");
    said["Sns"]["Message"] = message.into();
    said
}

async fn feed(site: &Site, records: Vec<Value>) -> (usize, usize) {
    let event = json!({"Records": records});
    let worker = work_of(
        "mail_feedback",
        operator::wake(&site.app, &operator::MAIL_FEEDBACK, event),
    );
    let fed = worker.await.expect("fed");
    let count = |name: &str| usize::try_from(fed[name].as_u64().expect("a count")).expect("small");
    (count("suppressed"), count("ignored"))
}

/// Says that a mail of a company's came back from an address.
pub(crate) async fn bounce(site: &Site, company: u64, address: &str) {
    feed(site, vec![said("Bounce", address, ("no-reply@demo.test", company))]).await;
}

async fn suppressed(site: &Site, company: u64, address: &str, at: Timestamp) -> Option<Suppressed> {
    let company = (
        ResellerId::new(1).expect("an id"),
        CompanyId::new(company).expect("an id"),
    );
    let address = address.parse().expect("an address");
    let found = site.app.store.mail_suppressed(company, &address, at).await;
    found.expect("read")
}

/// Invites these, and answers who was written to.
async fn written_to(site: &Site, people: &[&str]) -> Vec<String> {
    let meeting = json!({"host_id": 2, "subject": "Numbers", "start": "2026-12-01 10:00:00", "time_zone": "UTC", "duration": 60,
        "participant_emails": people});
    site.admin_api("conference/create", meeting).await;
    let work = work_of("dispatch", operator::dispatch(&site.app, &[]));
    work.await.expect("dispatched");
    let sent = site.mails.take();
    let mut to: Vec<String> = sent.iter().map(|mail| mail.to.to_string()).collect();
    to.retain(|to| !to.ends_with("acme.test"));
    to.sort();
    to
}

#[tokio::test]
async fn who_bounced_or_complained_is_not_written_to_and_others_are() {
    let site = Site::new().await;
    site.host("John").await;
    let source = ("no-reply@demo.test", COMPANY);
    let fed = feed(
        &site,
        vec![
            said("Bounce", "Gone@guest.test", source),
            said("Complaint", "angry@guest.test", source),
            said("Transient", "full@guest.test", source),
            said("Delivery", "fine@guest.test", source),
            said("Bounce", "other@guest.test", ("no-reply@elsewhere.test", COMPANY)),
            untagged(),
            json!({"Sns": {"Message": "no JSON"}}),
            json!({"Sns": {}}),
        ],
    );
    assert_eq!(fed.await, (2, 6));
    let people = [
        "angry@guest.test",
        "fine@guest.test",
        "full@guest.test",
        "gone@guest.test",
        "other@guest.test",
    ];
    let others = ["fine@guest.test", "full@guest.test", "other@guest.test"];
    assert_eq!(written_to(&site, &people).await, others);
}

#[tokio::test]
async fn an_address_that_bounced_is_tried_again_after_ninety_days_and_a_complaint_stays() {
    let site = Site::new().await;
    site.host("John").await;
    for (kind, address) in [
        ("Bounce", "gone@guest.test"),
        ("Complaint", "angry@guest.test"),
        ("Bounce", "angry@guest.test"),
    ] {
        feed(&site, vec![said(kind, address, ("no-reply@demo.test", COMPANY))]).await;
    }
    let after = domain::conference::later(site.now(), jiff::SignedDuration::from_hours(24 * 90));
    let why = async |address: &str| suppressed(&site, COMPANY, address, after).await;
    assert_eq!(why("gone@guest.test").await, None);
    assert_eq!(why("angry@guest.test").await, Some(Suppressed::Complaint));
}

#[tokio::test]
async fn an_address_that_bounced_is_another_companys_to_try_and_its_own_once_somebody_says_that_it_works() {
    let site = Site::new().await;
    site.host("John").await;
    bounce(&site, COMPANY, "gone@guest.test").await;
    assert_eq!(suppressed(&site, OTHER, "gone@guest.test", site.now()).await, None);
    assert!(written_to(&site, &["gone@guest.test"]).await.is_empty());
    let contacts = site.admin_api("contact/fetch_all", json!({"host_id": 2})).await;
    let contacts = contacts.as_array().expect("a list");
    let gone = contacts.iter().find(|contact| contact["email"] == "gone@guest.test");
    let gone = gone.expect("a contact");
    assert_eq!(gone["email_state"], "bounced");
    let active = json!({"contact_id": gone["contact_id"], "email_state": "active"});
    site.admin_api("contact/update", active).await;
    assert_eq!(written_to(&site, &["gone@guest.test"]).await, ["gone@guest.test"]);
}
