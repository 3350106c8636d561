//! What happens is told to webhooks: in order, signed, again when it did not arrive, and to nobody's cost but the one's who does not
//! answer. contract/webhooks.md.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::hook::signature;
use functions::operator::{self, Posted};
use functions::outbound::{Guard, Outbound};
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::asked::work_of;
use crate::hosts_are_erased::{batch, entered, event, known, leaves, relay_up};
use crate::site::receiver::{Deed, Receiver, TestNames};
use crate::site::{ACME, Site};

pub(crate) const SPENT: &str = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";
pub(crate) const TAKEN: &str = "HTTP/1.1 204 Fine\r\n\r\n";
pub(crate) const DAY: i64 = 24 * 3_600;

pub(crate) fn says(text: &str) -> Deed {
    Deed::Say(text.as_bytes().to_vec())
}

pub(crate) async fn tell(site: &Site) -> Posted {
    work_of("tell_webhooks", operator::tell_webhooks(&site.app))
        .await
        .expect("told")
}

/// A webhook at this receiver; the ping is out of the way.
async fn hook(site: &Site, receiver: &Receiver, events: Value) -> Value {
    let asked = json!({"company_id": 1, "url": receiver.url("127.0.0.1", "/hook"), "events": events});
    site.admin_api("webhook/create", asked).await
}

/// What a receiver got, but for pings: event, number, gap, payload.
fn got(receiver: &Receiver) -> Vec<(String, u64, bool, Value)> {
    let bodies = receiver.bodies();
    let read = bodies.iter().map(|body| serde_json::from_slice(body).expect("JSON"));
    read.filter(|body: &Value| body["event"] != "ping")
        .map(|body| {
            let payload = body["payload"].as_str().expect("a text");
            (
                body["event"].as_str().expect("a word").to_owned(),
                body["sequence"].as_u64().expect("a number"),
                body["gap"] == true,
                serde_json::from_str(payload).expect("JSON in a text"),
            )
        })
        .collect()
}

fn names(receiver: &Receiver) -> Vec<(String, u64, bool)> {
    got(receiver)
        .into_iter()
        .map(|(event, sequence, gap, _)| (event, sequence, gap))
        .collect()
}

async fn sign_in(site: &mut Site) {
    let again = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
    let token = site.api(ACME, "authenticate", again).await.ok();
    site.admin = token["auth_token"].as_str().expect("a token").to_owned();
}

async fn deliveries(site: &Site, hook: &Value) -> Vec<Value> {
    let asked = json!({"company_id": 1, "webhook_id": hook["webhook_id"]});
    let list = site.admin_api("webhook/deliveries", asked).await;
    list.as_array().expect("a list").clone()
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.split("\r\n").find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.strip_prefix(": ")).expect("the header")
}

#[tokio::test]
async fn an_address_that_would_not_be_kept_as_it_was_sent_is_refused() {
    let site = Site::new().await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let url = |path: &str| receiver.url("127.0.0.1", path);
    let taken = site
        .admin_api("webhook/create", json!({"company_id": 1, "url": url("/a%20b")}))
        .await;
    let spaced = "url must not hold spaces, tabs or line breaks";
    for (url, message) in [
        (url("/a b"), spaced),
        (url("/hook "), spaced),
        (format!(" {}", url("/hook")), spaced),
        (url("/ho\tok"), spaced),
        (url("/hook\r\n"), spaced),
        (url("/ho\nok"), spaced),
        (
            "hooks.example".into(),
            "url must be a URL such as https://www.example.com/webhook",
        ),
    ] {
        for (method, asked) in [
            ("webhook/create", json!({"company_id": 1, "url": url})),
            (
                "webhook/update",
                json!({"company_id": 1, "webhook_id": taken["webhook_id"], "url": url}),
            ),
        ] {
            let mut asked = asked;
            asked["auth_token"] = site.admin.as_str().into();
            let refused = site.api(ACME, method, asked).await;
            assert_eq!(refused.refused(), (400, "invalid_field".into()), "{method} {url:?}");
            assert_eq!(refused.json()["message"], message, "{method} {url:?}");
        }
    }
    assert_eq!(receiver.connections(), 1, "for the ping of the one that was taken");
}

