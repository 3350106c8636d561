//! The audit: who changed what, written in the same transaction as the change. Never holds a secret.

use domain::id::{CompanyId, ResellerId};
use domain::time::millis;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::Query;
use crate::value::from_item;
use crate::{Actor, Result, Store, keys};

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

/// What a change is about.
pub(crate) struct Change {
    pub(crate) object: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl Change {
    /// Something new.
    pub(crate) fn created(object: String, after: &impl Serialize) -> Self {
        Self {
            object,
            before: None,
            after: Some(shown(after)),
        }
    }

    /// Something that is gone.
    pub(crate) fn removed(object: String, before: &impl Serialize) -> Self {
        Self {
            object,
            before: Some(shown(before)),
            after: None,
        }
    }

    /// Something that became something else.
    pub(crate) fn changed(object: String, before: &impl Serialize, after: &impl Serialize) -> Self {
        Self {
            object,
            before: Some(shown(before)),
            after: Some(shown(after)),
        }
    }
}

/// Fields that the audit leaves out: secrets, and people who are no accounts.
const HIDDEN: [&str; 8] = [
    "password_hash",
    "password_link",
    "moderator_pin",
    "sso_token",
    "sso_token_hash",
    "security_pin",
    "moderator_token",
    "invited",
];

fn shown(value: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(value).expect("our types have string keys and no failing serializer");
    if let Value::Object(fields) = &mut value {
        fields.retain(|name, value| !value.is_null() && !HIDDEN.contains(&name.as_str()));
    }
    value
}

impl Store {
    /// The latest changes of a company, or of the reseller itself, newest first.
    pub async fn audit(&self, reseller: ResellerId, company: Option<CompanyId>, limit: u32) -> Result<Vec<AuditEntry>> {
        let query = Query {
            index: false,
            pk: keys::audit_list(Some(reseller), company),
            from: "0".into(),
            to: "~".into(),
            newest_first: true,
            limit: Some(limit),
        };
        self.query(&query)
            .await?
            .iter()
            .take(limit as usize)
            .map(|item| from_item("audit", item))
            .collect()
    }
}
