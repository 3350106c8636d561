//! Whole numbers as they are read. One that its type cannot hold is refused by the bounds of what it counts, as any other is
//! that lies outside them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A whole number of `MIN` to `MAX`.
///
/// ```
/// use domain::number::Within;
///
/// let hours: Within<1, 24> = serde_json::from_str("24")?;
/// assert_eq!(hours.value(), 24);
/// let why = serde_json::from_str::<Within<1, 24>>("-1").expect_err("too few");
/// assert!(why.to_string().starts_with("must be 1 to 24"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Within<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Within<MIN, MAX> {
    /// The number itself.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match whole(deserializer)? {
            Some(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(de::Error::custom(format_args!("must be {MIN} to {MAX}"))),
        }
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Within{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "format": "uint32", "minimum": MIN, "maximum": MAX})
    }
}

/// Reads a whole number; `None` where `T` cannot hold it, be it below zero or too large, so that whoever reads it says what it
/// must be.
pub(crate) fn whole<'de, T: TryFrom<u64> + TryFrom<i64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Whole<T>(std::marker::PhantomData<T>);

    impl<T: TryFrom<u64> + TryFrom<i64>> de::Visitor<'_> for Whole<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an integer")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<Option<T>, E> {
            Ok(T::try_from(number).ok())
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Option<T>, E> {
            Ok(T::try_from(number).ok())
        }
    }

    deserializer.deserialize_u64(Whole(std::marker::PhantomData))
}

/// Reads a setting that is checked with the others of its kind: one that no `u32` holds is 0, which none of them may be.
pub(crate) fn setting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(whole(deserializer)?.unwrap_or_default())
}

/// The same where it may be absent.
pub(crate) fn setting_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    struct Setting(u32);

    impl<'de> Deserialize<'de> for Setting {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            setting(deserializer).map(Self)
        }
    }

    Ok(Option::<Setting>::deserialize(deserializer)?.map(|setting| setting.0))
}
