//! The root template (table, API, parameters) and the nested ones (functions, by the first word of their names, so
//! that no stack comes near CloudFormation's limit of 500 resources).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{function, yaml};
use crate::endpoint::{Route, Wake, Worker};

/// The root template's path in the repository.
pub const ROOT: &str = "template.yaml";

/// Parameters that the nested stacks take from the root: name, type, and whether it is a secret.
const PASSED: [(&str, &str, bool); 14] = [
    ("Architecture", "String", false),
    ("CodeBucket", "String", false),
    ("CodeKey", "String", false),
    ("AlarmTopic", "String", false),
    ("JoinConcurrency", "Number", false),
    ("MailConfiguration", "String", false),
    ("OwnDistribution", "String", false),
    ("Rates", "String", false),
    ("ReceiptAddresses", "String", false),
    ("ReceiptRules", "String", false),
    ("Texts", "String", false),
    ("EdgeSecret", "String", true),
    ("SealingKey", "String", true),
    ("SigningKey", "String", true),
];

/// Every template by its path in the repository.
#[must_use]
pub fn templates(routes: &[Route], workers: &[Worker]) -> BTreeMap<String, Value> {
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
        let nested = nested(group, &routes, &workers);
        stacks.insert(stack, nested_stack(&path, &nested));
        files.insert(path, nested);
    }
    files.insert(ROOT.into(), root(stacks, operated));
    files
}

/// A template as its file.
#[must_use]
pub fn document(template: &Value) -> String {
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

fn parameter(name: &str, kind: &str, secret: bool) -> Value {
    let mut parameter = json!({"Type": kind, "Description": about(name)});
    if secret {
        parameter["NoEcho"] = true.into();
    }
    parameter
}

/// What an operator gives to the root.
fn root_parameters() -> Map<String, Value> {
    let mut parameters: Map<String, Value> = PASSED
        .iter()
        .map(|(name, kind, secret)| ((*name).into(), parameter(name, kind, *secret)))
        .collect();
    parameters["Architecture"]["Default"] = "arm64".into();
    parameters["Architecture"]["AllowedValues"] = json!(["arm64", "x86_64"]);
    parameters["JoinConcurrency"]["Default"] = 0.into();
    parameters["MailConfiguration"]["Default"] = "".into();
    parameters["OwnDistribution"]["Default"] = "".into();
    parameters["AlarmTopic"]["Default"] = "".into();
    parameters["Rates"]["Default"] = "".into();
    parameters["ReceiptAddresses"]["Default"] = "".into();
    parameters["ReceiptRules"]["Default"] = "".into();
    parameters["Texts"]["Default"] = "".into();
    // The names are the functions' to know.
    let rate = "[a-z_]+=[1-9][0-9]*";
    let country = r"\+[0-9]+=[A-Za-z0-9]{0,11}/[1-9][0-9]*";
    parameters["Texts"]["AllowedPattern"] = format!("^(day=[1-9][0-9]*(,{country})+)?$").into();
    parameters["Rates"]["AllowedPattern"] = format!("^({rate}(,{rate})*)?$").into();
    parameters
}

/// What a nested stack is given: what its resources name, no more. Each name with its value in the root.
fn given(nested: &Value) -> Vec<(&'static str, &'static str, bool, Value)> {
    let text = nested.to_string();
    let own = [
        ("Api", json!({"Ref": "Api"})),
        ("Table", json!({"Ref": "Table"})),
        ("TableArn", json!({"Fn::GetAtt": ["Table", "Arn"]})),
        ("TableStreamArn", json!({"Fn::GetAtt": ["Table", "StreamArn"]})),
    ];
    let own = own.into_iter().map(|(name, value)| (name, "String", false, value));
    let passed = PASSED
        .iter()
        .map(|(name, kind, secret)| (*name, *kind, *secret, json!({"Ref": name})));
    passed
        .chain(own)
        .filter(|(name, ..)| {
            text.contains(&format!("{{\"Ref\":\"{name}\"}}")) || text.contains(&format!("${{{name}}}"))
        })
        .collect()
}

fn about(parameter: &str) -> &'static str {
    match parameter {
        "AlarmTopic" => "The ARN of an SNS topic that hears of alarms, empty for none",
        "Architecture" => "What the functions' binary was built for",
        "CodeBucket" => "Where the functions' zip lies",
        "CodeKey" => "The zip in that bucket",
        "JoinConcurrency" => "Concurrent joins that are reserved, 0 for none",
        "MailConfiguration" => "The configuration set that mails go out by, empty for none",
        "OwnDistribution" => "The distribution that companies' own host names are tenants of, empty for none",
        "ReceiptAddresses" => {
            "The addresses whose mail is taken in, as no-reply@meet.example.com,no-reply@example.net; none where empty"
        }
        "ReceiptRules" => "The set of rules that mails come in by, empty for none",
        "Texts" => {
            "Where text messages go to, as day=500,+49=Acme/9: cents a day, then sender and cents by country; none where empty"
        }
        "Rates" => "How many requests are let through, as session_per_minute=600; the contract's where empty",
        "EdgeSecret" => "What the edge proves itself with",
        "Api" => "The API's id",
        "Table" => "The table's name",
        "TableArn" => "The table's ARN",
        "TableStreamArn" => "The ARN of the table's stream",
        "SealingKey" => "32 bytes in hex, under which secrets lie in the table",
        _ => "A P-256 private key, PKCS 8 in base64, that signs join tokens and commands",
    }
}

