//! `/login`: an email and a password of the company become a session of this browser; nothing is told to who guesses.

use crate::site::{ACME, Answer, OTHER, Site};
use serde_json::{Value, json};

const OWN: &str = "https://acme.demo.test";

async fn login(site: &Site, email: &str, password: &str, more: Value) -> Answer {
    let mut body = json!({"email": email, "password": password});
    body.as_object_mut()
        .expect("an object")
        .extend(more.as_object().cloned().unwrap_or_default());
    site.post(ACME, "/login").header("origin", OWN).json(&body).send().await
}

async fn page(site: &Site, path: &str, cookie: &str) -> Answer {
    site.get(ACME, path).header("cookie", cookie).send().await
}

#[tokio::test]
async fn a_password_leads_to_a_session_in_a_cookie_and_on_to_the_page() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let answer = login(
        &site,
        "ANN@acme.test",
        "SoSecret5!",
        json!({"redirect_url": "/conf/call/1?x=1"}),
    )
    .await;
    assert_eq!(answer.ok(), json!({"redirect_url": "/conf/call/1?x=1"}));
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-convoke=")
            && cookie.contains("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=604800"),
        "{cookie}"
    );
    let own = answer.cookies().join("; ");
    let home = page(&site, "/", &own).await;
    assert_eq!(
        home.config()["account"],
        json!({"name": "Ann", "email": "ann@acme.test", "access_code": ann.code})
    );
    let room = page(&site, &format!("/conf/call/{}", ann.code), &own).await;
    assert_eq!(room.config()["signed_in"]["moderator"], true);
    assert_eq!(page(&site, "/", "a=b").await.config()["account"], Value::Null);
}

#[tokio::test]
async fn a_session_that_is_not_to_be_remembered_ends_with_the_browser() {
    let site = Site::new().await;
    site.host("Ann").await;
    let answer = login(&site, "ann@acme.test", "SoSecret5!", json!({"remember_me": false})).await;
    assert_eq!(answer.ok(), json!({"redirect_url": "/"}));
    for cookie in answer.headers.get_all("set-cookie") {
        assert!(!cookie.to_str().expect("ASCII").contains("Max-Age"));
    }
}

#[tokio::test]
async fn unknown_emails_wrong_passwords_and_people_of_other_companies_read_the_same() {
    let site = Site::new().await;
    site.host("Ann").await;
    site.host_of(2, "Eve").await;
    let mut seen = Vec::new();
    for (email, password) in [
        ("ann@acme.test", "wrong password"),
        ("nobody@acme.test", "SoSecret5!"),
        ("eve@acme.test", "SoSecret5!"),
    ] {
        site.notes.take();
        let answer = login(&site, email, password, json!({})).await;
        assert_eq!(answer.refused(), (401, "unauthenticated".into()));
        assert!(answer.cookies().is_empty());
        let mut asked: Vec<_> = site.notes.take().into_iter().map(|touch| touch.action).collect();
        // On a busy machine the SDK repeats a request that took long.
        asked.sort();
        asked.dedup();
        seen.push((answer.json()["message"].clone(), asked));
    }
    assert_eq!(seen[0].0, "Invalid email or password");
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    let body = json!({"email": "eve@acme.test", "password": "SoSecret5!"});
    site.post(OTHER, "/login").json(&body).send().await.ok();
}

#[tokio::test]
async fn failures_are_limited_as_the_api_limits_them_and_together_with_it() {
    let site = Site::new().await;
    site.host("Ann").await;
    for _ in 0..3 {
        login(&site, "ann@acme.test", "wrong password", json!({}))
            .await
            .refused();
    }
    let wrong = json!({"email": "ann@acme.test", "password": "wrong password"});
    for _ in 0..2 {
        site.api(ACME, "authenticate", wrong.clone()).await.refused();
    }
    let shut = login(&site, "ann@acme.test", "SoSecret5!", json!({})).await;
    assert_eq!(shut.refused(), (429, "rate_limited".into()));
    assert!(shut.header("retry-after").parse::<u32>().expect("seconds") > 800);
    let elsewhere = site.post(ACME, "/login").header("x-convoke-client", "198.51.100.1");
    let body = json!({"email": "ann@acme.test", "password": "SoSecret5!"});
    elsewhere.json(&body).send().await.ok();
}

#[tokio::test]
async fn other_sites_forms_and_other_domains_sign_nobody_in() {
    let site = Site::new().await;
    site.host("Ann").await;
    let body = json!({"email": "ann@acme.test", "password": "SoSecret5!"});
    for origin in [
        "https://evil.test",
        "null",
        "https://other.demo.test",
        "http://acme.demo.test",
    ] {
        let answer = site
            .post(ACME, "/login")
            .header("origin", origin)
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.refused(), (403, "forbidden".into()), "{origin}");
    }
    let form = [("email", "ann@acme.test"), ("password", "SoSecret5!")];
    let answer = site.post(ACME, "/login").header("origin", OWN).form(&form).send().await;
    assert_eq!(answer.refused(), (415, "unsupported_media_type".into()));
    for outside in [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "javascript:alert(1)",
    ] {
        let answer = login(&site, "ann@acme.test", "SoSecret5!", json!({"redirect_url": outside})).await;
        assert_eq!(answer.json()["field"], "redirect_url", "{outside}");
        assert!(answer.cookies().is_empty());
        let path = format!(
            "/login?redirect_url={}",
            url::form_urlencoded::byte_serialize(outside.as_bytes()).collect::<String>()
        );
        assert_eq!(
            page(&site, &path, "a=b").await.config()["redirect_url"],
            "/",
            "{outside}"
        );
    }
    assert_eq!(site.post("nobody.test", "/login").json(&body).send().await.status, 404);
    for (field, body) in [
        ("password", json!({"email": "ann@acme.test"})),
        ("email", json!({"password": "x"})),
    ] {
        let answer = site.post(ACME, "/login").json(&body).send().await;
        assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (400, &json!(field)));
    }
}

#[tokio::test]
async fn a_sign_in_ends_the_session_that_this_browser_had() {
    let site = Site::new().await;
    site.host("Ann").await;
    site.host("Bob").await;
    let ann = login(&site, "ann@acme.test", "SoSecret5!", json!({}))
        .await
        .cookies()
        .join("; ");
    let known = page(&site, "/login?redirect_url=/conf/call/1", &ann).await.config();
    assert_eq!(
        (&known["account"]["name"], &known["redirect_url"]),
        (&json!("Ann"), &json!("/conf/call/1")),
        "the page can offer to go on as Ann"
    );
    let body = json!({"email": "bob@acme.test", "password": "SoSecret5!"});
    let call = site.post(ACME, "/login").header("origin", OWN).header("cookie", &ann);
    let bob = call.json(&body).send().await.cookies().join("; ");
    assert_eq!(page(&site, "/", &bob).await.config()["account"]["name"], "Bob");
    assert_eq!(page(&site, "/", &ann).await.config()["account"], Value::Null);
}

#[tokio::test]
async fn nobody_frames_the_page_and_it_keeps_nothing() {
    let site = Site::new().await;
    let seen = page(&site, "/login", "a=b").await;
    assert!(
        seen.header("content-security-policy").ends_with(
            "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
        "{}",
        seen.header("content-security-policy")
    );
    assert_eq!(
        (seen.header("cache-control"), seen.header("referrer-policy")),
        ("no-store", "same-origin")
    );
    assert_eq!(seen.config()["tenant"]["company"], "Acme");
}
