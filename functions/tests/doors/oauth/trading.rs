//! Codes and refresh tokens for tokens: each once, for whom it was made.

use serde_json::{Value, json};

use super::{App, BACK, OWN, VERIFIER, challenge, page_post, refused, text};
use crate::site::{ACME, OTHER, Site};

fn grant(status: u16) -> (u16, String) {
    (status, "invalid_grant".into())
}

#[tokio::test]
async fn a_code_is_traded_for_tokens_that_open_the_api_for_an_hour() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let answer = app.trade(&app.code(&[]).await).await;
    let tokens = answer.ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"], &tokens["scope"]),
        (&json!("Bearer"), &json!(3_600), &json!("read write"))
    );
    site.advance(3_599);
    assert!(app.works(&tokens).await);
    site.advance(1);
    assert!(!app.works(&tokens).await);
    let next = app.refresh(&tokens["refresh_token"]).await.ok();
    assert_ne!(next["refresh_token"], tokens["refresh_token"]);
    assert!(app.works(&next).await);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_a_minute() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let code = app.code(&[]).await;
    let tokens = app.trade(&code).await.ok();
    assert!(app.works(&tokens).await);
    site.advance(3_000);
    assert_eq!(refused(&app.trade(&code).await), grant(400));
    assert!(!app.works(&tokens).await, "what came of it is over");
    assert_eq!(refused(&app.refresh(&tokens["refresh_token"]).await), grant(400));
    let audit = site.admin_api("audit/fetch_all", json!({"company_id": 1})).await;
    assert!(audit.to_string().contains("oauth_reuse"));

    let code = app.code(&[]).await;
    site.advance(59);
    app.trade(&code).await.ok();
    let code = app.code(&[]).await;
    site.advance(60);
    assert_eq!(refused(&app.trade(&code).await), grant(400));
}

#[tokio::test]
async fn a_refresh_token_that_was_used_before_ends_the_family() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let first = app.tokens("read").await;
    let second = app.refresh(&first["refresh_token"]).await.ok();
    let third = app.refresh(&second["refresh_token"]).await.ok();
    assert!(app.works(&first).await && app.works(&third).await);
    assert_eq!(refused(&app.refresh(&first["refresh_token"]).await), grant(400));
    for tokens in [&first, &second, &third] {
        assert!(!app.works(tokens).await);
    }
    assert_eq!(refused(&app.refresh(&third["refresh_token"]).await), grant(400));
    // Other grants go on.
    let other = app.tokens("read").await;
    assert!(app.works(&other).await);
}

#[tokio::test]
async fn of_two_that_trade_the_same_at_once_none_is_left_with_tokens() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let code = app.code(&[]).await;
    let (one, two) = tokio::join!(app.trade(&code), app.trade(&code));
    let good: Vec<Value> = [one, two]
        .iter()
        .filter(|a| a.status == 200)
        .map(super::Answer::json)
        .collect();
    assert!(good.len() <= 1);
    for tokens in good {
        assert!(!app.works(&tokens).await);
    }
    let tokens = app.tokens("read").await;
    let token = &tokens["refresh_token"];
    let (one, two) = tokio::join!(app.refresh(token), app.refresh(token));
    let good: Vec<Value> = [one, two]
        .iter()
        .filter(|a| a.status == 200)
        .map(super::Answer::json)
        .collect();
    assert!(good.len() <= 1 && !app.works(&tokens).await);
}

#[tokio::test]
async fn a_refresh_token_lives_ninety_days_from_its_last_use() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let mut tokens = app.tokens("read").await;
    for _ in 0..3 {
        site.advance(89 * 86_400);
        tokens = app.refresh(&tokens["refresh_token"]).await.ok();
    }
    site.advance(90 * 86_400);
    assert_eq!(refused(&app.refresh(&tokens["refresh_token"]).await), grant(400));
}

#[tokio::test]
async fn what_began_with_a_challenge_ends_with_its_verifier_and_nothing_else_does() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let challenge = challenge();
    let pkce = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let code = app.code(&pkce).await;
    assert_eq!(refused(&app.trade(&code).await), grant(400), "without a verifier");
    for wrong in [challenge.as_str(), "x", &VERIFIER.replace('d', "e")] {
        let answer = app.trade_with(&code, &[("code_verifier", wrong)]).await;
        assert_eq!(refused(&answer), grant(400), "{wrong}");
    }
    app.trade_with(&code, &[("code_verifier", VERIFIER)]).await.ok();
    let plain = app.code(&[]).await;
    let answer = app.trade_with(&plain, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(refused(&answer), grant(400), "a challenge was taken out on the way");
    app.trade(&plain).await.ok();
}

