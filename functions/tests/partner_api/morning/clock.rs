//! A clock that stands while anybody works and goes on to the next who waits when nobody does: hours pass in seconds.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use jiff::Timestamp;
use tokio::sync::Notify;

/// The clock; all copies are one.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Duration,
    begun: u64,
    /// Who waits, by when and by who came first.
    waiting: BTreeMap<(Duration, u64), Waker>,
}

impl Clock {
    pub(crate) fn new(now: Timestamp) -> Self {
        let now = Duration::try_from(now.as_duration()).expect("after 1970");
        Self(Arc::new(Mutex::new(State {
            now,
            begun: 0,
            waiting: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("a lock")
    }

    /// Since 1970.
    pub(crate) fn since_epoch(&self) -> Duration {
        self.state().now
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
            .checked_add(self.since_epoch())
            .expect("before 9999")
    }

    pub(crate) fn sleep(&self, time: Duration) -> Waiting {
        let mut state = self.state();
        state.begun += 1;
        Waiting {
            clock: self.clone(),
            key: (state.now + time, state.begun),
        }
    }

    /// Waits until then.
    pub(crate) fn until(&self, at: Duration) -> Waiting {
        self.sleep(at.saturating_sub(self.since_epoch()))
    }

    /// Runs something on this clock, on one thread.
    pub(crate) fn run<F: Future>(&self, what: F) -> F::Output {
        let (clock, turn) = (self.clone(), Arc::new(Notify::new()));
        let next = Arc::clone(&turn);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || {
                if clock.go_on() {
                    next.notify_one();
                }
            })
            .build()
            .expect("a runtime");
        // Whoever is woken may not be looked at now, by whom it is a part of: then it is the next one's turn.
        runtime.spawn(async move {
            loop {
                turn.notified().await;
            }
        });
        runtime.block_on(what)
    }

    /// Nobody has anything to do now: it is as late as whoever waits least long waits for, if anybody does.
    fn go_on(&self) -> bool {
        let first = {
            let mut state = self.state();
            let first = state.waiting.pop_first();
            first.map(|((at, _), waker)| {
                state.now = state.now.max(at);
                waker
            })
        };
        first.map(Waker::wake).is_some()
    }
}

/// A wait.
#[derive(Debug)]
pub(crate) struct Waiting {
    clock: Clock,
    key: (Duration, u64),
}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.key.0 {
            return Poll::Ready(());
        }
        state.waiting.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.clock.state().waiting.remove(&self.key);
    }
}

impl AsyncSleep for Clock {
    fn sleep(&self, time: Duration) -> Sleep {
        Sleep::new(Self::sleep(self, time))
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.since_epoch()
    }
}
