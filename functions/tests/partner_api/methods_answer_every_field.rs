//! What the methods of companies and hosts take and answer, contract §2: every field given, every default, every answer; what one method
//! answers, the next one fetches.

use std::collections::BTreeSet;

use crate::world::{World, meeting, refusal};
use serde_json::{Value, json};

pub(crate) fn fields(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn a_company_with_everything_and_one_with_nothing() {
    let world = World::new().await;
    let full = json!({
        "subdomain": "Joe", "name": "The Joe Company", "openid_provider": true, "subscription_ids": [],
        "branding": {"product_name": "Meet Joe", "logo_url": null, "icon_url": null, "primary_color": "#1a2b3c",
            "background_color": "#ffffff", "radius": "large", "font": "source_serif", "support_url": "mailto:help@joe.test"},
        "embed_origins": ["https://app.joe.test", "http://localhost:3000"], "embed_policy": "listed",
        "media_policy": {"h264": false, "max_resolution": 360, "max_participants": 12},
        "retention_days": {"recordings": 30, "chat": 7, "events": 365},
        "dialin_numbers": [{"number": "+14165551234", "country": "CA"}],
        "time_zone": "US/Eastern", "locale": "pt-BR", "hidden_controls": ["chat", "whiteboard"],
    });
    let made = world.root("company/create", full.clone()).await.ok();
    let mut expected = full;
    expected["subdomain"] = "joe".into();
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&made[name], value, "{name}");
    }
    assert!(made["id"].is_u64() && made["id"] == made["company_id"]);
    let fetched = world
        .root("company/fetch", json!({"company_id": made["id"]}))
        .await
        .ok();
    assert_eq!(fetched, made);

    let plain = world
        .root("company/create", json!({"subdomain": "plain", "name": "Plain"}))
        .await
        .ok();
    assert_eq!(fields(&plain), fields(&made));
    let defaults = json!({
        "openid_provider": false, "subscription_ids": [], "embed_origins": [], "embed_policy": "anyone",
        "media_policy": {"h264": true, "max_resolution": 720, "max_participants": 100},
        "retention_days": {"recordings": null, "chat": null, "events": null},
        "dialin_numbers": [], "time_zone": null, "locale": null, "hidden_controls": [],
    });
    for (name, value) in defaults.as_object().expect("an object") {
        assert_eq!(&plain[name], value, "{name}");
    }
    let own = world
        .api(&world.acme.fqdn, &world.acme.admin.token, "company/fetch", json!({}))
        .await
        .ok();
    assert_eq!(own["id"], world.acme.id);
}

#[tokio::test]
async fn the_guides_company_and_host_calls_work_as_printed() {
    let world = World::new().await;
    let company = json!({"subdomain": "joe", "name": "The Joe Company", "openid_provider": true});
    let company = world.root("company/create", company).await.ok();
    let host = json!({
        "company_id": company["id"], "name": "John Host", "email": "john@company.tld", "password": "SoSecret5!",
        "no_welcome_email": true, "role": "HOST", "openid_sub": "23081912eca", "moderator_pin": 9_876_543,
        "access_code": 1_234_567,
    });
    let made = world.root("host/create", host).await.ok();
    assert_eq!(made["access_code"], json!({"number": "1234567"}));
    assert_eq!(made["moderator_pin"], json!({"number": "9876543"}));
    assert_eq!(made["meeting_url"], "https://joe.demo.test/conf/call/1234567");
    assert_eq!(made["openid_sub"], "23081912eca");
    let link = made["password_creation_link"].as_str().expect("a link");
    assert!(link.starts_with("https://joe.demo.test/password/"), "{link}");
    let key = made["login_token_public_key"].as_str().expect("a key");
    assert!(key.len() >= 32 && key.bytes().all(|b| b.is_ascii_hexdigit()));
    let lying = world.table.text().await;
    for secret in [key, link.rsplit('/').next().expect("a token"), "9876543", "SoSecret5!"] {
        assert!(!lying.contains(secret), "a secret lies open in the table");
    }
    let mut fetched = world.root("host/fetch", json!({"host_id": made["host_id"]})).await.ok();
    fetched["password_creation_link"] = made["password_creation_link"].clone();
    assert_eq!(fetched, made);
}