#[tokio::test]
async fn a_webhook_must_answer_a_ping_and_shows_its_secret_once() {
    let site = Site::new().await;
    let receiver = Receiver::start(says(SPENT)).await;
    let asked = json!({"auth_token": site.admin, "company_id": 1, "url": receiver.url("127.0.0.1", "/hook")});
    let refused = site.api(ACME, "webhook/create", asked.clone()).await;
    assert_eq!(refused.refused(), (400, "invalid_field".into()));
    assert_eq!(refused.json()["field"], "url");
    for wrong in [
        json!({"url": "ftp://127.0.0.1/"}),
        json!({"url": "http://user:word@127.0.0.1/"}),
        json!({"url": "http://169.254.169.254/latest"}),
        json!({"url": "http://[::ffff:127.0.0.1]/"}),
        json!({"url": "http://127.0.0.1:9/"}),
        json!({"events": []}),
        json!({"events": ["ping"]}),
    ] {
        let mut asked = asked.clone();
        asked
            .as_object_mut()
            .expect("an object")
            .extend(wrong.as_object().expect("an object").clone());
        let refused = site.api(ACME, "webhook/create", asked).await.refused();
        assert_eq!(refused, (400, "invalid_field".into()), "{wrong}");
    }
    let all = json!({"company_id": 1});
    assert_eq!(site.admin_api("webhook/fetch_all", all.clone()).await, json!([]));

    receiver.does(says(TAKEN));
    let made = hook(&site, &receiver, json!(["conference_start"])).await;
    let secret = made["secret"].as_str().expect("a secret");
    assert_eq!(made["events"], json!(["conference_start"]));
    let shown = site.admin_api("webhook/fetch_all", all).await;
    let mut expected = made.clone();
    expected.as_object_mut().expect("an object").remove("secret");
    assert_eq!(shown, json!([expected]));

    let (head, body) = (
        receiver.heads().pop().expect("a ping"),
        receiver.bodies().pop().expect("a ping"),
    );
    let ping: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&ping["event"], &ping["version"]), (&json!("ping"), &json!(1)));
    assert_eq!(ping["timestamp"], "2026-06-01T12:00:00.000Z");
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    assert_eq!(
        header(&head, "x-signing-token"),
        made["signing_token"].as_str().expect("a token")
    );
    let expected = signature(secret, site.now().as_second(), &body);
    assert_eq!(header(&head, "x-convoke-signature"), expected);
    assert_eq!(header(&head, "content-type"), "application/json");
}

#[tokio::test]
async fn a_company_has_at_most_twenty() {
    let site = Site::with(functions::Config {
        scheme: "https".into(),
        port: None,
        rates: functions::Rates {
            object_per_minute: 1_000,
            ..functions::Rates::default()
        },
        ..functions::Config::default()
    })
    .await;
    let receiver = Receiver::start(says(TAKEN)).await;
    for _ in 0..20 {
        hook(&site, &receiver, Value::Null).await;
    }
    let asked = json!({"auth_token": site.admin, "company_id": 1, "url": receiver.url("127.0.0.1", "/hook")});
    let refused = site.api(ACME, "webhook/create", asked).await.refused();
    assert_eq!(refused, (409, "conflict".into()));
}

