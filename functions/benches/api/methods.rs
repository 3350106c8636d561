//! Each endpoint on a small table.

use serde_json::{Value, json};

use crate::row::{Ask, Asks, COUNTED, Row, WARM, credentials};
use crate::world::{World, meeting};
use crate::{new_world, relay, with};

const ALL: usize = WARM + COUNTED;

pub async fn rows() -> Vec<Row> {
    let world = new_world().await;
    relay(&world).await;
    let mut rows = accounts(&world).await;
    rows.extend(address_books(&world).await);
    rows.extend(meetings(&world).await);
    rows.extend(doors(&world).await);
    rows.extend(crate::reports::rows(&world).await);
    rows
}

/// So many things that a method uses up.
async fn made(world: &World, method: &str, field: &str, body: impl Fn(usize) -> Value) -> Vec<Value> {
    let mut all = Vec::with_capacity(ALL);
    for n in 0..ALL {
        all.push(world.root(method, body(n)).await.ok()[field].clone());
    }
    all
}

async fn accounts(world: &World) -> Vec<Row> {
    let (acme, id) = (world.acme.id, world.acme.host.id);
    let email = world.acme.host.email.clone();
    let one = |field: &'static str, id: u64| move |_| json!({(field): id});
    let sign_in = move |_| credentials(&email);
    let companies = made(
        world,
        "company/create",
        "id",
        |n| json!({"subdomain": format!("gone{n}"), "name": "Gone"}),
    )
    .await;
    let hosts = made(
        world,
        "host/create",
        "host_id",
        |n| json!({"company_id": companies[0], "name": "Gone", "email": format!("gone{n}@bench.test")}),
    )
    .await;
    // The first has hosts, so it is not among those that go.
    let gone = companies[1..].to_vec();
    let mut rows = vec![
        Row::api(
            world,
            "authenticate (password hashing made weak)",
            "authenticate",
            sign_in,
        )
        .await,
        Row::api(world, "company/fetch", "company/fetch", one("company_id", acme)).await,
        Row::api(
            world,
            "company/create",
            "company/create",
            |n| json!({"subdomain": format!("c{n}"), "name": "New"}),
        )
        .await,
        Row::api(
            world,
            "company/update",
            "company/update",
            move |n| json!({"company_id": acme, "name": format!("No {n}"), "hidden_controls": ["chat"]}),
        )
        .await,
        Row::api(
            world,
            "company/fetch_all (10)",
            "company/fetch_all",
            |_| json!({"limit": 10}),
        )
        .await,
        Row::of(
            world,
            "company/delete",
            &deletes("company/delete", "company_id", gone),
            COUNTED - 1,
        )
        .await,
        Row::api(world, "host/fetch", "host/fetch", one("host_id", id)).await,
    ];
    rows.extend([
        Row::api(
            world,
            "host/create",
            "host/create",
            move |n| json!({"company_id": acme, "name": "New", "email": format!("new{n}@bench.test")}),
        )
        .await,
        Row::api(
            world,
            "host/update",
            "host/update",
            move |n| json!({"host_id": id, "name": format!("No {n}"), "phone": "+14165551234"}),
        )
        .await,
        Row::api(
            world,
            "host/fetch_all (10)",
            "host/fetch_all",
            move |_| json!({"company_id": acme, "limit": 10}),
        )
        .await,
        Row::api(world, "host/sso_ticket", "host/sso_ticket", one("host_id", id)).await,
        Row::api(
            world,
            "host/reset_login_token",
            "host/reset_login_token",
            one("host_id", id),
        )
        .await,
        Row::of(world, "host/delete", &deletes("host/delete", "host_id", hosts), COUNTED).await,
        Row::api(world, "plan/fetch_all", "plan/fetch_all", |_| json!({})).await,
        Row::api(
            world,
            "subscription/fetch_all",
            "subscription/fetch_all",
            one("company_id", acme),
        )
        .await,
        Row::api(
            world,
            "audit/fetch_all (10)",
            "audit/fetch_all",
            move |_| json!({"company_id": acme, "limit": 10}),
        )
        .await,
    ]);
    rows
}

fn deletes(method: &'static str, field: &'static str, ids: Vec<Value>) -> Asks {
    Box::new(move |n| Ask::api(method, &json!({(field): ids[n]})))
}

async fn address_books(world: &World) -> Vec<Row> {
    let (host, known) = (world.acme.host.id, world.acme.host.contact);
    let contacts = made(
        world,
        "contact/create",
        "contact_id",
        |n| json!({"host_id": world.acme.sibling.id, "name": "Gone", "email": format!("gone{n}@guest.test")}),
    )
    .await;
    vec![
        Row::api(
            world,
            "contact/create",
            "contact/create",
            move |n| json!({"host_id": host, "name": "New", "email": format!("new{n}@guest.test")}),
        )
        .await,
        Row::api(
            world,
            "contact/fetch",
            "contact/fetch",
            move |_| json!({"contact_id": known}),
        )
        .await,
        Row::api(
            world,
            "contact/update",
            "contact/update",
            move |n| json!({"contact_id": known, "name": format!("No {n}"), "email": format!("no{n}@guest.test")}),
        )
        .await,
        Row::api(
            world,
            "contact/fetch_all (10)",
            "contact/fetch_all",
            move |_| json!({"host_id": host, "limit": 10}),
        )
        .await,
        Row::of(
            world,
            "contact/delete",
            &deletes("contact/delete", "contact_id", contacts),
            COUNTED,
        )
        .await,
    ]
}