#[tokio::test]
async fn a_host_takes_its_companys_defaults_and_its_own_settings() {
    let world = World::new().await;
    let company = json!({
        "subdomain": "zoned", "name": "Zoned", "time_zone": "Asia/Tokyo", "locale": "ja",
        "dialin_numbers": [{"number": "+81312345678", "country": "JP"}, {"number": "+14165551234", "country": "CA"}],
    });
    let company = world.root("company/create", company).await.ok()["id"].clone();
    let plain = json!({"company_id": company, "name": "Plain", "email": "plain@people.test"});
    let plain = world.root("host/create", plain).await.ok();
    let expected = json!({
        "role": "HOST", "primary_dialin_number": "+81312345678", "time_zone": "Asia/Tokyo", "locale": "ja",
        "phone": null, "openid_sub": null, "subscription_ids": [], "auto_record": "none", "auto_stream": "none",
        "auto_transcribe": false, "host_initiated_recording": false, "waiting_room": false,
        "one_time_access_code": false, "secure_url": false, "mute_mode": "conversation", "stream_preview": null,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&plain[name], value, "{name}");
    }
    let code = plain["access_code"]["number"].as_str().expect("a code");
    assert!((7..=9).contains(&code.len()) && !code.starts_with('0'));

    let own = json!({
        "company_id": company, "name": "Own", "email": "own@people.test", "role": "COMPANY_ADMIN", "phone": "+15551234567",
        "primary_dialin_number": "+14165551234", "time_zone": "EST", "locale": "en", "access_code": "987654321",
        "moderator_pin": "0042", "auto_record": false, "auto_stream": "none", "auto_transcribe": "false",
        "waiting_room": true, "host_initiated_recording": true, "one_time_access_code": true, "secure_url": true,
        "mute_mode": "q&a", "stream_preview": {"duration": 5, "interval": 60, "image_preview": true},
    });
    let made = world.root("host/create", own.clone()).await.ok();
    for name in [
        "role",
        "phone",
        "primary_dialin_number",
        "time_zone",
        "locale",
        "mute_mode",
        "waiting_room",
        "stream_preview",
    ] {
        assert_eq!(made[name], own[name], "{name}");
    }
    assert_eq!(made["moderator_pin"], json!({"number": "0042"}));
    assert_eq!(
        (&made["auto_record"], &made["auto_transcribe"]),
        (&json!("none"), &json!(false))
    );
    assert_eq!(fields(&made), fields(&plain));

    let meeting = world
        .root("conference/create", meeting(made["host_id"].as_u64().expect("an id")))
        .await
        .ok();
    assert_eq!(meeting["mute_mode"], "q&a");
    assert_eq!(meeting["waiting_room"], true);
    assert_eq!(meeting["host_initiated_recording"], true);
    assert_eq!(meeting["one_time_access_code"].to_string().len(), 9);
    let url = meeting["room_url"].as_str().expect("a link");
    assert!(url.ends_with("?encrypted_pin=true") && !url.contains(&meeting["one_time_access_code"].to_string()));
    let again = world
        .root("conference/fetch", json!({"conference_id": meeting["conference_id"]}))
        .await
        .ok();
    assert_eq!(again, meeting, "the link stays the same");
}

#[tokio::test]
async fn what_meetings_do_by_themselves_is_kept_of_a_host_and_meetings_say_what_is_done() {
    let world = World::new().await;
    let company = world.acme.id;
    let asked = json!({"company_id": company, "name": "Rec", "email": "rec@people.test", "auto_record": true,
        "auto_stream": "video", "auto_transcribe": true});
    let made = world.root("host/create", asked).await.ok();
    let id = made["host_id"].clone();
    let of = |host: &Value| ["auto_record", "auto_stream", "auto_transcribe"].map(|name| host[name].clone());
    assert_eq!(of(&made), [json!("video"), json!("video"), json!(true)]);
    assert_eq!(
        of(&world.root("host/fetch", json!({"host_id": id})).await.ok()),
        of(&made)
    );
    let before = world.table.dump().await;
    for (change, field) in [
        (json!({"auto_record": "audio"}), "auto_stream"),
        (json!({"auto_record": false, "auto_stream": "none"}), "auto_transcribe"),
    ] {
        let mut asked = change.clone();
        asked["host_id"] = id.clone();
        let refused = world.root("host/update", asked).await.refused();
        assert_eq!(refused, refusal(400, "invalid_field", field), "{change}");
    }
    assert!(before == world.table.dump().await);
    let off = json!({"host_id": id, "auto_record": "audio", "auto_stream": false, "auto_transcribe": false});
    let changed = world.root("host/update", off).await.ok();
    assert_eq!(of(&changed), [json!("audio"), json!("none"), json!(false)]);
    // Nothing is recorded yet, and a meeting says so.
    let meeting = world
        .root("conference/create", meeting(id.as_u64().expect("an id")))
        .await
        .ok();
    assert_eq!(
        (&meeting["auto_record"], &meeting["recordings"]),
        (&json!("none"), &json!([]))
    );
}
