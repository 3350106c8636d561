//! One Lambda in a template: the function, its log, its role, and its route.

use serde_json::{Map, Value, json};

use super::grants::Grants;
use super::template::alarm;
use crate::endpoint::{Need, Route, Wake, Worker};

/// What a function is given to run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// MB; the share of a CPU grows with it.
    memory: u32,
    /// Seconds.
    timeout: u32,
}

/// Hashing a password wants 19 MiB and most of a core, drawing a picture some 100 MiB; the rest waits for the table. Joining is what people wait for.
pub(super) fn size(id: &str) -> Size {
    match id {
        "authenticate"
        | "host_create"
        | "company_create"
        | "company_update"
        | "operator_init"
        | "sign_in_by_password"
        | "sign_in_set_password" => Size {
            memory: 1_024,
            timeout: 15,
        },
        "conference_join" => Size {
            memory: 512,
            timeout: 10,
        },
        // It waits for what is due within the minute, finishes its last steps, and writes a mail in about a millisecond of a whole core.
        "dispatch" => Size {
            memory: 1_024,
            timeout: 150,
        },
        // A minute, a turn of a line, and a post of it.
        "tell_webhooks" => Size {
            memory: 256,
            timeout: 90,
        },
        "domain_advance" | "operator_domain" | "sweep" => Size {
            memory: 256,
            timeout: 55,
        },
        _ => Size {
            memory: 256,
            timeout: 10,
        },
    }
}

/// The resources of an endpoint's function.
pub(super) fn of_route(route: &Route, resources: &mut Map<String, Value>) {
    let name = route.title();
    function(&name, &route.handler(), route.id, route.needs, resources);
    let integration = format!("{name}Integration");
    resources.insert(
        integration.clone(),
        json!({
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": arn(&name),
                "PayloadFormatVersion": "2.0",
            }
        }),
    );
    resources.insert(
        format!("{name}Route"),
        json!({
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": format!("{} {}", route.method, route.path),
                "Target": {"Fn::Sub": format!("integrations/${{{integration}}}")},
            }
        }),
    );
    let source = format!("${{Api}}/*/{}{}", route.method, wildcards(route.path));
    let source = format!("arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:{source}");
    permission(
        &name,
        "apigateway.amazonaws.com",
        &json!({"Fn::Sub": source}),
        resources,
    );
}

/// The resources of a worker's function.
pub(super) fn of_worker(worker: &Worker, resources: &mut Map<String, Value>) {
    let name = worker.title();
    function(&name, &worker.handler(), worker.id, worker.needs, resources);
    let minutes = match worker.wake {
        // Whoever wakes it sees what comes of it.
        Wake::Operator => return,
        Wake::MailTopic | Wake::MailIn => {
            topic(&name, resources);
            let (tells, what) = match worker.wake {
                Wake::MailIn => ("Rule", receipts(&name)),
                _ => ("Events", feedback(&name)),
            };
            resources.insert(format!("{name}Topic{tells}"), what);
            let failing = alarm("It keeps failing", metric(&name, "Errors", "Sum"), 0);
            resources.insert(format!("{name}ErrorsAlarm"), failing);
            return;
        }
        Wake::EveryMinutes(minutes) => minutes,
        Wake::Jobs | Wake::News => {
            let prefix = if worker.wake == Wake::Jobs { "JOB#" } else { "NEWS#" };
            stream(&name, prefix, resources);
            let late = metric(&name, "IteratorAge", "Maximum");
            let late = alarm("What is new lies in the stream for five minutes", late, 300_000);
            resources.insert(format!("{name}LateAlarm"), late);
            let kept = json!({
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [format!("{name}Failures"), "QueueName"]}}],
                "Statistic": "Maximum",
            });
            let failed = alarm("Events of the table's stream were given up", kept, 0);
            resources.insert(format!("{name}FailuresAlarm"), failed);
            1
        }
    };
    let failing = alarm("It keeps failing", metric(&name, "Errors", "Sum"), 0);
    resources.insert(format!("{name}ErrorsAlarm"), failing);
    let plural = if minutes == 1 { "" } else { "s" };
    resources.insert(
        format!("{name}Schedule"),
        json!({
            "Type": "AWS::Events::Rule",
            "Properties": {
                "ScheduleExpression": format!("rate({minutes} minute{plural})"),
                "Targets": [{"Id": "function", "Arn": arn(&name)}],
            }
        }),
    );
    permission(
        &name,
        "events.amazonaws.com",
        &arn(&format!("{name}Schedule")),
        resources,
    );
}

