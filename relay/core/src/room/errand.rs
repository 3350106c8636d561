//! Clients that make one offer and no other, as those of WHIP and WHEP: they get what they come for, or do not get in.

use std::collections::BTreeSet;

use super::{
    api::{Errand, Grants, Join, Now, Refusal, Ticket},
    context::{Context, SessionId, TrackSid},
    control::Control,
    participant::Participant,
    publish::objection,
    state::Room,
    track::Track,
};
use crate::sdp::SendKey;

impl Control {
    /// Who is watched by the holder of `ticket`, who asks for `named`: the identity itself, or without one that of the publisher
    /// who has been there longest, of those with anything unmuted if there are any. Nobody watches itself, who is hidden, or
    /// who does not let it.
    ///
    /// # Errors
    /// The asker would not get in or may not watch, or nobody such publishes, also where the room is not here.
    pub fn publisher(&self, now: Now, ticket: &Ticket, named: Option<&str>) -> Result<String, Refusal> {
        self.would_admit(now, ticket)?;
        let room = self.room_named(&ticket.room).ok_or(Refusal::NobodyPublishes)?;
        if !room.grants_on_entry(ticket).subscribe {
            return Err(Refusal::NotAllowed);
        }
        let shown = room.participants.values();
        shown
            .filter(|one| named.is_none_or(|named| one.ticket.identity == named))
            .filter_map(|one| Some((room.watchable(one, &ticket.identity, "").first()?.info.muted, one)))
            .min_by_key(|(muted, one)| (*muted, one.present_since_ms, one.session))
            .map(|(_, one)| one.ticket.identity.clone())
            .ok_or(Refusal::NobodyPublishes)
    }
}

impl Room {
    /// What somebody of this identity and sid may have of a publisher's tracks whose media is known: those that are not muted
    /// first, then cameras and microphones before screens, then in the order in which they were announced.
    fn watchable(&self, publisher: &Participant, identity: &str, sid: &str) -> Vec<&Track> {
        if publisher.grants.hidden || publisher.ticket.identity == identity {
            return Vec::new();
        }
        let tracks = publisher.published.iter().filter_map(|sid| self.tracks.get(sid));
        let mut tracks: Vec<&Track> = tracks
            .filter(|track| track.media.is_some() && publisher.lets(identity, sid, &track.sid))
            .collect();
        tracks.sort_by_key(|track| (track.info.muted, track.is_screen()));
        tracks
    }

    /// Whether a newcomer of this sid gets what it comes for. Asked before it takes the place of a session that it has.
    pub(super) fn serves(&self, join: &Join, sid: &str) -> Result<(), Refusal> {
        let Some(errand) = &join.errand else {
            return Ok(());
        };
        let grants = self.grants_on_entry(&join.ticket);
        match errand {
            Errand::Publish => {
                let mut tracks = join.add_tracks.iter().enumerate();
                if tracks.any(|(before, request)| objection(&grants, before, request).is_some()) {
                    return Err(Refusal::NotAllowed);
                }
            }
            Errand::Watch { publisher, takes, .. } => {
                if !grants.subscribe {
                    return Err(Refusal::NotAllowed);
                }
                let publisher = self.session_of(publisher).and_then(|of| self.participants.get(&of));
                let tracks = publisher.map(|publisher| self.watchable(publisher, &join.ticket.identity, sid));
                let tracks = tracks
                    .filter(|tracks| !tracks.is_empty())
                    .ok_or(Refusal::NobodyPublishes)?;
                let mut codecs = tracks
                    .iter()
                    .filter_map(|track| track.media.as_ref())
                    .map(|media| media.codec);
                if !codecs.any(|codec| takes.contains(&codec)) {
                    return Err(Refusal::NothingFits);
                }
            }
        }
        Ok(())
    }

    /// What the holder of a token may do once it is in, or at the door.
    fn grants_on_entry(&self, ticket: &Ticket) -> Grants {
        let leads = self.leads(ticket);
        self.grants_with(ticket, leads, self.has_to_wait(ticket))
    }

    /// Subscribes to what somebody publishes now.
    pub(super) fn watch(&mut self, ctx: &mut Context<'_>, session: SessionId, identity: &str) {
        let publisher = self.session_of(identity).and_then(|of| self.participants.get(&of));
        let (Some(publisher), Some(watcher)) = (publisher, self.participants.get(&session)) else {
            return;
        };
        let tracks = self.watchable(publisher, &watcher.ticket.identity, &watcher.sid);
        let tracks: Vec<TrackSid> = tracks.into_iter().map(|track| track.sid.clone()).collect();
        for sid in tracks {
            self.subscribe(ctx, session, &sid);
        }
    }

    /// What has no section in the description of a client that makes no other offer never gets one.
    pub(super) fn forget_unplaced(&mut self, ctx: &mut Context<'_>, session: SessionId) {
        let Some(participant) = self.participants.get(&session) else {
            return;
        };
        let sending = participant.publisher.negotiator.sending();
        let placed: BTreeSet<SendKey> = sending.map(|sending| sending.key).collect();
        let subscriptions = participant.subscriptions.iter();
        let unplaced: Vec<TrackSid> = subscriptions
            .filter(|(_, subscription)| subscription.send.is_none_or(|send| !placed.contains(&send.key)))
            .map(|(sid, _)| sid.clone())
            .collect();
        for sid in unplaced {
            self.forget_subscription(ctx, session, &sid);
        }
    }
}
