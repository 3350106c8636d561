//! Former host names of companies: each leads to where its company is now, for twelve months (contract §2).

use domain::code::Fqdn;
use domain::id::{CompanyId, ResellerId};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use crate::access;
use crate::app::App;
use crate::error::Error;
use crate::reply::Response;
use crate::request::Request;

/// The company that a former name leads to.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) reseller: ResellerId,
    pub(crate) company: CompanyId,
    /// Its present name.
    pub(crate) to: Fqdn,
}

impl Moved {
    /// The company that the host name of a request led to once, where nothing is served under it any more. Two reads.
    pub(crate) async fn of(app: &App, request: &Request) -> Result<Option<Self>, Error> {
        let Some(host) = &request.host else { return Ok(None) };
        let tenant = app.store.tenant(host).await?;
        let tenant = tenant.filter(|tenant| tenant.until.is_some_and(|until| until > app.now()));
        let Some((reseller, company)) = tenant.and_then(|tenant| Some((tenant.reseller, tenant.company?))) else {
            return Ok(None);
        };
        let to = app.store.company_name(reseller, company).await?;
        Ok(to.map(|to| Self { reseller, company, to }))
    }

    /// Sends the same request there: 308 keeps its method and body.
    pub(crate) fn redirect(&self, app: &App, request: &Request) -> Result<Response, Error> {
        let query = match request.query.as_str() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let to = format!("{}{}{query}", app.config.origin(self.to.as_str()), request.path);
        let mut response = Response::default();
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let location = HeaderValue::try_from(to).map_err(|_| Error::Broken("a request's path and query are ASCII"))?;
        response.headers_mut().insert(LOCATION, location);
        Ok(response)
    }
}

/// Whether a request failed because nothing is served under its host name.
pub(crate) fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Refused(refusal) if *refusal == access::unknown_tenant())
}
