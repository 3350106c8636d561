//! Between our types and the table's attributes: an item is the JSON object of its type, attribute by attribute.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use crate::{Error, Result};

/// One item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The attributes of a value whose JSON is an object. What is null is left out.
pub(crate) fn to_item(value: &impl Serialize) -> Item {
    match to_attribute(value) {
        AttributeValue::M(item) => item,
        _ => HashMap::new(),
    }
}

/// One attribute.
pub(crate) fn to_attribute(value: &impl Serialize) -> AttributeValue {
    from_json(serde_json::to_value(value).expect("our types have string keys and no failing serializer"))
}

/// The value that an item holds; attributes that the type does not know, such as keys, are passed over.
pub(crate) fn from_item<T: DeserializeOwned>(kind: &'static str, item: &Item) -> Result<T> {
    let object = item
        .iter()
        .map(|(name, value)| (name.clone(), to_json(value)))
        .collect();
    serde_json::from_value(Value::Object(object)).map_err(|source| Error::Corrupt { kind, source })
}

fn from_json(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(from_json).collect()),
        Value::Object(fields) => AttributeValue::M(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, from_json(value)))
                .collect(),
        ),
    }
}

fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::N(number) => number_to_json(number),
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::Ss(texts) => texts.iter().cloned().map(Value::String).collect(),
        AttributeValue::L(values) => values.iter().map(to_json).collect(),
        AttributeValue::M(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), to_json(value)))
                .collect::<Map<_, _>>(),
        ),
        _ => Value::Null,
    }
}

fn number_to_json(text: &str) -> Value {
    let whole = text
        .parse::<u64>()
        .map(Number::from)
        .or_else(|_| text.parse::<i64>().map(Number::from));
    let number = whole
        .ok()
        .or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
    number.map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec(("[a-z]{1,8}", inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_survives_the_table(value in any_json()) {
            prop_assert_eq!(to_json(&from_json(value.clone())), value);
        }
    }

    #[test]
    fn nulls_are_left_out() {
        assert_eq!(to_item(&json!({"a": null, "b": {"c": null}})).len(), 1);
    }
}
