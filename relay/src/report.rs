//! Reports to the control plane: what happens in meetings, in order and until it is heard, while the meetings go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{
    id::{ParticipantNumber, RelayId, RoomName},
    relay::Event,
};
use tokio::sync::{mpsc, oneshot};

mod reporter;

pub(crate) use reporter::Reporter;

/// What the rooms have to report.
#[derive(Debug)]
pub(crate) enum Report {
    /// The first participant of a meeting is here: may it open?
    Enter {
        room: RoomName,
        participant: ParticipantNumber,
        jti: String,
    },
    /// A meeting is empty and closed here.
    Leave { room: RoomName },
    /// Something happened.
    Event(Event),
    /// Send what waits, then answer.
    Flush(oneshot::Sender<()>),
}

/// The way to the control plane, if there is one. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    sender: Option<mpsc::UnboundedSender<Report>>,
    counts: Arc<ReportCounts>,
}

/// What became of the reports.
#[derive(Debug, Default)]
pub(crate) struct ReportCounts {
    /// Those that wait.
    waiting: AtomicU64,
    /// Those that were given up.
    dropped: AtomicU64,
}

impl Reports {
    /// Reports that go nowhere, and reports that a [`Reporter`] takes.
    pub(crate) fn none() -> Self {
        Self {
            sender: None,
            counts: Arc::default(),
        }
    }

    pub(crate) fn channel() -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let reports = Self {
            sender: Some(sender),
            counts: Arc::default(),
        };
        (reports, receiver)
    }

    pub(crate) fn send(&self, report: Report) {
        if let Some(sender) = &self.sender {
            // Its end is the relay's end.
            let _ = sender.send(report);
        }
    }

    /// Where a [`Reporter`] of these counts.
    pub(crate) fn tally(&self) -> Arc<ReportCounts> {
        self.counts.clone()
    }

    /// Reports that wait to be heard, and reports that were given up.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.counts.waiting), read(&self.counts.dropped))
    }

    /// Waits until what was reported is heard, for at most `limit`.
    pub(crate) async fn flush(&self, limit: Duration) {
        let (sender, receiver) = oneshot::channel();
        self.send(Report::Flush(sender));
        if self.sender.is_some() {
            let _ = tokio::time::timeout(limit, receiver).await;
        }
    }
}

/// What this relay says of itself.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) relay: RelayId,
    pub(crate) region: String,
    pub(crate) url: String,
    pub(crate) capacity: u32,
}
