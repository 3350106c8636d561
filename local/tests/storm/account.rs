//! The account afterwards: what the API answers and what lies in the table, against what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::holdings::{Holdings, Host};
use super::partner::{Answer, Partner};

/// Fields that only the first answer has.
const ONCE: [&str; 1] = ["password_creation_link"];

/// What is wrong with a partner's things, as the API shows them.
pub async fn faults(partner: &Partner, has: &Holdings) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(company) = &has.company {
        let id = json!({"company_id": company["company_id"]});
        same(&mut faults, company, &found(partner, "company/fetch", &id).await);
        let listed = found(partner, "host/fetch_all", &id).await;
        same_ids(&mut faults, "host_id", &listed, has.hosts.keys().copied());
        for (id, host) in &has.hosts {
            of_host(partner, *id, host, &mut faults).await;
        }
    }
    for (method, body) in &has.gone {
        let answer = partner.read(method, body).await;
        if !matches!(answer, Answer::Refused(404, _)) {
            faults.push(format!("{method} {body} was deleted, but: {answer:?}"));
        }
    }
    for session in &has.sessions {
        let body = json!({"host_id": session.host});
        let status = loop {
            match partner.once(&session.token, "host/fetch", &body).await {
                Some((503, _)) | None => {}
                Some((status, _)) => break status,
            }
        };
        let wanted = if session.good { 200 } else { 401 };
        if status != wanted {
            faults.push(format!("a session of {} answers {status}: {session:?}", session.host));
        }
    }
    faults
}

async fn found(partner: &Partner, method: &str, body: &Value) -> Value {
    match partner.read(method, body).await {
        Answer::Done(answer) => answer,
        other => json!({"lost": format!("{method} {body}: {other:?}")}),
    }
}

async fn of_host(partner: &Partner, id: u64, host: &Host, faults: &mut Vec<String>) {
    let body = json!({"host_id": id});
    same(faults, &host.answer, &found(partner, "host/fetch", &body).await);

    let contacts = found(partner, "contact/fetch_all", &body).await;
    let own = &contacts[0];
    if own["email"] != host.answer["email"]
        || own["name"] != host.answer["name"]
        || own["phone"] != host.answer["phone"]
    {
        faults.push(format!("{} has itself in its address book as {own}", host.answer));
    }
    let own = own["contact_id"].as_u64().unwrap_or_default();
    same_ids(
        faults,
        "contact_id",
        &contacts,
        host.contacts.keys().copied().chain([own]),
    );
    for entry in contacts.as_array().into_iter().flatten().skip(1) {
        let known = entry["contact_id"].as_u64().and_then(|id| host.contacts.get(&id));
        known.into_iter().for_each(|known| same(faults, known, entry));
    }

    let meetings = found(partner, "conference/fetch_all", &body).await;
    same_ids(faults, "conference_id", &meetings, host.meetings.keys().copied());
    for (id, meeting) in &host.meetings {
        let mut known = meeting.answer.clone();
        let mut is = found(partner, "conference/fetch", &json!({"conference_id": id})).await;
        let mut listed = meetings
            .as_array()
            .and_then(|all| all.iter().find(|entry| entry["conference_id"] == *id))
            .cloned();
        if meeting.is_old() {
            for view in [&mut known, &mut is].into_iter().chain(&mut listed) {
                view["active"] = Value::Null;
            }
        }
        same(faults, &known, &is);
        listed.iter().for_each(|listed| same(faults, &known, listed));
    }
}

/// Every field of what was acknowledged is there now. Host name and port of addresses may have changed since.
fn same(faults: &mut Vec<String>, known: &Value, is: &Value) {
    for (field, value) in known.as_object().into_iter().flatten() {
        if !ONCE.contains(&field.as_str()) && path_of(value) != path_of(&is[field]) {
            faults.push(format!(
                "{field} is {}, not {value}, in {is}; known was {known}",
                is[field]
            ));
        }
    }
}

fn path_of(value: &Value) -> Value {
    let text = value.as_str().filter(|text| text.starts_with("http://"));
    text.and_then(|text| url::Url::parse(text).ok())
        .map_or_else(|| value.clone(), |url| url.path().into())
}

/// A list has exactly these: nothing is lost, nothing is doubled.
fn same_ids(faults: &mut Vec<String>, field: &str, list: &Value, known: impl Iterator<Item = u64>) {
    let ids: Vec<u64> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry[field].as_u64())
        .collect();
    let (is, known): (BTreeSet<u64>, BTreeSet<u64>) = (ids.iter().copied().collect(), known.collect());
    if is != known || ids.len() != is.len() {
        let lost: Vec<_> = known.difference(&is).collect();
        let unknown: Vec<_> = is.difference(&known).collect();
        faults.push(format!(
            "{field}: lost {lost:?}, nobody made {unknown:?}; {} entries are listed",
            ids.len()
        ));
    }
}

/// The reseller's companies are those that were acknowledged, and no more.
pub async fn companies(partner: &Partner, known: impl Iterator<Item = u64>) -> Vec<String> {
    let mut faults = Vec::new();
    let list = found(partner, "company/fetch_all", &json!({})).await;
    same_ids(&mut faults, "company_id", &list, known);
    faults
}

/// Every write that was acknowledged is in the audit once, and no other is.
pub fn deeds(known: impl Iterator<Item = (String, String)>, is: &BTreeMap<(String, String), usize>) -> Vec<String> {
    let mut wanted: BTreeMap<(String, String), usize> = BTreeMap::new();
    for deed in known {
        *wanted.entry(deed).or_default() += 1;
    }
    let all: BTreeSet<_> = wanted.keys().chain(is.keys()).collect();
    let count = |of: &BTreeMap<(String, String), usize>, deed| of.get(deed).copied().unwrap_or_default();
    all.into_iter()
        .filter(|deed| count(&wanted, deed) != count(is, deed))
        .map(|deed| {
            format!(
                "{deed:?} was done {} times, and is in the audit {} times",
                count(&wanted, deed),
                count(is, deed)
            )
        })
        .collect()
}
