//! An erased account leaves numbers, and the word that it was erased: no name, address or text of it lies in the table.

use serde_json::{Value, json};

use crate::asked::work_of;
use crate::site::{ACME, Host, Site};
use functions::operator;

/// A relay that nobody reaches, so that telling it of an end takes no time.
pub(crate) async fn relay_up(site: &Site) {
    let body = json!({
        "relay": "relay-1", "region": "eu", "url": "http://127.0.0.1:9", "version": "1", "capacity": 100, "epoch": 1,
    });
    site.report("register", body).await.ok();
}

/// Does all jobs, also those that wait.
pub(crate) async fn work(site: &Site) {
    for _ in 0..4 {
        let done = work_of("dispatch", operator::dispatch(&site.app, &[]))
            .await
            .expect("worked");
        assert_eq!((done.failed, done.parked), (0, 0));
        site.advance(61);
        site.relay_up_again().await;
    }
}

/// Everything in the table as one text.
pub(crate) async fn table(site: &Site) -> String {
    let client = store::embedded::client(site.notes.client());
    let mut pages = client.scan().table_name("convoke").into_paginator().send();
    let mut all = String::new();
    while let Some(page) = pages.next().await {
        for item in page.expect("scanned").items() {
            all.push_str(&format!("{item:?}\n").to_lowercase());
        }
    }
    all
}

pub(crate) async fn refused(site: &Site, method: &str, mut body: Value) -> (u16, String) {
    body["auth_token"] = site.admin.clone().into();
    site.api(ACME, method, body).await.refused()
}

/// What the relay says of somebody in a room.
pub(crate) fn event(room: &str, at: i64, participant: u32, more: Value) -> Value {
    let mut event =
        json!({"room": room, "at": at * 1_000, "participant": participant, "jti": format!("j{participant}")});
    let fields = event.as_object_mut().expect("an object");
    let Value::Object(more) = more else { panic!("an object") };
    fields.extend(more);
    event
}

pub(crate) fn joins(name: &str) -> Value {
    json!({"kind": "participant_join", "name": name, "moderator": false, "region": "eu"})
}

/// The same of one of the host's contacts.
pub(crate) fn known(name: &str, contact: u64) -> Value {
    let mut event = joins(name);
    event["contact"] = contact.into();
    event
}

pub(crate) fn leaves() -> Value {
    json!({"kind": "participant_leave", "reason": "left", "duration_ms": 1_000})
}

pub(crate) async fn batch(site: &Site, n: u64, events: &[Value]) {
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": n, "events": events});
    site.report("events", batch).await.ok();
}

/// The room of a meeting that begins now on a host's code, entered.
pub(crate) async fn entered(site: &Site, host: &Host) -> (Value, String) {
    let made = json!({"host_id": host.id, "subject": "Marker subject", "agenda": "Marker agenda"});
    let made = site.admin_api("conference/create/reservationless", made).await;
    let token = json!({"conference_id": made["conference_id"], "name": "Marker", "identity": "marker-identity"});
    site.admin_api("conference/join_token", token).await;
    let room = format!("1/{}/{}", made["conference_id"], site.now().as_second());
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": "j1"});
    site.report("enter", enter).await.ok();
    (made["conference_id"].clone(), room)
}

