//! Lists as they are answered: a bare array, cut short where it is long, with a header that says where it goes on.

use std::fmt;
use std::marker::PhantomData;

use domain::Error as Refusal;
use domain::id::{CompanyId, ContactId, HookId, HostId, PlanId, SubscriptionId};
use domain::number::Within;
use http::{HeaderName, HeaderValue};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use crate::error::Error;
use crate::reply::{Reply, ReplyShape, Response, json_bytes};

/// Most entries of one answer.
const MOST: u32 = 1_000;
/// The largest answer, in bytes.
const LARGEST: usize = 5_000_000;
/// Where a list that was cut short goes on.
const NEXT: HeaderName = HeaderName::from_static("x-next-after");

/// Most entries that somebody asks for.
pub type Limit = Within<1, MOST>;

/// How many entries a page has.
pub(super) fn limit(asked: Option<Limit>) -> u32 {
    asked.map_or(MOST, Limit::value)
}

/// What an entry is found again by: `after` of the next page.
pub trait Entry: Serialize {
    /// Its id.
    fn id(&self) -> String;
}

macro_rules! entries {
    ($($answer:ty, $id:ident: $of:ty;)*) => {$(
        impl Entry for $answer {
            fn id(&self) -> String {
                let id: $of = self.$id;
                id.to_string()
            }
        }
    )*};
}

entries! {
    super::company::CompanyAnswer, id: CompanyId;
    super::contact::ContactAnswer, contact_id: ContactId;
    super::plan::PlanAnswer, plan_id: PlanId;
    super::subscriptions::SubscriptionAnswer, subscription_id: SubscriptionId;
    super::webhook::WebhookAnswer, webhook_id: HookId;
}

impl Entry for super::host::HostListed {
    fn id(&self) -> String {
        let id: HostId = self.host.host_id;
        id.to_string()
    }
}

/// A page of a list.
pub struct List<T> {
    body: Vec<u8>,
    next: Option<String>,
    of: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<T: Entry> List<T> {
    /// A page of a list that is all at hand.
    ///
    /// # Errors
    ///
    /// `invalid_field` where it shall come behind what is not in the list.
    pub(super) fn within(all: Vec<T>, after: Option<String>, limit: u32) -> Result<Self, Error> {
        let first = match after {
            Some(after) => {
                let at = all.iter().position(|entry| entry.id() == after);
                at.ok_or_else(|| Refusal::invalid("after", "is not in this list"))? + 1
            }
            None => 0,
        };
        let more = all.len() > first + limit as usize;
        let page = all.into_iter().skip(first).take(limit as usize).map(Ok);
        Self::of(page, more)
    }

    /// The page of these entries. `more`: there are others behind them.
    ///
    /// # Errors
    ///
    /// What an entry fails with.
    pub(super) fn of(entries: impl IntoIterator<Item = Result<T, Error>>, more: bool) -> Result<Self, Error> {
        let (mut list, last) = Self::read(entries)?;
        if more && list.next.is_none() {
            list.next = last;
        }
        Ok(list)
    }

    /// The page of these entries, perhaps of none. `next`: what the next page comes behind, where there is one.
    ///
    /// # Errors
    ///
    /// What an entry fails with.
    pub(super) fn before(
        entries: impl IntoIterator<Item = Result<T, Error>>,
        next: Option<String>,
    ) -> Result<Self, Error> {
        let (list, _) = Self::read(entries)?;
        Ok(Self {
            next: list.next.or(next),
            ..list
        })
    }

    /// As many entries as one answer holds, and the last one's id.
    fn read(entries: impl IntoIterator<Item = Result<T, Error>>) -> Result<(Self, Option<String>), Error> {
        let mut body = b"[".to_vec();
        let (mut last, mut cut) = (None, false);
        for entry in entries {
            let entry = entry?;
            let text = serde_json::to_vec(&entry).map_err(|_| Error::Broken("answers are plain data"))?;
            if last.is_some() {
                if body.len() + text.len() > LARGEST {
                    cut = true;
                    break;
                }
                body.push(b',');
            }
            body.extend(text);
            last = Some(entry.id());
        }
        body.push(b']');
        let list = Self {
            body,
            next: last.clone().filter(|_| cut),
            of: PhantomData,
        };
        Ok((list, last))
    }
}

impl<T: Serialize + JsonSchema> Reply for List<T> {
    fn into_response(self) -> Response {
        let mut response = json_bytes(self.body.into());
        if let Some(next) = self.next.and_then(|next| HeaderValue::try_from(next).ok()) {
            response.headers_mut().insert(NEXT, next);
        }
        response
    }

    fn describe(generator: &mut SchemaGenerator) -> ReplyShape {
        ReplyShape::Json(generator.subschema_for::<Vec<T>>())
    }
}
