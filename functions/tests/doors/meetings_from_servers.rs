//! What a partner's server does in a running meeting: lets people in by tokens, sees who is there, puts somebody out; and a
//! code of a meeting that repeats opens the occurrence of its day.

use std::time::Duration;

use crate::an_end_reaches_the_relays::{one_request, running_meeting};
use crate::site::{ACME, Host, OTHER, Site};
use domain::join_token::JoinToken;
use domain::relay::{Action, Command};
use serde_json::{Value, json};
use tokio::net::TcpListener;

fn claims(site: &Site, answer: &Value) -> JoinToken {
    let token = answer["token"].as_str().expect("a token");
    site.app.keys.signing.verifying_key().verify(token).expect("our own")
}

async fn refused(site: &Site, method: &str, mut body: Value) -> (u16, String, Value) {
    body["auth_token"] = site.admin.clone().into();
    let answer = site.api(ACME, method, body).await;
    let (status, code) = answer.refused();
    (status, code, answer.json()["field"].clone())
}

/// A host's meeting that begins in a moment and asks for a PIN.
async fn soon_with_a_pin() -> (Site, Host, Value) {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    let planned = json!({"host_id": host.id, "subject": "Plan", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "security_pin": "1234"});
    let made = site.admin_api("conference/create", planned).await;
    (site, host, made)
}

#[tokio::test]
async fn a_server_lets_somebody_in_without_pin_in_the_role_it_says() {
    let (site, host, made) = soon_with_a_pin().await;
    let id = made["conference_id"].clone();
    let asked = json!({"conference_id": id, "name": "Bob", "identity": "user-7", "ttl": 60});
    let first = site.admin_api("conference/join_token", asked.clone()).await;
    let token = claims(&site, &first);
    let now = site.now().as_second();
    assert_eq!(first["url"], "https://r1.relay.test");
    assert_eq!(
        first["relays"],
        json!([{"url": "https://r1.relay.test", "region": "eu"}])
    );
    assert_eq!(
        (first["role"].as_str(), first["conference_id"].clone()),
        (Some("guest"), id.clone())
    );
    assert_eq!((token.first_use_by, token.exp), (Some(now + 60), now + 24 * 3_600));
    assert_eq!(
        (token.name.as_str(), token.sub.as_str()),
        ("Bob", first["identity"].as_str().expect("text"))
    );
    assert_eq!(token.attributes["identity"], "user-7");
    assert_eq!(
        token.room().expect("a room").conference.value(),
        id.as_u64().expect("an id")
    );

    // The same person again: the same number, another session.
    let again = site.admin_api("conference/join_token", asked).await;
    assert_eq!(again["participant"], first["participant"]);
    assert_ne!(claims(&site, &again).jti, token.jti);
    let by_code = json!({"access_code": host.code, "name": "Eve", "moderator": true});
    let other = site.admin_api("conference/join_token", by_code).await;
    assert_eq!(
        (other["role"].as_str(), &other["conference_id"]),
        (Some("moderator"), &id)
    );
    assert_ne!(other["participant"], first["participant"]);
    assert!(claims(&site, &other).video.room_admin);
    let entered = json!({"relay": "relay-1", "epoch": 1, "room": token.video.room, "participant": 1, "jti": token.jti});
    site.report("enter", entered).await.ok();

    let cases = [
        (json!({"name": "x"}), (400, "missing_field", "conference_id")),
        (
            json!({"conference_id": id, "access_code": host.code, "name": "x"}),
            (400, "invalid_field", "access_code"),
        ),
        (json!({"conference_id": id}), (400, "missing_field", "name")),
        (
            json!({"conference_id": id, "name": "x", "ttl": 5}),
            (400, "invalid_field", "ttl"),
        ),
        (
            json!({"conference_id": id, "name": "x", "identity": " "}),
            (400, "invalid_field", "identity"),
        ),
        (json!({"access_code": 7_654_321, "name": "x"}), (404, "not_found", "")),
    ];
    for (asked, (status, code, field)) in cases {
        let field = if field.is_empty() { Value::Null } else { field.into() };
        let found = refused(&site, "conference/join_token", asked.clone()).await;
        assert_eq!(found, (status, code.to_owned(), field), "{asked}");
    }
    // Another meeting of the same code is not this one's.
    let next = json!({"host_id": host.id, "subject": "Next", "start": "2026-06-01 12:10:00", "time_zone": "UTC", "duration": 60});
    let next = site.admin_api("conference/create", next).await;
    let asked = json!({"conference_id": next["conference_id"], "name": "x"});
    assert_eq!(refused(&site, "conference/join_token", asked).await.1, "conflict");
}

