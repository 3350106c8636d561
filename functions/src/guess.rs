//! Guesses at passwords and PINs, counted before they are compared: of many made at the same time no more are looked at
//! than of as many made one after the other.

use ring::hmac;
use store::Attempt;

use crate::context::Context;
use crate::error::Error;

/// Counts a guess, unless the same one is counted already.
///
/// # Errors
///
/// 429 where so many others were made already.
pub(crate) async fn count(context: &Context<'_>, of: &Attempt<'_>, guess: &str, most: u32) -> Result<(), Error> {
    // Enough to tell guesses apart, and too little to find a password from it.
    let tag = hex::encode(&hmac::sign(&context.app.keys.guesses, guess.as_bytes()).as_ref()[..2]);
    match context.store().attempt_guess(of, &tag, most, context.now).await? {
        None => Ok(()),
        Some(seconds) => Err(Error::rate_limited(seconds)),
    }
}
