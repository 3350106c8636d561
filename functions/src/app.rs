//! What all endpoints share: the table, the configuration, the keys, the clock and chance.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::jws::SigningKey;
use domain::sealed::{BrokenSeal, Sealed, SealingKey};
use domain::{Code, Error as Refusal};
use jiff::{SignedDuration, Timestamp};
use notify::{Mailer, Texter};
use ring::hmac;
use store::Store;

use crate::code_link::CodeKey;
use crate::error::Error;
use crate::guest_pass::PassKey;
use crate::openid::Providers;
use crate::operator::Quotas;
use crate::outbound::{Guard, Outbound};
use crate::own_domains::OwnDomains;
use crate::pages::Shells;
use crate::passwords::Passwords;
use crate::relay_command::RelayCommands;
use crate::sign_ins::SignIns;
use crate::tenants::Tenants;
use crate::texts::Texts;

/// The operator's configuration of the control plane.
#[derive(Clone, Debug)]
pub struct Config {
    /// The scheme that tenants are served under: `https`, on a laptop `http`.
    pub scheme: String,
    /// The port in links where it is not the scheme's own.
    pub port: Option<u16>,
    /// How many requests are let through.
    pub rates: Rates,
    /// Where text messages go to.
    pub texts: Texts,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scheme: "https".to_owned(),
            port: None,
            rates: Rates::default(),
            texts: Texts::default(),
        }
    }
}

impl Config {
    /// The origin of a company's host name, for links: `https://acme.example.com`.
    #[must_use]
    pub fn origin(&self, fqdn: &str) -> String {
        match self.port {
            Some(port) => format!("{}://{fqdn}:{port}", self.scheme),
            None => format!("{}://{fqdn}", self.scheme),
        }
    }
}

/// How many requests are let through, by contract §1 and §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests of one session in a minute.
    pub session_per_minute: u32,
    /// Requests of all sessions of one company in a minute.
    pub company_per_minute: u32,
    /// Writes to one object in a minute.
    pub object_per_minute: u32,
    /// Failed sign-ins for one email from one network in 15 minutes.
    pub sign_in_failures: u32,
    /// Failed sign-ins from one network in 15 minutes.
    pub network_failures: u32,
    /// Failed sign-ins for one email from anywhere in 15 minutes, after which it is let try once a second.
    pub email_failures: u32,
    /// Failed single sign-ons for one account from one network in 15 minutes.
    pub sso_failures: u32,
    /// Wrong PINs in one room from one network in 15 minutes.
    pub pin_failures: u32,
    /// Unknown codes from one network in 15 minutes.
    pub code_failures: u32,
    /// New passwords asked for one email in 15 minutes; more are not mailed.
    pub email_resets: u32,
    /// New passwords asked for from one network in 15 minutes.
    pub network_resets: u32,
    /// Wrong secrets of one OAuth client from one network in 15 minutes.
    pub oauth_failures: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            session_per_minute: 600,
            company_per_minute: 6_000,
            object_per_minute: 60,
            sign_in_failures: 5,
            network_failures: 20,
            email_failures: 20,
            sso_failures: 5,
            pin_failures: 5,
            code_failures: 20,
            email_resets: 3,
            network_resets: 20,
            oauth_failures: 20,
        }
    }
}

/// Why a text says no rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be like session_per_minute=600,company_per_minute=6000, each 1 or more; there are also object_per_minute, \
     sign_in_failures, network_failures, email_failures, sso_failures, pin_failures, code_failures, email_resets, network_resets and oauth_failures"
)]
pub struct NoRates;

impl FromStr for Rates {
    type Err = NoRates;

    /// Reads `session_per_minute=1200,object_per_minute=120`; what is left out, or all of an empty text, is the contract's.
    fn from_str(text: &str) -> Result<Self, NoRates> {
        let mut rates = Self::default();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (name, number) = part.split_once('=').ok_or(NoRates)?;
            let rate = match name {
                "session_per_minute" => &mut rates.session_per_minute,
                "company_per_minute" => &mut rates.company_per_minute,
                "object_per_minute" => &mut rates.object_per_minute,
                "sign_in_failures" => &mut rates.sign_in_failures,
                "network_failures" => &mut rates.network_failures,
                "email_failures" => &mut rates.email_failures,
                "sso_failures" => &mut rates.sso_failures,
                "pin_failures" => &mut rates.pin_failures,
                "code_failures" => &mut rates.code_failures,
                "email_resets" => &mut rates.email_resets,
                "network_resets" => &mut rates.network_resets,
                "oauth_failures" => &mut rates.oauth_failures,
                _ => return Err(NoRates),
            };
            *rate = number.parse().ok().filter(|rate| *rate > 0).ok_or(NoRates)?;
        }
        Ok(rates)
    }
}

