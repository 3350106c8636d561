//! The table does not answer: everybody is told so while they still wait, and nothing has changed when it is back.

use std::time::{Duration, Instant};

use functions::Access;
use serde_json::json;

use crate::world::{PASSWORD, World, together};

/// Every function has at least ten seconds (`deploy/function.rs`), and some of it goes into starting.
const WITHIN: Duration = Duration::from_secs(8);

#[tokio::test]
async fn everybody_is_told_in_time_and_nothing_changes() {
    let world = Box::pin(World::new()).await;
    let acme = &world.acme;
    let before = world.table.dump().await;
    world.table.set_latency(Duration::from_secs(3_600));
    let code = "1234567";
    let body = json!({
        "company_id": acme.id, "host_id": acme.host.id, "contact_id": acme.host.contact, "conference_id": acme.host.conference,
        "email": acme.host.email, "password": PASSWORD, "code": code, "name": "Somebody", "subject": "Plan",
        "start": "2026-06-02 13:00:00", "time_zone": "UTC", "duration": 30, "subdomain": "another",
    });
    let begun = Instant::now();
    let (calls, ids): (Vec<_>, Vec<_>) = functions::all()
        .into_iter()
        .map(|route| {
            let path = route.path.replace("{code}", code).replace("{token}", "0123");
            let mut call = world.call(route.method, &acme.fqdn, &path);
            if route.method == "POST" {
                call = call.json(&body);
            }
            if matches!(route.access, Access::Session(_)) {
                call = call.header("authorization", &format!("AuthToken {}", acme.reseller_admin.token));
            }
            let timed = async move { (call.send().await, begun.elapsed()) };
            (timed, route.id)
        })
        .unzip();
    let answers = together(calls).await;
    let mut others = Vec::new();
    for ((answer, after), id) in answers.iter().zip(ids) {
        assert!(*after < WITHIN, "{id}: {after:?}");
        if answer.status() == 503 {
            assert_eq!(answer.header("retry-after"), Some("1"), "{id}");
        } else {
            assert!(answer.status() < 500, "{id}: {answer:?}");
            others.push(id);
        }
    }
    // Answered, or refused for what they say, before the table is asked.
    let untouched = [
        "admin_webhook_create",
        "admin_webhook_delete",
        "admin_webhook_deliveries",
        "admin_webhook_redeliver",
        "admin_webhook_update",
        "api_token_create",
        "api_token_revoke",
        "branding_image",
        "oauth_app_revoke",
        "oauth_client_create",
        "oauth_client_delete",
        "oauth_client_rotate",
        "oauth_consent",
        "oauth_introspect",
        "oauth_metadata",
        "oauth_revoke",
        "oauth_token",
        "openapi_fetch",
        "page_api_tokens",
        "page_docs",
        "page_webhooks",
        "relay_enter",
        "relay_events",
        "relay_heartbeat",
        "relay_leave",
        "relay_quality",
        "relay_register",
        "sign_in",
        "sign_in_framed",
        "sign_in_handoff",
        "sign_in_pass_on",
        "sign_out",
    ];
    assert_eq!(others, untouched);
    world.table.set_latency(Duration::ZERO);
    assert!(before == world.table.dump().await);
}
