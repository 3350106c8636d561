//! A host's browser brings its SSO token to `/auth` and leaves with a session, framed and alone; whoever else does not.

use crate::site::{ACME, Answer, Host, OTHER, Site};
use serde_json::json;

const OWN: &str = "https://acme.demo.test";
const PARTNER: &str = "https://portal.partner.test";

/// A company that lets a partner's page embed it, and its host.
async fn embedding() -> (Site, String, Host) {
    let site = Site::new().await;
    let made = json!({"subdomain": "embedded", "name": "Embedded", "embed_origins": [PARTNER]});
    let company = site.admin_api("company/create", made).await["id"]
        .as_u64()
        .expect("an id");
    let host = site.host_of(company, "Ann").await;
    (site, "embedded.demo.test".into(), host)
}

async fn post(site: &Site, tenant: &str, host: &Host, origin: &str, more: &[(&str, &str)]) -> Answer {
    let id = host.id.to_string();
    let mut fields = vec![("host_id", id.as_str()), ("login_token_public_key", host.sso.as_str())];
    fields.extend(more);
    site.post(tenant, "/auth")
        .header("origin", origin)
        .form(&fields)
        .send()
        .await
}

fn framed(host: &Host, redirect: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("host_id", &host.id.to_string())
        .append_pair("login_token_public_key", &host.sso);
    format!("/auth?{}", query.append_pair("redirect_url", redirect).finish())
}

#[tokio::test]
async fn a_form_leads_to_a_session_in_a_cookie_and_on_to_the_page() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let answer = post(
        &site,
        ACME,
        &host,
        OWN,
        &[("redirect_url", "/conf/call/1234567?x=1#pin=2")],
    )
    .await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), "/conf/call/1234567?x=1#pin=2");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-convoke=") && cookie.contains("; Secure; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );

    let page = site
        .get(ACME, &format!("/conf/call/{}", host.code))
        .header("cookie", &answer.cookies().join("; "))
        .send()
        .await;
    assert!(
        page.text
            .contains(r#""signed_in":{"name":"Ann","moderator":true,"after_call_url":null}"#),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn json_works_like_a_form_and_each_sign_in_is_a_session_of_its_own() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let body = json!({"host_id": host.id, "login_token_public_key": host.sso, "redirect_url": "/", "remember_me": 0});
    let first = site.post(ACME, "/auth").header("origin", OWN).json(&body).send().await;
    let second = site.post(ACME, "/auth").header("origin", OWN).json(&body).send().await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (303, 303));
    assert_ne!(first.cookies()[0], second.cookies()[0]);
    assert!(!first.header("set-cookie").contains("Max-Age"));
}

#[tokio::test]
async fn only_pages_of_the_company_and_its_embed_origins_may_sign_in() {
    let (site, tenant, host) = embedding().await;
    for allowed in [PARTNER, "https://embedded.demo.test"] {
        assert_eq!(post(&site, &tenant, &host, allowed, &[]).await.status, 303, "{allowed}");
    }
    for refused in [
        OWN,
        "null",
        "https://portal.partner.test.evil.test",
        "http://portal.partner.test",
        "https://demo.test",
    ] {
        assert_eq!(
            post(&site, &tenant, &host, refused, &[]).await.refused(),
            (403, "forbidden".into()),
            "{refused}"
        );
    }
    let id = host.id.to_string();
    let silent = site
        .post(&tenant, "/auth")
        .form(&[("host_id", &id), ("login_token_public_key", &host.sso)])
        .send()
        .await;
    assert_eq!(silent.refused().0, 403);
    let referred = site
        .get(&tenant, &framed(&host, "/"))
        .header("referer", "https://portal.partner.test/app")
        .send()
        .await;
    assert_eq!(referred.status, 303);
}