#[tokio::test]
async fn a_meeting_that_nobody_has_come_to_is_not_led() {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    let made = site
        .admin_api("conference/create/reservationless", json!({"host_id": host.id}))
        .await;
    let asked = json!({"conference_id": made["conference_id"], "action": "lock"});
    let (status, code, _) = refused(&site, "conference/control", asked).await;
    assert_eq!((status, code.as_str()), (409, "conflict"));
}

#[tokio::test]
async fn an_account_that_was_signed_out_leads_no_meeting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let site = Site::new().await;
    let meeting = running_meeting(&site, &url).await;
    let boss = json!({"company_id": 1, "name": "Boss", "email": "boss@acme.test", "password": "SoSecret5!", "role": "COMPANY_ADMIN"});
    let boss = site.admin_api("host/create", boss).await;
    let signing_in = json!({"email": "boss@acme.test", "password": "SoSecret5!"});
    let token = site.api(ACME, "authenticate", signing_in).await.ok()["auth_token"].clone();
    let lock = json!({"conference_id": meeting["conference_id"], "action": "lock", "auth_token": token});
    let relay = async { one_request(listener.accept().await.expect("called").0, "200 OK").await };
    let (_, done) = tokio::join!(relay, site.api(ACME, "conference/control", lock.clone()));
    done.ok();
    site.advance(1);
    site.admin_api("host/reset_login_token", json!({"host_id": boss["host_id"]}))
        .await;
    let relay = async {
        let called = listener.accept();
        tokio::time::timeout(Duration::from_secs(1), called).await.is_err()
    };
    let (silent, refused) = tokio::join!(relay, site.api(ACME, "conference/control", lock));
    assert_eq!(refused.refused().0, 401);
    assert!(silent, "the relay heard of it");
}

#[tokio::test]
async fn nobody_is_let_into_a_company_that_goes_or_by_an_account_that_went() {
    let site = Site::new().await;
    site.relay_up().await;
    let made = site
        .admin_api("company/create", json!({"subdomain": "going", "name": "Going"}))
        .await;
    let host = site.host_of(made["id"].as_u64().expect("an id"), "Ann").await;
    let planned = json!({"host_id": host.id, "subject": "Plan", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60});
    let meeting = site.admin_api("conference/create", planned).await;
    let asks = [
        json!({"conference_id": meeting["conference_id"], "name": "Bob"}),
        json!({"access_code": host.code, "name": "Bob"}),
    ];
    for asked in &asks {
        site.admin_api("conference/join_token", asked.clone()).await;
    }
    site.admin_api("company/delete", json!({"company_id": made["id"], "force": true}))
        .await;
    for asked in asks {
        assert_eq!(refused(&site, "conference/join_token", asked).await.0, 404);
    }
}

#[tokio::test]
async fn a_servers_token_opens_the_room_page_to_whom_it_names() {
    let (site, host, made) = soon_with_a_pin().await;
    let asked = json!({"conference_id": made["conference_id"], "name": "Bob", "identity": "user-7", "moderator": true, "ttl": 60});
    let vouched = site.admin_api("conference/join_token", asked).await;
    let came = json!({"code": host.code, "token": vouched["token"]});
    let joined = site.join(ACME, &came).send().await.ok();
    let of = |answer: &Value| {
        (
            answer["name"].clone(),
            answer["role"].clone(),
            answer["participant"].clone(),
        )
    };
    assert_eq!(
        of(&joined),
        (json!("Bob"), json!("moderator"), vouched["participant"].clone())
    );
    let token = claims(&site, &joined);
    assert_eq!(token.jti, claims(&site, &vouched).jti);
    assert_eq!(token.attributes, claims(&site, &vouched).attributes);

    // Not used in its time it is worth nothing.
    site.advance(1_000);
    site.relay_up_again().await;
    assert_eq!(site.join(ACME, &came).send().await.json()["field"], "name");
    let named = json!({"code": host.code, "token": vouched["token"], "name": "Bob"});
    assert_eq!(site.join(ACME, &named).send().await.json()["reason"], "wrong_pin");

    // Whoever was in comes back by it however late.
    let other = json!({"conference_id": made["conference_id"], "name": "Eve"});
    let other = claims(&site, &site.admin_api("conference/join_token", other).await);
    let room = &other.video.room;
    let entered = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 2, "jti": other.jti});
    site.report("enter", entered).await.ok();
    let came_in = json!({"room": room, "at": site.now().as_millisecond(), "kind": "participant_join", "participant": 1,
        "jti": token.jti, "name": "Bob", "moderator": true, "region": "eu"});
    let events = json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": [came_in]});
    site.report("events", events).await.ok();
    assert_eq!(of(&site.join(ACME, &came).send().await.ok()), of(&joined));
}

