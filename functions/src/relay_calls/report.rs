//! Believing a report: whose it is, that it is fresh, that its body is what was signed, and that it comes once.

use domain::id::RelayId;
use domain::jws::{VerifyingKey, claimed_issuer};
use domain::relay::{REPORT_SECONDS, ReportClaims};
use domain::{Code, Error as Refusal};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Error;
use crate::input::Signed;

/// How long a report's id is remembered: longer than the report can be valid, with both clocks' leeway.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(REPORT_SECONDS + 60);

/// A report whose relay names itself in the body too.
pub(super) trait Report: DeserializeOwned {
    /// The relay that reports.
    fn relay(&self) -> &RelayId;
}

macro_rules! reports {
    ($($name:ty),*) => {$(
        impl Report for $name {
            fn relay(&self) -> &RelayId {
                &self.relay
            }
        }
    )*};
}

reports!(
    domain::relay::Register,
    domain::relay::Heartbeat,
    domain::relay::Enter,
    domain::relay::Leave,
    domain::relay::Events,
    domain::quality::QualityReport
);

/// Reads a report that is to be believed. Two round trips: the relay's key, the report's id.
///
/// What is wrong with a report that is not believed is logged and not told.
pub(super) async fn read<R: Report>(context: &Context<'_>, input: &Signed<R>) -> Result<R, Error> {
    let body = input.bytes.as_ref();
    let (app, now) = (context.app, context.now);
    let token = context
        .request
        .credentials("Relay")
        .ok_or_else(|| refused("no relay's signature"))?;
    let claimed = claimed_issuer(token).and_then(|issuer| issuer.parse::<RelayId>().ok());
    let claimed = claimed.ok_or_else(|| refused("the signature names no relay"))?;
    let relay = app
        .store
        .relay(&claimed)
        .await?
        .ok_or_else(|| refused("no relay of this name"))?;
    let key = VerifyingKey::from_jwk(&relay.key).map_err(|_| Error::Broken("a relay's key in the table is none"))?;
    let claims: ReportClaims = key.verify(token).map_err(refused)?;
    claims.check(body, now.as_second()).map_err(refused)?;
    if context.request.media_type().as_deref() != Some("application/json") {
        return Err(Refusal::new(Code::UnsupportedMediaType, "The report must be application/json").into());
    }
    let report: R = serde_json::from_slice(body)
        .map_err(|error| Refusal::new(Code::InvalidField, "The report does not read").with_detail(error))?;
    if claims.iss != relay.id || *report.relay() != relay.id {
        return Err(refused("reported for another relay"));
    }
    let until = domain::conference::later(now, REMEMBERED);
    if claims.jti.is_empty() || claims.jti.len() > 64 || !app.store.report_once(&relay.id, &claims.jti, until).await? {
        return Err(refused("reported before"));
    }
    Ok(report)
}

fn refused(why: impl std::fmt::Display) -> Error {
    tracing::warn!(why = %why, "a report is not believed");
    Refusal::new(Code::Unauthenticated, "The report is not believed").into()
}
