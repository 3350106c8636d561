//! The OpenAPI 3.1 document, made from the endpoints: what is read and answered is described by the types that read
//! and answer it.

mod answers;
mod examples;
mod statuses;

use std::collections::BTreeSet;

use domain::Role;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::access::is_fetch;
use crate::endpoint::{Access, Kind, Route};
use crate::input::InputShape;
use crate::reply::ReplyShape;
use domain::error::ErrorBody;

/// What every method that needs a session takes beside its own parameters.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "read by the framework before the method's own parameters")]
struct SessionParameters {
    /// From `authenticate`; also accepted as `Authorization: AuthToken <auth_token>`.
    auth_token: Option<String>,
}

/// What every method that changes something takes beside its own parameters.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "read by the framework before the method's own parameters")]
struct WriteParameters {
    /// A repeat within 24 hours with the same key and parameters answers the first result.
    #[schemars(length(min = 1, max = 64))]
    idempotency_key: Option<String>,
}

const ABOUT: &str = "Every partner method is a POST of JSON to the host name of a company. Parameters may also come \
in the query; the body wins. Booleans are also read from \"true\" and \"false\", integers from decimal strings. \
Unknown parameters are ignored.";

/// Whether the document tells of an endpoint: not of what OAuth's own documents describe (RFC 8414 and those it names).
#[must_use]
pub fn tells_of(route: &Route) -> bool {
    !route.path.starts_with("/oauth/") && !route.path.starts_with("/.well-known/")
}

