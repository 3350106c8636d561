//! How far access tokens reach, and when they are over.

use serde_json::{Value, json};

use super::{App, BACK, OWN, page_post, parameter, refused, signed_in, text};
use crate::site::{ACME, Site};

#[tokio::test]
async fn read_reaches_fetch_and_fetch_all_and_sees_no_secret() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let host = site.host("Ann").await;
    let new = json!({"host_id": host.id, "subject": "Plan", "security_pin": "123456"});
    let meeting = site.admin_api("conference/create/reservationless", new).await;
    let tokens = app.tokens("read").await;
    let ids = json!({"host_id": host.id, "conference_id": meeting["conference_id"], "company_id": 1, "contact_id": 1});
    let mut reached = Vec::new();
    for route in functions::all() {
        let (Some(method), true) = (
            route.path.strip_prefix("/enterprise_api/"),
            matches!(route.access, functions::Access::Session(_)),
        ) else {
            continue;
        };
        let answer = app.call(&tokens["access_token"], method, ids.clone()).await;
        if method.ends_with("/fetch") || method.ends_with("/fetch_all") {
            assert_ne!(
                answer.header("www-authenticate"),
                "Bearer error=\"insufficient_scope\", scope=\"write\""
            );
            if answer.status == 200 {
                for secret in [
                    "login_token_public_key",
                    "moderator_pin",
                    "moderator_token",
                    "security_pin",
                    "signing_token",
                ] {
                    assert!(
                        !answer.text.contains(&format!("\"{secret}\"")),
                        "{method}: {}",
                        answer.text
                    );
                }
                reached.push(method.to_owned());
            }
        } else {
            assert_eq!(answer.refused(), (403, "forbidden".into()), "{method}");
            assert_eq!(
                answer.header("www-authenticate"),
                "Bearer error=\"insufficient_scope\", scope=\"write\""
            );
        }
    }
    for method in [
        "company/fetch",
        "host/fetch",
        "host/fetch_all",
        "conference/fetch",
        "conference/fetch_all",
    ] {
        assert!(reached.iter().any(|known| known == method), "{method} of {reached:?}");
    }
    let both = app.tokens("read write").await;
    let shown = app
        .call(&both["access_token"], "conference/fetch", ids.clone())
        .await
        .ok();
    assert_eq!(shown["security_pin"], "123456");
    let renamed = json!({"host_id": host.id, "name": "Anna"});
    app.call(&both["access_token"], "host/update", renamed).await.ok();
    // Less may be asked for at each refresh, and never more.
    let token = text(&both["refresh_token"]);
    let asked = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("scope", "read"),
    ];
    let less = app.send("/oauth/token", &asked).await.ok();
    assert_eq!(less["scope"], "read");
    assert_eq!(app.call(&less["access_token"], "host/update", ids).await.status, 403);
    let only = app.tokens("read").await;
    let asked = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&only["refresh_token"])),
        ("scope", "read write"),
    ];
    assert_eq!(
        refused(&app.send("/oauth/token", &asked).await),
        (400, "invalid_scope".into())
    );
}

#[tokio::test]
async fn an_access_token_is_good_as_bearer_and_as_nothing_else() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let tokens = app.tokens("read write").await;
    let token = text(&tokens["access_token"]);
    let fetch = |body: Value, header: &str| {
        let call = site.post(ACME, "/enterprise_api/host/fetch").json(&body);
        let call = if header.is_empty() {
            call
        } else {
            call.header("authorization", header)
        };
        async move { call.send().await.status.as_u16() }
    };
    let own = json!({"host_id": 1});
    assert_eq!(fetch(own.clone(), &format!("Bearer {token}")).await, 200);
    assert_eq!(fetch(own.clone(), &format!("AuthToken {token}")).await, 401);
    assert_eq!(fetch(json!({"host_id": 1, "auth_token": token}), "").await, 401);
    assert_eq!(
        fetch(own.clone(), &format!("Bearer {}", site.admin)).await,
        401,
        "an auth_token is no access token"
    );
    assert_eq!(
        fetch(own, &format!("Bearer {}", text(&tokens["refresh_token"]))).await,
        401
    );
    for header in [
        ("authorization", format!("Session {token}")),
        ("cookie", format!("__Host-convoke={token}")),
    ] {
        let page = site.get(ACME, "/account/apps").header(header.0, &header.1).send().await;
        assert_eq!(page.status, 303, "{header:?}");
    }
    let missing = site
        .post(ACME, "/enterprise_api/host/fetch")
        .json(&json!({}))
        .send()
        .await;
    assert_eq!(
        (missing.status.as_u16(), missing.header("www-authenticate")),
        (401, "Bearer")
    );
}

