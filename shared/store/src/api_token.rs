//! API tokens: what an account's own servers authenticate by in place of its password. Each lies beside its account, under
//! its hash; it names the account itself, so that it is found by it.

use domain::id::{CompanyId, HostId, ResellerId};
use domain::text::Name;
use domain::time::millis;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::Change;
use crate::op::{Failure, Op};
use crate::table::{Outcome, beginning_with, key_of};
use crate::value::{Item, from_item};
use crate::{Result, Store, Write, keys};

/// An API token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// [`domain::sealed::token_hash`] of it.
    pub hash: String,
    /// The company of its account.
    pub company: CompanyId,
    /// What its account calls it.
    pub name: Name,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// When somebody authenticated by it last, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub used: Option<i64>,
}

impl Store {
    /// Keeps a new token, with its audit item.
    pub async fn api_token_create(
        &self,
        (reseller, host): (ResellerId, HostId),
        token: &ApiToken,
        write: &Write<'_>,
    ) -> Result<()> {
        let change = Change {
            object: format!("host/{host}"),
            before: None,
            after: Some(json!({"api_token": token.name})),
            about: Some(host),
        };
        let mut ops = vec![
            Op::check(keys::host(reseller, host)).when_there(Failure::NotFound("host")),
            Op::put(keys::api_token(reseller, host, &token.hash), token).when_new(Failure::Raced),
        ];
        ops.extend(write.ops(Some(reseller), Some(token.company), change, &host));
        self.commit(ops).await
    }

    /// Takes a token away, with an audit item; the sessions that it began are over with it.
    pub async fn api_token_delete(
        &self,
        (reseller, host): (ResellerId, HostId),
        token: &ApiToken,
        write: &Write<'_>,
    ) -> Result<()> {
        let change = Change {
            object: format!("host/{host}"),
            before: Some(json!({"api_token": token.name})),
            after: None,
            about: Some(host),
        };
        let key = keys::api_token(reseller, host, &token.hash);
        let mut ops = vec![Op::delete(key).when_there(Failure::NotFound("API token"))];
        ops.extend(write.ops(Some(reseller), Some(token.company), change, &host));
        self.commit(ops).await
    }

    /// The tokens of an account, oldest first. One read.
    pub async fn api_tokens(&self, reseller: ResellerId, host: HostId) -> Result<Vec<ApiToken>> {
        let found = self.api_token_items(reseller, host).await?;
        let read = found.iter().map(|item| from_item("API token", item));
        let mut tokens: Vec<ApiToken> = read.collect::<Result<_>>()?;
        tokens.sort_by_key(|token| token.created);
        Ok(tokens)
    }

    /// The account's token of this hash, if there is one; notes that it was used.
    pub async fn api_token_use(
        &self,
        reseller: ResellerId,
        host: HostId,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ApiToken>> {
        let op = Op::update(keys::api_token(reseller, host, token_hash), "SET #used = :now")
            .value(":now", &now.as_millisecond())
            .when_there(Failure::Raced);
        match self.update(op).await? {
            Outcome::Done(item) => from_item("API token", &item).map(Some),
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// Takes the tokens of a deleted account away.
    pub async fn api_tokens_forget(&self, reseller: ResellerId, host: HostId) -> Result<()> {
        let found = self.api_token_items(reseller, host).await?;
        self.commit(found.iter().map(|item| Op::delete(key_of(item))).collect())
            .await
    }

    async fn api_token_items(&self, reseller: ResellerId, host: HostId) -> Result<Vec<Item>> {
        let first = keys::api_token(reseller, host, "");
        self.query(&beginning_with(first.pk, &first.sk)).await
    }
}
