//! The walk through meetings that repeat, run, are taken back, and begin by tokens.

use serde_json::{Value, json};

use super::Walk;
use crate::an_end_reaches_the_relays::one_request;
use crate::site::{self, ACME, Host};
use functions::operator;

/// Meetings that repeat: made, opened by a visitor, changed, cancelled, listed.
pub(super) async fn repeating(walk: &mut Walk, host: &Host) {
    let daily = json!({"host_id": host.id, "subject": "Daily", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "recurrence": {"rrule": "FREQ=DAILY;COUNT=9"}, "one_time_access_code": true, "participant_emails": ["three@guest.test"]});
    let made = walk.api("conference_create", daily).await.ok();
    let id = made["conference_id"].clone();
    let code = made["one_time_access_code"].to_string();
    walk.join(json!({"code": code, "name": "Bob"}), "a=b").await.ok();
    let change = |n: u32, more: Value| {
        let mut asked = json!({"conference_id": id, "idempotency_key": format!("change-{n}")});
        asked
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        asked
    };
    let people =
        json!({"participants": made["participants"], "participant_emails": ["four@guest.test", "three@guest.test"]});
    walk.api("conference_update", change(1, people)).await.ok();
    walk.api("conference_update", change(2, json!({"one_time_access_code": false})))
        .await
        .refused();
    let gone = json!({"occurrence": "2026-06-03 12:05:00", "scope": "this"});
    walk.api("conference_delete", change(3, gone)).await.ok();
    walk.api("conference_delete", change(4, json!({}))).await.refused();
    unheld(walk).await;
    let planned = json!({"host_id": host.id, "subject": "Once", "start": "2026-06-02 12:05:00", "time_zone": "UTC", "duration": 60});
    let once = walk.api("conference_create", planned).await.ok();
    for own in [true, false, true] {
        let asked = json!({"conference_id": once["conference_id"], "one_time_access_code": own});
        walk.api("conference_update", asked).await.ok();
    }
    for more in [
        json!({"recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}}),
        json!({"recurrence": null}),
    ] {
        let mut asked = more;
        asked["conference_id"] = once["conference_id"].clone();
        walk.api("conference_update", asked).await.ok();
    }
    let list = json!({"host_id": host.id, "after": once["conference_id"]});
    walk.api("conference_fetch_all", list).await.ok();
    walk.api("conference_delete", json!({"conference_id": once["conference_id"]}))
        .await
        .ok();
}

/// Occurrences that the sweeper has made and nobody has come to: one is cancelled, of another its meeting repeats no more.
async fn unheld(walk: &mut Walk) {
    let host = walk.site.host("Alone").await;
    let daily = |start: &str| {
        json!({"host_id": host.id, "subject": "Daily", "start": start, "time_zone": "UTC", "duration": 60,
            "recurrence": {"rrule": "FREQ=DAILY;COUNT=9"}})
    };
    let one = walk
        .site
        .admin_api("conference/create", daily("2026-06-01 12:07:00"))
        .await;
    let other = walk
        .site
        .admin_api("conference/create", daily("2026-05-31 12:09:00"))
        .await;
    operator::sweep(&walk.site.app).await.expect("swept");
    let gone = json!({"conference_id": one["conference_id"], "occurrence": "2026-06-01 12:07:00", "scope": "this"});
    walk.api("conference_delete", gone).await.ok();
    let once = json!({"conference_id": other["conference_id"], "recurrence": null});
    walk.api("conference_update", once).await.ok();
}

/// What partners' servers do in a running meeting.
pub(super) async fn in_meetings(walk: &mut Walk, host: &Host, conference: &Value, room: &str) {
    let join = json!({"room": room, "at": site::START * 1000, "kind": "participant_join", "participant": 1, "jti": "j1", "name": "Bob",
        "moderator": false, "region": "eu"});
    let batch = json!({"relay": "relay-1", "epoch": 1, "n": 3, "events": [join]});
    walk.report("relay_events", batch).await.ok();
    let token = json!({"conference_id": conference, "name": "Bob", "identity": "user-1"});
    walk.api("conference_join_token", token).await.ok();
    let token = json!({"access_code": host.code, "name": "Bob"});
    walk.api("conference_join_token", token).await.ok();
    walk.api("conference_participants", json!({"conference_id": conference}))
        .await
        .ok();
    let span = json!({"room": room, "participant": 1, "at": walk.site.now().as_millisecond(), "duration_ms": 60_000,
        "loss_up": 0.01, "worst_loss_up": 0.02, "loss_down": 0, "worst_loss_down": 0, "score": 4.2, "lowest_score": 4, "grade": "good"});
    let report = json!({"relay": "relay-1", "epoch": 1, "spans": [span]});
    assert_eq!(walk.report("relay_quality", report).await.ok(), json!({"kept": 1}));
    walk.api("conference_quality", json!({"conference_id": conference}))
        .await
        .ok();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let register = json!({"relay": "relay-1", "region": "eu", "url": url, "version": "1", "capacity": 9, "epoch": 1});
    walk.report("relay_register", register).await.ok();
    let remove =
        json!({"conference_id": conference, "action": "remove", "participant": 1, "idempotency_key": "control-1"});
    let relay = async { one_request(listener.accept().await.expect("called").0, "200 OK").await };
    let (_, done) = tokio::join!(relay, walk.api("conference_control", remove));
    done.ok();
    drop(listener);
    let gone =
        json!({"conference_id": conference, "action": "remove", "participant": 9, "idempotency_key": "control-2"});
    walk.api("conference_control", gone).await.refused();
}

/// A relay that registers again keeps its rooms, and one that nothing was heard of takes them back.
pub(super) async fn taken_back(walk: &mut Walk) {
    let host = walk.site.host("Back").await;
    let made = walk
        .site
        .admin_api("conference/create/reservationless", json!({"host_id": host.id}))
        .await;
    walk.site
        .join(ACME, &json!({"code": host.code, "name": "Bob"}))
        .send()
        .await
        .ok();
    let room = format!("1/{}/{}", made["conference_id"], walk.site.now().as_second());
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": "b"});
    walk.site.report("enter", enter).await.ok();
    let beat = json!({"relay": "relay-1", "epoch": 1, "participants": 1, "load": 0.5, "rooms": [{"room": room, "participants": 1}]});
    for _ in 0..2 {
        walk.site.advance(60);
        operator::sweep(&walk.site.app).await.expect("swept");
    }
    walk.report("relay_heartbeat", beat).await.ok();
    walk.report("relay_leave", json!({"relay": "relay-1", "epoch": 1, "room": room}))
        .await
        .ok();
}

/// Tokens that begin a meeting, and one that takes the place of guests.
pub(super) async fn tokens(walk: &mut Walk) {
    let host = walk.site.host("Token").await;
    walk.site.relay_up_again().await;
    let asked = json!({"access_code": host.code, "name": "Bob", "moderator": true});
    let begun = walk.api("conference_join_token", asked).await.ok();
    let room = format!("1/{}/{}", begun["conference_id"], walk.site.now().as_second());
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": "t"});
    walk.site.report("enter", enter).await.ok();
    walk.site.advance(61);
    walk.site.relay_up_again().await;
    let start = domain::time::iso(walk.site.now());
    let planned = json!({"host_id": host.id, "subject": "Daily", "start": start, "time_zone": "UTC", "duration": 60,
        "recurrence": {"rrule": "FREQ=DAILY;COUNT=2"}});
    let planned = walk.site.admin_api("conference/create", planned).await;
    let asked = json!({"conference_id": planned["conference_id"], "name": "Bob"});
    walk.api("conference_join_token", asked).await.ok();
}

/// The calendar file of a planned meeting: for its host, for a guest, and where there is none.
pub(super) async fn kept_in_calendars(walk: &mut Walk, host: &Host, cookie: &str) {
    let planned = json!({"host_id": host.id, "subject": "Kept", "start": "2026-06-02 12:00:00", "time_zone": "UTC",
        "duration": 30, "one_time_access_code": true, "recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}});
    let made = walk.site.admin_api("conference/create", planned).await;
    let code = made["one_time_access_code"].to_string();
    for (code, cookie) in [
        (code.as_str(), cookie),
        (&code, "a=b"),
        (&host.code, cookie),
        ("7654321", "a=b"),
    ] {
        let path = format!("/conf/call/{code}/meeting.ics");
        walk.page("page_calendar", &path, cookie).await;
    }
}
