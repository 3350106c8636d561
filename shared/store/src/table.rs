//! Reads and writes of items: the only file that calls the SDK.
//!
//! Retries are ours, not the SDK's: throttling, conflicts and lost answers are tried again with full jitter. Transactions
//! carry a request token, so a repeat after a lost answer has no second effect; single updates that are repeated are only
//! such that a repeat is harmless (a gap in numbers, a request counted twice).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    KeysAndAttributes, Projection, ProjectionType, ReturnValue, ReturnValuesOnConditionCheckFailure,
    ScalarAttributeType, TimeToLiveSpecification,
};

use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::error::Cause;
use crate::keys::{self, Key};
use crate::op::{Failure, Op};
use crate::retry::{Tries, failed, is_passing, is_unheard, random, retried};
use crate::value::Item;
use crate::{Error, Result, Store};

/// How long one try may take.
const TRY_TIME: Duration = Duration::from_millis(1_500);
/// Most items asked for at once by their keys.
const LARGEST_BATCH: usize = 100;
/// Most items of one transaction.
pub(crate) const LARGEST_TRANSACTION: usize = 100;

/// What became of a single conditional write.
pub(crate) enum Outcome {
    /// Done; the item as it is now.
    Done(Item),
    /// The condition did not hold; the item as it was.
    Refused(Item),
}

/// A query of one partition.
pub(crate) struct Query {
    pub(crate) index: bool,
    pub(crate) pk: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) newest_first: bool,
    pub(crate) limit: Option<u32>,
}

/// The client with retries and time-outs as the store wants them.
pub(crate) fn configured(client: &Client) -> Client {
    let config = client
        .config()
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(TRY_TIME).build())
        // A try's time holds for all of its answer too.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

