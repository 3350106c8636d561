//! Accounts, companies and contacts: listed and changed, and the audit of that.

use serde_json::{Value, json};

use crate::world::{Company, PASSWORD, World, meeting, refusal};

pub(crate) async fn as_admin(world: &World, company: &Company, method: &str, body: Value) -> crate::world::Answer {
    world.api(&company.fqdn, &company.admin.token, method, body).await
}

pub(crate) fn ids(list: &Value, field: &str) -> Vec<u64> {
    let list = list.as_array().expect("a bare array");
    list.iter().map(|entry| entry[field].as_u64().expect("an id")).collect()
}

#[tokio::test]
async fn lists_page_by_the_last_id_and_say_where_they_go_on() {
    let world = World::new().await;
    let acme = &world.acme;
    let all = world.root("host/fetch_all", json!({"company_id": acme.id})).await;
    let all = ids(&all.ok(), "host_id");
    assert_eq!(
        all,
        [acme.reseller_admin.id, acme.admin.id, acme.host.id, acme.sibling.id]
    );
    let mut paged = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = as_admin(&world, acme, "host/fetch_all", json!({"limit": 3, "after": after})).await;
        paged.extend(ids(&page.ok(), "host_id"));
        match page.header("x-next-after") {
            Some(next) => after = next.parse::<u64>().expect("an id").into(),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let entry = &as_admin(&world, acme, "host/fetch_all", json!({})).await.ok()[2];
    assert!(
        entry["access_code"].is_u64() && entry["moderator_pin"]["number"].is_string(),
        "{entry}"
    );
    assert_eq!(
        entry["meeting_url"],
        format!("https://acme.demo.test/conf/call/{}", entry["access_code"])
    );
    // The reseller's admin sees all of the reseller, and nobody of another.
    let everybody = ids(&world.root("host/fetch_all", json!({})).await.ok(), "host_id");
    let other = &world.other;
    for (id, there) in [
        (acme.host.id, true),
        (other.host.id, true),
        (world.rival.host.id, false),
    ] {
        assert_eq!(everybody.contains(&id), there);
    }
    let rest = world
        .root("host/fetch_all", json!({"after": everybody[1], "limit": 2}))
        .await;
    assert_eq!(ids(&rest.ok(), "host_id"), everybody[2..4]);
    let companies = ids(&world.root("company/fetch_all", json!({})).await.ok(), "company_id");
    assert_eq!(companies, [other.id, acme.id], "newest first");
    let own = as_admin(&world, acme, "company/fetch_all", json!({})).await;
    assert_eq!(ids(&own.ok(), "company_id"), [acme.id]);
    for (method, body) in [
        ("host/fetch_all", json!({"company_id": acme.id, "after": other.host.id})),
        ("host/fetch_all", json!({"after": world.rival.host.id})),
        ("company/fetch_all", json!({"after": world.rival.id})),
        (
            "contact/fetch_all",
            json!({"host_id": acme.host.id, "after": other.host.contact}),
        ),
    ] {
        let answer = world.root(method, body).await;
        assert_eq!(answer.refused(), refusal(400, "invalid_field", "after"), "{method}");
    }
    for limit in [0, 1_001] {
        let answer = world.root("host/fetch_all", json!({"limit": limit})).await;
        assert_eq!(answer.refused(), refusal(400, "invalid_field", "limit"));
    }
}

#[tokio::test]
async fn a_host_changes_what_is_sent_and_its_names_stay_unique() {
    let world = World::new().await;
    let acme = &world.acme;
    let id = acme.host.id;
    let made = world.root("host/fetch", json!({"host_id": id})).await.ok();
    let change = json!({
        "host_id": id, "name": "Neu", "email": "Neu@people.test", "openid_sub": "sub-1", "access_code": 7_654_321,
        "moderator_pin": "0042", "phone": "+4930123456", "time_zone": "Asia/Kathmandu", "locale": "de", "mute_mode": "q&a",
        "secure_url": true,
    });
    let changed = world.root("host/update", change.clone()).await.ok();
    assert_eq!(changed, world.root("host/fetch", json!({"host_id": id})).await.ok());
    for field in [
        "name",
        "email",
        "openid_sub",
        "phone",
        "time_zone",
        "locale",
        "mute_mode",
        "secure_url",
    ] {
        assert_eq!(changed[field], change[field], "{field}");
    }
    assert_eq!(changed["access_code"], json!({"number": "7654321"}));
    assert_eq!(changed["moderator_pin"], json!({"number": "0042"}));
    for field in ["role", "login_token_public_key", "company_id", "one_time_access_code"] {
        assert_eq!(changed[field], made[field], "{field}");
    }
    // Its own contact follows, first in its list.
    let contacts = world.root("contact/fetch_all", json!({"host_id": id})).await.ok();
    assert_eq!(
        (&contacts[0]["name"], &contacts[0]["email"]),
        (&json!("Neu"), &json!("Neu@people.test"))
    );
    // The former mail address is free, the former code is nobody's for twelve months.
    let former = &made["access_code"]["number"];
    let mut new = json!({"company_id": acme.id, "name": "Next", "email": acme.host.email, "access_code": former});
    assert_eq!(
        world.root("host/create", new.clone()).await.refused(),
        refusal(409, "conflict", "access_code")
    );
    for (field, value) in [
        ("email", "NEU@people.test"),
        ("access_code", "7654321"),
        ("openid_sub", "sub-1"),
    ] {
        let mut asked = json!({"host_id": acme.sibling.id});
        asked[field] = value.into();
        let before = world.table.dump().await;
        assert_eq!(
            world.root("host/update", asked).await.refused(),
            refusal(409, "conflict", field)
        );
        assert!(before == world.table.dump().await, "{field}");
    }
    // Null takes away, and an empty change changes nothing.
    let less = json!({"host_id": id, "phone": null, "openid_sub": null, "time_zone": null, "locale": null});
    let less = world.root("host/update", less).await.ok();
    for field in ["phone", "openid_sub", "time_zone", "locale"] {
        assert_eq!(less[field], Value::Null, "{field}");
    }
    assert_eq!(world.root("host/update", json!({"host_id": id})).await.ok(), less);
    world.advance(367 * 24 * 3_600);
    let root = world.sign_in(&acme.fqdn, &acme.reseller_admin.email).await;
    new["openid_sub"] = "sub-1".into();
    world.api(&acme.fqdn, &root, "host/create", new).await.ok();
}

#[tokio::test]
async fn what_is_planned_on_a_former_code_still_opens_and_defaults_touch_later_meetings_only() {
    let world = World::new().await;
    let acme = &world.acme;
    let planned = json!({"conference_id": acme.host.conference});
    let before = world.root("conference/fetch", planned.clone()).await.ok();
    let change = json!({"host_id": acme.host.id, "access_code": "7654321", "mute_mode": "presentation"});
    world.root("host/update", change).await.ok();
    assert_eq!(world.root("conference/fetch", planned).await.ok(), before);
    let later = world.root("conference/create", meeting(acme.host.id)).await.ok();
    assert_eq!(later["mute_mode"], "presentation");
    assert_eq!(later["room_url"], "https://acme.demo.test/conf/call/7654321");
}

#[tokio::test]
async fn a_host_changes_of_itself_what_the_contract_says() {
    let world = World::new().await;
    let acme = &world.acme;
    let own = |mut body: Value| {
        body["host_id"] = acme.host.id.into();
        world.api(&acme.fqdn, &acme.host.token, "host/update", body)
    };
    own(json!({"name": "Me", "password": "An0therSecret", "time_zone": "UTC", "phone": "+4930123456", "secure_url": true}))
        .await
        .ok();
    for field in [
        "email",
        "openid_sub",
        "access_code",
        "moderator_pin",
        "primary_dialin_number",
    ] {
        let mut body = json!({});
        body[field] = if field == "email" { "a@b.test" } else { "1234567" }.into();
        if field == "primary_dialin_number" {
            body[field] = "+4930123456".into();
        }
        assert_eq!(own(body).await.refused(), refusal(403, "forbidden", field));
    }
    // What is sent as it is already changes nothing, in the words of an answer too.
    let preview = json!({"stream_preview": {"duration": 5, "interval": 60, "image_preview": true}});
    let whole = own(preview).await.ok();
    assert_eq!(own(whole.clone()).await.ok(), whole);
    let without = own(json!({"stream_preview": null})).await.ok();
    assert_eq!(
        (&whole["stream_preview"]["duration"], &without["stream_preview"]),
        (&json!(5), &Value::Null)
    );
    assert_eq!(
        own(json!({"openid_sub": null, "subscription_ids": []})).await.ok(),
        without
    );
    assert_eq!(
        own(json!({"subscription_ids": [1]})).await.refused(),
        refusal(403, "forbidden", "subscription_ids")
    );
    assert_eq!(
        own(json!({"role": "COMPANY_ADMIN"})).await.refused(),
        refusal(403, "forbidden", "role")
    );
    let body = json!({"email": acme.host.email, "password": "An0therSecret"});
    world
        .post(&acme.fqdn, "/enterprise_api/authenticate")
        .json(&body)
        .send()
        .await
        .ok();
    let body = json!({"email": acme.host.email, "password": PASSWORD});
    assert_eq!(
        world
            .post(&acme.fqdn, "/enterprise_api/authenticate")
            .json(&body)
            .send()
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn a_company_changes_what_is_sent_and_its_former_name_is_nobody_elses() {
    let world = World::new().await;
    let acme = &world.acme;
    let set = json!({"company_id": acme.id, "name": "Acme 2", "hidden_controls": ["chat"], "locale": "de"});
    let changed = as_admin(&world, acme, "company/update", set).await.ok();
    assert_eq!(
        (&changed["name"], &changed["hidden_controls"]),
        (&json!("Acme 2"), &json!(["chat"]))
    );
    let changed = as_admin(
        &world,
        acme,
        "company/update",
        json!({"branding": {"primary_color": "#123456"}}),
    )
    .await
    .ok();
    assert_eq!(
        (&changed["locale"], &changed["branding"]["primary_color"]),
        (&json!("de"), &json!("#123456"))
    );
    let reset = as_admin(
        &world,
        acme,
        "company/update",
        json!({"locale": null, "hidden_controls": null}),
    )
    .await
    .ok();
    assert_eq!(
        (&reset["locale"], &reset["hidden_controls"]),
        (&Value::Null, &json!([]))
    );
    for (field, value) in [
        ("subdomain", json!("x")),
        ("subscription_ids", json!([1])),
        ("openid_provider", json!(true)),
    ] {
        let mut body = json!({});
        body[field] = value;
        let answer = as_admin(&world, acme, "company/update", body).await;
        assert_eq!(answer.refused(), refusal(403, "forbidden", field));
    }
    // What is sent as it is already changes nothing.
    let whole = as_admin(&world, acme, "company/fetch", json!({"company_id": acme.id}))
        .await
        .ok();
    assert_eq!(
        as_admin(&world, acme, "company/update", whole.clone()).await.ok(),
        whole
    );
    let answer = as_admin(&world, acme, "company/update", json!({"hidden_controls": ["nothing"]})).await;
    assert_eq!(answer.refused(), refusal(400, "invalid_field", "hidden_controls[0]"));
    let moved = json!({"company_id": world.other.id, "subdomain": "moved"});
    world.root("company/update", moved).await.ok();
    let host = world
        .root("host/fetch", json!({"host_id": world.other.host.id}))
        .await
        .ok();
    assert!(
        host["meeting_url"]
            .as_str()
            .expect("text")
            .starts_with("https://moved.demo.test/"),
        "{host}"
    );
    let taken = world
        .root("company/create", json!({"subdomain": "other", "name": "New"}))
        .await;
    assert_eq!(taken.refused(), refusal(409, "conflict", "subdomain"));
    let taken = world
        .root("company/update", json!({"company_id": acme.id, "subdomain": "moved"}))
        .await;
    assert_eq!(taken.refused(), refusal(409, "conflict", "subdomain"));
    // The company itself may take it back, and others may after twelve months.
    world
        .root(
            "company/update",
            json!({"company_id": world.other.id, "subdomain": "other"}),
        )
        .await
        .ok();
    let taken = world
        .root("company/create", json!({"subdomain": "moved", "name": "New"}))
        .await;
    assert_eq!(taken.refused(), refusal(409, "conflict", "subdomain"));
    world.advance(367 * 24 * 3_600);
    let root = world.sign_in(&acme.fqdn, &acme.reseller_admin.email).await;
    world
        .api(
            &acme.fqdn,
            &root,
            "company/create",
            json!({"subdomain": "moved", "name": "New"}),
        )
        .await
        .ok();
}

#[tokio::test]
async fn contacts_are_kept_once_each_and_the_hosts_own_follows_the_host() {
    let world = World::new().await;
    let acme = &world.acme;
    let own = |method: &'static str, body: Value| world.api(&acme.fqdn, &acme.host.token, method, body);
    let made = own(
        "contact/create",
        json!({"name": "Bob", "email": "Bob@guest.test", "phone": "+4930123456"}),
    )
    .await
    .ok();
    assert_eq!(made["host_id"], acme.host.id);
    assert_eq!(
        own("contact/fetch", json!({"contact_id": made["contact_id"]}))
            .await
            .ok(),
        made
    );
    let twice = own("contact/create", json!({"name": "Bob", "email": "bob@GUEST.test"})).await;
    assert_eq!(twice.refused(), refusal(409, "conflict", "email"));
    let missing = own("contact/create", json!({"email": "c@guest.test"})).await;
    assert_eq!(missing.refused(), refusal(400, "missing_field", "name"));
    let change = json!({"contact_id": made["contact_id"], "name": "Rob", "email": "rob@guest.test", "phone": null});
    let changed = own("contact/update", change).await.ok();
    assert_eq!(changed["name"], "Rob");
    assert_eq!(
        (&changed["email"], &changed["phone"]),
        (&json!("rob@guest.test"), &Value::Null)
    );
    own("contact/create", json!({"name": "Bob", "email": "bob@guest.test"}))
        .await
        .ok();
    let taken = own(
        "contact/update",
        json!({"contact_id": made["contact_id"], "email": "bob@guest.test"}),
    )
    .await;
    assert_eq!(taken.refused(), refusal(409, "conflict", "email"));
    let listed = own("contact/fetch_all", json!({})).await.ok();
    assert_eq!(listed[0]["email"], acme.host.email);
    for method in ["contact/update", "contact/delete"] {
        let answer = own(method, json!({"contact_id": listed[0]["contact_id"], "name": "X"})).await;
        assert_eq!(answer.refused(), refusal(409, "conflict", "contact_id"), "{method}");
    }
    own("contact/delete", json!({"contact_id": made["contact_id"]}))
        .await
        .ok();
    assert_eq!(
        own("contact/fetch", json!({"contact_id": made["contact_id"]}))
            .await
            .status(),
        404
    );
    let mut planned = meeting(acme.host.id);
    planned["participant_emails"] = json!(["rob@guest.test"]);
    let planned = own("conference/create", planned).await.ok();
    assert_ne!(planned["participants"][1], made["contact_id"], "a new entry");
    // A new mail address of the host that its book knows already takes that entry's place.
    world
        .root(
            "host/update",
            json!({"host_id": acme.host.id, "email": "bob@guest.test"}),
        )
        .await
        .ok();
    let listed = own("contact/fetch_all", json!({})).await.ok();
    let bobs: Vec<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .filter(|c| c["email"] == "bob@guest.test")
        .collect();
    assert_eq!(bobs, [&listed[0]]);
}

#[tokio::test]
async fn a_mail_domain_is_the_same_by_either_spelling_and_names_one_account() {
    let world = World::new().await;
    let acme = &world.acme;
    let account = |name: &str, email: &str| {
        let body = json!({"company_id": acme.id, "name": name, "email": email, "password": PASSWORD});
        as_admin(&world, acme, "host/create", body)
    };
    let made = account("Ann", "Ann@bücher.example").await.ok();
    assert_eq!(made["email"], "Ann@xn--bcher-kva.example");
    let twice = account("Ann", "ann@XN--bcher-kva.example").await;
    assert_eq!(twice.refused(), refusal(409, "conflict", "email"));
    for email in ["ann@bücher.example", "ann@BÜCHER.example", "Ann@xn--bcher-kva.example"] {
        world.sign_in(&acme.fqdn, email).await;
    }
    let own = |method: &'static str, body: Value| world.api(&acme.fqdn, &acme.host.token, method, body);
    let bob = own("contact/create", json!({"name": "Bob", "email": "bob@ü.example"}))
        .await
        .ok();
    assert_eq!(bob["email"], "bob@xn--tda.example");
    let mut planned = meeting(acme.host.id);
    planned["participant_emails"] = json!(["bob@ü.example", {"email": "cy@ü.example"}]);
    let people = &own("conference/create", planned).await.ok()["participant_emails"];
    let email = |at: usize| people[at]["email"].as_str().expect("an address");
    let mut invited = [email(0), email(1)];
    invited.sort_unstable();
    assert_eq!(invited, ["bob@xn--tda.example", "cy@xn--tda.example"], "{people}");
    let listed = own("contact/fetch_all", json!({})).await.ok();
    let bobs = listed.as_array().expect("a list").iter();
    assert_eq!(bobs.filter(|entry| entry["email"] == bob["email"]).count(), 1);
}

#[tokio::test]
async fn what_was_kept_under_an_address_that_is_refused_now_is_shown_and_changed() {
    let world = World::new().await;
    let acme = &world.acme;
    let own = |method: &'static str, body: Value| world.api(&acme.fqdn, &acme.host.token, method, body);
    let host = domain::id::HostId::new(acme.host.id).expect("an id");
    let reseller = domain::id::ResellerId::new(1).expect("an id");
    for email in ["ü@g.example", "a@ü.example"] {
        let kept = [store::NewContact {
            name: None,
            email: serde_json::from_value(email.into()).expect("kept as it was written"),
            phone: None,
        }];
        let (store, now) = (&world.app.store, world.app.now());
        let entered = store.contacts_ensure(reseller, host, &kept, now).await;
        let id = entered.expect("kept").remove(0).id;
        let shown = own("contact/fetch", json!({"contact_id": id})).await.ok();
        assert_eq!(shown["email"], email);
        own("contact/update", json!({"contact_id": id, "name": "Named"}))
            .await
            .ok();
        let moved = own(
            "contact/update",
            json!({"contact_id": id, "email": format!("{id}@g.example")}),
        );
        assert_eq!(moved.await.ok()["email"], format!("{id}@g.example"));
        own("contact/delete", json!({"contact_id": id})).await.ok();
    }
}

#[tokio::test]
async fn the_audit_tells_who_changed_what_and_shows_no_secret() {
    let world = World::new().await;
    let acme = &world.acme;
    let change = json!({"host_id": acme.host.id, "name": "Neu", "moderator_pin": "4242", "password": "An0therSecret"});
    world.advance(1);
    as_admin(&world, acme, "host/update", change).await.ok();
    world.advance(1);
    as_admin(
        &world,
        acme,
        "contact/create",
        json!({"host_id": acme.host.id, "name": "Secretive", "email": "s@guest.test"}),
    )
    .await
    .ok();
    let listed = as_admin(&world, acme, "audit/fetch_all", json!({"limit": 2})).await;
    let [entered, changed] = listed.ok().as_array().expect("a list").clone().try_into().expect("two");
    assert_eq!(
        (&entered["action"], &changed["action"]),
        (&json!("contact_create"), &json!("host_update"))
    );
    assert!(
        !entered.to_string().contains("Secretive") && !entered.to_string().contains("s@guest"),
        "{entered}"
    );
    assert_eq!(changed["object"], format!("host/{}", acme.host.id));
    assert_eq!(
        changed["by"],
        json!({"kind": "host", "host_id": acme.admin.id, "role": "COMPANY_ADMIN"})
    );
    assert_eq!(
        (&changed["before"]["name"], &changed["after"]["name"]),
        (&json!("HOST"), &json!("Neu"))
    );
    for secret in ["moderator_pin", "password_hash"] {
        assert_eq!(
            (&changed["before"][secret], &changed["after"][secret]),
            (&json!("***"), &json!("***"))
        );
    }
    assert_eq!(listed.header("x-next-after"), changed["id"].as_str());
    let mut seen = vec![entered["id"].clone(), changed["id"].clone()];
    let mut after = changed["id"].clone();
    loop {
        let page = as_admin(&world, acme, "audit/fetch_all", json!({"limit": 3, "after": after})).await;
        seen.extend(
            page.ok()
                .as_array()
                .expect("a list")
                .iter()
                .map(|entry| entry["id"].clone()),
        );
        match page.header("x-next-after") {
            Some(next) => after = next.into(),
            None => break,
        }
    }
    let all = as_admin(&world, acme, "audit/fetch_all", json!({})).await.ok();
    let all: Vec<Value> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["id"].clone())
        .collect();
    assert_eq!(seen, all);
    let own = world.root("audit/fetch_all", json!({})).await.ok();
    assert_eq!(own[0]["by"]["kind"], "operator");
    let bad = world.root("audit/fetch_all", json!({"after": "x"})).await;
    assert_eq!(bad.refused(), refusal(400, "invalid_field", "after"));
}
