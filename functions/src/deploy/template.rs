//! The root template (table, API, parameters) and the nested ones (functions, by the first word of their names, so
//! that no stack comes near CloudFormation's limit of 500 resources).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{function, yaml};
use crate::endpoint::{Route, Wake, Worker};

/// The root template's path in the repository.
pub const ROOT: &str = "template.yaml";

/// Parameters that the nested stacks take from the root: name, type, and whether it is a secret.
const PASSED: [(&str, &str, bool); 7] = [
    ("Architecture", "String", false),
    ("CodeBucket", "String", false),
    ("CodeKey", "String", false),
    ("JoinConcurrency", "Number", false),
    ("EdgeSecret", "String", true),
    ("SealingKey", "String", true),
    ("SigningKey", "String", true),
];

/// Every template by its path in the repository, as YAML.
#[must_use]
pub fn templates(routes: &[Route], workers: &[Worker]) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<&str, (Vec<&Route>, Vec<&Worker>)> = BTreeMap::new();
    for route in routes {
        groups.entry(group(route.id)).or_default().0.push(route);
    }
    for worker in workers {
        groups.entry(group(worker.id)).or_default().1.push(worker);
    }
    let mut files = BTreeMap::new();
    let mut stacks = Map::new();
    let mut operated = Map::new();
    for (group, (routes, workers)) in groups {
        let stack = format!("{}Functions", title(group));
        for worker in workers.iter().filter(|worker| worker.wake == Wake::Operator) {
            operated.insert(
                worker.title(),
                json!({
                    "Description": format!("The function that an operator invokes for {}", worker.id),
                    "Value": {"Fn::GetAtt": [&stack, format!("Outputs.{}", worker.title())]},
                }),
            );
        }
        let path = format!("deploy/stacks/{group}.yaml");
        stacks.insert(stack, nested_stack(&path));
        files.insert(path, document(&nested(group, &routes, &workers)));
    }
    files.insert(ROOT.into(), document(&root(stacks, operated)));
    files
}

fn document(template: &Value) -> String {
    let note = "# Generated from the endpoints: CONVOKE_WRITE=1 cargo test -p functions --test doors\n";
    format!("{note}{}", yaml::to_yaml(template))
}

fn group(id: &str) -> &str {
    id.split('_').next().unwrap_or(id)
}

fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}

fn parameters(root: bool) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, kind, secret) in PASSED {
        let mut parameter = json!({"Type": kind, "Description": about(name)});
        if secret {
            parameter["NoEcho"] = true.into();
        }
        if root && name == "Architecture" {
            parameter["Default"] = "arm64".into();
            parameter["AllowedValues"] = json!(["arm64", "x86_64"]);
        }
        if root && name == "JoinConcurrency" {
            parameter["Default"] = 0.into();
        }
        parameters.insert(name.into(), parameter);
    }
    if !root {
        parameters.insert("Api".into(), json!({"Type": "String", "Description": "The API's id"}));
        parameters.insert(
            "Table".into(),
            json!({"Type": "String", "Description": "The table's name"}),
        );
        parameters.insert(
            "TableArn".into(),
            json!({"Type": "String", "Description": "The table's ARN"}),
        );
    }
    parameters
}

fn about(parameter: &str) -> &'static str {
    match parameter {
        "Architecture" => "What the functions' binary was built for",
        "CodeBucket" => "Where the functions' zip lies",
        "CodeKey" => "The zip in that bucket",
        "JoinConcurrency" => "Concurrent joins that are reserved, 0 for none",
        "EdgeSecret" => "What the edge proves itself with",
        "SealingKey" => "32 bytes in hex, under which secrets lie in the table",
        _ => "A P-256 private key, PKCS 8 in base64, that signs join tokens and commands",
    }
}

fn nested_stack(path: &str) -> Value {
    let mut passed: Map<String, Value> = PASSED
        .iter()
        .map(|(name, ..)| ((*name).into(), json!({"Ref": name})))
        .collect();
    passed.insert("Api".into(), json!({"Ref": "Api"}));
    passed.insert("Table".into(), json!({"Ref": "Table"}));
    passed.insert("TableArn".into(), json!({"Fn::GetAtt": ["Table", "Arn"]}));
    json!({"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": path, "Parameters": passed}})
}

fn nested(group: &str, routes: &[&Route], workers: &[&Worker]) -> Value {
    let mut resources = Map::new();
    for route in routes {
        function::of_route(route, &mut resources);
    }
    for worker in workers {
        function::of_worker(worker, &mut resources);
    }
    let mut outputs = Map::new();
    for worker in workers {
        outputs.insert(worker.title(), json!({"Value": {"Ref": worker.title()}}));
    }
    let mut template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Convoke: functions of {group}"),
        "Parameters": parameters(false),
        "Conditions": {"JoinReserved": {"Fn::Not": [{"Fn::Equals": [{"Ref": "JoinConcurrency"}, 0]}]}},
        "Resources": resources,
    });
    trim(&mut template);
    if !outputs.is_empty() {
        template["Outputs"] = outputs.into();
    }
    template
}

/// Leaves out what a template does not use. All nested stacks are given the same parameters, so those stay.
fn trim(template: &mut Value) {
    let used = template["Resources"].to_string().contains("\"JoinReserved\"");
    if let (false, Some(template)) = (used, template.as_object_mut()) {
        template.shift_remove("Conditions");
    }
}

fn root(stacks: Map<String, Value>, mut outputs: Map<String, Value>) -> Value {
    let mut resources = Map::new();
    resources.insert("Table".into(), table());
    resources.insert(
        "Api".into(),
        json!({"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": {"Ref": "AWS::StackName"}, "ProtocolType": "HTTP"}}),
    );
    resources.insert(
        "Stage".into(),
        json!({
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": true},
        }),
    );
    resources.extend(stacks);
    outputs.insert("ApiId".into(), json!({"Value": {"Ref": "Api"}}));
    outputs.insert("TableName".into(), json!({"Value": {"Ref": "Table"}}));
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Convoke: the control plane",
        "Parameters": parameters(true),
        "Resources": resources,
        "Outputs": outputs,
    })
}

fn table() -> Value {
    let name = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    let key = |hash: &str, range: &str| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
    json!({
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [name("pk"), name("sk"), name("gs1pk"), name("gs1sk")],
            "KeySchema": key("pk", "sk"),
            "GlobalSecondaryIndexes": [
                {"IndexName": "gs1", "KeySchema": key("gs1pk", "gs1sk"), "Projection": {"ProjectionType": "ALL"}},
            ],
            "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
        },
    })
}