/// What a method reads, it reads while the request is counted; what it does to others waits.
#[tokio::test]
async fn nobody_is_pinged_for_a_request_that_is_not_let_through() {
    let site = Site::with(functions::Config {
        scheme: "https".into(),
        rates: functions::Rates {
            object_per_minute: 3,
            ..functions::Rates::default()
        },
        ..functions::Config::default()
    })
    .await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let create = |key: &str| {
        let url = receiver.url("127.0.0.1", "/hook");
        let asked = json!({"auth_token": site.admin, "company_id": 1, "url": url, "idempotency_key": key});
        site.api(ACME, "webhook/create", asked)
    };
    let first = create("one").await.ok();
    site.notes.slow_writes(Duration::from_millis(100));
    assert_eq!(create("one").await.ok(), first);
    create("two").await.ok();
    assert_eq!(create("three").await.refused(), (429, "rate_limited".into()));
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn all_that_happens_to_a_meeting_and_an_account_is_told_in_order() {
    let site = Site::new().await;
    tell(&site).await;
    let receiver = Receiver::start(says(TAKEN)).await;
    hook(&site, &receiver, Value::Null).await;
    let host = site.host("Ann").await;
    relay_up(&site).await;
    let (meeting, room) = entered(&site, &host).await;
    let now = site.now().as_second();
    let events = [
        event(&room, now, 1, known("Bob", 4)),
        event(&room, now + 60, 1, leaves()),
    ];
    batch(&site, 1, &events).await;
    site.advance(90);
    site.admin_api(
        "conference/update",
        json!({"conference_id": meeting, "subject": "Other"}),
    )
    .await;
    site.admin_api("conference/end", json!({"conference_id": meeting}))
        .await;
    let change = json!({"host_id": host.id, "name": "Ann B", "idempotency_key": "one"});
    site.admin_api("host/update", change).await;
    assert_eq!(tell(&site).await.failed, 0);

    let all = got(&receiver);
    let of_meeting: Vec<_> = all
        .iter()
        .filter(|(.., payload)| payload["conference_id"] == meeting)
        .collect();
    let words: Vec<(&str, u64)> = of_meeting
        .iter()
        .map(|(word, number, ..)| (word.as_str(), *number))
        .collect();
    assert_eq!(
        words,
        [
            ("conference_created", 1),
            ("conference_start", 2),
            ("participant_join", 3),
            ("participant_leave", 4),
            ("conference_updated", 5),
            ("conference_end", 6)
        ]
    );
    let ids = json!({"host_id": host.id, "company_id": 1, "conference_id": meeting});
    for (.., payload) in &of_meeting {
        for (name, value) in ids.as_object().expect("an object") {
            assert_eq!(&payload[name], value, "{name}");
        }
        let text = payload.to_string();
        assert!(
            !text.contains("moderator_token") && !text.contains("security_pin"),
            "{text}"
        );
    }
    for (name, value) in [
        ("participant_id", json!(1)),
        ("name", json!("Bob")),
        ("contact_id", json!(4)),
        ("region", json!("eu")),
        ("moderator", json!(false)),
    ] {
        for (event, .., payload) in &of_meeting[2..4] {
            assert_eq!(payload[name], value, "{event} {name}");
        }
    }
    assert_eq!(
        (&of_meeting[3].3["reason"], &of_meeting[3].3["duration"]),
        (&json!("left"), &json!(60))
    );
    assert_eq!(of_meeting[4].3["subject"], "Other");
    assert_eq!(
        (&of_meeting[5].3["reason"], &of_meeting[5].3["duration"]),
        (&json!("ended"), &json!(90))
    );
    let of_host: Vec<(&str, u64)> = all
        .iter()
        .filter(|(.., payload)| payload["conference_id"].is_null())
        .map(|(word, number, ..)| (word.as_str(), *number))
        .collect();
    assert_eq!(of_host, [("host_created", 1), ("host_updated", 2)]);
    assert_eq!(tell(&site).await, Posted::default(), "nothing is told twice");
}

#[tokio::test]
async fn what_happens_while_a_receiver_answers_is_told_once() {
    let site = Site::new().await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let host = site.host("John").await;
    hook(&site, &receiver, json!(["conference_created", "conference_updated"])).await;
    let made = site.admin_api("conference/create", planned(host.id)).await;
    receiver.does(Deed::Late(TAKEN.into()));
    let change = |subject: &str| json!({"conference_id": made["conference_id"], "subject": subject});
    let (_, ()) = tokio::join!(tell(&site), async {
        while receiver.connections() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The line is held: what comes now lies behind what it was taken up for.
        site.admin_api("conference/update", change("Second")).await;
        site.admin_api("conference/update", change("Third")).await;
    });
    for _ in 0..3 {
        site.advance(600);
        tell(&site).await;
    }
    let told = names(&receiver);
    let count = |number: u64| told.iter().filter(|(_, sequence, _)| *sequence == number).count();
    assert_eq!((count(1), count(2), count(3)), (1, 1, 1), "{told:?}");
}

#[tokio::test]
async fn only_what_is_asked_for_is_told_and_nothing_of_before() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let early = site.admin_api("conference/create", planned(host.id)).await;
    tell(&site).await;
    let receiver = Receiver::start(says(TAKEN)).await;
    hook(&site, &receiver, json!(["conference_updated"])).await;
    for subject in ["One", "Two"] {
        let change = json!({"conference_id": early["conference_id"], "subject": subject, "idempotency_key": subject});
        site.admin_api("conference/update", change).await;
    }
    site.admin_api("conference/create", planned(host.id)).await;
    tell(&site).await;
    assert_eq!(
        names(&receiver),
        [
            ("conference_updated".to_owned(), 1, false),
            ("conference_updated".to_owned(), 2, false)
        ]
    );
}

