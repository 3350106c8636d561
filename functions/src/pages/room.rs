//! `GET /conf/call/{code}`: the meeting room.

use domain::code::AccessCode;
use domain::company::{Company, LeaveEvent};
use domain::conference::{Conference, Opens, Window, later};
use domain::host::Host;
use domain::id::ConferenceId;
use domain::time::iso;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{RoomView, Scope, Session};

use super::{Page, Reach};
use crate::app::App;
use crate::auth::{self, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::guest_pass;
use crate::input::Form;
use crate::reply::Html;
use crate::visit::Place;

/// The type of the message that a page posts when somebody leaves, unless the reseller renamed it (embedding.md §5).
const LEAVE_EVENT: &str = "vivomeetingsLeaveCallEvent";

/// What the room page reads of its address; all else is the page's own script's to read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct RoomPageInput {
    /// `true`: the code is a sealed one.
    encrypted_pin: Option<String>,
    /// A guest's own pass, where the meeting asks for registration.
    pass: Option<String>,
}

impl RoomPageInput {
    pub(super) fn encrypted(&self) -> bool {
        matches!(self.encrypted_pin.as_deref(), Some("" | "true" | "1"))
    }

    pub(super) fn pass(&self) -> Option<&str> {
        self.pass.as_deref()
    }
}

/// `GET /conf/call/{code}`.
#[derive(Debug)]
pub struct PageRoom;

impl Endpoint for PageRoom {
    const ID: &'static str = "page_room";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/conf/call/{code}";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey, Need::Pages];
    const SUMMARY: &'static str = "The meeting room's page.";
    type Input = Form<RoomPageInput>;
    type Output = Html;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Html, Error> {
        room(context, input.0.encrypted(), input.0.pass()).await
    }
}

/// Who visits which room: what the address and the session lead to.
pub(super) struct Visit {
    pub(super) place: Place,
    /// The visitor's session, of this tenant.
    pub(super) session: Option<Session>,
    /// The room, where the code is one of this tenant's.
    pub(super) view: Option<RoomView>,
}

impl Visit {
    pub(super) async fn of(context: &Context<'_>, encrypted: bool) -> Result<Self, Error> {
        let (app, request) = (context.app, context.request);
        let written = request.variable("code").unwrap_or_default();
        let clear = written.parse::<AccessCode>().ok().filter(|_| !encrypted);
        // A code in clear is looked up beside the tenant; a hidden one opens for its company only.
        let (place, session, view) = tokio::try_join!(
            Place::of(context),
            auth::signed_in(app, request, Use::Look, context.now),
            find(app, clear, context.now)
        )?;
        let view = match encrypted
            .then(|| app.keys.codes.reveal(place.company, written))
            .flatten()
        {
            Some(code) => find(app, Some(code), context.now).await?,
            None => view,
        };
        Ok(Self {
            place,
            session: session.filter(|session| place.is_of(session.reseller, session.company)),
            view: view.filter(|view| place.is_of(view.room.reseller, view.room.company)),
        })
    }
}

async fn room(context: &Context<'_>, encrypted: bool, pass: Option<&str>) -> Result<Html, Error> {
    let (app, request) = (context.app, context.request);
    let written = request.variable("code").unwrap_or_default();
    let Visit { place, session, view } = Visit::of(context, encrypted).await?;
    let facts = facts(app, place, view.as_ref(), session.as_ref(), context.now);
    let count = async {
        match view {
            None => place.unknown_code(context).await,
            Some(_) => Ok(()),
        }
    };
    let ((company, reseller), facts, ()) = tokio::try_join!(place.details(app), facts, count)?;

    let conference = match (&view, &facts.host) {
        (Some(view), Some(host)) => {
            let mut told = describe(view, host, &facts, session.as_ref(), context.now);
            told["registration"] = registration(app, &facts, pass);
            told
        }
        _ => json!({"state": "not_found", "pin_required": false}),
    };
    let status = if facts.host.is_some() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    let config = json!({
        "page": "room",
        "code": written,
        "encrypted": encrypted,
        "tenant": super::tenant(&company),
        "leave_event_type": reseller.leave_event_type.as_ref().map_or(LEAVE_EVENT, LeaveEvent::as_str),
        "hidden_controls": company.settings.hidden_controls,
        "conference": conference,
        "signed_in": signed_in(&facts, session.as_ref(), view.as_ref()),
    });
    let framing = match &session {
        Some(_) => super::signed_in_framing(app, &company, &reseller),
        None => super::guest_framing(app, &company, &reseller),
    };
    let page = Page {
        shell: &app.pages()?.room,
        status,
        title: &title(&config["conference"]["subject"], &company),
        config,
        framing,
        reach: match app.config.scheme.as_str() {
            "http" => Reach::PlainRelays,
            _ => Reach::Relays,
        },
    };
    Ok(page.html())
}

