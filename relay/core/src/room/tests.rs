//! What a room does, told as a specification on virtual time.

use std::time::Instant;

/// Any instant: the clock is read once, and only to have a value of the type.
#[expect(clippy::disallowed_methods, reason = "an instant has no other constructor")]
pub(super) fn origin() -> Instant {
    Instant::now()
}
