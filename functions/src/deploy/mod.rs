//! The AWS templates, generated from [`crate::all`] and [`crate::workers`]: a function per endpoint and worker, each
//! with a role of its own. `tests/doors/template.rs` writes them and holds the checked-in files to this.

mod function;
mod grants;
mod template;
mod yaml;

use serde_json::{Value, json};

pub use grants::{Action, Grants};
pub use template::{ROOT, document, templates};

use crate::endpoint::Need;

/// The endpoints and workers that this build holds, as JSON, for checks of a deployment.
#[must_use]
pub fn list() -> Value {
    let routes: Vec<Value> = crate::all()
        .iter()
        .map(|route| {
            json!({
                "handler": route.handler(),
                "method": route.method,
                "path": route.path,
                "needs": names(route.needs),
            })
        })
        .collect();
    let workers: Vec<Value> = crate::workers()
        .iter()
        .map(|worker| json!({"handler": worker.handler(), "needs": names(worker.needs)}))
        .collect();
    json!({"routes": routes, "workers": workers})
}

fn names(needs: &[Need]) -> Vec<&'static str> {
    needs
        .iter()
        .map(|need| match need {
            Need::TableRead => "table_read",
            Need::TableWrite => "table_write",
            Need::SigningKey => "signing_key",
            Need::SealingKey => "sealing_key",
            Need::Pages => "pages",
            Need::OwnDomains => "own_domains",
            Need::Mail => "mail",
            Need::Texts => "texts",
        })
        .collect()
}
