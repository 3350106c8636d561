//! What somebody gives, and what is kept. What is taken grows stricter with time; what was taken before must be read for
//! ever, or whoever has it is answered errors alone. So types that have grown stricter know both.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// The newtype that [`crate::code::Email`] and [`crate::text::Line`] ask deserializers for. One that reads what somebody
/// gives answers it with a text (`visit_str`), which is held against today's rules; any other, the table's among them,
/// reads what is kept.
pub const GIVEN: &str = "domain::Given";

/// A text whose rules have grown stricter: `FromStr` knows today's.
pub(crate) trait Kept: FromStr<Err: fmt::Display> {
    /// Reads what was taken once.
    fn kept(text: &str) -> Result<Self, <Self as FromStr>::Err>;
}

/// Reads one by the rules that the deserializer asks for.
pub(crate) fn read<'de, T: Kept, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Either<T>(PhantomData<T>);

    impl<'de, T: Kept> de::Visitor<'de> for Either<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: de::Error>(self, given: &str) -> Result<T, E> {
            given.parse().map_err(E::custom)
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, kept: D) -> Result<T, D::Error> {
            T::kept(&Cow::<'de, str>::deserialize(kept)?).map_err(de::Error::custom)
        }
    }

    deserializer.deserialize_newtype_struct(GIVEN, Either(PhantomData))
}

/// Reads a text by today's rules, whatever the deserializer.
///
/// # Errors
///
/// Why it is none of its kind.
pub fn given<'de, T: FromStr<Err: fmt::Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}
