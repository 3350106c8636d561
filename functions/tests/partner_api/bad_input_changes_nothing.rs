//! What no partner means to send: control characters, numbers out of any range, days that are not there, names that imitate
//! others, text that would break out of a header or a line of the log. Refused by the field, with nothing half written; and
//! what is merely unusual is kept as it was sent.

use serde_json::{Value, json};

use crate::world::{World, meeting, refusal};

/// A sound request of each method that writes text, with the fields that take text.
fn texts(world: &World) -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let acme = &world.acme;
    let (host, conference, contact) = (acme.host.id, acme.host.conference, acme.host.contact);
    let company = json!({"subdomain": "text", "name": "Text"});
    let account = json!({"company_id": acme.id, "name": "Text", "email": "text@people.test"});
    let invited = json!({"host_id": host, "name": "Text", "email": "text@guest.test"});
    let meeting_fields = vec!["subject", "agenda", "start", "time_zone", "security_pin", "mute_mode"];
    vec![
        (
            "company/create",
            company,
            vec!["subdomain", "name", "time_zone", "locale", "embed_policy"],
        ),
        (
            "company/update",
            json!({"company_id": acme.id}),
            vec!["subdomain", "name", "time_zone", "locale"],
        ),
        (
            "host/create",
            account,
            vec![
                "name",
                "email",
                "openid_sub",
                "phone",
                "time_zone",
                "locale",
                "access_code",
                "moderator_pin",
                "role",
            ],
        ),
        (
            "host/update",
            json!({"host_id": host}),
            vec!["name", "email", "openid_sub", "phone", "time_zone", "locale"],
        ),
        ("contact/create", invited, vec!["name", "email", "phone"]),
        (
            "contact/update",
            json!({"contact_id": contact}),
            vec!["name", "email", "phone"],
        ),
        ("conference/create", meeting(host), meeting_fields),
        (
            "conference/create/reservationless",
            json!({"host_id": host}),
            vec!["subject", "agenda", "start", "time_zone"],
        ),
        (
            "conference/update",
            json!({"conference_id": conference}),
            vec!["subject", "agenda", "start", "time_zone", "security_pin"],
        ),
    ]
}

