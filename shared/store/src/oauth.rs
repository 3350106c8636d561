//! OAuth 2.0: the clients that a company has registered, and what its people granted them. A grant lies beside its account
//! and holds, hashed, the code and the refresh token that are good for it now; its access tokens are sessions. They stand
//! for nothing once the grant, the client or the account is gone.

use domain::Role;
use domain::company::Company;
use domain::conference::later;
use domain::host::Host;
use domain::id::{CompanyId, HostId, ResellerId};
use domain::oauth::Scopes;
use domain::sealed::token_hash;
use domain::text::Name;
use domain::time::millis;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::Change;
use crate::op::{Failure, Op};
use crate::table::{beginning_with, key_of};
use crate::value::{Item, from_item};
use crate::{Result, Session, Store, Write, keys};

/// A client as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthClient {
    /// Its id, which is no secret.
    pub id: String,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// The company whose people it asks.
    pub company: CompanyId,
    /// What its people see.
    pub name: Name,
    /// Where it may send people back to.
    pub redirect_uris: Vec<String>,
    /// [`token_hash`] of its secret; a public client has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret_hash: Option<String>,
    /// When it was registered.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

/// What somebody granted a client, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthGrant {
    /// [`token_hash`] of what its code and its refresh tokens have in common.
    pub hash: String,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// Who granted it.
    pub host: HostId,
    /// What its person acted as: its tokens act as no more.
    pub role: Role,
    /// The client's id.
    pub client: String,
    /// What the client was called.
    pub client_name: Name,
    /// What was granted.
    pub scopes: Scopes,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// The PKCE challenge (S256), where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub challenge: Option<String>,
    /// [`token_hash`] of the code.
    pub code_hash: String,
    /// The code is not valid from here on.
    #[serde(with = "millis")]
    pub code_ends: Timestamp,
    /// [`token_hash`] of the refresh token that is good now; none before the code was redeemed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refresh_hash: Option<String>,
    /// When it was granted.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// When tokens were last made, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub used: Option<i64>,
    /// Nothing comes of it from here on.
    #[serde(with = "millis")]
    pub ends: Timestamp,
}

impl OauthGrant {
    /// How long it waits for the next refresh.
    pub const IDLE: SignedDuration = SignedDuration::from_hours(24 * 90);

    fn key(&self) -> keys::Key {
        keys::oauth_grant(self.reseller, self.host, &self.hash)
    }
}

/// What an access token says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthAccess {
    /// The grant's hash.
    pub grant: String,
    /// The client's id.
    pub client: String,
    /// What it is for.
    pub scopes: Scopes,
}

/// The hash under which an access token lies among the sessions. No token that is shown anywhere else has one like it.
#[must_use]
pub fn access_hash(token: &str) -> String {
    format!("access-{}", token_hash(token))
}

/// What a client asks about: itself, and a grant with its account where it shows something of one.
#[derive(Debug, Clone)]
pub struct OauthState {
    /// The client of this id, of this company.
    pub client: Option<OauthClient>,
    /// The grant.
    pub grant: Option<OauthGrant>,
    /// Who granted it.
    pub host: Option<Host>,
    /// The company.
    pub company: Option<Company>,
}

/// What the audit shows of a client.
fn shown(client: &OauthClient) -> serde_json::Value {
    json!({"oauth_client": client.name, "redirect_uris": client.redirect_uris, "public": client.secret_hash.is_none()})
}

impl Store {
    /// The clients of a company, oldest first. One read.
    pub async fn oauth_clients(&self, reseller: ResellerId, company: CompanyId) -> Result<Vec<OauthClient>> {
        let found = self.oauth_client_items(reseller, company).await?;
        let read = found.iter().map(|item| from_item("OAuth client", item));
        let mut clients: Vec<OauthClient> = read.collect::<Result<_>>()?;
        clients.sort_by_key(|client| client.created);
        Ok(clients)
    }

    /// One client. One read.
    pub async fn oauth_client(
        &self,
        reseller: ResellerId,
        company: CompanyId,
        id: &str,
    ) -> Result<Option<OauthClient>> {
        let item = self.get(keys::oauth_client(reseller, company, id)).await?;
        item.map(|item| from_item("OAuth client", &item)).transpose()
    }

