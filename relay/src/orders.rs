//! Orders in meetings: commands of the control plane, and what moderators do by their join tokens. Each is carried out once;
//! a repeat is answered as the first was.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
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
use http::{HeaderMap, StatusCode};
use relay_core::room::{By, Control, Denied, RoomKey, Ticket};

use crate::{
    control::{now, unix_ms},
    http::{App, counted},
    tokens::{Refused, credentials},
};

/// Orders remembered, so that none is carried out twice.
const REMEMBERED: usize = 10_000;

/// Longest id of a moderator's request, in bytes.
const LONGEST_ID: usize = 64;

type Outcome = Result<(), Denied>;

/// Orders of one token at once, and each second after that.
const ORDERS: f64 = 50.0;
const ORDERS_PER_SECOND: f64 = 10.0;

/// Tokens that may be at rest and remembered.
const FEW: usize = 64;

/// The session that a token names: the `jti`s of one room mean nothing in another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionName {
    room: RoomKey,
    jti: String,
}

impl SessionName {
    pub(crate) fn of(ticket: &Ticket) -> Self {
        Self {
            room: ticket.room.clone(),
            jti: ticket.jti.clone(),
        }
    }
}

/// The last orders by their ids, and what came of them.
#[derive(Debug)]
pub(crate) struct Seen<Id>(Mutex<Orders<Id>>);

#[derive(Debug)]
struct Orders<Id> {
    outcomes: HashMap<Id, Outcome>,
    /// Oldest first.
    ids: VecDeque<Id>,
}

impl<Id> Default for Seen<Id> {
    fn default() -> Self {
        Self(Mutex::new(Orders {
            outcomes: HashMap::new(),
            ids: VecDeque::new(),
        }))
    }
}

impl<Id: Clone + Eq + Hash> Seen<Id> {
    /// What came of the order of this id; if nobody gave it before, it is carried out. Orders of people who may give none
    /// are not remembered. Called by one thread, that of the rooms.
    fn once(&self, id: Id, carry_out: impl FnOnce() -> Outcome) -> Outcome {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = orders.outcomes.get(&id) {
            return *outcome;
        }
        let outcome = carry_out();
        if outcome == Err(Denied::NotModerator) {
            return outcome;
        }
        if orders.ids.len() >= REMEMBERED
            && let Some(oldest) = orders.ids.pop_front()
        {
            orders.outcomes.remove(&oldest);
        }
        orders.ids.push_back(id.clone());
        orders.outcomes.insert(id, outcome);
        outcome
    }
}

/// How many orders came of each session.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Buckets>);

/// Buckets that fill with time.
#[derive(Debug, Default)]
struct Buckets {
    of: HashMap<SessionName, (f64, Instant)>,
    /// How many there were when those that were full were thrown away last.
    kept: usize,
}

impl Pace {
    /// Takes an order of this session; false when that is too much.
    pub(crate) fn allows(&self, session: &SessionName, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |(left, filled): (f64, Instant)| {
            let seconds = now.saturating_duration_since(filled).as_secs_f64();
            (left + seconds * ORDERS_PER_SECOND).min(ORDERS)
        };
        if buckets.of.len() >= FEW.max(2 * buckets.kept) {
            // A full bucket is as good as none.
            buckets.of.retain(|_, bucket| left(*bucket) < ORDERS);
            buckets.kept = buckets.of.len();
        }
        let left = buckets.of.get(session).map_or(ORDERS, |bucket| left(*bucket));
        if left < 1.0 {
            return false;
        }
        buckets.of.insert(session.clone(), (left - 1.0, now));
        true
    }
}

/// The control plane orders something.
pub(crate) async fn command(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    counted(&app, "command", carry_out(&app, &headers, &body).await)
}

async fn carry_out(app: &App, headers: &HeaderMap, body: &[u8]) -> Response {
    let unauthenticated = || failure(&Error::new(Code::Unauthenticated, "not a command for this relay"));
    let Some(claims) = credentials(headers, "Command").and_then(|token| app.tokens.verify::<CommandClaims>(token).ok())
    else {
        return unauthenticated();
    };
    if claims.check(&app.relay, body, unix_ms() / 1000).is_err() {
        return unauthenticated();
    }
    let Ok(Command { room, action }) = serde_json::from_slice::<Command>(body) else {
        return failure(&Error::new(Code::InvalidField, "not a command"));
    };
    let commands = app.commands.clone();
    let outcome = app.rooms.call(move |control| {
        commands.once(claims.jti, || {
            let outcome = order(control, &RoomKey::Meeting(room), &By::ControlPlane, action);
            match outcome {
                // What is not here has ended here.
                Err(Denied::NoRoom) if matches!(action, Action::End { .. }) => Ok(()),
                outcome => outcome,
            }
        })
    });
    answer(outcome.await)
}

/// A moderator who is in the room orders something, by the join token.
pub(crate) async fn room_control(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    counted(&app, "order", control(&app, &headers, &body).await)
}

