//! The walk through OAuth: an app is registered, let in, given tokens, and shown out in every way.

use serde_json::{Value, json};

use super::Walk;
use crate::oauth::parameter;
use crate::site::{ACME, Answer};

const OWN: &str = "https://acme.demo.test";
const BACK: &str = "https://app.test/back";

pub(super) async fn post(walk: &mut Walk, id: &'static str, path: &str, cookie: &str, body: Value) -> Answer {
    walk.fresh().await;
    let call = walk
        .site
        .post(ACME, path)
        .header("origin", OWN)
        .header("cookie", cookie);
    let answer = call.json(&body).send().await;
    walk.book(id).await;
    answer
}

async fn form(walk: &mut Walk, id: &'static str, client: &Value, fields: &[(&str, &str)]) -> Answer {
    let path = format!("/oauth/{}", id.trim_start_matches("oauth_"));
    let text = |name: &str| client[name].as_str().expect("text").to_owned();
    let (id_of, secret) = (text("client_id"), text("client_secret"));
    let own = [("client_id", id_of.as_str()), ("client_secret", secret.as_str())];
    walk.fresh().await;
    let answer = walk.site.post(ACME, &path).form(&[&own, fields].concat()).send().await;
    walk.book(id).await;
    answer
}

pub(super) async fn oauth(walk: &mut Walk) {
    let admin = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
    let call = walk.site.post(ACME, "/login").header("origin", OWN);
    let cookie = call.json(&admin).send().await.cookies().join("; ");
    let new = json!({"name": "Workflow", "redirect_uris": [BACK]});
    let made = post(walk, "oauth_client_create", "/admin/oauth", &cookie, new)
        .await
        .ok();
    walk.page("page_oauth_clients", "/admin/oauth", &cookie).await;
    let which = json!({"client_id": made["client_id"]});
    let mut client = post(
        walk,
        "oauth_client_rotate",
        "/admin/oauth/rotate",
        &cookie,
        which.clone(),
    )
    .await
    .ok();
    let request = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client["client_id"].as_str().expect("an id"))
        .append_pair("redirect_uri", BACK)
        .append_pair("response_type", "code")
        .finish();
    walk.page("page_oauth_consent", &format!("/oauth/authorize?{request}"), &cookie)
        .await;
    walk.page("oauth_metadata", "/.well-known/oauth-authorization-server", "a=b")
        .await;
    let ask = async |walk: &mut Walk| {
        let asked = json!({"request": request, "allow": true});
        let answer = post(walk, "oauth_consent", "/oauth/authorize", &cookie, asked)
            .await
            .ok();
        parameter(answer["redirect_url"].as_str().expect("an address"), "code").expect("a code")
    };
    let trade = async |walk: &mut Walk, client: &Value, code: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
        ];
        form(walk, "oauth_token", client, &fields).await
    };
    let code = ask(walk).await;
    let tokens = trade(walk, &client, &code).await.ok();
    walk.page("page_oauth_apps", "/account/apps", &cookie).await;
    for id in ["oauth_introspect", "oauth_revoke"] {
        for token in ["access_token", "refresh_token"] {
            let token = tokens[token].as_str().expect("a token");
            assert_eq!(form(walk, id, &client, &[("token", token)]).await.status, 200);
        }
    }
    let code = ask(walk).await;
    trade(walk, &client, &code).await.ok();
    assert_eq!(trade(walk, &client, &code).await.status, 400);
    let secret = std::mem::replace(&mut client["client_secret"], "wrong".into());
    for id in ["oauth_token", "oauth_introspect", "oauth_revoke"] {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x")];
        assert_eq!(form(walk, id, &client, &fields).await.status, 401);
    }
    client["client_secret"] = secret;
    // The oldest of many grants goes.
    for _ in 0..=50 {
        ask(walk).await;
    }
    post(walk, "oauth_app_revoke", "/account/apps/revoke", &cookie, which.clone())
        .await
        .ok();
    post(walk, "oauth_client_delete", "/admin/oauth/delete", &cookie, which)
        .await
        .ok();
}
