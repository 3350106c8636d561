//! What the mail service says became of mails: addresses that do not take any are not written to again. Its words come by a
//! topic of this stack's own, which alone may wake the worker; nothing in them is trusted beyond whom not to write to.

use std::collections::HashMap;

use domain::code::{Email, Fqdn};
use domain::id::CompanyId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Suppressed;

use crate::app::App;
use crate::error::Error;

/// What came of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Fed {
    /// Addresses that are not written to from now on.
    pub suppressed: usize,
    /// Words that say nothing of that kind, or that do not read.
    pub ignored: usize,
}

/// A notification of SES by event publishing. Those of an identity (`notificationType`) do not say whose mail it was.
#[derive(Debug, Deserialize)]
struct Notification {
    #[serde(rename = "eventType")]
    kind: String,
    mail: Sent,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Debug, Deserialize)]
struct Sent {
    source: String,
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

impl Sent {
    /// Whose mail it was.
    fn company(&self) -> Option<CompanyId> {
        self.tags.get(notify::ses::COMPANY_TAG)?.first()?.parse().ok()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    /// `OnAccountSuppressionList` where SES did not even try.
    #[serde(default)]
    bounce_sub_type: String,
    bounced_recipients: Vec<Recipient>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complained_recipients: Vec<Recipient>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
}

impl Notification {
    /// Who is not to be written to, and why. A mailbox that is full today may not be tomorrow.
    fn suppresses(&self) -> Option<(Suppressed, &[Recipient])> {
        match (self.kind.as_str(), &self.bounce, &self.complaint) {
            ("Bounce", Some(bounce), _) if bounce.bounce_type == "Permanent" => {
                Some((Suppressed::Bounce, &bounce.bounced_recipients))
            }
            ("Complaint", _, Some(complaint)) => Some((Suppressed::Complaint, &complaint.complained_recipients)),
            _ => None,
        }
    }
}

/// What a topic of the mail service tells, one after another; `None` for what does not read.
pub(super) fn told<T: DeserializeOwned>(event: &Value) -> impl Iterator<Item = Option<T>> {
    let records = event["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    records.iter().map(|record| {
        let message = record["Sns"]["Message"].as_str().unwrap_or_default();
        let read = serde_json::from_str(message);
        // Not its words: they hold addresses.
        read.inspect_err(|error| {
            tracing::warn!(
                line = error.line(),
                column = error.column(),
                "what the mail service tells does not read"
            );
        })
        .ok()
    })
}

/// Takes in an event of the topic. Harmless when repeated.
///
/// # Errors
/// When the table failed: the topic tells it again.
pub async fn feedback(app: &App, event: &Value) -> Result<Fed, Error> {
    let mut fed = Fed::default();
    for notification in told(event) {
        let Some(notification): Option<Notification> = notification else {
            fed.ignored += 1;
            continue;
        };
        let Some((why, recipients)) = notification.suppresses() else {
            fed.ignored += 1;
            continue;
        };
        let domain = notification.mail.source.rsplit('@').next().unwrap_or_default();
        let reseller = match domain.trim_end_matches('>').parse::<Fqdn>() {
            Ok(domain) => app.store.reseller_by_domain(&domain).await?,
            Err(_) => None,
        };
        let Some((reseller, company)) = reseller.zip(notification.mail.company()) else {
            tracing::warn!("feedback on mail of nobody here");
            fed.ignored += 1;
            continue;
        };
        for recipient in recipients {
            match recipient.email_address.parse::<Email>() {
                Ok(email) => {
                    app.store
                        .mail_suppress((reseller.id, company), &email, why, app.now())
                        .await?;
                    let sub_type = notification.bounce.as_ref().map(|bounce| &*bounce.bounce_sub_type);
                    tracing::info!(reseller = %reseller.id, %company, why = why.name(), sub_type, "an address is not written to any more");
                    fed.suppressed += 1;
                }
                Err(_) => fed.ignored += 1,
            }
        }
    }
    Ok(fed)
}
