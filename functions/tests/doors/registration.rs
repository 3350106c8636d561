//! Registering for a meeting: a name and an address, a link by mail, and no other way in for guests.

use functions::operator;
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::asked::work_of;
use crate::join_admits::claims;
use crate::site::{ACME, Answer, Host, OTHER, Site};

const OWN: &str = "https://acme.demo.test";

/// A site with a relay, a host and a meeting that begins in five minutes.
async fn meeting(more: Value) -> (Site, Host, Value) {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("John").await;
    let mut asked = json!({"host_id": host.id, "subject": "Open day", "start": "2026-06-01 12:05:00", "time_zone": "UTC",
        "duration": 60, "registration": true, "participant_emails": ["guest@known.test"]});
    for (name, value) in more.as_object().expect("an object") {
        asked[name] = value.clone();
    }
    let made = site.admin_api("conference/create", asked).await;
    (site, host, made)
}

fn path(made: &Value) -> String {
    format!("/register/{}", made["conference_id"])
}

pub(crate) async fn register(site: &Site, made: &Value, name: &str, email: &str) -> Answer {
    let call = site.post(ACME, &path(made)).header("origin", OWN);
    call.json(&json!({"name": name, "email": email})).send().await
}

/// The mails that go out now: to whom, and the address of the meeting in each.
pub(crate) async fn links(site: &Site) -> Vec<(String, String)> {
    let dispatched = work_of("dispatch", operator::dispatch(&site.app, &[])).await;
    dispatched.expect("dispatched");
    let mails = site.mails.take();
    let mut links: Vec<(String, String)> = mails
        .iter()
        .filter_map(|mail| {
            let message = MessageParser::default().parse(&mail.raw).expect("a mail");
            let text = message.body_text(0).expect("text").into_owned();
            let link = text
                .split_whitespace()
                .find(|word| word.starts_with(&format!("{OWN}/conf/call/")))?;
            Some((mail.to.to_string(), link.to_owned()))
        })
        .collect();
    links.sort();
    links
}

pub(crate) fn pass(link: &str) -> Option<&str> {
    link.split_once("pass=").map(|(_, pass)| pass)
}

async fn join(site: &Site, made: &Value, more: Value) -> Answer {
    let url = made["room_url"].as_str().expect("a link");
    let code = url.rsplit('/').next().expect("a code");
    let mut body = json!({"code": code, "name": "Somebody"});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    site.join(ACME, &body).send().await
}

#[tokio::test]
async fn who_registers_gets_a_link_that_lets_in() {
    let (site, _, made) = meeting(json!({"security_pin": "4711"})).await;
    links(&site).await;
    let page = site.get(ACME, &path(&made)).send().await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .ends_with("frame-ancestors 'none'")
    );
    let told = &page.config()["meeting"];
    assert_eq!(
        (&told["state"], &told["subject"], &told["host_name"]),
        (&json!("open"), &json!("Open day"), &json!("John"))
    );
    assert_eq!(
        (&told["starts_at"], &told["minutes"]),
        (&json!("2026-06-01T12:05:00Z"), &json!(60))
    );

    assert_eq!(
        register(&site, &made, "Ann", "Ann@guest.test").await.ok(),
        json!({"email": "Ann@guest.test"})
    );
    let sent = links(&site).await;
    let [(to, link)] = sent.as_slice() else {
        panic!("one mail, to Ann: {sent:?}")
    };
    assert_eq!(to, "Ann@guest.test");
    let pass = pass(link).expect("a link of her own");

    let refused = join(&site, &made, json!({"pin": "4711"})).await;
    assert_eq!(
        (refused.refused(), &refused.json()["field"]),
        ((403, "forbidden".into()), &json!("pass"))
    );
    let forged: String = pass.chars().rev().collect();
    assert_eq!(
        join(&site, &made, json!({"pin": "4711", "pass": forged}))
            .await
            .refused()
            .0,
        403
    );
    assert_eq!(
        join(&site, &made, json!({"pass": pass})).await.json()["reason"],
        "wrong_pin",
        "the PIN is asked all the same"
    );
    let inside = join(&site, &made, json!({"pin": "4711", "pass": pass})).await.ok();
    assert_eq!(inside["role"], "guest");
    let invited = site
        .admin_api("conference/fetch", json!({"conference_id": made["conference_id"]}))
        .await;
    let contact = claims(&site, &inside).convoke.expect("our own").contact;
    assert_eq!(json!(contact), invited["participants"][2], "webhooks tell who she is");
    // Who was in comes back by the token of that, as the same contact.
    let back = join(&site, &made, json!({"token": inside["token"]})).await.ok();
    assert_eq!(claims(&site, &back).convoke.expect("our own").contact, contact);
    // By whatever link: number and contact are one person's.
    register(&site, &made, "Bob", "bob@guest.test").await.ok();
    let sent = links(&site).await;
    let other = self::pass(&sent[0].1).expect("a link of his own");
    let back = join(&site, &made, json!({"token": inside["token"], "pass": other}))
        .await
        .ok();
    assert_eq!(claims(&site, &back).convoke.expect("our own").contact, contact);

    let room = link.strip_prefix(OWN).expect("our own");
    assert_eq!(
        site.get(ACME, room).send().await.config()["conference"]["registration"]["name"],
        "Ann"
    );
    let plain = room.split_once('?').expect("a pass").0;
    let told = &site.get(ACME, plain).send().await.config()["conference"]["registration"];
    assert_eq!(told, &json!({"path": path(&made), "name": null}));

    let fetched = site
        .admin_api("conference/fetch", json!({"conference_id": made["conference_id"]}))
        .await;
    assert!(
        fetched["participant_emails"].to_string().contains("Ann@guest.test"),
        "{fetched}"
    );
}

