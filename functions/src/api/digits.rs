//! Codes and PINs as partners write them: a string of digits or an integer.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use domain::code::{AccessCode, Pin};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// A value that is read from a string or from an integer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Digits<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for Either<T> {
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
        json_schema!({ "type": ["string", "integer"], "pattern": "^[0-9]{4,10}$" })
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
