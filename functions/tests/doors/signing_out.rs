//! A sign-out ends the session and leads where the sign-in said; what goes on beside it is not ended.

use crate::site::{ACME, Answer, Host, OTHER, Site};
use serde_json::{Value, json};

const OWN: &str = "https://acme.demo.test";

async fn sign_in(site: &Site, host: &Host, more: &[(&str, &str)]) -> Answer {
    let id = host.id.to_string();
    let mut fields = vec![("host_id", id.as_str()), ("login_token_public_key", host.sso.as_str())];
    fields.extend(more);
    site.post(ACME, "/auth")
        .header("origin", OWN)
        .form(&fields)
        .send()
        .await
}

async fn sign_out(site: &Site, cookie: &str, origin: &str) -> Answer {
    let call = site.post(ACME, "/logout").header("origin", origin);
    call.header("cookie", cookie).send().await
}

async fn signed_in(site: &Site, cookie: &str) -> Value {
    let home = site.get(ACME, "/").header("cookie", cookie).send().await;
    home.config()["account"]["name"].clone()
}

#[tokio::test]
async fn a_sign_out_ends_this_session_and_leads_where_the_sign_in_said() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let away = ("remote_logout_url", "https://portal.partner.test/bye?x=1");
    let first = sign_in(&site, &ann, &[away]).await.cookies().join("; ");
    let second = sign_in(&site, &ann, &[]).await.cookies().join("; ");
    let out = sign_out(&site, &first, OWN).await;
    assert_eq!(out.ok(), json!({"redirect_url": "https://portal.partner.test/bye?x=1"}));
    for cookie in out.headers.get_all("set-cookie") {
        assert!(cookie.to_str().expect("ASCII").contains("Max-Age=0"), "{cookie:?}");
    }
    assert_eq!(out.cookies().len(), 3);
    assert_eq!(signed_in(&site, &first).await, Value::Null);
    assert_eq!(signed_in(&site, &second).await, "Ann");
    assert_eq!(sign_out(&site, &second, OWN).await.ok(), json!({"redirect_url": "/"}));
    assert_eq!(sign_out(&site, &second, OWN).await.ok(), json!({"redirect_url": "/"}));
}

#[tokio::test]
async fn other_sites_and_other_companies_sign_nobody_out() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let cookie = sign_in(&site, &ann, &[]).await.cookies().join("; ");
    for origin in ["https://evil.test", "null", "https://other.demo.test"] {
        assert_eq!(sign_out(&site, &cookie, origin).await.refused().0, 403, "{origin}");
    }
    let elsewhere = site.post(OTHER, "/logout").header("origin", "https://other.demo.test");
    elsewhere.header("cookie", &cookie).send().await.ok();
    assert_eq!(signed_in(&site, &cookie).await, "Ann");
}

#[tokio::test]
async fn where_a_browser_goes_in_the_end_is_a_web_address_or_a_path() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    for name in ["remote_logout_url", "after_call_url"] {
        for hostile in [
            "javascript:alert(1)",
            "//evil.test",
            "data:text/html,x",
            "https://a:b@c.test/",
        ] {
            let refused = sign_in(&site, &ann, &[(name, hostile)]).await;
            assert_eq!(
                (refused.status.as_u16(), &refused.json()["field"]),
                (400, &json!(name)),
                "{hostile}"
            );
        }
    }
}

#[tokio::test]
async fn a_session_knows_where_its_browser_goes_after_any_call() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let after = [
        ("after_call_url", "https://portal.partner.test/thanks"),
        ("redirect_url", "/"),
    ];
    let cookie = sign_in(&site, &ann, &after).await.cookies().join("; ");
    let path = format!("/conf/call/{}", ann.code);
    let room = site.get(ACME, &path).header("cookie", &cookie).send().await;
    assert_eq!(
        room.config()["signed_in"]["after_call_url"],
        "https://portal.partner.test/thanks"
    );
}

async fn framed_session(site: &Site, host: &Host) -> String {
    let path = format!(
        "/auth?host_id={}&login_token_public_key={}&redirect_url=/",
        host.id, host.sso
    );
    let framed = site.get(ACME, &path).header("referer", OWN).send().await;
    let (_, handoff) = framed.header("location").split_once("#handoff=").expect("a handoff");
    trade(site, handoff.split('&').next().expect("a value")).await.ok()["session"]
        .as_str()
        .expect("a session")
        .to_owned()
}

async fn trade(site: &Site, handoff: &str) -> Answer {
    let call = site.post(ACME, "/auth/handoff").header("origin", OWN);
    call.json(&json!({"handoff": handoff})).send().await
}

async fn pass_on(site: &Site, session: &str) -> Answer {
    let call = site.post(ACME, "/auth/session").header("origin", OWN);
    call.header("authorization", &format!("Session {session}")).send().await
}

#[tokio::test]
async fn a_session_that_was_ended_is_not_passed_on() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let session = framed_session(&site, &ann).await;
    let begun = pass_on(&site, &session).await.ok();
    let begun = begun["handoff"].as_str().expect("a handoff");
    site.advance(1);
    site.admin_api("host/reset_login_token", json!({"host_id": ann.id}))
        .await;
    assert_eq!(
        pass_on(&site, &session).await.refused(),
        (401, "unauthenticated".into())
    );
    assert_eq!(trade(&site, begun).await.status, 401, "nor one that was on its way");
}