/// An account with something of everything, each with the word "marker" in it.
async fn marked(site: &Site) -> (Host, Value, String) {
    let host = site.host("Marker").await;
    relay_up(site).await;
    let change = json!({"host_id": host.id, "name": "Marker Ann", "email": "marker2@acme.test", "phone": "+15550001111",
        "openid_sub": "marker-sub", "idempotency_key": "host"});
    site.admin_api("host/update", change).await;
    let contact = json!({"host_id": host.id, "name": "Marker Bob", "email": "marker.bob@guest.test", "phone": "+15550001112",
        "idempotency_key": "contact"});
    let contact = site.admin_api("contact/create", contact).await;
    let change = json!({"contact_id": contact["contact_id"], "email": "marker.rob@guest.test"});
    site.admin_api("contact/update", change).await;
    let planned = |one_time: bool, rule: Value, key: &str| {
        json!({"host_id": host.id, "subject": "Marker plan", "agenda": "Marker words", "start": "2026-06-20 12:05:00",
            "time_zone": "UTC", "duration": 60, "security_pin": "4711", "one_time_access_code": one_time, "recurrence": rule,
            "participant_emails": [{"email": "marker.eve@guest.test", "name": "Marker Eve"}], "idempotency_key": key})
    };
    site.admin_api("conference/create", planned(false, Value::Null, "plan"))
        .await;
    let series = planned(true, json!({"rrule": "FREQ=DAILY;COUNT=3"}), "series");
    site.admin_api("conference/create", series).await;
    let gone = site
        .admin_api("conference/create", planned(true, Value::Null, "gone"))
        .await;
    site.admin_api("conference/delete", json!({"conference_id": gone["conference_id"]}))
        .await;
    let (meeting, room) = entered(site, &host).await;
    let now = site.now().as_second();
    let events = [
        event(&room, now, 1, joins("Marker Ann")),
        event(&room, now, 2, known("Marker guest", 424_242_424_242_424)),
        event(&room, now + 90, 2, leaves()),
    ];
    batch(site, 1, &events).await;
    let ticket = json!({"host_id": host.id, "idempotency_key": "ticket"});
    site.admin_api("host/sso_ticket", ticket).await;
    let own = json!({"email": "marker2@acme.test", "password": "SoSecret5!"});
    site.api(ACME, "authenticate", own).await.ok();
    (host, meeting, room)
}

#[tokio::test]
async fn nothing_of_a_person_is_left_but_numbers_and_the_word_that_it_was_erased() {
    let site = Site::new().await;
    let (host, meeting, room) = marked(&site).await;
    let before = table(&site).await;
    assert!(
        before.matches("marker").count() > 20,
        "the test marks what it looks for"
    );
    let changes = site.admin_api("audit/fetch_all", json!({"company_id": 1})).await;
    let counted = changes.as_array().expect("a list").len();

    let asked = json!({"host_id": host.id, "idempotency_key": "erase"});
    let answer = site.admin_api("host/erase", asked.clone()).await;
    assert_eq!(answer, json!({"host_id": host.id, "erased": false}));
    assert_eq!(refused(&site, "host/fetch", json!({"host_id": host.id})).await.0, 404);
    let own = json!({"email": "marker2@acme.test", "password": "SoSecret5!"});
    assert_eq!(site.api(ACME, "authenticate", own).await.refused().0, 401);
    // Asked again while it goes on: nothing new begins.
    let again = site.admin_api("host/erase", json!({"host_id": host.id})).await;
    assert_eq!(again["erased"], false);
    let jobs = table(&site).await.matches("host_erase\")").count();
    work(&site).await;

    let after = table(&site).await;
    let left: Vec<&str> = after.lines().filter(|line| line.contains("marker")).collect();
    assert!(left.is_empty(), "{jobs} jobs left {left:#?}");
    assert!(before.matches("424242424242424").count() == 2 && !after.contains("424242424242424"));
    assert!(!after.contains("+1555000111") && !after.contains("job#"), "{after}");
    let again = site.admin_api("host/erase", json!({"host_id": host.id})).await;
    assert_eq!(again, json!({"host_id": host.id, "erased": true}));
    assert_eq!(
        site.admin_api("host/erase", asked).await,
        answer,
        "the key repeats the answer"
    );

    // What was answered to earlier keys held the person: it is not kept, and the work is not done again.
    let change = json!({"host_id": host.id, "name": "Marker Ann", "email": "marker2@acme.test", "phone": "+15550001111",
        "openid_sub": "marker-sub", "idempotency_key": "host"});
    assert_eq!(refused(&site, "host/update", change).await, (409, "conflict".into()));

    // Who did what and when stays, and so does who was in the meeting, by number.
    let changes = site.admin_api("audit/fetch_all", json!({"company_id": 1})).await;
    let changes = changes.as_array().expect("a list");
    assert!(changes.len() > counted);
    let made = changes
        .iter()
        .find(|change| change["object"] == format!("host/{}", host.id).as_str() && change["action"] == "host_create")
        .expect("its making");
    assert_eq!(
        (&made["after"]["name"], &made["after"]["role"]),
        (&json!("erased"), &json!("HOST"))
    );
    let erased = changes.iter().filter(|change| change["action"] == "host_erase");
    assert_eq!(erased.count(), 1);
    let people = site
        .admin_api("conference/participants", json!({"conference_id": meeting}))
        .await;
    let names: Vec<&Value> = people
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["p2", "p1"]);

    // A report that comes late names nobody either.
    let late = event(
        &room,
        site.now().as_second(),
        3,
        known("Marker late", 424_242_424_242_424),
    );
    batch(&site, 2, &[late]).await;
    let after = table(&site).await;
    assert!(!after.contains("marker") && !after.contains("424242424242424"));
}

