//! Names of at most 16 bytes, kept in place: they are compared per packet until a stream is known.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Longest name that the one-byte form of a header extension can carry (RFC 8285 §4.2).
const MAX: usize = 16;

/// A name that is empty, longer than 16 bytes or not made of the token characters of SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a media or stream id of 1 to 16 token characters")]
pub struct ShortNameError;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Short {
    bytes: [u8; MAX],
    len: u8,
}

impl Short {
    fn new(text: &[u8]) -> Result<Self, ShortNameError> {
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(b);
        if text.is_empty() || text.len() > MAX || !text.iter().all(token) {
            return Err(ShortNameError);
        }
        let mut bytes = [0; MAX];
        bytes[..text.len()].copy_from_slice(text);
        Ok(Self {
            bytes,
            len: u8::try_from(text.len()).map_err(|_| ShortNameError)?,
        })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("token characters are ASCII")
    }
}

macro_rules! short {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Short);

        impl $name {
            /// Reads the name, as SDP or a header extension carries it.
            ///
            /// # Errors
            /// When it is not 1 to 16 token characters.
            pub fn new(text: &[u8]) -> Result<Self, ShortNameError> {
                Short::new(text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The name as a header extension carries it.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl FromStr for $name {
            type Err = ShortNameError;

            fn from_str(text: &str) -> Result<Self, ShortNameError> {
                Self::new(text.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
    };
}

short! {
    /// Media id of an m-section (RFC 8843).
    Mid
}

short! {
    /// Id of a simulcast layer (RFC 8852), such as `q`, `h`, `f`.
    Rid
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_name_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(mid) = Mid::new(&bytes) {
                prop_assert_eq!(mid.as_bytes(), bytes.as_slice());
                prop_assert_eq!(mid.as_str().parse::<Mid>(), Ok(mid));
            }
        }
    }

    #[test]
    fn names_are_bounded_tokens() {
        assert!("0".parse::<Mid>().is_ok());
        assert!("".parse::<Mid>().is_err());
        assert!("a b".parse::<Rid>().is_err());
        assert!("12345678901234567".parse::<Rid>().is_err());
    }
}
