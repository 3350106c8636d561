//! The operator's command makes the first reseller, its company and its admin: once, whatever fails half-way and whoever else
//! does the same, and without a change to what is somebody else's.

use std::time::Duration;

use functions::Error;
use functions::operator::{self, Init, Initialised};
use serde_json::{Value, json};

use crate::site::notes::Break;
use crate::site::{ACME, DOMAIN, Site, settled};

const PASSWORD: &str = "Sup3rSecret!";

/// All that an operator may ask for, about a reseller of its own.
fn asked(site: &Site, name: &str) -> Init {
    let event = json!({
        "reseller": {"name": "New", "domain": format!("{name}.test"), "leave_event_type": "bye"},
        "company": {"subdomain": "first", "name": "First"},
        "admin": {"name": "Admin", "email": format!("admin@{name}.test"), "password": PASSWORD},
        "relays": [{"id": format!("relay-{name}"), "key": site.relay.verifying_key().to_jwk()}],
        "plans": [
            {"name": "Small", "max_participants": 10, "max_minutes": 60},
            {"name": "Large", "max_participants": 100, "max_minutes": 1440},
        ],
    });
    serde_json::from_value(event).expect("an event of an operator")
}

/// The reseller has what was asked for, each once: as its admin sees it.
async fn is_whole(site: &Site, asked: &Init, made: &Initialised) {
    let fqdn = made.fqdn.as_str();
    let admin = json!({"email": asked.admin.email, "password": PASSWORD});
    let token = site.api(fqdn, "authenticate", admin).await.ok()["auth_token"].clone();
    let all = async |method: &str| site.api(fqdn, method, json!({"auth_token": token})).await.ok();
    let hosts = all("host/fetch_all").await;
    let known: Vec<_> = hosts.as_array().expect("a list").iter().collect();
    assert_eq!(known.len(), 1, "{hosts}");
    assert_eq!(
        (&known[0]["role"], &known[0]["host_id"]),
        (&json!("RESELLER_ADMIN"), &json!(made.host_id))
    );
    let companies = all("company/fetch_all").await;
    let ids: Vec<_> = companies
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["company_id"])
        .collect();
    assert_eq!(ids, [&json!(made.company_id)]);
    let plans = all("plan/fetch_all").await;
    let plans = plans.as_array().expect("a list");
    let mut names: Vec<_> = plans
        .iter()
        .map(|plan| plan["name"].as_str().expect("a name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Large", "Small"]);
    let relay = &asked.relays[0];
    let known = site
        .app
        .store
        .relay(&relay.id)
        .await
        .expect("read")
        .expect("it is there");
    assert_eq!(known.key, relay.key);
}

#[tokio::test]
async fn whichever_write_fails_the_command_is_repeated() {
    let mut site = Site::new().await;
    for done in [false, true] {
        for after in 0.. {
            let asked = asked(&site, &format!("n{after}{done}"));
            site.restart();
            site.notes.set_broken(Some(Break { after, done }));
            let first = operator::init(&site.app, &asked).await;
            site.notes.set_broken(None);
            site.restart();
            let made = operator::init(&site.app, &asked).await.expect("made");
            is_whole(&site, &asked, &made).await;
            let again = operator::init(&site.app, &asked).await.expect("harmless");
            assert_eq!(again, Initialised { created: false, ..made });
            if first.is_ok() {
                // Four ids and two of plans, three things, a relay, two plans.
                assert!(after >= 10, "{after} writes");
                break;
            }
        }
    }
}

#[tokio::test]
async fn two_operators_at_once_make_one_of_each() {
    let site = Site::new().await;
    site.notes.set_latency(Duration::from_millis(1));
    // From side by side to one after the other.
    for apart in 0..30 {
        let asked = asked(&site, &format!("two{apart}"));
        let later = async {
            tokio::time::sleep(Duration::from_millis(apart)).await;
            operator::init(&site.app, &asked).await
        };
        let (one, two) = tokio::join!(operator::init(&site.app, &asked), later);
        let (one, two) = (one.expect("made or found"), two.expect("made or found"));
        let created = one.created || two.created;
        let whole = Initialised { created, ..one.clone() };
        assert_eq!(whole, Initialised { created, ..two });
        assert!(created);
        is_whole(&site, &asked, &whole).await;
    }
}