#[tokio::test]
async fn who_was_deleted_before_can_be_erased_and_a_dead_worker_is_followed_by_another() {
    let site = Site::new().await;
    let (host, ..) = marked(&site).await;
    site.admin_api("host/delete", json!({"host_id": host.id})).await;
    work(&site).await;
    let deleted = table(&site).await;
    assert!(deleted.contains("marker"), "a deletion leaves what was held");
    site.admin_api("host/erase", json!({"host_id": host.id})).await;
    // A worker takes the job up, does a part of it, and is never heard of again.
    let due = site.app.store.jobs_due(site.now(), 9).await.expect("jobs");
    let [job] = due.as_slice() else {
        panic!("one job: {due:?}")
    };
    site.app
        .store
        .job_claim(job, site.now())
        .await
        .expect("read")
        .expect("free");
    let reseller = job.reseller;
    let page = site
        .app
        .store
        .meetings_of(
            (reseller, host.id.to_string().parse().expect("an id")),
            false,
            std::ops::Bound::Unbounded,
            1,
        )
        .await
        .expect("read");
    let first = page.items.first().expect("a meeting");
    site.app
        .store
        .conference_erase(reseller, first.id, site.now())
        .await
        .expect("done");
    let done = work_of("dispatch", operator::dispatch(&site.app, &[]))
        .await
        .expect("worked");
    assert_eq!(done.steps + done.done, 0, "it is held");
    site.advance(121);
    work(&site).await;
    assert!(!table(&site).await.contains("marker"));
    let again = site.admin_api("host/erase", json!({"host_id": host.id})).await;
    assert_eq!(again["erased"], true);
}

#[tokio::test]
async fn only_admins_erase_and_neither_themselves_nor_who_is_above() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let new = json!({"company_id": 1, "name": "Boss", "email": "boss@acme.test", "password": "SoSecret5!", "role": "COMPANY_ADMIN"});
    site.admin_api("host/create", new).await;
    let token = async |email: &str| {
        let body = json!({"email": email, "password": "SoSecret5!"});
        site.api(ACME, "authenticate", body).await.ok()["auth_token"].clone()
    };
    let (own, boss) = (token("ann@acme.test").await, token("boss@acme.test").await);
    let erase = async |token: &Value, host: Value| {
        let body = json!({"auth_token": token, "host_id": host});
        let answer = site.api(ACME, "host/erase", body).await;
        (answer.status.as_u16(), answer.json()["field"].clone())
    };
    let before = table(&site).await;
    assert_eq!(erase(&own, host.id.into()).await, (403, Value::Null));
    assert_eq!(erase(&boss, 1.into()).await, (403, Value::Null), "a reseller's admin");
    assert_eq!(
        erase(&site.admin.clone().into(), 1.into()).await,
        (409, "host_id".into())
    );
    assert_eq!(erase(&boss, 9_999.into()).await, (404, Value::Null));
    assert_eq!(erase(&boss, "x".into()).await, (400, "host_id".into()));
    assert_eq!(erase(&boss, Value::Null).await, (400, "host_id".into()));
    let kept = |text: &str| {
        text.lines()
            .filter(|line| !line.contains("rate#") && !line.contains("session#"))
            .count()
    };
    assert_eq!(kept(&before), kept(&table(&site).await));
    assert_eq!(erase(&boss, host.id.into()).await.0, 200);
    // Whoever was above stays above when deleted.
    let new = json!({"company_id": 1, "name": "Root", "email": "root2@acme.test", "role": "RESELLER_ADMIN"});
    let root = site.admin_api("host/create", new).await["host_id"].clone();
    site.admin_api("host/delete", json!({"host_id": root})).await;
    work(&site).await;
    assert_eq!(erase(&boss, root).await, (403, Value::Null));
}
