//! The page that asks, and who may send people to it.

use serde_json::{Value, json};

use super::{App, BACK, OWN, admin, challenge, page_post, parameter, signed_in};
use crate::site::{ACME, OTHER, Site};

#[tokio::test]
async fn a_person_who_is_signed_in_is_asked_and_the_app_is_told() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let request = app.request(&[]);
    let page = app.page(&request).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("x-frame-options"), "DENY");
    let config = page.config();
    assert_eq!(config["page"], "consent");
    assert_eq!(config["client"], "Workflow");
    assert_eq!(config["tenant"]["company"], "Acme");
    assert_eq!(config["scopes"], json!(["read", "write"]));
    assert_eq!(config["goes_to"], "https://app.test");
    assert_eq!(config["request"], request.as_str());

    let allowed = app.answered(&request, true).await;
    assert!(allowed.starts_with(BACK), "{allowed}");
    assert_eq!(parameter(&allowed, "state").as_deref(), Some("s 1"));
    assert_eq!(parameter(&allowed, "iss").as_deref(), Some(OWN));
    let denied = app.answered(&request, false).await;
    assert_eq!(parameter(&denied, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&denied, "state").as_deref(), Some("s 1"));
    assert_eq!(parameter(&denied, "code"), None);
    let audit = site
        .admin_api("audit/fetch_all", json!({"company_id": 1}))
        .await
        .to_string();
    let code = parameter(&allowed, "code").expect("a code");
    assert!(audit.contains("oauth_consent") && audit.contains("oauth_client_create"));
    assert!(!audit.contains(&code) && !audit.contains(app.secret.as_deref().expect("a secret")));
}

#[tokio::test]
async fn whoever_is_not_signed_in_signs_in_first_and_comes_back() {
    let site = Site::new().await;
    let mut app = App::new(&site).await;
    app.cookie = "a=b".into();
    let request = app.request(&[]);
    let page = app.page(&request).await;
    assert_eq!(page.status, 303);
    let login = page.header("location").to_owned();
    let shown = site.get(ACME, &login).send().await.config();
    assert_eq!(shown["redirect_url"], format!("/oauth/authorize?{request}"));
    let body = json!({"request": request, "allow": true});
    let answer = page_post(&site, "a=b", "/oauth/authorize", body).await;
    assert_eq!(answer.refused(), (401, "unauthenticated".into()));
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_was_not_registered() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let unknown = "0123456789abcdef0123456789abcdef";
    for fields in [
        [("client_id", unknown), ("", "")],
        [("client_id", "../x"), ("", "")],
        [("redirect_uri", "https://evil.test/"), ("", "")],
        [("redirect_uri", "https://app.test/back"), ("", "")],
        [("redirect_uri", "https://app.test/back?tenant=7&x=y"), ("", "")],
        [("redirect_uri", "https://app.test/back?tenant=7#x"), ("", "")],
        [("redirect_uri", BACK), ("redirect_uri", BACK)],
    ] {
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| !name.is_empty()).collect();
        let request = app.request(&fields);
        let page = app.page(&request).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (400, ""), "{request}");
        assert_eq!(page.config()["page"], "refused");
        assert!(
            page.header("content-security-policy")
                .ends_with("frame-ancestors 'none'")
        );
        let body = json!({"request": request, "allow": true});
        let answer = page_post(&site, &app.cookie, "/oauth/authorize", body).await;
        assert_eq!(answer.refused(), (400, "invalid_field".into()), "{request}");
    }
    // Another company of the same reseller does not know it.
    let page = site
        .get(OTHER, &format!("/oauth/authorize?{}", app.request(&[])))
        .send()
        .await;
    assert_eq!((page.status.as_u16(), page.header("location")), (400, ""));
}

#[tokio::test]
async fn what_else_is_wrong_the_app_is_told() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let challenge = challenge();
    let long = "x".repeat(1_025);
    for (fields, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "")], "invalid_request"),
        (vec![("scope", "admin")], "invalid_scope"),
        (vec![("scope", "read"), ("scope", "write")], "invalid_request"),
        (vec![("code_challenge", challenge.as_str())], "invalid_request"),
        (
            vec![
                ("code_challenge", challenge.as_str()),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
        ),
        (vec![("code_challenge_method", "S256")], "invalid_request"),
        (
            vec![("code_challenge", "short"), ("code_challenge_method", "S256")],
            "invalid_request",
        ),
        (vec![("request_uri", "https://app.test/x")], "request_not_supported"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("state", long.as_str())], "invalid_request"),
    ] {
        let request = app.request(&fields);
        let page = app.page(&request).await;
        assert_eq!(page.status, 303, "{request}");
        let to = page.header("location");
        assert!(to.starts_with(BACK), "{to}");
        assert_eq!(parameter(to, "error").as_deref(), Some(error), "{request}");
        assert_eq!(parameter(to, "iss").as_deref(), Some(OWN));
        let answered = app.answered(&request, true).await;
        assert_eq!(parameter(&answered, "error").as_deref(), Some(error), "{request}");
    }
}

