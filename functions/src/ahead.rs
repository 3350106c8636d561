//! What a request names by an id or a code is read while its session is, so that all else that a method needs can be read at
//! once as soon as the caller is known.
//!
//! Nothing is told of what was read before the caller is known: it is looked at by [`Context`](crate::context::Context),
//! which asks whether it lies in the caller's scope.

use std::sync::Mutex;

use domain::code::AccessCode;
use domain::host::{Contact, Host};
use domain::id::{ConferenceId, ContactId, HostId};
use jiff::Timestamp;
use serde::Deserialize;
use store::{ConferenceState, Result, RoomView, Scope};

use crate::api::digits::Digits;
use crate::app::App;
use crate::request::Request;

/// Which parameter names what is read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// `host_id`.
    Host,
    /// `contact_id`.
    Contact,
    /// `conference_id`.
    Conference,
    /// `conference_id`, or what `access_code` leads to.
    Meeting,
}

/// What was read ahead. Each is taken once: whoever decides anew reads anew.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    pub(crate) host: Found<HostId, Host>,
    pub(crate) contact: Found<ContactId, Contact>,
    pub(crate) conference: Found<ConferenceId, ConferenceState>,
    pub(crate) room: Found<AccessCode, Option<RoomView>>,
}

/// What came of reading one thing, if it was read.
#[derive(Debug)]
pub(crate) struct Found<K, V>(Mutex<Option<(K, Result<V>)>>);

impl<K, V> Default for Found<K, V> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: PartialEq, V> Found<K, V> {
    fn new(key: K, found: Result<V>) -> Self {
        Self(Mutex::new(Some((key, found))))
    }

    /// What was found under this key; nothing where it was not read, or was taken before.
    pub(crate) fn take(&self, key: &K) -> Option<Result<V>> {
        let mut found = self.0.lock().ok()?;
        found.take_if(|(known, _)| known == key).map(|(_, found)| found)
    }
}

impl Ahead {
    /// Reads what the request names. Nothing where its tenant is not remembered, or what it names is no id: the method says so.
    pub(crate) async fn read(app: &App, first: Option<First>, request: &Request, now: Timestamp) -> Self {
        let tenant = request.host.as_ref().and_then(|host| app.tenants.remembered(host, now));
        let (Some(first), Some(tenant)) = (first, tenant) else {
            return Self::default();
        };
        let (store, scope) = (&app.store, Scope::reseller(tenant.reseller));
        let (mut ahead, named) = (Self::default(), Named::of(request));
        if first == First::Host
            && let Some(id) = named.host_id
        {
            ahead.host = Found::new(id, store.host(&scope, id).await);
        }
        if first == First::Contact
            && let Some(id) = named.contact_id
        {
            ahead.contact = Found::new(id, store.contact(scope.reseller, id).await);
        }
        if matches!(first, First::Conference | First::Meeting)
            && let Some(id) = named.conference_id
        {
            ahead.conference = Found::new(id, store.conference(&scope, id).await);
        }
        if first == First::Meeting
            && let Some(Digits(code)) = named.access_code
        {
            ahead.room = Found::new(code, store.room(code, now).await);
        }
        ahead
    }
}

/// The parameters that name what can be read ahead.
#[derive(Default, Deserialize)]
struct Named {
    host_id: Option<HostId>,
    contact_id: Option<ContactId>,
    conference_id: Option<ConferenceId>,
    access_code: Option<Digits<AccessCode>>,
}

impl Named {
    fn of(request: &Request) -> Self {
        let parameters = request.parameters().ok();
        parameters.and_then(|named| named.parse().ok()).unwrap_or_default()
    }
}
