//! The link of a new account sets its password: for seven days, once, and signs it in.

use crate::site::{ACME, Answer, OTHER, Site};
use serde_json::{Value, json};

const OWN: &str = "https://acme.demo.test";
const DAY: i64 = 24 * 3_600;

/// The path of a new account's link.
async fn link(site: &Site, name: &str) -> String {
    let email = format!("{}@acme.test", name.to_lowercase());
    let made = site
        .admin_api("host/create", json!({"company_id": 1, "name": name, "email": email}))
        .await;
    let link = made["password_creation_link"].as_str().expect("a link");
    link.strip_prefix(OWN).expect("an address of its company").to_owned()
}

async fn set(site: &Site, path: &str, password: &str) -> Answer {
    let call = site.post(ACME, path).header("origin", OWN);
    call.json(&json!({"password": password})).send().await
}

async fn authenticate(site: &Site, password: &str) -> u16 {
    let body = json!({"email": "ann@acme.test", "password": password});
    site.api(ACME, "authenticate", body).await.status.as_u16()
}

#[tokio::test]
async fn a_link_sets_the_password_once_and_signs_in() {
    let site = Site::new().await;
    let path = link(&site, "Ann").await;
    let page = site.get(ACME, &path).send().await;
    assert_eq!(page.status, 200);
    assert_eq!(page.config()["account"]["name"], "Ann");
    assert!(
        page.header("content-security-policy")
            .ends_with("frame-ancestors 'none'")
    );
    assert_eq!(authenticate(&site, "An0therSecret!").await, 401);
    assert_eq!(site.get(ACME, &path).send().await.status, 200, "looking spends nothing");

    let answer = set(&site, &path, "An0therSecret!").await;
    assert_eq!(answer.ok(), json!({"redirect_url": "/"}));
    let home = site
        .get(ACME, "/")
        .header("cookie", &answer.cookies().join("; "))
        .send()
        .await;
    assert_eq!(home.config()["account"]["name"], "Ann");
    assert_eq!(authenticate(&site, "An0therSecret!").await, 200);

    let again = set(&site, &path, "Hij4cked!").await;
    assert_eq!(again.refused(), (404, "not_found".into()));
    assert_eq!(authenticate(&site, "Hij4cked!").await, 401);
    let page = site.get(ACME, &path).send().await;
    assert_eq!((page.status.as_u16(), &page.config()["account"]), (404, &Value::Null));
}

#[tokio::test]
async fn two_who_use_it_at_once_set_one_password() {
    let site = Site::new().await;
    let path = link(&site, "Ann").await;
    let (one, two) = tokio::join!(
        set(&site, &path, "first-password"),
        set(&site, &path, "second-password")
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
    let set = if one.status == 200 {
        ["first-password", "second-password"]
    } else {
        ["second-password", "first-password"]
    };
    assert_eq!(authenticate(&site, set[0]).await, 200);
    assert_eq!(authenticate(&site, set[1]).await, 401);
}

#[tokio::test]
async fn a_link_is_valid_for_seven_days_at_its_own_company() {
    let site = Site::new().await;
    let path = link(&site, "Ann").await;
    let elsewhere = site.post(OTHER, &path).json(&json!({"password": "An0therSecret!"}));
    assert_eq!(elsewhere.send().await.status, 404);
    site.advance(7 * DAY - 1);
    assert_eq!(site.get(ACME, &path).send().await.status, 200);
    site.advance(1);
    assert_eq!(site.get(ACME, &path).send().await.status, 404);
    assert_eq!(set(&site, &path, "An0therSecret!").await.status, 404);
}

#[tokio::test]
async fn short_passwords_foreign_pages_and_guessed_links_change_nothing() {
    let site = Site::new().await;
    let path = link(&site, "Ann").await;
    let short = set(&site, &path, "1234567").await;
    assert_eq!(
        (short.status.as_u16(), &short.json()["field"]),
        (400, &json!("password"))
    );
    let foreign = site.post(ACME, &path).header("origin", "https://evil.test");
    let foreign = foreign.json(&json!({"password": "An0therSecret!"})).send().await;
    assert_eq!(foreign.refused().0, 403);
    for guessed in ["/password/0", "/password/%00", &format!("/password/{}", "a".repeat(64))] {
        assert_eq!(set(&site, guessed, "An0therSecret!").await.status, 404, "{guessed}");
        assert_eq!(site.get(ACME, guessed).send().await.status, 404, "{guessed}");
    }
    set(&site, &path, "An0therSecret!").await.ok();
}
