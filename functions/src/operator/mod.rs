//! What no caller over HTTP can do: the installation's first objects, and what time does. The same functions are called
//! by `convoke init` and the laptop's clock, and on AWS by functions that an operator or a schedule wakes.

mod delete;
mod dispatch;
mod erase;
mod feedback;
mod init;
mod letters;
mod mails;
mod own_domains;
mod passwords;
mod quota;
mod receive;
mod reminders;
mod sweep;
mod texts;
mod webhooks;

use serde_json::Value;

pub use dispatch::{Dispatched, dispatch, dispatch_minute};
pub use feedback::{Fed, feedback};
pub use init::{Admin, FirstCompany, FirstReseller, Init, Initialised, NewPlan, OpenId, RelayKey, init};
pub(crate) use letters::{brand, sender};
pub use own_domains::{Advanced, DomainAction, DomainCommand, DomainShown, Domains, domain, domains};
pub(crate) use quota::Quotas;
pub use receive::{Received, receive};
pub use sweep::{Sweep, sweep};
pub use webhooks::{Posted, tell_webhooks, tell_webhooks_minute};

use crate::app::App;
use crate::endpoint::{Need, Wake, Worker};
use crate::error::Error;

/// Makes the installation's first objects.
pub const OPERATOR_INIT: Worker = Worker {
    id: "operator_init",
    wake: Wake::Operator,
    needs: &[Need::TableRead, Need::TableWrite, Need::SealingKey],
};

/// Does what is due.
pub const SWEEP: Worker = Worker {
    id: "sweep",
    wake: Wake::EveryMinutes(1),
    needs: &[Need::TableRead, Need::TableWrite, Need::SigningKey],
};

/// Does jobs that are due.
pub const DISPATCH: Worker = Worker {
    id: "dispatch",
    wake: Wake::Jobs,
    needs: &[
        Need::TableRead,
        Need::TableWrite,
        Need::SigningKey,
        Need::SealingKey,
        Need::Mail,
        Need::Texts,
    ],
};

/// Takes in what became of mails.
pub const MAIL_FEEDBACK: Worker = Worker {
    id: "mail_feedback",
    wake: Wake::MailTopic,
    needs: &[Need::TableRead, Need::TableWrite],
};

/// Takes in mails that come in: what calendars answer to invitations.
pub const MAIL_RECEIVE: Worker = Worker {
    id: "mail_receive",
    wake: Wake::MailIn,
    needs: &[Need::TableRead, Need::TableWrite],
};

/// Tells webhooks what happened.
pub const TELL_WEBHOOKS: Worker = Worker {
    id: "tell_webhooks",
    wake: Wake::News,
    needs: &[Need::TableRead, Need::TableWrite, Need::SealingKey],
};

/// Moves companies' own host names on.
pub const DOMAIN_ADVANCE: Worker = Worker {
    id: "domain_advance",
    wake: Wake::EveryMinutes(1),
    needs: &[Need::TableRead, Need::TableWrite, Need::OwnDomains],
};

/// Adds, shows, verifies and removes companies' own host names.
pub const OPERATOR_DOMAIN: Worker = Worker {
    id: "operator_domain",
    wake: Wake::Operator,
    needs: &[Need::TableRead, Need::TableWrite, Need::OwnDomains],
};

/// The workers of this module.
#[must_use]
pub fn workers() -> Vec<Worker> {
    vec![
        DISPATCH,
        DOMAIN_ADVANCE,
        MAIL_FEEDBACK,
        MAIL_RECEIVE,
        OPERATOR_DOMAIN,
        OPERATOR_INIT,
        SWEEP,
        TELL_WEBHOOKS,
    ]
}

/// Why a worker did not do what it was woken for.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The event is not one of this worker's.
    #[error("the event does not read")]
    Event(#[source] serde_json::Error),
    /// The work failed.
    #[error("{0}")]
    Work(#[from] Error),
    /// No such worker.
    #[error("nothing is done for the worker {0}")]
    Unknown(&'static str),
}

/// Does a worker's work for an event that woke it, and answers what an operator may read.
///
/// # Errors
/// When the event does not read, or the work failed.
pub async fn wake(app: &App, worker: &Worker, event: Value) -> Result<Value, WorkError> {
    if *worker == OPERATOR_INIT {
        let asked: Init = serde_json::from_value(event).map_err(WorkError::Event)?;
        let made = init(app, &asked).await?;
        return serde_json::to_value(made).map_err(WorkError::Event);
    }
    if *worker == OPERATOR_DOMAIN {
        let asked: DomainCommand = serde_json::from_value(event).map_err(WorkError::Event)?;
        let shown = domain(app, &asked).await?;
        return serde_json::to_value(shown).map_err(WorkError::Event);
    }
    if *worker == DOMAIN_ADVANCE {
        let done = domains(app).await?;
        return serde_json::to_value(done).map_err(WorkError::Event);
    }
    if *worker == MAIL_FEEDBACK {
        let fed = feedback(app, &event).await?;
        return serde_json::to_value(fed).map_err(WorkError::Event);
    }
    if *worker == MAIL_RECEIVE {
        let received = receive(app, &event).await?;
        return serde_json::to_value(received).map_err(WorkError::Event);
    }
    if *worker == SWEEP {
        let done = sweep(app).await?;
        return serde_json::to_value(done).map_err(WorkError::Event);
    }
    if *worker == TELL_WEBHOOKS {
        let done = tell_webhooks_minute(app).await?;
        return serde_json::to_value(done).map_err(WorkError::Event);
    }
    if *worker == DISPATCH {
        let done = match jobs_of(&event) {
            named if named.is_empty() => dispatch_minute(app).await?,
            named => dispatch(app, &named).await?,
        };
        return serde_json::to_value(done).map_err(WorkError::Event);
    }
    Err(WorkError::Unknown(worker.id))
}

/// The jobs that an event of the table's stream tells of; an event of the schedule tells of none.
fn jobs_of(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let keys = records
        .iter()
        .filter_map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str());
    keys.filter_map(store::Job::name_in).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_stream_names_jobs_and_the_schedule_none() {
        let record =
            |pk: &str| json!({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": pk}, "sk": {"S": "JOB"}}}});
        let event = json!({"Records": [record("JOB#abc"), record("HANDOFF#x")]});
        assert_eq!(jobs_of(&event), ["abc"]);
        assert!(jobs_of(&json!({"source": "aws.events"})).is_empty());
    }
}