pub(crate) fn planned(host: u64) -> Value {
    json!({"host_id": host, "subject": "Plan", "start": "2026-06-20 12:05:00", "time_zone": "UTC", "duration": 60})
}

#[tokio::test]
async fn what_fails_waits_by_the_contract_is_put_aside_after_ten_minutes_and_arrives_at_last() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    tell(&site).await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let made = hook(&site, &receiver, Value::Null).await;
    let meeting = site.admin_api("conference/create", planned(host.id)).await["conference_id"].clone();
    receiver.does(says(SPENT));
    for (wait, tries) in [(0, 1), (4, 1), (1, 2), (29, 2), (1, 3), (119, 3), (1, 4), (400, 4)] {
        site.advance(wait);
        tell(&site).await;
        assert_eq!(got(&receiver).len(), tries, "after {wait} s more");
    }
    let change = json!({"conference_id": meeting, "subject": "Other"});
    site.admin_api("conference/update", change).await;
    tell(&site).await;
    assert_eq!(got(&receiver).len(), 4, "the next one waits");
    let log = deliveries(&site, &made).await;
    assert_eq!(
        (log.len(), &log[0]["state"], &log[0]["attempts"]),
        (1, &json!("waiting"), &json!(4))
    );
    assert_eq!(
        (&log[0]["status"], &log[0]["event"]),
        (&json!(500), &json!("conference_created"))
    );

    // Ten minutes after its first failure the first one is put aside.
    receiver.does(says(TAKEN));
    site.advance(45);
    tell(&site).await;
    assert_eq!(names(&receiver)[4..], [("conference_updated".to_owned(), 2, true)]);
    // Its own next try is ten minutes after its last one.
    site.advance(155);
    tell(&site).await;
    assert_eq!(names(&receiver)[5..], [("conference_created".to_owned(), 1, false)]);
    let again = json!({"conference_id": meeting, "subject": "Third", "idempotency_key": "third"});
    site.admin_api("conference/update", again).await;
    tell(&site).await;
    assert_eq!(
        names(&receiver)[6..],
        [("conference_updated".to_owned(), 3, false)],
        "nothing is missing"
    );
    let log = deliveries(&site, &made).await;
    assert!(log.iter().all(|delivery| delivery["state"] == "delivered"), "{log:?}");
    let ids: Vec<Value> = receiver
        .bodies()
        .iter()
        .skip(1)
        .take(5)
        .map(|body| serde_json::from_slice::<Value>(body).expect("JSON")["id"].clone())
        .collect();
    assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids[4] != ids[0], "{ids:?}");
    assert!(log.iter().any(|delivery| delivery["delivery_id"] == ids[0]));
}

/// What is put aside while a webhook is enabled, and sent again after it was enabled anew, is no credit for what fails then.
#[tokio::test]
async fn what_is_missing_is_said_also_after_what_was_missing_before_was_sent_again() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    tell(&site).await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let made = hook(&site, &receiver, Value::Null).await;
    let meeting = site.admin_api("conference/create", planned(host.id)).await["conference_id"].clone();
    let mut named = 0;
    let mut rename = async || {
        named += 1;
        let change = json!({"conference_id": meeting, "subject": format!("Plan {named}")});
        site.admin_api("conference/update", change).await;
    };
    // It fails for ten minutes and is put aside.
    let put_aside = async || {
        receiver.does(says(SPENT));
        for wait in [0, 5, 30, 120, 445] {
            site.advance(wait);
            tell(&site).await;
        }
        receiver.does(says(TAKEN));
    };
    let last = || names(&receiver).last().map(|(_, sequence, gap)| (*sequence, *gap));
    put_aside().await;
    rename().await;
    tell(&site).await;
    assert_eq!(last(), Some((2, true)));

    let id = &made["webhook_id"];
    for enabled in [false, true] {
        site.admin_api(
            "webhook/update",
            json!({"company_id": 1, "webhook_id": id, "enabled": enabled}),
        )
        .await;
    }
    let log = deliveries(&site, &made).await;
    let first = log.iter().find(|delivery| delivery["sequence"] == 1).expect("logged");
    let again = json!({"company_id": 1, "webhook_id": id, "delivery_id": first["delivery_id"]});
    site.admin_api("webhook/redeliver", again).await;
    tell(&site).await;
    assert_eq!(last(), Some((1, false)));

    rename().await;
    put_aside().await;
    rename().await;
    tell(&site).await;
    assert_eq!(last(), Some((4, true)));
}

