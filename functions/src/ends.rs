//! Ends of meetings, told to the relays that hold them.

use domain::Reason;
use domain::id::RoomName;
use domain::relay::{Action, Command};
use jiff::Timestamp;
use store::{EndedConference, Relay};
use tokio::task::JoinSet;

use crate::app::App;

/// Tells the relays that hold a meeting's rooms that it was ended.
pub(crate) async fn tell(app: &App, ended: &EndedConference, now: Timestamp) {
    let rooms = ended.rooms.iter().map(|room| (*room, Reason::Ended));
    tell_each(
        app,
        rooms.map(|(room, reason)| (room, reason, ended.relays.as_slice())),
        now,
    )
    .await;
}

/// Tells relays of rooms that have ended, all at once. The end is marked in the table already: a relay that cannot be told
/// learns it at its next heartbeat.
pub(crate) async fn tell_each<'a>(
    app: &App,
    ended: impl Iterator<Item = (RoomName, Reason, &'a [Relay])>,
    now: Timestamp,
) {
    let mut telling = JoinSet::new();
    for (room, reason, relays) in ended {
        for relay in relays {
            let (commands, id, url) = (app.commands.clone(), relay.id.clone(), relay.url.clone());
            let command = Command {
                room,
                action: Action::End { reason },
            };
            let nonce = app.uuid();
            telling.spawn(async move {
                if let Err(error) = commands.send(&id, &url, &nonce, now, &command).await {
                    tracing::warn!(relay = %id, %room, error = %error, "a relay was not told of an end");
                }
            });
        }
    }
    while telling.join_next().await.is_some() {}
}