#[tokio::test]
async fn a_token_acts_as_no_more_than_its_person_acted() {
    let site = Site::new().await;
    let mut app = App::new(&site).await;
    let new = json!({"company_id": 1, "name": "Boss", "email": "boss@acme.test", "password": "SoSecret5!", "role": "COMPANY_ADMIN"});
    let boss = site.admin_api("host/create", new).await;
    let (id, sso) = (
        boss["host_id"].to_string(),
        text(&boss["login_token_public_key"]).to_owned(),
    );
    let call = site.post(ACME, "/auth").header("origin", OWN);
    let plain = call
        .form(&[("host_id", &id), ("login_token_public_key", &sso)])
        .send()
        .await;
    app.cookie = plain.cookies().join("; ");
    let as_host = app.tokens("read").await;
    assert_eq!(
        app.call(&as_host["access_token"], "host/fetch", json!({"host_id": 1}))
            .await
            .status,
        403
    );
    site.advance(1);
    app.cookie = signed_in(&site, "boss@acme.test", "SoSecret5!").await;
    let as_admin = app.tokens("read").await;
    let all = app.call(&as_admin["access_token"], "host/fetch_all", json!({})).await;
    assert_eq!(all.status, 200);
    site.admin_api("host/update", json!({"host_id": boss["host_id"], "role": "HOST"}))
        .await;
    assert!(
        app.call(&as_admin["access_token"], "host/fetch_all", json!({}))
            .await
            .status
            == 401
    );
    assert_eq!(
        refused(&app.refresh(&as_admin["refresh_token"]).await).1,
        "invalid_grant"
    );
}