async fn meetings(world: &World) -> Vec<Row> {
    let (host, lists) = (world.acme.host.id, world.acme.admin.id);
    let open = json!({"start": "2026-06-01 13:00:00", "duration": 600, "one_time_access_code": true});
    let open = world.root("conference/create", with(meeting(host), &open)).await.ok()["conference_id"].clone();
    let weekly = json!({"recurrence": {"rrule": "FREQ=WEEKLY;COUNT=52"}});
    let series = world.root("conference/create", with(meeting(host), &weekly)).await.ok()["conference_id"].clone();
    let ended = made(world, "conference/create", "conference_id", |_| meeting(host)).await;
    let deleted = made(world, "conference/create", "conference_id", |_| meeting(host)).await;
    for _ in 0..9 {
        world.root("conference/create", meeting(lists)).await.ok();
    }
    let own = world.acme.host.conference;
    world.advance(3_600 - 900);
    relay(world).await;
    let here = open.clone();
    vec![
        Row::api(
            world,
            "conference/fetch",
            "conference/fetch",
            move |_| json!({"conference_id": own}),
        )
        .await,
        Row::api(
            world,
            "conference/fetch (52 occurrences)",
            "conference/fetch",
            move |_| json!({"conference_id": series}),
        )
        .await,
        Row::api(world, "conference/create", "conference/create", move |_| meeting(host)).await,
        Row::api(
            world,
            "conference/create (52 occurrences)",
            "conference/create",
            move |_| with(meeting(host), &weekly),
        )
        .await,
        Row::api(
            world,
            "conference/create/reservationless",
            "conference/create/reservationless",
            move |_| json!({"host_id": host, "one_time_access_code": true}),
        )
        .await,
        Row::api(
            world,
            "conference/update",
            "conference/update",
            move |n| json!({"conference_id": own, "subject": format!("No {n}"), "duration": 30 + n % 60}),
        )
        .await,
        Row::of(
            world,
            "conference/end",
            &deletes("conference/end", "conference_id", ended),
            COUNTED,
        )
        .await,
        Row::of(
            world,
            "conference/delete",
            &deletes("conference/delete", "conference_id", deleted),
            COUNTED,
        )
        .await,
        Row::api(
            world,
            "conference/join_token",
            "conference/join_token",
            move |_| json!({"conference_id": open, "name": "Bob"}),
        )
        .await,
        Row::api(
            world,
            "conference/participants",
            "conference/participants",
            move |_| json!({"conference_id": here}),
        )
        .await,
        Row::api(
            world,
            "conference/fetch_all (10)",
            "conference/fetch_all",
            move |_| json!({"host_id": lists, "limit": 10}),
        )
        .await,
    ]
}

/// What browsers ask for.
async fn doors(world: &World) -> Vec<Row> {
    let id = world.acme.sibling.id;
    let now = json!({"host_id": id, "one_time_access_code": true});
    let now = world.root("conference/create/reservationless", now).await.ok();
    let code = now["one_time_access_code"].to_string();
    let host = world.root("host/fetch", json!({"host_id": id})).await.ok();
    let token = host["login_token_public_key"].as_str().expect("a token").to_owned();
    let origin = format!("https://{}", world.acme.fqdn);
    let join = json!({"code": code, "name": "Bob"}).to_string().into_bytes();
    let (form, source) = (format!("host_id={id}&login_token_public_key={token}"), origin.clone());
    let framed = format!("/auth?{form}&redirect_url=/conf/calls/upcoming");
    let asks: [(&str, Asks); 8] = [
        (
            "POST /conf/join",
            Box::new(move |_| Ask::post("/conf/join", "application/json", join.clone())),
        ),
        (
            "GET /conf/call/{code}",
            Box::new(move |_| Ask::get(&format!("/conf/call/{code}"))),
        ),
        ("GET /", Box::new(|_| Ask::get("/"))),
        ("GET /login", Box::new(|_| Ask::get("/login"))),
        (
            "POST /auth",
            Box::new(move |_| {
                Ask::post("/auth", "application/x-www-form-urlencoded", form.clone().into_bytes())
                    .header("origin", &source)
            }),
        ),
        (
            "GET /auth",
            Box::new(move |_| {
                Ask::get(&framed)
                    .header("origin", &origin)
                    .header("sec-fetch-dest", "iframe")
            }),
        ),
        (
            "GET /enterprise_api/openapi.json",
            Box::new(|_| Ask::get("/enterprise_api/openapi.json")),
        ),
        (
            "GET /enterprise_api/docs",
            Box::new(|_| Ask::get("/enterprise_api/docs")),
        ),
    ];
    let mut rows = Vec::new();
    for (name, asks) in asks {
        rows.push(Row::of(world, name, &asks, COUNTED).await);
    }
    rows
}
