//! Ends of meetings, told to the relays that hold them.

use domain::Reason;
use domain::relay::{Action, Command};
use jiff::Timestamp;
use store::EndedConference;
use tokio::task::JoinSet;

use crate::app::App;

/// Tells the relays that hold a meeting's rooms. The end is marked in the table already: a relay that cannot be told
/// learns it at its next heartbeat.
pub(crate) async fn tell(app: &App, ended: &EndedConference, now: Timestamp) {
    let mut telling = JoinSet::new();
    for (relay, room) in ended
        .relays
        .iter()
        .flat_map(|relay| ended.rooms.iter().map(move |room| (relay, *room)))
    {
        let (commands, id, url) = (app.commands.clone(), relay.id.clone(), relay.url.clone());
        let command = Command {
            room,
            action: Action::End { reason: Reason::Ended },
        };
        let nonce = app.uuid();
        telling.spawn(async move {
            if let Err(error) = commands.send(&id, &url, &nonce, now, &command).await {
                tracing::warn!(relay = %id, error = %error, "a relay was not told of an end");
            }
        });
    }
    while telling.join_next().await.is_some() {}
}