/// What a refused event is told, which must have written nothing.
async fn refused(site: &Site, event: Value) -> domain::Error {
    let asked: Init = serde_json::from_value(event).expect("it reads");
    settled().await;
    site.notes.take();
    let refused = operator::init(&site.app, &asked).await.expect_err("refused");
    let touched = site.notes.take();
    assert!(touched.iter().all(|touch| !touch.action.writes()), "{touched:?}");
    match refused {
        Error::Refused(refusal) => refusal,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_is_no_admin_is_not_made_one_and_nothing_is_written() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let event = json!({
        "reseller": {"name": "Demo", "domain": DOMAIN, "leave_event_type": "bye"},
        "company": {"subdomain": "fresh", "name": "Fresh"},
        "admin": {"name": "Ann", "email": "ann@acme.test", "password": PASSWORD},
        "plans": [{"name": "Small", "max_participants": 10, "max_minutes": 60}],
    });
    let taken = refused(&site, event.clone()).await;
    assert_eq!(
        (taken.code.status(), taken.field.as_deref()),
        (409, Some("admin.email"))
    );
    assert!(taken.to_string().contains("no admin of the reseller"), "{taken}");
    site.admin_api("host/update", json!({"host_id": ann.id, "role": "COMPANY_ADMIN"}))
        .await;
    assert_eq!(refused(&site, event.clone()).await.code.status(), 409);
    site.admin_api("host/update", json!({"host_id": ann.id, "role": "RESELLER_ADMIN"}))
        .await;
    let asked = serde_json::from_value(event).expect("it reads");
    let made = operator::init(&site.app, &asked).await.expect("made");
    assert_eq!(json!(made.host_id), json!(ann.id));
}

#[tokio::test]
async fn bad_values_are_named_before_anything_is_written() {
    let site = Site::new().await;
    let good = serde_json::to_value(asked(&site, "bad")).expect("JSON");
    let cases = [
        ("/admin/password", json!("short"), "admin.password"),
        ("/plans/1/max_participants", json!(501), "plans.max_participants"),
        ("/plans/0/max_minutes", json!(0), "plans.max_minutes"),
        ("/relays/0/key/x", json!("AAAA"), "relays.key"),
    ];
    for (place, value, field) in cases {
        let mut event = good.clone();
        *event.pointer_mut(place).expect("a field") = value;
        let refusal = refused(&site, event).await;
        assert_eq!((refusal.code.status(), refusal.field.as_deref()), (400, Some(field)));
    }
    for (place, value) in [
        ("/reseller/leave_event_type", json!("room")),
        ("/reseller/leave_event_type", json!("x".repeat(65))),
        ("/reseller/domain", json!("no domain")),
        ("/company/subdomain", json!("www")),
        ("/admin/email", json!("nobody")),
        (
            "/company",
            json!({"subdomain": "first", "name": "First", "colour": "red"}),
        ),
    ] {
        let mut event = good.clone();
        *event.pointer_mut(place).expect("a field") = value;
        assert!(serde_json::from_value::<Init>(event).is_err(), "{place}");
    }
}

#[tokio::test]
async fn pages_post_the_leave_event_that_the_operator_named() {
    let site = Site::new().await;
    let ann = site.host("Ann").await;
    let shown = async || {
        site.get(ACME, &format!("/conf/call/{}", ann.code))
            .send()
            .await
            .config()["leave_event_type"]
            .clone()
    };
    assert_eq!(shown().await, "vivomeetingsLeaveCallEvent");
    let mut asked = site.first();
    for name in ["acme:left", "bye"] {
        asked.reseller.leave_event_type = Some(name.parse().expect("a word"));
        assert!(!operator::init(&site.app, &asked).await.expect("renamed").created);
        assert_eq!(shown().await, name);
    }
    asked.reseller.leave_event_type = None;
    operator::init(&site.app, &asked).await.expect("harmless");
    assert_eq!(shown().await, "bye");
    let audit = site.admin_api("audit/fetch_all", json!({})).await;
    let told = audit
        .as_array()
        .expect("a list")
        .iter()
        .find(|entry| entry["after"]["leave_event_type"] == "bye");
    let told = told.unwrap_or_else(|| panic!("{audit}"));
    assert_eq!(
        (&told["action"], &told["before"]),
        (&json!("operator_init"), &json!({"leave_event_type": "acme:left"}))
    );
}
