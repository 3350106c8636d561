//! The size at which a client shows each track, and what that makes the shard send.

use std::time::Duration;

use livekit_protocol::{UpdateTrackSettings, VideoQuality};

use super::{
    context::{Context, SessionId, TrackSid},
    state::{Room, Timer},
    subscription::{FIRST_SIZE, MAX_NAMES},
};
use crate::forward::{self, Want};

/// A track is stopped this long after the client said so: it often says the opposite within 20 ms.
const DISABLE_AFTER: Duration = Duration::from_millis(100);

/// A quality without a size is believed this late when the client is one that tells sizes.
const QUALITY_AFTER: Duration = Duration::from_millis(300);

impl Room {
    /// The client shows tracks at another size, or not at all.
    pub(super) fn set_tracks(&mut self, ctx: &mut Context<'_>, session: SessionId, request: &UpdateTrackSettings) {
        for name in request.track_sids.iter().take(MAX_NAMES) {
            let Some(sid) = self.tracks.get(name.as_str()).map(|track| track.sid.clone()) else {
                continue;
            };
            let Some(participant) = self.participants.get_mut(&session) else {
                return;
            };
            let tells_sizes = participant.adaptive_stream;
            let Some(subscription) = participant.subscriptions.get_mut(&sid) else {
                continue;
            };
            let (want, delay) = wanted(subscription.want, request, tells_sizes);
            subscription.next_want = Some(want);
            let timer = Timer::Want(session, sid.clone());
            match delay {
                Some(delay) => self.timers.set(timer, ctx.after(delay)),
                None => {
                    self.timers.clear(&timer);
                    self.apply_want(ctx, session, &sid);
                }
            }
        }
    }

    /// The client shows a track no more, whatever its size.
    pub(super) fn disable(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &str) {
        let subscriptions = self
            .participants
            .get_mut(&session)
            .map(|participant| &mut participant.subscriptions);
        if let Some(subscription) = subscriptions.and_then(|all| all.get_mut(sid)) {
            subscription.next_want = Some(Want {
                enabled: false,
                ..subscription.want
            });
            let sid = TrackSid::from(sid.to_owned());
            self.timers.clear(&Timer::Want(session, sid.clone()));
            self.apply_want(ctx, session, &sid);
        }
    }

    /// A changed size takes effect.
    pub(super) fn apply_want(&mut self, ctx: &mut Context<'_>, session: SessionId, sid: &TrackSid) {
        let Some(subscription) = self
            .participants
            .get_mut(&session)
            .and_then(|participant| participant.subscriptions.get_mut(sid))
        else {
            return;
        };
        let Some(want) = subscription.next_want.take().filter(|want| *want != subscription.want) else {
            return;
        };
        subscription.want = want;
        if let Some(id) = subscription.sink {
            ctx.forward(forward::Command::SinkSet { id, want });
        }
    }
}

/// What the client's settings mean after `now`, and how long to wait before believing them.
fn wanted(now: Want, request: &UpdateTrackSettings, tells_sizes: bool) -> (Want, Option<Duration>) {
    let now = Want {
        priority: priority(request.priority),
        ..now
    };
    if request.disabled {
        return (Want { enabled: false, ..now }, Some(DISABLE_AFTER));
    }
    let shown = Want { enabled: true, ..now };
    if request.width > 0 && request.height > 0 {
        let want = Want {
            width: request.width,
            height: request.height,
            max_layer: None,
            ..shown
        };
        return (want, None);
    }
    let quality = match request.quality() {
        VideoQuality::Low | VideoQuality::Off => 0,
        VideoQuality::Medium => 1,
        VideoQuality::High => 2,
    };
    let by_quality = Want {
        width: 0,
        height: 0,
        max_layer: Some(quality),
        ..shown
    };
    if !tells_sizes {
        return (by_quality, None);
    }
    // It only says "shown again"; its size follows.
    if now.enabled && now.max_layer.is_none() && (now.width, now.height) == FIRST_SIZE {
        return (by_quality, Some(QUALITY_AFTER));
    }
    (shown, None)
}

/// A client calls 1 the highest priority, and none 0 (`UpdateTrackSettings.priority`).
fn priority(asked: u32) -> u8 {
    match u8::try_from(asked) {
        Ok(0) => 0,
        Ok(asked) => u8::MAX - (asked - 1),
        Err(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(disabled: bool, size: (u32, u32), quality: VideoQuality) -> UpdateTrackSettings {
        UpdateTrackSettings {
            disabled,
            width: size.0,
            height: size.1,
            quality: quality.into(),
            ..UpdateTrackSettings::default()
        }
    }

    #[test]
    fn a_size_counts_at_once_and_a_stop_a_little_later() {
        let now = Want {
            width: 320,
            height: 180,
            ..Want::default()
        };
        let (want, delay) = wanted(now, &settings(false, (1280, 720), VideoQuality::Low), true);
        assert_eq!(
            (want.width, want.height, want.max_layer, delay),
            (1280, 720, None, None)
        );
        let (want, delay) = wanted(want, &settings(true, (0, 0), VideoQuality::Low), true);
        assert_eq!((want.enabled, want.width, delay), (false, 1280, Some(DISABLE_AFTER)));
        let (want, delay) = wanted(want, &settings(false, (0, 0), VideoQuality::Low), true);
        assert_eq!(
            (want.enabled, want.width, want.max_layer, delay),
            (true, 1280, None, None)
        );
    }

    #[test]
    fn one_is_the_highest_priority_and_every_one_goes_before_none() {
        assert_eq!([0, 1, 2, 255, 256, u32::MAX].map(priority), [0, 255, 254, 1, 1, 1]);
        let request = UpdateTrackSettings {
            priority: 2,
            ..settings(false, (640, 360), VideoQuality::Low)
        };
        let (want, _) = wanted(Want::default(), &request, true);
        assert_eq!((want.priority, want.width), (254, 640));
        let (want, _) = wanted(want, &settings(false, (0, 0), VideoQuality::High), false);
        assert_eq!(want.priority, 0, "each message says all");
    }

    #[test]
    fn a_client_without_sizes_asks_by_quality() {
        let (want, delay) = wanted(Want::default(), &settings(false, (0, 0), VideoQuality::Medium), false);
        assert_eq!((want.max_layer, delay), (Some(1), None));
    }
}
