//! Who leads a meeting, by what they show; and that coming back keeps what somebody was.

use serde_json::{Value, json};

use crate::join_admits::{claims, join, ready, scheduled};
use crate::site::ACME;

#[tokio::test]
async fn moderators_come_by_token_pin_or_session_and_impostors_do_not() {
    let (site, host) = ready().await;
    let made = scheduled(&site, &host, 0, json!({})).await;
    let ask = |more: Value| {
        let mut body = json!({"code": host.code, "name": "Bob"});
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        body
    };
    let by_token = join(&site, ask(json!({"moderator_token": made["moderator_token"]})))
        .await
        .ok();
    assert!(claims(&site, &by_token).video.room_admin);
    assert_eq!(
        join(&site, ask(json!({"moderator_pin": host.pin}))).await.ok()["role"],
        "moderator"
    );
    assert_eq!(
        join(&site, ask(json!({"moderator_token": "AAAAAAAAAAAAAAAA"})))
            .await
            .json()["field"],
        "moderator_token"
    );
    let wrong = join(&site, ask(json!({"moderator_pin": "0000"}))).await;
    assert_eq!(
        (wrong.refused().0, wrong.json()["reason"].as_str()),
        (403, Some("wrong_pin"))
    );
    // A token of another meeting is no token of this one.
    let other = site.host("Dan").await;
    let other = scheduled(&site, &other, 0, json!({})).await;
    assert_eq!(
        join(&site, ask(json!({"moderator_token": other["moderator_token"]})))
            .await
            .refused()
            .0,
        403
    );
    for _ in 0..5 {
        join(&site, ask(json!({"moderator_pin": "0000"}))).await;
    }
    assert_eq!(
        join(&site, ask(json!({"moderator_pin": host.pin}))).await.refused().0,
        429
    );
    assert_eq!(join(&site, ask(json!({}))).await.ok()["role"], "guest");
}

/// Guesses that come at once are not all compared before the first is counted.
#[tokio::test]
async fn guesses_at_the_same_time_are_no_way_around_the_lock_out() {
    let (site, host) = ready().await;
    let made = scheduled(&site, &host, 0, json!({"security_pin": "4711"})).await;
    assert_eq!(made["security_pin"], "4711");
    for (field, right) in [("pin", "4711"), ("moderator_pin", host.pin.as_str())] {
        let wrong = (1_000..1_040).map(|pin| pin.to_string());
        let guesses: Vec<String> = wrong.chain([right.to_owned()]).collect();
        let asks = guesses
            .iter()
            .map(|pin| join(&site, json!({"code": host.code, "name": "Eve", (field): pin})));
        let answers = futures_util::future::join_all(asks).await;
        let compared = answers.iter().filter(|answer| answer.status != 429).count();
        assert!((1..=6).contains(&compared), "{field}: {compared} of {}", answers.len());
    }
}

#[tokio::test]
async fn a_cookie_is_believed_from_the_tenants_own_pages_only() {
    let (site, host) = ready().await;
    let id = host.id.to_string();
    let fields = [("host_id", id.as_str()), ("login_token_public_key", host.sso.as_str())];
    let signed = site
        .post(ACME, "/auth")
        .header("origin", "https://acme.demo.test")
        .form(&fields)
        .send()
        .await;
    let cookie = signed.cookies().join("; ");
    let ask = json!({"code": host.code});
    let foreign = site
        .post(ACME, "/conf/join")
        .header("origin", "https://evil.test")
        .header("cookie", &cookie)
        .json(&ask);
    assert_eq!(foreign.send().await.refused().1, "not_started");
    let own = site.join(ACME, &ask).header("cookie", &cookie).send().await.ok();
    assert_eq!(
        (own["role"].as_str(), own["name"].as_str()),
        (Some("moderator"), Some("Ann"))
    );
    let known = |answer: &Value| json!(claims(&site, answer).convoke.expect("our own").contact);
    let contacts = site.admin_api("contact/fetch_all", json!({"host_id": host.id})).await;
    assert_eq!(known(&own), contacts[0]["contact_id"], "the host's own contact");
    // A new SSO token ends what was begun by the old one.
    site.admin_api("host/reset_login_token", json!({"host_id": host.id}))
        .await;
    // Whoever shows it comes like anybody else: by a name of its own, and as a guest.
    let over = site.join(ACME, &ask).header("cookie", &cookie).send().await;
    assert_eq!(over.refused(), (400, "missing_field".into()));
    let named = json!({"code": host.code, "name": "Ann"});
    let over = site.join(ACME, &named).header("cookie", &cookie).send().await.ok();
    assert_eq!((over["role"].as_str(), known(&over)), (Some("guest"), Value::Null));
}