fn nested_stack(path: &str, nested: &Value) -> Value {
    let passed: Map<String, Value> = given(nested)
        .into_iter()
        .map(|(name, _, _, value)| (name.into(), value))
        .collect();
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
    let mut body = json!({});
    let text = Value::from(resources.clone()).to_string();
    for (name, condition) in [
        (
            "JoinReserved",
            json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "JoinConcurrency"}, 0]}]}),
        ),
        ("HasAlarmTopic", has_alarm_topic()),
        (
            "HasMailConfiguration",
            json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "MailConfiguration"}, ""]}]}),
        ),
        ("HasReceiptRules", takes_mail()),
    ] {
        if text.contains(&format!("\"{name}\"")) {
            body["Conditions"][name] = condition;
        }
    }
    body["Resources"] = resources.into();
    if !workers.is_empty() {
        let outputs: Map<String, Value> = workers
            .iter()
            .map(|worker| (worker.title(), json!({"Value": {"Ref": worker.title()}})))
            .collect();
        body["Outputs"] = outputs.into();
    }
    let parameters: Map<String, Value> = given(&body)
        .into_iter()
        .map(|(name, kind, secret, _)| (name.into(), parameter(name, kind, secret)))
        .collect();
    let mut template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Convoke: functions of {group}"),
        "Parameters": parameters,
    });
    if let (Some(template), Value::Object(body)) = (template.as_object_mut(), body) {
        template.extend(body);
    }
    template
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
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "StageName": "$default",
                "AutoDeploy": true,
                "AccessLogSettings": {"DestinationArn": {"Fn::GetAtt": ["ApiLog", "Arn"]}, "Format": access_log()},
            },
        }),
    );
    resources.insert(
        "ApiLog".into(),
        json!({
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"RetentionInDays": 30},
        }),
    );
    resources.extend(alarms());
    resources.extend(stacks);
    outputs.insert("ApiId".into(), json!({"Value": {"Ref": "Api"}}));
    let domain = "${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}";
    outputs.insert("ApiDomain".into(), json!({"Value": {"Fn::Sub": domain}}));
    outputs.insert("TableName".into(), json!({"Value": {"Ref": "Table"}}));
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Convoke: the control plane",
        "Metadata": {"cfn-lint": {"config": {"ignore_checks": ["W3002"]}}},
        "Parameters": root_parameters(),
        "Conditions": {"HasAlarmTopic": has_alarm_topic()},
        "Resources": resources,
        "Outputs": outputs,
    })
}

/// A line of the gateway's log. Routes stand there as they are written, with `{token}` and `{code}` in place of such: paths,
/// queries, addresses and headers of requests hold secrets, and are left out.
fn access_log() -> String {
    json!({
        "request": "$context.requestId",
        "time": "$context.requestTimeEpoch",
        "route": "$context.routeKey",
        "status": "$context.status",
        "bytes": "$context.responseLength",
        "millis": "$context.responseLatency",
        "error": "$context.integrationErrorMessage",
    })
    .to_string()
}

/// What wakes an operator: the API answers errors of ours, the table refuses or fails, joins are slow. Quiet without
/// traffic. `AlarmTopic` hears of it; without one the alarms show in the console alone.
fn alarms() -> Map<String, Value> {
    let api = |metric: &str, statistic: &str| {
        let mut source = json!({
            "Namespace": "AWS/ApiGateway",
            "MetricName": metric,
            "Dimensions": [{"Name": "ApiId", "Value": {"Ref": "Api"}}],
        });
        let kind = if statistic.starts_with('p') {
            "ExtendedStatistic"
        } else {
            "Statistic"
        };
        source[kind] = statistic.into();
        source
    };
    let table = |metric: &str| {
        json!({
            "Namespace": "AWS/DynamoDB",
            "MetricName": metric,
            "Dimensions": [{"Name": "TableName", "Value": {"Ref": "Table"}}],
            "Statistic": "Sum",
        })
    };
    let all = [
        (
            "ApiErrorsAlarm",
            "The API answers errors of its own",
            api("5xx", "Sum"),
            5,
        ),
        (
            "ApiLatencyAlarm",
            "One answer in a hundred takes over three seconds",
            api("Latency", "p99"),
            3_000,
        ),
        (
            "TableThrottlesAlarm",
            "The table refuses for load",
            table("ThrottledRequests"),
            20,
        ),
        ("TableErrorsAlarm", "The table fails", table("SystemErrors"), 5),
    ];
    all.into_iter()
        .map(|(name, about, metric, threshold)| (name.into(), alarm(about, metric, threshold)))
        .collect()
}

/// An alarm when a metric is over a threshold in three of five minutes.
pub(super) fn alarm(about: &str, metric: Value, threshold: u32) -> Value {
    let mut properties = json!({
        "AlarmDescription": about,
        "Period": 60,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]},
    });
    if let (Some(properties), Value::Object(metric)) = (properties.as_object_mut(), metric) {
        properties.extend(metric);
    }
    json!({"Type": "AWS::CloudWatch::Alarm", "Properties": properties})
}

/// Whether mails come in: by which rules, and to which addresses.
fn takes_mail() -> Value {
    let named = |name: &str| json!({"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]});
    json!({"Fn::And": [named("ReceiptRules"), named("ReceiptAddresses")]})
}

/// Whether somebody is to hear of alarms.
fn has_alarm_topic() -> Value {
    json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopic"}, ""]}]})
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
            "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
            "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
        },
    })
}
