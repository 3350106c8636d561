//! Each function's role allows what its endpoint does to the table, and nothing else: every endpoint runs here, on its
//! good ways and its bad ones, over a table that notes what is asked of it.

mod accounts;
mod api_tokens;
mod by_provider;
mod oauth;
mod own_domains;
mod registering;
mod running;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};

use crate::asked::Touch;
use crate::site::{self, ACME, Answer, Host, Site, settled};
use functions::deploy::{Action, Grants};
use functions::{all, operator, workers};
use serde_json::{Value, json};
use store::Partition;

type Used = BTreeMap<&'static str, BTreeSet<(Action, Partition)>>;

/// What was done on the way, by the endpoint that did it.
struct Walk {
    site: Site,
    used: Used,
}

fn kind(touch: &Touch) -> (Action, Partition) {
    let found = Partition::ALL.into_iter().find(|partition| partition.holds(&touch.key));
    (
        touch.action,
        found.unwrap_or_else(|| panic!("no partition is like {}", touch.key)),
    )
}

impl Walk {
    /// A new process, which remembers no tenant and no block of ids.
    async fn fresh(&mut self) {
        settled().await;
        self.site.restart();
        self.site.notes.take();
    }

    /// Books what was asked of the table since the last time.
    async fn book(&mut self, id: &'static str) {
        settled().await;
        let touched = self.site.notes.take();
        self.used.entry(id).or_default().extend(touched.iter().map(kind));
    }

    async fn api(&mut self, id: &'static str, mut body: Value) -> Answer {
        let route = all().into_iter().find(|route| route.id == id).expect("an endpoint");
        if id != "authenticate" && body["auth_token"].is_null() {
            body["auth_token"] = self.site.admin.clone().into();
        }
        self.fresh().await;
        let answer = self.site.post(ACME, route.path).json(&body).send().await;
        self.book(id).await;
        answer
    }

    async fn report(&mut self, id: &'static str, body: Value) -> Answer {
        self.fresh().await;
        let answer = self.site.report(id.trim_start_matches("relay_"), body).await;
        self.book(id).await;
        answer
    }

    async fn join(&mut self, body: Value, cookie: &str) -> Answer {
        self.fresh().await;
        let answer = self.site.join(ACME, &body).header("cookie", cookie).send().await;
        self.book("conference_join").await;
        answer
    }

    async fn page(&mut self, id: &'static str, path: &str, cookie: &str) {
        self.fresh().await;
        self.site.get(ACME, path).header("cookie", cookie).send().await;
        self.book(id).await;
    }
}

#[test]
fn every_role_allows_exactly_what_its_function_does() {
    // So many steps in one future are too much for a test's own stack.
    let walked = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(Box::pin(compare()));
    });
    walked
        .expect("a thread")
        .join()
        .expect("every role allows exactly what its function does");
}

