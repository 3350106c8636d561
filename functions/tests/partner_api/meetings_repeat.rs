//! Meetings that repeat, contract §2: occurrences by their original starts, one, some or all of them changed or cancelled.

use serde_json::{Value, json};

use crate::world::{World, meeting, refusal};

async fn repeated(world: &World, rule: &str, more: Value) -> Value {
    let mut asked = meeting(world.acme.host.id);
    asked["recurrence"] = json!({"rrule": rule});
    for (name, value) in more.as_object().expect("an object") {
        asked[name] = value.clone();
    }
    world.root("conference/create", asked).await.ok()
}

async fn change(world: &World, method: &str, meeting: &Value, mut change: Value) -> Value {
    change["conference_id"] = meeting["conference_id"].clone();
    world.root(method, change).await.ok()
}

async fn refused(world: &World, method: &str, meeting: &Value, mut change: Value) -> (u16, String, String) {
    change["conference_id"] = meeting["conference_id"].clone();
    world.root(method, change).await.refused()
}

fn starts(meeting: &Value) -> Vec<String> {
    let all = meeting["occurrences"].as_array().expect("a list");
    let line = |one: &Value| {
        let text = |name: &str| one[name].as_str().expect("a time").to_owned();
        let mut line = text("start");
        if one["changed"] == true {
            line = format!("{} -> {line} to {}", text("occurrence"), text("end_time"));
        }
        if one["cancelled"] == true {
            line += " cancelled";
        }
        line
    };
    all.iter().map(line).collect()
}