#[tokio::test]
async fn nothing_but_a_path_of_the_domain_is_a_redirect() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    for hostile in [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "/.//evil.test",
        "javascript:alert(1)",
        "x",
    ] {
        let answer = post(&site, ACME, &host, OWN, &[("redirect_url", hostile)]).await;
        assert_eq!(
            (answer.refused(), answer.json()["field"].as_str()),
            ((400, "invalid_field".into()), Some("redirect_url"))
        );
        assert!(answer.cookies().is_empty());
    }
    let hostile = post(&site, ACME, &host, OWN, &[("after_call_url", "javascript:alert(1)")]).await;
    assert_eq!(hostile.json()["field"], "after_call_url");
    let framed_without = site
        .get(ACME, &format!("/auth?host_id={}&login_token_public_key=x", host.id))
        .send()
        .await;
    assert_eq!(framed_without.refused(), (400, "missing_field".into()));
}

#[tokio::test]
async fn wrong_pairs_are_refused_and_lock_out_their_network_alone() {
    let site = Site::new().await;
    let (ann, bob) = (site.host("Ann").await, site.host("Bob").await);
    let wrong = Host {
        sso: "0".repeat(32),
        ..ann.clone()
    };
    for _ in 0..5 {
        assert_eq!(
            post(&site, ACME, &wrong, OWN, &[]).await.refused(),
            (401, "unauthenticated".into())
        );
    }
    let locked = post(&site, ACME, &ann, OWN, &[]).await;
    assert_eq!(locked.refused(), (429, "rate_limited".into()));
    assert!(
        locked
            .header("retry-after")
            .parse::<u32>()
            .is_ok_and(|seconds| (1..=901).contains(&seconds))
    );
    assert_eq!(post(&site, ACME, &bob, OWN, &[]).await.status, 303);
    let id = ann.id.to_string();
    let elsewhere = site
        .post(ACME, "/auth")
        .header("origin", OWN)
        .header("x-convoke-client", "198.51.100.1");
    let elsewhere = elsewhere
        .form(&[("host_id", &id), ("login_token_public_key", &ann.sso)])
        .send()
        .await;
    assert_eq!(elsewhere.status, 303);
    site.advance(15 * 60 + 1);
    assert_eq!(post(&site, ACME, &ann, OWN, &[]).await.status, 303);
}

#[tokio::test]
async fn a_host_of_another_company_is_as_unknown_as_one_that_never_was() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let other = post(&site, OTHER, &ann, "https://other.demo.test", &[]).await;
    let nobody = post(
        &site,
        ACME,
        &Host {
            id: 9_999,
            ..ann.clone()
        },
        OWN,
        &[],
    )
    .await;
    assert_eq!((other.refused(), other.text), (nobody.refused(), nobody.text));
}

#[tokio::test]
async fn in_a_frame_the_session_is_handed_over_once() {
    let (site, tenant, host) = embedding().await;
    let framed = framed(&host, &format!("/conf/call/{}#pin=1", host.code));
    let framed = site
        .get(&tenant, &framed)
        .header("referer", PARTNER)
        .header("sec-fetch-dest", "iframe")
        .send()
        .await;
    assert_eq!(framed.status, 303);
    let (page, handoff) = framed.header("location").split_once("&handoff=").expect("a handoff");
    let (handoff, parent) = handoff.split_once("&parent=").expect("who frames it");
    assert_eq!(parent, "https%3A%2F%2Fportal.partner.test");
    assert_eq!(page, format!("/conf/call/{}#pin=1", host.code));
    let cookie = framed.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-convoke-frame=") && cookie.ends_with("SameSite=None; Partitioned"),
        "{cookie}"
    );

    let trade = |origin: &'static str| {
        site.post(&tenant, "/auth/handoff")
            .header("origin", origin)
            .json(&json!({"handoff": handoff}))
            .send()
    };
    assert_eq!(trade(PARTNER).await.refused().0, 403);
    let session = trade("https://embedded.demo.test").await.ok()["session"]
        .as_str()
        .expect("a session")
        .to_owned();
    assert_eq!(trade("https://embedded.demo.test").await.refused().0, 401);

    site.relay_up().await;
    let joined = site
        .join(&tenant, &json!({"code": host.code}))
        .header("authorization", &format!("Session {session}"));
    assert_eq!(joined.send().await.ok()["role"], "moderator");
}

