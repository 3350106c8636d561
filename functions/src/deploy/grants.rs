//! What each function may do to which items: its role in the cloud. A test runs every endpoint under a table that
//! notes what is asked of it, and holds this list to exactly that.

use serde_json::{Value, json};
use store::Partition::{
    self, Active, Audit, Code, CodeAttempt, Company, CompanyList, Conference, Contact, Counter, Due, Email, Fqdn,
    Handoff, Host, HostList, Job, JobList, LoginAttempt, ModeratorAttempt, OpenId, PinAttempt, Rate, Relay, RelayList,
    Reseller, ResellerAudit, Session, SsoAttempt,
};

use self::Action::{BatchGet, Check, Delete, Get, Put, Query, QueryIndex, Update};

use crate::endpoint::Need;

/// What is done to an item. Transactions are allowed by the actions of their parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Reads one item.
    Get,
    /// Reads several items by their keys.
    BatchGet,
    /// Reads a range of a partition.
    Query,
    /// Reads a range of the index.
    QueryIndex,
    /// Writes a whole item.
    Put,
    /// Changes an item.
    Update,
    /// Removes an item.
    Delete,
    /// Makes a transaction depend on an item.
    Check,
}

impl Action {
    /// The action's name in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "dynamodb:GetItem",
            Self::BatchGet => "dynamodb:BatchGetItem",
            Self::Query | Self::QueryIndex => "dynamodb:Query",
            Self::Put => "dynamodb:PutItem",
            Self::Update => "dynamodb:UpdateItem",
            Self::Delete => "dynamodb:DeleteItem",
            Self::Check => "dynamodb:ConditionCheckItem",
        }
    }

    /// Whether it changes anything.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Put | Self::Update | Self::Delete)
    }
}

/// What one function may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants(Vec<(Action, Vec<Partition>)>);

impl Grants {
    /// The grants of an endpoint or worker. One that is not listed may do nothing.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let listed = LIST
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, grants)| *grants)
            .unwrap_or_default();
        let mut grants: Vec<(Action, Vec<Partition>)> = Vec::new();
        for (actions, partitions) in listed {
            for action in *actions {
                match grants.iter_mut().find(|(known, _)| known == action) {
                    Some((_, known)) => known.extend(*partitions),
                    None => grants.push((*action, partitions.to_vec())),
                }
            }
        }
        grants.sort_by_key(|(action, _)| *action);
        for (_, partitions) in &mut grants {
            partitions.sort();
            partitions.dedup();
        }
        Self(grants)
    }

    /// Every single grant.
    pub fn iter(&self) -> impl Iterator<Item = (Action, Partition)> + '_ {
        self.0
            .iter()
            .flat_map(|(action, partitions)| partitions.iter().map(|partition| (*action, *partition)))
    }

    /// Whether an action on a partition is granted.
    #[must_use]
    pub fn allow(&self, action: Action, key: &str) -> bool {
        self.iter()
            .any(|(granted, partition)| granted == action && partition.holds(key))
    }

    /// The needs that these grants amount to, to be compared with what the endpoint itself says.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        if self.iter().any(|(action, _)| !action.writes()) {
            needs.push(Need::TableRead);
        }
        if self.iter().any(|(action, _)| action.writes()) {
            needs.push(Need::TableWrite);
        }
        needs
    }

    /// The statements of a policy: actions with the same partitions together.
    pub(super) fn statements(&self) -> Vec<Value> {
        let mut statements: Vec<(bool, &[Partition], Vec<&'static str>)> = Vec::new();
        for (action, partitions) in &self.0 {
            let index = *action == QueryIndex;
            match statements
                .iter_mut()
                .find(|(of, on, _)| *of == index && *on == partitions.as_slice())
            {
                Some((.., actions)) => actions.push(action.name()),
                None => statements.push((index, partitions, vec![action.name()])),
            }
        }
        statements
            .into_iter()
            .map(|(index, partitions, actions)| statement(index, partitions, &actions))
            .collect()
    }
}

fn statement(index: bool, partitions: &[Partition], actions: &[&str]) -> Value {
    let resource = if index {
        json!({"Fn::Sub": format!("${{TableArn}}/index/{}", store::keys::INDEX)})
    } else {
        json!({"Ref": "TableArn"})
    };
    let patterns: Vec<&str> = partitions.iter().map(|partition| partition.pattern()).collect();
    json!({
        "Effect": "Allow",
        "Action": actions,
        "Resource": resource,
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": patterns}},
    })
}

type Listed = &'static [(&'static [Action], &'static [Partition])];

