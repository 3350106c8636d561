//! What the reader lets through, what it refuses, and which field it blames.

use domain::Code;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Parameters;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Colour {
    #[default]
    Red,
    DarkBlue,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Person {
    email: String,
    moderator: Option<bool>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wanted {
    id: u64,
    name: String,
    flag: Option<bool>,
    #[serde(default)]
    colour: Colour,
    list: Option<Vec<u32>>,
    people: Option<Vec<Person>>,
}

fn read(query: &str, body: &Value) -> Result<Wanted, domain::Error> {
    Parameters::read(query, body.to_string().as_bytes())?.parse()
}

fn blamed(query: &str, body: &Value) -> (Code, Option<String>) {
    let refusal = read(query, body).expect_err("refused");
    (refusal.code, refusal.field.map(|field| field.into_owned()))
}

#[test]
fn json_types_are_read_and_texts_converted() {
    let plain = read(
        "",
        &json!({"id": 7, "name": "n", "flag": true, "colour": "dark_blue", "list": [1, 2]}),
    );
    let texts = read(
        "",
        &json!({"id": "7", "name": "n", "flag": "true", "colour": "dark_blue", "list": ["1", "2"]}),
    );
    assert_eq!(plain.expect("read"), texts.expect("read"));
}

#[test]
fn a_query_says_the_same_and_the_body_wins() {
    let body = json!({"id": 7, "name": "n", "list": [1, 2], "people": [{"email": "a@b.c", "moderator": true}]});
    let people = "people=[{\"email\":\"a@b.c\",\"moderator\":\"true\"}]";
    let repeated = read(&format!("id=7&name=n&list=1&list=2&{people}"), &json!({}));
    let packed = read(&format!("id=7&name=n&list=[1,2]&{people}"), &json!({}));
    assert_eq!(repeated.expect("read"), read("", &body).expect("read"));
    assert_eq!(packed.expect("read"), read("", &body).expect("read"));
    let over = read("id=9&name=query", &json!({"id": 7})).expect("read");
    assert_eq!((over.id, over.name.as_str()), (7, "query"));
    let one = read("id=1&name=n&list=5", &json!({})).expect("read");
    assert_eq!(one.list, Some(vec![5]));
}

#[test]
fn unknown_parameters_are_ignored_and_null_is_absent() {
    let read = read(
        "companyId=4",
        &json!({"id": 1, "name": "n", "flag": null, "other": {"deep": []}}),
    )
    .expect("read");
    assert_eq!(read.flag, None);
}

#[test]
fn the_field_to_blame_is_named() {
    let invalid = |field: &str| (Code::InvalidField, Some(field.to_owned()));
    let missing = |field: &str| (Code::MissingField, Some(field.to_owned()));
    assert_eq!(blamed("", &json!({"id": 1})), missing("name"));
    assert_eq!(blamed("", &json!({"id": 1, "name": null})), missing("name"));
    assert_eq!(blamed("", &json!({"id": 1, "name": 5})), invalid("name"));
    assert_eq!(blamed("", &json!({"id": 1.5, "name": "n"})), invalid("id"));
    assert_eq!(blamed("", &json!({"id": -1, "name": "n"})), invalid("id"));
    assert_eq!(blamed("", &json!({"id": "+1", "name": "n"})), invalid("id"));
    assert_eq!(blamed("", &json!({"id": " 1", "name": "n"})), invalid("id"));
    assert_eq!(blamed("", &json!({"id": true, "name": "n"})), invalid("id"));
    assert_eq!(blamed("", &json!({"id": 1, "name": "a\u{0}b"})), invalid("name"));
    assert_eq!(
        blamed("", &json!({"id": 1, "name": "n", "flag": "yes"})),
        invalid("flag")
    );
    assert_eq!(blamed("", &json!({"id": 1, "name": "n", "flag": 1})), invalid("flag"));
    assert_eq!(
        blamed("", &json!({"id": 1, "name": "n", "colour": "green"})),
        invalid("colour")
    );
    assert_eq!(blamed("", &json!({"id": 1, "name": "n", "list": 5})), invalid("list"));
    assert_eq!(
        blamed("", &json!({"id": 1, "name": "n", "list": "[5]"})),
        invalid("list")
    );
    assert_eq!(
        blamed("", &json!({"id": 1, "name": "n", "list": [1, 4_294_967_296_u64]})),
        invalid("list[1]")
    );
    assert_eq!(
        blamed("", &json!({"id": 1, "name": "n", "people": [{}]})),
        missing("people[0].email")
    );
    assert_eq!(
        blamed(
            "",
            &json!({"id": 1, "name": "n", "people": [{"email": "e"}, {"email": []}]})
        ),
        invalid("people[1].email")
    );
}

#[test]
fn what_is_no_json_object_is_refused_without_a_field() {
    for body in ["{", "[]", "5", "\"x\"", "{\"a\":1}}", "\u{feff}{}"] {
        let refusal = Parameters::read("", body.as_bytes()).expect_err(body);
        assert_eq!((refusal.code, refusal.field), (Code::InvalidField, None));
    }
    let deep = "{\"a\":".repeat(100_000);
    assert!(Parameters::read("", deep.as_bytes()).is_err());
    assert!(Parameters::read("", b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn messages_hold_no_values() {
    for body in [
        json!({"id": "Sup3rSecret", "name": "n"}),
        json!({"id": 1, "name": "n", "colour": "Sup3rSecret"}),
    ] {
        let refusal = read("", &body).expect_err("refused");
        assert!(!refusal.to_string().contains("Sup3r"), "{refusal}");
    }
    let parameters = Parameters::read("password=Sup3rSecret", b"").expect("read");
    assert!(!format!("{parameters:?}").contains("Sup3r"));
}

#[test]
fn the_canonical_form_forgets_order_token_and_key() {
    let one = Parameters::read("a=1", br#"{"b": 2, "auth_token": "x", "idempotency_key": "k"}"#).expect("read");
    let two = Parameters::read("", br#"{"b": 2, "a": "1", "auth_token": "y"}"#).expect("read");
    let other = Parameters::read("", br#"{"b": 3, "a": "1"}"#).expect("read");
    assert_eq!(one.canonical(), two.canonical());
    assert_ne!(one.canonical(), other.canonical());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let names = prop_oneof![
            Just("id"),
            Just("name"),
            Just("list"),
            Just("people"),
            Just("email"),
            Just("flag")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..6).prop_map(|fields| {
                Value::Object(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_request_is_read_or_refused(query: String, body: Vec<u8>) {
        if let Ok(parameters) = Parameters::read(&query, &body) {
            let _ = parameters.parse::<Wanted>();
        }
    }

    #[test]
    fn any_json_is_read_or_refused_with_a_code(body in any_json(), query in "(id|name|list|people)=[\\[{\"0-9a-z:,}\\]]{0,12}") {
        if let Err(refusal) = read(&query, &body) {
            prop_assert!(matches!(refusal.code, Code::InvalidField | Code::MissingField));
        }
    }
}