/// A topic that the mail service of this account alone may write to, and that alone may wake the function.
fn topic(name: &str, resources: &mut Map<String, Value>) {
    let topic = format!("{name}Topic");
    resources.insert(topic.clone(), json!({"Type": "AWS::SNS::Topic"}));
    resources.insert(
        format!("{topic}Policy"),
        json!({
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": &topic}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{
                        "Effect": "Allow",
                        "Principal": {"Service": "ses.amazonaws.com"},
                        "Action": "sns:Publish",
                        "Resource": {"Ref": &topic},
                        "Condition": {"StringEquals": {"AWS:SourceAccount": {"Ref": "AWS::AccountId"}}},
                    }],
                },
            }
        }),
    );
    resources.insert(
        format!("{topic}Subscription"),
        json!({
            "Type": "AWS::SNS::Subscription",
            "Properties": {"TopicArn": {"Ref": &topic}, "Protocol": "lambda", "Endpoint": arn(name)},
        }),
    );
    permission(name, "sns.amazonaws.com", &json!({"Ref": &topic}), resources);
}

/// Where mails go out by a configuration set, that tells the function's topic of bounces and complaints.
fn feedback(name: &str) -> Value {
    let topic = format!("{name}Topic");
    json!({
        "Type": "AWS::SES::ConfigurationSetEventDestination",
        "Condition": "HasMailConfiguration",
        "DependsOn": format!("{topic}Policy"),
        "Properties": {
            "ConfigurationSetName": {"Ref": "MailConfiguration"},
            "EventDestination": {
                "Enabled": true,
                "MatchingEventTypes": ["bounce", "complaint"],
                "SnsDestination": {"TopicARN": {"Ref": &topic}},
            },
        }
    })
}

/// Where mails come in by a set of rules, one of these hands those to some addresses, looked through, to the function's topic.
/// In base64, so that no byte of them is another one there.
fn receipts(name: &str) -> Value {
    let topic = format!("{name}Topic");
    json!({
        "Type": "AWS::SES::ReceiptRule",
        "Condition": "HasReceiptRules",
        "DependsOn": format!("{topic}Policy"),
        "Properties": {
            "RuleSetName": {"Ref": "ReceiptRules"},
            "Rule": {
                "Enabled": true,
                "ScanEnabled": true,
                "Recipients": {"Fn::Split": [",", {"Ref": "ReceiptAddresses"}]},
                "Actions": [{"SNSAction": {"TopicArn": {"Ref": &topic}, "Encoding": "Base64"}}],
            },
        }
    })
}

/// A metric that Lambda keeps of a function.
fn metric(name: &str, metric: &str, statistic: &str) -> Value {
    json!({
        "Namespace": "AWS/Lambda",
        "MetricName": metric,
        "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": name}}],
        "Statistic": statistic,
    })
}

/// Wakes a function for each new item of a kind in the table's stream, and lets its role read that.
fn stream(name: &str, prefix: &str, resources: &mut Map<String, Value>) {
    let failures = format!("{name}Failures");
    let kept = json!({"MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": true});
    resources.insert(failures.clone(), json!({"Type": "AWS::SQS::Queue", "Properties": kept}));
    let new = json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": prefix}]}}}});
    resources.insert(
        format!("{name}Stream"),
        json!({
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Ref": "TableStreamArn"},
                "FunctionName": {"Ref": name},
                "StartingPosition": "TRIM_HORIZON",
                "BatchSize": 10,
                // Calls for help lie side by side, and wake as many.
                "ParallelizationFactor": 4,
                // What is not done within a minute, the schedule sees to; that it was not done is kept to be looked at.
                "MaximumRetryAttempts": 10,
                "MaximumRecordAgeInSeconds": 60,
                "BisectBatchOnFunctionError": true,
                "DestinationConfig": {"OnFailure": {"Destination": arn(&failures)}},
                "FilterCriteria": {"Filters": [{"Pattern": new.to_string()}]},
            }
        }),
    );
    let read = json!({
        "Effect": "Allow",
        "Action": ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
        "Resource": {"Ref": "TableStreamArn"},
    });
    let list = json!({"Effect": "Allow", "Action": "dynamodb:ListStreams", "Resource": "*"});
    let fail = json!({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn(&failures)});
    let role = resources.get_mut(&format!("{name}Role"));
    let statements = role.map(|role| &mut role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]);
    if let Some(Value::Array(statements)) = statements {
        statements.extend([read, list, fail]);
    }
}

