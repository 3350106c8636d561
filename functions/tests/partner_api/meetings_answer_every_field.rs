//! What the methods of meetings take and answer, contract §2: every field given, every default, every answer; what one
//! method answers, the next one fetches.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::methods_answer_every_field::fields;
use crate::world::{World, meeting, refusal};

#[tokio::test]
async fn the_guides_conference_call_works_as_printed() {
    let world = World::new().await;
    world.advance(-180 * 24 * 3_600);
    let host = world.acme.host.id;
    let invite = |email: &str| {
        let mut asked = meeting(host);
        asked["start"] = "2025-12-05 13:00:00".into();
        asked["participant_emails"] = json!([email]);
        asked
    };
    let first = world.root("conference/create", invite("bob@people.test")).await.ok();
    let own = first["participants"][0].clone();
    let bob = first["participants"][1].clone();
    let asked = json!({
        "host_id": host, "subject": "Test Conference", "agenda": "An agenda", "start": "2025-12-06 13:00:00",
        "time_zone": "Europe/London", "duration": 60, "auto_record": "none", "auto_transcribe": false,
        "one_time_access_code": true, "security_pin": "123456", "mute_mode": "conversation", "participants": [bob],
        "participant_emails": [{"email": "alice@people.test", "name": "Alice", "phone": "+15551234567", "moderator": true},
            "BOB@people.test", "carol@people.test"],
        "auto_stream": "none", "waiting_room": true, "registration": false, "recurrence": null,
        "reminders": [{"channel": "email", "minutes_before": 15}], "secure_url": false, "host_initiated_recording": false,
    });
    let made = world.root("conference/create", asked.clone()).await.ok();
    for name in [
        "subject",
        "agenda",
        "start",
        "time_zone",
        "duration",
        "auto_record",
        "auto_transcribe",
        "security_pin",
        "mute_mode",
        "auto_stream",
        "waiting_room",
        "recurrence",
        "host_initiated_recording",
    ] {
        assert_eq!(made[name], asked[name], "{name}");
    }
    assert_eq!(made["end_time"], "2025-12-06 14:00:00");
    assert_eq!(made["active"], false);
    let code = made["one_time_access_code"].as_u64().expect("an integer");
    assert_eq!(made["room_url"], format!("https://acme.demo.test/conf/call/{code}"));
    assert_eq!(
        made["livestream_url"],
        format!("https://acme.demo.test/livestream/{code}")
    );
    assert_eq!(
        (&made["recordings"], &made["broadcast_stream"], &made["is_streaming"]),
        (&json!([]), &json!({}), &json!(false))
    );
    assert!(made["moderator_token"].as_str().expect("a token").len() >= 12);
    assert!(made["ics_uid"].as_str().expect("a text").ends_with("@acme.demo.test"));
    let people = made["participants"].as_array().expect("a list");
    assert_eq!(
        (people.len(), &people[0], &people[1]),
        (4, &own, &bob),
        "Bob is invited once"
    );
    assert_eq!(made["moderators"], json!([own, people[2]]));
    let emails: Vec<_> = made["participant_emails"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|p| p["email"].clone())
        .collect();
    assert_eq!(emails, ["bob@people.test", "alice@people.test", "carol@people.test"]);
    assert_eq!(
        made["participant_emails"][1],
        json!({"email": "alice@people.test", "name": "Alice", "phone": "+15551234567", "moderator": true})
    );
    let lying = world.table.text().await;
    assert!(!lying.contains(made["moderator_token"].as_str().expect("a token")));
    assert_eq!(
        world
            .root("conference/fetch", json!({"conference_id": made["conference_id"]}))
            .await
            .ok(),
        made
    );

    let plain = world.root("conference/create", invite("x@people.test")).await.ok();
    let optional = BTreeSet::from(["one_time_access_code", "security_pin"]);
    assert_eq!(
        fields(&made)
            .difference(&fields(&plain))
            .copied()
            .collect::<BTreeSet<_>>(),
        optional
    );
}

#[tokio::test]
async fn times_are_wall_clock_of_the_zone_and_instants_are_converted() {
    let world = World::new().await;
    let cases = [
        (
            "2026-06-02T13:00:00+02:00",
            "Europe/London",
            60,
            "2026-06-02 12:00:00",
            "2026-06-02 13:00:00",
        ),
        (
            "2026-06-02T13:00:00Z",
            "US/Eastern",
            90,
            "2026-06-02 09:00:00",
            "2026-06-02 10:30:00",
        ),
        (
            "2027-03-28 01:30:00",
            "Europe/London",
            30,
            "2027-03-28 02:30:00",
            "2027-03-28 03:00:00",
        ),
        (
            "2026-10-25 01:30:00",
            "Europe/London",
            60,
            "2026-10-25 01:30:00",
            "2026-10-25 01:30:00",
        ),
    ];
    for (start, zone, duration, shown, end) in cases {
        let mut asked = meeting(world.acme.host.id);
        asked["start"] = start.into();
        asked["time_zone"] = zone.into();
        asked["duration"] = duration.into();
        let made = world.root("conference/create", asked).await.ok();
        assert_eq!(
            (made["start"].as_str(), made["end_time"].as_str()),
            (Some(shown), Some(end)),
            "{start} {zone}"
        );
        assert_eq!(made["time_zone"], zone);
    }
    let mut old = meeting(world.acme.host.id);
    old["start"] = "2026-05-31 11:00:00".into();
    assert_eq!(
        world.root("conference/create", old).await.refused(),
        refusal(400, "invalid_field", "start")
    );
}