/// What ends tokens, and what their app is told then.
async fn ends(deed: impl AsyncFn(&Site, &App<'_>, &Value)) {
    let site = Site::new().await;
    let mut app = App::new(&site).await;
    let new = json!({"company_id": 1, "name": "Boss", "email": "boss@acme.test", "password": "SoSecret5!", "role": "COMPANY_ADMIN"});
    let boss = site.admin_api("host/create", new).await;
    app.cookie = signed_in(&site, "boss@acme.test", "SoSecret5!").await;
    let tokens = app.tokens("read").await;
    let fetch = async || {
        app.call(&tokens["access_token"], "host/fetch_all", json!({}))
            .await
            .status
            .as_u16()
    };
    assert_eq!(fetch().await, 200);
    site.advance(1);
    deed(&site, &app, &boss).await;
    assert_eq!(fetch().await, 401);
    let refreshed = app.refresh(&tokens["refresh_token"]).await;
    assert!(
        matches!(refused(&refreshed).1.as_str(), "invalid_grant" | "invalid_client"),
        "{}",
        refreshed.text
    );
}

#[tokio::test]
async fn tokens_end_with_the_account_its_sessions_and_the_app() {
    ends(async |site, _, boss| {
        site.admin_api("host/delete", json!({"host_id": boss["host_id"]})).await;
    })
    .await;
    ends(async |site, _, boss| {
        site.admin_api("host/reset_login_token", json!({"host_id": boss["host_id"]}))
            .await;
    })
    .await;
    ends(async |site, app, _| {
        page_post(site, &app.cookie, "/admin/oauth/delete", json!({"client_id": app.id}))
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_company() {
    let site = Site::new().await;
    let new = json!({"company_id": 2, "name": "Boss", "email": "boss@other.test", "password": "SoSecret5!", "role": "COMPANY_ADMIN"});
    site.admin_api("host/create", new).await;
    let other = crate::site::OTHER;
    let own = format!("https://{other}");
    let login = json!({"email": "boss@other.test", "password": "SoSecret5!"});
    let cookie = site
        .post(other, "/login")
        .header("origin", &own)
        .json(&login)
        .send()
        .await
        .cookies()
        .join("; ");
    let post = async |path: &str, body: Value| {
        let call = site.post(other, path).header("origin", &own).header("cookie", &cookie);
        call.json(&body).send().await.ok()
    };
    let made = post("/admin/oauth", json!({"name": "Workflow", "redirect_uris": [BACK]})).await;
    let (id, secret) = (text(&made["client_id"]), text(&made["client_secret"]));
    let request = super::query(&[("client_id", id), ("redirect_uri", BACK), ("response_type", "code")]);
    let to = post("/oauth/authorize", json!({"request": request, "allow": true})).await;
    let code = parameter(text(&to["redirect_url"]), "code").expect("a code");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("client_id", id),
        ("client_secret", secret),
    ];
    let tokens = site.post(other, "/oauth/token").form(&fields).send().await.ok();
    assert_eq!(tokens["scope"], "read", "what is asked for where nothing is said");
    let fetch = async || {
        let call = site.post(ACME, "/enterprise_api/host/fetch_all");
        let call = call.header("authorization", &format!("Bearer {}", text(&tokens["access_token"])));
        call.json(&json!({})).send().await.status.as_u16()
    };
    assert_eq!(fetch().await, 200);
    site.admin_api("company/delete", json!({"company_id": 2, "force": true}))
        .await;
    assert_eq!(fetch().await, 401);
    for _ in 0..4 {
        site.advance(3_600);
        let _ = crate::asked::work_of("dispatch", functions::operator::dispatch(&site.app, &[])).await;
    }
    let reseller = domain::id::ResellerId::new(1).expect("an id");
    let company = domain::id::CompanyId::new(2).expect("an id");
    assert_eq!(site.app.store.oauth_clients(reseller, company).await.expect("read"), []);
}

#[tokio::test]
async fn asking_and_trading_take_few_round_trips() {
    let site = Site::new().await;
    let app = App::new(&site).await;
    let request = app.request(&[]);
    let few = async |what: &str, most: u32, trips: u32| assert!(trips <= most, "{what}: {trips}");
    let (trips, page) = site.trips(app.page(&request)).await;
    assert_eq!(page.status, 200);
    few("the page", 2, trips).await;
    let body = json!({"request": request, "allow": true});
    let (trips, answer) = site
        .trips(page_post(&site, &app.cookie, "/oauth/authorize", body))
        .await;
    few("consent", 3, trips).await;
    let code = parameter(text(&answer.ok()["redirect_url"]), "code").expect("a code");
    let (trips, answer) = site.trips(app.trade(&code)).await;
    few("a code", 3, trips).await;
    let tokens = answer.ok();
    let (trips, _) = site.trips(app.refresh(&tokens["refresh_token"])).await;
    few("a refresh token", 3, trips).await;
    let tokens = app.tokens("read").await;
    let ids = json!({"host_id": 1});
    let (trips, _) = site.trips(app.call(&tokens["access_token"], "host/fetch", ids)).await;
    let own = json!({"host_id": 1, "auth_token": site.admin});
    let (by_auth_token, _) = site.trips(site.api(ACME, "host/fetch", own)).await;
    few("a method", by_auth_token, trips).await;
    for path in ["/admin/oauth", "/account/apps"] {
        let (trips, _) = site
            .trips(site.get(ACME, path).header("cookie", &app.cookie).send())
            .await;
        few(path, 2, trips).await;
    }
    let asked = [("token", text(&tokens["access_token"]))];
    let (trips, _) = site.trips(app.send("/oauth/introspect", &asked)).await;
    few("introspection", 2, trips).await;
    let (trips, _) = site.trips(app.send("/oauth/revoke", &asked)).await;
    few("revocation", 3, trips).await;
}
