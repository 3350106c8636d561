//! What relays report (design §3 "Relay ↔ control plane"): each report is signed with the relay's own key, over its
//! body, for a minute, once.

mod enter;
mod events;
mod heartbeat;
mod leave;
mod quality;
mod register;
mod report;

pub use enter::RelayEnter;
pub use events::RelayEvents;
pub use heartbeat::RelayHeartbeat;
pub use leave::RelayLeave;
pub use quality::RelayQuality;
pub use register::RelayRegister;

use crate::endpoint::Route;

/// The relays' endpoints.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::of::<RelayRegister>(),
        Route::of::<RelayHeartbeat>(),
        Route::of::<RelayEnter>(),
        Route::of::<RelayLeave>(),
        Route::of::<RelayEvents>(),
        Route::of::<RelayQuality>(),
    ]
}
