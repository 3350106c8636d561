//! Each page of each tenant says who may frame it, by the company's own `embed_policy` and `embed_origins`: nobody, listed
//! origins, or anyone. A new page without a row fails the test.

use crate::site::{Answer, Site};
use functions::all;
use serde_json::json;

const LISTED: &str = "frame-ancestors 'self' https://demo.test https://*.demo.test https://p.test";
const ANYONE: &str = "frame-ancestors *";
const NOBODY: &str = "frame-ancestors 'none'";

/// Who may frame a page: of a company that lists origins, of one that lets anyone, and once somebody is signed in.
struct Row {
    path: &'static str,
    listed: &'static str,
    anyone: &'static str,
    signed_in: &'static str,
}

fn row(id: &str, path: &'static str) -> Option<Row> {
    let same = |framing| Row {
        path,
        listed: framing,
        anyone: framing,
        signed_in: framing,
    };
    match id {
        "page_room" => Some(Row {
            path: "/conf/call/7654321",
            listed: LISTED,
            anyone: ANYONE,
            signed_in: LISTED,
        }),
        "page_home" => Some(same(LISTED)),
        // A file; what refuses it is a page.
        "page_calendar" => Some(Row {
            path: "/conf/call/7654321/meeting.ics",
            ..same(ANYONE)
        }),
        "page_password" => Some(Row {
            path: "/password/0123",
            ..same(NOBODY)
        }),
        "page_api_tokens" => Some(Row {
            path: "/admin/tokens",
            ..same(NOBODY)
        }),
        "page_oauth_apps" => Some(Row {
            path: "/account/apps",
            ..same(NOBODY)
        }),
        "page_oauth_clients" => Some(Row {
            path: "/admin/oauth",
            ..same(NOBODY)
        }),
        "page_oauth_consent" => Some(Row {
            path: "/oauth/authorize",
            ..same(NOBODY)
        }),
        "page_webhooks" => Some(Row {
            path: "/admin/webhooks",
            ..same(NOBODY)
        }),
        "page_register" => Some(Row {
            path: "/register/1",
            ..same(NOBODY)
        }),
        "page_login" | "page_docs" => Some(same(NOBODY)),
        _ => None,
    }
}

fn directive(page: &Answer, name: &str) -> String {
    let policy = page.header("content-security-policy");
    let found = policy.split("; ").find(|part| part.starts_with(name));
    found.unwrap_or_else(|| panic!("no {name} in {policy:?}")).to_owned()
}

#[tokio::test]
async fn every_page_says_who_may_frame_it_and_runs_no_script_of_others() {
    let site = Site::new().await;
    let origins = ["https://p.test"];
    let mut hosts = Vec::new();
    for (subdomain, policy) in [("listed", "listed"), ("open", "anyone")] {
        let made = json!({"subdomain": subdomain, "name": "L", "embed_policy": policy, "embed_origins": origins});
        let company = site.admin_api("company/create", made).await["id"]
            .as_u64()
            .expect("an id");
        let host = site.host_of(company, subdomain).await;
        let tenant = format!("{subdomain}.demo.test");
        let id = host.id.to_string();
        let fields = [("host_id", id.as_str()), ("login_token_public_key", host.sso.as_str())];
        let own = format!("https://{tenant}");
        let signed = site
            .post(&tenant, "/auth")
            .header("origin", &own)
            .form(&fields)
            .send()
            .await;
        hosts.push((tenant, signed.cookies().join("; ")));
    }
    let pages: Vec<_> = all()
        .into_iter()
        .filter(|route| route.id.starts_with("page_"))
        .collect();
    assert!(pages.len() >= 5, "{pages:?}");
    for route in pages {
        let row = row(route.id, route.path).unwrap_or_else(|| panic!("{} has no row", route.id));
        for ((tenant, cookie), anonymous) in hosts.iter().zip([row.listed, row.anyone]) {
            for (cookie, wanted) in [("a=b", anonymous), (cookie.as_str(), row.signed_in)] {
                let page = site.get(tenant, row.path).header("cookie", cookie).send().await;
                assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{}", route.id);
                assert_eq!(
                    directive(&page, "frame-ancestors"),
                    wanted,
                    "{} of {tenant}, {cookie}",
                    route.id
                );
                assert_eq!(directive(&page, "default-src"), "default-src 'none'", "{}", route.id);
                assert_eq!(directive(&page, "script-src"), "script-src 'self'", "{}", route.id);
                assert_eq!(directive(&page, "style-src"), "style-src 'self'", "{}", route.id);
                assert_eq!(directive(&page, "form-action"), "form-action 'self'", "{}", route.id);
                let old = if wanted == NOBODY { "DENY" } else { "" };
                assert_eq!(page.header("x-frame-options"), old, "{}", route.id);
                assert_eq!(page.header("x-content-type-options"), "nosniff", "{}", route.id);
                assert_eq!(page.header("referrer-policy"), "same-origin", "{}", route.id);
                assert_eq!(page.header("cache-control"), "no-store", "{}", route.id);
            }
        }
    }
}
