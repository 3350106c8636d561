//! Which client calls, by HTTP Basic or by fields of the form (RFC 6749 §2.3.1), and how often it may.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::HostId;
use domain::sealed::{same_secret, token_hash};
use store::{Attempt, OauthClient, OauthState, Rate};

use super::form::{Failure, Fields, Refused};
use crate::access::seconds_left;
use crate::context::Context;
use crate::error::Error;
use crate::request::Request;
use crate::visit::Place;

/// What a request shows of its client.
pub(super) struct Shown {
    id: String,
    secret: Option<String>,
}

impl Shown {
    /// Reads it.
    pub(super) fn read(request: &Request, fields: &Fields) -> Result<Self, Refused> {
        let (id, secret) = (fields.one("client_id")?, fields.one("client_secret")?);
        let Some(basic) = request.credentials("Basic") else {
            return Ok(Self {
                id: id.ok_or_else(Refused::client)?.to_owned(),
                secret: secret.map(str::to_owned),
            });
        };
        if secret.is_some() {
            return Err(Refused::request("a client authenticates in one way at a time"));
        }
        let text = STANDARD
            .decode(basic)
            .ok()
            .and_then(|text| String::from_utf8(text).ok());
        let text = text.ok_or_else(Refused::client)?;
        let (own, secret) = text.split_once(':').ok_or_else(Refused::client)?;
        let own = decoded(own);
        if id.is_some_and(|id| *id != *own) {
            return Err(Refused::request("client_id is another than that of the header"));
        }
        Ok(Self {
            id: own.into_owned(),
            secret: Some(decoded(secret).into_owned()).filter(|secret| !secret.is_empty()),
        })
    }
}

/// One part of Basic credentials: form-encoded before they are put together.
fn decoded(text: &str) -> Cow<'_, str> {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.next().map_or(Cow::Borrowed(""), |(name, _)| name)
}

/// Ids as they are given out; others are nobody's.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The client that calls, and what it shows something of. Two sequential round trips at most: the tenant's, and all else.
pub(super) async fn authenticate(
    context: &Context<'_>,
    place: Place,
    shown: &Shown,
    grant: Option<(HostId, &str)>,
) -> Result<(OauthClient, OauthState), Failure> {
    if !is_id(&shown.id) {
        return Err(Refused::client().into());
    }
    let (store, rates) = (context.store(), &context.app.config.rates);
    let network = context.network();
    let tries = Attempt::Oauth(place.reseller, &shown.id, network);
    let rate = Rate::Oauth(place.reseller, &shown.id, network);
    let (requests, before, state) = tokio::try_join!(
        store.rate_count(&rate, context.now),
        store.attempts(std::slice::from_ref(&tries), context.now),
        store.oauth_state((place.reseller, place.company), &shown.id, grant)
    )?;
    if requests > rates.session_per_minute {
        return Err(Error::rate_limited(seconds_left(context.now)).into());
    }
    if let Some(before) = before.first().filter(|before| before.failures >= rates.oauth_failures) {
        return Err(Error::rate_limited(before.retry_after(context.now)).into());
    }
    let Some(client) = state.client.clone() else {
        return Err(Refused::client().into());
    };
    let right = match (&client.secret_hash, &shown.secret) {
        (Some(hash), Some(secret)) => same_secret(hash.as_bytes(), token_hash(secret).as_bytes()),
        (None, None) => true,
        _ => false,
    };
    if !right {
        store.attempt_failed(&tries, context.now).await?;
        return Err(Refused::client().into());
    }
    Ok((client, state))
}
