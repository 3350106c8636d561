//! Whether the relay takes new rooms. Once it does not, that stays so until its end.

use tokio::sync::watch;

/// Whether the relay drains; clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Drain(watch::Sender<bool>);

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Drain {
    /// From now on.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has begun.
    pub(crate) fn is_on(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it begins.
    pub(crate) async fn begun(&self) {
        // It fails only without a sender, and this is one.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }
}