#[tokio::test]
async fn a_moderators_token_begins_a_meeting_on_a_hosts_code_and_a_guests_does_not() {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    let asked = |moderator: bool| json!({"access_code": host.code, "name": "Bob", "moderator": moderator});
    assert_eq!(
        refused(&site, "conference/join_token", asked(false)).await.1,
        "not_started"
    );
    let begun = site.admin_api("conference/join_token", asked(true)).await;
    let joined = site.admin_api("conference/join_token", asked(false)).await;
    assert_eq!(begun["conference_id"], joined["conference_id"]);
    // Nobody reaches another company's code by its host name.
    let stranger = site
        .join(OTHER, &json!({"code": host.code, "name": "Eve"}))
        .send()
        .await;
    assert_eq!(stranger.refused().0, 404);
}

/// Somebody under the partner's own name has one number in all occurrences.
#[tokio::test]
async fn a_page_of_participants_goes_on_where_the_one_before_ended() {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    let planned = json!({"host_id": host.id, "subject": "Daily", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}});
    let id = site.admin_api("conference/create", planned).await["conference_id"].clone();
    let mut batch = 0;
    for day in 0..3 {
        if day > 0 {
            // Half a day at a time: the session lives by its use.
            for _ in 0..2 {
                site.advance(43_200);
                site.admin_api("conference/fetch", json!({"conference_id": id})).await;
            }
            site.relay_up_again().await;
        }
        for person in ["user-1", "user-2"] {
            let asked = json!({"conference_id": id, "name": person, "identity": person});
            let joined = site.admin_api("conference/join_token", asked).await;
            let token = claims(&site, &joined);
            let (room, number) = (token.video.room.clone(), joined["participant"].clone());
            let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": number, "jti": token.jti});
            site.report("enter", enter).await.ok();
            let event = json!({"room": room, "at": site.now().as_millisecond(), "kind": "participant_join", "participant": number,
                "jti": token.jti, "name": person, "moderator": false, "region": "eu"});
            batch += 1;
            let events = json!({"relay": "relay-1", "epoch": 1, "n": batch, "events": [event]});
            site.report("events", events).await.ok();
        }
        let room = json!({"conference_id": id});
        site.admin_api("conference/end", room).await;
    }
    let all = site
        .admin_api("conference/participants", json!({"conference_id": id}))
        .await;
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), 6);
    let mut paged = Vec::new();
    let mut after = Value::Null;
    for _ in 0..all.len() {
        let mut asked = json!({"conference_id": id, "limit": 1, "auth_token": site.admin});
        if !after.is_null() {
            asked["after"] = after;
        }
        let answer = site.api(ACME, "conference/participants", asked).await;
        after = answer
            .headers
            .get("x-next-after")
            .map_or(Value::Null, |next| next.to_str().expect("text").into());
        paged.extend(answer.ok().as_array().expect("a list").clone());
    }
    assert_eq!((&paged, after), (all, Value::Null));
    // A number alone is the participant in the newest occurrence; nobody's is refused.
    let behind = json!({"conference_id": id, "after": all[0]["participant"]});
    assert_eq!(
        site.admin_api("conference/participants", behind)
            .await
            .as_array()
            .map(Vec::as_slice),
        Some(&all[1..])
    );
    for nobody in [json!(99), json!("x"), json!("1-"), json!("-1")] {
        let (status, code, field) = refused(
            &site,
            "conference/participants",
            json!({"conference_id": id, "after": nobody}),
        )
        .await;
        assert_eq!(
            (status, code.as_str(), field),
            (400, "invalid_field", json!("after")),
            "{nobody}"
        );
    }
}

