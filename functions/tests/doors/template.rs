//! The checked-in templates are what the endpoints ask for: a function each, its route, a role of its own.
//! `CONVOKE_WRITE=1 cargo test -p functions --test doors` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use functions::deploy::{Grants, ROOT, document, templates};
use functions::{Access, Kind, Need, Wake, all, workers};
use serde_json::{Map, Value, json};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn generated() -> BTreeMap<String, String> {
    let templates = templates(&all(), &workers()).into_iter();
    templates.map(|(path, template)| (path, document(&template))).collect()
}

/// Everything that the nested templates make, by its name.
fn resources() -> Map<String, Value> {
    let nested = templates(&all(), &workers())
        .into_iter()
        .filter(|(path, _)| path != ROOT);
    nested
        .flat_map(|(_, template)| template["Resources"].as_object().expect("resources").clone())
        .collect()
}

/// The names of all functions in the templates.
fn titles() -> impl Iterator<Item = String> {
    let routes = all().into_iter().map(|route| route.title());
    routes.chain(workers().into_iter().map(|worker| worker.title()))
}

/// A number that a resource is given.
fn given(resource: &Value, property: &str) -> u64 {
    resource["Properties"][property].as_u64().unwrap_or_default()
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
fn every_function_is_bounded_and_its_log_is_kept_for_a_while() {
    let resources = resources();
    for title in titles() {
        let function = &resources[&title];
        assert!((128..=1_024).contains(&given(function, "MemorySize")), "{title}");
        // The gateway waits for 30 s, a schedule comes every minute; what the table's stream wakes as well finishes what it is
        // at beside the next one.
        let has = |part: &str| resources.contains_key(&format!("{title}{part}"));
        let most = match (has("Route"), has("Stream")) {
            (true, _) => 29,
            (false, true) => 180,
            (false, false) => 59,
        };
        assert!((1..=most).contains(&given(function, "Timeout")), "{title}");
        let log = format!("{title}Log");
        assert_eq!(
            function["Properties"]["LoggingConfig"],
            json!({"LogGroup": {"Ref": log}})
        );
        assert_eq!(resources[&log]["Type"], "AWS::Logs::LogGroup");
        assert!(
            (1..=90).contains(&given(&resources[&log], "RetentionInDays")),
            "{title}"
        );
    }
}

#[test]
fn joins_alone_have_concurrency_of_their_own_where_the_operator_reserves_some() {
    let reserved: Vec<_> = resources()
        .into_iter()
        .filter_map(|(name, resource)| {
            Some((
                name,
                resource["Properties"].get("ReservedConcurrentExecutions")?.clone(),
            ))
        })
        .collect();
    let wanted = json!({"Fn::If": ["JoinReserved", {"Ref": "JoinConcurrency"}, {"Ref": "AWS::NoValue"}]});
    assert_eq!(reserved, [("ConferenceJoin".to_owned(), wanted)]);
    let templates = templates(&all(), &workers());
    let (root, nested) = (&templates[ROOT], &templates["deploy/stacks/conference.yaml"]);
    assert_eq!(root["Parameters"]["JoinConcurrency"]["Default"], 0);
    assert_eq!(
        nested["Conditions"]["JoinReserved"],
        json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "JoinConcurrency"}, 0]}]})
    );
    let passed = &root["Resources"]["ConferenceFunctions"]["Properties"]["Parameters"];
    assert_eq!(passed["JoinConcurrency"], json!({"Ref": "JoinConcurrency"}));
}

#[test]
fn every_function_goes_by_the_operators_rates() {
    let resources = resources();
    for title in titles() {
        let variables = &resources[&title]["Properties"]["Environment"]["Variables"];
        assert_eq!(variables["CONVOKE_RATES"], json!({"Ref": "Rates"}), "{title}");
    }
    for (name, stack) in templates(&all(), &workers())[ROOT]["Resources"]
        .as_object()
        .expect("resources")
    {
        if stack["Type"] == "AWS::CloudFormation::Stack" {
            assert_eq!(
                stack["Properties"]["Parameters"]["Rates"],
                json!({"Ref": "Rates"}),
                "{name}"
            );
        }
    }
}

