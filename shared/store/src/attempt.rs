//! Failures counted against guessing: by account and network, by network, by room and network.

use domain::code::{AccessCode, Email};
use domain::id::{HostId, ResellerId};
use domain::network::Network;
use jiff::{SignedDuration, Timestamp};

use crate::{Result, Store};

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
        todo!()
    }

    /// Counts one failure, and answers how many there are now.
    pub async fn attempt_failed(&self, of: &Attempt<'_>, now: Timestamp) -> Result<Attempts> {
        todo!()
    }

    /// Forgets the failures after a success.
    pub async fn attempts_clear(&self, of: &Attempt<'_>) -> Result<()> {
        todo!()
    }
}