/// By endpoint and worker, in alphabetical order.
const LIST: &[(&str, Listed)] = &[
    (
        "audit_fetch_all",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Company, ResellerAudit]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "authenticate",
        &[
            (&[Get], &[Fqdn, Host, Email]),
            (&[Put], &[Session]),
            (&[BatchGet, Update, Delete], &[LoginAttempt]),
        ],
    ),
    (
        "company_create",
        &[
            (&[Update], &[Counter, Host, Session, Rate]),
            (&[Query, Check], &[Reseller]),
            (&[Get], &[Reseller, Fqdn]),
            (&[Put], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "company_delete",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Company, Host, Session, Rate]),
            (&[Put], &[Company, Job]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "company_fetch",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "company_fetch_all",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
            (&[QueryIndex], &[CompanyList]),
        ],
    ),
    (
        "company_update",
        &[
            (&[Update], &[Counter, Fqdn, Company, Host, Session, Rate]),
            (&[Query], &[Reseller]),
            (&[Get], &[Reseller, Fqdn, Company]),
            (&[Put], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "conference_control",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[Put], &[Company]),
            (&[BatchGet], &[Company, Host, Conference, Code, Relay]),
            (&[Delete], &[Host]),
            (&[Update], &[Host, Session, Rate]),
            (&[Query], &[Conference]),
        ],
    ),
    (
        "conference_create",
        &[
            (&[Update], &[Counter, Host, Session, Rate]),
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host, Contact]),
            (&[Put], &[Company, Host, Contact, Conference, Code]),
            (&[Delete], &[Host]),
            (&[Check], &[Host, Code]),
        ],
    ),
    (
        "conference_create_reservationless",
        &[
            (&[Update], &[Counter, Host, Session, Rate]),
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host, Contact]),
            (&[Put], &[Company, Host, Contact, Conference, Active, Code]),
            (&[Delete], &[Host]),
            (&[Check], &[Code]),
        ],
    ),
    (
        "conference_delete",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host, Code, Relay]),
            (&[Put], &[Company, Conference, Code]),
            (&[Delete], &[Host, Code]),
            (&[Update], &[Host, Code, Session, Rate]),
            (&[Query, Check], &[Conference]),
        ],
    ),
    (
        "conference_end",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host, Code, Relay]),
            (&[Put], &[Company, Conference]),
            (&[Delete], &[Host, Active]),
            (&[Update], &[Host, Code, Session, Rate]),
            (&[Query], &[Conference]),
        ],
    ),
    (
        "conference_fetch",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Conference]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "conference_fetch_all",
        &[
            (&[Get], &[Fqdn, Company, Host, Conference]),
            (&[BatchGet], &[Company, Host]),
            (&[QueryIndex], &[Host]),
            (&[Query], &[Active]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "conference_join",
        &[
            (
                &[Update],
                &[
                    Counter,
                    Conference,
                    Code,
                    Session,
                    PinAttempt,
                    ModeratorAttempt,
                    CodeAttempt,
                ],
            ),
            (&[Get], &[Fqdn, Company, Host, Conference, Code]),
            (&[Query, Put], &[Conference, Code]),
            (&[Delete], &[Active]),
            (&[BatchGet], &[PinAttempt, ModeratorAttempt]),
            (&[QueryIndex], &[RelayList]),
        ],
    ),
    (
        "conference_join_token",
        &[
            (&[Update], &[Counter, Conference, Code, Session, Rate]),
            (&[Get], &[Fqdn, Company, Host, Conference, Code]),
            (&[BatchGet], &[Company, Host]),
            (&[Query, Put], &[Conference, Code]),
            (&[Delete], &[Active]),
            (&[QueryIndex], &[RelayList]),
        ],
    ),
    (
        "conference_participants",
        &[
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Conference]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "conference_update",
        &[
            (&[Update], &[Counter, Host, Code, Session, Rate]),
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put], &[Company, Host, Contact, Conference, Code]),
            (&[BatchGet], &[Company, Host, Contact, Code, Relay]),
            (&[Delete], &[Host, Code]),
            (&[Query], &[Conference]),
            (&[Check], &[Conference, Code]),
        ],
    ),
    (
        "contact_create",
        &[
            (&[Update], &[Counter, Host, Session, Rate]),
            (&[Get], &[Fqdn, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Host, Contact]),
            (&[Delete, Check], &[Host]),
        ],
    ),
    (
        "contact_delete",
        &[
            (&[Get], &[Fqdn, Host, Contact]),
            (&[Put], &[Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Delete], &[Host, Contact]),
            (&[Update], &[Host, Session, Rate]),
        ],
    ),
    (
        "contact_fetch",
        &[
            (&[Get], &[Fqdn, Host, Contact]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "contact_fetch_all",
        &[
            (&[Get], &[Fqdn, Host, Contact]),
            (&[BatchGet], &[Company, Host]),
            (&[QueryIndex], &[Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "contact_update",
        &[
            (&[Get], &[Fqdn, Host, Contact]),
            (&[BatchGet, Put], &[Company, Host]),
            (&[Delete], &[Host]),
            (&[Update], &[Host, Contact, Session, Rate]),
        ],
    ),
    (
        "dispatch",
        &[
            (&[Delete], &[Fqdn, Company, Host, Contact, Email, Active, Code, Job]),
            (&[Put], &[Company, Host, Conference, Job]),
            (&[Update], &[Company, Host, Code, Job]),
            (&[QueryIndex], &[Company, Host, JobList]),
            (&[Get], &[Company, Job]),
            (&[Query], &[Conference, Active]),
            (&[BatchGet], &[Code, Relay]),
        ],
    ),
    (
        "host_create",
        &[
            (&[Update], &[Counter, Company, Host, Session, Rate]),
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Host, Contact, Email, OpenId, Code, Handoff]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "host_delete",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Company, Host, Code, Session, Rate]),
            (&[Put], &[Company, Job]),
            (&[Delete], &[Host, Email, OpenId]),
        ],
    ),
    (
        "host_fetch",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "host_fetch_all",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[QueryIndex], &[Company, HostList]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "host_reset_login_token",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put], &[Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Delete], &[Host]),
            (&[Update], &[Host, Session, Rate]),
        ],
    ),
    (
        "host_sso_ticket",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Handoff]),
            (&[Delete, Check], &[Host]),
            (&[Update], &[Host, Session, Rate]),
        ],
    ),
    (
        "host_update",
        &[
            (&[Update], &[Counter, Host, Contact, Code, Session, Rate]),
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Host, Email, OpenId, Code]),
            (&[Delete], &[Host, Contact, Email, OpenId]),
        ],
    ),
    (
        "operator_init",
        &[
            (&[Update], &[Counter, Company, Relay]),
            (&[Query, Check], &[Reseller]),
            (
                &[Put],
                &[
                    Reseller,
                    Fqdn,
                    Company,
                    Host,
                    Contact,
                    Email,
                    Code,
                    ResellerAudit,
                    Audit,
                ],
            ),
            (&[Get], &[Reseller, Fqdn, Company, Host, Email]),
        ],
    ),
    (
        "page_home",
        &[(&[Get], &[Reseller, Fqdn, Company, Host]), (&[Update], &[Session])],
    ),
    (
        "page_login",
        &[(&[Get], &[Fqdn, Company, Host]), (&[Update], &[Session])],
    ),
    ("page_password", &[(&[Get], &[Fqdn, Company, Host, Handoff])]),
    (
        "page_room",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Host, Code]),
            (&[Query], &[Conference, Code]),
            (&[Update], &[Session, CodeAttempt]),
        ],
    ),
    (
        "plan_fetch_all",
        &[
            (&[Query], &[Reseller]),
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "relay_enter",
        &[
            (&[Put], &[Conference, Active, Relay]),
            (&[BatchGet], &[Conference, Relay]),
            (&[Get, Update], &[Code, Relay]),
        ],
    ),
    (
        "relay_events",
        &[
            (&[BatchGet], &[Conference, Code, Relay]),
            (&[Put], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[Update], &[Code, Relay]),
            (&[Get], &[Relay]),
        ],
    ),
    (
        "relay_heartbeat",
        &[
            (&[Put], &[Conference, Active, Relay]),
            (&[BatchGet], &[Conference, Relay]),
            (&[Get, Update], &[Code, Relay]),
        ],
    ),
    (
        "relay_leave",
        &[
            (&[BatchGet, Put], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[Get, Update], &[Code, Relay]),
        ],
    ),
    ("relay_register", &[(&[Get, Update], &[Relay])]),
    (
        "sign_in",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put], &[Session, Handoff]),
            (&[Update], &[Handoff, SsoAttempt]),
            (&[BatchGet], &[SsoAttempt]),
        ],
    ),
    (
        "sign_in_by_password",
        &[
            (&[Get], &[Fqdn, Host, Email]),
            (&[Put], &[Session]),
            (&[Delete], &[Session, LoginAttempt]),
            (&[BatchGet, Update], &[LoginAttempt]),
        ],
    ),
    (
        "sign_in_framed",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put], &[Session, Handoff]),
            (&[Update], &[Handoff, SsoAttempt]),
            (&[BatchGet], &[SsoAttempt]),
        ],
    ),
    (
        "sign_in_handoff",
        &[(&[Get], &[Fqdn, Host]), (&[Put], &[Session]), (&[Update], &[Handoff])],
    ),
    (
        "sign_in_pass_on",
        &[(&[Get], &[Fqdn]), (&[Update], &[Session]), (&[Put], &[Handoff])],
    ),
    (
        "sign_in_set_password",
        &[
            (&[Get], &[Fqdn, Host, Handoff]),
            (&[Put], &[Company, Session]),
            (&[Update], &[Host]),
            (&[Delete], &[Session, Handoff]),
        ],
    ),
    ("sign_out", &[(&[Get], &[Fqdn]), (&[Update, Delete], &[Session])]),
    (
        "subscription_fetch_all",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "sweep",
        &[
            (&[Get], &[Conference, Code]),
            (&[BatchGet, Put], &[Conference, Code, Relay]),
            (&[Query], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[Update], &[Code, Relay]),
            (&[QueryIndex], &[RelayList, Due]),
        ],
    ),
];