#[tokio::test]
async fn those_invited_have_passes_and_those_who_lead_need_none() {
    let (site, _, made) = meeting(json!({})).await;
    let sent = links(&site).await;
    let of = |email: &str| &sent.iter().find(|(to, _)| to == email).expect("a mail").1;
    let guest = pass(of("guest@known.test")).expect("a pass");
    join(&site, &made, json!({"pass": guest})).await.ok();
    assert_eq!(pass(of("john@acme.test")), None);
    join(&site, &made, json!({"moderator_token": made["moderator_token"]}))
        .await
        .ok();
    site.admin_api(
        "conference/join_token",
        json!({"conference_id": made["conference_id"], "name": "App"}),
    )
    .await;

    // Whoever is taken off the list does not come in any more.
    site.admin_api(
        "conference/update",
        json!({"conference_id": made["conference_id"], "participant_emails": []}),
    )
    .await;
    assert_eq!(join(&site, &made, json!({"pass": guest})).await.refused().0, 403);
    // And a pass is of no use in another meeting of the same host.
    let (site, host, _) = meeting(json!({})).await;
    let sent = links(&site).await;
    let first = pass(&sent.iter().find(|(to, _)| to == "guest@known.test").expect("a mail").1)
        .expect("a pass")
        .to_owned();
    let other = json!({"host_id": host.id, "subject": "Other", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "registration": true, "one_time_access_code": true, "participant_emails": ["guest@known.test"]});
    let other = site.admin_api("conference/create", other).await;
    assert_eq!(join(&site, &other, json!({"pass": first})).await.refused().0, 403);
}

#[tokio::test]
async fn who_is_invited_already_gets_the_link_again_but_not_for_ever() {
    let (site, _, made) = meeting(json!({})).await;
    links(&site).await;
    for name in ["Mallory", "Eve", "Trudy", "Oscar"] {
        let answer = register(&site, &made, name, "GUEST@known.test").await;
        assert_eq!(
            answer.ok(),
            json!({"email": "GUEST@known.test"}),
            "nobody learns who is invited"
        );
    }
    assert_eq!(links(&site).await.len(), 3);
    let fetched = site
        .admin_api("conference/fetch", json!({"conference_id": made["conference_id"]}))
        .await;
    assert!(!fetched.to_string().contains("Mallory"), "{fetched}");
    site.advance(16 * 60);
    register(&site, &made, "Ann", "guest@known.test").await.ok();
    assert_eq!(links(&site).await.len(), 1);
}

#[tokio::test]
async fn many_register_at_once() {
    let (site, _, made) = meeting(json!({})).await;
    links(&site).await;
    let people: Vec<String> = (0..40).map(|number| format!("p{number}@guest.test")).collect();
    let all = people.iter().map(|email| register(&site, &made, "Person", email));
    for answer in futures_util::future::join_all(all).await {
        answer.ok();
    }
    let fetched = site
        .admin_api("conference/fetch", json!({"conference_id": made["conference_id"]}))
        .await;
    for email in &people {
        assert!(
            fetched["participant_emails"].to_string().contains(email.as_str()),
            "{email}"
        );
    }
    let mut sent = Vec::new();
    while sent.len() < people.len() {
        let more = links(&site).await;
        assert!(!more.is_empty(), "{sent:?}");
        sent.extend(more);
    }
    assert_eq!(sent.len(), people.len());
}

