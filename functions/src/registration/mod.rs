//! Registering for a meeting (embedding.md §1, `/register/<conference>`): whoever gives a name and a mail address is invited,
//! and gets a link of their own by mail, so that the address is theirs. Without such a link no guest comes in.

mod page;
mod register;

use domain::conference::Slot;
use domain::id::ConferenceId;
use store::{ConferenceState, OccurrenceView, Scope};

pub use page::PageRegister;
pub use register::{ConferenceRegister, RegisterAnswer, RegisterParameters};

use crate::auth::known;
use crate::context::Context;
use crate::endpoint::Route;
use crate::error::Error;
use crate::visit::Place;

/// The endpoints of registering.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![Route::of::<PageRegister>(), Route::of::<ConferenceRegister>()]
}

/// The path of a meeting's registration.
pub(crate) fn path(conference: ConferenceId) -> String {
    format!("/register/{conference}")
}

/// The meeting of the path that this company's people may register for.
async fn asked_for(context: &Context<'_>, place: Place) -> Result<Option<ConferenceState>, Error> {
    let written = context.request.variable("conference").unwrap_or_default();
    let id = written.parse().ok().and_then(ConferenceId::new);
    let scope = Scope::company(place.reseller, place.company);
    let found = match id {
        Some(id) => known(context.store().conference(&scope, id).await)?,
        None => None,
    };
    Ok(found.filter(|state| state.conference.registration))
}

/// When the meeting takes place next, unless all of it is over.
fn next(context: &Context<'_>, state: &ConferenceState) -> Option<Slot> {
    let to_come = |view: &&OccurrenceView| {
        !view.slot.cancelled && view.slot.end() > context.now && !state.is_over(view.slot.occurrence)
    };
    state.occurrences.iter().find(to_come).map(|view| view.slot)
}
