//! What wakes functions: records of the table's stream, and the schedule.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;

/// Records in one event, as in the template.
const BATCH: usize = 10;
/// How often an event of the stream is handed on again, as in the template.
const RETRIES: u32 = 10;
/// No older event is: the next one of the schedule is there.
const MINUTE: Duration = Duration::from_secs(60);

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Partitions in which something is new; none, by the schedule.
    partitions: Vec<String>,
    made: Instant,
    tried: u32,
}

impl Event {
    pub fn body(&self) -> Value {
        if self.partitions.is_empty() {
            return json!({"source": "aws.events", "detail-type": "Scheduled Event"});
        }
        let record = |pk: &String| json!({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": pk}}}});
        json!({"Records": self.partitions.iter().map(record).collect::<Vec<_>>()})
    }
}

/// Events that wait for a process.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<VecDeque<Event>>,
    /// Somebody may look.
    pub come: Notify,
}

impl Queue {
    fn push(&self, partitions: Vec<String>) {
        let event = Event {
            partitions,
            made: Instant::now(),
            tried: 0,
        };
        self.waiting.lock().expect("not poisoned").push_back(event);
        self.come.notify_waiters();
    }

    /// Something is new in this partition.
    pub fn tell(&self, partition: String) {
        self.push(vec![partition]);
    }

    /// A minute has begun.
    pub fn minute(&self) {
        self.push(Vec::new());
    }

    /// The next event, records that wait behind each other as one.
    pub fn take(&self) -> Option<Event> {
        let mut waiting = self.waiting.lock().expect("not poisoned");
        let mut event = waiting.pop_front()?;
        while !event.partitions.is_empty()
            && event.tried == 0
            && event.partitions.len() < BATCH
            && let Some(next) = waiting.pop_front_if(|next| next.tried == 0 && !next.partitions.is_empty())
        {
            event.partitions.extend(next.partitions);
        }
        Some(event)
    }

    /// Whoever had it is dead, or has failed: another one gets it, as long as that is of use.
    pub fn again(&self, mut event: Event) {
        event.tried += 1;
        let ends = !event.partitions.is_empty() && event.tried > RETRIES;
        if !ends && event.made.elapsed() < MINUTE {
            self.waiting.lock().expect("not poisoned").push_front(event);
            self.come.notify_waiters();
        }
    }
}