#[tokio::test]
async fn a_program_trades_without_a_secret_and_with_its_verifier() {
    let site = Site::new().await;
    let app = App::registered(&site, true).await;
    let back = "http://[::1]:1/back";
    assert_eq!(app.page(&app.request(&[("redirect_uri", back)])).await.status, 400);
    let back = "http://127.0.0.1:1/back";
    let challenge = challenge();
    let pkce = [
        ("redirect_uri", back),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let code = app.code(&pkce).await;
    let other = [("redirect_uri", "http://127.0.0.1:2/back"), ("code_verifier", VERIFIER)];
    assert_eq!(refused(&app.trade_with(&code, &other).await), grant(400));
    let right = [("redirect_uri", back), ("code_verifier", VERIFIER)];
    let tokens = app.trade_with(&code, &right).await.ok();
    let next = app.refresh(&tokens["refresh_token"]).await.ok();
    let asked = [("token", text(&next["access_token"]))];
    assert_eq!(
        refused(&app.send("/oauth/introspect", &asked).await).1,
        "invalid_client"
    );
    let with_secret = app
        .trade_with(&app.code(&pkce).await, &[right[0], right[1], ("client_secret", "x")])
        .await;
    assert_eq!(refused(&with_secret), (401, "invalid_client".into()));
}

#[tokio::test]
async fn codes_and_tokens_are_good_for_their_own_client_company_and_address() {
    let site = Site::new().await;
    let (app, other) = (App::new(&site).await, App::new(&site).await);
    let code = app.code(&[]).await;
    assert_eq!(refused(&other.trade(&code).await), grant(400));
    let elsewhere = [("redirect_uri", "https://app.test/back")];
    assert_eq!(refused(&app.trade_with(&code, &elsewhere).await), grant(400));
    let tokens = app.trade(&code).await.ok();
    assert_eq!(refused(&other.refresh(&tokens["refresh_token"]).await), grant(400));
    for path in ["/oauth/revoke", "/oauth/introspect"] {
        for token in ["access_token", "refresh_token"] {
            let answer = other.send(path, &[("token", text(&tokens[token]))]).await;
            match path {
                "/oauth/revoke" => assert_eq!(refused(&answer), grant(400)),
                _ => assert_eq!(answer.ok(), json!({"active": false})),
            }
        }
    }
    assert!(app.works(&tokens).await);
    // The client is not known at another company.
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&tokens["refresh_token"])),
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.as_deref().expect("a secret")),
    ];
    let answer = site.post(OTHER, "/oauth/token").form(&fields).send().await;
    assert_eq!(refused(&answer), (401, "invalid_client".into()));
    assert_eq!(site.post(ACME, "/oauth/token").form(&fields).send().await.status, 200);
}

