//! The partner API, contract/enterprise-api.md: one file per method, grouped by resource.

use crate::endpoint::Route;

pub mod openapi_fetch;

/// The partner API's endpoints.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![Route::of::<openapi_fetch::OpenapiFetch>()]
}