#[tokio::test]
async fn bad_registrations_change_nothing() {
    let (site, host, made) = meeting(json!({})).await;
    links(&site).await;
    for (name, email, field) in [
        ("", "a@b.test", "name"),
        ("Ann\r\nBcc: x@y.test", "a@b.test", "name"),
        ("Cheap pills at https://evil.test", "a@b.test", "name"),
        ("WWW.evil.test WIN", "a@b.test", "name"),
        (&"x".repeat(101), "a@b.test", "name"),
        ("Ann", "", "email"),
        ("Ann", "no address", "email"),
        ("Ann", "a@b.test\r\nBcc: x@y.test", "email"),
    ] {
        let answer = register(&site, &made, name, email).await;
        assert_eq!(answer.refused(), (400, "invalid_field".into()), "{name} {email}");
        assert_eq!(answer.json()["field"], field, "{name} {email}");
    }
    let foreign = site.post(ACME, &path(&made)).header("origin", "https://evil.test");
    let foreign = foreign.json(&json!({"name": "Ann", "email": "a@b.test"})).send().await;
    assert_eq!(foreign.refused().0, 403);
    let plain = json!({"host_id": host.id, "subject": "Closed", "start": "2026-06-02 12:05:00", "time_zone": "UTC", "duration": 60});
    let plain = site.admin_api("conference/create", plain).await;
    for unknown in [
        path(&plain),
        "/register/0".into(),
        "/register/9007199254740993".into(),
        "/register/x".into(),
    ] {
        assert_eq!(site.get(ACME, &unknown).send().await.status, 404, "{unknown}");
        let call = site.post(ACME, &unknown).header("origin", OWN);
        assert_eq!(
            call.json(&json!({"name": "Ann", "email": "a@b.test"}))
                .send()
                .await
                .status,
            404,
            "{unknown}"
        );
    }
    // Another company's people are told nothing.
    let page = site.get(OTHER, &path(&made)).send().await;
    assert_eq!((page.status.as_u16(), &page.config()["meeting"]), (404, &Value::Null));
    links(&site).await;
    site.advance(66 * 60);
    assert_eq!(
        register(&site, &made, "Ann", "a@b.test").await.refused(),
        (403, "expired".into())
    );
    assert_eq!(
        site.get(ACME, &path(&made)).send().await.config()["meeting"]["state"],
        "over"
    );
    assert!(links(&site).await.is_empty());
}

#[tokio::test]
async fn ids_are_not_walked_through_and_one_network_does_not_register_all() {
    let (site, _, made) = meeting(json!({})).await;
    let status = async |number: u64| {
        site.get(ACME, &format!("/register/{number}"))
            .send()
            .await
            .status
            .as_u16()
    };
    for number in 1_000..1_020 {
        assert_eq!(status(number).await, 404);
    }
    assert_eq!(status(1_020).await, 429);
    for number in 0..100 {
        register(&site, &made, "Person", &format!("p{number}@guest.test"))
            .await
            .ok();
    }
    assert_eq!(
        register(&site, &made, "Person", "one-more@guest.test")
            .await
            .refused()
            .0,
        429
    );
}

#[tokio::test]
async fn a_meeting_is_full_at_a_thousand() {
    let all: Vec<String> = (0..998).map(|number| format!("p{number}@guest.test")).collect();
    let (site, _, made) = meeting(json!({"participant_emails": all})).await;
    register(&site, &made, "Last", "last@guest.test").await.ok();
    let full = register(&site, &made, "Late", "late@guest.test").await;
    assert_eq!(
        (full.refused(), &full.json()["reason"]),
        ((409, "conflict".into()), &json!("full"))
    );
    assert_eq!(
        site.get(ACME, &path(&made)).send().await.config()["meeting"]["state"],
        "full"
    );
    register(&site, &made, "Known", "p0@guest.test").await.ok();
    // Nobody is told of a link that was not sent, however often they ask.
    for _ in 0..4 {
        let answer = register(&site, &made, "Late", "late@guest.test").await;
        assert!(matches!(answer.status.as_u16(), 409 | 429), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_asked_of_all_from_now_on_is_told_to_all() {
    let (site, _, made) = meeting(json!({"registration": false})).await;
    let before = links(&site).await;
    assert!(before.iter().all(|(_, link)| pass(link).is_none()));
    let change = json!({"conference_id": made["conference_id"], "registration": true});
    site.admin_api("conference/update", change).await;
    let after = links(&site).await;
    let guest = &after.iter().find(|(to, _)| to == "guest@known.test").expect("a mail").1;
    join(&site, &made, json!({"pass": pass(guest)})).await.ok();
}
