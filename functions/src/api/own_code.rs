//! Whether a meeting has a code of its own: said by a boolean, or as answers say it, by the code itself.

use std::borrow::Cow;
use std::fmt;

use domain::Error as Refusal;
use domain::code::AccessCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// What is said of a meeting's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnCode {
    /// It shall have one of its own, or the host's.
    Wanted(bool),
    /// It has this one, as an answer said.
    Is(AccessCode),
}

impl OwnCode {
    /// Whether a meeting shall have a code of its own that has this one now, if it has any.
    pub(super) fn wanted(self, own: Option<AccessCode>) -> Result<bool, Refusal> {
        match self {
            Self::Wanted(wanted) => Ok(wanted),
            Self::Is(code) if Some(code) == own => Ok(true),
            Self::Is(_) => {
                let why = "must be true or false; a code cannot be chosen";
                Err(Refusal::invalid("one_time_access_code", why))
            }
        }
    }
}

impl<'de> Deserialize<'de> for OwnCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl de::Visitor<'_> for Either {
            type Value = OwnCode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean")
            }

            fn visit_bool<E: de::Error>(self, wanted: bool) -> Result<OwnCode, E> {
                Ok(OwnCode::Wanted(wanted))
            }

            fn visit_u64<E: de::Error>(self, code: u64) -> Result<OwnCode, E> {
                self.visit_str(&code.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OwnCode, E> {
                match text {
                    "true" => Ok(OwnCode::Wanted(true)),
                    "false" => Ok(OwnCode::Wanted(false)),
                    code => code
                        .parse()
                        .map(OwnCode::Is)
                        .map_err(|_| E::custom("must be a boolean")),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for OwnCode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OwnCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "integer"] })
    }
}