#[tokio::test]
async fn no_text_holds_a_nul_or_a_line_of_its_own() {
    let world = World::new().await;
    let before = world.table.dump().await;
    for (method, body, fields) in texts(&world) {
        for field in fields {
            let agenda = field == "agenda";
            for bad in ["a\u{0}b", "a\r\nSet-Cookie: b", "a\u{1b}[31mb", "a\u{202e}b"] {
                // An agenda has lines.
                if agenda && !bad.contains('\u{0}') && !bad.contains('\u{1b}') {
                    continue;
                }
                let mut body = body.clone();
                body[field] = bad.into();
                let refused = world.root(method, body).await.refused();
                assert_eq!(
                    refused,
                    refusal(400, "invalid_field", field),
                    "{method} {field} {bad:?}"
                );
            }
        }
    }
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn an_address_that_mail_servers_do_not_take_is_refused_and_says_why() {
    let world = World::new().await;
    let before = world.table.dump().await;
    let mut invites = meeting(world.acme.host.id);
    invites["participant_emails"] = json!(["ok@g.example", "ü@g.example"]);
    let mut named = meeting(world.acme.host.id);
    named["participant_emails"] = json!([{"email": "ü@g.example"}]);
    let mut wrong = vec![
        ("conference/create", invites, "participant_emails[1]"),
        ("conference/create", named, "participant_emails[0].email"),
    ];
    for (method, mut body, fields) in texts(&world) {
        if fields.contains(&"email") {
            body["email"] = "ü@g.example".into();
            wrong.push((method, body, "email"));
        }
    }
    assert_eq!(wrong.len(), 6);
    for (method, body, field) in wrong {
        let answer = world.root(method, body).await;
        assert_eq!(answer.refused(), refusal(400, "invalid_field", field), "{method}");
        let message = format!("{field} must have ASCII characters alone before the @");
        assert_eq!(answer.json()["message"], message, "{method}");
    }
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn no_name_or_subject_shows_nothing() {
    let world = World::new().await;
    let before = world.table.dump().await;
    let mut invites = meeting(world.acme.host.id);
    invites["participant_emails"] = json!([{"email": "a@g.example", "name": "\u{200b}"}]);
    let mut wrong = vec![
        ("conference/create", invites, "participant_emails[0].name"),
        (
            "company/update",
            json!({"company_id": world.acme.id, "branding": {"product_name": "\u{3164}"}}),
            "branding.product_name",
        ),
        (
            "conference/join_token",
            json!({"conference_id": world.acme.host.conference, "name": "\u{2060}"}),
            "name",
        ),
    ];
    for (method, body, fields) in texts(&world) {
        for field in fields.into_iter().filter(|field| matches!(*field, "name" | "subject")) {
            for nothing in ["\u{200b}", " \u{200d}\u{ad} ", "\u{2800}"] {
                let mut body = body.clone();
                body[field] = nothing.into();
                wrong.push((method, body, field));
            }
        }
    }
    assert_eq!(wrong.len(), 3 + 3 * 9);
    for (method, body, field) in wrong {
        let answer = world.root(method, body).await;
        assert_eq!(answer.refused(), refusal(400, "invalid_field", field), "{method}");
        let message = format!("{field} must hold something that can be seen");
        assert_eq!(answer.json()["message"], message, "{method}");
    }
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn numbers_out_of_range_are_refused_by_every_id_and_length() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let ids = [
        ("company/fetch", json!({}), "company_id"),
        ("company/update", json!({"name": "N"}), "company_id"),
        ("company/delete", json!({}), "company_id"),
        ("host/fetch", json!({}), "host_id"),
        ("host/update", json!({"name": "N"}), "host_id"),
        ("host/delete", json!({}), "host_id"),
        ("host/fetch_all", json!({"company_id": world.acme.id}), "after"),
        ("contact/fetch", json!({}), "contact_id"),
        ("contact/update", json!({"name": "N"}), "contact_id"),
        ("contact/delete", json!({}), "contact_id"),
        ("conference/fetch", json!({}), "conference_id"),
        ("conference/update", json!({"subject": "N"}), "conference_id"),
        ("conference/end", json!({}), "conference_id"),
        ("conference/delete", json!({}), "conference_id"),
        ("conference/participants", json!({}), "conference_id"),
        ("conference/quality", json!({}), "conference_id"),
        ("conference/fetch_all", json!({"host_id": host}), "after"),
        ("conference/create", meeting(host), "host_id"),
    ];
    let before = world.table.dump().await;
    for (method, body, field) in ids {
        for bad in [
            json!(9_007_199_254_740_992_u64),
            json!(u64::MAX),
            json!(-1),
            json!(0),
            json!(1e300),
            json!("9007199254740992"),
            json!("-1"),
            json!("0x10"),
            json!("１"),
            json!("99999999999999999999999999"),
            json!([1]),
        ] {
            let mut body = body.clone();
            body[field] = bad.clone();
            let refused = world.root(method, body).await.refused();
            assert_eq!(refused, refusal(400, "invalid_field", field), "{method} {field} {bad}");
        }
    }
    // A number that no double holds, as it stands in the body.
    for number in [
        "1e400",
        "9007199254740993",
        "12345678901234567890123456789",
        "-9223372036854775809",
    ] {
        let body = format!("{{\"conference_id\": {number}}}");
        let token = format!("AuthToken {}", world.acme.reseller_admin.token);
        let call = world.post(&world.acme.fqdn, "/enterprise_api/conference/end");
        let answer = call
            .header("authorization", &token)
            .raw("application/json", body.into_bytes())
            .send()
            .await;
        assert_eq!(answer.status(), 400, "{number}: {:?}", answer.0);
    }
    for bad in [
        json!(0),
        json!(-5),
        json!(-1.5),
        json!("-60"),
        json!(1_441),
        json!(u64::MAX),
        json!("1e3"),
        json!(60.5),
    ] {
        for (method, mut body) in [
            ("conference/create", meeting(host)),
            ("conference/create/reservationless", json!({"host_id": host})),
            (
                "conference/update",
                json!({"conference_id": world.acme.host.conference}),
            ),
        ] {
            body["duration"] = bad.clone();
            let refused = world.root(method, body).await.refused();
            assert_eq!(refused, refusal(400, "invalid_field", "duration"), "{method} {bad}");
        }
    }
    for bad in [json!(0), json!(-1), json!(1_001), json!("all")] {
        let refused = world
            .root("conference/fetch_all", json!({"host_id": host, "limit": bad}))
            .await
            .refused();
        assert_eq!(refused, refusal(400, "invalid_field", "limit"), "{bad}");
    }
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn a_number_outside_its_bounds_is_told_them_also_where_no_type_holds_it() {
    let world = World::new().await;
    let (company, host, conference) = (world.acme.id, world.acme.host.id, world.acme.host.conference);
    let before = world.table.dump().await;
    let settings = |group: &str, field: &str, number: &Value| {
        let mut body = json!({"company_id": company});
        body[group] = json!({field: number});
        ("company/update", body)
    };
    for number in [
        json!(0),
        json!(-1),
        json!("-1"),
        json!(70_000),
        json!(5_000_000_000_u64),
        json!(i64::MIN),
        json!(u64::MAX),
    ] {
        let with = |method: &'static str, mut body: Value, field: &str| {
            body[field] = number.clone();
            (method, body)
        };
        let reminders = json!([{"channel": "email", "minutes_before": number}]);
        for ((method, body), message) in [
            (
                with("conference/create", meeting(host), "duration"),
                "duration must be 1 to 1440",
            ),
            (
                with(
                    "conference/create/reservationless",
                    json!({"host_id": host}),
                    "duration",
                ),
                "duration must be 1 to 1440",
            ),
            (
                with("conference/update", json!({"conference_id": conference}), "duration"),
                "duration must be 1 to 1440",
            ),
            (
                (
                    "conference/update",
                    json!({"conference_id": conference, "reminders": reminders}),
                ),
                "reminders[0].minutes_before must be 1 to 40320",
            ),
            (
                with(
                    "conference/join_token",
                    json!({"conference_id": conference, "name": "N"}),
                    "ttl",
                ),
                "ttl must be 30 to 86400",
            ),
            (
                with("conference/fetch_all", json!({"host_id": host}), "limit"),
                "limit must be 1 to 1000",
            ),
            (
                with("conference/participants", json!({"conference_id": conference}), "limit"),
                "limit must be 1 to 1000",
            ),
            (
                with("conference/quality", json!({"conference_id": conference}), "limit"),
                "limit must be 1 to 1000",
            ),
            (with("host/fetch_all", json!({}), "limit"), "limit must be 1 to 1000"),
            (
                with("host/export", json!({"host_id": host}), "limit"),
                "limit must be 1 to 100",
            ),
            (
                settings("media_policy", "max_participants", &number),
                "media_policy.max_participants must be 1 to 500",
            ),
            (
                settings("media_policy", "max_resolution", &number),
                "media_policy.max_resolution must be 180, 360, 720 or 1080",
            ),
            (
                settings("retention_days", "chat", &number),
                "retention_days.chat must be 1 to 3650",
            ),
        ] {
            // Long enough for a token, and for nothing else.
            if number == 70_000 && body.get("ttl").is_some() {
                continue;
            }
            let answer = world.root(method, body).await;
            assert_eq!(
                (answer.status(), &answer.json()["message"]),
                (400, &json!(message)),
                "{method} {number}"
            );
        }
    }
    for bad in [json!(-1), json!(0), json!(u64::MAX)] {
        let answer = world.root("host/fetch", json!({"host_id": bad})).await;
        assert_eq!(answer.json()["message"], "host_id is not a host's id", "{bad}");
    }
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn days_that_are_not_there_are_refused_wherever_a_time_stands() {
    let world = World::new().await;
    let (host, conference) = (world.acme.host.id, world.acme.host.conference);
    let before = world.table.dump().await;
    for bad in [
        "2027-02-30 10:00:00",
        "2027-02-29 10:00:00",
        "2026-06-31 10:00:00",
        "2026-13-01 10:00:00",
        "2026-06-00 10:00:00",
        "2026-06-02 24:00:01",
        "2026-06-02 10:60:00",
        "2026-06-02T10:00:00+99:00",
        "0000-00-00 00:00:00",
        "99999-01-01 00:00:00",
        "2026-06-02 10:00:00\u{0}",
        "now",
        "",
    ] {
        for (method, mut body, field) in [
            ("conference/create", meeting(host), "start"),
            ("conference/create/reservationless", json!({"host_id": host}), "start"),
            ("conference/update", json!({"conference_id": conference}), "start"),
            ("conference/fetch_all", json!({"host_id": host}), "from"),
            ("conference/fetch_all", json!({"host_id": host}), "to"),
            (
                "conference/fetch",
                json!({"conference_id": conference, "scope": "this"}),
                "occurrence",
            ),
        ] {
            body[field] = bad.into();
            let refused = world.root(method, body).await.refused();
            assert_eq!(
                refused,
                refusal(400, "invalid_field", field),
                "{method} {field} {bad:?}"
            );
        }
    }
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn no_subdomain_imitates_another() {
    let world = World::new().await;
    let before = world.table.dump().await;
    for bad in [
        "аcme",
        "acmé",
        "ａcme",
        "acme\u{200b}",
        "acme\u{ad}",
        "acme.",
        ".acme",
        "acme.demo",
        "acme/",
        "acme@evil",
        "acme:80",
        "acme%2e",
        "acme\\",
        "xn--cme-5cd",
        "XN--cme-5cd",
        "_acme",
        "-acme",
        "acme-",
        "ac me",
        "acme\n",
        "ADMIN",
        "Api",
        "",
        &"a".repeat(64),
    ] {
        let refused = world
            .root("company/create", json!({"subdomain": bad, "name": "N"}))
            .await
            .refused();
        assert_eq!(refused, refusal(400, "invalid_field", "subdomain"), "{bad:?}");
        let update = json!({"company_id": world.other.id, "subdomain": bad});
        let refused = world.root("company/update", update).await.refused();
        assert_eq!(refused, refusal(400, "invalid_field", "subdomain"), "{bad:?}");
    }
    // The same letters in another case are the same name.
    let refused = world
        .root("company/create", json!({"subdomain": "ACME", "name": "N"}))
        .await
        .refused();
    assert_eq!(refused, refusal(409, "conflict", "subdomain"));
    assert!(before == world.table.dump().await, "something was written");
}

#[tokio::test]
async fn a_thousand_and_one_people_are_too_many_and_none_of_them_is_entered() {
    let world = World::new().await;
    let host = world.acme.host.id;
    let people = |count: usize| -> Vec<String> { (0..count).map(|n| format!("p{n}@guest.test")).collect() };
    let before = world.table.dump().await;
    for count in [1_000, 1_001] {
        let mut body = meeting(host);
        body["participant_emails"] = json!(people(count));
        let refused = world.root("conference/create", body).await.refused();
        assert_eq!(
            refused,
            refusal(400, "invalid_field", "participant_emails"),
            "{count} and the host"
        );
        let update = json!({"conference_id": world.acme.host.conference, "participant_emails": people(count)});
        let refused = world.root("conference/update", update).await.refused();
        assert_eq!(
            refused,
            refusal(400, "invalid_field", "participant_emails"),
            "{count} and the host"
        );
    }
    let mut body = meeting(host);
    body["participants"] = json!((1..=1_001).collect::<Vec<u64>>());
    assert_eq!(
        world.root("conference/create", body).await.refused(),
        refusal(400, "invalid_field", "participants")
    );
    assert!(before == world.table.dump().await, "something was written");
    let mut body = meeting(host);
    body["participant_emails"] = json!(people(999));
    let made = world.root("conference/create", body).await.ok();
    assert_eq!(made["participants"].as_array().map(Vec::len), Some(1_000));
    // Its own answer, sent back whole, names everybody twice and nobody new.
    let back = json!({"conference_id": made["conference_id"], "participants": made["participants"], "participant_emails": made["participant_emails"]});
    let again = world.root("conference/update", back).await.ok();
    assert_eq!(again["participants"], made["participants"]);
}

#[tokio::test]
async fn names_in_any_script_are_kept_as_they_were_sent() {
    let world = World::new().await;
    let acme = &world.acme;
    for name in [
        "👩‍🚀 Zoë 🇺🇦",
        "مريم بنت محمد",
        "מִרְיָם",
        "山田太郎",
        "Ωμέγα",
        "Ð̣̓̈ŵ",
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE hosts;--",
        "{{7*7}} ${x} %s",
        "O\u{200f}K",
        &"𝕏".repeat(100),
    ] {
        let company = world
            .root("company/update", json!({"company_id": world.other.id, "name": name}))
            .await
            .ok();
        assert_eq!(company["name"], name);
        let host = world
            .root("host/update", json!({"host_id": acme.host.id, "name": name}))
            .await
            .ok();
        assert_eq!(host["name"], name);
        let contact = world
            .root("contact/update", json!({"contact_id": acme.host.contact, "name": name}))
            .await
            .ok();
        assert_eq!(contact["name"], name);
        let mut body = meeting(acme.host.id);
        (body["subject"], body["agenda"]) = (name.into(), format!("{name}\n{name}").into());
        body["participant_emails"] = json!([{"email": "guest@guest.test", "name": name}]);
        let made = world.root("conference/create", body).await.ok();
        let found = world
            .root("conference/fetch", json!({"conference_id": made["conference_id"]}))
            .await
            .ok();
        assert_eq!(found, made);
        assert_eq!(
            (&found["subject"], &found["agenda"]),
            (&json!(name), &json!(format!("{name}\n{name}")))
        );
    }
    let long = "👩‍🚀".repeat(34);
    let refused = world
        .root("host/update", json!({"host_id": acme.host.id, "name": long}))
        .await
        .refused();
    assert_eq!(refused, refusal(400, "invalid_field", "name"));
}

#[tokio::test]
async fn nothing_sent_becomes_a_header_of_the_answer() {
    let world = World::new().await;
    let acme = &world.acme;
    let form = "application/x-www-form-urlencoded";
    let token = world.root("host/fetch", json!({"host_id": acme.host.id})).await.ok()["login_token_public_key"].clone();
    let (id, token) = (acme.host.id, token.as_str().expect("a token").to_owned());
    for bad in [
        "/%0d%0aSet-Cookie:%20a=b",
        "/a%0aLocation:%20https://evil.test",
        "//evil.test",
        "/%5cevil.test",
        "https://evil.test",
    ] {
        let body = format!("host_id={id}&login_token_public_key={token}&redirect_url={bad}");
        let call = world
            .post(&acme.fqdn, "/auth")
            .header("origin", &format!("https://{}", acme.fqdn));
        let answer = call.raw(form, body.into_bytes()).send().await;
        let headers = answer.0.headers();
        assert!(!headers.contains_key("set-cookie") || answer.status() == 303, "{bad}");
        let location = answer.header("location").unwrap_or("/");
        assert!(
            !location.contains("evil.test") && !location.contains('\n'),
            "{bad} leads to {location}"
        );
        assert!(
            headers
                .get_all("set-cookie")
                .iter()
                .all(|cookie| !cookie.as_bytes().starts_with(b"a=b")),
            "{bad}"
        );
    }
    for path in [
        "/conf/call/1%0d%0aX-Evil:%201",
        "/conf/call/%00",
        "/login?next=%0d%0aX-Evil:%201",
        "/password/%0d%0aX-Evil",
    ] {
        let answer = world.call("GET", &acme.fqdn, path).send().await;
        assert!(answer.status() < 500, "{path}: {:?}", answer.0);
        assert!(!answer.0.headers().contains_key("x-evil"), "{path}");
    }
}
