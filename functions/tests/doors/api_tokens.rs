//! API tokens: made on a page by administrators, shown once, traded for sessions, revoked with them.

use serde_json::{Value, json};

use crate::site::{ACME, Answer, OTHER, Site};

pub(crate) const OWN: &str = "https://acme.demo.test";

/// A browser in which somebody is signed in.
pub(crate) async fn signed_in(site: &Site, email: &str, password: &str) -> String {
    let call = site.post(ACME, "/login").header("origin", OWN);
    let answer = call.json(&json!({"email": email, "password": password})).send().await;
    answer.cookies().join("; ")
}

pub(crate) async fn admin(site: &Site) -> String {
    signed_in(site, "admin@partner.test", "Sup3rSecret!").await
}

async fn post(site: &Site, cookie: &str, path: &str, body: Value) -> Answer {
    let call = site.post(ACME, path).header("origin", OWN).header("cookie", cookie);
    call.json(&body).send().await
}

async fn create(site: &Site, cookie: &str) -> Value {
    post(site, cookie, "/admin/tokens", json!({"name": "Billing server"}))
        .await
        .ok()
}

async fn authenticate(site: &Site, host: &str, token: &Value) -> Answer {
    site.api(host, "authenticate", json!({"api_token": token})).await
}

async fn page(site: &Site, cookie: &str) -> Value {
    site.get(ACME, "/admin/tokens")
        .header("cookie", cookie)
        .send()
        .await
        .config()
}

#[tokio::test]
async fn a_token_is_shown_once_and_signs_in_until_it_is_revoked() {
    let site = Site::new().await;
    let cookie = admin(&site).await;
    let made = create(&site, &cookie).await;
    let token = made["api_token"].as_str().expect("a token");
    assert!(token.starts_with("cvk_1_") && token.len() >= 48, "{token}");
    let listed = page(&site, &cookie).await;
    assert_eq!(listed["tokens"][0]["name"], "Billing server");
    assert_eq!(listed["tokens"][0]["used"], Value::Null);
    assert!(!listed.to_string().contains(token));

    site.advance(60);
    let session = authenticate(&site, ACME, &made["api_token"]).await.ok();
    // Also at another company of the reseller, as with a password.
    authenticate(&site, OTHER, &made["api_token"]).await.ok();
    assert_eq!(page(&site, &cookie).await["tokens"][0]["used"], "2026-06-01T12:01:00Z");
    let call = json!({"auth_token": session["auth_token"], "limit": 5});
    site.api(ACME, "company/fetch_all", call.clone()).await.ok();
    let audit = site.admin_api("audit/fetch_all", json!({"company_id": 1})).await;
    assert!(
        audit.to_string().contains("api_token_create") && !audit.to_string().contains(token),
        "{audit}"
    );

    let foreign = post(&site, "a=b", "/admin/tokens/revoke", json!({"id": made["id"]})).await;
    assert_eq!(foreign.status, 401);
    post(&site, &cookie, "/admin/tokens/revoke", json!({"id": made["id"]}))
        .await
        .ok();
    assert_eq!(
        authenticate(&site, ACME, &made["api_token"]).await.refused(),
        (401, "unauthenticated".into())
    );
    let over = site.api(ACME, "company/fetch_all", call).await;
    assert_eq!(over.status, 401, "what began by it is over with it: {}", over.text);
    let again = post(&site, &cookie, "/admin/tokens/revoke", json!({"id": made["id"]})).await;
    assert_eq!(again.status, 404);
    assert_eq!(page(&site, &cookie).await["tokens"], json!([]));
}

#[tokio::test]
async fn a_new_password_leaves_tokens_and_a_lock_out_does_not_touch_them() {
    let site = Site::new().await;
    let cookie = admin(&site).await;
    let made = create(&site, &cookie).await;
    for _ in 0..6 {
        site.api(
            ACME,
            "authenticate",
            json!({"email": "admin@partner.test", "password": "wrong"}),
        )
        .await;
    }
    authenticate(&site, ACME, &made["api_token"]).await.ok();
    site.admin_api("host/update", json!({"host_id": 1, "password": "N3wSecret!!"}))
        .await;
    authenticate(&site, ACME, &made["api_token"]).await.ok();
}

#[tokio::test]
async fn only_administrators_make_tokens_and_only_from_their_own_pages() {
    let site = Site::new().await;
    site.host("Ann").await;
    let host = signed_in(&site, "ann@acme.test", "SoSecret5!").await;
    let refused = site.get(ACME, "/admin/tokens").header("cookie", &host).send().await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        post(&site, &host, "/admin/tokens", json!({"name": "x"}))
            .await
            .refused()
            .0,
        403
    );
    let nobody = site.get(ACME, "/admin/tokens").send().await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.header("location")),
        (303, "/login?redirect_url=/admin/tokens")
    );
    let cookie = admin(&site).await;
    let call = site
        .post(ACME, "/admin/tokens")
        .header("origin", "https://evil.test")
        .header("cookie", &cookie);
    assert_eq!(call.json(&json!({"name": "x"})).send().await.refused().0, 403);
    // Single sign-on acts as a plain host, whatever the account's role.
    let new = json!({"company_id": 1, "name": "Boss", "email": "boss@acme.test", "role": "COMPANY_ADMIN"});
    let boss = site.admin_api("host/create", new).await;
    let (id, sso) = (
        boss["host_id"].to_string(),
        boss["login_token_public_key"].as_str().expect("a token"),
    );
    let call = site.post(ACME, "/auth").header("origin", OWN);
    let plain = call
        .form(&[("host_id", &id), ("login_token_public_key", sso)])
        .send()
        .await;
    let plain = plain.cookies().join("; ");
    assert_eq!(
        post(&site, &plain, "/admin/tokens", json!({"name": "x"}))
            .await
            .refused()
            .0,
        403
    );
    assert_eq!(page(&site, &cookie).await["tokens"], json!([]));
}

#[tokio::test]
async fn an_account_has_twenty_at_most_and_none_once_it_is_deleted() {
    let site = Site::new().await;
    let new = json!({"company_id": 1, "name": "Boss", "email": "boss@acme.test", "password": "SoSecret5!", "role": "COMPANY_ADMIN"});
    let boss = site.admin_api("host/create", new).await;
    let cookie = signed_in(&site, "boss@acme.test", "SoSecret5!").await;
    let mut last = Value::Null;
    for _ in 0..20 {
        last = create(&site, &cookie).await;
    }
    assert_eq!(
        post(&site, &cookie, "/admin/tokens", json!({"name": "x"}))
            .await
            .refused(),
        (409, "conflict".into())
    );
    let exported = site.admin_api("host/export", json!({"host_id": boss["host_id"]})).await;
    assert_eq!(exported["api_tokens"].as_array().map(Vec::len), Some(20));
    assert!(!exported.to_string().contains(last["id"].as_str().expect("an id")));
    site.admin_api("host/delete", json!({"host_id": boss["host_id"]})).await;
    assert_eq!(authenticate(&site, ACME, &last["api_token"]).await.status, 401);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let site = Site::new().await;
    let cookie = admin(&site).await;
    let made = create(&site, &cookie).await;
    let token = made["api_token"].as_str().expect("a token");
    let other_account = token.replacen("cvk_1_", "cvk_2_", 1);
    for wrong in [
        "",
        "x",
        "cvk_1_",
        &token[..token.len() - 1],
        &other_account,
        &format!("{token}x"),
    ] {
        let answer = authenticate(&site, ACME, &json!(wrong)).await;
        assert_eq!(answer.refused(), (401, "unauthenticated".into()), "{wrong}");
    }
}