#[test]
fn whatever_wakes_by_itself_is_woken() {
    let resources = resources();
    let woken = |kind: &str| -> BTreeSet<String> {
        let found = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
        found.map(|(name, _)| name.clone()).collect()
    };
    let (mut rules, mut streams) = (BTreeSet::new(), BTreeSet::new());
    for worker in workers() {
        let title = worker.title();
        let minutes = match worker.wake {
            Wake::Operator | Wake::MailTopic | Wake::MailIn => continue,
            Wake::EveryMinutes(minutes) => minutes,
            Wake::Jobs | Wake::News => {
                streams.insert(format!("{title}Stream"));
                1
            }
        };
        let name = format!("{title}Schedule");
        let rule = &resources[&name]["Properties"];
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        assert_eq!(rule["ScheduleExpression"], format!("rate({minutes} {unit})"));
        assert_eq!(
            rule["Targets"],
            json!([{"Id": "function", "Arn": {"Fn::GetAtt": [title, "Arn"]}}])
        );
        let permission = &resources[&format!("{title}Permission")]["Properties"];
        assert_eq!(permission["SourceArn"], json!({"Fn::GetAtt": [name, "Arn"]}));
        rules.insert(name);
    }
    assert_eq!(woken("AWS::Events::Rule"), rules);
    assert_eq!(woken("AWS::Lambda::EventSourceMapping"), streams);

    for (title, prefix) in [
        ("Dispatch", store::keys::job("").pk),
        ("TellWebhooks", "NEWS#".to_owned()),
    ] {
        let stream = &resources[&format!("{title}Stream")]["Properties"];
        assert_eq!(stream["EventSourceArn"], json!({"Ref": "TableStreamArn"}));
        assert_eq!(stream["FunctionName"], json!({"Ref": title}));
        // What is new alone. What fails for a minute waits for the schedule, so nothing is sent elsewhere.
        let filters = stream["FilterCriteria"]["Filters"].as_array().expect("filters");
        let patterns: Vec<Value> = filters
            .iter()
            .map(|filter| serde_json::from_str(filter["Pattern"].as_str().expect("a text")).expect("JSON"))
            .collect();
        let new = json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": prefix}]}}}});
        assert_eq!(patterns, [new]);
        assert_eq!(stream["MaximumRetryAttempts"], 10);
        assert_eq!(stream["MaximumRecordAgeInSeconds"], 60);
    }
}

#[test]
fn mail_comes_in_by_the_rules_and_to_the_addresses_that_an_operator_names() {
    let resources = resources();
    let rule = &resources["MailReceiveTopicRule"];
    assert_eq!(rule["Type"], "AWS::SES::ReceiptRule");
    assert_eq!(rule["Condition"], "HasReceiptRules");
    let asked = &rule["Properties"];
    assert_eq!(asked["RuleSetName"], json!({"Ref": "ReceiptRules"}));
    let addresses = json!({"Fn::Split": [",", {"Ref": "ReceiptAddresses"}]});
    assert_eq!(asked["Rule"]["Recipients"], addresses, "never all of a domain");
    let topic = json!({"Ref": "MailReceiveTopic"});
    let action = json!([{"SNSAction": {"TopicArn": topic, "Encoding": "Base64"}}]);
    assert_eq!(asked["Rule"]["Actions"], action);
    assert_eq!(resources["MailReceivePermission"]["Properties"]["SourceArn"], topic);
    let templates = templates(&all(), &workers());
    let condition = templates["deploy/stacks/mail.yaml"]["Conditions"]["HasReceiptRules"].to_string();
    for name in ["ReceiptRules", "ReceiptAddresses"] {
        assert_eq!(
            templates[ROOT]["Parameters"][name]["Default"], "",
            "none is taken in unasked"
        );
        assert!(condition.contains(name));
    }
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
