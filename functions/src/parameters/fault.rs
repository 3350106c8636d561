//! Why a value could not be read, and which field is to blame. Values are kept out of it, since any may be a secret.

use domain::{Code, Error as Refusal};
use serde::de::{self, Unexpected};

/// Why a value could not be read, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    path: String,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    Invalid(String),
}

impl Fault {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            kind: Kind::Invalid(message.into()),
        }
    }

    pub(super) fn missing() -> Self {
        Self {
            path: String::new(),
            kind: Kind::Missing,
        }
    }

    pub(super) fn within(mut self, step: &str) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{step}{joint}{}", self.path);
        self
    }

    /// What the caller is told.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        let subject = if self.path.is_empty() {
            "a parameter"
        } else {
            self.path.as_str()
        };
        let refusal = match &self.kind {
            Kind::Missing => Refusal::new(Code::MissingField, format!("{subject} is required")),
            Kind::Invalid(why) => Refusal::new(Code::InvalidField, format!("{subject} {why}")),
        };
        if self.path.is_empty() {
            refusal
        } else {
            refusal.with_field(self.path)
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Kind::Missing => write!(f, "{} is missing", self.path),
            Kind::Invalid(why) => write!(f, "{}: {why}", self.path),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::invalid(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid(format!("must be {expected}"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        match unexpected {
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => Self::invalid("is out of range"),
            _ => Self::invalid(format!("must be {expected}")),
        }
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::invalid(format!("must be one of {}", known.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::missing().within(field)
    }
}
