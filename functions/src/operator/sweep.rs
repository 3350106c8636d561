//! What time does: ends what is overdue, frees rooms held for nobody, and tells the relays.

use domain::relay::{Action, Command};
use serde::Serialize;

use crate::app::App;
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
/// When the table failed. A relay that cannot be told learns it from its next heartbeat.
pub async fn sweep(app: &App) -> Result<Sweep, Error> {
    let now = app.now();
    let swept = app.store.sweep(now).await?;
    for room in &swept.ended {
        let command = Command {
            room: room.room,
            action: Action::End { reason: room.reason },
        };
        for relay in room.relays.iter().filter(|relay| relay.is_alive(now)) {
            if let Err(error) = app
                .commands
                .send(&relay.id, &relay.url, &app.uuid(), now, &command)
                .await
            {
                tracing::warn!(relay = %relay.id, room = %room.room, %error, "a relay was not told that a room ended");
            }
        }
    }
    Ok(Sweep {
        ended: swept.ended.len(),
        left: swept.left,
    })
}
