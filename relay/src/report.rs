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
    quality::QualitySpan,
    relay::Event,
};
use tokio::sync::{mpsc, oneshot};

mod quality;
mod reporter;

pub(crate) use quality::{QualityReporter, Spans};
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
    /// A meeting is closed here; whether its people were told to come again.
    Leave { room: RoomName, reconnecting: bool },
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
    spans: Arc<Spans>,
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
            spans: Arc::default(),
        }
    }

    pub(crate) fn channel() -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let reports = Self {
            sender: Some(sender),
            counts: Arc::default(),
            spans: Arc::default(),
        };
        (reports, receiver)
    }

    pub(crate) fn send(&self, report: Report) {
        if let Some(sender) = &self.sender {
            // Its end is the relay's end.
            let _ = sender.send(report);
        }
    }

    /// How a participant's connections did: told when there is time for it, apart from all else.
    pub(crate) fn quality(&self, span: QualitySpan) {
        if self.sender.is_some() {
            self.spans.push(span);
        }
    }

    /// What a [`QualityReporter`] takes.
    pub(crate) fn spans(&self) -> Arc<Spans> {
        self.spans.clone()
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

    /// Spans of quality that wait to be heard, and those that were given up.
    pub(crate) fn quality_counts(&self) -> (u64, u64) {
        self.spans.counts()
    }

    /// Waits until what was reported is heard, for at most `limit`. Spans of quality are sent once more, if they can be meanwhile.
    pub(crate) async fn flush(&self, limit: Duration) {
        let (sender, receiver) = oneshot::channel();
        self.send(Report::Flush(sender));
        if self.sender.is_some() {
            let all = async { tokio::join!(receiver, self.spans.flush()) };
            let _ = tokio::time::timeout(limit, all).await;
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