/// The document over those of `routes` that it tells of.
#[must_use]
pub fn document(routes: &[Route]) -> Value {
    let routes: Vec<&Route> = routes.iter().filter(|route| tells_of(route)).collect();
    let mut reads = generator(Contract::Deserialize);
    let mut answers = generator(Contract::Serialize);
    let mut operations: Vec<_> = routes
        .iter()
        .map(|route| operation(route, &mut reads, &mut answers))
        .collect();
    let mut read = reads.take_definitions(true);
    let mut schemas = answers.take_definitions(true);
    let apart = told_apart(&read, &schemas);
    for operation in &mut operations {
        rename(&mut operation["requestBody"], &apart);
        operation
            .as_object_mut()
            .expect("an operation is an object")
            .retain(|_, part| !part.is_null());
    }
    for (name, mut schema) in std::mem::take(&mut read) {
        rename(&mut schema, &apart);
        let name = if apart.contains(&name) {
            format!("{name}{READ}")
        } else {
            name
        };
        schemas.insert(name, schema);
    }
    for (name, schema) in &mut schemas {
        if let Some(example) = answers::example(name) {
            schema["examples"] = json!([example]);
        }
    }
    schemas.sort_keys();
    let mut paths = Map::new();
    for (route, operation) in routes.iter().zip(operations) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Convoke",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "authToken": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`AuthToken <auth_token>`; or `auth_token` among the parameters.",
                },
                "oauth": {
                    "type": "oauth2",
                    "description": "`Bearer <access token>`; docs/partners/oauth.md. Each company's host name is an issuer.",
                    "flows": {
                        "authorizationCode": {
                            "authorizationUrl": "/oauth/authorize",
                            "tokenUrl": "/oauth/token",
                            "refreshUrl": "/oauth/token",
                            "scopes": {
                                "read": "fetch and fetch_all, without secrets",
                                "write": "All that the person reaches who let the app in",
                            },
                        },
                    },
                },
                "relay": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Relay <JWS>`, signed with the relay's own key over the body.",
                },
            },
        },
    })
}

/// What ends the name of a type as it is read, where that differs from how it is answered: fields with a default must not
/// be sent but are always answered.
const READ: &str = "Parameters";
/// What begins a reference to a named schema.
const SCHEMA: &str = "#/components/schemas/";

/// The names whose schemas are read otherwise than answered, by themselves or by what they refer to.
fn told_apart(read: &Map<String, Value>, answered: &Map<String, Value>) -> BTreeSet<String> {
    let mut apart: BTreeSet<String> = BTreeSet::new();
    loop {
        let differs = |(name, schema): (&String, &Value)| {
            answered
                .get(name)
                .is_some_and(|other| other != schema || refers_to(schema, &apart))
        };
        let next: BTreeSet<_> = read
            .iter()
            .filter(|entry| differs(*entry))
            .map(|(name, _)| name.clone())
            .collect();
        if next == apart {
            return apart;
        }
        apart = next;
    }
}

fn refers_to(schema: &Value, names: &BTreeSet<String>) -> bool {
    match schema {
        Value::Object(fields) => {
            let named = fields
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|link| link.strip_prefix(SCHEMA));
            named.is_some_and(|name| names.contains(name)) || fields.values().any(|part| refers_to(part, names))
        }
        Value::Array(parts) => parts.iter().any(|part| refers_to(part, names)),
        _ => false,
    }
}

fn rename(schema: &mut Value, names: &BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(link)) = fields.get_mut("$ref")
                && link.strip_prefix(SCHEMA).is_some_and(|name| names.contains(name))
            {
                link.push_str(READ);
            }
            fields.values_mut().for_each(|part| rename(part, names));
        }
        Value::Array(parts) => parts.iter_mut().for_each(|part| rename(part, names)),
        _ => {}
    }
}

fn generator(contract: Contract) -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.contract = contract;
        })
        .into_generator()
}

fn operation(route: &Route, reads: &mut SchemaGenerator, answers: &mut SchemaGenerator) -> Value {
    let (input, reply) = (route.describe)(reads, answers);
    let mut operation = json!({ "operationId": route.title(), "summary": route.summary });
    let mut parameters = variables(route.path);
    parameters.extend(query(route, &input, reads));
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = request_body(route, input, reads) {
        operation["requestBody"] = body;
    }
    operation["responses"] = responses(route, &reply, answers);
    match route.access {
        Access::Session(_) => {
            let scope = if is_fetch(route) { "read" } else { "write" };
            operation["security"] = json!([{ "authToken": [] }, { "oauth": [scope] }]);
        }
        Access::Relay => operation["security"] = json!([{ "relay": [] }]),
        Access::Anyone | Access::Tenant => {}
    }
    if let Access::Session(role) = route.access {
        operation["x-lowest-role"] = json!(role_name(role));
    }
    operation
}

fn request_body(route: &Route, input: InputShape, reads: &mut SchemaGenerator) -> Option<Value> {
    let forms = matches!(input, InputShape::Form(_));
    let schema = match input {
        InputShape::Nothing => return None,
        InputShape::Form(_) if route.method == "GET" => return None,
        InputShape::Json(schema) | InputShape::Form(schema) => schema.to_value(),
        InputShape::Parameters(own) => {
            let mut parts = match own.to_value() {
                Value::Object(mut both) if both.contains_key("allOf") => match both.remove("allOf") {
                    Some(Value::Array(parts)) => parts,
                    _ => Vec::new(),
                },
                one => vec![one],
            };
            if matches!(route.access, Access::Session(_)) {
                parts.push(reads.subschema_for::<SessionParameters>().to_value());
                if route.kind == Kind::Write {
                    parts.push(reads.subschema_for::<WriteParameters>().to_value());
                }
            }
            match parts.len() {
                1 => parts.remove(0),
                _ => json!({ "allOf": parts }),
            }
        }
    };
    let mut media = json!({ "schema": schema });
    if let Some(example) = examples::request(route.id) {
        media["example"] = example;
    }
    let mut content = json!({ "application/json": media });
    if forms {
        content["application/x-www-form-urlencoded"] = media;
    }
    Some(json!({ "required": true, "content": content }))
}

/// A form's fields as parameters of the query, where the method is GET.
fn query(route: &Route, input: &InputShape, reads: &SchemaGenerator) -> Vec<Value> {
    let InputShape::Form(schema) = input else {
        return Vec::new();
    };
    if route.method != "GET" {
        return Vec::new();
    }
    let link = schema.get("$ref").and_then(Value::as_str).unwrap_or_default();
    let named = link.strip_prefix(SCHEMA).and_then(|name| reads.definitions().get(name));
    let object = named.unwrap_or_else(|| schema.as_value());
    let required: Vec<&str> = object["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    object["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            json!({ "name": name, "in": "query", "required": required.contains(&name.as_str()), "schema": schema })
        })
        .collect()
}

fn responses(route: &Route, reply: &ReplyShape, answers: &mut SchemaGenerator) -> Value {
    let error = answers.subschema_for::<ErrorBody>().to_value();
    let mut all = statuses::refusals(route, reply, &error);
    let page = json!({ "text/html": { "schema": { "type": "string" } } });
    match reply {
        ReplyShape::Json(schema) => {
            let content = json!({ "application/json": { "schema": schema.as_value() } });
            all.insert("200".into(), json!({ "description": "Done.", "content": content }));
        }
        ReplyShape::Html => {
            all.insert("200".into(), json!({ "description": "The page.", "content": page }));
        }
        ReplyShape::Png => {
            let content = json!({ "image/png": { "schema": { "type": "string", "format": "binary" } } });
            all.insert(
                "200".into(),
                json!({ "description": "The picture.", "content": content }),
            );
        }
        ReplyShape::Calendar => {
            let content = json!({ "text/calendar": { "schema": { "type": "string" } } });
            all.insert(
                "200".into(),
                json!({ "description": "The calendar file.", "content": content }),
            );
        }
        ReplyShape::Document => {
            let content = json!({ "application/json": { "schema": { "type": "object" } } });
            all.insert(
                "200".into(),
                json!({ "description": "The document.", "content": content }),
            );
        }
        ReplyShape::Onward(schema) => {
            let schema = schema
                .as_ref()
                .map_or_else(|| json!({ "type": "object" }), |schema| schema.as_value().clone());
            all.insert(
                "200".into(),
                json!({ "description": "A question to the person, or a session.", "content": {
                "text/html": { "schema": { "type": "string" } },
                "application/json": { "schema": schema },
            } }),
            );
            all.insert(
                "303".into(),
                json!({ "description": "Signed in; `Location` is where the browser goes." }),
            );
        }
    }
    all.sort_keys();
    all.into()
}

fn variables(path: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect()
}

fn role_name(role: Role) -> Value {
    serde_json::to_value(role).unwrap_or_default()
}
