//! Who has forgotten a password gets a link by mail that sets another: for an hour, once. Who asks learns nothing.

use functions::operator;
use mail_parser::MessageParser;
use notify::Mail;
use serde_json::json;

use crate::asked::work_of;
use crate::post::Fate;
use crate::site::{ACME, Answer, OTHER, Site};

const OWN: &str = "https://acme.demo.test";

async fn site() -> Site {
    let site = Site::new().await;
    site.host("Ann").await;
    mails(&site).await;
    site
}

async fn forgotten(site: &Site, host: &str, email: &str) -> Answer {
    let call = site
        .post(host, "/password")
        .header("origin", &format!("https://{host}"));
    call.json(&json!({"email": email})).send().await
}

/// The mails that go out now.
async fn mails(site: &Site) -> Vec<Mail> {
    let work = work_of("dispatch", operator::dispatch(&site.app, &[]));
    work.await.expect("dispatched");
    site.mails.take()
}

/// The path of the link in the only mail.
fn link(mails: &[Mail]) -> String {
    let [mail] = mails else { panic!("one: {mails:?}") };
    let message = MessageParser::default().parse(&mail.raw).expect("a mail");
    let text = message.body_text(0).expect("text").into_owned();
    let rest = text.split(&format!("{OWN}/password/")).nth(1).expect("a link");
    let token = rest.split_whitespace().next().expect("a token");
    format!("/password/{token}")
}

async fn set(site: &Site, path: &str, password: &str) -> Answer {
    let call = site.post(ACME, path).header("origin", OWN);
    call.json(&json!({"password": password})).send().await
}

async fn authenticate(site: &Site, password: &str) -> Answer {
    let body = json!({"email": "ann@acme.test", "password": password});
    site.api(ACME, "authenticate", body).await
}

#[tokio::test]
async fn the_link_sets_another_password_once_and_ends_other_sessions() {
    let site = site().await;
    let before = authenticate(&site, "SoSecret5!").await.ok()["auth_token"].clone();
    site.advance(1);
    assert_eq!(forgotten(&site, ACME, "Ann@Acme.test").await.ok(), json!({}));
    let sent = mails(&site).await;
    assert_eq!(sent[0].to.as_str(), "ann@acme.test");
    let path = link(&sent);
    assert_eq!(
        authenticate(&site, "SoSecret5!").await.status,
        200,
        "asking changes nothing"
    );
    let answer = set(&site, &path, "An0therSecret!").await;
    let home = site
        .get(ACME, "/")
        .header("cookie", &answer.cookies().join("; "))
        .send()
        .await;
    assert_eq!(home.config()["account"]["name"], "Ann");
    assert_eq!(authenticate(&site, "An0therSecret!").await.status, 200);
    assert_eq!(authenticate(&site, "SoSecret5!").await.status, 401);
    let asked = json!({"auth_token": before, "host_id": 2});
    assert_eq!(
        site.api(ACME, "host/fetch", asked).await.status,
        401,
        "a session of before"
    );
    assert_eq!(set(&site, &path, "Hij4cked!").await.status, 404);
}

#[tokio::test]
async fn a_later_link_ends_the_one_before_and_all_end_after_an_hour() {
    let site = site().await;
    forgotten(&site, ACME, "ann@acme.test").await.ok();
    let first = link(&mails(&site).await);
    forgotten(&site, ACME, "ann@acme.test").await.ok();
    let second = link(&mails(&site).await);
    assert_ne!(first, second);
    assert_eq!(site.get(ACME, &first).send().await.status, 404);
    assert_eq!(set(&site, &first, "An0therSecret!").await.status, 404);
    site.advance(3_599);
    assert_eq!(site.get(ACME, &second).send().await.status, 200);
    site.advance(1);
    assert_eq!(set(&site, &second, "An0therSecret!").await.status, 404);
    // Mail that could not be sent for so long brings no dead link.
    forgotten(&site, ACME, "ann@acme.test").await.ok();
    site.mails.meet(&[Fate::Failed]);
    assert!(mails(&site).await.is_empty());
    site.advance(3_600);
    assert!(mails(&site).await.is_empty());
}

