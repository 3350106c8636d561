//! Codes and PINs as partners write them: a string of digits, an integer, or an object with either as answers have it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use domain::code::{AccessCode, Pin};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::json;

/// A value that is read from a string, from an integer, or from what answers show: `{"number": "1234567"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Digits<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: FromStr<Err: fmt::Display>> de::Visitor<'de> for Either<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string of digits or an integer")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                #[derive(Deserialize)]
                #[serde(bound = "T: FromStr<Err: fmt::Display>")]
                struct Shown<T> {
                    number: Digits<T>,
                }
                let Shown { number: Digits(value) } = Shown::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(value)
            }
        }

        deserializer.deserialize_any(Either(PhantomData)).map(Self)
    }
}

impl<T> JsonSchema for Digits<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Digits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let digits = json!({ "type": ["string", "integer"], "pattern": "^[0-9]{4,10}$" });
        let shown = json!({ "type": "object", "properties": { "number": digits }, "required": ["number"] });
        json_schema!({ "anyOf": [digits, shown] })
    }
}

/// A code or PIN as answers show it: `{"number": "1234567"}`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Number {
    /// The digits.
    pub number: String,
}

impl From<AccessCode> for Number {
    fn from(code: AccessCode) -> Self {
        Self {
            number: code.to_string(),
        }
    }
}

impl From<&Pin> for Number {
    fn from(pin: &Pin) -> Self {
        Self {
            number: pin.to_string(),
        }
    }
}
