//! What is held about an account, page by page: all of it, each thing once, and no secret.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::hosts_are_erased::{batch, entered, event, joins, leaves, refused, relay_up, work};
use crate::site::{ACME, Host, Site};

async fn busy(site: &Site) -> Host {
    let host = site.host("Ann").await;
    relay_up(site).await;
    for n in 0..3 {
        let contact = json!({"host_id": host.id, "name": format!("Bob {n}"), "email": format!("bob{n}@guest.test")});
        site.admin_api("contact/create", contact).await;
        let planned = json!({"host_id": host.id, "subject": format!("Plan {n}"), "agenda": "Words", "start": "2026-06-20 12:05:00",
            "time_zone": "Europe/Berlin", "duration": 60, "security_pin": "471147", "one_time_access_code": n == 0,
            "participant_emails": [{"email": format!("bob{n}@guest.test"), "moderator": true}],
            "recurrence": if n == 1 { json!({"rrule": "FREQ=DAILY;COUNT=3"}) } else { Value::Null }});
        let made = site.admin_api("conference/create", planned).await;
        if n == 2 {
            let gone = json!({"conference_id": made["conference_id"]});
            site.admin_api("conference/delete", gone).await;
        }
    }
    let (_, room) = entered(site, &host).await;
    let now = site.now().as_second();
    let events = [
        event(&room, now, 1, joins("Ann")),
        event(&room, now + 5, 2, joins("Eve")),
        event(&room, now + 9, 2, leaves()),
    ];
    batch(site, 1, &events).await;
    let own = json!({"email": "ann@acme.test", "password": "SoSecret5!"});
    site.api(ACME, "authenticate", own).await.ok();
    host
}

#[tokio::test]
async fn one_page_tells_all_of_a_small_account_and_no_secret() {
    let site = Site::new().await;
    let host = busy(&site).await;
    let all = site.admin_api("host/export", json!({"host_id": host.id})).await;
    assert_eq!(
        (&all["host_id"], &all["company_id"], &all["next"]),
        (&json!(host.id), &json!(1), &Value::Null)
    );
    let account = &all["account"];
    let expected = json!({"name": "Ann", "email": "ann@acme.test", "role": "HOST", "access_code": host.code, "openid_sub": null,
        "primary_dialin_number": null, "phone": null, "time_zone": null, "locale": null, "has_password": true,
        "subscription_ids": [], "created": "2026-06-01T12:00:00Z", "mute_mode": "conversation", "secure_url": false});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&account[name], value, "{name}");
    }
    let emails: Vec<&Value> = all["contacts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["email"])
        .collect();
    assert_eq!(
        emails,
        ["ann@acme.test", "bob0@guest.test", "bob1@guest.test", "bob2@guest.test"]
    );
    assert_eq!(all["sessions"].as_array().expect("a list").len(), 1);
    assert_eq!(
        (&all["sessions"][0]["created"], &all["sessions"][0]["role"]),
        (&json!("2026-06-01T12:00:00Z"), &json!("HOST"))
    );
    let meetings = all["conferences"].as_array().expect("a list");
    assert_eq!(meetings.len(), 4);
    let found = |subject: &str| {
        let found = meetings.iter().find(|one| one["subject"] == subject);
        found.unwrap_or_else(|| panic!("{subject} is in {meetings:?}"))
    };
    let plan = found("Plan 0");
    let expected = json!({"agenda": "Words", "start": "2026-06-20 12:05:00", "end_time": "2026-06-20 13:05:00",
        "time_zone": "Europe/Berlin", "duration": 60, "rrule": null, "cancelled": false, "participants": [], "more_participants": false});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&plan[name], value, "{name}");
    }
    assert_eq!(plan["invited"][1]["email"], "bob0@guest.test");
    assert_eq!(plan["invited"][1]["moderator"], true);
    assert_eq!(found("Plan 1")["rrule"], "FREQ=DAILY;COUNT=3");
    assert_eq!(found("Plan 2")["cancelled"], true);
    let held = found("Marker subject");
    let names: Vec<&Value> = held["participants"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["Eve", "Ann"]);
    assert_eq!(held["participants"][0]["leave_time"], "2026-06-01 12:00:09");
    let changes = all["changes"].as_array().expect("a list");
    let actions: BTreeSet<&str> = changes.iter().filter_map(|one| one["action"].as_str()).collect();
    for action in [
        "host_create",
        "contact_create",
        "conference_create",
        "conference_delete",
    ] {
        assert!(actions.contains(action), "{action} is in {actions:?}");
    }
    let text = all.to_string().replacen("\"api_tokens\":[]", "", 1);
    for secret in [&host.pin, &host.sso, "471147", "password_hash", "token"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[tokio::test]
async fn pages_hold_each_thing_once_and_come_to_an_end() {
    let site = Site::new().await;
    let host = busy(&site).await;
    let whole = site.admin_api("host/export", json!({"host_id": host.id})).await;
    let lists = ["contacts", "conferences", "changes"];
    let mut found: Vec<Vec<Value>> = vec![Vec::new(); lists.len()];
    let mut asked = json!({"host_id": host.id, "limit": 1});
    let mut pages = 0;
    loop {
        let page = site.admin_api("host/export", asked.clone()).await;
        pages += 1;
        for (list, all) in lists.iter().zip(&mut found) {
            let entries = page[*list].as_array().expect("a list");
            assert!(entries.len() <= 2, "{list}: one of each list, and meetings are in two");
            for entry in entries {
                let begun = all.iter_mut().find(|known| {
                    *list == "conferences"
                        && known["conference_id"] == entry["conference_id"]
                        && known["more_participants"] == true
                });
                let Some(begun) = begun else {
                    all.push(entry.clone());
                    continue;
                };
                let people = entry["participants"].as_array().expect("a list").iter().cloned();
                begun["participants"].as_array_mut().expect("a list").extend(people);
                begun["more_participants"] = entry["more_participants"].clone();
            }
        }
        assert_eq!(page["account"], whole["account"]);
        assert!(pages == 1 || page["sessions"] == json!([]));
        match &page["next"] {
            Value::Null => break,
            next => asked["after"] = next.clone(),
        }
        assert!(pages < 50, "it goes on for ever");
    }
    for (list, all) in lists.iter().zip(&found) {
        let named = |entry: &Value| {
            let id = ["contact_id", "conference_id", "id"]
                .into_iter()
                .find_map(|name| entry.get(name));
            id.expect("an id").to_string()
        };
        let ids: BTreeSet<String> = all.iter().map(named).collect();
        let expected: BTreeSet<String> = whole[*list].as_array().expect("a list").iter().map(named).collect();
        assert_eq!((ids.len(), &ids), (all.len(), &expected), "{list}");
    }
    for meeting in whole["conferences"].as_array().expect("a list") {
        assert!(found[1].contains(meeting), "{meeting} with all who were in it");
    }
    let few = json!({"host_id": host.id, "limit": 1});
    let page = site.admin_api("host/export", few).await;
    let held = page["conferences"].as_array().expect("a list").iter();
    assert!(
        held.clone()
            .all(|one| one["participants"].as_array().expect("a list").len() <= 1)
    );
}

#[tokio::test]
async fn all_who_were_in_a_cancelled_meeting_are_exported() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    relay_up(&site).await;
    let daily = json!({"host_id": host.id, "subject": "Daily", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "recurrence": {"rrule": "FREQ=DAILY;COUNT=3"}});
    let meeting = site.admin_api("conference/create", daily).await["conference_id"].clone();
    let token = json!({"conference_id": meeting, "name": "Ann"});
    site.admin_api("conference/join_token", token).await;
    let room = format!("1/{meeting}/{}", crate::site::START + 300);
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": "j1"});
    site.report("enter", enter).await.ok();
    let now = site.now().as_second();
    let people: Vec<Value> = (1..=5).map(|n| event(&room, now, n, joins(&format!("P{n}")))).collect();
    batch(&site, 1, &people).await;
    let of = json!({"conference_id": meeting});
    site.admin_api("conference/end", of.clone()).await;
    site.admin_api("conference/delete", of.clone()).await;
    assert_eq!(refused(&site, "conference/participants", of).await.0, 404);
    let mut names = Vec::new();
    let mut asked = json!({"host_id": host.id, "limit": 2});
    for _ in 0..9 {
        let page = site.admin_api("host/export", asked.clone()).await;
        for meeting in page["conferences"].as_array().expect("a list") {
            let people = meeting["participants"].as_array().expect("a list").iter();
            names.extend(people.map(|one| one["name"].as_str().expect("a name").to_owned()));
        }
        match &page["next"] {
            Value::Null => break,
            next => asked["after"] = next.clone(),
        }
    }
    assert_eq!(names, ["P5", "P4", "P3", "P2", "P1"]);
}

