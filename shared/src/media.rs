//! `none`, `audio` or `video`: what of a meeting is recorded or streamed. A boolean says the same: true is `video`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// What is recorded or streamed by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoMedia {
    /// Nothing.
    #[default]
    None,
    /// Sound alone.
    Audio,
    /// Sound and pictures.
    Video,
}

impl<'de> Deserialize<'de> for AutoMedia {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrFlag;

        impl de::Visitor<'_> for WordOrFlag {
            type Value = AutoMedia;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("none, audio, video or a boolean")
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<AutoMedia, E> {
                Ok(if flag { AutoMedia::Video } else { AutoMedia::None })
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<AutoMedia, E> {
                match word {
                    "none" | "false" => Ok(AutoMedia::None),
                    "audio" => Ok(AutoMedia::Audio),
                    "video" | "true" => Ok(AutoMedia::Video),
                    _ => Err(E::custom("must be one of none, audio, video")),
                }
            }
        }

        deserializer.deserialize_any(WordOrFlag)
    }
}

impl JsonSchema for AutoMedia {
    fn schema_name() -> Cow<'static, str> {
        "AutoMedia".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["none", "audio", "video"] })
    }
}
