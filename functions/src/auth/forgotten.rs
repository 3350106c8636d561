//! `POST /password`: whoever has forgotten a password asks for a link that sets a new one. Nothing of the answer, nor its
//! time, says whether there is such an account: a job looks for it afterwards.

use std::fmt;

use domain::code::Email;
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Attempt, Work};

use super::login::own_page;
use super::openid::check_passwords;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::JsonBody;
use crate::reply::Json;
use crate::visit::Place;

/// What the page sends.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct ForgottenParameters {
    /// The account's mail address.
    pub email: Email,
}

impl fmt::Debug for ForgottenParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForgottenParameters(***)")
    }
}

/// Heard: if there is such an account here, a mail is on its way.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Heard")]
pub struct HeardAnswer {}

/// `POST /password`.
#[derive(Debug)]
pub struct SignInForgotten;

impl Endpoint for SignInForgotten {
    const ID: &'static str = "sign_in_forgotten";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/password";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableWrite, Need::TableRead, Need::SealingKey];
    const SUMMARY: &'static str = "Mails a link that sets a new password, if there is such an account.";
    type Input = JsonBody<ForgottenParameters>;
    type Output = Json<HeardAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        own_page(context)?;
        let (app, store) = (context.app, context.store());
        let place = Place::of(context).await?;
        check_passwords(context, place).await?;
        let by_network = Attempt::ResetNetwork(place.reseller, context.network());
        let by_email = Attempt::Reset(place.reseller, &asked.email);
        let (network, email) = tokio::try_join!(
            store.attempt_failed(&by_network, context.now),
            store.attempt_failed(&by_email, context.now)
        )?;
        if network.failures > app.config.rates.network_resets {
            return Err(Error::rate_limited(network.retry_after(context.now)));
        }
        // Whoever asks again and again fills nobody's mailbox, and learns nothing.
        if email.failures <= app.config.rates.email_resets {
            let token = hex::encode(app.random::<32>());
            let work = Work::PasswordReset {
                link: app.seal(&Work::reset_place(&asked.email), &token),
                email: asked.email,
            };
            store
                .job_begin(place.reseller, place.company, work, context.now)
                .await?;
        }
        Ok(Json(HeardAnswer {}))
    }
}
