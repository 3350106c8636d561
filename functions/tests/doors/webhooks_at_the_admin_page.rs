//! A company's administrators make, change, look into and delete its webhooks at `/admin/webhooks`; nobody else does.

use functions::operator;
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::api_tokens::{OWN, admin, signed_in};
use crate::site::receiver::{Deed, Receiver};
use crate::site::{ACME, Answer, Site};
use crate::webhooks_are_told::{DAY, SPENT, TAKEN, planned, says, tell};

async fn post(site: &Site, cookie: &str, path: &str, body: Value) -> Answer {
    let path = format!("/admin/webhooks{path}");
    let call = site.post(ACME, &path).header("origin", OWN).header("cookie", cookie);
    call.json(&body).send().await
}

async fn page(site: &Site, cookie: &str) -> Value {
    let call = site.get(ACME, "/admin/webhooks").header("cookie", cookie);
    call.send().await.config()
}

async fn made(site: &Site, cookie: &str, receiver: &Receiver) -> Value {
    let new = json!({"url": receiver.url("127.0.0.1", "/hook")});
    post(site, cookie, "", new).await.ok()
}

#[tokio::test]
async fn a_webhook_is_made_with_a_ping_changed_and_deleted() {
    let site = Site::new().await;
    let cookie = admin(&site).await;
    let receiver = Receiver::start(says(SPENT)).await;
    let new = json!({"url": receiver.url("127.0.0.1", "/hook"), "events": ["conference_start"]});
    let refused = post(&site, &cookie, "", new.clone()).await;
    assert_eq!(refused.refused(), (400, "invalid_field".into()));
    assert_eq!(refused.json()["field"], "url");
    assert_eq!(page(&site, &cookie).await["webhooks"], json!([]));

    receiver.does(says(TAKEN));
    let made = post(&site, &cookie, "", new).await.ok();
    let secret = made["secret"].as_str().expect("a secret");
    let shown = page(&site, &cookie).await;
    assert!(!shown.to_string().contains(secret), "it is shown once");
    let mut listed = made.clone();
    listed.as_object_mut().expect("an object").remove("secret");
    assert_eq!(shown["webhooks"], json!([listed]));
    assert_eq!(
        shown["webhooks"],
        site.admin_api("webhook/fetch_all", json!({"company_id": 1})).await
    );
    assert_eq!(
        (&shown["failures"], shown["events"].as_array().map(Vec::len)),
        (&json!([]), Some(19))
    );

    let id = &made["webhook_id"];
    let pings = receiver.bodies().len();
    let edit = async |change: Value| {
        let mut asked = json!({"webhook_id": id});
        asked
            .as_object_mut()
            .expect("an object")
            .extend(change.as_object().expect("an object").clone());
        post(&site, &cookie, "/update", asked).await
    };
    let all = edit(json!({"all_events": true})).await.ok();
    assert_eq!(all["events"], Value::Null);
    assert_eq!(edit(json!({})).await.ok(), all, "what is absent stays");
    let off = edit(json!({"enabled": false})).await.ok();
    assert_eq!(
        (&off["enabled"], &off["disabled_because"]),
        (&json!(false), &json!("asked"))
    );
    assert_eq!(off["disabled_since"], "2026-06-01T12:00:00.000Z");
    assert_eq!(receiver.bodies().len(), pings, "nothing of it needs a ping");
    receiver.does(says(SPENT));
    assert_eq!(
        edit(json!({"enabled": true})).await.refused(),
        (400, "invalid_field".into())
    );
    assert_eq!(edit(json!({"url": "http://169.254.169.254/"})).await.refused().0, 400);
    receiver.does(says(TAKEN));
    let on = edit(json!({"enabled": true, "ping": true})).await.ok();
    assert_eq!((&on["enabled"], &on["disabled_since"]), (&json!(true), &Value::Null));
    assert_eq!(receiver.bodies().len(), pings + 2);
    let token = edit(json!({"new_signing_token": true})).await.ok();
    assert_ne!(token["signing_token"], made["signing_token"]);
    assert_eq!(token["signing_token_from"], "2026-06-02T12:00:00.000Z");

    post(&site, &cookie, "/delete", json!({"webhook_id": id})).await.ok();
    assert_eq!(page(&site, &cookie).await["webhooks"], json!([]));
    let again = post(&site, &cookie, "/delete", json!({"webhook_id": id})).await;
    assert_eq!(again.refused(), (404, "not_found".into()));
    let audit = site
        .admin_api("audit/fetch_all", json!({"company_id": 1}))
        .await
        .to_string();
    for action in ["admin_webhook_create", "admin_webhook_update", "admin_webhook_delete"] {
        assert!(audit.contains(action), "{action} in {audit}");
    }
    assert!(!audit.contains(secret) && !audit.contains("127.0.0.1"));
}

