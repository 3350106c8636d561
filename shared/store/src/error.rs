//! What can come of a read or a write, by meaning.

use std::error::Error as StdError;
use std::fmt;

use domain::{Code, Reason};

/// What a value must be unique for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// A reseller's domain, in the installation.
    Domain,
    /// A company's subdomain, in its reseller.
    Subdomain,
    /// A host's mail address, in its reseller.
    Email,
    /// An access code, in the installation.
    AccessCode,
    /// A host's OpenID subject, in its reseller.
    OpenIdSub,
    /// A mail address, in a host's address book.
    ContactEmail,
    /// A plan's name, in its reseller.
    PlanName,
    /// A host name that a company brings, in the installation.
    OwnDomain,
    /// A relay's name.
    Relay,
}

impl Unique {
    /// The field that a caller gave the value in.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Subdomain => "subdomain",
            Self::Email | Self::ContactEmail => "email",
            Self::AccessCode => "access_code",
            Self::OpenIdSub => "openid_sub",
            Self::PlanName | Self::OwnDomain => "name",
            Self::Relay => "relay",
        }
    }
}

/// The result of a read or a write.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a read or a write did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such object, or one of another reseller. Names the kind of object.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// An object of the same reseller outside the caller's company or account.
    #[error("outside the caller's scope")]
    Forbidden,
    /// What a page shall come behind is not in the list.
    #[error("not in the list")]
    NotListed,
    /// A value that must be unique is taken.
    #[error("{} is taken", .0.field())]
    Taken(Unique),
    /// The company still has hosts.
    #[error("the company has hosts")]
    HasHosts,
    /// The request's idempotency claim is not held any more: another request has taken it over.
    #[error("the idempotency claim was taken over")]
    ClaimLost,
    /// Others kept changing the same thing; nothing was written. Read again and decide anew.
    #[error("changed by others meanwhile")]
    Raced,
    /// The occurrence is over, for this reason.
    #[error("has ended: {0}")]
    Ended(Reason),
    /// The room lives on another relay.
    #[error("lives on another relay")]
    Moved,
    /// Reported by a start of the relay that is not the registered one.
    #[error("reported by another start of the relay")]
    StaleEpoch,
    /// A batch of events is missing before this one; the number that is expected.
    #[error("expected batch {0}")]
    Gap(u64),
    /// More than one transaction can hold.
    #[error("too much for one write: {0}")]
    TooLarge(&'static str),
    /// The table did not answer in time, or refused for load: nothing is known to have been written.
    #[error("the table is not available")]
    Unavailable(#[source] Cause),
    /// An item in the table does not read as what it should be.
    #[error("item of kind {kind} does not read")]
    Corrupt {
        /// What it should be.
        kind: &'static str,
        /// Why it is not.
        #[source]
        source: serde_json::Error,
    },
    /// The table refused for a reason that no caller can do anything about.
    #[error("the table refused")]
    Refused(#[source] Cause),
}

impl Error {
    /// The same about the object that a page shall come behind.
    pub(crate) fn of_list(self) -> Self {
        match self {
            Self::NotFound(_) | Self::Forbidden => Self::NotListed,
            other => other,
        }
    }
}

/// What the SDK said.
#[derive(Debug)]
pub struct Cause(pub(crate) String);

impl Cause {
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        Self(text)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

/// The same by the meanings that callers of the API know.
impl From<Error> for domain::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(what) => Self::not_found(what),
            Error::Forbidden => Self::forbidden(),
            Error::NotListed => Self::invalid("after", "is not in this list"),
            Error::Taken(unique) => Self::taken(unique.field()),
            Error::HasHosts => Self::new(
                Code::Conflict,
                "The company has hosts: delete them first, or set force to true",
            ),
            Error::ClaimLost => Self::new(Code::InProgress, "A request with this idempotency_key still runs"),
            Error::Raced => Self::new(Code::Conflict, "Changed by another request meanwhile, please try again"),
            Error::Ended(reason) => Self::new(Code::Conflict, "The meeting is over").with_reason(reason),
            Error::Moved => Self::new(Code::Conflict, "The room lives on another relay").with_reason(Reason::Moved),
            Error::StaleEpoch => Self::new(Code::Conflict, "Another start of this relay is registered"),
            Error::Gap(expected) => Self::new(Code::Conflict, format!("Expected batch {expected}")),
            Error::TooLarge(what) => Self::new(Code::InvalidField, format!("Too many {what} in one request")),
            Error::Unavailable(_) => Self::new(Code::Unavailable, "Please try again shortly")
                .with_retry_after(1)
                .with_detail(Chain(&error)),
            Error::Corrupt { .. } | Error::Refused(_) => Self::internal(Chain(&error)),
        }
    }
}

struct Chain<'a>(&'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Cause::of(self.0).0)
    }
}
