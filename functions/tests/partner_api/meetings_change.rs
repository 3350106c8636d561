//! Meetings changed, cancelled and listed, contract §2: every field, at every time of a meeting's life.

use serde_json::{Value, json};

use crate::world::{World, meeting, refusal};

async fn made(world: &World, more: Value) -> Value {
    let mut asked = meeting(world.acme.host.id);
    for (name, value) in more.as_object().expect("an object") {
        asked[name] = value.clone();
    }
    world.root("conference/create", asked).await.ok()
}

async fn update(world: &World, meeting: &Value, mut change: Value) -> Value {
    change["conference_id"] = meeting["conference_id"].clone();
    world.root("conference/update", change).await.ok()
}

async fn fetch(world: &World, meeting: &Value) -> Value {
    let id = json!({"conference_id": meeting["conference_id"]});
    world.root("conference/fetch", id).await.ok()
}

#[tokio::test]
async fn what_is_given_changes_and_what_is_absent_stays() {
    let world = World::new().await;
    let before = made(
        &world,
        json!({"agenda": "Old", "security_pin": "1234", "participant_emails": [{"email": "bob@x.test", "moderator": true}]}),
    )
    .await;
    let after = update(&world, &before, json!({"subject": "New"})).await;
    let mut expected = before.clone();
    expected["subject"] = "New".into();
    assert_eq!(after, expected);
    assert_eq!(fetch(&world, &before).await, after);

    let change = json!({"start": "2026-06-03 09:30:00", "time_zone": "America/New_York", "duration": 45, "agenda": "More",
        "security_pin": "9876", "mute_mode": "q&a", "waiting_room": true, "host_initiated_recording": true, "secure_url": true});
    let after = update(&world, &before, change.clone()).await;
    for name in [
        "start",
        "time_zone",
        "duration",
        "agenda",
        "security_pin",
        "mute_mode",
        "waiting_room",
        "host_initiated_recording",
    ] {
        assert_eq!(after[name], change[name], "{name}");
    }
    assert_eq!(after["end_time"], "2026-06-03 10:15:00");
    assert!(
        after["room_url"]
            .as_str()
            .expect("a link")
            .ends_with("?encrypted_pin=true")
    );
    assert_eq!(fetch(&world, &before).await, after);

    // The same time of day in another zone; null takes away what may be absent.
    let after = update(
        &world,
        &before,
        json!({"time_zone": "Asia/Tokyo", "agenda": null, "security_pin": null}),
    )
    .await;
    assert_eq!(
        (&after["start"], &after["agenda"]),
        (&json!("2026-06-03 09:30:00"), &Value::Null)
    );
    assert!(after.get("security_pin").is_none());
    assert_eq!(fetch(&world, &before).await, after);
}

#[tokio::test]
async fn people_are_replaced_and_contacts_made_once() {
    let world = World::new().await;
    let before = made(
        &world,
        json!({"participant_emails": [{"email": "bob@x.test", "name": "Bob", "moderator": true}, "ann@x.test"]}),
    )
    .await;
    let ids = before["participants"].as_array().expect("a list").clone();
    let after = update(
        &world,
        &before,
        json!({"participant_emails": [{"email": "ANN@x.test"}, "carol@x.test"]}),
    )
    .await;
    let people = after["participants"].as_array().expect("a list");
    assert_eq!((people.len(), &people[0], &people[1]), (3, &ids[0], &ids[2]));
    assert_eq!(after["moderators"], json!([ids[0]]));
    let by_id = update(&world, &before, json!({"participants": [ids[1]]})).await;
    assert_eq!(by_id["participants"], json!([ids[0], ids[1]]));
    assert_eq!(by_id["participant_emails"][0]["name"], "Bob");
    let both = update(
        &world,
        &before,
        json!({"participants": [ids[2]], "participant_emails": ["bob@x.test"]}),
    )
    .await;
    assert_eq!(both["participants"], json!([ids[0], ids[2], ids[1]]));
    let none = update(&world, &before, json!({"participants": [], "participant_emails": []})).await;
    assert_eq!(none["participants"], json!([ids[0]]));
    assert_eq!(fetch(&world, &before).await, none);

    let crowd: Vec<_> = (0..250).map(|n| format!("p{n}@crowd.test")).collect();
    let many = update(&world, &before, json!({"participant_emails": crowd})).await;
    assert_eq!(many["participants"].as_array().map(Vec::len), Some(251));
    let too_many: Vec<_> = (0..1_000).map(|n| format!("p{n}@crowd.test")).collect();
    let asked = json!({"conference_id": before["conference_id"], "participant_emails": too_many});
    let refused = world.root("conference/update", asked).await.refused();
    assert_eq!(refused, refusal(400, "invalid_field", "participant_emails"));
    let foreign = json!({"conference_id": before["conference_id"], "participants": [999_999]});
    let refused = world.root("conference/update", foreign).await.refused();
    assert_eq!(refused, refusal(400, "invalid_field", "participants[0]"));
}