#[tokio::test]
async fn what_comes_later_is_refused_and_says_which() {
    let world = World::new().await;
    let later = [
        ("auto_record", json!("audio")),
        ("auto_record", json!("video")),
        ("auto_stream", json!("video")),
        ("auto_transcribe", json!(true)),
        (
            "reminders",
            json!(vec![json!({"channel": "email", "minutes_before": 15}); 6]),
        ),
        ("reminders", json!([{"channel": "sms", "minutes_before": 15}])),
    ];
    let before = world.table.dump().await;
    for (field, value) in later {
        for method in ["conference/create", "conference/create/reservationless"] {
            let mut asked = meeting(world.acme.host.id);
            asked[field] = value.clone();
            assert_eq!(
                world.root(method, asked).await.refused(),
                refusal(400, "invalid_field", field),
                "{method}"
            );
        }
    }
    let mut unequal = meeting(world.acme.host.id);
    unequal["auto_record"] = "audio".into();
    unequal["auto_stream"] = "video".into();
    assert_eq!(
        world.root("conference/create", unequal).await.refused(),
        refusal(400, "invalid_field", "auto_stream")
    );
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn a_reservationless_meeting_starts_now_with_its_own_defaults() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let made = world
        .root("conference/create/reservationless", json!({"host_id": host}))
        .await
        .ok();
    let expected = json!({
        "subject": "HOST's Meeting", "agenda": null, "start": "2026-06-01 12:00:00", "end_time": "2026-06-01 23:00:00",
        "time_zone": "UTC", "duration": 660, "active": true,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&made[name], value, "{name}");
    }
    assert_eq!(
        world
            .root("conference/fetch", json!({"conference_id": made["conference_id"]}))
            .await
            .ok(),
        made
    );
    let asked = json!({"host_id": host, "subject": "Own", "time_zone": "Asia/Tokyo", "duration": 5, "agenda": "a\nb"});
    let own = world.root("conference/create/reservationless", asked).await.ok();
    assert_eq!(
        (own["start"].as_str(), own["agenda"].as_str()),
        (Some("2026-06-01 21:00:00"), Some("a\nb"))
    );
}

#[tokio::test]
async fn a_meeting_ends_once_and_ending_again_is_harmless() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let made = world
        .root("conference/create/reservationless", json!({"host_id": host}))
        .await
        .ok();
    let id = json!({"conference_id": made["conference_id"]});
    let ended = world.root("conference/end", id.clone()).await.ok();
    assert_eq!(
        (ended["active"].as_bool(), &ended["conference_id"]),
        (Some(false), &made["conference_id"])
    );
    let before = world.table.dump().await;
    assert_eq!(world.root("conference/end", id.clone()).await.ok(), ended);
    assert!(before == world.table.dump().await, "the second end wrote something");
    assert_eq!(world.root("conference/fetch", id).await.ok(), ended);
}

#[tokio::test]
async fn a_single_meeting_has_one_occurrence() {
    let world = World::new().await;
    let id = world.acme.host.conference;
    let whole = world.root("conference/fetch", json!({"conference_id": id})).await.ok();
    let named = json!({"conference_id": id, "occurrence": whole["start"], "scope": "this"});
    assert_eq!(world.root("conference/fetch", named).await.ok(), whole);
    let other = json!({"conference_id": id, "occurrence": "2026-06-03 13:00:00"});
    assert_eq!(
        world.root("conference/fetch", other).await.refused(),
        refusal(404, "not_found", "")
    );
    let wrong = json!({"conference_id": id, "scope": "some"});
    assert_eq!(
        world.root("conference/fetch", wrong).await.refused(),
        refusal(400, "invalid_field", "scope")
    );
}

#[tokio::test]
async fn hundreds_are_invited_and_too_many_refused() {
    let world = World::new().await;
    let people = |count: usize| -> Vec<Value> { (0..count).map(|n| json!(format!("p{n}@crowd.test"))).collect() };
    let mut asked = meeting(world.acme.host.id);
    asked["participant_emails"] = people(250).into();
    let made = world.root("conference/create", asked.clone()).await.ok();
    assert_eq!(made["participants"].as_array().map(Vec::len), Some(251));
    let again = world.root("conference/create", asked.clone()).await.ok();
    assert_eq!(again["participants"], made["participants"], "contacts are made once");
    asked["participant_emails"] = people(1_000).into();
    assert_eq!(
        world.root("conference/create", asked).await.refused(),
        refusal(400, "invalid_field", "participant_emails")
    );
}