    /// Registers a client, with an audit item.
    pub async fn oauth_client_create(&self, client: &OauthClient, write: &Write<'_>) -> Result<()> {
        let key = keys::oauth_client(client.reseller, client.company, &client.id);
        let mut ops = vec![
            Op::check(keys::company(client.reseller, client.company)).when(
                "attribute_exists(#pk) AND attribute_not_exists(#deleting)",
                Failure::NotFound("company"),
            ),
            Op::put(key, client).when_new(Failure::Raced),
        ];
        let change = Change {
            after: Some(shown(client)),
            ..Change::happened(format!("oauth_client/{}", client.id))
        };
        ops.extend(write.ops(Some(client.reseller), Some(client.company), change, &client.id));
        self.commit(ops).await
    }

    /// Gives a client another secret; the one before it is of no use from now on.
    pub async fn oauth_client_rotate(&self, client: &OauthClient, secret_hash: &str, write: &Write<'_>) -> Result<()> {
        let key = keys::oauth_client(client.reseller, client.company, &client.id);
        let mut ops = vec![
            Op::update(key, "SET #secret_hash = :hash")
                .value(":hash", &secret_hash)
                .when("attribute_exists(#secret_hash)", Failure::NotFound("OAuth client")),
        ];
        let change = Change {
            after: Some(json!({"oauth_client": client.name, "secret": "replaced"})),
            ..Change::happened(format!("oauth_client/{}", client.id))
        };
        ops.extend(write.ops(Some(client.reseller), Some(client.company), change, &client.id));
        self.commit(ops).await
    }

    /// Takes a client away: whatever was granted it is over.
    pub async fn oauth_client_delete(&self, client: &OauthClient, write: &Write<'_>) -> Result<()> {
        let key = keys::oauth_client(client.reseller, client.company, &client.id);
        let mut ops = vec![Op::delete(key).when_there(Failure::NotFound("OAuth client"))];
        let change = Change {
            before: Some(shown(client)),
            ..Change::happened(format!("oauth_client/{}", client.id))
        };
        ops.extend(write.ops(Some(client.reseller), Some(client.company), change, &client.id));
        self.commit(ops).await
    }

    /// Takes the clients of a company away that goes. Harmless when repeated.
    pub async fn oauth_clients_forget(&self, reseller: ResellerId, company: CompanyId) -> Result<()> {
        let found = self.oauth_client_items(reseller, company).await?;
        self.commit(found.iter().map(|item| Op::delete(key_of(item))).collect())
            .await
    }

    async fn oauth_client_items(&self, reseller: ResellerId, company: CompanyId) -> Result<Vec<Item>> {
        let first = keys::oauth_client(reseller, company, "");
        self.query(&beginning_with(first.pk, &first.sk)).await
    }

    /// A client, and where it shows something of a grant, that one with its account and company. One read.
    pub async fn oauth_state(
        &self,
        (reseller, company): (ResellerId, CompanyId),
        client: &str,
        grant: Option<(HostId, &str)>,
    ) -> Result<OauthState> {
        let mut wanted = vec![keys::oauth_client(reseller, company, client)];
        if let Some((host, hash)) = grant {
            wanted.extend([
                keys::oauth_grant(reseller, host, hash),
                keys::host(reseller, host),
                keys::company(reseller, company),
            ]);
        }
        let found = self.get_many(&wanted).await?;
        let item = |at: usize| found.get(at).and_then(Option::as_ref);
        let grant: Option<OauthGrant> = item(1).map(|item| from_item("OAuth grant", item)).transpose()?;
        Ok(OauthState {
            client: item(0).map(|item| from_item("OAuth client", item)).transpose()?,
            grant: grant.filter(|grant| grant.company == company),
            host: item(2).map(|item| from_item("host", item)).transpose()?,
            company: item(3).map(|item| from_item("company", item)).transpose()?,
        })
    }

    /// What an account has granted, the latest first. One read.
    pub async fn oauth_grants(&self, reseller: ResellerId, host: HostId) -> Result<Vec<OauthGrant>> {
        let found = self.oauth_grant_items(reseller, host).await?;
        let read = found.iter().map(|item| from_item("OAuth grant", item));
        let mut grants: Vec<OauthGrant> = read.collect::<Result<_>>()?;
        grants.sort_by_key(|grant| std::cmp::Reverse(grant.created));
        Ok(grants)
    }