async fn compare() {
    let mut walk = Walk {
        site: Site::new().await,
        used: Used::new(),
    };
    // All that is wrong is told at once, in the end.
    walk.site.notes.let_all_be();
    Box::pin(first_objects(&mut walk)).await;
    let host = Box::pin(partner(&mut walk)).await;
    let cookie = Box::pin(signing_in(&mut walk, &host)).await;
    Box::pin(by_provider::by_provider(&mut walk)).await;
    Box::pin(meetings(&mut walk, &host, &cookie)).await;
    Box::pin(api_tokens::api_tokens(&mut walk)).await;
    Box::pin(oauth::oauth(&mut walk)).await;
    Box::pin(registering::registering(&mut walk, &host)).await;
    Box::pin(running::taken_back(&mut walk)).await;
    Box::pin(running::tokens(&mut walk)).await;
    Box::pin(accounts::accounts(&mut walk)).await;
    Box::pin(accounts::told(&mut walk, &host)).await;
    Box::pin(accounts::deletions(&mut walk)).await;
    Box::pin(webhooks::webhooks(&mut walk)).await;
    Box::pin(own_domains::own_domains(&mut walk)).await;
    Box::pin(time(&mut walk)).await;

    let ids = all()
        .iter()
        .map(|route| route.id)
        .chain(workers().iter().map(|worker| worker.id))
        .collect::<Vec<_>>();
    let mut wrong = String::new();
    for id in ids {
        let used = walk.used.get(id).cloned().unwrap_or_default();
        let granted: BTreeSet<_> = Grants::of(id).iter().collect();
        if used != granted {
            wrong += &format!(
                "{id} lacks {:?}, has for nothing {:?}\n{}",
                &used - &granted,
                &granted - &used,
                line(id, &used)
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// An endpoint's entry as it should stand in the list of grants.
fn line(id: &str, used: &BTreeSet<(Action, Partition)>) -> String {
    let mut by: BTreeMap<Vec<Partition>, Vec<Action>> = BTreeMap::new();
    for action in used.iter().map(|(action, _)| *action).collect::<BTreeSet<_>>() {
        let on = used
            .iter()
            .filter(|(of, _)| *of == action)
            .map(|(_, partition)| *partition)
            .collect();
        by.entry(on).or_default().push(action);
    }
    let parts: Vec<String> = by
        .iter()
        .map(|(on, actions)| format!("(&{actions:?}, &{on:?})"))
        .collect();
    format!("LINE    (\"{id}\", &[{}]),\n", parts.join(", "))
}

async fn first_objects(walk: &mut Walk) {
    let mut again = walk.site.first();
    again.reseller.daily_mails = Some(1_000);
    walk.fresh().await;
    operator::init(&walk.site.app, &again).await.expect("done");
    let fresh = serde_json::from_value(json!({
        "reseller": {"name": "New", "domain": "new.test"},
        "company": {"subdomain": "first", "name": "First"},
        "admin": {"name": "Admin", "email": "admin@new.test", "password": "Sup3rSecret!"},
        "relays": [{"id": "relay-9", "key": walk.site.relay.verifying_key().to_jwk()}],
        "plans": [{"name": "Small", "max_participants": 10, "max_minutes": 1440}],
    }));
    let mut fresh: operator::Init = fresh.expect("an event");
    operator::init(&walk.site.app, &fresh).await.expect("made");
    fresh.reseller.leave_event_type = Some("bye".parse().expect("a word"));
    operator::init(&walk.site.app, &fresh).await.expect("renamed");
    walk.book("operator_init").await;
}

async fn partner(walk: &mut Walk) -> Host {
    let right = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
    walk.api(
        "authenticate",
        json!({"email": "admin@partner.test", "password": "wrong-wrong"}),
    )
    .await;
    walk.api(
        "authenticate",
        json!({"email": "nobody@partner.test", "password": "wrong-wrong"}),
    )
    .await;
    walk.api("authenticate", right).await.ok();
    let key = |n: u32| format!("key-{n}");
    let company = json!({"subdomain": "third", "name": "Third", "idempotency_key": key(1)});
    walk.api("company_create", company.clone()).await.ok();
    walk.api("company_create", company).await.ok();
    walk.api(
        "company_create",
        json!({"subdomain": "third", "name": "Third", "idempotency_key": key(2)}),
    )
    .await
    .refused();
    walk.api("company_fetch", json!({"company_id": 1})).await.ok();
    let host = json!({"company_id": 1, "name": "Ann", "email": "ann@acme.test", "password": "SoSecret5!", "openid_sub": "s",
        "idempotency_key": key(3)});
    walk.api("host_create", host.clone()).await.ok();
    let made = walk.api("host_create", host).await.ok();
    walk.api(
        "host_create",
        json!({"company_id": 1, "name": "Ann", "email": "ann@acme.test", "idempotency_key": key(4)}),
    )
    .await
    .refused();
    walk.api("host_fetch", json!({"host_id": made["host_id"]})).await.ok();
    walk.page("page_docs", "/enterprise_api/docs", "x=y").await;
    walk.page("openapi_fetch", "/enterprise_api/openapi.json", "x=y").await;
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    Host {
        id: made["host_id"].as_u64().expect("an id"),
        code: text(&made["access_code"]["number"]),
        pin: text(&made["moderator_pin"]["number"]),
        sso: text(&made["login_token_public_key"]),
    }
}

async fn signing_in(walk: &mut Walk, host: &Host) -> String {
    let own = "https://acme.demo.test";
    let id = host.id.to_string();
    let mut cookie = String::new();
    let asked = json!({"host_id": host.id, "idempotency_key": "key-10"});
    let ticket = walk.api("host_sso_ticket", asked.clone()).await.ok();
    walk.api("host_sso_ticket", asked).await.ok();
    walk.api(
        "host_sso_ticket",
        json!({"host_id": 9_999, "idempotency_key": "key-11"}),
    )
    .await
    .refused();
    for (sso, account) in [
        (ticket["sso_ticket"].as_str().expect("a ticket"), "a=b"),
        (host.sso.as_str(), "a=b"),
        ("wrong", "a=b"),
        (host.sso.as_str(), "__Host-convoke-account=1"),
    ] {
        let fields = [("host_id", id.as_str()), ("login_token_public_key", sso)];
        walk.fresh().await;
        let call = walk
            .site
            .post(ACME, "/auth")
            .header("origin", own)
            .header("cookie", account)
            .form(&fields);
        let answer = call.send().await;
        walk.book("sign_in").await;
        if answer.status == 303 {
            cookie = answer.cookies().join("; ");
        }
    }
    let ticket = walk.api("host_sso_ticket", json!({"host_id": host.id})).await.ok();
    for (sso, dest) in [
        (ticket["sso_ticket"].as_str().expect("a ticket"), "iframe"),
        (host.sso.as_str(), "iframe"),
        ("wrong", "iframe"),
        (host.sso.as_str(), "document"),
    ] {
        walk.fresh().await;
        let path = format!("/auth?host_id={id}&login_token_public_key={sso}&redirect_url=/");
        let answer = walk
            .site
            .get(ACME, &path)
            .header("referer", own)
            .header("sec-fetch-dest", dest)
            .send()
            .await;
        walk.book("sign_in_framed").await;
        if let Some((_, handoff)) = answer.header("location").split_once("handoff=") {
            let handoff = handoff.split('&').next().unwrap_or_default();
            walk.fresh().await;
            let traded = walk
                .site
                .post(ACME, "/auth/handoff")
                .json(&json!({"handoff": handoff}))
                .send()
                .await
                .ok();
            walk.book("sign_in_handoff").await;
            let session = format!("Session {}", traded["session"].as_str().expect("a session"));
            walk.fresh().await;
            let call = walk.site.post(ACME, "/auth/session").header("authorization", &session);
            call.send().await.ok();
            walk.book("sign_in_pass_on").await;
            walk.fresh().await;
            let call = walk.site.post(ACME, "/logout").header("authorization", &session);
            call.send().await.ok();
            walk.book("sign_out").await;
        }
    }
    by_password(walk, &cookie).await;
    cookie
}

/// Signing in at the company's own page, and by the link of a new account.
async fn by_password(walk: &mut Walk, cookie: &str) {
    let mut own = String::new();
    for (email, password) in [
        ("ann@acme.test", "wrong-wrong"),
        ("nobody@acme.test", "wrong-wrong"),
        ("no address", "wrong-wrong"),
        ("ann@acme.test", "SoSecret5!"),
        ("ann@acme.test", "SoSecret5!"),
    ] {
        walk.fresh().await;
        let call = walk.site.post(ACME, "/login").header("cookie", &own);
        let answer = call.json(&json!({"email": email, "password": password})).send().await;
        walk.book("sign_in_by_password").await;
        if answer.status == 200 {
            own = answer.cookies().join("; ");
        }
    }
    walk.page("page_login", "/login", cookie).await;
    let new = json!({"company_id": 1, "name": "New", "email": "new@acme.test"});
    let made = walk.site.admin_api("host/create", new).await;
    let link = made["password_creation_link"].as_str().expect("a link");
    let path = link
        .strip_prefix("https://acme.demo.test")
        .expect("its own domain")
        .to_owned();
    walk.page("page_password", &path, "a=b").await;
    walk.fresh().await;
    let call = walk.site.post(ACME, &path).header("cookie", &own);
    call.json(&json!({"password": "An0therSecret!"})).send().await.ok();
    walk.book("sign_in_set_password").await;
    walk.fresh().await;
    let call = walk.site.post(ACME, "/password").header("cookie", "a=b");
    call.json(&json!({"email": "new@acme.test"})).send().await.ok();
    walk.book("sign_in_forgotten").await;
}

async fn meetings(walk: &mut Walk, host: &Host, cookie: &str) {
    let register = json!({"relay": "relay-1", "region": "eu", "url": "http://127.0.0.1:9", "version": "1", "capacity": 9, "epoch": 1});
    walk.report("relay_register", register).await.ok();
    walk.join(json!({"code": "7654321", "name": "Bob"}), cookie)
        .await
        .refused();
    let led = walk
        .join(
            json!({"code": host.code, "moderator_pin": host.pin, "name": "Ann"}),
            "a=b",
        )
        .await
        .ok();
    walk.join(
        json!({"code": host.code, "moderator_pin": "0000", "name": "Bob"}),
        cookie,
    )
    .await
    .refused();
    walk.join(json!({"code": host.code}), cookie).await.ok();
    let ad_hoc = format!("1/{}/{}", led["conference"]["id"], site::START);
    let enter = |room: &str, n: u32| json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": n, "jti": format!("j{n}")});
    walk.report("relay_enter", enter(&ad_hoc, 1)).await.ok();

    // Long enough that the host's entering would have been reported.
    walk.site.advance(61);
    walk.site.relay_up_again().await;
    // A planned meeting takes the place of an ad-hoc one that nobody leads.
    let planned = json!({"host_id": host.id, "subject": "Plan", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "security_pin": "1234", "participant_emails": ["new@guest.test"], "idempotency_key": "key-5"});
    walk.api("conference_create", planned.clone()).await.ok();
    let planned = walk.api("conference_create", planned).await.ok();
    let more = json!({"host_id": host.id, "subject": "Plan", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "participants": planned["participants"], "one_time_access_code": true});
    let one_time = walk.api("conference_create", more).await.ok();
    walk.join(json!({"code": host.code, "name": "Bob", "pin": "9999"}), "a=b")
        .await
        .refused();
    let joined = walk
        .join(json!({"code": host.code, "name": "Bob", "pin": "1234"}), "a=b")
        .await
        .ok();
    let room = format!("1/{}/{}", planned["conference_id"], site::START + 300);
    assert_eq!(joined["conference"]["id"], planned["conference_id"]);
    walk.report("relay_enter", enter(&room, 3)).await.ok();
    walk.report("relay_enter", enter(&room, 3)).await.ok();
    let event = |kind: Value| {
        let mut event = json!({"room": room, "at": site::START * 1000, "participant": 3, "jti": "j3"});
        event
            .as_object_mut()
            .expect("an object")
            .extend(kind.as_object().expect("an object").clone());
        event
    };
    let events = [
        event(json!({"kind": "participant_join", "name": "Bob", "moderator": true, "region": "eu"})),
        event(json!({"kind": "participant_leave", "reason": "left", "duration_ms": 5})),
        json!({"room": room, "at": site::START * 1000, "kind": "room_rules", "locked": true, "mute_mode": "q&a"}),
    ];
    walk.report(
        "relay_events",
        json!({"relay": "relay-1", "epoch": 1, "n": 1, "events": events}),
    )
    .await
    .ok();
    let end = json!({"room": room, "at": site::START * 1000, "kind": "room_end", "reason": "ended", "by": 3});
    let beat = json!({"relay": "relay-1", "epoch": 1, "participants": 1, "load": 0.5, "rooms": [{"room": room, "participants": 1}]});
    walk.report("relay_heartbeat", beat).await.ok();
    walk.report("relay_leave", json!({"relay": "relay-1", "epoch": 1, "room": room}))
        .await
        .ok();
    walk.join(json!({"code": host.code, "name": "Bob", "pin": "1234"}), "a=b")
        .await
        .ok();
    walk.report("relay_enter", enter(&room, 4)).await.ok();
    walk.report(
        "relay_events",
        json!({"relay": "relay-1", "epoch": 1, "n": 2, "events": [end]}),
    )
    .await
    .ok();
    walk.report("relay_leave", json!({"relay": "relay-1", "epoch": 1, "room": room}))
        .await
        .ok();

    let now = json!({"host_id": host.id, "participant_emails": ["two@guest.test"], "participants": planned["participants"],
        "idempotency_key": "key-6"});
    walk.api("conference_create_reservationless", now.clone()).await.ok();
    let made = walk.api("conference_create_reservationless", now).await.ok();
    let own = json!({"host_id": host.id, "one_time_access_code": true});
    walk.api("conference_create_reservationless", own).await.ok();
    let tomorrow = json!({"host_id": host.id, "start": "2026-06-02 12:00:00", "one_time_access_code": true});
    walk.api("conference_create_reservationless", tomorrow).await.ok();
    walk.join(json!({"code": host.code, "name": "Bob"}), "a=b").await.ok();
    let open = format!("1/{}/{}", made["conference_id"], walk.site.now().as_second());
    walk.report("relay_enter", enter(&open, 1)).await.ok();
    walk.page("page_room", &format!("/conf/call/{}", host.code), cookie)
        .await;
    walk.page("page_room", "/conf/call/7654321", "a=b").await;
    running::kept_in_calendars(walk, host, cookie).await;
    walk.page("page_home", "/", cookie).await;
    let running = json!({"conference_id": made["conference_id"], "duration": 20});
    walk.api("conference_update", running).await.ok();
    walk.api("conference_delete", json!({"conference_id": made["conference_id"]}))
        .await
        .refused();
    running::in_meetings(walk, host, &made["conference_id"], &open).await;
    let end = json!({"conference_id": made["conference_id"], "idempotency_key": "key-7"});
    walk.api("conference_end", end.clone()).await.ok();
    walk.api("conference_end", end).await.ok();
    walk.api("conference_end", json!({"conference_id": one_time["conference_id"]}))
        .await
        .ok();
    running::repeating(walk, host).await;
    // A request that fails lets its idempotency key go.
    for id in ["conference_create", "conference_create_reservationless"] {
        let unknown = json!({"host_id": 9_999, "subject": "x", "start": "2026-06-01 12:05:00", "time_zone": "UTC",
            "duration": 60, "idempotency_key": "key-8"});
        walk.api(id, unknown).await.refused();
    }
    for id in ["conference_end", "conference_update", "conference_delete"] {
        let unknown = json!({"conference_id": 9_999, "idempotency_key": "key-9"});
        walk.api(id, unknown).await.refused();
    }
    walk.api("conference_fetch", json!({"conference_id": made["conference_id"]}))
        .await
        .ok();
    let beat = json!({"relay": "relay-1", "epoch": 1, "participants": 1, "load": 0.5, "rooms": [{"room": open, "participants": 1}]});
    walk.report("relay_heartbeat", beat).await.ok();
}

/// What the sweeper finds: a relay that fell silent with people in it, and a meeting that nobody came to.
async fn time(walk: &mut Walk) {
    let host = walk.site.host("Late").await;
    let made = walk
        .site
        .admin_api("conference/create/reservationless", json!({"host_id": host.id}))
        .await;
    let unattended = walk.site.host("Never").await;
    walk.site
        .admin_api("conference/create/reservationless", json!({"host_id": unattended.id}))
        .await;
    walk.site.relay_up_again().await;
    walk.site
        .join(ACME, &json!({"code": host.code, "name": "Bob"}))
        .send()
        .await
        .ok();
    let room = format!("1/{}/{}", made["conference_id"], walk.site.now().as_second());
    let enter = json!({"relay": "relay-1", "epoch": 1, "room": room, "participant": 1, "jti": "j"});
    walk.site.report("enter", enter).await.ok();
    let event = json!({"room": room, "at": site::START * 1000, "kind": "participant_join", "participant": 1, "jti": "j",
        "name": "Bob", "moderator": false, "region": "eu"});
    walk.site
        .report(
            "events",
            json!({"relay": "relay-1", "epoch": 1, "n": 5, "events": [event]}),
        )
        .await
        .ok();
    // The relay starts anew, and its people do not come back.
    let again = json!({"relay": "relay-1", "region": "eu", "url": "http://127.0.0.1:9", "version": "1", "capacity": 9, "epoch": 2});
    walk.site.report("register", again).await.ok();
    let enter = json!({"relay": "relay-1", "epoch": 2, "room": room, "participant": 2, "jti": "k"});
    walk.report("relay_enter", enter).await.ok();
    walk.fresh().await;
    operator::sweep(&walk.site.app).await.expect("swept");
    for _ in 0..60 {
        walk.site.advance(60);
        operator::sweep(&walk.site.app).await.expect("swept");
    }
    walk.site.advance(25 * 3_600);
    operator::sweep(&walk.site.app).await.expect("swept");
    walk.book("sweep").await;
}
