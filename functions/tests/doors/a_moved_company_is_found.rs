//! A company that has another subdomain is found by its former one for a year: pages, the partner API and frames' sign-ins
//! lead on; a form's sign-in is taken where it is, and leads on signed in.

use serde_json::json;

use crate::site::{Answer, Host, Site};

const DAY: i64 = 24 * 3_600;
const PARTNER: &str = "https://partner.example";

/// A company that was `before` and is `after`, with a host.
async fn moved() -> (Site, Host) {
    let mut site = Site::new().await;
    let made = json!({"subdomain": "before", "name": "Movers", "embed_origins": [PARTNER]});
    let company = site.admin_api("company/create", made).await["id"].clone();
    let host = site.host_of(company.as_u64().expect("an id"), "Ann").await;
    let change = json!({"company_id": company, "subdomain": "after"});
    site.admin_api("company/update", change).await;
    site.restart();
    (site, host)
}

fn leads(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.header("location"))
}

#[tokio::test]
async fn pages_and_the_partner_api_lead_on_for_a_year() {
    let (site, _) = moved().await;
    for (path, to) in [
        ("/", "https://after.demo.test/"),
        (
            "/conf/call/1234567?name=A%20B&x",
            "https://after.demo.test/conf/call/1234567?name=A%20B&x",
        ),
        ("/login", "https://after.demo.test/login"),
        ("/password/abc", "https://after.demo.test/password/abc"),
    ] {
        let answer = site.get("before.demo.test", path).send().await;
        assert_eq!(leads(&answer), (308, to));
    }
    assert_eq!(site.get("after.demo.test", "/").send().await.status, 200);
    let sign_in = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
    let fetch = json!({"auth_token": site.admin, "company_id": 1});
    for (method, body) in [
        ("authenticate", sign_in),
        ("company/fetch", fetch.clone()),
        ("company/update", fetch),
    ] {
        let answer = site
            .api("before.demo.test", &format!("{method}?a=b"), body.clone())
            .await;
        let to = format!("https://after.demo.test/enterprise_api/{method}?a=b");
        assert_eq!(leads(&answer), (308, to.as_str()));
        assert!(!answer.header("x-ratelimit-remaining").is_empty());
        site.api("after.demo.test", method, body).await.ok();
    }
    assert_eq!(site.get("never.demo.test", "/").send().await.status, 404);
    site.advance(367 * DAY);
    assert_eq!(site.get("before.demo.test", "/").send().await.status, 404);
    let late = json!({"email": "a@b.test", "password": "x"});
    assert_eq!(
        site.api("before.demo.test", "authenticate", late).await.refused(),
        (404, "not_found".into())
    );
}

#[tokio::test]
async fn a_frames_sign_in_leads_on_and_a_forms_is_taken() {
    let (site, host) = moved().await;
    let query = format!(
        "host_id={}&login_token_public_key={}&redirect_url=/conf/call/{}",
        host.id, host.sso, host.code
    );
    for accept in ["text/html", "*/*"] {
        let call = site.get("before.demo.test", &format!("/auth?{query}"));
        let call = call.header("referer", PARTNER).header("sec-fetch-dest", "iframe");
        let answer = call.header("accept", accept).send().await;
        let to = format!("https://after.demo.test/auth?{query}");
        assert_eq!(leads(&answer), (308, to.as_str()));
    }

    // What a browser sends after a redirect is not believed, so this is none.
    let id = host.id.to_string();
    let path = format!("/conf/call/{}", host.code);
    let fields = [
        ("host_id", id.as_str()),
        ("login_token_public_key", host.sso.as_str()),
        ("redirect_url", path.as_str()),
    ];
    let post = |name: &'static str, origin: &'static str| {
        let call = site.post(name, "/auth").header("origin", origin);
        call.header("sec-fetch-dest", "document").form(&fields).send()
    };
    assert_eq!(post("after.demo.test", "null").await.status, 403);
    assert_eq!(post("before.demo.test", "null").await.status, 403);
    assert_eq!(post("before.demo.test", "https://evil.example").await.status, 403);
    let answer = post("before.demo.test", PARTNER).await;
    assert_eq!(answer.status, 303);
    let begin = format!("https://after.demo.test{path}#handoff=");
    let handoff = answer
        .header("location")
        .strip_prefix(&begin)
        .expect("there, with a handoff");
    assert!(answer.cookies().is_empty(), "they would be of no use");
    let traded = site
        .post("after.demo.test", "/auth/handoff")
        .json(&json!({"handoff": handoff}))
        .send()
        .await
        .ok();
    assert_eq!(traded["account"]["email"], "ann@acme.test");
    assert_eq!(post("never.demo.test", PARTNER).await.status, 404);
    site.advance(367 * DAY);
    assert_eq!(post("before.demo.test", PARTNER).await.status, 404);
}