/// The keys of the control plane.
#[derive(Debug)]
pub struct Keys {
    /// Signs join tokens and commands to relays.
    pub signing: Arc<SigningKey>,
    /// Seals what must be shown again.
    pub sealing: SealingKey,
    /// Seals access codes in links.
    pub codes: CodeKey,
    /// What the edge proves itself with.
    pub edge_secret: String,
    /// Makes the passes in links of people's own.
    pub(crate) passes: PassKey,
    /// Tells guesses apart. From the edge's secret, which every function has.
    pub(crate) guesses: hmac::Key,
}

impl Keys {
    /// All keys of an installation: its master key, from which those for sealing derive, its signing key and the
    /// edge's secret.
    #[must_use]
    pub fn new(installation_key: &[u8; 32], signing: SigningKey, edge_secret: String) -> Self {
        Self {
            signing: Arc::new(signing),
            sealing: SealingKey::derive(installation_key, "table"),
            codes: CodeKey::derive(installation_key),
            passes: PassKey::derive(installation_key),
            guesses: hmac::Key::new(hmac::HMAC_SHA256, edge_secret.as_bytes()),
            edge_secret,
        }
    }
}

type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;
/// A wait.
pub type Sleeping = Pin<Box<dyn Future<Output = ()> + Send>>;
type Sleep = Box<dyn Fn(Duration) -> Sleeping + Send + Sync>;
type Chance = Box<dyn Fn(&mut [u8]) + Send + Sync>;

/// The control plane. Every endpoint gets it by reference.
pub struct App {
    /// The one table.
    pub store: Store,
    /// The operator's configuration.
    pub config: Config,
    /// The keys.
    pub keys: Keys,
    /// Password hashing.
    pub passwords: Passwords,
    /// The way to the relays.
    pub commands: RelayCommands,
    /// The way to addresses that tenants give.
    pub outbound: Outbound,
    pub(crate) tenants: Tenants,
    pub(crate) providers: Providers,
    pub(crate) sign_ins: SignIns,
    pub(crate) quotas: Quotas,
    pages: Option<Shells>,
    own_domains: Option<OwnDomains>,
    mailer: Option<Arc<dyn Mailer>>,
    texter: Option<Arc<dyn Texter>>,
    clock: Clock,
    sleep: Sleep,
    chance: Chance,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Puts it together, with the machine's clock and its source of random bytes.
    #[must_use]
    pub fn new(store: Store, config: Config, keys: Keys, passwords: Passwords, commands: RelayCommands) -> Self {
        // On a laptop partners' servers are on the same machine.
        let guard = match config.scheme.as_str() {
            "http" => Guard::Loopback,
            _ => Guard::Public,
        };
        Self {
            store,
            config,
            keys,
            passwords,
            commands,
            outbound: Outbound::new(guard),
            tenants: Tenants::default(),
            providers: Providers::default(),
            sign_ins: SignIns::default(),
            quotas: Quotas::default(),
            pages: None,
            own_domains: None,
            mailer: None,
            texter: None,
            clock: Box::new(Timestamp::now),
            sleep: Box::new(|time| Box::pin(tokio::time::sleep(time))),
            chance: Box::new(|bytes| rand::fill(bytes)),
        }
    }

    /// The same with another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The same with another way to wait, for tests whose clock does not go by itself.
    #[must_use]
    pub fn with_sleep(mut self, sleep: impl Fn(Duration) -> Sleeping + Send + Sync + 'static) -> Self {
        self.sleep = Box::new(sleep);
        self
    }

    /// The same with another way to addresses that tenants give, for tests.
    #[must_use]
    pub fn with_outbound(mut self, outbound: Outbound) -> Self {
        self.outbound = outbound;
        self
    }