#[tokio::test]
async fn who_is_or_was_there_is_told_with_times_and_reasons() {
    let site = Site::new().await;
    let meeting = running_meeting(&site, "http://127.0.0.1:9").await;
    let room = meeting["room"].as_str().expect("a room").to_owned();
    let start = site.now().as_second();
    let event = |second: i64, participant: u32, more: Value| {
        let mut event = json!({"room": room, "at": (start + second) * 1_000, "participant": participant, "jti": format!("j{participant}")});
        let fields = event.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        event
    };
    let joins = |name: &str, moderator: bool| json!({"kind": "participant_join", "name": name, "moderator": moderator, "region": "eu"});
    let leaves = |reason: &str| json!({"kind": "participant_leave", "reason": reason, "duration_ms": 1_000});
    let events = [
        event(0, 1, joins("Ann", true)),
        event(10, 2, joins("Bob", false)),
        event(20, 2, leaves("connection_lost")),
        event(30, 2, joins("Bobby", false)),
        event(40, 1, leaves("left")),
    ];
    site.report(
        "events",
        json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": events}),
    )
    .await
    .ok();
    let id = meeting["conference_id"].clone();
    let all = site
        .admin_api("conference/participants", json!({"conference_id": id}))
        .await;
    let stay = |join: &str, leave: Option<&str>, reason: Option<&str>| json!({"join_time": join, "leave_time": leave, "reason": reason});
    assert_eq!(
        all,
        json!([
            {"participant": 2, "identity": "p2", "name": "Bobby", "moderator": false, "occurrence": "2026-06-01 12:00:00",
             "present": true, "join_time": "2026-06-01 12:00:10", "leave_time": null, "reason": null, "stays": [
                stay("2026-06-01 12:00:10", Some("2026-06-01 12:00:20"), Some("connection_lost")), stay("2026-06-01 12:00:30", None, None)]},
            {"participant": 1, "identity": "p1", "name": "Ann", "moderator": true, "occurrence": "2026-06-01 12:00:00",
             "present": false, "join_time": "2026-06-01 12:00:00", "leave_time": "2026-06-01 12:00:40", "reason": "left", "stays": [
                stay("2026-06-01 12:00:00", Some("2026-06-01 12:00:40"), Some("left"))]},
        ])
    );
    let body = json!({"auth_token": site.admin, "conference_id": id, "limit": 1, "occurrence": "2026-06-01 12:00:00"});
    let page = site.api(ACME, "conference/participants", body.clone()).await;
    assert_eq!((page.ok(), page.header("x-next-after")), (json!([all[0]]), "2"));
    let mut next = body;
    next["after"] = 2.into();
    let page = site.api(ACME, "conference/participants", next).await;
    assert_eq!((page.ok(), page.header("x-next-after")), (json!([all[1]]), ""));
    let none = json!({"conference_id": id, "occurrence": "2026-06-02 12:00:00"});
    assert_eq!(refused(&site, "conference/participants", none).await.0, 404);
}

