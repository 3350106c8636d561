//! Lines of text that people write: names and subjects, bounded and without control characters.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One line of 1 to `MAX` characters, without control characters and without spaces at its ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line<const MAX: usize>(String);

/// A meeting's subject.
pub type Subject = Line<255>;
/// The name of a person, a company or a product.
pub type Name = Line<100>;

/// Why a text is no such line; continues a sentence that begins with the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// Nothing but spaces.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("must be at most {0} characters")]
    TooLong(usize),
    /// A line break or another control character.
    #[error("must not hold control characters")]
    Control,
}

impl<const MAX: usize> Line<MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The longest beginning of any text that makes a line; `None` when nothing of it can be shown.
    pub fn lossy(text: &str) -> Option<Self> {
        let kept: String = text.trim().chars().filter(|c| !is_control(*c)).take(MAX).collect();
        let kept = kept.trim();
        if kept.is_empty() { None } else { Some(Self(kept.into())) }
    }
}

/// Control characters, and the invisible marks that turn the direction of what follows.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

impl<const MAX: usize> fmt::Display for Line<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidLine::Empty);
        }
        if text.chars().count() > MAX {
            return Err(InvalidLine::TooLong(MAX));
        }
        if text.chars().any(is_control) {
            return Err(InvalidLine::Control);
        }
        Ok(Self(text.into()))
    }
}

impl<const MAX: usize> Serialize for Line<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Line<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl<const MAX: usize> JsonSchema for Line<MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Line{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": MAX})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_trimmed_bounded_and_reads_back(text: String) {
            if let Ok(line) = text.parse::<Line<10>>() {
                prop_assert_eq!(line.as_str(), text.trim());
                prop_assert!(line.as_str().chars().count() <= 10);
                prop_assert_eq!(line.as_str().parse::<Line<10>>(), Ok(line));
            }
            if let Some(line) = Line::<10>::lossy(&text) {
                prop_assert_eq!(line.as_str().parse::<Line<10>>(), Ok(line));
            }
        }
    }

    #[test]
    fn what_cannot_stand_in_one_line_is_refused() {
        assert_eq!(" \t".parse::<Name>(), Err(InvalidLine::Empty));
        assert_eq!("a\nb".parse::<Name>(), Err(InvalidLine::Control));
        assert_eq!("a\u{202e}b".parse::<Name>(), Err(InvalidLine::Control));
        assert_eq!("x".repeat(101).parse::<Name>(), Err(InvalidLine::TooLong(100)));
    }
}
