//! The audit: who changed what, written in the same transaction as the change. Never holds a secret.

use domain::id::{CompanyId, ResellerId};
use domain::time::millis;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Actor, Result, Store};

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// The endpoint's id.
    pub action: String,
    /// The object, such as `company/5`.
    pub object: String,
    /// What it was; none for something new.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Value>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Value>,
}

impl Store {
    /// The latest changes of a company, or of the reseller itself, newest first.
    pub async fn audit(&self, reseller: ResellerId, company: Option<CompanyId>, limit: u32) -> Result<Vec<AuditEntry>> {
        todo!()
    }
}