#[tokio::test]
async fn somebody_is_put_out_by_a_command_to_the_relay_and_the_rest_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let site = Site::new().await;
    let meeting = running_meeting(&site, &url).await;
    let id = meeting["conference_id"].clone();
    let join = json!({"room": meeting["room"], "at": site.now().as_millisecond(), "kind": "participant_join", "participant": 1,
        "jti": "j", "name": "Bob", "moderator": false, "region": "eu"});
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": [join]});
    site.report("events", batch).await.ok();

    let asked = json!({"conference_id": id, "action": "remove", "participant": 1, "idempotency_key": "once"});
    let relay = async { one_request(listener.accept().await.expect("called").0, "200 OK").await };
    let ((_, body), done) = tokio::join!(relay, site.admin_api("conference/control", asked.clone()));
    assert_eq!(done, json!({"conference_id": id, "action": "remove", "participant": 1}));
    let command: Command = serde_json::from_slice(&body).expect("a command");
    assert_eq!(command.room.to_string(), meeting["room"]);
    assert!(matches!(command.action, Action::Remove { participant, .. } if participant.value() == 1));
    // The same request again is answered without another command.
    assert_eq!(site.admin_api("conference/control", asked).await, done);

    let relay = async { one_request(listener.accept().await.expect("called").0, "500 Internal Server Error").await };
    let again = json!({"conference_id": id, "action": "remove", "participant": 1});
    let (_, failed) = tokio::join!(relay, refused(&site, "conference/control", again));
    assert_eq!((failed.0, failed.1.as_str()), (503, "unavailable"));

    let relay = async { one_request(listener.accept().await.expect("called").0, "404 Not Found").await };
    let gone = json!({"conference_id": id, "action": "mute", "participant": 1});
    let (_, found) = tokio::join!(relay, refused(&site, "conference/control", gone));
    assert_eq!(found, (404, "not_found".into(), "participant".into()));

    for action in [
        "lower_hand",
        "start_recording",
        "stop_recording",
        "start_stream",
        "stop_stream",
        "dance",
    ] {
        let asked = json!({"conference_id": id, "action": action, "participant": 1});
        let found = refused(&site, "conference/control", asked).await;
        assert_eq!(found, (400, "invalid_field".into(), "action".into()), "{action}");
    }
    let asked = json!({"conference_id": id, "action": "remove"});
    assert_eq!(refused(&site, "conference/control", asked).await.2, "participant");
    let asked = json!({"conference_id": id, "action": "remove", "participant": 99});
    assert_eq!(refused(&site, "conference/control", asked).await.0, 404);
}

#[tokio::test]
async fn every_action_reaches_the_relay_in_its_own_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let site = Site::new().await;
    let meeting = running_meeting(&site, &url).await;
    let id = meeting["conference_id"].clone();
    let join = json!({"room": meeting["room"], "at": site.now().as_millisecond(), "kind": "participant_join", "participant": 1,
        "jti": "j", "name": "Bob", "moderator": false, "region": "eu"});
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": [join]});
    site.report("events", batch).await.ok();

    for action in ["mute", "ask_unmute", "camera_off", "promote", "demote"] {
        let asked = json!({"conference_id": id, "action": action, "participant": 1});
        let relay = async { one_request(listener.accept().await.expect("called").0, "200 OK").await };
        let ((_, body), done) = tokio::join!(relay, site.admin_api("conference/control", asked.clone()));
        assert_eq!(done, asked);
        let told: Value = serde_json::from_slice(&body).expect("json");
        assert_eq!(
            told,
            json!({"room": meeting["room"], "action": action, "participant": 1})
        );
        let nobody = json!({"conference_id": id, "action": action});
        let missing = (400, "missing_field".to_owned(), json!("participant"));
        assert_eq!(refused(&site, "conference/control", nobody).await, missing, "{action}");
    }
    let whole = ["mute_all", "unmute_all", "lock", "unlock"].map(|action| json!({"action": action}));
    let modes =
        ["conversation", "q&a", "presentation"].map(|mode| json!({"action": "set_mute_mode", "mute_mode": mode}));
    for action in whole.into_iter().chain(modes) {
        let mut asked = action.clone();
        asked["conference_id"] = id.clone();
        let relay = async { one_request(listener.accept().await.expect("called").0, "200 OK").await };
        let ((_, body), done) = tokio::join!(relay, site.admin_api("conference/control", asked.clone()));
        assert_eq!(done, asked);
        let mut told: Value = serde_json::from_slice(&body).expect("json");
        assert_eq!(told["room"].take(), meeting["room"]);
        told.as_object_mut().expect("an object").remove("room");
        assert_eq!(told, action);
    }
    let no_mode = json!({"conference_id": id, "action": "set_mute_mode"});
    let missing = (400, "missing_field".to_owned(), json!("mute_mode"));
    assert_eq!(refused(&site, "conference/control", no_mode).await, missing);
    // Of who waits only the relay knows: nobody of number 7 was reported.
    for (action, status, code) in [
        ("admit", "200 OK", None),
        ("reject", "200 OK", None),
        ("admit", "404 Not Found", Some((404, "not_found"))),
        ("reject", "409 Conflict", Some((409, "conflict"))),
    ] {
        let asked = json!({"conference_id": id, "action": action, "participant": 7});
        let relay = async { one_request(listener.accept().await.expect("called").0, status).await };
        let body = json!({"auth_token": site.admin, "conference_id": id, "action": action, "participant": 7});
        let ((_, told), answer) = tokio::join!(relay, site.api(ACME, "conference/control", body));
        let told: Value = serde_json::from_slice(&told).expect("json");
        assert_eq!(
            told,
            json!({"room": meeting["room"], "action": action, "participant": 7})
        );
        match code {
            None => assert_eq!(answer.ok(), asked),
            Some((status, code)) => assert_eq!(answer.refused(), (status, code.into())),
        }
    }
    // A relay that holds the room no more: nothing runs.
    let relay = async { one_request(listener.accept().await.expect("called").0, "404 Not Found").await };
    let lock = json!({"conference_id": id, "action": "lock"});
    let (_, found) = tokio::join!(relay, refused(&site, "conference/control", lock));
    assert_eq!((found.0, found.1.as_str()), (409, "conflict"));
}

