//! How connections do, told to the control plane when there is time for it: in requests of their own that no join or leave waits
//! for, and given up rather than kept for long.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{
    Code,
    id::RelayId,
    quality::{LARGEST_QUALITY, QualityKept, QualityReport, QualitySpan},
};
use tokio::{sync::watch, time::timeout};

use crate::call::Caller;

#[cfg(test)]
mod tests;

/// Spans that wait; of more the oldest are dropped.
const QUEUE: usize = 10_000;

/// Spans that wait to be sent, in order. Any thread may add one.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    queue: watch::Sender<Queue>,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<QualitySpan>,
    /// How many are on their way.
    sending: usize,
    /// The relay is about to end: nothing is waited for.
    hurried: bool,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.sending == 0
    }
}

impl Spans {
    pub(super) fn push(&self, span: QualitySpan) {
        let mut full = false;
        self.queue.send_modify(|queue| {
            full = queue.waiting.len() >= QUEUE;
            if full {
                queue.waiting.pop_front();
            }
            queue.waiting.push_back(span);
        });
        if full {
            self.drop_some(1);
        }
    }

    /// Spans that wait or are on their way, and spans that were dropped.
    pub(super) fn counts(&self) -> (u64, u64) {
        let queue = self.queue.borrow();
        let waiting = queue.waiting.len() + queue.sending;
        (waiting as u64, self.dropped.load(Ordering::Relaxed))
    }

    /// Waits until all are sent or given up, which is soon.
    pub(super) async fn flush(&self) {
        self.queue.send_modify(|queue| queue.hurried = true);
        // It fails only without a sender, which is here.
        let _ = self.queue.subscribe().wait_for(Queue::is_empty).await;
    }

    fn take(&self) -> Vec<QualitySpan> {
        let mut taken = Vec::new();
        self.queue.send_modify(|queue| {
            let count = queue.waiting.len().min(LARGEST_QUALITY);
            taken.extend(queue.waiting.drain(..count));
            queue.sending = taken.len();
        });
        taken
    }

    fn sent(&self) {
        self.queue.send_modify(|queue| queue.sending = 0);
    }

    fn drop_some(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// How patient a [`QualityReporter`] is.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The first span waits so long for others.
    gather: Duration,
    /// Before the second try; before each further one twice as long.
    backoff: Duration,
    tries: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gather: Duration::from_secs(2),
            backoff: Duration::from_secs(1),
            tries: 5,
        }
    }
}

/// The task that sends them, one request at a time.
#[derive(Debug)]
pub(crate) struct QualityReporter {
    relay: RelayId,
    caller: Arc<Caller>,
    /// The registration that counts, while there is one.
    epoch: watch::Receiver<Option<u64>>,
    spans: Arc<Spans>,
    pace: Pace,
}

impl QualityReporter {
    pub(crate) fn new(
        relay: RelayId,
        caller: Arc<Caller>,
        epoch: watch::Receiver<Option<u64>>,
        spans: Arc<Spans>,
    ) -> Self {
        Self {
            relay,
            caller,
            epoch,
            spans,
            pace: Pace::default(),
        }
    }

    /// Runs until nobody registers the relay any more.
    pub(crate) async fn run(mut self) {
        let mut queue = self.spans.queue.subscribe();
        while queue.wait_for(|queue| !queue.waiting.is_empty()).await.is_ok() {
            let enough = |queue: &Queue| queue.hurried || queue.waiting.len() >= LARGEST_QUALITY;
            let _ = timeout(self.pace.gather, queue.wait_for(enough)).await;
            // What comes while the relay is not registered takes the place of what is older.
            if self.epoch().await.is_none() {
                return;
            }
            let spans = self.spans.take();
            let count = spans.len();
            if !self.send(spans).await {
                self.spans.drop_some(count);
            }
            self.spans.sent();
        }
    }

    /// The registration that counts, once there is one.
    async fn epoch(&mut self) -> Option<u64> {
        let known = self.epoch.wait_for(Option::is_some).await;
        known.ok().and_then(|epoch| *epoch)
    }

    /// Sends some, again where that may help. Answers whether they were heard.
    async fn send(&mut self, spans: Vec<QualitySpan>) -> bool {
        let mut queue = self.spans.queue.subscribe();
        let mut report = QualityReport {
            relay: self.relay.clone(),
            epoch: 0,
            spans,
        };
        let mut backoff = self.pace.backoff;
        for _ in 1..=self.pace.tries {
            let Some(epoch) = self.epoch().await else {
                return false;
            };
            report.epoch = epoch;
            let Err(error) = self.caller.call::<_, QualityKept>("/relay/quality", &report).await else {
                return true;
            };
            // Of a registration that counts no more the next heartbeat tells.
            let passing = error.is_passing() || error.code() == Some(Code::Conflict);
            tracing::warn!(
                count = report.spans.len(),
                error = error.chain(),
                "quality not reported"
            );
            let hurried = timeout(backoff, queue.wait_for(|queue| queue.hurried));
            if !passing || hurried.await.is_ok() {
                return false;
            }
            backoff *= 2;
        }
        false
    }
}