#[tokio::test]
async fn a_program_must_send_a_challenge_and_may_listen_on_any_port() {
    let site = Site::new().await;
    let app = App::registered(&site, true).await;
    let back = ("redirect_uri", "http://127.0.0.1:51234/back");
    let page = app.page(&app.request(&[back])).await;
    assert_eq!(
        parameter(page.header("location"), "error").as_deref(),
        Some("invalid_request")
    );
    let challenge = challenge();
    let pkce = [back, ("code_challenge", &challenge), ("code_challenge_method", "S256")];
    assert_eq!(app.page(&app.request(&pkce)).await.status, 200);
    let other = [("redirect_uri", "http://127.0.0.1:51234/other"), pkce[1], pkce[2]];
    assert_eq!(app.page(&app.request(&other)).await.status, 400);
}

#[tokio::test]
async fn only_the_page_itself_answers() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let body = json!({"request": app.request(&[]), "allow": true});
    for origin in ["https://evil.test", "https://other.demo.test", "null"] {
        let call = site
            .post(ACME, "/oauth/authorize")
            .header("origin", origin)
            .header("cookie", &app.cookie);
        assert_eq!(call.json(&body).send().await.refused().0, 403, "{origin}");
    }
    let form = site
        .post(ACME, "/oauth/authorize")
        .header("origin", OWN)
        .header("cookie", &app.cookie);
    let answer = form.form(&[("request", "x"), ("allow", "true")]).send().await;
    assert_eq!(answer.refused().0, 415);
}

#[tokio::test]
async fn administrators_register_apps_and_nobody_else() {
    let site = Site::new().await;
    site.host("Ann").await;
    let cookie = admin(&site).await;
    let asked = json!({"name": "Workflow", "redirect_uris": [BACK]});
    let host = signed_in(&site, "ann@acme.test", "SoSecret5!").await;
    assert_eq!(
        site.get(ACME, "/admin/oauth")
            .header("cookie", &host)
            .send()
            .await
            .status,
        403
    );
    assert_eq!(
        page_post(&site, &host, "/admin/oauth", asked.clone()).await.refused().0,
        403
    );
    assert_eq!(
        page_post(&site, "a=b", "/admin/oauth", asked.clone()).await.refused().0,
        401
    );
    let call = site.post(ACME, "/admin/oauth").header("origin", "https://evil.test");
    assert_eq!(
        call.header("cookie", &cookie).json(&asked).send().await.refused().0,
        403
    );
    let nobody = site.get(ACME, "/admin/oauth").send().await;
    assert_eq!(nobody.header("location"), "/login?redirect_url=/admin/oauth");

    let made = page_post(&site, &cookie, "/admin/oauth", asked.clone()).await.ok();
    let page = site.get(ACME, "/admin/oauth").header("cookie", &cookie).send().await;
    let listed = page.config()["clients"].clone();
    assert_eq!(listed[0]["client_id"], made["client_id"]);
    assert_eq!(listed[0]["redirect_uris"], json!([BACK]));
    assert!(!page.text.contains(made["client_secret"].as_str().expect("a secret")));
    for _ in 1..50 {
        page_post(&site, &cookie, "/admin/oauth", asked.clone()).await.ok();
    }
    let more = page_post(&site, &cookie, "/admin/oauth", asked).await;
    assert_eq!(more.refused(), (409, "conflict".into()));
    let which = json!({"client_id": made["client_id"]});
    page_post(&site, &cookie, "/admin/oauth/delete", which.clone())
        .await
        .ok();
    for path in ["/admin/oauth/delete", "/admin/oauth/rotate"] {
        assert_eq!(page_post(&site, &cookie, path, which.clone()).await.refused().0, 404);
    }
}

#[tokio::test]
async fn a_person_sees_which_apps_act_for_it_and_shows_them_out() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let apps = async || {
        let page = site
            .get(ACME, "/account/apps")
            .header("cookie", &app.cookie)
            .send()
            .await;
        page.config()["apps"].clone()
    };
    assert_eq!(apps().await, json!([]));
    let nobody = site.get(ACME, "/account/apps").send().await;
    assert_eq!(nobody.header("location"), "/login?redirect_url=/account/apps");
    let (first, second) = (app.tokens("read").await, app.tokens("read write").await);
    let listed = apps().await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&listed[0]["name"], &listed[0]["writes"]),
        (&json!("Workflow"), &Value::Bool(true))
    );
    let exported = site.admin_api("host/export", json!({"host_id": 1})).await;
    assert_eq!(exported["oauth_grants"].as_array().map(Vec::len), Some(2));
    let which = json!({"client_id": app.id});
    page_post(&site, &app.cookie, "/account/apps/revoke", which.clone())
        .await
        .ok();
    assert_eq!(apps().await, json!([]));
    for tokens in [first, second] {
        assert!(!app.works(&tokens).await);
        let answer = app.refresh(&tokens["refresh_token"]).await;
        assert_eq!(super::refused(&answer), (400, "invalid_grant".into()));
    }
    let again = page_post(&site, &app.cookie, "/account/apps/revoke", which).await;
    assert_eq!(again.refused().0, 404);
}

#[tokio::test]
async fn who_grants_very_often_keeps_the_latest_grants() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let first = app.tokens("read").await;
    site.advance(1);
    for _ in 0..50 {
        assert!(app.works(&first).await);
        app.code(&[]).await;
    }
    assert!(!app.works(&first).await);
}