    /// The same with the web client's pages.
    #[must_use]
    pub fn with_pages(mut self, pages: Shells) -> Self {
        self.pages = Some(pages);
        self
    }

    /// The same with what companies' own host names need.
    #[must_use]
    pub fn with_own_domains(mut self, own_domains: OwnDomains) -> Self {
        self.own_domains = Some(own_domains);
        self
    }

    /// The same with a way out for mail.
    #[must_use]
    pub fn with_mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// The way out for mail.
    ///
    /// # Errors
    ///
    /// This process was started without one.
    pub fn mailer(&self) -> Result<&dyn Mailer, Error> {
        let mailer = self.mailer.as_deref();
        mailer.ok_or(Error::Broken("this process has no way out for mail"))
    }

    /// The same with a way out for text messages.
    #[must_use]
    pub fn with_texter(mut self, texter: Arc<dyn Texter>) -> Self {
        self.texter = Some(texter);
        self
    }

    /// The way out for text messages.
    ///
    /// # Errors
    ///
    /// This process was started without one.
    pub fn texter(&self) -> Result<&dyn Texter, Error> {
        let texter = self.texter.as_deref();
        texter.ok_or(Error::Broken("this process has no way out for text messages"))
    }

    /// What companies' own host names need.
    ///
    /// # Errors
    ///
    /// 409 where this installation has no edge for them.
    pub fn own_domains(&self) -> Result<&OwnDomains, Error> {
        let missing = || {
            Refusal::new(
                Code::Conflict,
                "This installation has no edge for companies' own host names",
            )
        };
        Ok(self.own_domains.as_ref().ok_or_else(missing)?)
    }

    /// The web client's pages.
    ///
    /// # Errors
    ///
    /// This process was started without them.
    pub fn pages(&self) -> Result<&Shells, Error> {
        self.pages
            .as_ref()
            .ok_or(Error::Broken("the pages of the web client were not loaded"))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Waits so long; not at all where that is over.
    pub(crate) fn sleep(&self, time: SignedDuration) -> Sleeping {
        (self.sleep)(Duration::try_from(time).unwrap_or_default())
    }

    /// Random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.chance)(&mut bytes);
        bytes
    }

    /// A random UUID, version 4.
    #[must_use]
    pub fn uuid(&self) -> String {
        let mut bytes = self.random::<16>();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = hex::encode(bytes);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// Seals a secret for the place where it will lie, such as `host/12/moderator_pin`.
    #[must_use]
    pub fn seal(&self, place: &str, secret: &str) -> Sealed {
        self.keys.sealing.seal(place, secret.as_bytes(), self.random())
    }

    /// The secret that was sealed for this place.
    ///
    /// # Errors
    ///
    /// It was changed, moved or sealed with another key.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<String, Error> {
        let secret = self.keys.sealing.open(place, sealed)?;
        String::from_utf8(secret).map_err(|_| BrokenSeal.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_the_contracts_but_for_those_that_are_named() {
        assert_eq!("".parse(), Ok(Rates::default()));
        let raised = Rates {
            session_per_minute: 1_200,
            code_failures: 1,
            ..Rates::default()
        };
        assert_eq!("session_per_minute=1200,code_failures=1".parse(), Ok(raised));
        let all = "session_per_minute=1,company_per_minute=2,object_per_minute=3,sign_in_failures=4,network_failures=5,\
            email_failures=6,sso_failures=7,pin_failures=8,code_failures=9,\
            email_resets=10,network_resets=11,oauth_failures=12";
        let each = Rates {
            session_per_minute: 1,
            company_per_minute: 2,
            object_per_minute: 3,
            sign_in_failures: 4,
            network_failures: 5,
            email_failures: 6,
            sso_failures: 7,
            pin_failures: 8,
            code_failures: 9,
            email_resets: 10,
            network_resets: 11,
            oauth_failures: 12,
        };
        assert_eq!(all.parse(), Ok(each));
        for text in [
            " ",
            ",",
            "600",
            "session_per_minute",
            "session_per_minute=",
            "session_per_minute=0",
            "session_per_minute=-1",
            "session_per_minute=4294967296",
            "session_per_minute=600,",
            "Session_Per_Minute=600",
            "rates=600",
        ] {
            assert_eq!(text.parse::<Rates>(), Err(NoRates), "{text}");
        }
    }
}
