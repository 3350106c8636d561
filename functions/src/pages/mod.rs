//! The pages that the control plane serves: the web client's built HTML with each page's own data in it, and the
//! headers that say who may frame it.

mod calendar;
mod docs;
mod framing;
mod home;
mod image;
mod login;
mod password;
mod room;
mod shell;

use domain::company::{Company, EmbedPolicy, Reseller};
use domain::host::Host;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

pub use calendar::PageCalendar;
pub use docs::PageDocs;
pub use framing::{Framing, Reach};
pub use home::PageHome;
pub use image::BrandingImage;
pub(crate) use login::{LoginPage, login_page};
pub use login::{LoginPageInput, PageLogin};
pub use password::PagePassword;
pub use room::{PageRoom, RoomPageInput};
pub use shell::{Shell, ShellError, Shells, escape};

use crate::app::App;
use crate::endpoint::Route;
use crate::reply::Html;

/// The pages' endpoints.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::of::<BrandingImage>(),
        Route::of::<PageCalendar>(),
        Route::of::<PageDocs>(),
        Route::of::<PageHome>(),
        Route::of::<PageLogin>(),
        Route::of::<PagePassword>(),
        Route::of::<PageRoom>(),
    ]
}

/// What a page shows of its tenant.
pub(crate) fn tenant(company: &Company) -> Value {
    let branding = &company.settings.branding;
    let text = |value: &Option<String>| value.clone();
    json!({
        "company": company.name,
        "product_name": product(company),
        "logo_url": company.images.logo.as_ref().map(image::path),
        "icon_url": company.images.icon.as_ref().map(image::path),
        "radius": branding.radius,
        "font": branding.font,
        "primary_color": branding.primary_color,
        "background_color": branding.background_color,
        "support_url": text(&branding.support_url),
    })
}

/// What a page shows of who is signed in.
pub(crate) fn account(host: &Host) -> Value {
    json!({"name": host.name, "email": host.email, "access_code": host.access_code.to_string()})
}

pub(crate) fn product(company: &Company) -> &str {
    let named = company.settings.branding.product_name.as_ref();
    named.map_or("Convoke", |name| name.as_str())
}

/// Who may frame the pages of signed-in people: the tenant itself, also under its own host names, the reseller's own domain,
/// and `embed_origins`.
fn signed_in_framing(app: &App, company: &Company, reseller: &Reseller) -> Framing {
    let domain = reseller.domain.as_str();
    let mut origins = vec![app.config.origin(domain), app.config.origin(&format!("*.{domain}"))];
    // Its pages under one of its names may be framed by those under another.
    origins.extend(company.hosts().skip(1).map(|host| app.config.origin(host.as_str())));
    origins.extend(company.settings.embed_origins.iter().map(ToString::to_string));
    Framing::Listed(origins)
}

/// Who may frame a guest's room.
fn guest_framing(app: &App, company: &Company, reseller: &Reseller) -> Framing {
    match company.settings.embed_policy {
        EmbedPolicy::Anyone => Framing::Anyone,
        EmbedPolicy::Listed => signed_in_framing(app, company, reseller),
    }
}

/// What a page of the web client is made of.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) shell: &'a Shell,
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    /// What its script reads.
    pub(crate) config: Value,
    pub(crate) framing: Framing,
    pub(crate) reach: Reach,
}

impl Page<'_> {
    pub(crate) fn html(self) -> Html {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::try_from(self.framing.policy(self.reach)).expect("directives are printable ASCII"),
        );
        if self.framing == Framing::Nobody {
            // For browsers that do not read the policy.
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        // Addresses of rooms and passwords may carry tokens: nobody else hears of them.
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Html {
            status: self.status,
            body: self.shell.render(self.title, &self.config),
            headers,
        }
    }
}

/// Says to a person why something is not shown: nothing but a sentence, which anybody may frame.
pub(crate) fn refusal(app: &App, error: &crate::Error, title: &str) -> Result<Html, crate::Error> {
    let refusal = error.refusal();
    let page = Page {
        shell: &app.pages()?.account,
        status: StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        title,
        config: json!({"page": "refused", "of": "page", "message": refusal.message}),
        framing: Framing::Anyone,
        reach: Reach::Own,
    };
    let mut page = page.html();
    if let Some(seconds) = refusal.retry_after {
        page.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(page)
}

/// A page of signing in that is nothing but a sentence.
pub(crate) fn told(app: &App, status: StatusCode, title: &str, message: &str) -> Result<Html, crate::Error> {
    account_page(
        app,
        status,
        title,
        json!({"page": "refused", "of": "page", "message": message}),
    )
}

/// The way to an address, with a sentence for browsers that do not go there.
pub(crate) fn sent(app: &App, title: &str, to: &str, message: &str) -> Result<Html, crate::Error> {
    let mut page = told(app, StatusCode::SEE_OTHER, title, message)?;
    let location =
        HeaderValue::try_from(to).map_err(|_| crate::Error::Broken("a serialised URL is printable ASCII"))?;
    page.headers.insert(header::LOCATION, location);
    Ok(page)
}

/// A page of signing in, which nobody may frame: it asks for credentials or consent.
pub(crate) fn account_page(app: &App, status: StatusCode, title: &str, config: Value) -> Result<Html, crate::Error> {
    let page = Page {
        shell: &app.pages()?.account,
        status,
        title,
        config,
        framing: Framing::Nobody,
        reach: Reach::Own,
    };
    Ok(page.html())
}
