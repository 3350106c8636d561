//! Sessions: read, prolonged and counted in one update. Kept under the hash of their token.

use domain::Role;
use domain::company::Company;
use domain::host::Host;
use domain::id::{CompanyId, HostId, ResellerId};
use domain::time::millis;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::op::{Failure, Op};
use crate::table::{Outcome, Query, key_of};
use crate::value::from_item;
use crate::{OauthAccess, Result, Scope, Store, keys};

/// How the requests of a minute are counted: `total` counts all, `base` is the total before this `minute`.
#[derive(Deserialize)]
struct Count {
    total: u64,
    #[serde(default)]
    minute: i64,
    #[serde(default)]
    base: u64,
}

/// A session with what only the table keeps of it.
#[derive(Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    session: &'a Session,
    idle: i64,
    total: u64,
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// Who is signed in.
    pub host: HostId,
    /// As what: a session from `/auth` acts as [`Role::Host`] whatever the account's role.
    pub role: Role,
    /// Where the browser goes after a call, when the sign-in named it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after_call_url: Option<String>,
    /// Where the browser goes after an explicit sign-out, when the sign-in named it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote_logout_url: Option<String>,
    /// The hash of the API token that it began by; it is over with that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub api_token: Option<String>,
    /// Of an access token of OAuth: what it says of itself. It is over with its grant, and with its client.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub oauth: Option<OauthAccess>,
    /// Not valid from here on, whatever its use.
    #[serde(with = "millis")]
    pub ends: Timestamp,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

impl Session {
    /// How long a session lives after its last use.
    pub const IDLE: SignedDuration = SignedDuration::from_hours(24);
    const IDLE_MILLIS: i64 = Self::IDLE.as_secs() * 1000;
    /// How long a session lives at most.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 7);

    /// How far it reaches.
    pub fn scope(&self) -> Scope {
        match self.role {
            Role::ResellerAdmin => Scope::reseller(self.reseller),
            Role::CompanyAdmin => Scope::company(self.reseller, self.company),
            Role::Host => Scope::host(self.reseller, self.company, self.host),
        }
    }

    pub(crate) fn op(&self, token_hash: &str) -> Op {
        let kept = Kept {
            session: self,
            idle: self.created.as_millisecond() + Self::IDLE_MILLIS,
            total: 0,
        };
        let op = Op::put(keys::session(token_hash), &kept).expires(self.ends);
        match self.oauth {
            // Over within the hour; its grant is what people see of it.
            Some(_) => op,
            None => op.indexed(keys::session_list(self.reseller, self.host, self.created)),
        }
    }
}

/// What a token stands for at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionUse {
    /// A session that goes on.
    Valid {
        /// The session.
        session: Session,
        /// Its requests in this minute, this one too.
        requests_in_minute: u32,
    },
    /// A session that is over.
    Expired,
    /// Nothing.
    Unknown,
}

impl Store {
    /// Keeps a new session under [`domain::sealed::token_hash`] of its token.
    pub async fn session_create(&self, token_hash: &str, session: &Session) -> Result<()> {
        self.commit(vec![session.op(token_hash)]).await
    }

    /// Reads a session, prolongs it and counts the request, in one update.
    pub async fn session_use(&self, token_hash: &str, now: Timestamp) -> Result<SessionUse> {
        let at = now.as_millisecond();
        let op = Op::update(keys::session(token_hash), "SET #idle = :idle ADD #total :one")
            .value(":idle", &(at + Session::IDLE_MILLIS))
            .value(":one", &1)
            .value(":now", &at)
            .when(
                "attribute_exists(#pk) AND #idle > :now AND #ends > :now",
                Failure::Raced,
            );
        let item = match self.update(op).await? {
            Outcome::Done(item) => item,
            Outcome::Refused(item) if item.is_empty() => return Ok(SessionUse::Unknown),
            Outcome::Refused(_) => return Ok(SessionUse::Expired),
        };
        let session = from_item("session", &item)?;
        let count: Count = from_item("session", &item)?;
        let minute = now.as_second().div_euclid(60);
        let requests = if count.minute == minute {
            count.total.saturating_sub(count.base)
        } else {
            self.session_minute(token_hash, minute, count.total - 1);
            1
        };
        Ok(SessionUse::Valid {
            session,
            requests_in_minute: u32::try_from(requests).unwrap_or(u32::MAX),
        })
    }

    /// Whether the account of a session still stands behind it: it is there, was not signed out since, still has the role,
    /// its company is not being deleted, and the API token or the grant that it began by, if any, was not revoked. One read.
    pub async fn session_stands(&self, session: &Session) -> Result<bool> {
        let mut wanted = vec![
            keys::host(session.reseller, session.host),
            keys::company(session.reseller, session.company),
        ];
        let token = session.api_token.as_deref();
        wanted.extend(token.map(|hash| keys::api_token(session.reseller, session.host, hash)));
        if let Some(OauthAccess { grant, client, .. }) = &session.oauth {
            wanted.push(keys::oauth_grant(session.reseller, session.host, grant));
            wanted.push(keys::oauth_client(session.reseller, session.company, client));
        }
        let found = self.get_many(&wanted).await?;
        let (Some(host), Some(company)) = (&found[0], &found[1]) else {
            return Ok(false);
        };
        if found.iter().any(Option::is_none) {
            return Ok(false);
        }
        let host: Host = from_item("host", host)?;
        let company: Company = from_item("company", company)?;
        Ok(host.admits(session.role, session.created) && company.deleting.is_none())
    }

    /// The latest sessions of a host, newest first, at most so many. One read of the index.
    pub async fn sessions_of(&self, reseller: ResellerId, host: HostId, limit: u32) -> Result<Vec<Session>> {
        let query = Query {
            newest_first: true,
            ..sessions(reseller, host, limit)
        };
        let found = self.query(&query).await?;
        found.iter().map(|item| from_item("session", item)).collect()
    }

    /// Takes the sessions of a deleted host away; answers whether there may be more. They count for nothing as it is.
    pub async fn sessions_forget(&self, reseller: ResellerId, host: HostId) -> Result<bool> {
        const AT_ONCE: u32 = 100;
        let found = self.query(&sessions(reseller, host, AT_ONCE)).await?;
        let more = found.len() == AT_ONCE as usize;
        self.commit(found.iter().map(|item| Op::delete(key_of(item))).collect())
            .await?;
        Ok(more)
    }

    /// Ends a session; harmless when there is none.
    pub async fn session_delete(&self, token_hash: &str) -> Result<()> {
        self.commit(vec![Op::delete(keys::session(token_hash))]).await
    }

    /// Begins a new minute of a session's count, beside the request: should it fail, the next request begins it.
    fn session_minute(&self, token_hash: &str, minute: i64, base: u64) {
        let op = Op::update(keys::session(token_hash), "SET #minute = :minute, #base = :base")
            .value(":minute", &minute)
            .value(":base", &base)
            .when(
                "attribute_exists(#pk) AND (attribute_not_exists(#minute) OR #minute < :minute)",
                Failure::Raced,
            );
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(error) = store.update(op).await {
                tracing::warn!(%error, "the count of a session's minute was not begun");
            }
        });
    }
}

/// The sessions of a host, oldest first.
fn sessions(reseller: ResellerId, host: HostId, limit: u32) -> Query {
    Query {
        index: true,
        pk: keys::session_list(reseller, host, Timestamp::UNIX_EPOCH).pk,
        from: "0".into(),
        to: "~".into(),
        newest_first: false,
        limit: Some(limit),
    }
}
