//! What webhooks were sent lately, of all companies of a laptop: shown beside the mails.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use domain::company::Company;
use domain::hook::{Hook, Subject};
use domain::time::iso;
use functions::App;
use serde_json::{Value, json};
use store::{Delivery, DeliveryState, Paging, Result};

use crate::inbox::answer;
use crate::platform::DOMAIN;

/// So many are shown.
const SHOWN: usize = 100;
/// So many of each webhook are looked at.
const OF_EACH: u32 = 100;
/// So many companies are looked at, the newest.
const COMPANIES: u32 = 100;

/// The latest deliveries as JSON, newest first.
pub(crate) async fn latest(app: &App) -> Response {
    match read(app).await {
        Ok(shown) => answer("application/json", Value::from(shown).to_string().into_bytes()),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the deliveries cannot be read"
            );
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn read(app: &App) -> Result<Vec<Value>> {
    let store = &app.store;
    let domain = DOMAIN.parse().expect("a domain");
    let Some(reseller) = store.reseller_by_domain(&domain).await? else {
        return Ok(Vec::new());
    };
    let paging = Paging {
        after: None,
        limit: COMPANIES,
    };
    let mut sent = Vec::new();
    for company in store.companies(reseller.id, paging).await?.items {
        for hook in store.hooks(reseller.id, company.id).await? {
            let of = store
                .deliveries((reseller.id, hook.id), None, OF_EACH, app.now())
                .await?;
            let shown = |delivery: Delivery| (delivery.last, show(&company, &hook, &delivery));
            sent.extend(of.items.into_iter().map(shown));
        }
    }
    sent.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
    sent.truncate(SHOWN);
    Ok(sent.into_iter().map(|(_, shown)| shown).collect())
}

fn show(company: &Company, hook: &Hook, delivery: &Delivery) -> Value {
    let about = match delivery.subject {
        Subject::Conference(id) => format!("conference {id}"),
        Subject::Host(id) => format!("host {id}"),
    };
    let state = match delivery.state {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Failed => "failed",
    };
    json!({
        "id": delivery.id,
        "event": delivery.event,
        "company": company.name,
        "url": hook.url,
        "about": about,
        "sequence": delivery.sequence,
        "happened": iso(delivery.happened),
        "state": state,
        "attempts": delivery.attempts,
        "last": iso(delivery.last),
        "next": delivery.next.map(iso),
        "status": delivery.status,
        "error": delivery.error,
    })
}
