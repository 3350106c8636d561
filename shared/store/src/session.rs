//! Sessions: read, prolonged and counted in one update. Kept under the hash of their token.

use domain::Role;
use domain::id::{CompanyId, HostId, ResellerId};
use domain::time::millis;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Result, Scope, Store};

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// Who is signed in.
    pub host: HostId,
    /// As what: a session from `/auth` acts as [`Role::Host`] whatever the account's role.
    pub role: Role,
    /// Where the browser goes after a call, when the sign-in named it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after_call_url: Option<String>,
    /// Not valid from here on, whatever its use.
    #[serde(with = "millis")]
    pub ends: Timestamp,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

impl Session {
    /// How long a session lives after its last use.
    pub const IDLE: SignedDuration = SignedDuration::from_hours(24);
    /// How long a session lives at most.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 7);

    /// How far it reaches.
    pub fn scope(&self) -> Scope {
        match self.role {
            Role::ResellerAdmin => Scope::reseller(self.reseller),
            Role::CompanyAdmin => Scope::company(self.reseller, self.company),
            Role::Host => Scope::host(self.reseller, self.company, self.host),
        }
    }
}

/// What a token stands for at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionUse {
    /// A session that goes on.
    Valid {
        /// The session.
        session: Session,
        /// Its requests in this minute, this one too.
        requests_in_minute: u32,
    },
    /// A session that is over.
    Expired,
    /// Nothing.
    Unknown,
}

impl Store {
    /// Keeps a new session under [`domain::sealed::token_hash`] of its token.
    pub async fn session_create(&self, token_hash: &str, session: &Session) -> Result<()> {
        todo!()
    }

    /// Reads a session, prolongs it and counts the request, in one update.
    pub async fn session_use(&self, token_hash: &str, now: Timestamp) -> Result<SessionUse> {
        todo!()
    }

    /// Ends a session; harmless when there is none.
    pub async fn session_delete(&self, token_hash: &str) -> Result<()> {
        todo!()
    }
}