#[tokio::test]
async fn a_delivery_is_sent_again_on_request_and_a_redirect_is_not_followed() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    tell(&site).await;
    let (receiver, elsewhere) = (Receiver::start(says(TAKEN)).await, Receiver::start(says(TAKEN)).await);
    let made = hook(&site, &receiver, Value::Null).await;
    let away = elsewhere.url("127.0.0.1", "/");
    receiver.does(says(&format!(
        "HTTP/1.1 307 There\r\nlocation: {away}\r\ncontent-length: 0\r\n\r\n"
    )));
    site.admin_api("conference/create", planned(host.id)).await;
    assert_eq!(tell(&site).await.failed, 1);
    assert_eq!(elsewhere.connections(), 0);
    let log = deliveries(&site, &made).await;
    assert_eq!(log[0]["status"], 307);
    receiver.does(says(TAKEN));
    let again = json!({"company_id": 1, "webhook_id": made["webhook_id"], "delivery_id": log[0]["delivery_id"]});
    let waiting = site.admin_api("webhook/redeliver", again.clone()).await;
    assert_eq!(waiting["state"], "waiting");
    tell(&site).await;
    let log = deliveries(&site, &made).await;
    assert_eq!(
        (&log[0]["state"], &log[0]["attempts"]),
        (&json!("delivered"), &json!(2))
    );
    let mut unknown = again;
    unknown["delivery_id"] = json!("6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c");
    unknown["auth_token"] = site.admin.clone().into();
    let refused = site.api(ACME, "webhook/redeliver", unknown).await.refused();
    assert_eq!(refused, (404, "not_found".into()));
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_by_then_is_not_gone_to() {
    let mut site = Site::new().await;
    let host = site.host("Ann").await;
    tell(&site).await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let answers: &[&[&str]] = &[&["127.0.0.1"], &["169.254.169.254"]];
    site.app.outbound = Outbound::new(Guard::Loopback).with_names(TestNames::of(&[("hook.test", answers)]));
    let asked = json!({"company_id": 1, "url": receiver.url("hook.test", "/")});
    let made = site.admin_api("webhook/create", asked).await;
    site.admin_api("conference/create", planned(host.id)).await;
    assert_eq!(tell(&site).await.failed, 1);
    assert_eq!(receiver.connections(), 1, "the ping alone");
    let log = deliveries(&site, &made).await;
    assert_eq!(log[0]["error"], "leads to an address that is not public");
}

#[tokio::test]
async fn who_hangs_keeps_nobody_waiting_and_is_given_up_after_five_seconds() {
    let site = Site::new().await;
    let (dead, alive) = (Receiver::start(says(TAKEN)).await, Receiver::start(says(TAKEN)).await);
    let made = hook(&site, &dead, Value::Null).await;
    hook(&site, &alive, Value::Null).await;
    dead.does(Deed::Hang);
    let host = site.host("Ann").await;
    for n in 0..8 {
        let mut meeting = planned(host.id);
        meeting["idempotency_key"] = format!("m{n}").into();
        site.admin_api("conference/create", meeting).await;
    }
    let began = Instant::now();
    let (_, arrived) = tokio::join!(tell(&site), async {
        while got(&alive).len() < 9 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    });
    assert!(arrived < Duration::from_secs(3), "{arrived:?}");
    assert!(began.elapsed() >= Duration::from_secs(5), "the dead one was waited for");
    let log = deliveries(&site, &made).await;
    assert_eq!(log[0]["error"], "leads to a server that took too long");
}

