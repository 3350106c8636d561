//! Who writes, when and by which request: what every admin write carries, so that its audit item and the mark on its
//! idempotency record are part of the same transaction.

use domain::Role;
use domain::id::HostId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Claim;

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// An operator with cloud credentials.
    Operator,
    /// An account.
    Host {
        /// Which.
        host: HostId,
        /// With which role.
        role: Role,
    },
    /// The platform itself: the sweeper, a relay's report.
    System,
}

/// What every admin write carries.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// The endpoint's id, such as `company-create`.
    pub action: &'a str,
    /// The request's idempotency claim: marked as applied in the same transaction.
    pub claim: Option<&'a Claim>,
}
