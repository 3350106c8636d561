//! `audit/fetch_all`: who changed what.

use domain::id::{CompanyId, HostId};
use domain::{Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Actor, AuditEntry};

use super::list::{Entry, Limit, List, limit};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;

/// A change. Secrets are never in it, nor people who are no accounts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Change")]
pub struct AuditAnswer {
    /// Its name; what `after` takes.
    pub id: String,
    /// When, ISO 8601 in UTC with milliseconds.
    pub at: String,
    /// Who.
    pub by: ActorAnswer,
    /// The method, such as `host_update`.
    pub action: String,
    /// The object, such as `host/9`.
    pub object: String,
    /// What it was, of what changed; null for something new.
    pub before: Option<Value>,
    /// What it is, of what changed; null for something that is no more.
    pub after: Option<Value>,
}

/// Who changed something.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Actor")]
pub struct ActorAnswer {
    /// What kind of actor.
    pub kind: ActorKind,
    /// The account.
    pub host_id: Option<HostId>,
    /// Its role then.
    pub role: Option<Role>,
}

/// What kind of actor changed something.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// An account.
    Host,
    /// An operator.
    Operator,
    /// The platform itself.
    System,
}

impl Entry for AuditAnswer {
    fn id(&self) -> String {
        self.id.clone()
    }
}

pub(super) fn answer((id, entry): (String, AuditEntry)) -> AuditAnswer {
    let (kind, host_id, role) = match entry.by {
        Actor::Host { host, role } => (ActorKind::Host, Some(host), Some(role)),
        Actor::Operator => (ActorKind::Operator, None, None),
        Actor::System => (ActorKind::System, None, None),
    };
    AuditAnswer {
        id,
        at: entry.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        by: ActorAnswer { kind, host_id, role },
        action: entry.action,
        object: entry.object,
        before: entry.before,
        after: entry.after,
    }
}

/// Lists changes.
#[derive(Debug)]
pub struct AuditFetchAll;

/// Of what.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct AuditFetchAllParameters {
    /// Changes of this company; a company's own admin may leave it out, and without it a reseller's admin gets the changes
    /// of the reseller itself.
    pub company_id: Option<CompanyId>,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    #[schemars(regex(pattern = "^[0-9]{14}-[0-9a-f]{16}$"))]
    pub after: Option<String>,
}

impl Endpoint for AuditFetchAll {
    const ID: &'static str = "audit_fetch_all";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/audit/fetch_all";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Read;
    const SUMMARY: &'static str = "Answers who changed what, newest first.";
    type Input = Parameters<AuditFetchAllParameters>;
    type Output = List<AuditAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = limit(asked.limit);
        if asked.after.as_deref().is_some_and(|after| !is_name(after)) {
            return Err(Refusal::invalid("after", "is not in this list").into());
        }
        let (caller, store) = (context.caller()?, context.store());
        let company = asked.company_id.or(caller.scope.company);
        let known = async {
            match company {
                Some(company) => store.company(&caller.scope, company).await.map(drop),
                None => Ok(()),
            }
        };
        // What is read beside the company is told to nobody before it is known to be in the caller's reach.
        let page = store.audit_page(caller.reseller, company, asked.after.as_deref(), limit);
        let (known, page) = tokio::join!(known, page);
        known?;
        let page = page?;
        List::of(page.items.into_iter().map(|change| Ok(answer(change))), page.more)
    }
}

pub(super) fn is_name(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.split_once('-').is_some_and(|(at, unique)| {
        at.len() == 14 && at.bytes().all(|b| b.is_ascii_digit()) && unique.len() == 16 && unique.bytes().all(hex)
    })
}