#[tokio::test]
async fn who_asks_does_not_end_the_link_of_a_new_account() {
    let site = site().await;
    let asked = json!({"company_id": 1, "name": "New", "email": "new@acme.test", "no_welcome_email": true});
    let made = site.admin_api("host/create", asked).await;
    let link_of = |made: &serde_json::Value| {
        let link = made["password_creation_link"].as_str().expect("a link").to_owned();
        link.strip_prefix(OWN).expect("at its company").to_owned()
    };
    let given = link_of(&made);
    forgotten(&site, ACME, "new@acme.test").await.ok();
    let mailed = link(&mails(&site).await);
    site.advance(3_600);
    assert_eq!(site.get(ACME, &mailed).send().await.status, 404, "an hour is over");
    assert_eq!(site.get(ACME, &given).send().await.status, 200, "seven days are not");
    forgotten(&site, ACME, "new@acme.test").await.ok();
    let mailed = link(&mails(&site).await);
    assert!(set(&site, &given, "An0therSecret!").await.status.as_u16() < 400);
    // Either is spent with the other.
    assert_eq!(set(&site, &mailed, "Hij4cked!").await.status, 404);
    assert_eq!(site.get(ACME, &mailed).send().await.status, 404);
}

/// docs/mail.md: the host's language and zone, else the company's.
#[tokio::test]
async fn the_mail_is_in_the_companys_language_where_the_account_has_none() {
    let site = site().await;
    let french = json!({"company_id": 1, "locale": "fr", "time_zone": "Europe/Paris"});
    site.admin_api("company/update", french).await;
    forgotten(&site, ACME, "ann@acme.test").await.ok();
    let mails = mails(&site).await;
    let message = MessageParser::default().parse(&mails[0].raw).expect("a mail");
    assert_eq!(message.subject(), Some("Nouveau mot de passe pour Acme"));
    let text = message.body_text(0).expect("text");
    assert!(text.contains("(Europe/Paris)"), "{text}");
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let site = site().await;
    let known = forgotten(&site, ACME, "ann@acme.test").await;
    let touched = |site: &Site| -> Vec<_> {
        let touches = site.notes.take().into_iter();
        touches.map(|touch| touch.action).collect()
    };
    let _ = touched(&site);
    forgotten(&site, ACME, "ann@acme.test").await.ok();
    let there = touched(&site);
    let unknown = forgotten(&site, ACME, "nobody@acme.test").await;
    assert_eq!(touched(&site), there, "as much is asked of the table");
    assert_eq!((known.status, known.json()), (unknown.status, unknown.json()));
    // Another company's account is none here.
    forgotten(&site, OTHER, "ann@acme.test").await.ok();
    assert_eq!(
        mails(&site).await.len(),
        1,
        "the later of two links; the first is dead already"
    );
}

#[tokio::test]
async fn nobody_fills_a_mailbox_or_asks_for_ever() {
    let site = site().await;
    for _ in 0..5 {
        forgotten(&site, ACME, "ann@acme.test").await.ok();
        site.advance(1);
    }
    let mut sent = 0;
    for _ in 0..5 {
        sent += mails(&site).await.len();
    }
    assert!((1..=3).contains(&sent), "{sent}");
    for n in 0..15 {
        forgotten(&site, ACME, &format!("n{n}@acme.test")).await.ok();
    }
    let refused = forgotten(&site, ACME, "ann@acme.test").await;
    assert_eq!(refused.refused(), (429, "rate_limited".into()));
    let foreign = site.post(ACME, "/password").header("origin", "https://evil.test");
    let foreign = foreign.json(&json!({"email": "ann@acme.test"})).send().await;
    assert_eq!(foreign.refused().0, 403);
}