#[tokio::test]
async fn a_framed_session_is_passed_on_from_page_to_page_and_ended() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let path = format!(
        "/auth?host_id={}&login_token_public_key={}&redirect_url=/&after_call_url=/thanks&remote_logout_url=/bye",
        ann.id, ann.sso
    );
    let framed = site.get(ACME, &path).header("referer", OWN).send().await;
    let (_, fragment) = framed.header("location").split_once("#handoff=").expect("a handoff");
    let mut handoff = fragment.split('&').next().expect("a value").to_owned();
    let mut session = String::new();
    for _ in 0..3 {
        let call = site.post(ACME, "/auth/handoff").header("origin", OWN);
        let traded = call.json(&json!({"handoff": handoff})).send().await.ok();
        assert_eq!(
            (&traded["account"], &traded["after_call_url"]),
            (
                &json!({"name": "Ann", "email": "ann@acme.test", "access_code": ann.code}),
                &json!("/thanks")
            )
        );
        session = format!("Session {}", traded["session"].as_str().expect("a session"));
        let call = site.post(ACME, "/auth/session").header("authorization", &session);
        handoff = call.send().await.ok()["handoff"]
            .as_str()
            .expect("a handoff")
            .to_owned();
    }
    let call = site.post(ACME, "/logout").header("authorization", &session);
    assert_eq!(call.send().await.ok(), json!({"redirect_url": "/bye"}));
    let call = site.post(ACME, "/auth/session").header("authorization", &session);
    assert_eq!(call.send().await.refused(), (401, "unauthenticated".into()));
    let cookie = sign_in(&site, &ann, &[]).await.cookies().join("; ");
    let call = site.post(ACME, "/auth/session").header("cookie", &cookie);
    assert_eq!(
        call.send().await.refused().0,
        401,
        "a cookie is passed on by the browser"
    );
}

#[tokio::test]
async fn a_session_that_is_passed_on_ends_when_the_first_would() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let path = format!(
        "/auth?host_id={}&login_token_public_key={}&redirect_url=/",
        ann.id, ann.sso
    );
    let framed = site.get(ACME, &path).header("referer", OWN).send().await;
    let (_, fragment) = framed.header("location").split_once("#handoff=").expect("a handoff");
    let mut handoff = fragment.split('&').next().expect("a value").to_owned();
    let mut last = 0;
    for day in 0..9 {
        let call = site.post(ACME, "/auth/handoff").header("origin", OWN);
        let traded = call.json(&json!({"handoff": handoff})).send().await.ok();
        let session = format!("Session {}", traded["session"].as_str().expect("a session"));
        site.advance(23 * 3_600);
        let call = site.post(ACME, "/auth/session").header("authorization", &session);
        let answer = call.send().await;
        last = day;
        if answer.status != 200 {
            break;
        }
        handoff = answer.json()["handoff"].as_str().expect("a handoff").to_owned();
    }
    assert_eq!(last, 7, "seven days and no more");
}

#[tokio::test]
async fn a_new_sso_token_ends_the_sessions_of_pages_and_what_was_about_to_become_one() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let cookie = sign_in(&site, &ann, &[]).await.cookies().join("; ");
    let path = format!(
        "/auth?host_id={}&login_token_public_key={}&redirect_url=/",
        ann.id, ann.sso
    );
    let framed = site.get(ACME, &path).header("referer", OWN).send().await;
    let (_, fragment) = framed.header("location").split_once("#handoff=").expect("a handoff");
    let handoff = fragment.split('&').next().expect("a value").to_owned();
    let ticket = site.admin_api("host/sso_ticket", json!({"host_id": ann.id})).await;
    site.advance(1);
    site.admin_api("host/reset_login_token", json!({"host_id": ann.id}))
        .await;
    site.advance(1);

    assert_eq!(signed_in(&site, &cookie).await, Value::Null);
    let room = site
        .get(ACME, &format!("/conf/call/{}", ann.code))
        .header("cookie", &cookie);
    assert_eq!(room.send().await.config()["signed_in"], Value::Null);
    site.relay_up().await;
    let joined = site
        .join(ACME, &json!({"code": ann.code, "name": "Ann"}))
        .header("cookie", &cookie);
    assert_eq!(joined.send().await.refused(), (403, "not_started".into()), "as a guest");
    let call = site.post(ACME, "/auth/handoff").header("origin", OWN);
    assert_eq!(call.json(&json!({"handoff": handoff})).send().await.status, 401);
    let id = ann.id.to_string();
    for spent in [ann.sso.as_str(), ticket["sso_ticket"].as_str().expect("a ticket")] {
        let fields = [("host_id", id.as_str()), ("login_token_public_key", spent)];
        let answer = site
            .post(ACME, "/auth")
            .header("origin", OWN)
            .form(&fields)
            .send()
            .await;
        assert_eq!(answer.status, 401);
    }
}
