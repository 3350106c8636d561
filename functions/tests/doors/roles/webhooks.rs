//! The walk through webhooks: made, told, failing, sent again, disabled, deleted.

use serde_json::{Value, json};

use super::Walk;
use super::oauth::post;
use crate::api_tokens::admin;
use crate::site::receiver::{Deed, Receiver};
use functions::operator;

const SPENT: &[u8] = b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";
const TAKEN: &[u8] = b"HTTP/1.1 204 Fine\r\n\r\n";

async fn tell(walk: &mut Walk) {
    walk.fresh().await;
    operator::tell_webhooks(&walk.site.app).await.expect("told");
    walk.book("tell_webhooks").await;
}

pub(super) async fn webhooks(walk: &mut Walk) {
    let receiver = Receiver::start(Deed::Say(TAKEN.to_vec())).await;
    let asked = json!({"company_id": 1, "url": receiver.url("127.0.0.1", "/"), "idempotency_key": "hook"});
    let mut bad = asked.clone();
    (bad["url"], bad["idempotency_key"]) = (json!("http://127.0.0.1:9/"), json!("bad"));
    walk.api("webhook_create", bad).await.refused();
    let made = walk.api("webhook_create", asked).await.ok();
    walk.api("webhook_fetch_all", json!({"company_id": 1})).await.ok();
    let host = walk.site.host("Hooked").await;
    // An ad-hoc meeting is over when it is empty.
    walk.site.relay_up_again().await;
    let led = json!({"code": host.code, "moderator_pin": host.pin, "name": "Ann"});
    let led = walk.join(led, "a=b").await.ok();
    let room = format!("1/{}/{}", led["conference"]["id"], walk.site.now().as_second());
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": led["participant"], "jti": "h"});
    walk.report("relay_enter", enter).await.ok();
    let left = json!({"relay": "relay-1", "epoch": 1, "room": room});
    let left = walk.report("relay_leave", left).await.ok();
    assert_eq!(left["state"], "ended");
    tell(walk).await;
    receiver.does(Deed::Say(SPENT.to_vec()));
    let planned = |subject: &str| json!({"host_id": host.id, "subject": subject, "start": "2026-07-20 12:05:00", "time_zone": "UTC", "duration": 60});
    walk.site.admin_api("conference/create", planned("One")).await;
    tell(walk).await;
    for seconds in [5, 30, 120, 445] {
        walk.site.advance(seconds);
        tell(walk).await;
    }
    receiver.does(Deed::Say(TAKEN.to_vec()));
    walk.site.advance(600);
    tell(walk).await;
    let id = json!({"company_id": 1, "webhook_id": made["webhook_id"]});
    let log = walk.api("webhook_deliveries", id.clone()).await.ok();
    let with = |more: Value| {
        let mut asked = id.clone();
        let fields = asked.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        asked
    };
    let delivery = log[0]["delivery_id"].clone();
    walk.api("webhook_deliveries", with(json!({"after": delivery})))
        .await
        .ok();
    let again = with(json!({"delivery_id": delivery, "idempotency_key": "again"}));
    walk.api("webhook_redeliver", again).await.ok();
    let unknown = "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c";
    let unknown = with(json!({"delivery_id": unknown, "idempotency_key": "unknown"}));
    walk.api("webhook_redeliver", unknown).await.refused();
    tell(walk).await;
    let change = with(json!({"new_signing_token": true, "ping": true, "idempotency_key": "change"}));
    walk.api("webhook_update", change).await.ok();
    let same = with(json!({"enabled": true, "idempotency_key": "same"}));
    walk.api("webhook_update", same).await.ok();
    let wrong = with(json!({"url": "http://127.0.0.1:9/", "idempotency_key": "wrong"}));
    walk.api("webhook_update", wrong).await.refused();
    let cookie = Box::pin(at_the_admin_page(walk, &receiver, &made["webhook_id"], &delivery)).await;
    receiver.does(Deed::Say(SPENT.to_vec()));
    walk.site.admin_api("conference/create", planned("Two")).await;
    tell(walk).await;
    walk.page("page_webhooks", "/admin/webhooks", &cookie).await;
    let hook = disabled(walk, made["webhook_id"].as_u64().expect("an id")).await;
    tell(walk).await;
    let gone = with(json!({"idempotency_key": "gone"}));
    walk.api("webhook_delete", gone).await.ok();
    let none = json!({"company_id": 1, "webhook_id": 999, "idempotency_key": "none"});
    walk.api("webhook_delete", none).await.refused();
    assert!(hook, "it was disabled");
}

/// The same at the page of administrators; answers the cookie of one.
async fn at_the_admin_page(walk: &mut Walk, receiver: &Receiver, hook: &Value, delivery: &Value) -> String {
    let cookie = admin(&walk.site).await;
    let create = json!({"url": receiver.url("127.0.0.1", "/admin")});
    let made = post(walk, "admin_webhook_create", "/admin/webhooks", &cookie, create)
        .await
        .ok();
    let own = |more: Value| {
        let mut asked = json!({"webhook_id": made["webhook_id"]});
        let fields = asked.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        asked
    };
    for change in [json!({"new_signing_token": true, "ping": true}), json!({})] {
        let path = "/admin/webhooks/update";
        post(walk, "admin_webhook_update", path, &cookie, own(change))
            .await
            .ok();
    }
    for after in [Value::Null, delivery.clone()] {
        let asked = json!({"webhook_id": hook, "after": after});
        let path = "/admin/webhooks/deliveries";
        post(walk, "admin_webhook_deliveries", path, &cookie, asked).await.ok();
    }
    let again = json!({"webhook_id": hook, "delivery_id": delivery});
    let path = "/admin/webhooks/redeliver";
    post(walk, "admin_webhook_redeliver", path, &cookie, again).await.ok();
    tell(walk).await;
    let path = "/admin/webhooks/delete";
    post(walk, "admin_webhook_delete", path, &cookie, own(json!({})))
        .await
        .ok();
    cookie
}

/// Has a webhook failed for three days, at the next try.
async fn disabled(walk: &mut Walk, id: u64) -> bool {
    let store = &walk.site.app.store;
    let (reseller, company) = ("1".parse().expect("an id"), "1".parse().expect("an id"));
    let hook = store
        .hook(reseller, company, domain::id::HookId::new(id).expect("an id"))
        .await
        .expect("there");
    let since = domain::conference::later(walk.site.now(), -domain::hook::DISABLED_AFTER);
    store.hook_health(&hook, None).await.expect("noted");
    store.hook_health(&hook, Some(since)).await.expect("noted");
    walk.site.advance(5);
    tell(walk).await;
    walk.fresh().await;
    operator::dispatch(&walk.site.app, &[]).await.expect("dispatched");
    walk.book("dispatch").await;
    let hook = walk
        .site
        .app
        .store
        .hook(reseller, company, hook.id)
        .await
        .expect("there");
    hook.disabled.is_some()
}
