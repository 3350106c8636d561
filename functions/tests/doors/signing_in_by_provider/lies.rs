//! Whatever else comes back from a provider than its honest word for somebody of this company: nothing changes.

use axum::http::StatusCode;
use functions::operator::{self, Init};
use serde_json::{Value, json};

use super::{COOKIE, Door, account, registered};
use crate::site::OTHER;
use crate::site::provider::{Provider, Signer, back_with, query};

#[tokio::test]
async fn what_a_provider_says_is_believed_only_if_it_is_whole() {
    let door = Door::new().await;
    let now = door.site.now().as_second();
    let stranger = Signer::es256();
    let lies: [(&str, Value, Value); 19] = [
        ("unsigned", json!({"alg": "none"}), json!({})),
        ("unsigned, in other words", json!({"alg": "None"}), json!({})),
        ("by a shared secret", json!({"alg": "HS256"}), json!({})),
        ("by another algorithm", json!({"alg": "RS256"}), json!({})),
        ("by a key that is not there", json!({"kid": "k2"}), json!({})),
        ("with what must be understood", json!({"crit": ["exp"]}), json!({})),
        (
            "by a key that it brings itself",
            json!({"jwk": stranger.jwk("k1"), "jku": "https://evil.test"}),
            json!({"forged": true}),
        ),
        ("of another issuer", json!({}), json!({"iss": "https://id.evil.test"})),
        (
            "of an issuer almost the same",
            json!({}),
            json!({"iss": format!("{}/", door.provider.issuer)}),
        ),
        ("for another client", json!({}), json!({"aud": "other"})),
        (
            "for several, none of them named",
            json!({}),
            json!({"aud": ["convoke", "other"]}),
        ),
        (
            "for several, given to another",
            json!({}),
            json!({"aud": ["convoke", "other"], "azp": "other"}),
        ),
        ("over", json!({}), json!({"exp": now - 60})),
        ("without an end", json!({}), json!({"exp": null})),
        (
            "of tomorrow",
            json!({}),
            json!({"iat": now + 86_400, "exp": now + 90_000}),
        ),
        ("without a time", json!({}), json!({"iat": null})),
        ("of another sign-in", json!({}), json!({"nonce": "another"})),
        ("of no sign-in", json!({}), json!({"nonce": null})),
        ("of nobody", json!({}), json!({"sub": ""})),
    ];
    for (lie, header, claims) in lies {
        let (location, cookie) = door.set_out("").await;
        let mut told = [door.header(), door.provider.claims(&location, "sub-ann", now)];
        for (told, changed) in told.iter_mut().zip([&header, &claims]) {
            for (name, value) in changed.as_object().expect("an object") {
                told[name] = value.clone();
            }
            told.as_object_mut()
                .expect("an object")
                .retain(|_, value| !value.is_null());
        }
        let signer = if claims["forged"] == true {
            &stranger
        } else {
            &door.signer
        };
        let path = door.provider.back(&location, signer.token(&told[0], &told[1]));
        let answer = door.come_back(&path, &cookie).await;
        assert_eq!(answer.status, 403, "{lie}");
        door.told(&answer, 403, "failed");
    }
    for said in [
        json!({}),
        json!({"id_token": 7}),
        json!({"id_token": "a.b"}),
        json!([]),
        json!({"id_token": "…"}),
    ] {
        door.provider.inner().says = Some((StatusCode::OK, said));
        let answer = door.sign_in("sub-ann").await;
        door.told(&answer, 403, "failed");
    }
    door.provider.inner().says = None;
    assert_eq!(door.sign_in("sub-ann").await.status, 303, "nothing of it has stayed");
}

#[tokio::test]
async fn answers_that_no_sign_in_of_this_browser_waits_for_are_refused() {
    let door = Door::new().await;
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    let (_, other_cookie) = door.set_out("").await;
    // An attacker's own answer, or one that was overheard, in the browser of somebody else.
    for foreign in ["a=b", &other_cookie, &format!("{COOKIE}=AAAA"), &format!("{COOKIE}=")] {
        let answer = door.come_back(&path, foreign).await;
        door.told(&answer, 400, "stale");
        assert!(answer.cookies().is_empty(), "a sign-in on its way goes on");
    }
    for made_up in [
        "",
        "?code=1",
        "?state=",
        "?error=access_denied",
        "?code=1&state=%F0%9F%98%80",
    ] {
        let answer = door.come_back(&format!("/login/openid/back{made_up}"), &cookie).await;
        door.told(&answer, 400, "stale");
    }
    // A cookie of another company's host name is none here.
    door.site
        .admin_api("company/update", json!({"company_id": 2, "openid_provider": true}))
        .await;
    let elsewhere = door.site.get(OTHER, &path).header("cookie", &cookie).send().await;
    assert_eq!(
        (elsewhere.status.as_u16(), &elsewhere.config()["problem"]),
        (400, &json!("stale"))
    );
    assert_eq!(door.provider.inner().asked, ["description"], "nobody was asked");
    door.site.advance(601);
    let late = door.come_back(&path, &cookie).await;
    door.told(&late, 400, "stale");
}

