//! A ticket signs a host in once, within a minute, in place of its SSO token; also in a frame whose browser says nothing
//! of the page around it.

use crate::site::{ACME, Answer, Host, Site};
use serde_json::json;

const OWN: &str = "https://acme.demo.test";

async fn ticket(site: &Site, host: &Host) -> String {
    let made = site.admin_api("host/sso_ticket", json!({"host_id": host.id})).await;
    assert_eq!(
        (&made["host_id"], &made["expires_in"]),
        (&json!(host.id), &json!(60)),
        "{made}"
    );
    made["sso_ticket"].as_str().expect("a ticket").to_owned()
}

async fn post(site: &Site, id: u64, token: &str) -> Answer {
    let id = id.to_string();
    let fields = [("host_id", id.as_str()), ("login_token_public_key", token)];
    site.post(ACME, "/auth")
        .header("origin", OWN)
        .form(&fields)
        .send()
        .await
}

fn framed(site: &Site, host: &Host, token: &str) -> impl Future<Output = Answer> {
    let path = format!(
        "/auth?host_id={}&login_token_public_key={token}&redirect_url=/",
        host.id
    );
    site.get(ACME, &path).header("sec-fetch-dest", "iframe").send()
}

#[tokio::test]
async fn a_ticket_signs_its_host_in_once_and_for_a_minute() {
    let site = Site::new().await;
    let (ann, bob) = (site.host("Ann").await, site.host("Bob").await);
    let value = ticket(&site, &ann).await;
    assert_eq!(post(&site, ann.id, &value).await.status, 303);
    assert_eq!(
        post(&site, ann.id, &value).await.refused(),
        (401, "unauthenticated".into())
    );
    let late = ticket(&site, &ann).await;
    site.advance(60);
    assert_eq!(post(&site, ann.id, &late).await.status, 401);
    let others = ticket(&site, &ann).await;
    assert_eq!(post(&site, bob.id, &others).await.status, 401);
    let elsewhere = ticket(&site, &ann).await;
    let id = ann.id.to_string();
    let fields = [("host_id", id.as_str()), ("login_token_public_key", elsewhere.as_str())];
    let answer = site
        .post(crate::site::OTHER, "/auth")
        .header("origin", "https://other.demo.test")
        .form(&fields);
    assert_eq!(answer.send().await.status, 401);
}

#[tokio::test]
async fn a_frame_that_says_nothing_is_let_in_by_a_ticket_only() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    assert_eq!(framed(&site, &ann, &ann.sso).await.refused(), (403, "forbidden".into()));
    let value = ticket(&site, &ann).await;
    let answer = framed(&site, &ann, &value).await;
    assert_eq!(answer.status, 303);
    let location = answer.header("location");
    assert!(
        location.starts_with("/#handoff=") && !location.contains("parent"),
        "{location}"
    );
    // Not as a page of its own, where anybody's link could lead, and not from a page that is not listed.
    for (name, header) in [("sec-fetch-dest", "document"), ("origin", "https://evil.test")] {
        let value = ticket(&site, &ann).await;
        let path = format!("/auth?host_id={}&login_token_public_key={value}&redirect_url=/", ann.id);
        let answer = site.get(ACME, &path).header(name, header).send().await;
        assert_eq!(answer.refused(), (403, "forbidden".into()), "{name}: {header}");
    }
}

#[tokio::test]
async fn guesses_at_tickets_count_towards_the_lock_out() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    for _ in 0..5 {
        assert_eq!(post(&site, ann.id, "ticket-guessed").await.status, 401);
    }
    let value = ticket(&site, &ann).await;
    assert_eq!(post(&site, ann.id, &value).await.status, 429);
}

#[tokio::test]
async fn the_ticket_lies_hashed_and_a_repeat_with_the_key_answers_the_same() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let asked = json!({"host_id": ann.id, "idempotency_key": "k"});
    let first = site.admin_api("host/sso_ticket", asked.clone()).await;
    assert_eq!(first, site.admin_api("host/sso_ticket", asked).await);
    assert_ne!(
        ticket(&site, &ann).await,
        first["sso_ticket"].as_str().expect("a ticket")
    );
}

#[tokio::test]
async fn a_framed_sign_in_tells_the_page_who_frames_it() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let path = format!(
        "/auth?host_id={}&login_token_public_key={}&redirect_url=/a",
        ann.id, ann.sso
    );
    let answer = site
        .get(ACME, &path)
        .header("referer", "https://acme.demo.test/x?y")
        .send()
        .await;
    let (_, parent) = answer.header("location").split_once("&parent=").expect("a parent");
    assert_eq!(parent, "https%3A%2F%2Facme.demo.test");
}