#[tokio::test]
async fn a_handoff_is_gone_after_a_minute_and_good_at_its_own_tenant_only() {
    let (site, tenant, host) = embedding().await;
    let open = || async {
        let answer = site
            .get(&tenant, &framed(&host, "/"))
            .header("referer", PARTNER)
            .send()
            .await;
        answer
            .header("location")
            .split_once("handoff=")
            .and_then(|(_, rest)| rest.split('&').next())
            .expect("a handoff")
            .to_owned()
    };
    let elsewhere = json!({"handoff": open().await});
    assert_eq!(
        site.post(ACME, "/auth/handoff")
            .json(&elsewhere)
            .send()
            .await
            .refused()
            .0,
        401
    );
    let late = json!({"handoff": open().await});
    site.advance(61);
    assert_eq!(
        site.post(&tenant, "/auth/handoff").json(&late).send().await.refused().0,
        401
    );
    let guessed = json!({"handoff": "x".repeat(43)});
    assert_eq!(
        site.post(&tenant, "/auth/handoff")
            .json(&guessed)
            .send()
            .await
            .refused()
            .0,
        401
    );
}

#[tokio::test]
async fn another_account_is_asked_before_it_is_replaced() {
    let site = Site::new().await;
    let (ann, bob) = (site.host("Ann").await, site.host("Bob").await);
    let account = post(&site, ACME, &bob, OWN, &[]).await.cookies().remove(1);
    let id = ann.id.to_string();
    let fields = [
        ("host_id", id.as_str()),
        ("login_token_public_key", ann.sso.as_str()),
        ("redirect_url", "/conf/call/1"),
    ];
    let asked = site
        .post(ACME, "/auth")
        .header("origin", OWN)
        .header("cookie", &account)
        .form(&fields)
        .send()
        .await;
    assert_eq!(asked.status, 200);
    assert!(
        asked.cookies().is_empty() && asked.text.contains("<title>Continue as Ann?</title>"),
        "{}",
        asked.text
    );
    assert!(
        !asked.text.contains(&ann.sso),
        "the long-lived token must not be in a page"
    );
    assert!(
        asked
            .header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );

    let page = asked.config();
    assert_eq!((&page["page"], &page["name"]), (&json!("continue"), &json!("Ann")));
    let handoff = page["fields"]["handoff"].as_str().expect("a field");
    let answer = |origin: &'static str| {
        let form = [
            ("handoff", handoff),
            ("redirect_url", "/conf/call/1"),
            ("remember_me", "1"),
        ];
        site.post(ACME, "/auth/handoff")
            .header("origin", origin)
            .form(&form)
            .send()
    };
    assert_eq!(answer("https://evil.test").await.refused().0, 403);
    let done = answer(OWN).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/conf/call/1"));
    assert_eq!(done.cookies().len(), 2);
}

#[tokio::test]
async fn people_see_a_page_and_programs_the_error_object() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let wrong = Host {
        sso: "<script>alert(1)</script>".into(),
        ..ann
    };
    let id = wrong.id.to_string();
    let fields = [("host_id", id.as_str()), ("login_token_public_key", wrong.sso.as_str())];
    let seen = site
        .post(ACME, "/auth")
        .header("origin", OWN)
        .header("accept", "text/html,*/*")
        .form(&fields)
        .send()
        .await;
    assert_eq!(
        (seen.status.as_u16(), seen.header("content-type")),
        (401, "text/html; charset=utf-8")
    );
    assert!(seen.text.contains("<title>Could not sign in</title>") && !seen.text.contains("alert"));
    assert_eq!(
        seen.config(),
        json!({"page": "refused", "message": "Wrong host_id or login_token_public_key"})
    );
}

#[tokio::test]
async fn a_session_of_single_sign_on_acts_as_a_plain_host() {
    let site = Site::new().await;
    let found = site.admin_api("host/fetch", json!({"host_id": 1})).await;
    let admin = Host {
        id: 1,
        code: String::new(),
        pin: String::new(),
        sso: found["login_token_public_key"].as_str().expect("a token").into(),
    };
    let session = post(&site, ACME, &admin, OWN, &[]).await.cookies().remove(0);
    let token = session.split_once('=').expect("a cookie").1;
    let refused = json!({"auth_token": token, "subdomain": "new", "name": "New"});
    assert_eq!(
        site.api(ACME, "company/create", refused).await.refused(),
        (403, "forbidden".into())
    );
}
