//! The OpenAPI document in `docs/api` is what the endpoints say of themselves. `UPDATE=1` writes it anew.

use std::collections::BTreeSet;
use std::path::Path;

use functions::{all, openapi};
use serde_json::Value;

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
    for route in all() {
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

/// An example that is refused as malformed would mislead everybody who pastes it.
#[tokio::test]
async fn every_partner_method_has_an_example_that_is_read() {
    let world = World::new().await;
    let document = openapi::document(&all());
    for route in all()
        .iter()
        .filter(|route| route.method == "POST" && route.path.starts_with("/enterprise_api/"))
    {
        let body = &document["paths"][route.path]["post"]["requestBody"]["content"]["application/json"]["example"];
        assert!(body.is_object(), "{} has no example", route.id);
        let mut body = body.clone();
        body["auth_token"] = world.acme.reseller_admin.token.clone().into();
        let answer = world.post(&world.acme.fqdn, route.path).json(&body).send().await;
        assert!(
            ![400, 415, 500].contains(&answer.status()),
            "{}: {:?}",
            route.id,
            answer.0.body()
        );
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
