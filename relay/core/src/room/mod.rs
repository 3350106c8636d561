//! Rooms: who is in, what they publish and receive, and the signalling that tells them so.
//!
//! [`Control`] is sans-IO and owns every room of a relay. It is told of clients' messages, of transports and of
//! forwarding ([`Input`]), and says what to send and to do ([`Output`]). It speaks LiveKit's signalling, in both
//! connection modes, and makes the sessions' descriptions with [`crate::sdp`].
//!
//! ```text
//! Join ─→ (Enter → Entered) ─→ Accept, join, answer or offer ─→ Connected ─→ sinks start
//! AddTrack, offer ─→ source ─→ update to all ─→ their connections are negotiated anew ─→ sinks start
//! ```

mod allowed;
mod api;
mod backup;
mod context;
mod control;
mod data;
mod errand;
mod join;
mod leave;
mod media;
mod moderation;
mod negotiation;
mod participant;
mod publish;
mod quality;
mod resume;
mod service;
mod signal;
mod state;
mod subscription;
mod tiles;
mod timers;
mod track;
mod updates;
mod view;
mod waiting;

#[cfg(test)]
mod tests;

pub use api::{
    By, Config, ConnectionId, Denied, Errand, Grants, IceServers, Input, Join, Mode, Now, Output, RESERVED_ATTRIBUTES,
    Refusal, Resume, RoomKey, TOGETHER, Ticket,
};
pub use context::Random;
pub use control::{Census, Control};
pub use domain::quality::Grade;
pub use moderation::ASK_UNMUTE;
pub use service::Failure;
pub use view::{Counts, Overview, ParticipantView, RoomLine, RoomView, Sample, SubscriptionView, TrackView};
