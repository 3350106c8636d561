//! The walk through companies, hosts and contacts, and through what is done when they go.

use domain::conference::later;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Walk;
use crate::site::receiver::{Deed, Receiver, png};
use crate::site::{ACME, Host};
use functions::{operator, workers};

/// Companies, hosts and contacts, changed in every way and listed on every page.
pub(super) async fn accounts(walk: &mut Walk) {
    let plans = serde_json::from_value(json!({
        "reseller": {"name": "Demo", "domain": "demo.test"},
        "company": {"subdomain": "acme", "name": "Acme"},
        "admin": {"name": "Admin", "email": "admin@partner.test", "password": "Sup3rSecret!"},
        "plans": [{"name": "Small", "max_participants": 10, "max_minutes": 1440}],
    }));
    operator::init(&walk.site.app, &plans.expect("an event"))
        .await
        .expect("made");
    let plan = walk.api("plan_fetch_all", json!({})).await.ok()[0]["plan_id"].clone();
    let subscribed = json!({"subdomain": "fourth", "name": "Fourth", "subscription_ids": [plan]});
    let company = walk.api("company_create", subscribed).await.ok();
    let (id, held) = (company["id"].clone(), company["subscription_ids"][0].clone());
    walk.api("subscription_fetch_all", json!({"company_id": id})).await.ok();
    let change =
        json!({"company_id": id, "subdomain": "moved", "subscription_ids": [plan], "idempotency_key": "company"});
    walk.api("company_update", change.clone()).await.ok();
    walk.api("company_update", change).await.ok();
    // Its former name leads on.
    for (page, path) in [
        ("page_home", "/"),
        ("page_login", "/login"),
        ("page_password", "/password/abc"),
        ("page_api_tokens", "/admin/tokens"),
        ("page_oauth_apps", "/account/apps"),
        ("page_oauth_clients", "/admin/oauth"),
        ("page_oauth_consent", "/oauth/authorize"),
        ("page_register", "/register/1"),
        ("page_webhooks", "/admin/webhooks"),
        ("page_room", "/conf/call/7654321"),
        ("page_calendar", "/conf/call/7654321/meeting.ics"),
        (
            "sign_in_framed",
            "/auth?host_id=1&login_token_public_key=a&redirect_url=/",
        ),
    ] {
        walk.fresh().await;
        let answer = walk.site.get("fourth.demo.test", path).send().await;
        walk.book(page).await;
        assert_eq!(answer.status, 308, "{page}");
    }
    walk.fresh().await;
    let fields = [("host_id", "1"), ("login_token_public_key", "a")];
    walk.site.post("fourth.demo.test", "/auth").form(&fields).send().await;
    walk.book("sign_in").await;
    let webhook = json!({"webhook_id": 1, "delivery_id": "x", "url": "https://app.test/hook"});
    for (id, path, body) in [
        ("admin_webhook_create", "/admin/webhooks", webhook.clone()),
        ("admin_webhook_update", "/admin/webhooks/update", webhook.clone()),
        ("admin_webhook_delete", "/admin/webhooks/delete", webhook.clone()),
        (
            "admin_webhook_deliveries",
            "/admin/webhooks/deliveries",
            webhook.clone(),
        ),
        ("admin_webhook_redeliver", "/admin/webhooks/redeliver", webhook),
        ("api_token_create", "/admin/tokens", json!({"name": "x"})),
        ("api_token_revoke", "/admin/tokens/revoke", json!({"id": "x"})),
        (
            "conference_register",
            "/register/1",
            json!({"name": "x", "email": "x@y.test"}),
        ),
    ] {
        walk.fresh().await;
        walk.site.post("fourth.demo.test", path).json(&body).send().await;
        walk.book(id).await;
    }
    walk.api("company_update", json!({"company_id": id, "subscription_ids": []}))
        .await
        .ok();
    walk.api("company_update", json!({"company_id": id, "subscription_ids": [plan]}))
        .await
        .ok();
    let taken = json!({"company_id": id, "subdomain": "acme", "idempotency_key": "taken"});
    walk.api("company_update", taken).await.refused();
    walk.api("company_fetch_all", json!({"after": id})).await.ok();
    pictures(walk).await;
    let admin = json!({"company_id": 1, "name": "Own", "email": "own@acme.test", "password": "SoSecret5!", "role": "COMPANY_ADMIN"});
    walk.site.admin_api("host/create", admin).await;
    let own = json!({"email": "own@acme.test", "password": "SoSecret5!"});
    let own = walk.site.api(ACME, "authenticate", own).await.ok();
    walk.api("company_fetch_all", json!({"auth_token": own["auth_token"]}))
        .await
        .ok();
    walk.api("audit_fetch_all", json!({})).await.ok();
    walk.api("audit_fetch_all", json!({"company_id": id})).await.ok();
    let _ = held;
    let held = walk.api("company_fetch", json!({"company_id": id})).await.ok()["subscription_ids"][0].clone();
    let new = json!({"company_id": id, "name": "Max", "email": "max@acme.test", "subscription_ids": [held]});
    let host = walk.api("host_create", new).await.ok()["host_id"].clone();
    let entered = json!({"host_id": host, "name": "Known", "email": "known@guest.test", "idempotency_key": "contact"});
    walk.api("contact_create", entered.clone()).await.ok();
    let contact = walk.api("contact_create", entered).await.ok()["contact_id"].clone();
    let again = json!({"host_id": host, "name": "Known", "email": "known@guest.test", "idempotency_key": "again"});
    walk.api("contact_create", again).await.refused();
    let change = json!({
        "host_id": host, "email": "known@guest.test", "openid_sub": "t", "access_code": "8765432", "password": "SoSecret6!",
        "subscription_ids": [held], "idempotency_key": "host",
    });
    walk.api("host_update", change.clone()).await.ok();
    walk.api("host_update", change).await.ok();
    walk.api(
        "host_update",
        json!({"host_id": host, "openid_sub": null, "subscription_ids": []}),
    )
    .await
    .ok();
    walk.api("host_update", json!({"host_id": host, "subscription_ids": [held]}))
        .await
        .ok();
    walk.api(
        "host_update",
        json!({"host_id": 9_999, "name": "X", "idempotency_key": "none"}),
    )
    .await
    .refused();
    let reset = json!({"host_id": host, "idempotency_key": "reset"});
    walk.api("host_reset_login_token", reset.clone()).await.ok();
    walk.api("host_reset_login_token", reset).await.ok();
    walk.api(
        "host_reset_login_token",
        json!({"host_id": 9_999, "idempotency_key": "no"}),
    )
    .await
    .refused();
    walk.api("host_fetch_all", json!({"company_id": id, "after": host}))
        .await
        .ok();
    walk.api("host_fetch_all", json!({"after": host})).await.ok();
    walk.api("host_fetch_all", json!({})).await.ok();
    walk.api("contact_fetch", json!({"contact_id": contact}))
        .await
        .refused();
    let entered = json!({"host_id": host, "name": "Known", "email": "other@guest.test"});
    let contact = walk.api("contact_create", entered).await.ok()["contact_id"].clone();
    walk.api("contact_fetch", json!({"contact_id": contact})).await.ok();
    walk.api("contact_fetch_all", json!({"host_id": host, "after": contact}))
        .await
        .ok();
    let change = json!({"contact_id": contact, "email": "third@guest.test", "idempotency_key": "change"});
    walk.api("contact_update", change.clone()).await.ok();
    walk.api("contact_update", change).await.ok();
    walk.api("contact_update", json!({"contact_id": 9_999, "idempotency_key": "x"}))
        .await
        .refused();
    let company = id.as_u64().expect("an id");
    crate::mail_comes_back::bounce(&walk.site, company, "third@guest.test").await;
    walk.api(
        "contact_update",
        json!({"contact_id": contact, "email_state": "active"}),
    )
    .await
    .ok();
    // More than are read at once.
    for n in 0..=1000 {
        crate::mail_comes_back::bounce(&walk.site, company, &format!("gone{n}@guest.test")).await;
    }
    for list in ["contact_fetch_all", "host_export"] {
        walk.api(list, json!({"host_id": host})).await.ok();
    }
    let gone = json!({"contact_id": contact, "idempotency_key": "gone"});
    walk.api("contact_delete", gone.clone()).await.ok();
    walk.api("contact_delete", gone).await.ok();
    walk.api(
        "contact_delete",
        json!({"contact_id": contact, "idempotency_key": "gone 2"}),
    )
    .await
    .refused();
}

