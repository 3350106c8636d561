//! The walk through API tokens.

use serde_json::{Value, json};

use super::Walk;
use crate::site::ACME;

const OWN: &str = "https://acme.demo.test";

pub(super) async fn api_tokens(walk: &mut Walk) {
    let admin = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
    let call = walk.site.post(ACME, "/login").header("origin", OWN);
    let cookie = call.json(&admin).send().await.cookies().join("; ");
    let post = async |walk: &mut Walk, id: &'static str, path: &str, body: Value| {
        walk.fresh().await;
        let call = walk
            .site
            .post(ACME, path)
            .header("origin", OWN)
            .header("cookie", &cookie);
        let answer = call.json(&body).send().await.ok();
        walk.book(id).await;
        answer
    };
    let made = post(walk, "api_token_create", "/admin/tokens", json!({"name": "Server"})).await;
    walk.page("page_api_tokens", "/admin/tokens", &cookie).await;
    let asked = json!({"api_token": made["api_token"]});
    let signed = walk.api("authenticate", asked).await.ok();
    walk.api("host_fetch", json!({"host_id": 1, "auth_token": signed["auth_token"]}))
        .await;
    walk.site.admin_api("host/export", json!({"host_id": 1})).await;
    post(
        walk,
        "api_token_revoke",
        "/admin/tokens/revoke",
        json!({"id": made["id"]}),
    )
    .await;
}