#[tokio::test]
async fn a_sign_in_leads_to_one_session() {
    let door = Door::new().await;
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    let first = door.come_back(&path, &cookie).await;
    assert_eq!(first.status, 303);
    // The provider knows that the code was used.
    let again = door.come_back(&path, &cookie).await;
    door.told(&again, 400, "stale");
    // And if it does not, we do.
    door.provider.inner().careless = true;
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    assert_eq!(door.come_back(&path, &cookie).await.status, 303);
    let again = door.come_back(&path, &cookie).await;
    assert_eq!(
        (again.status.as_u16(), &again.config()["problem"]),
        (400, &json!("stale"))
    );
    assert_eq!(again.cookies(), [format!("{COOKIE}=")]);
    assert_eq!(account(&door.site, &first.cookies().join("; ")).await, "Ann");
}

#[tokio::test]
async fn an_answer_of_another_provider_is_not_taken_to_this_one() {
    let door = Door::new().await;
    let (location, cookie) = door.set_out("").await;
    let state = query(&location, "state");
    for more in [&[][..], &[("iss", "https://id.evil.test")], &[("iss", "")]] {
        let parameters = [&[("code", "stolen"), ("state", state.as_str())], more].concat();
        let answer = door.come_back(&back_with(&location, &parameters), &cookie).await;
        door.told(&answer, 403, "failed");
    }
    assert_eq!(door.provider.inner().asked, ["description"], "no code has left");
    // The reseller has moved to another provider while the browser was away.
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    let other = Provider::start(&door.signer).await;
    registered(&door.site, other.registration()).await.expect("kept");
    door.site.advance(61);
    let answer = door.come_back(&path, &cookie).await;
    door.told(&answer, 400, "stale");
    assert!(other.inner().asked.is_empty());
}

#[tokio::test]
async fn nobody_is_led_out_of_the_domain() {
    let door = Door::new().await;
    let long = format!("/{}", "é".repeat(1_000));
    for outside in [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "javascript:alert(1)",
        "/.//evil.test",
        &long,
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(outside.as_bytes()).collect();
        let (location, cookie) = door.set_out(&format!("?redirect_url={encoded}")).await;
        assert!(cookie.len() < 4_096);
        let path = door.provider.back(&location, door.token(&location, "sub-ann"));
        let answer = door.come_back(&path, &cookie).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/"),
            "{outside}"
        );
    }
}

#[tokio::test]
async fn whom_this_company_does_not_know_stays_out() {
    let door = Door::new().await;
    let site = &door.site;
    let eve = site.host_of(2, "Eve").await;
    site.admin_api("host/update", json!({"host_id": eve.id, "openid_sub": "sub-eve"}))
        .await;
    let gone = site.host("Gone").await;
    site.admin_api("host/update", json!({"host_id": gone.id, "openid_sub": "sub-gone"}))
        .await;
    site.admin_api("host/delete", json!({"host_id": gone.id})).await;
    // Another reseller's Mallory.
    let rival: Init = serde_json::from_value(json!({
        "reseller": {"name": "Rival", "domain": "rival.test"}, "company": {"subdomain": "first", "name": "First"},
        "admin": {"name": "Mallory", "email": "mallory@rival.test", "password": "Sup3rSecret!"},
    }))
    .expect("an event");
    let made = operator::init(&site.app, &rival).await.expect("made");
    let mallory = json!({"email": "mallory@rival.test", "password": "Sup3rSecret!"});
    let token = site.api("first.rival.test", "authenticate", mallory).await.ok()["auth_token"].clone();
    site.api(
        "first.rival.test",
        "host/update",
        json!({"auth_token": token, "host_id": made.host_id, "openid_sub": "sub-mallory"}),
    )
    .await
    .ok();
    for sub in [
        "sub-nobody",
        "sub-eve",
        "sub-gone",
        "sub-mallory",
        "SUB-ANN",
        "sub-ann ",
        "sub-ann\0",
    ] {
        let answer = door.sign_in(sub).await;
        door.told(&answer, 403, "unknown");
    }
    // Whom somebody else becomes is whom the provider names then.
    site.admin_api("host/update", json!({"host_id": door.ann.id, "openid_sub": "sub-new"}))
        .await;
    door.told(&door.sign_in("sub-ann").await, 403, "unknown");
    assert_eq!(door.sign_in("sub-new").await.status, 303);
}

#[tokio::test]
async fn a_company_that_goes_takes_nobody_in() {
    let door = Door::new().await;
    let site = &door.site;
    site.admin_api("company/update", json!({"company_id": 2, "openid_provider": true}))
        .await;
    let eve = site.host_of(2, "Eve").await;
    site.admin_api("host/update", json!({"host_id": eve.id, "openid_sub": "sub-eve"}))
        .await;
    let out = site.get(OTHER, "/login/openid").send().await;
    let (location, cookie) = (out.header("location").to_owned(), out.cookies().join("; "));
    let path = door.provider.back(&location, door.token(&location, "sub-eve"));
    site.admin_api("company/delete", json!({"company_id": 2, "force": true}))
        .await;
    for later in [0, 61] {
        site.advance(later);
        for (path, cookie) in [(path.as_str(), cookie.as_str()), ("/login/openid", "a=b")] {
            let answer = site.get(OTHER, path).header("cookie", cookie).send().await;
            let session = |cookie: &String| cookie.starts_with("__Host-convoke=");
            assert!(!answer.cookies().iter().any(session), "{path}: {:?}", answer.cookies());
        }
    }
    let answer = site
        .get(OTHER, "/login/openid")
        .header("accept", "text/html")
        .send()
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.config()["page"]),
        (404, &json!("refused"))
    );
}
