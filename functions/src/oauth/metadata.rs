//! `GET /.well-known/oauth-authorization-server` (RFC 8414): where a company's endpoints are and what they take. Each host
//! name of a company is an issuer.

use domain::code::Fqdn;
use http::{Method, StatusCode};
use serde_json::json;

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::{Response, json as answer};
use crate::visit::Place;

/// `GET /.well-known/oauth-authorization-server`.
#[derive(Debug)]
pub struct OauthMetadata;

impl Endpoint for OauthMetadata {
    const ID: &'static str = "oauth_metadata";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/.well-known/oauth-authorization-server";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead];
    const SUMMARY: &'static str = "Tells clients where OAuth is spoken here, and how (RFC 8414).";
    type Input = ();
    type Output = Response;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Response, Error> {
        Place::of(context).await?;
        let issuer = issuer(context);
        let at = |path: &str| format!("{issuer}/oauth/{path}");
        let clients = ["client_secret_basic", "client_secret_post", "none"];
        let document = json!({
            "issuer": issuer,
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "revocation_endpoint": at("revoke"),
            "introspection_endpoint": at("introspect"),
            "scopes_supported": ["read", "write"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": clients,
            "revocation_endpoint_auth_methods_supported": clients,
            "introspection_endpoint_auth_methods_supported": &clients[..2],
            "authorization_response_iss_parameter_supported": true,
            "service_documentation": format!("{issuer}/enterprise_api/docs"),
        });
        Ok(answer(StatusCode::OK, &document))
    }
}

/// Who issues what is asked for under this host name.
pub(super) fn issuer(context: &Context<'_>) -> String {
    let host = context.request.host.as_ref();
    context.app.config.origin(host.map(Fqdn::as_str).unwrap_or_default())
}
