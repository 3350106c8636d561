//! Whose an item of the table is, and who may see and change it.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Role;

use super::tree::Caller;
use crate::table::Asked;
use crate::world::World;

/// Kinds of items that are not looked at: what every request counts by, what is to be done later, what the relay says.
const COUNTERS: [&str; 7] = ["SESSION#", "RATE#", "ATTEMPT#", "COUNTER#", "JOB#", "NEWS#", "RELAY#"];

/// Whose something is: a reseller's, a company's or a host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) reseller: u64,
    pub(crate) company: Option<u64>,
    pub(crate) host: Option<u64>,
    /// Something that every account of the company writes or shows: its audit, its name.
    pub(crate) common: bool,
}

impl Owner {
    pub(crate) fn company(reseller: u64, company: u64) -> Self {
        Self {
            reseller,
            company: Some(company),
            host: None,
            common: true,
        }
    }

    pub(crate) fn host(reseller: u64, company: u64, host: u64) -> Self {
        Self {
            reseller,
            company: Some(company),
            host: Some(host),
            common: false,
        }
    }
}

/// Whether something of this owner may be told to a caller or changed by it.
pub(crate) fn allows(caller: &Caller, owner: &Owner) -> bool {
    match caller {
        // Pages show what a code of their company leads to.
        Caller::Visitor { reseller, company, .. } => {
            owner.reseller == *reseller && owner.company.is_none_or(|own| own == *company)
        }
        Caller::Account { account, .. } => {
            let own_company = owner.company == Some(account.company);
            let reached = match account.role {
                Role::ResellerAdmin => true,
                Role::CompanyAdmin => own_company,
                Role::Host => own_company && (owner.host == Some(account.id) || owner.common),
            };
            owner.reseller == account.reseller && reached
        }
    }
}

type Item = HashMap<String, AttributeValue>;

/// All items but counters.
pub(crate) struct Snapshot(HashMap<String, Item>);

impl Snapshot {
    pub(crate) async fn take(world: &World) -> Self {
        world.settle().await;
        let client = world.table.client();
        let mut pages = client.scan().table_name("convoke").into_paginator().send();
        let mut all = HashMap::new();
        while let Some(page) = pages.next().await {
            for item in page.expect("scanned").items.unwrap_or_default() {
                let key = format!("{} {}", text(&item, "pk"), text(&item, "sk"));
                if !COUNTERS.iter().any(|counter| key.starts_with(counter)) {
                    all.insert(key, item);
                }
            }
        }
        world.table.take();
        Self(all)
    }

    /// Whether what was asked of the table changed more than single updates do, which count, claim and prolong.
    pub(crate) fn is_due(asked: &[Asked]) -> bool {
        asked
            .iter()
            .any(|asked| asked.is_write && asked.operation != "UpdateItem")
    }

    /// The keys of what another snapshot has differently, but for what single updates change.
    pub(crate) fn changed_quietly(&self, after: &Self) -> Option<String> {
        let quiet = ["IDEMPOTENCY", "PARTICIPANTS", "IDENTITY#"];
        let mut keys = self.changed(after).into_iter();
        keys.find(|key| !quiet.iter().any(|kind| key.contains(kind)))
    }

    /// The keys of what another snapshot has differently.
    pub(crate) fn changed(&self, after: &Self) -> BTreeSet<String> {
        let keys = self.0.keys().chain(after.0.keys());
        let differs = |key: &&String| self.0.get(*key) != after.0.get(*key);
        keys.filter(differs).cloned().collect()
    }
}

/// Whose an item is by its key and what it holds, before or after it changed. `None`: nobody's that a caller could reach.
pub(crate) fn owner(key: &str, before: &Snapshot, after: &Snapshot) -> Option<Owner> {
    let find = |key: &str| after.0.get(key).or_else(|| before.0.get(key));
    let item = find(key)?;
    let (pk, _) = key.split_once(' ')?;
    let (mut reseller, mut company, mut host) =
        (number(item, "reseller"), number(item, "company"), number(item, "host"));
    let mut common = pk.ends_with("#AUDIT");
    if let Some(rest) = pk.strip_prefix("R#") {
        let mut parts = rest.split('#');
        reseller = parts.next()?.parse().ok();
        let (kind, id) = (parts.next()?, parts.next());
        let id = id.and_then(|id| id.parse::<u64>().ok());
        match kind {
            "C" => company = id,
            "H" | "ACTIVE" => host = id,
            "F" => {
                let meeting = find(&format!("{pk} CONFERENCE"))?;
                host = number(meeting, "host");
            }
            "UID" => {
                let meeting = number(item, "conference")?;
                let meeting = find(&format!("R#{}#F#{meeting} CONFERENCE", reseller?))?;
                host = number(meeting, "host");
            }
            _ => {}
        }
    } else if pk.starts_with("CODE#") {
        let room = find(&format!("{pk} ROOM"))?;
        (reseller, host) = (number(room, "reseller"), number(room, "host"));
    } else if pk.starts_with("FQDN#") {
        common = false;
    }
    let reseller = reseller?;
    if let Some(host) = host {
        let account =
            find(&format!("R#{reseller}#H#{host} HOST")).or_else(|| find(&format!("R#{reseller}#H#{host} GONE")));
        company = account.and_then(|account| number(account, "company")).or(company);
    }
    Some(Owner {
        reseller,
        company,
        host,
        common,
    })
}

fn text(item: &Item, name: &str) -> String {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .cloned()
        .unwrap_or_default()
}

fn number(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
