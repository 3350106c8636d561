//! Providers that are away, odd, inside, or change: what is asked of them, how often, and by which secret.

use axum::http::StatusCode;
use functions::Outbound;
use functions::operator;
use functions::outbound::Guard;
use serde_json::{Value, json};

use super::{Door, registered};
use crate::site::provider::{Provider, SECRET, Signer};
use crate::site::{ACME, Site, settled};

#[tokio::test]
async fn a_provider_that_is_away_or_odd_is_said_and_asked_again_later() {
    let door = Door::new().await;
    let site = &door.site;
    let set_out = async || site.get(ACME, "/login/openid").send().await;
    door.provider.inner().broken = Some(StatusCode::BAD_GATEWAY);
    door.told(&set_out().await, 503, "away");
    door.provider.inner().broken = None;
    let honest = door.provider.inner().metadata.clone();
    for (field, value, problem) in [
        ("issuer", json!("https://id.evil.test"), "failed"),
        ("issuer", json!(null), "failed"),
        ("token_endpoint", json!(7), "failed"),
        ("authorization_endpoint", json!("javascript:alert(1)"), "away"),
        (
            "authorization_endpoint",
            json!("https://me:secret@id.evil.test/"),
            "away",
        ),
    ] {
        door.provider.inner().metadata[field] = value.clone();
        let answer = set_out().await;
        let status = if problem == "away" { 503 } else { 403 };
        assert_eq!(answer.config()["problem"], problem, "{field} {value}");
        door.told(&answer, status, problem);
        door.provider.inner().metadata = honest.clone();
    }
    let (location, cookie) = door.set_out("").await;
    for (says, status, problem) in [
        ((StatusCode::INTERNAL_SERVER_ERROR, json!({})), 503, "away"),
        (
            (StatusCode::UNAUTHORIZED, json!({"error": "invalid_client"})),
            403,
            "failed",
        ),
        ((StatusCode::FOUND, json!({})), 403, "failed"),
        (
            (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"})),
            400,
            "stale",
        ),
    ] {
        door.provider.inner().says = Some(says);
        let path = door.provider.back(&location, door.token(&location, "sub-ann"));
        door.told(&door.come_back(&path, &cookie).await, status, problem);
    }
    door.provider.inner().says = None;
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
}

#[tokio::test]
async fn addresses_inside_are_not_asked_on_a_providers_word() {
    let mut door = Door::new().await;
    door.site.app.outbound = Outbound::new(Guard::Public);
    let refused = registered(&door.site, door.provider.registration())
        .await
        .expect_err("refused");
    assert!(
        refused
            .to_string()
            .contains("reseller.openid.issuer must begin with https://"),
        "{refused}"
    );
    let answer = door.site.get(ACME, "/login/openid").send().await;
    door.told(&answer, 503, "away");
    for inside in [
        "https://127.0.0.1",
        "https://169.254.169.254",
        "https://[::ffff:10.0.0.1]",
    ] {
        registered(&door.site, json!({"issuer": inside, "client_id": "c"}))
            .await
            .expect("kept");
        door.site.advance(61);
        settled().await;
        door.site.notes.take();
        let answer = door.site.get(ACME, "/login/openid").send().await;
        door.told(&answer, 503, "away");
    }
    assert!(door.provider.inner().asked.is_empty());
}

#[tokio::test]
async fn keys_are_kept_and_looked_at_again_for_a_new_one_once_in_a_minute() {
    let mut door = Door::new().await;
    let asked = |door: &Door| {
        door.provider
            .inner()
            .asked
            .iter()
            .filter(|path| **path == "keys")
            .count()
    };
    for _ in 0..3 {
        assert_eq!(door.sign_in("sub-ann").await.status, 303);
    }
    assert_eq!(asked(&door), 1);
    // The provider signs with another key from now on.
    door.signer = Signer::rsa();
    door.provider.inner().keys = vec![door.signer.jwk("k1")];
    door.told(&door.sign_in("sub-ann").await, 403, "failed");
    assert_eq!(asked(&door), 1, "not within the minute");
    door.site.advance(61);
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
    assert_eq!(asked(&door), 2);
    let header = json!({"alg": "RS256", "kid": "unheard of"});
    for _ in 0..5 {
        let (location, cookie) = door.set_out("").await;
        let claims = door.provider.claims(&location, "sub-ann", door.site.now().as_second());
        let path = door.provider.back(&location, door.signer.token(&header, &claims));
        door.told(&door.come_back(&path, &cookie).await, 403, "failed");
    }
    assert_eq!(asked(&door), 2);
    for alg in ["PS256", "RS384"] {
        let (location, cookie) = door.set_out("").await;
        let claims = door.provider.claims(&location, "sub-ann", door.site.now().as_second());
        let token = door.signer.token(&json!({"alg": alg}), &claims);
        let path = door.provider.back(&location, token);
        assert_eq!(
            door.come_back(&path, &cookie).await.status,
            303,
            "{alg}, without a key's name"
        );
    }
    door.site.advance(3_601);
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
    assert_eq!(asked(&door), 3, "an hour is enough");
}

#[tokio::test]
async fn the_secret_is_sent_as_the_provider_takes_it() {
    let door = Door::new().await;
    door.provider.inner().metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
    let dump = format!("{:?} {:?}", door.site.app, door.site.first());
    assert!(!dump.contains(SECRET));
}

#[tokio::test]
async fn an_operator_names_the_provider_once_and_anew() {
    let site = Site::new().await;
    let provider = Provider::start(&Signer::es256()).await;
    let reseller = async || {
        site.app
            .store
            .reseller("1".parse().expect("an id"))
            .await
            .expect("read")
    };
    registered(&site, provider.registration()).await.expect("kept");
    let first = reseller().await;
    let sealed = first.openid_secret.clone().expect("sealed");
    assert!(!format!("{first:?}").contains(SECRET) && !sealed.as_str().contains("s3cret"));
    settled().await;
    site.notes.take();
    registered(&site, provider.registration()).await.expect("harmless");
    operator::init(&site.app, &site.first()).await.expect("harmless");
    settled().await;
    let touched = site.notes.take();
    assert!(
        touched
            .iter()
            .all(|touch| !touch.action.writes() || !touch.key.starts_with("RESELLER#")),
        "{touched:?}"
    );
    assert_eq!(reseller().await, first);
    let mut other = provider.registration();
    other["client_secret"] = "another".into();
    registered(&site, other.clone()).await.expect("kept");
    assert_ne!(reseller().await.openid_secret, first.openid_secret);
    other["client_secret"] = Value::Null;
    registered(&site, other).await.expect("kept");
    assert_eq!(reseller().await.openid_secret, None, "a public client");
    let audit = site.admin_api("audit/fetch_all", json!({})).await.to_string();
    assert!(audit.contains(&provider.issuer) && audit.contains("***"), "{audit}");
    assert!(!audit.contains("s3cret") && !audit.contains(sealed.as_str()), "{audit}");
    let wrong = [
        ("issuer", json!("no address"), "reseller.openid.issuer"),
        ("issuer", json!("https://id.example.com/?a=b"), "reseller.openid.issuer"),
        ("issuer", json!("https://id.example.com/#a"), "reseller.openid.issuer"),
        (
            "issuer",
            json!("https://me:secret@id.example.com"),
            "reseller.openid.issuer",
        ),
        ("client_id", json!(""), "reseller.openid.client_id"),
        ("client_id", json!("a\nb"), "reseller.openid.client_id"),
        ("client_secret", json!("é"), "reseller.openid.client_secret"),
    ];
    for (name, value, field) in wrong {
        let mut openid = provider.registration();
        openid[name] = value;
        match registered(&site, openid).await.expect_err("refused") {
            functions::Error::Refused(refusal) => {
                assert_eq!((refusal.code.status(), refusal.field.as_deref()), (400, Some(field)));
            }
            other => panic!("{other}"),
        }
    }
}
