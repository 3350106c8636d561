//! Failures counted against guessing: by account and network, by network, by room and network. Registrations are counted
//! alike, against mails that nobody asked for.

use domain::code::{AccessCode, Email};
use domain::conference::later;
use domain::id::{ConferenceId, HostId, ResellerId};
use domain::network::Network;
use jiff::{SignedDuration, Timestamp};

use serde::{Deserialize, Serialize};

use crate::error::Cause;
use crate::op::{Failure, Op};
use crate::table::Outcome;
use crate::value::{Item, from_item};
use crate::{Error, Result, Store, keys};

/// Failures as they are kept. Times are Unix milliseconds.
#[derive(Serialize, Deserialize)]
struct Kept {
    failures: u32,
    first: i64,
    last: i64,
}

impl Kept {
    /// What counts of them now.
    fn now(item: Option<&Item>, now: Timestamp) -> Result<Attempts> {
        let Some(item) = item else {
            return Ok(Attempts::default());
        };
        let kept: Self = from_item("failures", item)?;
        let until = kept.first + WINDOW_MILLIS;
        if until <= now.as_millisecond() {
            return Ok(Attempts::default());
        }
        let time = |at| Timestamp::from_millisecond(at).ok();
        Ok(Attempts {
            failures: kept.failures,
            last: time(kept.last),
            until: time(until),
        })
    }
}

/// Guesses as they are kept.
#[derive(Deserialize)]
struct Guesses {
    first: i64,
    guesses: Vec<String>,
}

const WINDOW_MILLIS: i64 = Attempts::WINDOW.as_secs() * 1_000;