async fn control(app: &App, headers: &HeaderMap, body: &[u8]) -> Response {
    let ticket = match holder(app, headers) {
        Ok(ticket) => ticket,
        Err(refused) => return failure(&refused),
    };
    let read = serde_json::from_slice::<RoomControl>(body).ok();
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
    by_holder(app, ticket, id, action).await
}

/// A moderator ends the meeting for all, by the join token.
pub(crate) async fn room_end(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let response = match holder(&app, &headers) {
        Ok(ticket) => by_holder(&app, ticket, None, Action::End { reason: Reason::Ended }).await,
        Err(refused) => failure(&refused),
    };
    counted(&app, "order", response)
}

async fn by_holder(app: &App, ticket: Ticket, id: Option<String>, action: Action) -> Response {
    let session = SessionName::of(&ticket);
    if !app.pace.allows(&session, Instant::now()) {
        return failure(&Error::new(Code::RateLimited, "Too many orders"));
    }
    let by = By::Holder {
        identity: ticket.identity,
        jti: ticket.jti,
    };
    let requests = app.requests.clone();
    let outcome = app.rooms.call(move |control| {
        let mut carry_out = || order(control, &ticket.room, &by, action);
        match id {
            Some(id) => requests.once((session, id), carry_out),
            None => carry_out(),
        }
    });
    answer(outcome.await)
}

fn holder(app: &App, headers: &HeaderMap) -> Result<Ticket, Error> {
    credentials(headers, "Bearer")
        .ok_or(Refused::Missing)
        .and_then(|token| app.tokens.ticket(token, unix_ms() / 1000))
        .map_err(|refused| Error::new(Code::Unauthenticated, refused.to_string()))
}

/// Carries an order out, on the thread of the rooms.
fn order(control: &mut Control, room: &RoomKey, by: &By, action: Action) -> Outcome {
    let outcome = control.order(now(), room, by, action);
    if outcome.is_ok() {
        tracing::info!(%room, ?action, by_moderator = *by != By::ControlPlane, "order");
    }
    outcome
}

/// No outcome is that of a relay that stops.
fn answer(outcome: Option<Outcome>) -> Response {
    let Some(outcome) = outcome else {
        return failure(&Error::new(Code::Unavailable, "the relay stops"));
    };
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

fn failure(error: &Error) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(error.body(""))).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_order_is_carried_out_once_and_its_outcome_is_remembered() {
        let seen = Seen::default();
        let give = |id: &str, outcome| {
            let mut done = false;
            let answer = seen.once(id.to_owned(), || {
                done = true;
                outcome
            });
            (done, answer)
        };
        let nobody = Err(Denied::NoParticipant);
        assert_eq!(give("a", nobody), (true, nobody));
        assert_eq!(give("a", Ok(())), (false, nobody));
        // Who may not order may one moment later, and pushes nothing out.
        let refused = Err(Denied::NotModerator);
        assert_eq!(give("b", refused), (true, refused));
        assert_eq!(give("b", Ok(())), (true, Ok(())));
        for n in 0..REMEMBERED {
            assert_eq!(give(&n.to_string(), Ok(())), (true, Ok(())));
        }
        // Forgotten, so that memory is bounded.
        assert_eq!(give("a", Ok(())), (true, Ok(())));
        assert_eq!(seen.0.lock().expect("unpoisoned").outcomes.len(), REMEMBERED);
    }

    #[test]
    fn a_token_orders_at_a_pace() {
        let session = |room: &str, jti: &str| SessionName {
            room: RoomKey::Named(room.to_owned()),
            jti: jti.to_owned(),
        };
        let (pace, start) = (Pace::default(), Instant::now());
        let a = session("r", "a");
        assert!((0..50).all(|_| pace.allows(&a, start)));
        assert!(!pace.allows(&a, start));
        assert!(pace.allows(&session("r", "b"), start), "each its own");
        assert!(pace.allows(&session("s", "a"), start), "and in each room");
        let later = start + Duration::from_secs(1);
        assert_eq!((0..20).filter(|_| pace.allows(&a, later)).count(), 10);
    }

    #[test]
    fn tokens_that_are_at_rest_take_no_memory() {
        let (pace, start) = (Pace::default(), Instant::now());
        let token = |n: u64| SessionName {
            room: RoomKey::Named("r".to_owned()),
            jti: n.to_string(),
        };
        let held = || pace.0.lock().expect("unpoisoned").of.len();
        // Ten a second, each at rest again after a tenth of one.
        for n in 0..10_000 {
            assert!(pace.allows(&token(n), start + Duration::from_millis(100 * n)));
            assert!(held() <= FEW);
        }
        // Many at once are all remembered, and forgotten afterwards.
        let busy = start + Duration::from_secs(2_000);
        for n in 0..1_000 {
            assert!((0..2).all(|_| pace.allows(&token(n), busy)));
        }
        assert_eq!(held(), 1_000);
        let later = start + Duration::from_secs(3_000);
        for n in 0..2_000 {
            assert!(pace.allows(&token(n), later + Duration::from_secs(n)));
        }
        assert!(held() <= FEW, "{}", held());
    }
}
