//! `POST /relay/quality`: how connections did in a relay's rooms.

use domain::quality::{LARGEST_QUALITY, QualityKept, QualityReport};
use domain::{Code, Error as Refusal};
use http::Method;

use super::report;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Signed;
use crate::reply::Json;

/// `POST /relay/quality`.
#[derive(Debug)]
pub struct RelayQuality;

impl Endpoint for RelayQuality {
    const ID: &'static str = "relay_quality";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/relay/quality";
    const ACCESS: Access = Access::Relay;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "How connections did in a relay's rooms.";
    type Input = Signed<QualityReport>;
    type Output = Json<QualityKept>;

    async fn handle(context: &Context<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let report = report::read(context, &input).await?;
        if report.spans.len() > LARGEST_QUALITY {
            return Err(Refusal::new(Code::TooLarge, "Too many spans in one report").into());
        }
        let kept = context.store().relay_quality(&report, context.now).await?;
        Ok(Json(QualityKept { kept }))
    }
}