impl Store {
    /// Makes the table with its index and its expiry; harmless when it is there. On AWS the template makes it.
    pub async fn create_table(&self) -> Result<()> {
        let text = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .expect("complete")
        };
        let part = |name: &str, kind| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .expect("complete")
        };
        let index = GlobalSecondaryIndex::builder()
            .index_name(keys::INDEX)
            .key_schema(part(keys::INDEX_PK, KeyType::Hash))
            .key_schema(part(keys::INDEX_SK, KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()
            .expect("complete");
        let created = retried(|| {
            self.client
                .create_table()
                .table_name(&*self.table)
                .billing_mode(BillingMode::PayPerRequest)
                .set_attribute_definitions(Some(
                    [keys::PK, keys::SK, keys::INDEX_PK, keys::INDEX_SK].map(text).to_vec(),
                ))
                .key_schema(part(keys::PK, KeyType::Hash))
                .key_schema(part(keys::SK, KeyType::Range))
                .global_secondary_indexes(index.clone())
                .send()
        })
        .await;
        match created {
            // Also what a repeat after a lost answer finds.
            Err(error) if error.code() == Some("ResourceInUseException") => {}
            other => drop(other.map_err(|error| failed(&error))?),
        }
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name(keys::TTL)
            .enabled(true)
            .build()
            .expect("complete");
        let set = retried(|| {
            self.client
                .update_time_to_live()
                .table_name(&*self.table)
                .time_to_live_specification(ttl.clone())
                .send()
        })
        .await;
        match set {
            // It is set already.
            Err(error) if error.code() == Some("ValidationException") => Ok(()),
            other => other.map(drop).map_err(|error| failed(&error)),
        }
    }

    /// One item, as it is now.
    pub(crate) async fn get(&self, key: Key) -> Result<Option<Item>> {
        let got = retried(|| {
            self.client
                .get_item()
                .table_name(&*self.table)
                .set_key(Some(key_item(&key)))
                .consistent_read(true)
                .send()
        });
        Ok(got.await.map_err(|error| failed(&error))?.item)
    }

    /// Items in the order of their keys, as they are now. Up to 100 are asked for at once, and more beside
    /// each other.
    pub(crate) async fn get_many(&self, wanted: &[Key]) -> Result<Vec<Option<Item>>> {
        let distinct: Vec<&Key> = wanted.iter().collect::<HashSet<_>>().into_iter().collect();
        let chunks = distinct.chunks(LARGEST_BATCH).map(|chunk| self.get_chunk(chunk));
        let found: HashMap<Key, Item> = try_join_all(chunks).await?.into_iter().flatten().collect();
        Ok(wanted.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn get_chunk(&self, chunk: &[&Key]) -> Result<Vec<(Key, Item)>> {
        let mut found = Vec::new();
        let mut left: Vec<Item> = chunk.iter().map(|key| key_item(key)).collect();
        let mut tries = Tries::begin();
        while !left.is_empty() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(true)
                .build()
                .expect("keys are set");
            let got = retried(|| {
                self.client
                    .batch_get_item()
                    .request_items(&*self.table, request.clone())
                    .send()
            });
            let got = got.await.map_err(|error| failed(&error))?;
            let items = got
                .responses
                .into_iter()
                .flat_map(|mut tables| tables.remove(&*self.table))
                .flatten();
            found.extend(items.map(|item| (key_of(&item), item)));
            left = got
                .unprocessed_keys
                .into_iter()
                .flat_map(|mut tables| tables.remove(&*self.table))
                .flat_map(|k| k.keys)
                .collect();
            if !left.is_empty() && !tries.again().await {
                return Err(Error::Unavailable(Cause("keys stay unprocessed".into())));
            }
        }
        Ok(found)
    }

    /// The items of a partition between two sort keys, both included. Consistent, unless it reads the index.
    pub(crate) async fn query(&self, query: &Query) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let (page, next) = self.query_page(query, start).await?;
            items.extend(page);
            let enough = query.limit.is_some_and(|limit| items.len() >= limit as usize);
            if next.is_none() || enough {
                items.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
                return Ok(items);
            }
            start = next;
        }
    }

    /// The first items of each of these shards of the index: those of all shards are read beside each other. `span` tells a
    /// shard's partition and its first and last sort keys.
    pub(crate) async fn query_shards(
        &self,
        shards: u64,
        of_each: u32,
        span: impl Fn(u64) -> (String, String, String),
    ) -> Result<Vec<Item>> {
        let queries: Vec<Query> = (0..shards)
            .map(|shard| {
                let (pk, from, to) = span(shard);
                Query {
                    index: true,
                    pk,
                    from,
                    to,
                    newest_first: false,
                    limit: Some(of_each),
                }
            })
            .collect();
        let found = try_join_all(queries.iter().map(|query| self.query(query))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// One page of a query, and where the next one begins.
    pub(crate) async fn query_page(&self, query: &Query, start: Option<Item>) -> Result<(Vec<Item>, Option<Item>)> {
        let (pk, sk) = if query.index {
            (keys::INDEX_PK, keys::INDEX_SK)
        } else {
            (keys::PK, keys::SK)
        };
        let got = retried(|| {
            self.client
                .query()
                .table_name(&*self.table)
                .set_index_name(query.index.then(|| keys::INDEX.into()))
                .consistent_read(!query.index)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .expression_attribute_names("#pk", pk)
                .expression_attribute_names("#sk", sk)
                .expression_attribute_values(":pk", AttributeValue::S(query.pk.clone()))
                .expression_attribute_values(":from", AttributeValue::S(query.from.clone()))
                .expression_attribute_values(":to", AttributeValue::S(query.to.clone()))
                .scan_index_forward(!query.newest_first)
                .set_limit(query.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)))
                .set_exclusive_start_key(start.clone())
                .send()
        });
        let got = got.await.map_err(|error| failed(&error))?;
        Ok((got.items.unwrap_or_default(), got.last_evaluated_key))
    }

    /// One update whose repeat is harmless.
    pub(crate) async fn update(&self, op: Op) -> Result<Outcome> {
        let update = op.into_update();
        let done = retried(|| {
            self.client
                .update_item()
                .table_name(&*self.table)
                .set_key(Some(update.key.clone()))
                .update_expression(&update.update_expression)
                .set_condition_expression(update.condition_expression.clone())
                .set_expression_attribute_names(update.expression_attribute_names.clone())
                .set_expression_attribute_values(update.expression_attribute_values.clone())
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
        });
        match done.await {
            Ok(done) => Ok(Outcome::Done(done.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(
                    refused,
                )) => Ok(Outcome::Refused(refused.item.clone().unwrap_or_default())),
                _ => Err(failed(&error)),
            },
        }
    }

    /// Several writes, all or none; what a broken condition means is said by its write. After a try that nobody answered it may
    /// mean that the try was done: then whoever asked is to ask again, and finds its own write, or the other's.
    pub(crate) async fn commit(&self, ops: Vec<Op>) -> Result<()> {
        if ops.is_empty() {
            return Ok(());
        }
        if ops.len() > LARGEST_TRANSACTION {
            return Err(Error::TooLarge("items"));
        }
        let token = hex::encode(random::<16>());
        // Another try under the same token must be the same to the byte, so it is a copy of these, not made anew.
        let items: Vec<_> = ops.iter().map(|op| op.transact_item(&self.table)).collect();
        let mut tries = Tries::begin();
        let mut unheard = false;
        loop {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .client_request_token(&token)
                .send()
                .await;
            let Err(error) = sent else { return Ok(()) };
            if let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() {
                let reasons = canceled.cancellation_reasons();
                let broken = reasons
                    .iter()
                    .position(|reason| reason.code() == Some("ConditionalCheckFailed"));
                if let Some(op) = broken.and_then(|at| ops.get(at)) {
                    return Err(match op.failure {
                        // It may be this very write that has it, or has it gone, where the table has not kept the token.
                        Failure::Taken(_) | Failure::NotFound(_) if unheard => Error::Unavailable(Cause::of(&error)),
                        failure => failure.error(),
                    });
                }
                let passing = |code: Option<&str>| {
                    matches!(
                        code,
                        None | Some(
                            "None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"
                        )
                    )
                };
                if !reasons.iter().all(|reason| passing(reason.code())) {
                    return Err(Error::Refused(Cause::of(&error)));
                }
            } else if !is_passing(&error) {
                return Err(failed(&error));
            }
            unheard |= is_unheard(&error);
            if !tries.again().await {
                return Err(Error::Unavailable(Cause::of(&error)));
            }
        }
    }
}

/// The sort key just above every one that begins with this text.
pub(crate) fn beginning_with(pk: String, begin: &str) -> Query {
    Query {
        index: false,
        pk,
        from: begin.into(),
        to: format!("{begin}~"),
        newest_first: false,
        limit: None,
    }
}

fn key_item(key: &Key) -> Item {
    HashMap::from([
        (keys::PK.to_owned(), AttributeValue::S(key.pk.clone())),
        (keys::SK.to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

/// Whether an item's time is over: the table drops it some days later.
pub(crate) fn has_run_out(item: &Item, now: Timestamp) -> bool {
    let ttl = item.get(keys::TTL).and_then(|value| value.as_n().ok());
    ttl.and_then(|ttl| ttl.parse::<i64>().ok())
        .is_some_and(|ttl| ttl <= now.as_second())
}

/// The key of an item.
pub(crate) fn key_of(item: &Item) -> Key {
    let text = |name| {
        item.get(name)
            .and_then(|value: &AttributeValue| value.as_s().ok())
            .cloned()
            .unwrap_or_default()
    };
    Key {
        pk: text(keys::PK),
        sk: text(keys::SK),
    }
}
