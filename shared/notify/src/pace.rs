//! How many mails are under way at a time: more while they go out at once, fewer where the mail service takes its time or lets
//! no more through. Companies whose mails wait are let on in turn, the mails of each in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use domain::id::CompanyId;
use tokio::sync::oneshot;

/// What is under way at a time at the beginning, and at most.
const FIRST: f64 = 32.0;
const MOST: f64 = 256.0;
/// What is left of the pace when one was not let through.
const SLOWER: f64 = 0.7;
/// It falls once in so long: those that were under way together say the same.
const STEADY: Duration = Duration::from_millis(200);
/// Where so many wait, no more are to come.
const CROWD: usize = 16;

/// The pace of one process; all copies are one.
#[derive(Debug, Clone)]
pub(crate) struct Pace(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    window: f64,
    out: usize,
    waiting: Waiting,
    /// When the pace fell last.
    fell: Option<SystemTime>,
}

/// Who waits.
#[derive(Debug, Default)]
struct Waiting {
    /// Of each company that is in `turns`.
    lines: HashMap<CompanyId, VecDeque<oneshot::Sender<Turn>>>,
    /// Whose turn is next.
    turns: VecDeque<CompanyId>,
    len: usize,
}

impl Waiting {
    fn push(&mut self, company: CompanyId, mail: oneshot::Sender<Turn>) {
        let line = self.lines.entry(company).or_default();
        if line.is_empty() {
            self.turns.push_back(company);
        }
        line.push_back(mail);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<oneshot::Sender<Turn>> {
        let company = self.turns.pop_front()?;
        let line = self.lines.get_mut(&company)?;
        let next = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&company);
        } else {
            self.turns.push_back(company);
        }
        self.len -= 1;
        Some(next)
    }
}

/// A place among those under way; it is free again with this.
#[derive(Debug)]
pub(crate) struct Turn {
    pace: Option<Pace>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            window: FIRST,
            out: 0,
            waiting: Waiting::default(),
            fell: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place for a mail of this company.
    pub(crate) async fn turn(&self, company: CompanyId) -> Turn {
        let (given, turn) = oneshot::channel();
        {
            let mut state = self.state();
            state.waiting.push(company, given);
            self.let_on(&mut state);
        }
        // None is given up unless its turn has come.
        turn.await.unwrap_or(Turn { pace: None })
    }

    /// Whether more may come.
    pub(crate) fn has_room(&self) -> bool {
        self.state().waiting.len < CROWD
    }

    fn let_on(&self, state: &mut State) {
        while (state.out as f64) < state.window.floor() {
            let Some(next) = state.waiting.pop() else { return };
            let turn = Turn {
                pace: Some(self.clone()),
            };
            match next.send(turn) {
                Ok(()) => state.out += 1,
                // Whoever has gone away takes no place.
                Err(mut turn) => turn.pace = None,
            }
        }
    }
}

impl Turn {
    /// The mail went out at once.
    pub(crate) fn went(&self) {
        if let Some(pace) = &self.pace {
            let mut state = pace.state();
            state.window = (state.window + 1.0 / state.window).min(MOST);
        }
    }

    /// The mail service lets no more through at the moment.
    pub(crate) fn was_too_much(&self, now: SystemTime) {
        let Some(pace) = &self.pace else { return };
        let mut state = pace.state();
        let since = state.fell.and_then(|fell| now.duration_since(fell).ok());
        if since.is_none_or(|since| since >= STEADY) {
            (state.window, state.fell) = ((state.window * SLOWER).max(1.0), Some(now));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(pace) = self.pace.take() else { return };
        let mut state = pace.state();
        state.out -= 1;
        pace.let_on(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(number: u64) -> CompanyId {
        CompanyId::new(number).expect("a number")
    }

    async fn settle() {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_waits_is_let_on_in_order_and_slowness_makes_fewer() {
        let pace = Pace::new();
        let mut turns = Vec::new();
        for _ in 0..32 {
            turns.push(pace.turn(company(1)).await);
        }
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for number in 0..20 {
            let (pace, order) = (pace.clone(), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let turn = pace.turn(company(1)).await;
                order.lock().expect("a lock").push(number);
                std::mem::forget(turn);
            }));
            settle().await;
        }
        assert!(!pace.has_room());
        // Together they say once that it was too much: 22 places are left, and those of eight are none of them.
        let now = SystemTime::UNIX_EPOCH;
        turns.iter().for_each(|turn| turn.was_too_much(now));
        turns.drain(..8);
        settle().await;
        assert!(order.lock().expect("a lock").is_empty());
        turns.iter().for_each(|turn| turn.was_too_much(now + STEADY));
        // Of 15 places 14 are taken.
        turns.drain(..10);
        settle().await;
        assert_eq!(*order.lock().expect("a lock"), [0]);
        // Who has gone away does not keep the others waiting.
        waiting[1].abort();
        settle().await;
        {
            let mut state = pace.state();
            state.window = 18.0;
            pace.let_on(&mut state);
        }
        settle().await;
        assert_eq!(*order.lock().expect("a lock"), [0, 2, 3, 4]);
    }

    #[tokio::test]
    async fn companies_come_in_turn() {
        let pace = Pace::new();
        pace.state().window = 1.0;
        let first = pace.turn(company(1)).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        for whose in [1, 1, 1, 1, 2, 2, 3] {
            let (pace, order) = (pace.clone(), Arc::clone(&order));
            tokio::spawn(async move {
                let _turn = pace.turn(company(whose)).await;
                order.lock().expect("a lock").push(whose);
            });
            settle().await;
        }
        drop(first);
        settle().await;
        assert_eq!(*order.lock().expect("a lock"), [1, 2, 3, 1, 2, 1, 1]);
        assert!(pace.state().waiting.lines.is_empty());
    }
}
