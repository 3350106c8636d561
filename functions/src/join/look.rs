//! The first look: everything that the code, the host name and the caller alone lead to, read at once.

use domain::code::AccessCode;
use domain::join::JoinRequest;
use domain::network::Network;
use domain::{Code, Error as Refusal};
use store::{Attempt, Attempts, Relay, RoomView, Session};

use crate::auth::{self, Use};
use crate::context::Context;
use crate::error::Error;
use crate::guess;
use crate::visit::Place;

/// What is known before the meeting itself is read.
pub(super) struct Look {
    pub(super) view: RoomView,
    /// The caller's session, of this tenant.
    pub(super) session: Option<Session>,
    /// Relays that live, best first.
    pub(super) relays: Vec<Relay>,
    pub(super) network: Network,
    failures: Failures,
}

/// Guesses so far in this room from this network.
struct Failures {
    pin: Attempts,
    moderator: Attempts,
}

/// What a guess is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    /// The meeting's security PIN.
    Pin,
    /// The host's PIN.
    Moderator,
}

impl Look {
    pub(super) async fn at(context: &Context<'_>, asked: &JoinRequest) -> Result<Self, Error> {
        let (app, request, now) = (context.app, context.request, context.now);
        let network = context.network();
        let (place, code) = if asked.encrypted {
            // Only the company's own key opens the code.
            let place = Place::of(context).await?;
            (Some(place), app.keys.codes.reveal(place.company, &asked.code))
        } else {
            (None, asked.code.parse::<AccessCode>().ok())
        };
        let at = async {
            match place {
                Some(place) => Ok(place),
                None => Place::of(context).await,
            }
        };
        let room = async {
            match code {
                Some(code) => Ok::<_, Error>(app.store.room(code, now).await?),
                None => Ok(None),
            }
        };
        let failures = async {
            let Some(code) = code else {
                return Ok::<_, Error>([Attempts::default(); 2]);
            };
            let of = [Attempt::Pin(code, network), Attempt::Moderator(code, network)];
            let found = app.store.attempts(&of, now).await?;
            Ok([
                found.first().copied().unwrap_or_default(),
                found.get(1).copied().unwrap_or_default(),
            ])
        };
        let relays = async { Ok::<_, Error>(app.store.relays_alive(None, now).await?) };
        let session = auth::signed_in(app, request, Use::Act, now);
        let (place, view, [pin, moderator], relays, session) = tokio::try_join!(at, room, failures, relays, session)?;
        let inside = |view: &RoomView| view.room.company == place.company && view.room.reseller == place.reseller;
        let Some(view) = view.filter(inside) else {
            return Err(unknown_code(context, place, network).await);
        };
        let session = session.filter(|session| session.company == place.company && session.reseller == place.reseller);
        Ok(Self {
            view,
            session,
            relays,
            network,
            failures: Failures { pin, moderator },
        })
    }

    /// Refuses to look at another guess from a network that has guessed too often, or guesses much at once.
    pub(super) async fn may_guess(&self, context: &Context<'_>, secret: Secret, guess: &str) -> Result<(), Error> {
        let failed = match secret {
            Secret::Pin => self.failures.pin,
            Secret::Moderator => self.failures.moderator,
        };
        let most = context.app.config.rates.pin_failures;
        if failed.failures >= most {
            return Err(Error::rate_limited(failed.retry_after(context.now)));
        }
        // One more than may fail: the right one.
        guess::count(context, &self.attempt(secret), guess, most.saturating_add(1)).await
    }

    fn attempt(&self, secret: Secret) -> Attempt<'static> {
        let code = self.view.room.code;
        match secret {
            Secret::Pin => Attempt::Pin(code, self.network),
            Secret::Moderator => Attempt::Moderator(code, self.network),
        }
    }

    /// Counts a wrong guess.
    pub(super) async fn guessed_wrong(&self, context: &Context<'_>, secret: Secret) -> Result<(), Error> {
        context
            .app
            .store
            .attempt_failed(&self.attempt(secret), context.now)
            .await?;
        Ok(())
    }

    /// Whether the caller is signed in as the room's host.
    pub(super) fn is_host(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.host == self.view.room.host)
    }
}

/// Codes are short: the network that tries unknown ones is slowed down.
async fn unknown_code(context: &Context<'_>, place: Place, network: Network) -> Error {
    let attempt = Attempt::Code(place.reseller, network);
    match context.app.store.attempt_failed(&attempt, context.now).await {
        Ok(failed) if failed.failures > context.app.config.rates.code_failures => {
            Error::rate_limited(failed.retry_after(context.now))
        }
        Ok(_) => Refusal::new(Code::NotFound, "There is no meeting with this code")
            .with_field("code")
            .into(),
        Err(error) => error.into(),
    }
}