#[tokio::test]
async fn only_who_leads_opens_an_ad_hoc_meeting_and_guests_follow() {
    let (site, host) = ready().await;
    let guest = json!({"code": host.code, "name": "Bob"});
    let early = join(&site, guest.clone()).await;
    assert_eq!(
        (early.refused(), early.json()["reason"].as_str()),
        ((403, "not_started".into()), Some("not_started"))
    );
    let led = join(
        &site,
        json!({"code": host.code, "name": "Ann", "moderator_pin": host.pin}),
    )
    .await
    .ok();
    assert_eq!(
        (led["role"].as_str(), led["conference"]["subject"].as_str()),
        (Some("moderator"), Some("Ann's Meeting"))
    );
    let followed = join(&site, guest).await.ok();
    assert_eq!(followed["conference"]["id"], led["conference"]["id"]);
    let fetched = site
        .admin_api("conference/fetch", json!({"conference_id": led["conference"]["id"]}))
        .await;
    assert_eq!(fetched["subject"], "Ann's Meeting");
}

/// A laptop wakes up hours later and its page comes back to what was its host's meeting.
#[tokio::test]
async fn who_comes_back_to_a_meeting_that_is_over_begins_no_other() {
    let (site, host) = ready().await;
    let leads = json!({"code": host.code, "name": "Ann", "moderator_pin": host.pin});
    let led = join(&site, leads.clone()).await.ok();
    let ended = json!({"conference_id": led["conference"]["id"]});
    site.admin_api("conference/end", ended).await;
    let mut back = leads.clone();
    back["token"] = led["token"].clone();
    let back = join(&site, back).await;
    assert_eq!(
        (back.refused(), back.json()["reason"].as_str()),
        ((403, "expired".into()), Some("ended"))
    );
    let anew = join(&site, leads).await.ok();
    assert_ne!(anew["conference"]["id"], led["conference"]["id"]);
    // A token of somebody else's meeting says nothing of this code.
    let other = site.host("Dan").await;
    let leads = json!({"code": other.code, "name": "Ann", "moderator_pin": other.pin, "token": led["token"]});
    assert!(join(&site, leads).await.ok()["token"].is_string());
}

#[tokio::test]
async fn a_rejoin_with_the_old_token_keeps_number_identity_and_role() {
    let (site, host) = ready().await;
    let made = scheduled(&site, &host, 0, json!({"security_pin": "123456"})).await;
    let first = json!({"code": host.code, "name": "Bob", "moderator_token": made["moderator_token"]});
    let first = join(&site, first).await.ok();
    join(&site, json!({"code": host.code, "name": "Cid", "pin": "123456"}))
        .await
        .ok();
    let again = join(&site, json!({"code": host.code, "token": first["token"]}))
        .await
        .ok();
    assert_eq!(
        (
            &again["participant"],
            &again["identity"],
            &again["role"],
            &again["name"]
        ),
        (&first["participant"], &first["identity"], &first["role"], &json!("Bob"))
    );
    assert_eq!(claims(&site, &again).jti, claims(&site, &first).jti);

    let token = first["token"].as_str().expect("a token");
    let forged = format!("{}x", &token[..token.len() - 1]);
    assert_eq!(
        join(&site, json!({"code": host.code, "name": "Bob", "token": forged}))
            .await
            .refused(),
        (401, "unauthenticated".into())
    );
    // A token of another meeting opens no PIN here.
    let other = site.host("Dan").await;
    scheduled(&site, &other, 0, json!({"security_pin": "9999"})).await;
    let strange = join(&site, json!({"code": other.code, "name": "Bob", "token": token})).await;
    assert_eq!(strange.json()["reason"], "wrong_pin");
}