#[tokio::test]
async fn a_host_exports_itself_and_nobody_else() {
    let site = Site::new().await;
    let host = busy(&site).await;
    let other = site.host("Eve").await;
    let own = json!({"email": "eve@acme.test", "password": "SoSecret5!"});
    let own = site.api(ACME, "authenticate", own).await.ok()["auth_token"].clone();
    let mine = site.api(ACME, "host/export", json!({"auth_token": own})).await.ok();
    assert_eq!(mine["host_id"], other.id);
    let foreign = json!({"auth_token": own, "host_id": host.id});
    assert_eq!(site.api(ACME, "host/export", foreign).await.refused().0, 403);
    for (asked, field) in [
        (json!({}), "host_id"),
        (json!({"host_id": host.id, "limit": 0}), "limit"),
        (json!({"host_id": host.id, "limit": 101}), "limit"),
        (json!({"host_id": host.id, "after": "m1"}), "after"),
        (json!({"host_id": host.id, "after": 5}), "after"),
    ] {
        let mut body = asked.clone();
        body["auth_token"] = site.admin.clone().into();
        let answer = site.api(ACME, "host/export", body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["field"]),
            (400, &json!(field)),
            "{asked}"
        );
    }
    assert_eq!(refused(&site, "host/export", json!({"host_id": 9_999})).await.0, 404);
    // What a deletion leaves is told, and what an erasing leaves is nothing.
    site.admin_api("host/delete", json!({"host_id": host.id})).await;
    work(&site).await;
    let left = site.admin_api("host/export", json!({"host_id": host.id})).await;
    assert_eq!((&left["account"], &left["contacts"]), (&Value::Null, &json!([])));
    assert!(!left["conferences"].as_array().expect("a list").is_empty());
    site.admin_api("host/erase", json!({"host_id": host.id})).await;
    work(&site).await;
    let left = site.admin_api("host/export", json!({"host_id": host.id})).await;
    assert_eq!(left["changes"], json!([]));
    let meetings = left["conferences"].as_array().expect("a list");
    assert!(
        meetings
            .iter()
            .all(|one| one["subject"] == "erased" && one["invited"] == json!([]))
    );
}
