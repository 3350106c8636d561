//! The pages that the control plane serves: the web client's built HTML with each page's own data in it, and the
//! headers that say who may frame it.

mod framing;
mod home;
mod room;
mod shell;

use domain::company::{Company, EmbedPolicy, Reseller};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

pub use framing::Framing;
pub use home::PageHome;
pub use room::{PageRoom, RoomPageInput};
pub use shell::{Shell, ShellError, Shells, escape};

use crate::app::App;
use crate::endpoint::Route;
use crate::reply::Html;

/// The pages' endpoints.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![Route::of::<PageHome>(), Route::of::<PageRoom>()]
}

/// What a page shows of its tenant.
fn tenant(company: &Company) -> Value {
    let branding = &company.settings.branding;
    let text = |value: &Option<String>| value.clone();
    json!({
        "company": company.name,
        "product_name": branding.product_name.as_ref().map_or("Convoke", |name| name.as_str()),
        "primary_color": branding.primary_color,
        "background_color": branding.background_color,
        "support_url": text(&branding.support_url),
    })
}

/// Who may frame the pages of signed-in people: the tenant itself, the reseller's own domain, and `embed_origins`.
fn signed_in_framing(app: &App, company: &Company, reseller: &Reseller) -> Framing {
    let domain = reseller.domain.as_str();
    let mut origins = vec![app.config.origin(domain), app.config.origin(&format!("*.{domain}"))];
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

/// A page of the web client.
fn page(app: &App, shell: &Shell, status: StatusCode, title: &str, config: &Value, framing: &Framing) -> Html {
    let mut headers = HeaderMap::new();
    let policy = framing.policy(app.config.scheme == "http");
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::try_from(policy).expect("directives are printable ASCII"),
    );
    // Addresses of rooms may carry tokens: nobody else hears of them.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Html {
        status,
        body: shell.render(title, config),
        headers,
    }
}
