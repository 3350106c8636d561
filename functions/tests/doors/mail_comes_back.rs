//! Addresses that take no mail, or whose holders complain, are not written to again; others are.

use functions::operator;
use serde_json::{Value, json};

use crate::asked::work_of;
use crate::site::Site;

/// What the mail service says of a mail to an address, as its guide has it.
fn said(kind: &str, address: &str, source: &str) -> Value {
    let recipients = json!([{"emailAddress": address, "action": "failed", "status": "5.1.1"}]);
    let message = match kind {
        "Complaint" => json!({"eventType": "Complaint", "complaint": {"complainedRecipients": recipients,
            "complaintFeedbackType": "abuse"}, "mail": {"source": source, "destination": [address]}}),
        "Transient" => {
            json!({"eventType": "Bounce", "bounce": {"bounceType": "Transient", "bouncedRecipients": recipients},
            "mail": {"source": source}})
        }
        "Bounce" => {
            json!({"notificationType": "Bounce", "bounce": {"bounceType": "Permanent", "bounceSubType": "General",
            "bouncedRecipients": recipients, "feedbackId": "x"}, "mail": {"source": source, "messageId": "1"}})
        }
        other => json!({"eventType": other, "mail": {"source": source}}),
    };
    json!({"EventSource": "aws:sns", "Sns": {"TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": message.to_string()}})
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

pub(crate) async fn tell(site: &Site, kind: &str, address: &str) {
    feed(site, vec![said(kind, address, "no-reply@demo.test")]).await;
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
    let source = "no-reply@demo.test";
    let fed = feed(
        &site,
        vec![
            said("Bounce", "Gone@guest.test", source),
            said("Complaint", "angry@guest.test", source),
            said("Transient", "full@guest.test", source),
            said("Delivery", "fine@guest.test", source),
            said("Bounce", "other@guest.test", "no-reply@elsewhere.test"),
            json!({"Sns": {"Message": "no JSON"}}),
            json!({"Sns": {}}),
        ],
    );
    assert_eq!(fed.await, (2, 5));
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
        tell(&site, kind, address).await;
    }
    let after = domain::conference::later(site.now(), jiff::SignedDuration::from_hours(24 * 90));
    let why = async |address: &str| {
        let address = address.parse().expect("an address");
        let reseller = domain::id::ResellerId::new(1).expect("an id");
        site.app
            .store
            .mail_suppressed(reseller, &address, after)
            .await
            .expect("read")
    };
    assert_eq!(why("gone@guest.test").await, None);
    assert_eq!(why("angry@guest.test").await, Some(store::Suppressed::Complaint));
}