#[tokio::test]
async fn a_client_proves_itself_and_is_shut_out_after_many_wrong_secrets() {
    let site = Site::new().await;
    let mut app = App::new(&site).await;
    let code = app.code(&[]).await;
    let right = app.secret.replace("cvs_wrong".into());
    for _ in 0..20 {
        let answer = app.trade(&code).await;
        assert_eq!(refused(&answer), (401, "invalid_client".into()));
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
    app.secret = right;
    let shut = app.trade(&code).await;
    assert_eq!(shut.status, 429);
    assert!(!shut.header("retry-after").is_empty());
    site.advance(16 * 60);
    let code = app.code(&[]).await;
    let (id, secret) = (app.id.clone(), app.secret.take().expect("a secret"));
    assert_eq!(
        refused(&app.trade(&code).await),
        (401, "invalid_client".into()),
        "no secret at all"
    );
    app.trade_with(&code, &[("client_id", &id), ("client_secret", &secret)])
        .await;
    let twice = site
        .post(ACME, "/oauth/token")
        .header("authorization", "Basic eDp5")
        .form(&[("client_id", &id), ("client_secret", &secret)]);
    assert_eq!(refused(&twice.send().await), (400, "invalid_request".into()));
    for wrong in ["Basic", "Basic !", "Basic eA==", "Basic Og=="] {
        let call = site.post(ACME, "/oauth/token").header("authorization", wrong);
        assert_eq!(
            refused(&call.form(&[("a", "b")]).send().await),
            (401, "invalid_client".into()),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn another_secret_is_good_at_once_and_the_one_before_is_not() {
    let site = Site::new().await;
    let mut app = App::new(&site).await;
    let tokens = app.tokens("read").await;
    let which = json!({"client_id": app.id});
    let made = page_post(&site, &app.cookie, "/admin/oauth/rotate", which).await.ok();
    assert_eq!(
        refused(&app.refresh(&tokens["refresh_token"]).await).1,
        "invalid_client"
    );
    app.secret = Some(text(&made["client_secret"]).to_owned());
    assert!(app.works(&tokens).await);
    app.refresh(&tokens["refresh_token"]).await.ok();
    let program = App::registered(&site, true).await;
    let which = json!({"client_id": program.id});
    let answer = page_post(&site, &program.cookie, "/admin/oauth/rotate", which).await;
    assert_eq!(answer.refused(), (409, "conflict".into()));
}

#[tokio::test]
async fn what_is_malformed_is_named() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let secret = app.secret.clone().expect("a secret");
    let json_body = site
        .post(ACME, "/oauth/token")
        .json(&json!({"grant_type": "refresh_token"}));
    assert_eq!(refused(&json_body.send().await), (400, "invalid_request".into()));
    for (fields, error) in [
        (vec![("code", "x")], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "client_credentials")], "unsupported_grant_type"),
        (
            vec![("grant_type", "authorization_code"), ("code", "x")],
            "invalid_request",
        ),
        (
            vec![
                ("grant_type", "authorization_code"),
                ("code", "x"),
                ("redirect_uri", BACK),
            ],
            "invalid_grant",
        ),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "x")],
            "invalid_grant",
        ),
        (
            vec![("grant_type", "refresh_token"), ("grant_type", "refresh_token")],
            "invalid_request",
        ),
        (
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", "x"),
                ("scope", "all"),
            ],
            "invalid_scope",
        ),
    ] {
        assert_eq!(
            refused(&app.send("/oauth/token", &fields).await),
            (400, error.into()),
            "{fields:?}"
        );
    }
    for path in ["/oauth/revoke", "/oauth/introspect"] {
        assert_eq!(refused(&app.send(path, &[]).await), (400, "invalid_request".into()));
        let answer = site.post(ACME, path).form(&[("token", "x")]).send().await;
        assert_eq!(refused(&answer), (401, "invalid_client".into()));
    }
    assert!(!secret.is_empty());
}

#[tokio::test]
async fn a_client_revokes_and_asks_about_its_tokens() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let tokens = app.tokens("read").await;
    let about = async |token: &Value| app.send("/oauth/introspect", &[("token", text(token))]).await.ok();
    let told = about(&tokens["access_token"]).await;
    assert_eq!(
        told,
        json!({"active": true, "scope": "read", "client_id": app.id, "sub": "1", "iss": OWN, "token_type": "Bearer",
            "iat": crate::site::START, "exp": crate::site::START + 3_600})
    );
    assert_eq!(about(&tokens["refresh_token"]).await["active"], true);
    assert_eq!(about(&json!("unknown")).await, json!({"active": false}));

    let revoke = async |token: &Value| app.send("/oauth/revoke", &[("token", text(token))]).await;
    assert_eq!(revoke(&tokens["access_token"]).await.status, 200);
    assert!(!app.works(&tokens).await);
    assert_eq!(about(&tokens["access_token"]).await, json!({"active": false}));
    let next = app.refresh(&tokens["refresh_token"]).await.ok();
    assert_eq!(
        about(&tokens["refresh_token"]).await,
        json!({"active": false}),
        "it was used"
    );
    assert_eq!(revoke(&next["refresh_token"]).await.status, 200);
    assert!(!app.works(&next).await);
    for token in [&next["refresh_token"], &next["access_token"], &json!("unknown")] {
        assert_eq!(revoke(token).await.status, 200, "what is over may be revoked");
        assert_eq!(about(token).await, json!({"active": false}));
    }
    let again = app.refresh(&next["refresh_token"]).await;
    assert_eq!(refused(&again), grant(400));
}

#[tokio::test]
async fn every_host_name_of_a_company_says_what_is_spoken_there() {
    let site = Site::new().await;
    for host in [ACME, OTHER] {
        let told = site
            .get(host, "/.well-known/oauth-authorization-server")
            .send()
            .await
            .ok();
        assert_eq!(told["issuer"], format!("https://{host}"));
        assert_eq!(told["token_endpoint"], format!("https://{host}/oauth/token"));
        assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
    }
    let unknown = site
        .get("nobody.test", "/.well-known/oauth-authorization-server")
        .send()
        .await;
    assert_eq!(unknown.status, 404);
}