#[tokio::test]
async fn who_is_made_a_moderator_is_shown_as_one() {
    let site = Site::new().await;
    let meeting = running_meeting(&site, "https://r1.relay.test").await;
    let at = site.now().as_millisecond();
    let join = json!({"room": meeting["room"], "at": at, "kind": "participant_join", "participant": 1,
        "jti": "j", "name": "Bob", "moderator": false, "region": "eu"});
    let role = json!({"room": meeting["room"], "at": at, "kind": "participant_role", "participant": 1, "jti": "j", "moderator": true});
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": [join, role]});
    site.report("events", batch).await.ok();
    let asked = json!({"conference_id": meeting["conference_id"]});
    let all = site.admin_api("conference/participants", asked).await;
    assert_eq!((&all[0]["moderator"], &all[0]["present"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn a_relay_that_begins_anew_hears_what_moderators_had_set() {
    let site = Site::new().await;
    let meeting = running_meeting(&site, "https://r1.relay.test").await;
    let room = &meeting["room"];
    let at = site.now().as_millisecond();
    let join = json!({"room": room, "at": at, "kind": "participant_join", "participant": 1,
        "jti": "j", "name": "Bob", "moderator": true, "region": "eu"});
    let rules = json!({"room": room, "at": at, "kind": "room_rules", "locked": true, "mute_mode": "presentation"});
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": [join, rules]});
    site.report("events", batch).await.ok();
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": "j"});
    let entered = site.report("enter", enter).await.ok();
    assert_eq!(entered["rules"], json!({"locked": true, "mute_mode": "presentation"}));
    assert_eq!(
        entered["earlier"],
        json!([{"participant": 1, "jti": "j", "moderator": true}])
    );
}

#[tokio::test]
async fn a_code_opens_the_occurrence_of_its_day() {
    let site = Site::new().await;
    site.relay_up().await;
    let host = site.host("Ann").await;
    let daily = json!({"host_id": host.id, "subject": "Daily", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}});
    let made = site.admin_api("conference/create", daily).await;
    site.advance(24 * 3_600);
    site.relay_up_again().await;
    let joined = site
        .join(ACME, &json!({"code": host.code, "name": "Bob"}))
        .send()
        .await
        .ok();
    let room = claims(&site, &joined).room().expect("a room");
    assert_eq!(room.occurrence.value(), site.now().as_second() + 300);
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room.to_string(), "participant": 1, "jti": "j"});
    site.report("enter", enter).await.ok();
    let again = json!({"code": host.code, "token": joined["token"]});
    let again = site.join(ACME, &again).send().await.ok();
    assert_eq!(
        (again["participant"].clone(), claims(&site, &again).room()),
        (joined["participant"].clone(), Some(room))
    );
    let fetched = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
    let token = site.api(ACME, "authenticate", fetched).await.ok()["auth_token"].clone();
    let asked = json!({"auth_token": token, "conference_id": made["conference_id"]});
    let shown = site.api(ACME, "conference/fetch", asked).await.ok();
    let active: Vec<_> = shown["occurrences"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["active"].clone())
        .collect();
    assert_eq!(active, [false, true, false]);
    assert_eq!(shown["active"], true);
    let native = json!({"auth_token": token, "conference_id": made["conference_id"], "name": "Eve"});
    let native = site.api(ACME, "conference/join_token", native).await.ok();
    assert_eq!(native["occurrence"], "2026-06-02 12:05:00");
}