#[tokio::test]
async fn the_log_goes_on_page_by_page_and_a_delivery_is_sent_again() {
    let site = Site::new().await;
    let cookie = admin(&site).await;
    let receiver = Receiver::start(says(TAKEN)).await;
    // What was before is out of the way.
    tell(&site).await;
    let made = made(&site, &cookie, &receiver).await;
    let id = &made["webhook_id"];
    let host = site.host("Ann").await;
    tell(&site).await;
    site.advance(1);
    for _ in 0..24 {
        site.admin_api("conference/create", planned(host.id)).await;
        site.advance(1);
        tell(&site).await;
    }
    let log = async |after: Value| {
        let asked = json!({"webhook_id": id, "after": after});
        post(&site, &cookie, "/deliveries", asked).await
    };
    let first = log(Value::Null).await.ok();
    let deliveries = first["deliveries"].as_array().expect("a list");
    assert_eq!((deliveries.len(), &first["next"]), (20, &deliveries[19]["delivery_id"]));
    let rest = log(first["next"].clone()).await.ok();
    assert_eq!(
        (rest["deliveries"].as_array().map(Vec::len), &rest["next"]),
        (Some(5), &Value::Null)
    );
    assert_eq!(rest["deliveries"][4]["event"], "host_created");
    assert_eq!(log(json!("none")).await.refused(), (400, "invalid_field".into()));

    let before = receiver.bodies().len();
    let which = json!({"webhook_id": id, "delivery_id": deliveries[3]["delivery_id"]});
    let again = post(&site, &cookie, "/redeliver", which.clone()).await.ok();
    assert_eq!(again["state"], "waiting");
    tell(&site).await;
    let sent: Value = serde_json::from_slice(&receiver.bodies()[before]).expect("JSON");
    assert_eq!(
        (receiver.bodies().len(), &sent["id"]),
        (before + 1, &which["delivery_id"])
    );
    let unknown = json!({"webhook_id": id, "delivery_id": "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c"});
    let unknown = post(&site, &cookie, "/redeliver", unknown).await;
    assert_eq!(unknown.refused(), (404, "not_found".into()));
    post(&site, &cookie, "/update", json!({"webhook_id": id, "enabled": false}))
        .await
        .ok();
    let disabled = post(&site, &cookie, "/redeliver", which).await;
    assert_eq!(disabled.refused(), (409, "conflict".into()));
}

