//! `GET /conf/call/{code}/meeting.ics`: the meeting that a code opens, for the calendar of whoever has its link.

use domain::conference::Opens;
use domain::{Code, Error as Refusal};
use http::Method;
use notify::{Language, Link, Meeting, Person};
use store::Scope;

use super::room::{RoomPageInput, Visit, leads};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::guest_pass;
use crate::input::Form;
use crate::links;
use crate::operator::{brand, sender};
use crate::reply::Calendar;

/// `GET /conf/call/{code}/meeting.ics`.
#[derive(Debug)]
pub struct PageCalendar;

impl Endpoint for PageCalendar {
    const ID: &'static str = "page_calendar";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/conf/call/{code}/meeting.ics";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey, Need::Pages];
    const SUMMARY: &'static str = "The calendar file of a planned meeting, for whoever has its link.";
    type Input = Form<RoomPageInput>;
    type Output = Calendar;

    async fn handle(context: &Context<'_>, Form(asked): Self::Input) -> Result<Calendar, Error> {
        let app = context.app;
        let Visit { place, session, view } = Visit::of(context, asked.encrypted()).await?;
        let unknown = || Refusal::new(Code::NotFound, "There is no planned meeting with this code");
        let Some(view) = view else {
            place.unknown_code(context).await?;
            return Err(unknown().into());
        };
        // What is planned, also where a host could begin something else.
        let (Opens::Planned { planned, .. } | Opens::NotStarted(Some(planned))) = view.opens(context.now, false) else {
            return Err(unknown().into());
        };
        let scope = Scope::company(place.reseller, place.company);
        let (host, (company, _), state) = tokio::try_join!(
            async { Ok(app.store.host(&scope, view.room.host).await?) },
            place.details(app),
            async { Ok::<_, Error>(app.store.conference(&scope, planned.conference).await?) },
        )?;
        let conference = &state.conference;
        let guest = guest_pass::guest(app, conference, asked.pass());
        let knows = leads(&view, session.as_ref()) || guest.is_some();
        let room = links::room(app, &company, conference);
        // A pass that is ours is this visitor's own.
        let url = match (guest, asked.pass()) {
            (Some(_), Some(pass)) => links::guest(&room, pass),
            _ => room,
        };
        let meeting = Meeting {
            conference,
            host: Some(Person {
                name: Some(host.name.as_str()),
                email: &host.email,
            }),
            brand: brand(&company),
            pin: None,
            at: context.now,
        };
        let locale = host.locale.as_deref().or(company.settings.locale.as_deref());
        let file = meeting.published(
            &sender(&company)?,
            &Link {
                url: &url,
                language: Language::of(locale),
                // What a PIN guards is not told to whoever guesses the code.
                named: knows || conference.security_pin.is_none(),
                agenda: knows,
            },
        );
        Ok(Calendar(file))
    }
}
