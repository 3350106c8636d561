//! What a request passes before it may do anything: the rates of its company and its object, and its idempotency key.

use domain::sealed::Sealed;
use domain::{Code, Error as Refusal};
use ring::digest::{SHA256, digest};
use store::{Claim, Claimed, IdempotencyKey, Rate};

use crate::access::{Caller, seconds_left};
use crate::context::Context;
use crate::endpoint::Kind;
use crate::error::Error;

/// The longest idempotency key, in characters.
const LONGEST_KEY: usize = 64;

/// What came of the idempotency key.
#[derive(Debug, Default)]
pub(crate) enum Admission {
    /// There is none: the work is done each time.
    #[default]
    Plain,
    /// Nobody has done the work: it is done under this claim.
    First(Claim),
    /// The work was done before: its answer, sealed.
    Answered(Sealed),
}

/// Counts a request against its rates, and claims its key.
pub(crate) async fn admit(context: &Context<'_>, kind: Kind, object: Option<&str>) -> Result<Admission, Error> {
    let Some(caller) = context.known_caller() else {
        return Ok(Admission::Plain);
    };
    let store = &context.app.store;
    let rates = &context.app.config.rates;
    let company = Rate::Company(caller.reseller, caller.company);
    if kind == Kind::Read {
        let count = store.rate_count(&company, context.now).await?;
        return check(count, rates.company_per_minute, context).map(|()| Admission::Plain);
    }
    let writes = async {
        match object {
            Some(object) => {
                store
                    .rate_count(
                        &Rate::ObjectWrites {
                            session: &caller.session,
                            object,
                        },
                        context.now,
                    )
                    .await
            }
            None => Ok(0),
        }
    };
    let (requests, writes, admission) =
        tokio::join!(store.rate_count(&company, context.now), writes, claim(context, caller));
    let admission = admission?;
    let within = check(requests?, rates.company_per_minute, context).and(
        writes
            .map_err(Error::from)
            .and_then(|writes| check(writes, rates.object_per_minute, context)),
    );
    if within.is_err() {
        release(context, &admission).await;
    }
    within.map(|()| admission)
}

fn check(count: u32, limit: u32, context: &Context<'_>) -> Result<(), Error> {
    if count > limit {
        Err(Error::rate_limited(seconds_left(context.now)))
    } else {
        Ok(())
    }
}

async fn claim(context: &Context<'_>, caller: &Caller) -> Result<Admission, Error> {
    let Some(key) = key(context)? else {
        return Ok(Admission::Plain);
    };
    let body = hex::encode(digest(&SHA256, &context.request.parameters()?.canonical()));
    let key = IdempotencyKey {
        reseller: caller.reseller,
        account: caller.host,
        method: context.endpoint.to_owned(),
        key,
    };
    let claimed = context
        .app
        .store
        .idempotency_claim(&key, &body, context.app.random(), context.now)
        .await?;
    match claimed {
        Claimed::Fresh(claim) => Ok(Admission::First(claim)),
        // Every write keeps its answer with it; an erased account's are taken away.
        Claimed::Applied { .. } => {
            let why = "What was answered to this idempotency_key is not kept any more";
            Err(Refusal::new(Code::Conflict, why).with_field("idempotency_key").into())
        }
        Claimed::Done(answer) => Ok(Admission::Answered(answer)),
        Claimed::Running => {
            let refusal = Refusal::new(Code::InProgress, "A request with this idempotency_key still runs");
            Err(refusal.with_field("idempotency_key").with_retry_after(1).into())
        }
        Claimed::OtherBody => {
            let refusal = Refusal::new(Code::Conflict, "This idempotency_key was used with another body");
            Err(refusal.with_field("idempotency_key").into())
        }
    }
}

fn key(context: &Context<'_>) -> Result<Option<String>, Error> {
    let parameters = context.request.parameters()?;
    if !parameters.given("idempotency_key") {
        return Ok(None);
    }
    let key = parameters.text("idempotency_key").unwrap_or_default();
    let plain = !key.is_empty() && key.chars().count() <= LONGEST_KEY && !key.chars().any(char::is_control);
    if plain {
        Ok(Some(key.to_owned()))
    } else {
        Err(Refusal::invalid("idempotency_key", "must be a string of 1 to 64 characters").into())
    }
}

/// Lets the key go after a failure, so that another try with it runs. The store keeps it where the work was done after
/// all; a failure here costs the caller the lease's minute, and nothing else.
pub(crate) async fn release(context: &Context<'_>, admission: &Admission) {
    if let Admission::First(claim) = admission
        && let Err(error) = context.app.store.idempotency_release(claim).await
    {
        Error::from(error).log(context.endpoint, &context.request.id);
    }
}