#[tokio::test]
async fn the_page_says_what_fails_and_what_was_given_up() {
    let site = Site::new().await;
    let cookie = admin(&site).await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let made = made(&site, &cookie, &receiver).await;
    let host = site.host("Ann").await;
    tell(&site).await;
    receiver.does(says(SPENT));
    site.advance(60);
    site.admin_api("conference/create", planned(host.id)).await;
    tell(&site).await;
    let failing = page(&site, &cookie).await;
    assert_eq!(failing["webhooks"][0]["failing_since"], "2026-06-01T12:01:00.000Z");
    let failure = json!({"webhook_id": made["webhook_id"], "at": "2026-06-01T12:01:00.000Z",
        "error": "answers with status 500 Internal Server Error instead of 2xx"});
    assert_eq!(failing["failures"], json!([failure]));
    for _ in 0..4 {
        site.advance(DAY);
        tell(&site).await;
    }
    let cookie = admin(&site).await;
    let given_up = page(&site, &cookie).await;
    let shown = &given_up["webhooks"][0];
    assert_eq!(
        (&shown["enabled"], &shown["disabled_because"]),
        (&json!(false), &json!("failing"))
    );
    assert_eq!(shown["failing_since"], "2026-06-01T12:01:00.000Z");
    // Taking a ping alone does not switch it on.
    receiver.does(says(TAKEN));
    let pinged = json!({"webhook_id": made["webhook_id"], "ping": true});
    let pinged = post(&site, &cookie, "/update", pinged).await.ok();
    assert_eq!(pinged["disabled_because"], "failing");
    let on = json!({"webhook_id": made["webhook_id"], "enabled": true});
    let on = post(&site, &cookie, "/update", on).await.ok();
    assert_eq!((&on["enabled"], &on["failing_since"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn only_administrators_see_to_them_from_their_own_pages_and_to_their_own_companys() {
    let site = Site::new().await;
    site.host("Ann").await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let elsewhere = json!({"company_id": 2, "url": receiver.url("127.0.0.1", "/other")});
    let elsewhere = site.admin_api("webhook/create", elsewhere).await;
    let cookie = admin(&site).await;
    let own = made(&site, &cookie, &receiver).await;
    let delivery = "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c";
    let calls = |hook: &Value| {
        let hook = &hook["webhook_id"];
        [
            ("/update", json!({"webhook_id": hook, "enabled": false})),
            ("/delete", json!({"webhook_id": hook})),
            ("/deliveries", json!({"webhook_id": hook})),
            ("/redeliver", json!({"webhook_id": hook, "delivery_id": delivery})),
        ]
    };
    for (path, body) in calls(&elsewhere) {
        let refused = post(&site, &cookie, path, body).await;
        assert_eq!(refused.refused(), (404, "not_found".into()), "{path}");
    }
    let host = signed_in(&site, "ann@acme.test", "SoSecret5!").await;
    let new = ("", json!({"url": receiver.url("127.0.0.1", "/hook")}));
    for (path, body) in calls(&own).into_iter().chain([new]) {
        let by_host = post(&site, &host, path, body.clone()).await;
        assert_eq!(by_host.refused(), (403, "forbidden".into()), "{path}");
        assert_eq!(post(&site, "a=b", path, body.clone()).await.status, 401, "{path}");
        let path = format!("/admin/webhooks{path}");
        let evil = site
            .post(ACME, &path)
            .header("origin", "https://evil.test")
            .header("cookie", &cookie);
        assert_eq!(evil.json(&body).send().await.refused().0, 403, "{path}");
    }
    let refused = site.get(ACME, "/admin/webhooks").header("cookie", &host).send().await;
    assert_eq!(refused.status, 403);
    let nobody = site.get(ACME, "/admin/webhooks").send().await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.header("location")),
        (303, "/login?redirect_url=/admin/webhooks")
    );
    let left = page(&site, &cookie).await;
    assert_eq!(left["webhooks"].as_array().map(Vec::len), Some(1));
    assert_eq!(left["webhooks"][0]["enabled"], true);
    // Nothing of all this was sent anywhere.
    receiver.does(Deed::Hang);
    assert_eq!(receiver.bodies().len(), 2, "the two pings");
}

#[tokio::test]
async fn who_has_no_account_at_the_page_is_told_how_to_enable_one_by_the_api() {
    let site = Site::new().await;
    let company = json!({"subdomain": "third", "name": "Third"});
    let company = site.admin_api("company/create", company).await["id"].clone();
    let receiver = Receiver::start(says(TAKEN)).await;
    let new = json!({"company_id": company, "url": receiver.url("127.0.0.1", "/hook")});
    let made = site.admin_api("webhook/create", new).await;
    receiver.does(says(SPENT));
    let host = json!({"company_id": company, "name": "Ann", "email": "ann@third.test", "no_welcome_email": true});
    site.admin_api("host/create", host).await;
    for _ in 0..5 {
        tell(&site).await;
        site.advance(DAY);
    }
    operator::dispatch(&site.app, &[]).await.expect("dispatched");
    let mails = site.mails.take();
    let [mail] = &mails[..] else {
        panic!("one mail: {}", mails.len())
    };
    let mail = MessageParser::default().parse(&mail.raw).expect("a mail");
    let text = mail.body_text(0).expect("text");
    let way = format!(
        "company_id {company}, webhook_id {} and enabled true",
        made["webhook_id"]
    );
    assert!(text.contains(&way) && !text.contains("/admin/webhooks"), "{text}");
}
