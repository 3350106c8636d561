//! Whom a publisher lets have its tracks.

use std::collections::{HashMap, HashSet};

use livekit_protocol::SubscriptionPermission;

use super::subscription::MAX_NAMES;

/// Those whom a publisher has named; nobody else gets anything of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    by_identity: HashMap<String, Tracks>,
    by_sid: HashMap<String, Tracks>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tracks {
    all: bool,
    named: HashSet<String>,
}

impl Allowed {
    /// Reads what the client says. Of absurdly many names the later ones count for nothing.
    pub(super) fn new(permission: SubscriptionPermission) -> Self {
        let mut allowed = Self::default();
        let mut left = MAX_NAMES;
        for one in permission.track_permissions.into_iter().take(MAX_NAMES) {
            let tracks = if one.participant_identity.is_empty() {
                allowed.by_sid.entry(one.participant_sid).or_default()
            } else {
                allowed.by_identity.entry(one.participant_identity).or_default()
            };
            tracks.all |= one.all_tracks;
            let named = one.track_sids.len().min(left);
            left -= named;
            tracks.named.extend(one.track_sids.into_iter().take(named));
        }
        allowed
    }

    /// Whether somebody of this identity and sid may have the track.
    pub(super) fn lets(&self, identity: &str, sid: &str, track: &str) -> bool {
        let meant = [self.by_identity.get(identity), self.by_sid.get(sid)];
        let mut meant = meant.into_iter().flatten();
        meant.any(|tracks| tracks.all || tracks.named.contains(track))
    }
}
