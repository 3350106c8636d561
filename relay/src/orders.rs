//! Orders in meetings: commands of the control plane, and what moderators do by their join tokens. Each is carried out once;
//! a repeat is answered as the first was.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Bytes,
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::{
    Code, Error, Reason,
    relay::{Action, Command, CommandClaims, RoomControl},
};
use http::{HeaderMap, StatusCode, header};
use relay_core::room::{By, Denied, RoomKey, Ticket};

use crate::{
    control::{now, unix_ms},
    http::App,
    tokens::Refused,
};

/// Orders remembered, so that none is carried out twice.
const REMEMBERED: usize = 10_000;

/// Longest id of a moderator's request, in bytes.
const LONGEST_ID: usize = 64;

type Outcome = Result<(), Denied>;

/// The last orders by their ids, and what came of them.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Orders>);

#[derive(Debug, Default)]
struct Orders {
    /// Absent while the first still runs.
    outcomes: HashMap<String, Option<Outcome>>,
    /// Oldest first.
    ids: VecDeque<String>,
}

impl Seen {
    /// What came of the order of this id; `None` if nobody gave it before, and then it is taken note of.
    fn begin(&self, id: &str) -> Option<Outcome> {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = orders.outcomes.get(id) {
            return Some(outcome.unwrap_or(Ok(())));
        }
        if orders.ids.len() >= REMEMBERED
            && let Some(oldest) = orders.ids.pop_front()
        {
            orders.outcomes.remove(&oldest);
        }
        orders.ids.push_back(id.to_owned());
        orders.outcomes.insert(id.to_owned(), None);
        None
    }

    fn end(&self, id: &str, outcome: Outcome) {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = orders.outcomes.get_mut(id) {
            *known = Some(outcome);
        }
    }

    /// The order of this id was not carried out: whoever repeats it gives it anew.
    fn forget(&self, id: &str) {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.outcomes.remove(id).is_some() {
            orders.ids.retain(|known| known != id);
        }
    }
}

/// The control plane orders something.
pub(crate) async fn command(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let unauthenticated = || failure(&Error::new(Code::Unauthenticated, "not a command for this relay"));
    let Some(claims) =
        credentials(&headers, "Command ").and_then(|token| app.tokens.verify::<CommandClaims>(token).ok())
    else {
        return unauthenticated();
    };
    if claims.check(&app.relay, &body, unix_ms() / 1000).is_err() {
        return unauthenticated();
    }
    let Ok(Command { room, action }) = serde_json::from_slice::<Command>(&body) else {
        return failure(&Error::new(Code::InvalidField, "not a command"));
    };
    if let Some(outcome) = app.commands.begin(&claims.jti) {
        return answer(outcome);
    }
    let outcome = match order(&app, RoomKey::Meeting(room), By::ControlPlane, action).await {
        // What is not here has ended here.
        Some(Err(Denied::NoRoom)) if matches!(action, Action::End { .. }) => Ok(()),
        Some(outcome) => outcome,
        None => {
            app.commands.forget(&claims.jti);
            return unavailable();
        }
    };
    app.commands.end(&claims.jti, outcome);
    answer(outcome)
}

/// A moderator who is in the room orders something, by the join token.
pub(crate) async fn room_control(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let ticket = match holder(&app, &headers) {
        Ok(ticket) => ticket,
        Err(refused) => return failure(&refused),
    };
    let read = serde_json::from_slice::<RoomControl>(&body).ok();
    let Some(RoomControl { id, action }) = read.filter(|read| read.id.as_ref().is_none_or(|id| id.len() <= LONGEST_ID))
    else {
        return failure(&Error::new(Code::InvalidField, "not an action"));
    };
    // Whoever is put out by a moderator hears of a moderator.
    let action = match action {
        Action::End { .. } => Action::End { reason: Reason::Ended },
        Action::Remove { participant, .. } => Action::Remove {
            participant,
            reason: Reason::Removed,
        },
        action => action,
    };
    by_holder(&app, ticket, id, action).await
}

/// A moderator ends the meeting for all, by the join token.
pub(crate) async fn room_end(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match holder(&app, &headers) {
        Ok(ticket) => by_holder(&app, ticket, None, Action::End { reason: Reason::Ended }).await,
        Err(refused) => failure(&refused),
    }
}

async fn by_holder(app: &App, ticket: Ticket, id: Option<String>, action: Action) -> Response {
    let id = id.map(|id| format!("{}/{id}", ticket.jti));
    if let Some(outcome) = id.as_ref().and_then(|id| app.requests.begin(id)) {
        return answer(outcome);
    }
    let by = By::Holder {
        identity: ticket.identity,
        jti: ticket.jti,
    };
    let Some(outcome) = order(app, ticket.room, by, action).await else {
        if let Some(id) = id {
            app.requests.forget(&id);
        }
        return unavailable();
    };
    if let Some(id) = id {
        app.requests.end(&id, outcome);
    }
    answer(outcome)
}

fn holder(app: &App, headers: &HeaderMap) -> Result<Ticket, Error> {
    credentials(headers, "Bearer ")
        .ok_or(Refused::Missing)
        .and_then(|token| app.tokens.ticket(token, unix_ms() / 1000))
        .map_err(|refused| Error::new(Code::Unauthenticated, refused.to_string()))
}

async fn order(app: &App, room: RoomKey, by: By, action: Action) -> Option<Outcome> {
    tracing::info!(%room, ?action, by_moderator = by != By::ControlPlane, "order");
    app.rooms
        .call(move |control| control.order(now(), &room, &by, action))
        .await
}

fn answer(outcome: Outcome) -> Response {
    let error = match outcome {
        Ok(()) => return axum::Json(HashMap::<(), ()>::new()).into_response(),
        Err(Denied::NoRoom) => Error::not_found("meeting here"),
        Err(Denied::NoParticipant) => Error::not_found("participant").with_field("participant"),
        Err(Denied::Waiting) => Error::new(
            Code::Conflict,
            "Who waits is admitted or rejected, who is in is neither",
        ),
        Err(Denied::Full) => Error::new(Code::Conflict, "The meeting is full").with_reason(Reason::Full),
        Err(Denied::NotModerator) => Error::new(Code::Forbidden, "only a moderator who is in the meeting may do this"),
    };
    failure(&error)
}

fn unavailable() -> Response {
    failure(&Error::new(Code::Unavailable, "the relay stops"))
}

fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix(scheme)
}

fn failure(error: &Error) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(error.body(""))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_new_once_and_its_outcome_is_remembered() {
        let seen = Seen::default();
        assert_eq!(seen.begin("a"), None);
        // While it runs, a repeat is not another order.
        assert_eq!(seen.begin("a"), Some(Ok(())));
        seen.end("a", Err(Denied::NoParticipant));
        assert_eq!(seen.begin("a"), Some(Err(Denied::NoParticipant)));
        // Not carried out, so that a repeat is no repeat.
        assert_eq!(seen.begin("b"), None);
        seen.forget("b");
        assert_eq!(seen.begin("b"), None);
        seen.forget("b");
        assert_eq!(
            seen.begin("a"),
            Some(Err(Denied::NoParticipant)),
            "others are still known"
        );
        for n in 0..REMEMBERED {
            assert_eq!(seen.begin(&n.to_string()), None);
        }
        // Forgotten, so that memory is bounded.
        assert_eq!(seen.begin("a"), None);
        assert_eq!(seen.0.lock().expect("unpoisoned").outcomes.len(), REMEMBERED);
    }
}
