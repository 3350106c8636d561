//! What each function may do to which items: its role in the cloud. A test runs every endpoint under a table that
//! notes what is asked of it, and holds this list to exactly that.

mod companies;
mod hosts;
mod meetings;
mod oauth;
mod pages;
mod relays;
mod sign_in;
mod webhooks;
mod workers;

use serde_json::{Value, json};
use store::Partition;

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
        let listed = LISTS
            .iter()
            .flat_map(|list| list.iter())
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
            let index = *action == Action::QueryIndex;
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

/// By endpoint and worker; each list is a file of its resources.
const LISTS: [&[(&str, Listed)]; 9] = [
    companies::LIST,
    hosts::LIST,
    meetings::LIST,
    oauth::LIST,
    pages::LIST,
    relays::LIST,
    sign_in::LIST,
    webhooks::LIST,
    workers::LIST,
];
