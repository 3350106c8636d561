//! The checked-in templates are what the endpoints ask for: a function each, its route, a role of its own.
//! `CONVOKE_WRITE=1 cargo test -p functions --test doors` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use functions::deploy::{Grants, ROOT, templates};
use functions::{Access, Kind, Need, Wake, all, workers};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn generated() -> BTreeMap<String, String> {
    templates(&all(), &workers())
}

#[test]
fn the_files_are_as_generated() {
    let stacks = repository().join("deploy/stacks");
    if std::env::var_os("CONVOKE_WRITE").is_some() {
        std::fs::create_dir_all(&stacks).expect("a folder");
        for (path, text) in generated() {
            std::fs::write(repository().join(path), text).expect("written");
        }
    }
    for (path, text) in generated() {
        let there = std::fs::read_to_string(repository().join(&path)).unwrap_or_default();
        assert!(there == text, "{path} is not as generated: see this file's head");
    }
    let there: BTreeSet<String> = std::fs::read_dir(&stacks)
        .expect("the stacks")
        .map(|entry| {
            format!(
                "deploy/stacks/{}",
                entry.expect("an entry").file_name().to_string_lossy()
            )
        })
        .collect();
    let wanted = generated().into_keys().filter(|path| path != ROOT).collect();
    assert_eq!(there, wanted, "stacks that nothing asks for, or that are missing");
}

#[test]
fn every_endpoint_and_worker_is_one_function_with_a_role_of_its_own() {
    let nested: String = generated()
        .into_iter()
        .filter(|(path, _)| path != ROOT)
        .map(|(_, text)| text)
        .collect();
    let handlers: Vec<&str> = nested
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Handler: "))
        .collect();
    let mut wanted: Vec<String> = all().iter().map(functions::Route::handler).collect();
    wanted.extend(workers().iter().map(functions::Worker::handler));
    assert_eq!(
        handlers.iter().collect::<BTreeSet<_>>(),
        wanted.iter().map(String::as_str).collect::<Vec<_>>().iter().collect()
    );
    assert_eq!(handlers.len(), wanted.len());
    assert_eq!(nested.matches("Type: AWS::IAM::Role").count(), wanted.len());
    let keys: BTreeSet<String> = nested
        .lines()
        .filter_map(|line| line.trim().strip_prefix("RouteKey: "))
        .map(|key| key.trim_matches('"').to_owned())
        .collect();
    assert_eq!(
        keys,
        all()
            .iter()
            .map(|route| format!("{} {}", route.method, route.path))
            .collect()
    );
}

#[test]
fn no_stack_comes_near_the_limit_of_resources() {
    for (path, text) in generated() {
        let resources = text.matches("\n    Type: AWS::").count();
        assert!((1..=400).contains(&resources), "{path} has {resources}");
    }
}

#[test]
fn what_a_role_grants_is_what_its_endpoint_says_it_needs() {
    let table = |needs: &[Need]| -> BTreeSet<Need> {
        needs
            .iter()
            .copied()
            .filter(|need| matches!(need, Need::TableRead | Need::TableWrite))
            .collect()
    };
    for (id, needs) in all()
        .iter()
        .map(|r| (r.id, r.needs))
        .chain(workers().iter().map(|w| (w.id, w.needs)))
    {
        assert_eq!(table(&Grants::of(id).needs()), table(needs), "{id}");
    }
}

#[test]
fn a_write_of_a_session_can_seal_the_answer_that_repeats_get() {
    for route in all()
        .iter()
        .filter(|route| route.kind == Kind::Write && matches!(route.access, Access::Session(_)))
    {
        assert!(route.needs.contains(&Need::SealingKey), "{}", route.id);
    }
}

#[test]
fn the_table_has_the_names_that_the_store_uses() {
    let root = &generated()[ROOT];
    for name in [
        store::keys::PK,
        store::keys::SK,
        store::keys::INDEX_PK,
        store::keys::INDEX_SK,
    ] {
        assert_eq!(root.matches(&format!("AttributeName: {name}\n")).count(), 2, "{name}");
    }
    assert!(root.contains(&format!("IndexName: {}\n", store::keys::INDEX)));
    assert!(root.contains(&format!("AttributeName: {}\n", store::keys::TTL)));
}

#[test]
fn whatever_wakes_by_itself_has_an_alarm() {
    let nested: String = generated().into_values().collect();
    for worker in workers() {
        let alarm = format!("\n  {}ErrorsAlarm:\n", worker.title());
        assert_eq!(nested.contains(&alarm), worker.wake != Wake::Operator, "{}", worker.id);
    }
    for alarm in [
        "DispatchLateAlarm",
        "ConferenceJoinThrottlesAlarm",
        "ApiErrorsAlarm",
        "TableErrorsAlarm",
    ] {
        assert!(nested.contains(&format!("\n  {alarm}:\n")), "{alarm}");
    }
}

#[test]
fn certificates_and_the_edge_are_reached_by_those_alone_who_need_them() {
    let functions = all()
        .iter()
        .map(|route| (route.title(), route.needs))
        .chain(workers().iter().map(|worker| (worker.title(), worker.needs)))
        .collect::<Vec<_>>();
    let nested: String = generated()
        .into_iter()
        .filter(|(path, _)| path != ROOT)
        .map(|(_, text)| text)
        .collect();
    for (title, needs) in functions {
        let role = nested
            .split(&format!("\n  {title}Role:\n"))
            .nth(1)
            .expect("a role of its own");
        // Up to the next resource, which begins at two spaces.
        let lines = role.lines().take_while(|line| line.starts_with("   "));
        let beyond = lines
            .filter(|line| line.contains("acm:Request") || line.contains("cloudfront:Create"))
            .count();
        let wanted = if needs.contains(&Need::OwnDomains) { 2 } else { 0 };
        assert_eq!(beyond, wanted, "{title}");
    }
}
