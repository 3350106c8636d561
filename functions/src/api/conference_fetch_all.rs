//! `conference/fetch_all`: a host's meetings, newest first.

use domain::id::{ConferenceId, HostId};
use domain::time::Zone;
use domain::{Error as Refusal, Role};
use http::HeaderName;
use jiff::Timestamp;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use store::{ConferenceState, ListStart};

use super::conference::{ConferenceAnswer, answer};
use super::list::{Limit, limit};
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::{Json, Reply, ReplyShape, Response, json_bytes};

/// The largest answer, in bytes.
const LARGEST: usize = 5_000_000;
/// Where a list that was cut short goes on.
const NEXT: HeaderName = HeaderName::from_static("x-next-after");

/// Lists meetings.
#[derive(Debug)]
pub struct ConferenceFetchAll;

/// Which meetings.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceFetchAllParameters {
    /// Whose.
    pub host_id: HostId,
    /// Only those with an occurrence that starts at this time or later: wall clock in the host's zone, or ISO 8601 with an
    /// offset.
    pub from: Option<String>,
    /// Only those with an occurrence that starts before this time.
    pub to: Option<String>,
    /// Only those that run, or only those that do not.
    pub active: Option<bool>,
    /// Most entries, 1 to 1000.
    pub limit: Option<Limit>,
    /// The last id of the page before.
    pub after: Option<ConferenceId>,
}

/// A list as it is answered, with a header where it was cut short.
#[derive(Debug)]
pub struct ConferenceList {
    body: Vec<u8>,
    next: Option<ConferenceId>,
}

impl Reply for ConferenceList {
    fn into_response(self) -> Response {
        let mut response = json_bytes(self.body.into());
        if let Some(next) = self.next {
            response.headers_mut().insert(NEXT, next.value().into());
        }
        response
    }

    fn describe(generator: &mut SchemaGenerator) -> ReplyShape {
        <Json<Vec<ConferenceAnswer>> as Reply>::describe(generator)
    }
}

impl Endpoint for ConferenceFetchAll {
    const ID: &'static str = "conference_fetch_all";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/fetch_all";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Answers a host's meetings, newest first; `X-Next-After` where more follow.";
    type Input = Parameters<ConferenceFetchAllParameters>;
    type Output = ConferenceList;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = limit(asked.limit);
        let (caller, store) = (context.caller()?, context.store());
        let (reseller, id) = (caller.reseller, asked.host_id);
        let after = async {
            match asked.after {
                Some(after) => Ok::<_, store::Error>(Some(store.conference_list_after(reseller, id, after).await?)),
                None => Ok(None),
            }
        };
        // What is read beside the host is told to nobody before the host is known to be in the caller's reach.
        let (host, active, after) = tokio::join!(context.host(id), store.conferences_active(reseller, id), after);
        let host = host?;
        let (active, after): (_, Option<Option<ListStart>>) = (active?, after?);
        let after = match after {
            Some(None) => return Err(Refusal::invalid("after", "is no meeting of this host").into()),
            Some(place) => place,
            None => None,
        };
        let zone = host.time_zone.clone().unwrap_or_else(Zone::utc);
        let span = Span {
            from: time("from", asked.from.as_deref(), &zone)?,
            to: time("to", asked.to.as_deref(), &zone)?,
            active: asked.active,
        };
        let (company, page) = tokio::join!(
            store.company(&caller.scope, host.company),
            store.conferences((reseller, id), after.as_ref(), &active, limit as usize, |state| span
                .holds(state))
        );
        let (company, page) = (company?, page?);
        let mut list = ConferenceList {
            body: b"[".to_vec(),
            next: page.next,
        };
        let mut last = None;
        for state in &page.conferences {
            let entry = serde_json::to_vec(&answer(context, state, &host, &company)?);
            let entry = entry.map_err(|_| Error::Broken("answers are plain data"))?;
            if last.is_some() && list.body.len() + entry.len() > LARGEST {
                list.next = last;
                break;
            }
            if last.is_some() {
                list.body.push(b',');
            }
            list.body.extend(entry);
            last = Some(state.conference.id);
        }
        list.body.push(b']');
        Ok(list)
    }
}

/// Which meetings are wanted.
struct Span {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    active: Option<bool>,
}

impl Span {
    fn holds(&self, state: &ConferenceState) -> bool {
        let mut planned = state.occurrences.iter().filter(|view| !view.slot.cancelled);
        let timely = (self.from.is_none() && self.to.is_none())
            || planned.any(|view| {
                let start = view.slot.start;
                self.from.is_none_or(|from| from <= start) && self.to.is_none_or(|to| start < to)
            });
        timely && self.active.is_none_or(|active| active == state.is_active())
    }
}

fn time(field: &'static str, text: Option<&str>, zone: &Zone) -> Result<Option<Timestamp>, Refusal> {
    let read = text.map(|text| zone.read(text).map_err(|why| Refusal::invalid(field, why)));
    read.transpose()
}