fn function(name: &str, handler: &str, id: &str, needs: &[Need], resources: &mut Map<String, Value>) {
    let Size { memory, timeout } = size(id);
    let mut variables = Map::new();
    variables.insert("CONVOKE_TABLE".into(), json!({"Ref": "Table"}));
    variables.insert("CONVOKE_EDGE_SECRET".into(), json!({"Ref": "EdgeSecret"}));
    variables.insert("CONVOKE_RATES".into(), json!({"Ref": "Rates"}));
    if needs.contains(&Need::Texts) || id.starts_with("conference_") {
        variables.insert("CONVOKE_TEXTS".into(), json!({"Ref": "Texts"}));
    }
    if needs.contains(&Need::SigningKey) {
        variables.insert("CONVOKE_SIGNING_KEY".into(), json!({"Ref": "SigningKey"}));
    }
    if needs.contains(&Need::SealingKey) {
        variables.insert("CONVOKE_SEALING_KEY".into(), json!({"Ref": "SealingKey"}));
    }
    if needs.contains(&Need::OwnDomains) {
        variables.insert("CONVOKE_OWN_DISTRIBUTION".into(), json!({"Ref": "OwnDistribution"}));
    }
    if needs.contains(&Need::Mail) {
        variables.insert("CONVOKE_MAIL_CONFIGURATION".into(), json!({"Ref": "MailConfiguration"}));
    }
    let mut properties = json!({
        "Runtime": "provided.al2023",
        "Architectures": [{"Ref": "Architecture"}],
        "Handler": handler,
        "Code": {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}},
        "MemorySize": memory,
        "Timeout": timeout,
        "Role": arn(&format!("{name}Role")),
        "LoggingConfig": {"LogGroup": {"Ref": format!("{name}Log")}},
        "Environment": {"Variables": variables},
    });
    if id == "conference_join" {
        properties["ReservedConcurrentExecutions"] =
            json!({"Fn::If": ["JoinReserved", {"Ref": "JoinConcurrency"}, {"Ref": "AWS::NoValue"}]});
    }
    resources.insert(
        name.into(),
        json!({"Type": "AWS::Lambda::Function", "Properties": properties}),
    );
    if id == "conference_join" {
        let refused = alarm(
            "Lambda keeps people out of meetings",
            metric(name, "Throttles", "Sum"),
            0,
        );
        resources.insert(format!("{name}ThrottlesAlarm"), refused);
    }
    resources.insert(
        format!("{name}Log"),
        json!({
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"RetentionInDays": 30},
        }),
    );
    resources.insert(format!("{name}Role"), role(name, id, needs));
}

fn role(name: &str, id: &str, needs: &[Need]) -> Value {
    let mut statements = vec![json!({
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": arn(&format!("{name}Log")),
    })];
    statements.extend(Grants::of(id).statements());
    if needs.contains(&Need::OwnDomains) {
        statements.extend(own_domains());
    }
    if needs.contains(&Need::Mail) {
        statements.push(mail());
    }
    if needs.contains(&Need::Texts) {
        statements.push(texts());
    }
    json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }],
            },
            "Policies": [{
                "PolicyName": "Needs",
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            }],
        }
    })
}

/// Certificates, and tenants of the one distribution. Whoever asks for a certificate cannot name it yet.
fn own_domains() -> [Value; 3] {
    let cloudfront =
        |what: &str| json!({"Fn::Sub": format!("arn:${{AWS::Partition}}:cloudfront::${{AWS::AccountId}}:{what}")});
    [
        json!({
            "Effect": "Allow",
            "Action": "acm:RequestCertificate",
            "Resource": "*",
            "Condition": {"StringEquals": {"acm:ValidationMethod": "DNS"}},
        }),
        json!({
            "Effect": "Allow",
            "Action": ["acm:DeleteCertificate", "acm:DescribeCertificate"],
            "Resource": {"Fn::Sub": "arn:${AWS::Partition}:acm:us-east-1:${AWS::AccountId}:certificate/*"},
        }),
        json!({
            "Effect": "Allow",
            "Action": [
                "cloudfront:CreateDistributionTenant",
                "cloudfront:DeleteDistributionTenant",
                "cloudfront:GetConnectionGroup",
                "cloudfront:GetDistributionTenantByDomain",
                "cloudfront:UpdateDistributionTenant",
            ],
            "Resource": [
                cloudfront("distribution/${OwnDistribution}"),
                cloudfront("distribution-tenant/*"),
                cloudfront("connection-group/*"),
            ],
        }),
    ]
}

/// Mail from any identity of the account, by any configuration set of it: resellers have identities of their own.
fn mail() -> Value {
    let ses = |what: &str| json!({"Fn::Sub": format!("arn:${{AWS::Partition}}:ses:${{AWS::Region}}:${{AWS::AccountId}}:{what}/*")});
    json!({
        "Effect": "Allow",
        "Action": "ses:SendRawEmail",
        "Resource": [ses("identity"), ses("configuration-set")],
    })
}

/// Messages to phone numbers, which are no resources, and to no topic.
fn texts() -> Value {
    json!({
        "Effect": "Allow",
        "Action": "sns:Publish",
        "NotResource": {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"},
    })
}

fn permission(name: &str, principal: &str, source: &Value, resources: &mut Map<String, Value>) {
    resources.insert(
        format!("{name}Permission"),
        json!({
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": name},
                "Action": "lambda:InvokeFunction",
                "Principal": principal,
                "SourceArn": source,
            }
        }),
    );
}

fn arn(resource: &str) -> Value {
    json!({"Fn::GetAtt": [resource, "Arn"]})
}

/// `/conf/call/{code}` as a resource of the gateway: `/conf/call/*`.
fn wildcards(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| if segment.starts_with('{') { "*" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}
