//! The OpenAPI document in `docs/api` is what the endpoints say of themselves. `UPDATE=1` writes it anew.

use std::collections::BTreeSet;
use std::path::Path;

use functions::{Access, all, openapi};
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn the_document_in_the_repository_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api/openapi.json");
    let document = serde_json::to_string_pretty(&openapi::document(&all())).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &document).expect("written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == document,
        "docs/api/openapi.json is out of date: run this test with UPDATE=1"
    );
}

#[test]
fn every_endpoint_is_described_and_every_reference_leads_somewhere() {
    let document = openapi::document(&all());
    let mut ids = BTreeSet::new();
    for route in all().into_iter().filter(openapi::tells_of) {
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        assert_eq!(operation["operationId"], route.title().as_str(), "{}", route.id);
        assert!(ids.insert(route.title()), "{} is there twice", route.id);
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// An example that is refused as malformed would mislead everybody who pastes it. Reports of relays are read once they are
/// signed.
#[tokio::test]
async fn every_body_has_an_example_that_is_read() {
    let world = World::new().await;
    let document = openapi::document(&all());
    for route in all()
        .iter()
        .filter(|route| route.method == "POST" && openapi::tells_of(route))
    {
        let operation = &document["paths"][route.path]["post"];
        if operation["requestBody"].is_null() {
            // Nothing is read: the session is in a header or a cookie.
            assert!(
                ["sign_out", "sign_in_pass_on"].contains(&route.id),
                "{} reads nothing",
                route.id
            );
            continue;
        }
        let mut body = operation["requestBody"]["content"]["application/json"]["example"].clone();
        assert!(body.is_object(), "{} has no example", route.id);
        if route.access == Access::Relay {
            assert!(reads(route.id, body), "{}", route.id);
            continue;
        }
        body["auth_token"] = world.acme.reseller_admin.token.clone().into();
        let path = route.path.replace("{token}", "a-link");
        let answer = world.post(&world.acme.fqdn, &path).json(&body).send().await;
        assert!(
            ![400, 415, 500].contains(&answer.status()),
            "{}: {:?}",
            route.id,
            answer.0.body()
        );
    }
}

/// Whether a relay's report reads.
fn reads(id: &str, body: Value) -> bool {
    use domain::relay::{Enter, Events, Heartbeat, Leave, Register};
    match id {
        "relay_register" => serde_json::from_value::<Register>(body).is_ok(),
        "relay_heartbeat" => serde_json::from_value::<Heartbeat>(body).is_ok(),
        "relay_enter" => serde_json::from_value::<Enter>(body).is_ok(),
        "relay_leave" => serde_json::from_value::<Leave>(body).is_ok(),
        "relay_quality" => serde_json::from_value::<domain::quality::QualityReport>(body).is_ok(),
        "relay_events" => serde_json::from_value::<Events>(body).is_ok(),
        _ => false,
    }
}

/// That it is one of the schema is tested where schemas are (`tests/fuzz`).
#[test]
fn every_object_that_is_answered_has_an_example() {
    let document = openapi::document(&all());
    for route in all() {
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let object = schema["items"].as_object().map_or(schema, |_| &schema["items"]);
        let Some(link) = object["$ref"].as_str() else {
            // Pages, sign-ins that lead on, and the document itself.
            assert!(schema.is_null() || *schema == json!({"type": "object"}), "{}", route.id);
            continue;
        };
        let object = document
            .pointer(link.trim_start_matches('#'))
            .expect("it leads somewhere");
        assert!(object["examples"][0].is_object(), "{link} of {}", route.id);
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn ids_and_paths_are_each_given_once() {
    let routes = all();
    let ids: BTreeSet<_> = routes.iter().map(|route| route.id).collect();
    let doors: BTreeSet<_> = routes.iter().map(|route| (route.method, route.path)).collect();
    assert_eq!((ids.len(), doors.len()), (routes.len(), routes.len()));
}
