//! One write, alone or as part of a transaction: a put, an update, a check or a deletion, with its condition and what it
//! means when the condition does not hold.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Unique};
use crate::keys::{self, Key};
use crate::value::{Item, to_attribute, to_item};

/// What a condition that does not hold means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure {
    Taken(Unique),
    NotFound(&'static str),
    ClaimLost,
    Raced,
}

impl Failure {
    pub(crate) fn error(self) -> Error {
        match self {
            Self::Taken(unique) => Error::Taken(unique),
            Self::NotFound(what) => Error::NotFound(what),
            Self::ClaimLost => Error::ClaimLost,
            Self::Raced => Error::Raced,
        }
    }
}

enum Verb {
    Put(Item),
    Update(String),
    Check,
    Delete,
}

/// One write. In its expressions `#word` names the attribute `word`.
pub(crate) struct Op {
    key: Key,
    verb: Verb,
    condition: Option<String>,
    values: HashMap<String, AttributeValue>,
    pub(crate) failure: Failure,
}

impl Op {
    fn new(key: Key, verb: Verb) -> Self {
        Self {
            key,
            verb,
            condition: None,
            values: HashMap::new(),
            failure: Failure::Raced,
        }
    }

    pub(crate) fn put(key: Key, value: &impl Serialize) -> Self {
        Self::new(key, Verb::Put(to_item(value)))
    }

    pub(crate) fn update(key: Key, expression: &str) -> Self {
        Self::new(key, Verb::Update(expression.into()))
    }

    /// Changes the attributes that differ between what an object was and what it shall be, and leaves all others alone.
    /// Names of values in its condition must not begin with `:to`.
    pub(crate) fn change(key: Key, before: &impl Serialize, after: &impl Serialize) -> Self {
        let (before, after) = (to_item(before), to_item(after));
        let (mut sets, mut values) = (Vec::new(), HashMap::new());
        let changed: BTreeMap<_, _> = after
            .iter()
            .filter(|(name, value)| before.get(*name) != Some(*value))
            .collect();
        for (at, (name, value)) in changed.into_iter().enumerate() {
            sets.push(format!("#{name} = :to{at}"));
            values.insert(format!(":to{at}"), value.clone());
        }
        let mut gone: Vec<_> = before.keys().filter(|name| !after.contains_key(*name)).collect();
        gone.sort();
        let mut expression = String::new();
        if !sets.is_empty() {
            expression = format!("SET {}", sets.join(", "));
        }
        if !gone.is_empty() {
            let gone: Vec<_> = gone.iter().map(|name| format!("#{name}")).collect();
            expression = format!("{expression} REMOVE {}", gone.join(", "));
        }
        Self {
            values,
            ..Self::new(key, Verb::Update(expression))
        }
    }

    pub(crate) fn check(key: Key) -> Self {
        Self::new(key, Verb::Check)
    }

    pub(crate) fn delete(key: Key) -> Self {
        Self::new(key, Verb::Delete)
    }

    fn attribute(mut self, name: &str, value: AttributeValue) -> Self {
        if let Verb::Put(item) = &mut self.verb {
            item.insert(name.into(), value);
        }
        self
    }

    /// A put's place in the index.
    pub(crate) fn indexed(self, index: Key) -> Self {
        self.attribute(keys::INDEX_PK, AttributeValue::S(index.pk))
            .attribute(keys::INDEX_SK, AttributeValue::S(index.sk))
    }

    /// When a put item may be dropped.
    pub(crate) fn expires(self, at: Timestamp) -> Self {
        self.attribute(keys::TTL, AttributeValue::N(at.as_second().to_string()))
    }

    /// The same where there is such a time.
    pub(crate) fn expiring(self, at: Option<Timestamp>) -> Self {
        match at {
            Some(at) => self.expires(at),
            None => self,
        }
    }

    /// A value named in an expression, such as `:now`.
    pub(crate) fn value(mut self, name: &str, value: &impl Serialize) -> Self {
        self.values.insert(name.into(), to_attribute(value));
        self
    }

    pub(crate) fn when(mut self, condition: &str, failure: Failure) -> Self {
        self.condition = Some(condition.into());
        self.failure = failure;
        self
    }

    /// Only when there is no such item.
    pub(crate) fn when_new(self, failure: Failure) -> Self {
        self.when("attribute_not_exists(#pk)", failure)
    }

    /// Only when there is such an item.
    pub(crate) fn when_there(self, failure: Failure) -> Self {
        self.when("attribute_exists(#pk)", failure)
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        let update = match &self.verb {
            Verb::Update(expression) => expression.as_str(),
            _ => "",
        };
        let mut names = HashMap::new();
        for text in [update, self.condition.as_deref().unwrap_or_default()] {
            for part in text.split('#').skip(1) {
                let word: String = part
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                names.insert(format!("#{word}"), word);
            }
        }
        if names.is_empty() { None } else { Some(names) }
    }

    fn key(&self) -> Item {
        HashMap::from([
            (keys::PK.to_owned(), AttributeValue::S(self.key.pk.clone())),
            (keys::SK.to_owned(), AttributeValue::S(self.key.sk.clone())),
        ])
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        if self.values.is_empty() {
            None
        } else {
            Some(self.values.clone())
        }
    }

    /// An update to be sent alone.
    pub(crate) fn into_update(self) -> Update {
        self.update_of("")
    }

    fn update_of(&self, table: &str) -> Update {
        let expression = match &self.verb {
            Verb::Update(expression) => expression.clone(),
            _ => unreachable!("only updates are sent alone"),
        };
        Update::builder()
            .table_name(table)
            .set_key(Some(self.key()))
            .update_expression(expression)
            .set_condition_expression(self.condition.clone())
            .set_expression_attribute_names(self.names())
            .set_expression_attribute_values(self.values())
            .build()
            .expect("complete")
    }

    /// A part of a transaction.
    pub(crate) fn transact_item(&self, table: &str) -> TransactWriteItem {
        let item = TransactWriteItem::builder();
        let item = match &self.verb {
            Verb::Update(_) => item.update(self.update_of(table)),
            Verb::Put(attributes) => {
                let mut attributes = attributes.clone();
                attributes.extend(self.key());
                item.put(
                    Put::builder()
                        .table_name(table)
                        .set_item(Some(attributes))
                        .set_condition_expression(self.condition.clone())
                        .set_expression_attribute_names(self.names())
                        .set_expression_attribute_values(self.values())
                        .build()
                        .expect("complete"),
                )
            }
            Verb::Check => item.condition_check(
                ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(self.key()))
                    .condition_expression(self.condition.clone().unwrap_or_default())
                    .set_expression_attribute_names(self.names())
                    .set_expression_attribute_values(self.values())
                    .build()
                    .expect("complete"),
            ),
            Verb::Delete => item.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(Some(self.key()))
                    .set_condition_expression(self.condition.clone())
                    .set_expression_attribute_names(self.names())
                    .set_expression_attribute_values(self.values())
                    .build()
                    .expect("complete"),
            ),
        };
        item.build()
    }
}
