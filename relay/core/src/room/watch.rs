//! Watching one publisher: for clients that make one offer and no other, as those of WHEP do.

use super::{
    api::RoomKey,
    context::{Context, SessionId, TrackSid},
    control::Control,
    participant::Participant,
    state::Room,
};

impl Control {
    /// Who is watched in a room by whom asks for `named`: the identity itself, or without one that of the publisher who
    /// has been there longest. `None` when it publishes nothing, is hidden, or the room is not here.
    #[must_use]
    pub fn publisher(&self, key: &RoomKey, named: Option<&str>) -> Option<String> {
        let room = self.rooms().find(|room| room.key == *key)?;
        let shown = room.participants.values().filter(|one| !one.grants.hidden);
        shown
            .filter(|one| named.is_none_or(|named| one.ticket.identity == named))
            .filter(|one| room.media_of(one).next().is_some())
            .min_by_key(|one| (one.present_since_ms, one.session))
            .map(|one| one.ticket.identity.clone())
    }
}

impl Room {
    /// The tracks of a participant whose media is known, in the order in which they were announced.
    fn media_of(&self, participant: &Participant) -> impl Iterator<Item = &TrackSid> {
        let tracks = participant.published.iter().filter_map(|sid| self.tracks.get(sid));
        tracks.filter(|track| track.media.is_some()).map(|track| &track.sid)
    }

    /// Subscribes to what somebody publishes now.
    pub(super) fn watch(&mut self, ctx: &mut Context<'_>, session: SessionId, identity: &str) {
        let publisher = self
            .session_of(identity)
            .and_then(|session| self.participants.get(&session));
        let Some(publisher) = publisher.filter(|publisher| !publisher.grants.hidden) else {
            return;
        };
        let tracks: Vec<TrackSid> = self.media_of(publisher).cloned().collect();
        for sid in tracks {
            self.subscribe(ctx, session, &sid);
        }
    }
}
