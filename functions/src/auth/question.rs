//! The two pages of single sign-on itself: asking whether to replace another account, and saying why a sign-in was
//! refused. Nobody may frame the first; the second shows nothing but a sentence.

use domain::company::Company;
use domain::host::Host;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::Error;
use crate::pages::{Framing, Page, Reach, account_page, tenant};
use crate::reply::Html;

/// Asks whether to go on as another account than the one this browser is signed in with. `fields` is what the form
/// posts: the one-time handoff and where the sign-in leads.
pub(super) fn ask(
    app: &App,
    company: &Company,
    host: &Host,
    fields: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<Html, Error> {
    let fields: Map<String, Value> = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let config = json!({"page": "continue", "tenant": tenant(company), "name": host.name, "fields": fields});
    account_page(app, StatusCode::OK, &format!("Continue as {}?", host.name), config)
}

/// Says why a sign-in was refused, to a person.
pub(super) fn refused(app: &App, status: StatusCode, message: &str) -> Result<Html, Error> {
    let page = Page {
        shell: &app.pages()?.account,
        status,
        title: "Could not sign in",
        config: json!({"page": "refused", "message": message}),
        framing: Framing::Anyone,
        reach: Reach::Own,
    };
    Ok(page.html())
}