#[tokio::test]
async fn a_rule_makes_occurrences_at_the_same_time_of_day() {
    let world = World::new().await;
    let made = repeated(
        &world,
        "FREQ=WEEKLY;COUNT=3",
        json!({"start": "2026-10-20 09:00:00", "time_zone": "Europe/London"}),
    )
    .await;
    assert_eq!(made["recurrence"], json!({"rrule": "FREQ=WEEKLY;COUNT=3"}));
    assert_eq!(
        starts(&made),
        ["2026-10-20 09:00:00", "2026-10-27 09:00:00", "2026-11-03 09:00:00"]
    );
    assert_eq!(change(&world, "conference/fetch", &made, json!({})).await, made);
    let this = json!({"occurrence": "2026-10-27 09:00:00", "scope": "this"});
    assert_eq!(
        starts(&change(&world, "conference/fetch", &made, this).await),
        ["2026-10-27 09:00:00"]
    );
    let following = json!({"occurrence": "2026-10-27T09:00:00Z", "scope": "following"});
    assert_eq!(
        starts(&change(&world, "conference/fetch", &made, following).await).len(),
        2
    );
    let none = json!({"occurrence": "2026-10-28 09:00:00", "scope": "this"});
    assert_eq!(
        refused(&world, "conference/fetch", &made, none).await,
        refusal(404, "not_found", "")
    );

    let mut asked = meeting(world.acme.host.id);
    let before = world.table.dump().await;
    for rule in [
        "FREQ=DAILY",
        "FREQ=MINUTELY;COUNT=3",
        "FREQ=DAILY;COUNT=2000",
        "FREQ=DAILY;COUNT=1000",
        "x",
        "FREQ=WEEKLY;BYDAY=MO;COUNT=2",
    ] {
        asked["recurrence"] = json!({"rrule": rule});
        let answer = world.root("conference/create", asked.clone()).await;
        assert_eq!(
            answer.refused(),
            refusal(400, "invalid_field", "recurrence.rrule"),
            "{rule}"
        );
    }
    asked["recurrence"] = json!({});
    let answer = world.root("conference/create", asked).await;
    assert_eq!(answer.refused(), refusal(400, "missing_field", "recurrence.rrule"));
    let now = json!({"host_id": world.acme.host.id, "recurrence": {"rrule": "FREQ=DAILY;COUNT=2"}});
    let answer = world.root("conference/create/reservationless", now).await;
    assert_eq!(answer.refused(), refusal(400, "invalid_field", "recurrence"));
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn one_occurrence_or_those_after_it_move_and_are_cancelled() {
    let world = World::new().await;
    let made = repeated(&world, "FREQ=DAILY;COUNT=5", json!({})).await;
    let one =
        json!({"occurrence": "2026-06-03 13:00:00", "scope": "this", "start": "2026-06-03 15:00:00", "duration": 30});
    let moved = change(&world, "conference/update", &made, one).await;
    assert_eq!(
        starts(&moved)[1],
        "2026-06-03 13:00:00 -> 2026-06-03 15:00:00 to 2026-06-03 15:30:00"
    );
    assert_eq!(starts(&moved)[2], "2026-06-04 13:00:00");
    let rest = json!({"occurrence": "2026-06-05 13:00:00", "scope": "following", "start": "2026-06-06 12:00:00"});
    let moved = change(&world, "conference/update", &made, rest).await;
    assert_eq!(
        starts(&moved)[2..],
        [
            "2026-06-04 13:00:00",
            "2026-06-05 13:00:00 -> 2026-06-06 12:00:00 to 2026-06-06 13:00:00",
            "2026-06-06 13:00:00 -> 2026-06-07 12:00:00 to 2026-06-07 13:00:00",
        ]
    );
    assert_eq!(change(&world, "conference/fetch", &made, json!({})).await, moved);
    let gone = json!({"occurrence": "2026-06-04 13:00:00", "scope": "this"});
    let cancelled = change(&world, "conference/delete", &made, gone.clone()).await;
    assert_eq!(starts(&cancelled)[2], "2026-06-04 13:00:00 cancelled");
    assert_eq!(
        refused(&world, "conference/delete", &made, gone.clone()).await,
        refusal(409, "conflict", "")
    );
    let mut again = gone;
    again["start"] = "2026-06-04 14:00:00".into();
    assert_eq!(
        refused(&world, "conference/update", &made, again).await,
        refusal(409, "conflict", "occurrence")
    );
    let subject = json!({"occurrence": "2026-06-02 13:00:00", "scope": "this", "subject": "Own"});
    assert_eq!(
        refused(&world, "conference/update", &made, subject).await,
        refusal(400, "invalid_field", "subject")
    );
    for (field, value) in [
        ("agenda", json!("Other")),
        ("time_zone", json!("UTC")),
        ("recurrence", json!({"rrule": "FREQ=DAILY;COUNT=6"})),
        ("recurrence", Value::Null),
        ("one_time_access_code", json!(true)),
        ("secure_url", json!(true)),
        ("host_initiated_recording", json!(true)),
        ("security_pin", json!("1234")),
        ("mute_mode", json!("q&a")),
        ("waiting_room", json!(true)),
        ("participant_emails", json!(["new@guest.test"])),
        ("participants", json!([world.acme.host.contact])),
    ] {
        let asked = json!({"occurrence": "2026-06-02 13:00:00", "scope": "following", (field): value});
        let answer = refused(&world, "conference/update", &made, asked).await;
        assert_eq!(answer, refusal(400, "invalid_field", field));
    }
    let onto = json!({"occurrence": "2026-06-02 13:00:00", "scope": "this", "start": "2026-06-03 15:00:00"});
    assert_eq!(
        refused(&world, "conference/update", &made, onto).await,
        refusal(409, "conflict", "start")
    );
    let rest = json!({"occurrence": "2026-06-05 13:00:00", "scope": "following"});
    let cancelled = change(&world, "conference/delete", &made, rest).await;
    assert_eq!(
        starts(&cancelled)
            .iter()
            .filter(|line| line.ends_with("cancelled"))
            .count(),
        3
    );
    change(&world, "conference/delete", &made, json!({})).await;
    assert_eq!(
        refused(&world, "conference/fetch", &made, json!({})).await,
        refusal(404, "not_found", "")
    );
}

#[tokio::test]
async fn an_occurrence_is_changed_by_the_whole_object_sent_back() {
    let world = World::new().await;
    let more = json!({"agenda": "Words", "one_time_access_code": true, "security_pin": "4711", "secure_url": true, "mute_mode": "q&a",
        "participants": [world.acme.host.contact], "participant_emails": [{"email": "guest@guest.test", "moderator": true}]});
    let made = repeated(&world, "FREQ=DAILY;COUNT=5", more).await;
    for scope in ["this", "following"] {
        let mut asked = change(&world, "conference/fetch", &made, json!({})).await;
        (asked["occurrence"], asked["scope"]) = (json!("2026-06-04 13:00:00"), scope.into());
        (asked["start"], asked["duration"]) = (json!("2026-06-04 15:00:00"), json!(30));
        let changed = change(&world, "conference/update", &made, asked).await;
        assert_eq!(
            starts(&changed)[2],
            "2026-06-04 13:00:00 -> 2026-06-04 15:00:00 to 2026-06-04 15:30:00"
        );
        for same in [
            "participants",
            "moderators",
            "participant_emails",
            "security_pin",
            "one_time_access_code",
            "agenda",
        ] {
            assert_eq!(changed[same], made[same], "{same}");
        }
    }
    // And all of it.
    let whole = change(&world, "conference/fetch", &made, json!({})).await;
    assert_eq!(change(&world, "conference/update", &made, whole.clone()).await, whole);
    let mut chosen = whole;
    chosen["one_time_access_code"] = json!(123_456_789);
    assert_eq!(
        refused(&world, "conference/update", &made, chosen).await,
        refusal(400, "invalid_field", "one_time_access_code")
    );
}

#[tokio::test]
async fn all_are_planned_anew_but_for_what_has_begun() {
    let mut world = World::new().await;
    let made = repeated(&world, "FREQ=DAILY;COUNT=4", json!({})).await;
    let one = json!({"occurrence": "2026-06-04 13:00:00", "scope": "this", "start": "2026-06-04 15:00:00"});
    change(&world, "conference/update", &made, one).await;
    // Noon of the 3rd in UTC, 13:00 in London: two have begun.
    world.advance(2 * 24 * 3_600);
    world.acme.reseller_admin.token = world.sign_in(&world.acme.fqdn, &world.acme.reseller_admin.email).await;
    world
        .app
        .store
        .sweep(world.app.now(), jiff::Timestamp::MIN)
        .await
        .expect("swept");
    let subject = change(
        &world,
        "conference/update",
        &made,
        json!({"subject": "New", "start": made["start"]}),
    )
    .await;
    assert_eq!(
        starts(&subject)[2],
        "2026-06-04 13:00:00 -> 2026-06-04 15:00:00 to 2026-06-04 16:00:00"
    );
    let earlier = json!({"start": "2026-06-02 11:00:00", "duration": 30});
    let anew = change(&world, "conference/update", &made, earlier).await;
    assert_eq!(
        starts(&anew),
        [
            "2026-06-02 13:00:00 -> 2026-06-02 13:00:00 to 2026-06-02 14:00:00",
            "2026-06-03 13:00:00 -> 2026-06-03 13:00:00 to 2026-06-03 14:00:00",
            "2026-06-04 11:00:00",
            "2026-06-05 11:00:00",
        ]
    );
    assert_eq!(change(&world, "conference/fetch", &made, json!({})).await, anew);
    let weekly = json!({"recurrence": {"rrule": "FREQ=WEEKLY;COUNT=3"}});
    let anew = change(&world, "conference/update", &made, weekly).await;
    assert_eq!(starts(&anew)[2..], ["2026-06-09 11:00:00", "2026-06-16 11:00:00"]);
}

#[tokio::test]
async fn a_meeting_begins_to_repeat_and_stops() {
    let world = World::new().await;
    let single = json!({"conference_id": world.acme.host.conference});
    let rule = json!({"recurrence": {"rrule": "FREQ=WEEKLY;COUNT=2"}});
    let repeats = change(&world, "conference/update", &single, rule).await;
    assert_eq!(starts(&repeats), ["2026-06-02 13:00:00", "2026-06-09 13:00:00"]);
    assert_eq!(change(&world, "conference/fetch", &single, json!({})).await, repeats);
    let once = change(
        &world,
        "conference/update",
        &single,
        json!({"recurrence": null, "start": "2026-06-10 10:00:00"}),
    )
    .await;
    assert_eq!((&once["recurrence"], once.get("occurrences")), (&Value::Null, None));
    assert_eq!(change(&world, "conference/fetch", &single, json!({})).await, once);
    let lying = world.table.dump().await;
    let left: Vec<_> = lying
        .keys()
        .filter(|key| key.contains(" EACH#") && key.ends_with(&format!("{:016}", world.acme.host.conference)))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
