//! What time does: ends what is overdue, frees rooms held for nobody, and tells the relays.

use serde::Serialize;

use crate::app::App;
use crate::ends;
use crate::error::Error;

/// What one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sweep {
    /// Meetings ended.
    pub ended: usize,
    /// Participants of silent relays reported as gone.
    pub left: usize,
}

/// Does what is due now. Harmless when repeated, and in several processes at once.
///
/// # Errors
/// When the table failed, or something due could not be done; the rest is done all the same. A relay that cannot be told learns it from its next heartbeat.
pub async fn sweep(app: &App) -> Result<Sweep, Error> {
    let now = app.now();
    let listening = app.store.listening_since(now).await?;
    let mut swept = app.store.sweep(now, listening).await?;
    for failure in &swept.failed {
        tracing::error!(
            error = failure as &dyn std::error::Error,
            "something due could not be done"
        );
    }
    for ended in &mut swept.ended {
        ended.relays.retain(|relay| relay.is_alive(now));
    }
    let ended = swept.ended.iter();
    ends::tell_each(
        app,
        ended.map(|ended| (ended.room, ended.reason, ended.relays.as_slice())),
        now,
    )
    .await;
    let done = Sweep {
        ended: swept.ended.len(),
        left: swept.left,
    };
    match swept.failed.into_iter().next() {
        Some(failure) => Err(failure.into()),
        None => Ok(done),
    }
}
