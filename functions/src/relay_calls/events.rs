//! `POST /relay/events`: what happened in a relay's rooms, in order.

use domain::relay::{Events, EventsAnswer, LARGEST_BATCH};
use domain::{Code, Error as Refusal};
use http::Method;

use super::report;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Signed;
use crate::reply::Json;

/// `POST /relay/events`.
#[derive(Debug)]
pub struct RelayEvents;

impl Endpoint for RelayEvents {
    const ID: &'static str = "relay_events";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/relay/events";
    const ACCESS: Access = Access::Relay;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "What happened in a relay's rooms.";
    type Input = Signed<Events>;
    type Output = Json<EventsAnswer>;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let events = report::read(context, &input).await?;
        if events.events.len() > LARGEST_BATCH {
            return Err(Refusal::new(Code::TooLarge, "Too many events in one batch").into());
        }
        context.store().relay_events(&events, context.now).await?;
        Ok(Json(EventsAnswer { n: events.n }))
    }
}