    /// Keeps what somebody grants, with an audit item, while the account and the client are there. `over`: grants that go
    /// with it, at most 50.
    pub async fn oauth_grant_create(&self, grant: &OauthGrant, over: &[OauthGrant], write: &Write<'_>) -> Result<()> {
        let mut ops = vec![
            Op::check(keys::host(grant.reseller, grant.host)).when(
                "attribute_exists(#pk) AND attribute_not_exists(#deleting)",
                Failure::NotFound("host"),
            ),
            Op::check(keys::oauth_client(grant.reseller, grant.company, &grant.client))
                .when_there(Failure::NotFound("OAuth client")),
            Op::put(grant.key(), grant).expires(grant.ends).when_new(Failure::Raced),
        ];
        ops.extend(over.iter().map(|grant| Op::delete(grant.key())));
        let change = Change {
            object: format!("host/{}", grant.host),
            before: None,
            after: Some(json!({"oauth_client": grant.client_name, "scope": grant.scopes})),
            about: Some(grant.host),
        };
        ops.extend(write.ops(Some(grant.reseller), Some(grant.company), change, &grant.host));
        self.commit(ops).await
    }

    /// Makes tokens for a grant as it was read: an access token under its [`access_hash`], and a refresh token under its hash
    /// in place of the one before it, or of the code. Fails with [`crate::Error::Raced`] where others have done so meanwhile, or the
    /// grant is gone.
    pub async fn oauth_issue(
        &self,
        grant: &OauthGrant,
        refresh_hash: &str,
        (access_hash, access): (&str, &Session),
        now: Timestamp,
    ) -> Result<()> {
        let ends = later(now, OauthGrant::IDLE);
        let op = Op::update(
            grant.key(),
            "SET #refresh_hash = :refresh, #used = :now, #ends = :ends, #ttl = :ttl",
        )
        .value(":refresh", &refresh_hash)
        .value(":now", &now.as_millisecond())
        .value(":ends", &ends.as_millisecond())
        .value(":ttl", &ends.as_second());
        let op = match &grant.refresh_hash {
            Some(before) => op
                .value(":before", before)
                .when("#refresh_hash = :before", Failure::Raced),
            None => op.when(
                "attribute_exists(#pk) AND attribute_not_exists(#refresh_hash)",
                Failure::Raced,
            ),
        };
        self.commit(vec![op, access.op(access_hash)]).await
    }

    /// Ends grants of one account, at most 90: their tokens are over with them. Harmless when they are gone.
    pub async fn oauth_grants_end(&self, grants: &[OauthGrant], write: &Write<'_>) -> Result<()> {
        let Some(first) = grants.first() else { return Ok(()) };
        let mut ops: Vec<Op> = grants.iter().map(|grant| Op::delete(grant.key())).collect();
        let change = Change {
            object: format!("host/{}", first.host),
            before: Some(json!({"oauth_client": first.client_name, "scope": first.scopes})),
            after: None,
            about: Some(first.host),
        };
        ops.extend(write.ops(Some(first.reseller), Some(first.company), change, &first.host));
        self.commit(ops).await
    }

    /// Takes away what a deleted account has granted.
    pub async fn oauth_grants_forget(&self, reseller: ResellerId, host: HostId) -> Result<()> {
        let found = self.oauth_grant_items(reseller, host).await?;
        self.commit(found.iter().map(|item| Op::delete(key_of(item))).collect())
            .await
    }

    /// The session of an access token, as it lies there. One read.
    pub async fn oauth_access(&self, access_hash: &str) -> Result<Option<Session>> {
        let item = self.get(keys::session(access_hash)).await?;
        item.map(|item| from_item("session", &item)).transpose()
    }

    async fn oauth_grant_items(&self, reseller: ResellerId, host: HostId) -> Result<Vec<Item>> {
        let first = keys::oauth_grant(reseller, host, "");
        self.query(&beginning_with(first.pk, &first.sk)).await
    }
}
