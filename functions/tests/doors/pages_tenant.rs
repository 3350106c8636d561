//! The pages: who may frame them, what they say, and that nothing typed into them becomes markup.

use crate::site::{ACME, Answer, OTHER, Site};
use serde_json::{Value, json};

const HOSTILE: &str = "</script><script>alert(1)</script><!-- \"'&";

fn config(page: &Answer) -> Value {
    page.config()
}

fn ancestors(page: &Answer) -> String {
    let policy = page.header("content-security-policy");
    policy
        .split("; ")
        .find(|part| part.starts_with("frame-ancestors"))
        .expect("a directive")
        .to_owned()
}

async fn room(site: &Site, host: &str, code: &str) -> Answer {
    site.get(host, &format!("/conf/call/{code}")).send().await
}

#[tokio::test]
async fn a_room_says_its_state_and_a_wrong_code_is_a_page_too() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let wrong = room(&site, ACME, "7654321").await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.header("content-type")),
        (404, "text/html; charset=utf-8")
    );
    assert_eq!(config(&wrong)["conference"]["state"], "not_found");
    let early = room(&site, ACME, &host.code).await;
    assert_eq!(
        (early.status.as_u16(), config(&early)["conference"]["state"].as_str()),
        (200, Some("not_started"))
    );
    let planned = json!({"host_id": host.id, "subject": "Plan", "start": "2026-06-01 13:00:00", "time_zone": "UTC",
        "duration": 60, "security_pin": "1234"});
    let made = site.admin_api("conference/create", planned).await;
    assert_eq!(
        config(&room(&site, ACME, &host.code).await)["conference"]["starts_at"],
        "2026-06-01T13:00:00Z"
    );
    site.advance(3_600);
    let open = config(&room(&site, ACME, &host.code).await);
    assert_eq!(
        open["conference"],
        json!({"state": "open", "subject": null, "host_name": "Ann", "pin_required": true, "registration": null})
    );
    assert_eq!(open["leave_event_type"], "vivomeetingsLeaveCallEvent");
    assert_eq!(
        (&open["page"], &open["code"], &open["signed_in"]),
        (&json!("room"), &json!(host.code), &Value::Null)
    );
    assert_eq!(room(&site, OTHER, &host.code).await.status, 404);
    site.admin_api("conference/end", json!({"conference_id": made["conference_id"]}))
        .await;
    assert_eq!(
        config(&room(&site, ACME, &host.code).await)["conference"]["state"],
        "ended"
    );
}

#[tokio::test]
async fn hostile_subjects_names_and_codes_stay_text() {
    let site = Site::new().await;
    let made = json!({"subdomain": "evil", "name": HOSTILE, "branding": {"product_name": HOSTILE}});
    let company = site.admin_api("company/create", made).await["id"]
        .as_u64()
        .expect("an id");
    let made = json!({"company_id": company, "name": HOSTILE, "email": "e@evil.test"});
    let host = site.admin_api("host/create", made).await;
    let code = host["access_code"]["number"].as_str().expect("a code");
    let meeting = json!({"host_id": host["host_id"], "subject": HOSTILE});
    site.admin_api("conference/create/reservationless", meeting).await;
    let tried = [
        format!("/conf/call/{code}"),
        "/conf/call/%3C%2Fscript%3E%3Cscript%3Ealert(1)".into(),
        "/".into(),
    ];
    for path in tried {
        let page = site.get("evil.demo.test", &path).send().await;
        assert_eq!(page.text.matches("<script").count(), 1, "{}", page.text);
        assert_eq!(page.text.matches("</script").count(), 1, "{}", page.text);
        assert!(!page.text.contains("<!--"), "{}", page.text);
        assert!(page.header("content-security-policy").contains("script-src 'self';"));
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(config(&page)["tenant"]["product_name"], HOSTILE);
    }
}

#[tokio::test]
async fn a_guests_room_is_framed_by_anybody_unless_the_company_lists_who() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    assert_eq!(ancestors(&room(&site, ACME, &host.code).await), "frame-ancestors *");
    let listed =
        json!({"subdomain": "listed", "name": "L", "embed_policy": "listed", "embed_origins": ["https://p.test"]});
    site.admin_api("company/create", listed).await;
    let only = "frame-ancestors 'self' https://demo.test https://*.demo.test https://p.test";
    assert_eq!(ancestors(&room(&site, "listed.demo.test", "7654321").await), only);
}

#[tokio::test]
async fn pages_of_signed_in_people_and_the_home_page_are_framed_by_listed_origins() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let own = "frame-ancestors 'self' https://demo.test https://*.demo.test";
    assert_eq!(ancestors(&site.get(ACME, "/").send().await), own);
    let id = host.id.to_string();
    let fields = [("host_id", id.as_str()), ("login_token_public_key", host.sso.as_str())];
    let signed = site
        .post(ACME, "/auth")
        .header("origin", "https://acme.demo.test")
        .form(&fields)
        .send()
        .await;
    let cookie = signed.cookies().join("; ");
    let page = site
        .get(ACME, &format!("/conf/call/{}", host.code))
        .header("cookie", &cookie)
        .send()
        .await;
    assert_eq!(ancestors(&page), own);
    // The cookie means nothing at another company.
    let other = site
        .get(OTHER, "/conf/call/7654321")
        .header("cookie", &cookie)
        .send()
        .await;
    assert_eq!(
        (ancestors(&other).as_str(), &config(&other)["signed_in"]),
        ("frame-ancestors *", &Value::Null)
    );
}

#[tokio::test]
async fn pages_are_not_kept_and_tell_other_sites_nothing() {
    let site = Site::new().await;
    for path in ["/", "/conf/call/7654321?moderator_token=x"] {
        let page = site.get(ACME, path).send().await;
        assert_eq!(
            (page.header("cache-control"), page.header("referrer-policy")),
            ("no-store", "same-origin")
        );
    }
    assert_eq!(site.get("nobody.test", "/").send().await.status, 404);
}

#[tokio::test]
async fn guessing_codes_by_the_page_is_slowed_down_too() {
    let site = Site::new().await;
    let mut last = 404;
    for _ in 0..21 {
        last = room(&site, ACME, "7654321").await.status.as_u16();
    }
    assert_eq!(last, 429);
}
