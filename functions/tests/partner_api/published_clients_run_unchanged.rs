//! The published clients of contract §4, as far as their methods are here: what they send, word by word, and what they
//! read of the answers.

use serde_json::{Value, json};

use crate::world::World;

/// A method called as the workflow connectors do: the token in a header, JSON in the body.
async fn connector(world: &World, method: &str, body: Value) -> Value {
    let call = world.post(&world.acme.fqdn, &format!("/enterprise_api/{method}"));
    let call = call.header("authorization", &format!("AuthToken {}", world.acme.admin.token));
    call.header("accept", "application/json").json(&body).send().await.ok()
}

#[tokio::test]
async fn the_workflow_connector_makes_changes_and_lists_meetings() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let made = connector(
        &world,
        "conference/create",
        json!({
            "host_id": host.to_string(), "subject": "From a workflow", "start": "2026-06-03 09:00:00", "time_zone": "US/Eastern",
            "duration": "30", "one_time_access_code": "true", "mute_mode": "conversation", "companyId": 7,
            "participant_emails": [{"email": "bob@royalteck.test"}],
        }),
    )
    .await;
    let id = made["conference_id"].clone();
    assert_eq!(
        (&made["start"], &made["end_time"]),
        (&json!("2026-06-03 09:00:00"), &json!("2026-06-03 09:30:00"))
    );
    let changed = connector(
        &world,
        "conference/update",
        json!({"conference_id": id, "participant_emails": [{"email": "bob@royalteck.test"}, {"email": "alice@royalteck.test"}]}),
    )
    .await;
    assert_eq!(changed["participants"].as_array().map(Vec::len), Some(3), "{changed}");
    assert_eq!(
        connector(&world, "conference/fetch", json!({"conference_id": id})).await,
        changed
    );
    // Its trigger reads the list, newest first, as a bare array.
    let now = connector(&world, "conference/create/reservationless", json!({"host_id": host})).await;
    let listed = connector(&world, "conference/fetch_all", json!({"host_id": host})).await;
    let listed = listed.as_array().expect("a bare array");
    let ids: Vec<_> = listed.iter().map(|entry| entry["conference_id"].clone()).collect();
    assert_eq!(ids[..2], [now["conference_id"].clone(), id]);
    for entry in listed {
        for field in ["conference_id", "start", "end_time"] {
            assert!(!entry[field].is_null(), "{field} of {entry}");
        }
    }
}

#[tokio::test]
async fn the_web_application_opens_a_room_and_ends_it() {
    let world = World::new().await;
    let acme = &world.acme;
    let body = json!({"email": acme.reseller_admin.email, "password": crate::world::PASSWORD});
    let call = world.post(&acme.fqdn, "/enterprise_api/authenticate");
    let token = call.json(&body).send().await.ok()["auth_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let host = world
        .api(
            &acme.fqdn,
            &token,
            "host/create",
            json!({
                "company_id": acme.id, "name": "Web App", "email": "web@app.test", "no_welcome_email": true, "auto_record": true,
                "stream_preview": {"duration": 10, "interval": 60, "image_preview": true},
            }),
        )
        .await
        .ok();
    let opened = world
        .api(
            &acme.fqdn,
            &token,
            "conference/create/reservationless",
            json!({
                "host_id": host["host_id"], "subject": "Web App", "agenda": null, "auto_record": "none", "auto_stream": "none",
                "auto_transcribe": false, "one_time_access_code": true, "secure_url": true, "host_initiated_recording": true,
                "mute_mode": "conversation", "waiting_room": false, "participant_emails": [],
            }),
        )
        .await
        .ok();
    let url = opened["room_url"].as_str().expect("an address");
    assert!(
        url.starts_with(&format!("https://{}/conf/call/", acme.fqdn)) && url.ends_with("?encrypted_pin=true"),
        "{url}"
    );
    let moderator = opened["moderator_token"].as_str().expect("a token");
    assert!(
        moderator.len() >= 12
            && moderator
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
    assert_eq!((&opened["active"], &opened["duration"]), (&json!(true), &json!(660)));
    let ask = json!({"conference_id": opened["conference_id"]});
    for _ in 0..2 {
        world.api(&acme.fqdn, &token, "conference/end", ask.clone()).await.ok();
    }
    let ended = world.api(&acme.fqdn, &token, "conference/fetch", ask).await.ok();
    assert_eq!(ended["active"], false);
}

#[tokio::test]
async fn the_walkthrough_sends_everything_in_the_query() {
    let world = World::new().await;
    let acme = &world.acme;
    let send = async |method: &str, fields: &[(&str, &str)]| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let path = format!("/enterprise_api/{method}?{query}");
        world.post(&acme.fqdn, &path).send().await.ok()
    };
    let token = send(
        "authenticate",
        &[
            ("email", &acme.reseller_admin.email),
            ("password", crate::world::PASSWORD),
        ],
    )
    .await;
    let token = token["auth_token"].as_str().expect("a token").to_owned();
    let company = send(
        "company/create",
        &[("auth_token", &token), ("subdomain", "walk"), ("name", "Walk & Co")],
    )
    .await;
    let company = company["id"].to_string();
    let host = send(
        "host/create",
        &[
            ("auth_token", &token),
            ("company_id", &company),
            ("name", "Walter"),
            ("email", "walter@walk.test"),
            ("password", "SoSecret5!"),
            ("no_welcome_email", "true"),
            ("access_code", "7654321"),
        ],
    )
    .await;
    assert_eq!(host["meeting_url"], "https://walk.demo.test/conf/call/7654321");
    let id = host["host_id"].to_string();
    let meeting = send(
        "conference/create",
        &[
            ("auth_token", &token),
            ("host_id", &id),
            ("subject", "Walk"),
            ("start", "2026-06-03 09:00:00"),
            ("time_zone", "EST"),
            ("duration", "60"),
            ("one_time_access_code", "false"),
        ],
    )
    .await;
    assert_eq!(meeting["room_url"], host["meeting_url"]);
    assert_eq!(meeting["end_time"], "2026-06-03 10:00:00");
}

#[tokio::test]
async fn the_connectors_test_calls_find_the_admin_and_list_contacts() {
    let world = World::new().await;
    let hosts = connector(&world, "host/fetch_all", json!({})).await;
    let admin = hosts.as_array().expect("a bare array").iter();
    let admin = admin
        .filter(|entry| entry["role"] == "COMPANY_ADMIN")
        .collect::<Vec<_>>();
    assert_eq!(admin.len(), 1);
    assert_eq!(admin[0]["host_id"], world.acme.admin.id);
    assert!(admin[0]["access_code"].is_u64(), "{}", admin[0]);
    let contacts = connector(&world, "contact/fetch_all", json!({"host_id": world.acme.host.id})).await;
    let own = &contacts.as_array().expect("a bare array")[0];
    assert_eq!(own["email"], world.acme.host.email.as_str());
}