#[tokio::test]
async fn a_code_of_its_own_comes_and_goes_and_is_given_to_nobody_else() {
    let world = World::new().await;
    let before = made(&world, json!({})).await;
    let own = update(&world, &before, json!({"one_time_access_code": true})).await;
    let code = own["one_time_access_code"].as_u64().expect("a code");
    assert_eq!(own["room_url"], format!("https://acme.demo.test/conf/call/{code}"));
    let same = update(
        &world,
        &before,
        json!({"one_time_access_code": "true", "subject": "Other"}),
    )
    .await;
    assert_eq!(same["one_time_access_code"], code);
    let hosts = update(&world, &before, json!({"one_time_access_code": false})).await;
    assert!(hosts.get("one_time_access_code").is_none());
    assert_eq!(hosts["room_url"], before["room_url"]);
    let lying = world.table.dump().await;
    let room = &lying[&format!("CODE#{code} ROOM")];
    assert!(room.contains("ttl") && !room.contains("conference"), "{room}");
    assert!(!lying.keys().any(|key| key.starts_with(&format!("CODE#{code} AT"))));
    // 2026-06-01 and 366 days.
    assert!(room.contains("1811937600"), "{room}");
}

#[tokio::test]
async fn bad_changes_name_their_field_and_change_nothing() {
    let world = World::new().await;
    let id = world.acme.host.conference;
    let cases = [
        (json!({"subject": ""}), "subject"),
        (json!({"start": "2026-02-30 10:00:00"}), "start"),
        (json!({"start": "2026-05-31 10:00:00"}), "start"),
        (json!({"start": "2029-01-01 10:00:00"}), "start"),
        (json!({"duration": 0}), "duration"),
        (json!({"duration": -5}), "duration"),
        (json!({"duration": 1_441}), "duration"),
        (json!({"time_zone": "Mars/Base"}), "time_zone"),
        (json!({"mute_mode": "loud"}), "mute_mode"),
        (json!({"security_pin": "12"}), "security_pin"),
        (json!({"waiting_room": "perhaps"}), "waiting_room"),
        (json!({"auto_record": "video"}), "auto_record"),
        (json!({"participant_emails": ["x"]}), "participant_emails[0]"),
        (
            json!({"recurrence": {"rrule": "FREQ=SECONDLY;COUNT=2"}}),
            "recurrence.rrule",
        ),
        (json!({"recurrence": {"rrule": "FREQ=DAILY"}}), "recurrence.rrule"),
        (
            json!({"recurrence": {"rrule": "FREQ=DAILY;COUNT=900"}}),
            "recurrence.rrule",
        ),
        (json!({"scope": "some"}), "scope"),
        (json!({"occurrence": "soon"}), "occurrence"),
    ];
    let before = world.table.dump().await;
    for (mut change, field) in cases {
        change["conference_id"] = id.into();
        let answer = world.root("conference/update", change.clone()).await;
        assert_eq!(answer.refused(), refusal(400, "invalid_field", field), "{change}");
    }
    let no_occurrence = json!({"conference_id": id, "scope": "this"});
    let answer = world.root("conference/update", no_occurrence).await;
    assert_eq!(answer.refused(), refusal(400, "missing_field", "occurrence"));
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn a_running_meeting_keeps_its_place_and_an_ended_one_too() {
    let world = World::new().await;
    let host = json!({"host_id": world.acme.host.id});
    let running = world.root("conference/create/reservationless", host).await.ok();
    let id = running["conference_id"].clone();
    let kept = [
        ("start", json!("2026-06-02 13:00:00")),
        ("time_zone", json!("Asia/Tokyo")),
        ("one_time_access_code", json!(true)),
        ("mute_mode", json!("presentation")),
        ("waiting_room", json!(true)),
        ("recurrence", json!({"rrule": "FREQ=DAILY;COUNT=2"})),
    ];
    let refused = async |field: &str, value: &Value| {
        let mut change = json!({"conference_id": id});
        change[field] = value.clone();
        let answer = world.root("conference/update", change).await;
        assert_eq!(answer.refused(), refusal(409, "conflict", field));
    };
    for (field, value) in &kept {
        refused(field, value).await;
    }
    let shown = update(
        &world,
        &running,
        json!({"duration": 30, "subject": "Now", "start": running["start"]}),
    )
    .await;
    assert_eq!(
        (&shown["duration"], &shown["subject"], &shown["active"]),
        (&json!(30), &json!("Now"), &json!(true))
    );
    let gone = world.root("conference/delete", json!({"conference_id": id})).await;
    assert_eq!(gone.refused(), refusal(409, "conflict", ""));

    world.root("conference/end", json!({"conference_id": id})).await.ok();
    for (field, value) in kept
        .iter()
        .filter(|(field, _)| !["mute_mode", "waiting_room"].contains(field))
    {
        refused(field, value).await;
    }
    refused("duration", &json!(90)).await;
    assert_eq!(
        update(&world, &running, json!({"agenda": "Minutes"})).await["agenda"],
        "Minutes"
    );
    let gone = world.root("conference/delete", json!({"conference_id": id})).await;
    assert_eq!(gone.refused(), refusal(409, "conflict", ""));
}

#[tokio::test]
async fn a_cancelled_meeting_is_gone_with_all_that_led_to_it() {
    let world = World::new().await;
    let meeting = made(
        &world,
        json!({"one_time_access_code": true, "participant_emails": ["bob@x.test"]}),
    )
    .await;
    let id = json!({"conference_id": meeting["conference_id"]});
    assert_eq!(world.root("conference/delete", id.clone()).await.ok(), meeting);
    for method in [
        "conference/fetch",
        "conference/update",
        "conference/delete",
        "conference/end",
    ] {
        assert_eq!(
            world.root(method, id.clone()).await.refused(),
            refusal(404, "not_found", ""),
            "{method}"
        );
    }
    let host = json!({"host_id": world.acme.host.id});
    let list = world.root("conference/fetch_all", host).await.ok();
    assert!(
        list.as_array()
            .expect("a list")
            .iter()
            .all(|entry| entry["conference_id"] != meeting["conference_id"])
    );
    let code = meeting["one_time_access_code"].as_u64().expect("a code");
    let lying = world.table.dump().await;
    let on_code: Vec<_> = lying
        .keys()
        .filter(|key| key.starts_with(&format!("CODE#{code} ")))
        .collect();
    assert_eq!(
        on_code,
        [&format!("CODE#{code} ROOM")],
        "the code stays taken, and leads nowhere"
    );
    assert!(lying[&format!("CODE#{code} ROOM")].contains("ttl"));
}

#[tokio::test]
async fn a_list_is_newest_first_in_pages_and_by_what_is_asked() {
    let world = World::with_series().await;
    let host = world.acme.sibling.id;
    let mut ids = vec![world.acme.sibling.conference, world.acme.sibling.series];
    for day in 1..6 {
        world.advance(1);
        let mut asked = meeting(host);
        asked["start"] = format!("2026-07-0{day} 10:00:00").into();
        ids.push(
            world.root("conference/create", asked).await.ok()["conference_id"]
                .as_u64()
                .expect("an id"),
        );
    }
    let running = world
        .root("conference/create/reservationless", json!({"host_id": host}))
        .await
        .ok();
    ids.push(running["conference_id"].as_u64().expect("an id"));
    let first = ids[..2].to_vec();
    ids[..2].copy_from_slice(&[*first.iter().min().expect("two"), *first.iter().max().expect("two")]);
    ids.reverse();
    let list = async |more: Value| {
        let mut asked = json!({"host_id": host});
        for (name, value) in more.as_object().expect("an object") {
            asked[name] = value.clone();
        }
        let answer = world.root("conference/fetch_all", asked).await;
        let entries = answer.ok();
        let found: Vec<u64> = entries
            .as_array()
            .expect("a bare array")
            .iter()
            .map(|entry| entry["conference_id"].as_u64().expect("an id"))
            .collect();
        (found, answer.header("x-next-after").map(str::to_owned), entries)
    };
    let (all, next, entries) = list(json!({})).await;
    assert_eq!((&all, next), (&ids, None));
    assert_eq!(entries[0], running);
    assert_eq!(entries[1], fetch(&world, &json!({"conference_id": ids[1]})).await);

    let (mut paged, mut after) = (Vec::new(), Value::Null);
    loop {
        let (page, next, _) = list(json!({"limit": 3, "after": after})).await;
        paged.extend(page);
        let Some(next) = next else { break };
        assert_eq!(paged.last().map(u64::to_string), Some(next.clone()));
        after = next.into();
    }
    assert_eq!(paged, ids);

    assert_eq!(list(json!({"active": true})).await.0, ids[..1]);
    assert_eq!(list(json!({"active": "false"})).await.0, ids[1..]);
    let july = json!({"from": "2026-07-02 10:00:00", "to": "2026-07-04T10:00:00Z"});
    let series = world.acme.sibling.series;
    assert_eq!(
        list(july).await.0,
        [ids[2], ids[3], series],
        "London is an hour ahead of UTC"
    );
    let refusals = [
        (json!({"limit": 0}), "limit"),
        (json!({"limit": 1_001}), "limit"),
        (json!({"after": world.acme.host.conference}), "after"),
        (json!({"from": "soon"}), "from"),
        (json!({"active": "maybe"}), "active"),
    ];
    for (mut asked, field) in refusals {
        asked["host_id"] = host.into();
        let answer = world.root("conference/fetch_all", asked).await;
        assert_eq!(answer.refused(), refusal(400, "invalid_field", field));
    }
    world
        .root("conference/end", json!({"conference_id": ids[0]}))
        .await
        .ok();
    assert_eq!(list(json!({"active": true})).await.0, [0_u64; 0]);
}

#[tokio::test]
async fn what_is_said_of_somebody_known_counts_for_this_meeting() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let known = json!({"host_id": host, "name": "Old Name", "email": "known@guest.test", "phone": "+15550001111"});
    let contact = world.root("contact/create", known).await.ok();
    let mut body = meeting(host);
    body["participant_emails"] = json!([{"email": "KNOWN@guest.test", "name": "New Name", "phone": "+15550002222"}]);
    let made = world.root("conference/create", body).await.ok();
    let invited = made["participant_emails"].as_array().expect("a list");
    let invited = invited
        .iter()
        .find(|person| person["email"] == "known@guest.test")
        .expect("invited");
    assert_eq!(
        (&invited["name"], &invited["phone"]),
        (&json!("New Name"), &json!("+15550002222")),
        "{invited}"
    );
    let kept = world
        .root("contact/fetch", json!({"contact_id": contact["contact_id"]}))
        .await
        .ok();
    assert_eq!(
        (&kept["name"], &kept["phone"]),
        (&json!("Old Name"), &json!("+15550001111"))
    );
}
