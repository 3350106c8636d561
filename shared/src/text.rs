//! Lines of text that people write: names and subjects, bounded and without control characters.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::given::{Kept, read};

/// One line of 1 to `MAX` characters, without control characters and without spaces at its ends, in which something can be
/// seen.
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
    /// Nothing but what leaves no mark: spaces, joiners, fillers.
    #[error("must hold something that can be seen")]
    Invisible,
}

impl<const MAX: usize> Line<MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The longest beginning of any text that makes a line; `None` when nothing of it can be shown.
    pub fn lossy(text: &str) -> Option<Self> {
        let kept: String = text.trim().chars().filter(|c| !is_control(*c)).take(MAX).collect();
        kept.parse().ok()
    }
}

/// Control characters, and the invisible marks that turn the direction of what follows.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// What leaves no mark by itself: spaces, joiners and fillers, variation selectors, tags. Unicode's
/// `Default_Ignorable_Code_Point`s (UAX 44), the anchors of annotations, and three characters that fonts draw empty. Between
/// others many have a meaning: the ZWNJ of Persian words, the ZWJ of an emoji's parts.
fn is_invisible(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}');
    // The blank pattern of Braille, a note without a head, the filler of Khitan script.
    ignorable || c.is_whitespace() || matches!(c, '\u{2800}' | '\u{1d159}' | '\u{16fe4}')
}

impl<const MAX: usize> fmt::Display for Line<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        let line = Self::kept(text)?;
        if line.0.chars().all(is_invisible) {
            return Err(InvalidLine::Invisible);
        }
        Ok(line)
    }
}

impl<const MAX: usize> Kept for Line<MAX> {
    /// Takes what cannot be seen, too.
    fn kept(text: &str) -> Result<Self, InvalidLine> {
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
        read(deserializer)
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

    #[test]
    fn what_shows_nothing_is_refused_but_read_where_it_is_kept() {
        for nothing in [
            "\u{200b}",
            " \u{200b}\u{200c} \u{200d}",
            "\u{ad}",
            "\u{200e}\u{200f}\u{61c}",
            "\u{2060}\u{2064}\u{feff}",
            "\u{3164}",
            "\u{115f}\u{1160}\u{ffa0}",
            "\u{2800}",
            "\u{fe0f}\u{e0100}",
            "\u{e0041}\u{e007f}",
            "\u{180e}\u{17b4}\u{34f}",
            "\u{fff9}\u{fffb}",
        ] {
            assert_eq!(nothing.parse::<Name>(), Err(InvalidLine::Invisible), "{nothing:?}");
            assert_eq!(Name::lossy(nothing), None, "{nothing:?}");
            let kept: Name = serde_json::from_value(nothing.into()).expect("a line");
            assert_eq!(kept.as_str(), nothing.trim());
        }
    }

    #[test]
    fn joiners_stay_where_they_join() {
        for name in [
            // Persian: the ZWNJ of a plural, of a name.
            "کتاب\u{200c}ها",
            "علی\u{200c}رضا",
            // A family, a flag of England, a heart in colour, a word in Mongolian and one in Sinhala.
            "👩\u{200d}👩\u{200d}👧",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "❤\u{fe0f}",
            "ᠰᠠᠶᠢᠨ\u{180b}",
            "ශ\u{200d}රී",
            "Ann\u{200b}",
            "⠓⠊",
            ".",
            "\u{301}",
            "김",
        ] {
            assert_eq!(name.parse::<Name>().expect(name).as_str(), name);
            assert_eq!(Name::lossy(name).expect(name).as_str(), name);
        }
    }
}
