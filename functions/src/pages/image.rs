//! `GET /branding/{image}`: a picture of the company's branding, under the hash of its bytes.

use bytes::Bytes;
use domain::company::ImageName;
use domain::{Code, Error as Refusal};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method};

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::{Png, Response};
use crate::visit::Place;

/// `GET /branding/{image}`.
#[derive(Debug)]
pub struct BrandingImage;

/// Where a picture is served.
pub(crate) fn path(name: &ImageName) -> String {
    format!("/branding/{name}")
}

impl Endpoint for BrandingImage {
    const ID: &'static str = "branding_image";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/branding/{image}";
    const ACCESS: Access = Access::Tenant;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead];
    const SUMMARY: &'static str = "A picture of the company's branding.";
    type Input = ();
    type Output = Png;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Png, Error> {
        let unknown = || Refusal::new(Code::NotFound, "no such picture");
        let place = Place::of(context).await?;
        let name = context.request.variable("image").unwrap_or_default();
        let name: ImageName = name.parse().map_err(|_| unknown())?;
        let found = context.store().image(place.reseller, place.company, &name).await?;
        let mut response = Response::new(Bytes::from(found.ok_or_else(unknown)?));
        for (header, value) in [
            (CONTENT_TYPE, "image/png"),
            // What a hash stands for never changes.
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        ] {
            response.headers_mut().insert(header, HeaderValue::from_static(value));
        }
        Ok(Png(response))
    }
}
