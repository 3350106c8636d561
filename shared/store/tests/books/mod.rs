//! The books of a whole table: whether every guard, entry and mark belongs to what it says, and every object has its own.
//! What is written in one transaction must agree, whatever happened to requests and processes.

#![allow(unreachable_pub, dead_code)]

mod accounts;
mod meetings;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::company::Company;
use domain::conference::Conference;
use domain::host::{Contact, Host};
use domain::id::{CompanyId, ConferenceId, ContactId, HostId};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store::keys::{self, Key};
use store::{Actor, AuditEntry, Job, Work};

/// All that lies in a table, but for what is found by nobody's id: sessions, counts, relays.
#[derive(Default)]
pub struct Books {
    items: HashMap<(String, String), Value>,
    companies: BTreeMap<CompanyId, Company>,
    hosts: BTreeMap<HostId, Host>,
    contacts: BTreeMap<ContactId, Contact>,
    conferences: BTreeMap<ConferenceId, Conference>,
    /// Every change that was noted.
    pub audit: Vec<AuditEntry>,
    /// What is still to be done.
    pub jobs: Vec<Job>,
    faults: Vec<String>,
}

impl Books {
    /// Reads a table whole. Nobody may write meanwhile.
    pub async fn read(client: &Client, table: &str) -> Self {
        let mut books = Self::default();
        let mut pages = client
            .scan()
            .table_name(table)
            .consistent_read(true)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for item in page.expect("scanned").items() {
                books.take(&item.iter().map(|(name, value)| (name.clone(), json(value))).collect());
            }
        }
        books
    }

    fn take(&mut self, fields: &Map<String, Value>) {
        let item = Value::Object(fields.clone());
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let at = (text(keys::PK), text(keys::SK));
        match at.1.as_str() {
            "COMPANY" => {
                let company: Company = typed(&at, &item);
                self.companies.insert(company.id, company);
            }
            "HOST" => {
                let host: Host = typed(&at, &item);
                self.hosts.insert(host.id, host);
            }
            "CONTACT" => {
                let contact: Contact = typed(&at, &item);
                self.contacts.insert(contact.id, contact);
            }
            "CONFERENCE" => {
                let conference: Conference = typed(&at, &item);
                self.conferences.insert(conference.id, conference);
            }
            "JOB" => self.jobs.push(typed(&at, &item)),
            _ if at.0.ends_with("AUDIT") => self.audit.push(typed(&at, &item)),
            _ => {}
        }
        self.items.insert(at, item);
    }

    /// Everything that does not agree, in words.
    pub fn faults(mut self) -> Vec<String> {
        self.accounts();
        self.meetings();
        self.reminders();
        self.faults
    }

    /// What is still to be done but for reminders of meetings to come.
    pub fn left(&self) -> usize {
        let left = self.jobs.iter();
        left.filter(|job| !matches!(job.work, Work::Remind { .. })).count()
    }

    /// A meeting has a job that reminds of it as long as something is to come, and none when it is cancelled.
    fn reminders(&mut self) {
        let reminded = |job: &Job| match job.work {
            Work::Remind { conference, .. } => Some(conference),
            _ => None,
        };
        let reminded: Vec<ConferenceId> = self.jobs.iter().filter_map(reminded).collect();
        for id in &reminded {
            let held = self.conferences.get(id).is_some_and(|conference| !conference.deleted);
            self.expect(held, || format!("conference {id} is not there, and reminded of"));
        }
        // Tests let some time pass, less than this.
        let soon = Timestamp::now()
            .saturating_add(SignedDuration::from_hours(3))
            .expect("a time");
        let to_come: Vec<ConferenceId> = self
            .conferences
            .values()
            .filter(|conference| !conference.reminders_after(soon).is_empty())
            .map(|conference| conference.id)
            .collect();
        for id in to_come {
            self.expect(reminded.contains(&id), || format!("conference {id} is not reminded of"));
        }
    }

    /// How many objects of each kind there are: a check of nothing finds nothing.
    pub fn counts(&self) -> [(&'static str, usize); 4] {
        [
            ("companies", self.companies.len()),
            ("hosts", self.hosts.len()),
            ("contacts", self.contacts.len()),
            ("conferences", self.conferences.len()),
        ]
    }

    /// How often accounts did what to which object, by the audit.
    pub fn deeds(&self) -> BTreeMap<(String, String), usize> {
        let mut deeds = BTreeMap::new();
        for entry in &self.audit {
            if matches!(entry.by, Actor::Host { .. }) {
                *deeds.entry((entry.action.clone(), entry.object.clone())).or_default() += 1;
            }
        }
        deeds
    }

    fn get(&self, key: &Key) -> Option<&Value> {
        self.items.get(&(key.pk.clone(), key.sk.clone()))
    }

    /// All items whose sort key begins like this.
    fn all(&self, sk: &str) -> Vec<(Key, Value)> {
        let found = self.items.iter().filter(|((_, at), _)| at.starts_with(sk));
        found
            .map(|((pk, sk), item)| {
                let (pk, sk) = (pk.clone(), sk.clone());
                (Key { pk, sk }, item.clone())
            })
            .collect()
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(what());
        }
    }

    /// The item of this key lies where lists look for it: in the index under `index`, or not in it at all.
    fn expect_listed(&mut self, key: &Key, index: Option<&Key>) {
        let item = self.get(key).cloned().unwrap_or_default();
        let is = (item[keys::INDEX_PK].as_str(), item[keys::INDEX_SK].as_str());
        let wanted = (
            index.map(|index| index.pk.as_str()),
            index.map(|index| index.sk.as_str()),
        );
        self.expect(is == wanted, || {
            format!("{key:?} is in the index at {is:?}, not at {wanted:?}")
        });
    }

    /// There is an item of this key with this value in this field.
    fn expect_points(&mut self, key: &Key, field: &str, to: u64) {
        let is = self.get(key).map(|item| item[field].as_u64());
        self.expect(is == Some(Some(to)), || {
            format!("{key:?} says {field} {is:?}, not {to}")
        });
    }
}

/// An item's value without its keys.
fn typed<T: DeserializeOwned>(at: &(String, String), item: &Value) -> T {
    serde_json::from_value(item.clone()).unwrap_or_else(|error| panic!("{at:?} does not read: {error}"))
}

fn json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::N(number) => serde_json::from_str(number).expect("a number"),
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::Ss(texts) => texts.iter().cloned().map(Value::String).collect(),
        AttributeValue::L(values) => values.iter().map(json).collect(),
        AttributeValue::M(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), json(value)));
            Value::Object(fields.collect())
        }
        _ => Value::Null,
    }
}
