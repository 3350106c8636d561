//! The audit: who changed what, written in the same transaction as the change. Never holds a secret.

use domain::id::{CompanyId, HostId, ResellerId};
use domain::time::millis;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::table::{Query, key_of};
use crate::value::from_item;
use crate::{Actor, Page, Result, Store, keys};

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
    /// The account that it tells about, if it tells about one.
    pub(crate) about: Option<HostId>,
}

impl Change {
    /// Something that happened to an object.
    pub(crate) fn happened(object: String) -> Self {
        Self {
            object,
            before: None,
            after: None,
            about: None,
        }
    }

    /// The same, about this account: itself, its address book or its meetings.
    pub(crate) fn about(self, host: HostId) -> Self {
        Self {
            about: Some(host),
            ..self
        }
    }

    /// Something new.
    pub(crate) fn created(object: String, after: &impl Serialize) -> Self {
        Self {
            after: Some(shown(after)),
            ..Self::happened(object)
        }
    }

    /// Something that is gone.
    pub(crate) fn removed(object: String, before: &impl Serialize) -> Self {
        Self {
            before: Some(shown(before)),
            ..Self::happened(object)
        }
    }

    /// Something that became something else.
    pub(crate) fn changed(object: String, before: &impl Serialize, after: &impl Serialize) -> Self {
        Self {
            before: Some(shown(before)),
            after: Some(shown(after)),
            ..Self::happened(object)
        }
    }
}

impl Change {
    /// Something that became something else: what differs alone. A secret that changed is named, not shown.
    pub(crate) fn difference(object: String, before: &impl Serialize, after: &impl Serialize) -> Self {
        let (was, is) = (plain(before), plain(after));
        let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        let (mut before, mut after) = (Map::new(), Map::new());
        for name in names {
            let (was, is) = (was.get(name), is.get(name));
            if was == is || name == "version" {
                continue;
            }
            let secret = HIDDEN.contains(&name.as_str());
            let show = |value: &Value| if secret { Value::from("***") } else { value.clone() };
            before.extend(was.map(|value| (name.clone(), show(value))));
            after.extend(is.map(|value| (name.clone(), show(value))));
        }
        Self {
            before: Some(before.into()),
            after: Some(after.into()),
            ..Self::happened(object)
        }
    }
}

/// The fields of a value that are not null.
fn plain(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value).expect("our types have string keys and no failing serializer") {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            fields
        }
        _ => Map::new(),
    }
}

/// Fields that the audit leaves out: secrets, and people who are no accounts.
const HIDDEN: [&str; 12] = [
    "password_hash",
    "password_link",
    "reset_link",
    "moderator_pin",
    "sso_token",
    "sso_token_hash",
    "security_pin",
    "moderator_token",
    "invited",
    "secret",
    "openid_secret",
    "url",
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
        let page = self.audit_page(reseller, company, None, limit).await?;
        Ok(page.items.into_iter().map(|(_, entry)| entry).collect())
    }

    /// A page of them, each with its name, by which the next page goes on. One read for each megabyte.
    pub async fn audit_page(
        &self,
        reseller: ResellerId,
        company: Option<CompanyId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<(String, AuditEntry)>> {
        self.audit_in(keys::audit_list(Some(reseller), company), false, after, limit)
            .await
    }

    /// The same of the changes about one account: itself, its address book and its meetings.
    pub async fn audit_of(
        &self,
        reseller: ResellerId,
        host: HostId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<(String, AuditEntry)>> {
        self.audit_in(keys::audit_about_list(reseller, host), true, after, limit)
            .await
    }

    async fn audit_in(
        &self,
        pk: String,
        index: bool,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<(String, AuditEntry)>> {
        let query = Query {
            index,
            pk,
            from: "0".into(),
            to: after.map_or_else(|| "~".into(), keys::audit_place),
            newest_first: true,
            // The one it starts behind is read again, and one more tells whether others follow.
            limit: Some(limit + 2),
        };
        let mut items = Vec::new();
        for item in self.query(&query).await? {
            let name = keys::audit_name(&key_of(&item).sk);
            if after != Some(name.as_str()) {
                items.push((name, from_item("audit", &item)?));
            }
        }
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        Ok(Page { items, more })
    }
}
