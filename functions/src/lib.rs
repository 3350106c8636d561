//! The control plane: every endpoint over one trait, one table of them, one way from a request to an answer.
//!
//! An endpoint is a type that implements [`Endpoint`]; [`all`] lists them. The local server finds them by method and
//! path ([`Router`]), a Lambda by its handler's name, the OpenAPI document, the access tests and the template by
//! walking the list. To add one: write the type in a file of its resource, add a line to its module's list, add its
//! row to the access matrix of the tests, regenerate the OpenAPI document.

pub mod access;
pub mod admin;
mod admission;
mod ahead;
pub mod api;
pub mod app;
pub mod auth;
pub mod code_link;
pub mod context;
mod credentials;
pub mod deploy;
pub mod endpoint;
mod ends;
pub mod error;
mod former_name;
mod guess;
mod guest_pass;
mod hook_post;
pub mod input;
pub mod join;
mod kept_answer;
pub mod lambda;
mod links;
pub mod oauth;
pub mod openapi;
mod openid;
pub mod operator;
pub mod outbound;
pub mod own_domains;
pub mod pages;
pub mod parameters;
pub mod passwords;
mod picture;
pub mod registration;
pub mod relay_calls;
pub mod relay_command;
pub mod reply;
pub mod request;
pub mod serve;
mod sign_ins;
mod tenants;
pub mod text;
pub mod texts;
mod visit;

pub use access::Caller;
pub use ahead::First;
pub use app::{App, Config, Keys, NoRates, Rates};
pub use context::Context;
pub use endpoint::{Access, Endpoint, Kind, Need, Route, Wake, Worker};
pub use error::Error;
pub use outbound::Outbound;
pub use reply::{Html, Json, Reply, Response};
pub use request::Request;
pub use serve::{Router, serve};
pub use store::Tenant;

/// Every endpoint.
#[must_use]
pub fn all() -> Vec<Route> {
    let mut routes = [
        admin::routes(),
        api::routes(),
        auth::routes(),
        join::routes(),
        oauth::routes(),
        pages::routes(),
        registration::routes(),
        relay_calls::routes(),
    ]
    .concat();
    routes.sort_by_key(|route| route.id);
    routes
}

/// The functions that a schedule or an operator wakes.
#[must_use]
pub fn workers() -> Vec<Worker> {
    operator::workers()
}
