//! A request as the endpoints see it, whoever brought it: the local server, a Lambda or a test.

use std::net::IpAddr;
use std::sync::OnceLock;

use bytes::Bytes;
use domain::code::Fqdn;
use domain::sealed::same_secret;
use domain::{Code, Error as Refusal};
use http::HeaderMap;

use crate::error::Error;
use crate::parameters::Parameters;

/// The largest body that is read, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The header in which the edge names the host that the client asked for.
pub const HOST_HEADER: &str = "x-convoke-host";
/// The header in which the edge names the client's address.
pub const CLIENT_HEADER: &str = "x-convoke-client";
/// The header in which the edge proves that it is the edge.
pub const EDGE_HEADER: &str = "x-convoke-edge";

/// One request.
#[derive(Debug)]
pub struct Request {
    /// Random, in the answer's `x-request-id` and in the log.
    pub id: String,
    /// The path without its query.
    pub path: String,
    /// The query as it was sent. It may hold secrets: never logged.
    pub query: String,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body, at most [`BODY_LIMIT`].
    pub body: Bytes,
    /// The host name that the client asked for.
    pub host: Option<Fqdn>,
    /// The client's address.
    pub client: Option<IpAddr>,
    variables: Vec<(&'static str, String)>,
    parameters: OnceLock<Result<Parameters, Refusal>>,
}

/// What the edge says of a request: the host that was asked for, and who asked. Nothing is believed without the
/// edge's secret, so that a request past the edge belongs to no tenant.
#[must_use]
pub fn edge(headers: &HeaderMap, secret: &str) -> (Option<Fqdn>, Option<IpAddr>) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let proven = text(EDGE_HEADER).is_some_and(|shown| same_secret(shown.as_bytes(), secret.as_bytes()));
    if !proven {
        return (None, None);
    }
    let host = text(HOST_HEADER).and_then(|host| Fqdn::from_host_header(host).ok());
    let client = text(CLIENT_HEADER).and_then(|address| address.trim().parse().ok());
    (host, client)
}

impl Request {
    pub(crate) fn new(
        id: String,
        edge_secret: &str,
        variables: Vec<(&'static str, String)>,
        request: http::Request<Bytes>,
    ) -> Self {
        let (parts, body) = request.into_parts();
        let (host, client) = edge(&parts.headers, edge_secret);
        Self {
            id,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
            host,
            client,
            variables,
            parameters: OnceLock::new(),
        }
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The part of the path that stands in place of `{name}`, percent-decoded.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A cookie's value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(http::header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// What stands behind a scheme in `Authorization`: `credentials("AuthToken")`.
    #[must_use]
    pub fn credentials(&self, scheme: &str) -> Option<&str> {
        let (said, value) = self.header("authorization")?.split_once(' ')?;
        said.eq_ignore_ascii_case(scheme).then(|| value.trim())
    }

    /// The media type of the body without its parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let line = self.header("content-type")?;
        Some(line.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The parameters by contract §1: those of the JSON body over those of the query.
    ///
    /// # Errors
    ///
    /// 415 for a body that is not JSON, 400 for malformed JSON or a body that is no object.
    pub fn parameters(&self) -> Result<&Parameters, Error> {
        self.parameters
            .get_or_init(|| {
                if !self.body.is_empty() && self.media_type().as_deref() != Some("application/json") {
                    return Err(Refusal::new(
                        Code::UnsupportedMediaType,
                        "the body must be application/json",
                    ));
                }
                Parameters::read(&self.query, &self.body)
            })
            .as_ref()
            .map_err(|refusal| Error::Refused(refusal.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_is_believed_with_its_secret_only() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST_HEADER, "acme.example.com".parse().expect("header"));
        headers.insert(CLIENT_HEADER, "192.0.2.7".parse().expect("header"));
        assert_eq!(edge(&headers, "s3cret"), (None, None));
        headers.insert(EDGE_HEADER, "wrong".parse().expect("header"));
        assert_eq!(edge(&headers, "s3cret"), (None, None));
        headers.insert(EDGE_HEADER, "s3cret".parse().expect("header"));
        let (host, client) = edge(&headers, "s3cret");
        assert_eq!(host.as_ref().map(Fqdn::as_str), Some("acme.example.com"));
        assert_eq!(client, Some("192.0.2.7".parse().expect("address")));
    }
}