/// What failures are counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt<'a> {
    /// Sign-ins to one mail address from one network.
    Login(ResellerId, &'a Email, Network),
    /// Sign-ins to one mail address from anywhere.
    LoginAnywhere(ResellerId, &'a Email),
    /// Sign-ins to any account from one network.
    LoginNetwork(ResellerId, Network),
    /// Single sign-ons to one account from one network.
    Sso(HostId, Network),
    /// Security PINs of one room from one network.
    Pin(AccessCode, Network),
    /// Moderator PINs and tokens of one room from one network.
    Moderator(AccessCode, Network),
    /// Unknown codes from one network.
    Code(ResellerId, Network),
    /// People registered for meetings from one network.
    Registration(ResellerId, Network),
    /// Links sent to one mail address that registers for one meeting.
    RegistrationMail(ConferenceId, &'a Email),
    /// New passwords asked for one mail address. Right or wrong, each is counted.
    Reset(ResellerId, &'a Email),
    /// New passwords asked for from one network.
    ResetNetwork(ResellerId, Network),
    /// Wrong secrets of one client of OAuth, by its id, from one network.
    Oauth(ResellerId, &'a str, Network),
}

/// The failures of one kind inside the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last: Option<Timestamp>,
    /// When they are forgotten.
    pub until: Option<Timestamp>,
}

impl Attempts {
    /// How long failures are remembered from the first one on.
    pub const WINDOW: SignedDuration = SignedDuration::from_mins(15);

    /// Seconds until they are forgotten, at least 1.
    pub fn retry_after(&self, now: Timestamp) -> u32 {
        let seconds = self.until.map_or(1, |until| until.duration_since(now).as_secs() + 1);
        u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
    }
}

impl Store {
    /// The failures so far, in the order asked. One read.
    pub async fn attempts(&self, of: &[Attempt<'_>], now: Timestamp) -> Result<Vec<Attempts>> {
        let keys: Vec<_> = of.iter().map(keys::attempt).collect();
        self.get_many(&keys)
            .await?
            .iter()
            .map(|item| Kept::now(item.as_ref(), now))
            .collect()
    }

    /// Counts one failure, and answers how many there are now.
    pub async fn attempt_failed(&self, of: &Attempt<'_>, now: Timestamp) -> Result<Attempts> {
        let at = now.as_millisecond();
        let count = |expression: &str, condition: &str| {
            Op::update(keys::attempt(of), expression)
                .value(":now", &at)
                .value(":one", &1)
                .value(":ttl", &(now.as_second() + Attempts::WINDOW.as_secs()))
                .value(":forgotten", &(at - WINDOW_MILLIS))
                .when(condition, Failure::Raced)
        };
        // Two tries: the first of a window may be counted by somebody else between them.
        for _ in 0..2 {
            let more = count(
                "SET #last = :now, #first = if_not_exists(#first, :now), #ttl = if_not_exists(#ttl, :ttl) ADD #failures :one",
                "attribute_not_exists(#first) OR #first > :forgotten",
            );
            if let Outcome::Done(item) = self.update(more).await? {
                return Kept::now(Some(&item), now);
            }
            let anew = count(
                "SET #first = :now, #last = :now, #ttl = :ttl, #failures = :one",
                "#first <= :forgotten",
            );
            if let Outcome::Done(item) = self.update(anew).await? {
                return Kept::now(Some(&item), now);
            }
        }
        Err(Error::Unavailable(Cause(
            "failures are counted by too many at once".into(),
        )))
    }

    /// Whether a guess may be compared: it is one of the first so many different ones inside the window. Counted before it is
    /// compared, so that guesses made at the same time are no way around the count of failures. `guess` tells guesses apart,
    /// and is kept. Answers, where it may not, how many seconds it must wait.
    pub async fn attempt_guess(&self, of: &Attempt<'_>, guess: &str, most: u32, now: Timestamp) -> Result<Option<u32>> {
        let at = now.as_millisecond();
        let note = |expression: &str, condition: &str| {
            Op::update(keys::guesses(of), expression)
                .value(":now", &at)
                .value(":ttl", &(now.as_second() + Attempts::WINDOW.as_secs()))
                .value(":forgotten", &(at - WINDOW_MILLIS))
                .value(":one", &[guess])
                .when(condition, Failure::Raced)
        };
        loop {
            let one_more = note(
                "SET #first = if_not_exists(#first, :now), #ttl = if_not_exists(#ttl, :ttl), \
                 #guesses = list_append(if_not_exists(#guesses, :none), :one)",
                "attribute_not_exists(#first) OR \
                 (#first > :forgotten AND size(#guesses) < :most AND NOT contains(#guesses, :guess))",
            )
            .value(":none", &[""; 0])
            .value(":guess", &guess)
            .value(":most", &most);
            let Outcome::Refused(item) = self.update(one_more).await? else {
                return Ok(None);
            };
            let known: Guesses = from_item("guesses", &item)?;
            let until = known.first + WINDOW_MILLIS;
            if until <= at {
                let anew = note(
                    "SET #first = :now, #ttl = :ttl, #guesses = :one",
                    "#first <= :forgotten",
                );
                if let Outcome::Done(_) = self.update(anew).await? {
                    return Ok(None);
                }
            } else if known.guesses.iter().any(|known| known == guess) {
                return Ok(None);
            } else if known.guesses.len() >= most as usize {
                let seconds = (until - at).div_euclid(1_000) + 1;
                return Ok(Some(u32::try_from(seconds).unwrap_or(u32::MAX)));
            }
            // Changed by somebody else between the two: looked at anew.
        }
    }

    /// Takes the one try that may be made in so long a time, if nobody else has.
    pub async fn attempt_turn(&self, of: &Attempt<'_>, every: SignedDuration, now: Timestamp) -> Result<bool> {
        let op = Op::update(keys::attempt(of), "SET #last = :now")
            .value(":now", &now.as_millisecond())
            .value(":before", &later(now, -every).as_millisecond())
            .when("#last <= :before", Failure::Raced);
        Ok(matches!(self.update(op).await?, Outcome::Done(_)))
    }

    /// Forgets the failures after a success.
    pub async fn attempts_clear(&self, of: &Attempt<'_>) -> Result<()> {
        let ops = [keys::attempt(of), keys::guesses(of)].map(Op::delete);
        self.commit(ops.into()).await
    }
}
