//! `POST /relay/register`: a relay has started.

use domain::relay::{HEARTBEAT_SECONDS, Register, Registered};
use http::Method;

use super::report;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Signed;
use crate::reply::Json;

/// `POST /relay/register`.
#[derive(Debug)]
pub struct RelayRegister;

impl Endpoint for RelayRegister {
    const ID: &'static str = "relay_register";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/relay/register";
    const ACCESS: Access = Access::Relay;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SigningKey];
    const SUMMARY: &'static str = "A relay has started.";
    type Input = Signed<Register>;
    type Output = Json<Registered>;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let register = report::read(context, &input).await?;
        context.store().relay_register(&register, context.now).await?;
        let keys = vec![context.app.keys.signing.verifying_key().to_jwk()];
        Ok(Json(Registered {
            heartbeat_seconds: HEARTBEAT_SECONDS,
            keys,
        }))
    }
}