/// The mail is the one that the browser's tests look at, which cannot wait for three days. `UPDATE=1` writes it anew.
fn looks_as_kept(mail: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser/mails/webhook-disabled.json");
    let mail = serde_json::to_string_pretty(mail).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &mail).expect("written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == mail,
        "{} is out of date: run this test with UPDATE=1",
        path.display()
    );
}

#[tokio::test]
async fn one_that_fails_for_three_days_is_disabled_and_its_owner_told() {
    let mut site = Site::new().await;
    let host = site.host("Ann").await;
    let receiver = Receiver::start(says(TAKEN)).await;
    tell(&site).await;
    let made = hook(&site, &receiver, Value::Null).await;
    receiver.does(says(SPENT));
    site.admin_api("conference/create", planned(host.id)).await;
    tell(&site).await;
    for _ in 0..4 {
        site.advance(DAY);
        tell(&site).await;
    }
    sign_in(&mut site).await;
    let all = site.admin_api("webhook/fetch_all", json!({"company_id": 1})).await;
    assert_eq!(all[0]["enabled"], false);
    site.mails.take();
    work_of("dispatch", operator::dispatch(&site.app, &[]))
        .await
        .expect("dispatched");
    let mails = site.mails.take();
    let told: Vec<_> = mails
        .iter()
        .filter(|mail| mail.to.as_str() == "admin@partner.test")
        .collect();
    assert_eq!(told.len(), 1);
    let told = MessageParser::default().parse(&told[0].raw).expect("a mail");
    assert_eq!(told.subject(), Some("Webhook disabled: 127.0.0.1"));
    looks_as_kept(&json!({"html": told.body_html(0), "text": told.body_text(0)}));

    let before = got(&receiver).len();
    site.admin_api("conference/create", planned(host.id)).await;
    tell(&site).await;
    assert_eq!(got(&receiver).len(), before, "nothing is sent to it");
    let on = json!({"company_id": 1, "webhook_id": made["webhook_id"], "enabled": true, "idempotency_key": "on"});
    assert_eq!(
        crate::hosts_are_erased::refused(&site, "webhook/update", on.clone()).await,
        (400, "invalid_field".into())
    );
    receiver.does(says(TAKEN));
    assert_eq!(site.admin_api("webhook/update", on).await["enabled"], true);
    let later = site.admin_api("conference/create", planned(host.id)).await;
    tell(&site).await;
    let new = got(&receiver).split_off(before);
    assert_eq!(new.len(), 1, "what was before is not told");
    assert_eq!(new[0].3["conference_id"], later["conference_id"]);
}

#[tokio::test]
async fn a_signing_token_is_replaced_with_a_day_to_spare_and_a_deleted_webhook_is_silent() {
    let mut site = Site::new().await;
    let receiver = Receiver::start(says(TAKEN)).await;
    let made = hook(&site, &receiver, Value::Null).await;
    let id = json!({"company_id": 1, "webhook_id": made["webhook_id"]});
    let mut change = id.clone();
    change["new_signing_token"] = true.into();
    let changed = site.admin_api("webhook/update", change.clone()).await;
    assert_ne!(changed["signing_token"], made["signing_token"]);
    assert_eq!(changed["signing_token_from"], "2026-06-02T12:00:00.000Z");
    let mut before = changed["signing_token"].clone();
    let sent = |receiver: &Receiver| header(&receiver.heads().pop().expect("a head"), "x-signing-token").to_owned();
    site.host("Ann").await;
    tell(&site).await;
    assert_eq!(sent(&receiver), made["signing_token"].as_str().expect("a token"));
    site.advance(DAY);
    sign_in(&mut site).await;
    site.host("Bob").await;
    tell(&site).await;
    assert_eq!(sent(&receiver), changed["signing_token"].as_str().expect("a token"));

    // Twice within a day: the one right before.
    for key in ["second", "third"] {
        change["idempotency_key"] = key.into();
        let second = site.admin_api("webhook/update", change.clone()).await["signing_token"].clone();
        site.host(key).await;
        tell(&site).await;
        assert_eq!(sent(&receiver), before.as_str().expect("a token"));
        before = second;
    }

    let told = got(&receiver).len();
    site.host("Cid").await;
    let mut gone = id;
    gone["idempotency_key"] = "gone".into();
    site.admin_api("webhook/delete", gone).await;
    tell(&site).await;
    assert_eq!(got(&receiver).len(), told);
}