async fn find(app: &App, code: Option<AccessCode>, now: jiff::Timestamp) -> Result<Option<RoomView>, Error> {
    match code {
        Some(code) => Ok(app.store.room(code, now).await?),
        None => Ok(None),
    }
}

/// What the page says beyond the room itself.
struct Facts {
    /// The room's host, where the room is known.
    host: Option<Host>,
    /// The meeting that the code opens, where it opens one that is made already.
    conference: Option<Conference>,
    /// The name of who is signed in.
    visitor: Option<String>,
}

async fn facts(
    app: &App,
    place: Place,
    view: Option<&RoomView>,
    session: Option<&Session>,
    now: jiff::Timestamp,
) -> Result<Facts, Error> {
    let scope = Scope::company(place.reseller, place.company);
    let host = async {
        match view {
            Some(view) => Ok(Some(app.store.host(&scope, view.room.host).await?)),
            None => Ok::<_, Error>(None),
        }
    };
    let conference = async {
        match view.and_then(|view| opened(view, session, now)) {
            Some(id) => Ok(Some(app.store.conference(&scope, id).await?.conference)),
            None => Ok::<_, Error>(None),
        }
    };
    let visitor = auth::account(app, &scope, session);
    let (host, conference, visitor) = tokio::try_join!(host, conference, visitor)?;
    Ok(Facts {
        host,
        conference,
        visitor: visitor.map(|host| host.name.to_string()),
    })
}

pub(super) fn leads(view: &RoomView, session: Option<&Session>) -> bool {
    session.is_some_and(|session| session.host == view.room.host)
}

fn opened(view: &RoomView, session: Option<&Session>, now: jiff::Timestamp) -> Option<ConferenceId> {
    match view.opens(now, leads(view, session)) {
        Opens::Live(live) => Some(live.conference),
        Opens::Planned { planned, .. } | Opens::NotStarted(Some(planned)) => Some(planned.conference),
        _ => None,
    }
}

fn describe(view: &RoomView, host: &Host, facts: &Facts, session: Option<&Session>, now: jiff::Timestamp) -> Value {
    let pin = facts
        .conference
        .as_ref()
        .is_some_and(|conference| conference.security_pin.is_some());
    // What a PIN guards is not told to whoever guesses the code.
    let subject = facts
        .conference
        .as_ref()
        .filter(|_| !pin || leads(view, session))
        .map(|found| &found.subject);
    let mut told = json!({"state": "open", "subject": subject, "host_name": host.name, "pin_required": pin});
    match view.opens(now, leads(view, session)) {
        Opens::Live(_) | Opens::Planned { .. } => {}
        Opens::AdHoc => told["subject"] = Value::Null,
        Opens::NotStarted(next) => {
            told["state"] = "not_started".into();
            if let Some(next) = next {
                told["starts_at"] = iso(next.start).into();
                told["ends_at"] = iso(later(next.start, next.duration.duration())).into();
                let window = Window::new(next.kind, view.room.kind, next.start, next.duration);
                told["opens_at"] = iso(window.opens).into();
            }
        }
        Opens::Ended | Opens::Expired => told["state"] = "ended".into(),
    }
    told
}

/// Where people register who come without a pass, and the name of who has one.
fn registration(app: &App, facts: &Facts, pass: Option<&str>) -> Value {
    let asks = |conference: &&Conference| conference.registration;
    let Some(conference) = facts.conference.as_ref().filter(asks) else {
        return Value::Null;
    };
    let guest = guest_pass::guest(app, conference, pass);
    json!({
        "path": crate::registration::path(conference.id),
        "name": guest.and_then(|guest| guest.name.as_ref()),
    })
}

fn signed_in(facts: &Facts, session: Option<&Session>, view: Option<&RoomView>) -> Value {
    match (&facts.visitor, view) {
        (Some(name), view) => json!({
            "name": name,
            "moderator": view.is_some_and(|view| leads(view, session)),
            "after_call_url": session.and_then(|session| session.after_call_url.as_deref()),
        }),
        _ => Value::Null,
    }
}

fn title(subject: &Value, company: &Company) -> String {
    let product = company.settings.branding.product_name.as_ref().unwrap_or(&company.name);
    match subject.as_str() {
        Some(subject) => format!("{subject} · {product}"),
        None => product.to_string(),
    }
}
