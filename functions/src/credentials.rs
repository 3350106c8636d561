//! An email and its password: whoever guesses learns nothing from the text or the time of an answer, and is shut out
//! after a few tries; nobody can shut out an account from another network.

use domain::code::Email;
use domain::host::Host;
use domain::id::{CompanyId, ResellerId};
use domain::network::Network;
use jiff::SignedDuration;
use store::Attempt;

use crate::access::unauthenticated;
use crate::context::Context;
use crate::error::Error;
use crate::guess;

/// How often an account may be tried that many have failed at.
const SLOWED: SignedDuration = SignedDuration::from_secs(1);

/// Where somebody signs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    /// Accounts of this reseller alone.
    pub(crate) reseller: ResellerId,
    /// Accounts of this company alone; of all the reseller's where absent. Others are as unknown as nobody's.
    pub(crate) company: Option<CompanyId>,
}

/// The account of this email, if the password is its own.
///
/// # Errors
///
/// 401 with the same text and after the same time for an unknown email and a wrong password; 429 after too many
/// failures.
pub(crate) async fn check(context: &Context<'_>, door: Door, email: &str, password: String) -> Result<Host, Error> {
    let (reseller, network) = (door.reseller, context.network());
    // Guesses at one account from one network wait for each other, so that none is made before the one before it counts.
    let _turn = context
        .app
        .sign_ins
        .turn(&(reseller, email.to_lowercase(), network))
        .await;
    let Ok(email) = email.parse::<Email>() else {
        // No account has such an address; the network is counted all the same.
        let tries = Attempt::LoginNetwork(reseller, network);
        let before = context
            .store()
            .attempts(std::slice::from_ref(&tries), context.now)
            .await?;
        if let Some(before) = before
            .first()
            .filter(|before| before.failures >= context.app.config.rates.network_failures)
        {
            return Err(Error::rate_limited(before.retry_after(context.now)));
        }
        context.app.passwords.verify(password, None).await?;
        context.store().attempt_failed(&tries, context.now).await?;
        return Err(wrong());
    };
    let guard = Guard {
        reseller,
        email: &email,
        network,
    };
    let (allowed, host) = tokio::join!(
        guard.check(context, &password),
        context.store().host_signing_in(reseller, &email)
    );
    let failures = allowed?;
    let host = host?.filter(|host| door.company.is_none_or(|own| own == host.company));
    let hash = host.as_ref().and_then(|host| host.password_hash.clone());
    match (context.app.passwords.verify(password, hash).await?, host) {
        (true, Some(host)) => {
            if failures > 0 {
                context.store().attempts_clear(&guard.pair()).await?;
            }
            Ok(host)
        }
        _ => {
            guard.count(context).await?;
            Err(wrong())
        }
    }
}

/// What a sign-in counts against.
struct Guard<'a> {
    reseller: ResellerId,
    email: &'a Email,
    network: Network,
}

impl<'a> Guard<'a> {
    fn pair(&self) -> Attempt<'a> {
        Attempt::Login(self.reseller, self.email, self.network)
    }

    fn all(&self) -> [Attempt<'a>; 3] {
        [
            self.pair(),
            Attempt::LoginNetwork(self.reseller, self.network),
            Attempt::LoginAnywhere(self.reseller, self.email),
        ]
    }

    /// Lets a try through, and answers how many this email and network have failed before.
    async fn check(&self, context: &Context<'_>, password: &str) -> Result<u32, Error> {
        let rates = &context.app.config.rates;
        let store = context.store();
        let limits = [rates.sign_in_failures, rates.network_failures];
        let before = store.attempts(&self.all(), context.now).await?;
        let [pair, network, anywhere] = before.as_slice() else {
            return Err(Error::Broken("as many counts as were asked for"));
        };
        for (count, limit) in [pair, network].into_iter().zip(limits) {
            if count.failures >= limit {
                return Err(Error::rate_limited(count.retry_after(context.now)));
            }
        }
        if anywhere.failures >= rates.email_failures {
            let [_, _, anywhere] = self.all();
            if !store.attempt_turn(&anywhere, SLOWED, context.now).await? {
                return Err(Error::rate_limited(1));
            }
        }
        // One more than may fail: the right one.
        guess::count(context, &self.pair(), password, limits[0].saturating_add(1)).await?;
        context.tell_remaining(limits[0].saturating_sub(pair.failures.saturating_add(1)));
        Ok(pair.failures)
    }

    async fn count(&self, context: &Context<'_>) -> Result<(), Error> {
        let store = context.store();
        let [pair, network, anywhere] = self.all();
        tokio::try_join!(
            store.attempt_failed(&pair, context.now),
            store.attempt_failed(&network, context.now),
            store.attempt_failed(&anywhere, context.now)
        )?;
        Ok(())
    }
}

/// 401 in the contract's words.
pub(crate) fn wrong() -> Error {
    unauthenticated("Invalid email or password").into()
}
