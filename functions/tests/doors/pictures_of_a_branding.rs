//! `branding.logo_url` and `icon_url`: fetched once, drawn anew, served by us. contract/enterprise-api.md, company/create.

use image::GenericImageView as _;
use serde_json::{Value, json};

use crate::site::receiver::{Deed, Receiver, png};
use crate::site::{OTHER, Site};

const SHOWN: &str = "shown.demo.test";

async fn made(site: &Site, branding: Value) -> Value {
    let made = json!({"subdomain": "shown", "name": "Shown", "branding": branding});
    site.admin_api("company/create", made).await
}

async fn update(site: &Site, id: &Value, branding: Value) -> Value {
    let asked = json!({"company_id": id, "branding": branding});
    site.admin_api("company/update", asked).await
}

/// What the pages of the company show, `logo_url` or `icon_url`.
async fn shown(site: &Site, which: &str) -> Option<String> {
    let page = site.get(SHOWN, "/").send().await.config();
    page["tenant"][which].as_str().map(str::to_owned)
}

#[tokio::test]
async fn pictures_are_fetched_once_drawn_anew_and_served_from_the_companys_own_host() {
    let site = Site::new().await;
    let peer = Receiver::start(Deed::ok("image/png", &png(1_024, 256, 7))).await;
    let branding =
        json!({"logo_url": peer.url("127.0.0.1", "/logo.png?v=1"), "icon_url": peer.url("127.0.0.1", "/icon.png")});
    let company = made(&site, branding.clone()).await;
    assert_eq!(
        company["branding"]["logo_url"], branding["logo_url"],
        "answers hold the address that was given"
    );
    assert_eq!(peer.connections(), 2);
    for (which, size) in [("logo_url", (512, 128)), ("icon_url", (192, 48))] {
        let path = shown(&site, which).await.expect("a picture");
        let picture = site.get(SHOWN, &path).send().await;
        assert_eq!(picture.status, 200);
        assert_eq!(picture.header("content-type"), "image/png");
        assert_eq!(picture.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(picture.header("x-content-type-options"), "nosniff");
        let read = image::load_from_memory(&picture.body).expect("a PNG");
        assert_eq!(read.dimensions(), size);
        assert_eq!(read.get_pixel(3, 3).0, [7, 90, 60, 255]);
        // It is that company's alone.
        assert_eq!(site.get(OTHER, &path).send().await.status, 404);
    }
    // What was answered may be sent back, and other settings change, without fetching anything.
    peer.does(Deed::Hang);
    let logo = shown(&site, "logo_url").await;
    update(&site, &company["id"], company["branding"].clone()).await;
    let renamed = json!({"company_id": company["id"], "name": "Renamed"});
    site.admin_api("company/update", renamed).await;
    assert_eq!(shown(&site, "logo_url").await, logo);
    assert_eq!(peer.connections(), 2);
}

#[tokio::test]
async fn another_address_is_another_picture_and_none_is_none() {
    let site = Site::new().await;
    let peer = Receiver::start(Deed::ok("image/png", &png(10, 10, 1))).await;
    // The two addresses lead to one and the same picture.
    let both = json!({"logo_url": peer.url("127.0.0.1", "/a"), "icon_url": peer.url("127.0.0.1", "/b")});
    let company = made(&site, both).await;
    let first = shown(&site, "logo_url").await.expect("a logo");
    assert_eq!(shown(&site, "icon_url").await.as_ref(), Some(&first));
    peer.does(Deed::ok("image/png", &png(10, 10, 2)));
    let other = json!({"logo_url": peer.url("127.0.0.1", "/c"), "icon_url": peer.url("127.0.0.1", "/b")});
    update(&site, &company["id"], other).await;
    let second = shown(&site, "logo_url").await.expect("a logo");
    assert_ne!(first, second);
    assert_eq!(
        site.get(SHOWN, &first).send().await.status,
        200,
        "the icon still is the first one"
    );
    update(&site, &company["id"], json!({"logo_url": peer.url("127.0.0.1", "/c")})).await;
    assert_eq!(shown(&site, "icon_url").await, None);
    assert_eq!(
        site.get(SHOWN, &first).send().await.status,
        404,
        "nothing shows it any more"
    );
    assert_eq!(site.get(SHOWN, &second).send().await.status, 200);
    update(&site, &company["id"], Value::Null).await;
    assert_eq!(shown(&site, "logo_url").await, None);
    assert_eq!(site.get(SHOWN, &second).send().await.status, 404);
    for path in [
        "/branding/x",
        "/branding/..%2f",
        &format!("/branding/{}", "0".repeat(64)),
    ] {
        assert_eq!(site.get(SHOWN, path).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_picture_is_refused_with_a_reason_and_changes_nothing() {
    let site = Site::new().await;
    let peer = Receiver::start(Deed::ok("image/png", &png(10, 10, 1))).await;
    let company = made(&site, json!({"logo_url": peer.url("127.0.0.1", "/a")})).await;
    let logo = shown(&site, "logo_url").await;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    let redirect = b"HTTP/1.1 302 Found\r\nlocation: /a\r\ncontent-length: 0\r\n\r\n";
    let missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let head = b"HTTP/1.1 200 OK\r\n\r\n";
    let bomb = png(3_000, 3_000, 1);
    assert!(bomb.len() < 1_024 * 1_024, "small on the wire");
    for (deed, why) in [
        (Deed::ok("image/svg+xml", svg), "SVG"),
        (Deed::ok("image/png", b"no picture"), "PNG, JPEG or WebP"),
        (Deed::ok("image/png", &bomb), "4194304 pixels"),
        (Deed::Pour(head.to_vec(), vec![b'x'; 65_536]), "too large"),
        (Deed::Say(redirect.to_vec()), "redirect"),
        (Deed::Say(missing.to_vec()), "status 404"),
        (Deed::Say(b"no HTTP".to_vec()), "no proper answer"),
    ] {
        peer.does(deed);
        for field in ["logo_url", "icon_url"] {
            let mut branding = json!({"logo_url": peer.url("127.0.0.1", "/a")});
            branding[field] = peer.url("127.0.0.1", "/other").into();
            let asked =
                json!({"auth_token": site.admin, "company_id": company["id"], "branding": branding, "name": "Changed"});
            let refused = site.api(SHOWN, "company/update", asked).await;
            assert_eq!(refused.refused(), (400, "invalid_field".to_owned()), "{why}");
            assert_eq!(refused.json()["field"], format!("branding.{field}"));
            let message = refused.json()["message"].to_string();
            assert!(message.contains(why), "{message}");
        }
    }
    for url in [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/x",
        "ftp://127.0.0.1/",
        "http://u:p@127.0.0.1/",
        "logo.png",
    ] {
        let asked = json!({"auth_token": site.admin, "subdomain": "new", "name": "New", "branding": {"icon_url": url}});
        let refused = site.api(SHOWN, "company/create", asked).await;
        assert_eq!(refused.refused(), (400, "invalid_field".to_owned()), "{url}");
    }
    assert_eq!(shown(&site, "logo_url").await, logo);
    let kept = site
        .admin_api("company/fetch", json!({"company_id": company["id"]}))
        .await;
    assert_eq!(kept["name"], "Shown");
    let new = site.get("new.demo.test", "/").send().await;
    assert_eq!(new.status, 404, "nothing was made");
}

#[tokio::test]
async fn nothing_is_fetched_for_whom_may_not_change_the_company() {
    let site = Site::new().await;
    let peer = Receiver::start(Deed::ok("image/png", &png(10, 10, 1))).await;
    let branding = json!({"logo_url": peer.url("127.0.0.1", "/a")});
    site.host("Bob").await;
    let signed_in = json!({"email": "bob@acme.test", "password": "SoSecret5!"});
    let bob = site.api(OTHER, "authenticate", signed_in).await.ok()["auth_token"].clone();
    for token in [bob, "dd6d5d51-9ea5-4c4c-82c8-677267aece98".into(), Value::Null] {
        let asked = json!({"auth_token": token, "company_id": 1, "branding": branding});
        let refused = site.api(OTHER, "company/update", asked).await.refused();
        assert!(matches!(refused.0, 401 | 403), "{refused:?}");
    }
    let unknown = json!({"auth_token": site.admin, "company_id": 9_999, "branding": branding});
    assert_eq!(site.api(OTHER, "company/update", unknown).await.status, 404);
    assert_eq!(peer.connections(), 0);
}
