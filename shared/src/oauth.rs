//! What an app may do for somebody who lets it (OAuth 2.0): the scopes of the contract, enterprise-api.md §3.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is granted to an app; never nothing. Written as RFC 6749 §3.3 has it: names with spaces between.
///
/// ```
/// use domain::oauth::Scopes;
/// let both: Scopes = "write read".parse().expect("scopes");
/// assert_eq!(both.to_string(), "read write");
/// assert!("read admin".parse::<Scopes>().is_err() && "".parse::<Scopes>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    read: bool,
    write: bool,
}

/// A text that names no scopes, or others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be read, write, or both with a space between")]
pub struct NoScopes;

impl Scopes {
    /// To look at what its person may look at, but for secrets.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };

    /// Whether no more than looking is granted; `write` reaches all that its person reaches.
    #[must_use]
    pub const fn reads_only(self) -> bool {
        !self.write
    }

    /// Whether these are no more than those.
    #[must_use]
    pub const fn within(self, others: Self) -> bool {
        (others.read || !self.read) && (others.write || !self.write)
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let named = [(self.read, "read"), (self.write, "write")];
        named
            .into_iter()
            .filter(|(has, _)| *has)
            .map(|(_, name)| name)
            .collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

impl FromStr for Scopes {
    type Err = NoScopes;

    fn from_str(text: &str) -> Result<Self, NoScopes> {
        let mut scopes = Self {
            read: false,
            write: false,
        };
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            match name {
                "read" => scopes.read = true,
                "write" => scopes.write = true,
                _ => return Err(NoScopes),
            }
        }
        match scopes.read || scopes.write {
            true => Ok(scopes),
            false => Err(NoScopes),
        }
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_compared_as_sets() {
        let of = |text: &str| text.parse::<Scopes>().expect("scopes");
        assert!(of("read").within(of("read write")) && of("write").within(of("read write")));
        assert!(!of("read write").within(of("read")) && !of("read").within(of("write")));
        assert!(of("read").reads_only() && !of("write").reads_only());
        assert_eq!(of("read  read"), Scopes::READ);
        for text in [" ", "Read", "read,write", "read\twrite", "offline_access"] {
            assert_eq!(text.parse::<Scopes>(), Err(NoScopes), "{text:?}");
        }
    }
}
