//! The pictures of a company's branding: fetched when their address is set, drawn anew, and kept by us.

use std::time::Duration;

use bytes::Bytes;
use domain::Error as Refusal;
use domain::company::{Branding, Company, ImageName, Images};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use store::{Image, LARGEST_IMAGE};

use crate::context::Context;
use crate::error::Error;
use crate::outbound::{Given, Limits, OutboundError};
use crate::picture::redrawn;

/// How long a picture is waited for, and how large it may be.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(5),
    body: 1_024 * 1_024,
};

/// One of the two.
struct Wanted<'a> {
    field: &'static str,
    kind: Given,
    url: Option<&'a str>,
    /// The address that it was fetched from before, and what came of it.
    former: Option<(&'a str, &'a ImageName)>,
    /// The longest side in pixels.
    side: u32,
}

/// The pictures that a branding names, with those that are new. What a company has already under the same address is not
/// fetched again. Nothing is fetched for a caller whose account does not stand behind its session any more.
///
/// # Errors
///
/// `invalid_field` that names the address that no picture came from, and says why.
pub(super) async fn images(
    context: &Context<'_>,
    former: Option<&Company>,
    branding: &Branding,
) -> Result<(Images, Vec<Image>), Error> {
    let before = |url: fn(&Branding) -> Option<&str>, name: fn(&Images) -> Option<&ImageName>| {
        former.and_then(|company| Some((url(&company.settings.branding)?, name(&company.images)?)))
    };
    let logo = Wanted {
        field: "branding.logo_url",
        kind: Given::Logo,
        url: branding.logo_url.as_deref(),
        former: before(|branding| branding.logo_url.as_deref(), |images| images.logo.as_ref()),
        side: 512,
    };
    let icon = Wanted {
        field: "branding.icon_url",
        kind: Given::Icon,
        url: branding.icon_url.as_deref(),
        former: before(|branding| branding.icon_url.as_deref(), |images| images.icon.as_ref()),
        side: 192,
    };
    let (logo, icon) = tokio::try_join!(logo.find(context), icon.find(context))?;
    let mut new = Vec::new();
    let mut named = |found: Option<Found>| match found? {
        Found::Kept(name) => Some(name),
        Found::New(image) => {
            let name = image.name.clone();
            if new.iter().all(|other: &Image| other.name != name) {
                new.push(image);
            }
            Some(name)
        }
    };
    let images = Images {
        logo: named(logo),
        icon: named(icon),
    };
    Ok((images, new))
}

enum Found {
    Kept(ImageName),
    New(Image),
}

impl Wanted<'_> {
    async fn find(self, context: &Context<'_>) -> Result<Option<Found>, Error> {
        let Some(url) = self.url else { return Ok(None) };
        if let Some((former, name)) = self.former
            && former == url
        {
            return Ok(Some(Found::Kept(name.clone())));
        }
        let field = self.field;
        let refused = |why: OutboundError| Refusal::invalid(field, why);
        let target = context.app.outbound.given(url, self.kind).map_err(refused)?;
        context.cleared().await?;
        let accept = HeaderValue::from_static("image/png, image/webp, image/jpeg");
        let headers = HeaderMap::from_iter([(ACCEPT, accept)]);
        let outbound = &context.app.outbound;
        let sending = outbound.send(Method::GET, &target, headers, Bytes::new(), LIMITS);
        let answer = sending.await.map_err(refused)?;
        match answer.status {
            StatusCode::OK => {}
            status if status.is_redirection() => {
                return Err(Refusal::invalid(field, "leads to a redirect, and none is followed").into());
            }
            status => {
                let why = format_args!("leads to an answer of status {} instead of 200", status.as_u16());
                return Err(Refusal::invalid(field, why).into());
            }
        }
        let drawing = move || redrawn(&answer.body, self.side, LARGEST_IMAGE);
        let drawn = tokio::task::spawn_blocking(drawing).await;
        let drawn = drawn.map_err(|_| Error::Broken("drawing a picture failed"))?;
        let png = drawn.map_err(|why| Refusal::invalid(field, why))?;
        Ok(Some(Found::New(Image::new(png))))
    }
}
