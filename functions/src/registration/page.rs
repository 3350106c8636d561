//! `GET /register/{conference}`: what the meeting is, and a form.

use domain::conference::MOST_PARTICIPANTS;
use domain::time::iso;
use http::{Method, StatusCode};
use serde_json::json;
use store::Scope;

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::pages;
use crate::reply::Html;
use crate::visit::Place;

/// `GET /register/{conference}`.
#[derive(Debug)]
pub struct PageRegister;

impl Endpoint for PageRegister {
    const ID: &'static str = "page_register";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/register/{conference}";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::Pages];
    const SUMMARY: &'static str = "The page where people register for a meeting.";
    type Input = ();
    type Output = Html;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Html, Error> {
        let app = context.app;
        let place = Place::of(context).await?;
        let scope = Scope::company(place.reseller, place.company);
        let Some(state) = super::asked_for(context, place).await? else {
            let company = async { Ok(app.store.company(&scope, place.company).await?) };
            let (company, ()) = tokio::try_join!(company, place.unknown_code(context))?;
            let config = json!({"page": "register", "tenant": pages::tenant(&company), "meeting": null});
            return pages::account_page(app, StatusCode::NOT_FOUND, pages::product(&company), config);
        };
        let meeting = &state.conference;
        let people = app.store.host_of_company(&scope, meeting.host, meeting.company);
        let (host, company) = people.await?;
        let next = super::next(context, &state);
        let told = match next {
            None => "over",
            Some(_) if meeting.invited.len() >= MOST_PARTICIPANTS => "full",
            Some(_) => "open",
        };
        let config = json!({
            "page": "register",
            "tenant": pages::tenant(&company),
            "meeting": {
                "state": told,
                "subject": meeting.subject,
                "agenda": meeting.agenda,
                "host_name": host.name,
                "starts_at": next.map(|slot| iso(slot.start)),
                "minutes": next.map(|slot| slot.duration),
                "time_zone": meeting.zone,
                "repeats": meeting.series.is_some(),
            },
        });
        let title = format!("{} · {}", meeting.subject, pages::product(&company));
        pages::account_page(app, StatusCode::OK, &title, config)
    }
}
