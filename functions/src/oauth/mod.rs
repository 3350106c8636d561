//! OAuth 2.0 (enterprise-api.md §3): a company's administrators register clients, its people let them act for them, and the
//! clients call the partner API by `Authorization: Bearer`. RFC 6749 with PKCE (RFC 7636), revocation (7009),
//! introspection (7662), metadata (8414), the issuer in the answer (9207), and the best practice of RFC 9700.
//!
//! A grant is one item beside its account. Its code and its refresh tokens name the account and the grant, so that each is
//! found by what it says; one that was used before ends the grant.

mod apps;
mod authorize;
mod client;
mod clients;
mod consent;
mod form;
mod introspect;
mod metadata;
mod redirect_uri;
mod revoke;
mod token;

use domain::id::HostId;
use domain::sealed::token_hash;
use jiff::SignedDuration;
use store::{Session, Store, access_hash};

pub use apps::{EndedApp, OauthAppRevoke, PageOauthApps, RevokeAppParameters};
pub use clients::{
    ClientParameters, DeletedClient, OauthClientCreate, OauthClientDelete, OauthClientRotate, PageOauthClients,
    RegisteredClient, RotatedClient, WhichClient,
};
pub use consent::{ConsentParameters, OauthConsent, PageOauthConsent};
pub use form::StandardForm;
pub use introspect::OauthIntrospect;
pub use metadata::OauthMetadata;
pub use revoke::OauthRevoke;
pub use token::OauthToken;

use crate::app::App;
use crate::auth;
use crate::endpoint::Route;

/// What a code begins with.
const CODE: &str = "cvo_";
/// What a refresh token begins with.
const REFRESH: &str = "cvr_";
/// What an access token begins with.
const ACCESS: &str = "cva_";
/// How long a code lives.
const CODE_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// How long an access token lives.
const ACCESS_LIFE: SignedDuration = SignedDuration::from_secs(3_600);

/// The endpoints of OAuth.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::of::<OauthAppRevoke>(),
        Route::of::<OauthClientCreate>(),
        Route::of::<OauthClientDelete>(),
        Route::of::<OauthClientRotate>(),
        Route::of::<OauthConsent>(),
        Route::of::<OauthIntrospect>(),
        Route::of::<OauthMetadata>(),
        Route::of::<OauthRevoke>(),
        Route::of::<OauthToken>(),
        Route::of::<PageOauthApps>(),
        Route::of::<PageOauthClients>(),
        Route::of::<PageOauthConsent>(),
    ]
}

/// A code or a refresh token: `<what it is><host id>_<its grant>_<random>`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named<'a> {
    host: HostId,
    /// What all codes and refresh tokens of the grant have in common. A secret: whoever shows it with a wrong rest can end the
    /// grant.
    family: &'a str,
}

impl<'a> Named<'a> {
    /// Reads one that begins with this.
    fn parse(prefix: &str, text: &'a str) -> Option<Self> {
        let (host, rest) = text.strip_prefix(prefix)?.split_once('_')?;
        let (family, random) = rest.split_once('_')?;
        let plain = family.len() == 32 && family.bytes().all(|b| b.is_ascii_hexdigit()) && !random.is_empty();
        Some(Self {
            host: host.parse().ok().filter(|_| plain)?,
            family,
        })
    }

    /// What the grant lies under.
    fn hash(&self) -> String {
        token_hash(self.family)
    }

    /// A new one of the same grant.
    fn made(&self, app: &App, prefix: &str) -> String {
        format!("{prefix}{}_{}_{}", self.host, self.family, auth::token(app))
    }
}

/// A token that a client shows, to hear about it or to end it.
struct Held<'a> {
    named: Option<(HostId, String)>,
    access: Option<String>,
    store: &'a Store,
}

impl<'a> Held<'a> {
    fn of(store: &'a Store, token: Option<&str>) -> Self {
        let named = token.and_then(|token| Named::parse(REFRESH, token));
        Self {
            named: named.map(|named| (named.host, named.hash())),
            access: token.filter(|token| token.starts_with(ACCESS)).map(access_hash),
            store,
        }
    }

    /// The account and grant that it names as a refresh token.
    fn about(&self) -> Option<(HostId, &str)> {
        self.named.as_ref().map(|(host, hash)| (*host, hash.as_str()))
    }

    /// Its session, as an access token.
    async fn session(&self) -> store::Result<Option<Session>> {
        match &self.access {
            Some(hash) => self.store.oauth_access(hash).await,
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_account_and_its_grant() {
        let family = "0123456789abcdef0123456789abcdef";
        let text = format!("cvr_9_{family}_a_b-c");
        let host = "9".parse().expect("an id");
        assert_eq!(Named::parse(REFRESH, &text), Some(Named { host, family }));
        for other in [
            "",
            "cvr_",
            "cvr_9",
            "cvr_9_0123_x",
            &text[..text.len() - 6],
            &text.replace("cvr_9", "cvr_x"),
            &text.replace("cvr_9", "cvo_9"),
            &text.replace("cvr_9", "cvr_0"),
        ] {
            assert_eq!(Named::parse(REFRESH, other), None, "{other}");
        }
    }
}
