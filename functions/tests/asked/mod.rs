//! What a request asks of the table, by items, and whose request it is: what its role in the cloud does not allow fails
//! here too.

use std::pin::Pin;

use functions::deploy::{Action, Grants};
use serde_json::Value;

tokio::task_local! {
    /// The endpoint or worker that is at work.
    static AT_WORK: &'static str;
}

/// Does the work of this endpoint or worker: it asks for nothing that its role does not allow.
pub(crate) fn work_of<F: Future>(id: &'static str, work: F) -> Pin<Box<impl Future<Output = F::Output>>> {
    // On the heap: tests hold many of these in one future, and their stacks are small.
    Box::pin(AT_WORK.scope(id, work))
}

/// One item or range that a request asks for, by the partition it lies in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Touch {
    /// What is done.
    pub(crate) action: Action,
    /// To which partition.
    pub(crate) key: String,
}

/// All that a request asks for.
pub(crate) fn touches(operation: &str, body: &Value) -> Vec<Touch> {
    let touch = |action, key: &Value| Touch {
        action,
        key: key["pk"]["S"].as_str().expect("a key").to_owned(),
    };
    match operation {
        "GetItem" => vec![touch(Action::Get, &body["Key"])],
        "PutItem" => vec![touch(Action::Put, &body["Item"])],
        "UpdateItem" => vec![touch(Action::Update, &body["Key"])],
        "DeleteItem" => vec![touch(Action::Delete, &body["Key"])],
        "BatchGetItem" => body["RequestItems"]
            .as_object()
            .into_iter()
            .flat_map(|tables| tables.values())
            .flat_map(|table| table["Keys"].as_array().into_iter().flatten())
            .map(|key| touch(Action::BatchGet, key))
            .collect(),
        "Query" => {
            let action = if body["IndexName"].is_string() {
                Action::QueryIndex
            } else {
                Action::Query
            };
            let key = body["ExpressionAttributeValues"][":pk"]["S"]
                .as_str()
                .expect("a partition")
                .to_owned();
            vec![Touch { action, key }]
        }
        "TransactWriteItems" => body["TransactItems"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|item| item.as_object().into_iter().flatten())
            .map(|(verb, part)| match verb.as_str() {
                "Put" => touch(Action::Put, &part["Item"]),
                "Update" => touch(Action::Update, &part["Key"]),
                "Delete" => touch(Action::Delete, &part["Key"]),
                _ => touch(Action::Check, &part["Key"]),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Fails where whoever is at work may not do this.
pub(crate) fn hold(touched: &[Touch]) {
    let Ok(id) = AT_WORK.try_with(|id| *id) else { return };
    let grants = Grants::of(id);
    for Touch { action, key } in touched {
        assert!(
            grants.allow(*action, key),
            "the role of {id} does not allow {action:?} on {key}"
        );
    }
}