/// What is told of accounts and companies.
pub(super) async fn told(walk: &mut Walk, host: &Host) {
    let export = json!({"host_id": host.id, "limit": 1});
    let next = walk.api("host_export", export).await.ok()["next"].clone();
    walk.api("host_export", json!({"host_id": host.id, "limit": 1, "after": next}))
        .await
        .ok();
    walk.api("report_usage", json!({"company_id": 1})).await.ok();
    walk.api("report_usage", json!({"host_id": host.id})).await.ok();
}

/// One account with all that its erasing finds, and one that was deleted before.
async fn erased(walk: &mut Walk) {
    let host = walk.site.host("Erased").await;
    walk.site.relay_up_again().await;
    let planned = json!({"host_id": host.id, "subject": "Plan", "start": "2026-06-20 12:05:00", "time_zone": "UTC", "duration": 60,
        "recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}});
    walk.site.admin_api("conference/create", planned).await;
    let now = json!({"host_id": host.id, "idempotency_key": "kept"});
    let now = walk.site.admin_api("conference/create/reservationless", now).await;
    let token = json!({"conference_id": now["conference_id"], "name": "Bob", "identity": "bob"});
    walk.site.admin_api("conference/join_token", token).await;
    let room = format!("1/{}/{}", now["conference_id"], walk.site.now().as_second());
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": "e"});
    walk.site.report("enter", enter).await.ok();
    let join = json!({"room": room, "at": walk.site.now().as_millisecond(), "kind": "participant_join", "participant": 1, "jti": "e",
        "name": "Bob", "moderator": false, "region": "eu"});
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": 4, "events": [join]});
    walk.site.report("events", batch).await.ok();
    let gone = json!({"host_id": host.id, "idempotency_key": "erased"});
    walk.api("host_erase", gone.clone()).await.ok();
    walk.api("host_erase", gone).await.ok();
    walk.api("host_erase", json!({"host_id": host.id, "idempotency_key": "again"}))
        .await
        .ok();
    walk.api("host_erase", json!({"host_id": 9_999, "idempotency_key": "nobody"}))
        .await
        .refused();
    let host = walk.site.host("Deleted").await;
    let sub = json!({"host_id": host.id, "openid_sub": "erased"});
    walk.site.admin_api("host/update", sub).await;
    walk.api("host_erase", json!({"host_id": host.id})).await.ok();
    let host = walk.site.host("Twice").await;
    walk.site.admin_api("host/delete", json!({"host_id": host.id})).await;
    walk.api("host_erase", json!({"host_id": host.id})).await.ok();
}

/// Hosts and companies that go, and the jobs that see to the rest: with meetings that run, are planned and repeat.
pub(super) async fn deletions(walk: &mut Walk) {
    let host = walk.site.host("Going").await;
    let own = json!({"email": "going@acme.test", "password": "SoSecret5!"});
    walk.site.api(ACME, "authenticate", own).await.ok();
    let sub = json!({"host_id": host.id, "openid_sub": "going"});
    walk.site.admin_api("host/update", sub).await;
    walk.site.relay_up_again().await;
    let planned = |start: &str, one_time: bool, rule: Value| {
        json!({"host_id": host.id, "subject": "Plan", "start": start, "time_zone": "UTC", "duration": 60,
            "one_time_access_code": one_time, "recurrence": rule})
    };
    for one_time in [false, true] {
        for rule in [Value::Null, json!({"rrule": "FREQ=DAILY;COUNT=3"})] {
            walk.site
                .admin_api("conference/create", planned("2026-06-20 12:05:00", one_time, rule))
                .await;
        }
    }
    // One that opens while it is being cancelled, and more meetings than are seen to in one step.
    let soon = domain::time::iso(later(walk.site.now(), SignedDuration::from_hours(12)));
    walk.site
        .admin_api(
            "conference/create",
            planned(&soon, false, json!({"rrule": "FREQ=DAILY;COUNT=3"})),
        )
        .await;
    for _ in 0..51 {
        walk.site
            .admin_api("conference/create", planned("2026-06-20 12:05:00", false, Value::Null))
            .await;
    }
    let led = json!({"code": host.code, "moderator_pin": host.pin, "name": "Ann"});
    let led = walk.site.join(ACME, &led).send().await.ok();
    let room = format!("1/{}/{}", led["conference"]["id"], walk.site.now().as_second());
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": led["participant"], "jti": "z"});
    walk.site.report("enter", enter).await;
    let gone = json!({"host_id": host.id, "idempotency_key": "going"});
    walk.api("host_delete", gone.clone()).await.ok();
    walk.api("host_delete", gone).await.ok();
    walk.api("host_delete", json!({"host_id": 9_999, "idempotency_key": "nobody"}))
        .await
        .refused();
    let new = json!({"subdomain": "going", "name": "Going"});
    let company = walk.site.admin_api("company/create", new).await["id"]
        .as_u64()
        .expect("an id");
    let gone = walk.site.host_of(company, "Gone").await;
    crate::mail_comes_back::bounce(&walk.site, company, "one@guest.test").await;
    let sub = json!({"host_id": gone.id, "openid_sub": "gone with it"});
    walk.site.admin_api("host/update", sub).await;
    walk.api(
        "company_delete",
        json!({"company_id": company, "idempotency_key": "full"}),
    )
    .await
    .refused();
    let gone = json!({"company_id": company, "force": true, "idempotency_key": "company gone"});
    walk.api("company_delete", gone.clone()).await.ok();
    walk.api("company_delete", gone).await.ok();
    Box::pin(erased(walk)).await;
    reminded(walk).await;
    let named = walk.site.app.store.jobs_due(walk.site.now(), 9).await.expect("jobs");
    let event = json!({"Records": named.iter().map(|job| {
        json!({"dynamodb": {"Keys": {"pk": {"S": format!("JOB#{}", job.id)}}}})
    }).collect::<Vec<_>>()});
    walk.fresh().await;
    for _ in 0..4 {
        let worker = workers()
            .into_iter()
            .find(|worker| worker.id == "dispatch")
            .expect("a worker");
        let done = operator::wake(&walk.site.app, &worker, event.clone())
            .await
            .expect("worked");
        assert_eq!(done["failed"], 0, "{done}");
        walk.site.advance(61);
    }
    walk.book("dispatch").await;
    let left = walk.site.app.store.jobs_due(walk.site.now(), 9).await.expect("jobs");
    assert!(left.is_empty(), "{left:?}");
}

/// What mail and text messages tell of in a moment.
async fn reminded(walk: &mut Walk) {
    let host = walk.site.host("Soon").await;
    let start = later(walk.site.now(), SignedDuration::from_mins(10));
    let meeting = json!({"host_id": host.id, "subject": "Soon", "start": start.to_string(), "time_zone": "UTC", "duration": 60,
        "reminders": [{"channel": "email", "minutes_before": 8}, {"channel": "sms", "minutes_before": 8}],
        "participant_emails": [{"email": "one@guest.test", "phone": "+15551230001"}, {"email": "two@guest.test", "phone": "+15551230002"}]});
    walk.fresh().await;
    crate::mail_comes_back::bounce(&walk.site, 1, "one@guest.test").await;
    walk.book("mail_feedback").await;
    walk.site.mails.trouble(&[Some(notify::TextError::OptedOut)]);
    let made = walk.site.admin_api("conference/create", meeting).await;
    // Somebody answers from another address than it was invited at.
    let moved = json!({"contact_id": made["participants"][2], "email": "new@guest.test"});
    walk.site.admin_api("contact/update", moved).await;
    walk.fresh().await;
    crate::invitations_are_answered::answer(&walk.site, &made, "new@guest.test", "TENTATIVE").await;
    walk.book("mail_receive").await;
    // Somebody asks for a link, and for another one.
    let new = json!({"company_id": 1, "name": "Lost", "email": "lost@acme.test"});
    walk.site.admin_api("host/create", new).await;
    lost(walk).await;
    walk.fresh().await;
    operator::dispatch(&walk.site.app, &[]).await.expect("dispatched");
    walk.book("dispatch").await;
    lost(walk).await;
}

async fn lost(walk: &Walk) {
    let call = walk.site.post(ACME, "/password");
    call.json(&json!({"email": "lost@acme.test"})).send().await.ok();
}

/// A company whose branding has pictures, until it is deleted with them.
async fn pictures(walk: &mut Walk) {
    let peer = Receiver::start(Deed::ok("image/png", &png(4, 4, 1))).await;
    let branding = |path: &str| json!({"logo_url": peer.url("127.0.0.1", path)});
    let made = json!({"subdomain": "shown", "name": "Shown", "branding": branding("/a")});
    let id = walk.api("company_create", made).await.ok()["id"].clone();
    peer.does(Deed::ok("image/png", &png(4, 4, 2)));
    let changed = json!({"company_id": id, "branding": branding("/b")});
    walk.api("company_update", changed).await.ok();
    let shown = walk.site.get("shown.demo.test", "/").send().await.config();
    let logo = shown["tenant"]["logo_url"].as_str().expect("a logo").to_owned();
    walk.fresh().await;
    let picture = walk.site.get("shown.demo.test", &logo).send().await;
    walk.book("branding_image").await;
    assert_eq!(picture.status, 200);
    walk.api("company_delete", json!({"company_id": id})).await.ok();
}
