//! Tells webhooks what happened. Each webhook has a line per meeting and account, which one worker holds at a time; lines are
//! served beside each other, so many of each webhook, each company and in all at most: who does not answer keeps nobody
//! else waiting.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::pin::Pin;

use domain::conference::later;
use domain::hook::{DISABLED_AFTER, Hook, IN_LINE, wait};
use domain::id::{CompanyId, HookId, ResellerId};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use store::{Delivery, DeliveryState, Line, News, Rest, Told};

use crate::app::App;
use crate::error::Error;
use crate::hook_post::{self, NotTaken, Secrets};

/// How long one run takes up new lines.
const RUN: SignedDuration = SignedDuration::from_secs(60);
/// How soon new ones are looked for while others are served; each time that there are none, after twice as long.
const TICK: SignedDuration = SignedDuration::from_millis(100);
/// The longest of these.
const LONGEST_TICK: SignedDuration = SignedDuration::from_secs(1);
/// What happened that is looked at in one round, of each shard, and of some companies besides.
const NEWS: u32 = 20;
/// Meetings and accounts numbered in one round.
const NUMBERED: usize = 160;
/// Lines looked at in one round, of each shard.
const LINES: u32 = 100;
/// Lines served at a time.
const AT_ONCE: usize = 64;
/// Of one company.
const OF_COMPANY: usize = 16;
/// Of one webhook.
const OF_HOOK: usize = 4;
/// So long a line is served before it waits for its turn again.
const TURN: SignedDuration = SignedDuration::from_secs(10);
/// Subjects numbered, and lines put off, beside each other.
const BESIDE: usize = 16;
/// Events read at once.
const PAGE: u32 = 20;
/// Lines of a webhook that does not answer are looked at again so much later, one lot after the other.
const LOT: SignedDuration = SignedDuration::from_secs(5);
/// The latest of them.
const LAST_LOT: i32 = 120;

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Posted {
    /// Deliveries that arrived.
    pub arrived: usize,
    /// Tries that did not.
    pub failed: usize,
    /// Webhooks disabled.
    pub disabled: usize,
}

/// Who is being served.
#[derive(Default)]
struct Flights {
    hooks: HashMap<(ResellerId, HookId), usize>,
    companies: HashMap<(ResellerId, CompanyId), usize>,
}

impl Flights {
    fn served(&self) -> usize {
        self.companies.values().sum()
    }

    fn has_room_for(&self, line: &Line) -> bool {
        let of_hook = self.hooks.get(&(line.reseller, line.hook)).copied().unwrap_or(0);
        let of_company = self.companies.get(&(line.reseller, line.company)).copied().unwrap_or(0);
        of_hook < OF_HOOK && of_company < OF_COMPANY
    }

    fn begin(&mut self, line: &Line) {
        *self.hooks.entry((line.reseller, line.hook)).or_default() += 1;
        *self.companies.entry((line.reseller, line.company)).or_default() += 1;
    }

    fn end(&mut self, line: &Line) {
        if let Some(count) = self.hooks.get_mut(&(line.reseller, line.hook)) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.companies.get_mut(&(line.reseller, line.company)) {
            *count = count.saturating_sub(1);
        }
    }
}

/// Sends what is due now. Harmless when repeated, and in several processes at once.
///
/// # Errors
/// When the table failed. What a webhook fails with is kept with the delivery.
pub async fn tell_webhooks(app: &App) -> Result<Posted, Error> {
    run(app, app.now()).await
}

/// Sends what is due now, and what comes to be due within the minute: what has failed is tried again after seconds.
///
/// # Errors
/// As [`tell_webhooks`].
pub async fn tell_webhooks_minute(app: &App) -> Result<Posted, Error> {
    let (started, mut posted) = (app.now(), Posted::default());
    let end = later(started, RUN);
    loop {
        let more = run(app, started).await?;
        posted.arrived += more.arrived;
        posted.failed += more.failed;
        posted.disabled += more.disabled;
        let now = app.now();
        let Some(next) = app.store.lines_next(now, end).await? else {
            return Ok(posted);
        };
        // What happens meanwhile is looked for as well.
        app.sleep(next.duration_since(now).min(LONGEST_TICK)).await;
    }
}

/// What of a run has come to its end.
enum Ended {
    /// Lines that are due were looked up; whether anything was numbered before.
    Looked(Result<(bool, Vec<Line>), Error>),
    /// A line was served, if nobody else holds it.
    Served(Line, Result<Option<Served>, Error>),
    /// The moment for another look has come, or lines were put off.
    Went,
}

/// All that goes on.
type Running<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send + 'a>>>;

/// All that goes on at once is polled together: a look at the table keeps no answer of a webhook waiting.
async fn run(app: &App, started: Timestamp) -> Result<Posted, Error> {
    let (mut posted, mut broken) = (Posted::default(), None);
    let (mut flights, mut silent, mut waiting) = (Flights::default(), HashSet::new(), Vec::new());
    let mut running: Running<'_> = FuturesUnordered::new();
    let mut tick = TICK;
    running.push(Box::pin(look(app)));
    while let Some(ended) = running.next().await {
        match ended {
            Ended::Went => running.push(Box::pin(look(app))),
            Ended::Looked(Err(error)) => broken = Some(error),
            Ended::Looked(Ok((numbered, due))) => {
                let which = |line: &Line| (line.reseller, line.hook, line.subject, line.only);
                waiting = fair(due, which, |line| (line.reseller, line.company));
                let begun = begin(app, &mut waiting, &mut flights, &running);
                let (mut off, mut left) = (Vec::new(), HashMap::new());
                for line in waiting.extract_if(.., |line| silent.contains(&(line.reseller, line.hook))) {
                    let before: &mut i32 = left.entry(line.hook).or_default();
                    *before += 1;
                    let lots = (*before / OF_HOOK as i32 + 1).min(LAST_LOT);
                    off.push((line, later(app.now(), LOT * lots)));
                }
                // The index may be behind what was numbered just now.
                if flights.served() == 0 && !numbered {
                    break;
                }
                tick = if begun || numbered {
                    TICK
                } else {
                    (tick * 2).min(LONGEST_TICK)
                };
                if app.now().duration_since(started) < RUN {
                    running.push(Box::pin(put_off(app, off, tick)));
                }
            }
            Ended::Served(line, outcome) => {
                flights.end(&line);
                match outcome {
                    Ok(Some(served)) => {
                        posted.arrived += served.posted.arrived;
                        posted.failed += served.posted.failed;
                        posted.disabled += served.posted.disabled;
                        if served.posted.failed > 0 {
                            silent.insert((line.reseller, line.hook));
                            // They are put off at the next look, and no faster tried than looked at.
                            waiting.retain(|other| (other.reseller, other.hook) != (line.reseller, line.hook));
                        } else if served.posted.arrived > 0 {
                            silent.remove(&(line.reseller, line.hook));
                        }
                    }
                    Ok(None) => {}
                    // Whoever takes it up when the lease is over does it.
                    Err(error) => {
                        error.log("tell_webhooks", &line.hook.to_string());
                        tracing::warn!(hook = %line.hook, %error, "a webhook could not be told");
                    }
                }
                if broken.is_none() && app.now().duration_since(started) < RUN {
                    begin(app, &mut waiting, &mut flights, &running);
                }
            }
        }
    }
    broken.map_or(Ok(posted), Err)
}

/// Begins to serve those that wait, as far as there is room. Answers whether there was any.
fn begin<'a>(app: &'a App, waiting: &mut Vec<Line>, flights: &mut Flights, running: &Running<'a>) -> bool {
    let before = waiting.len();
    let has_room = |line: &mut Line| {
        let room = flights.served() < AT_ONCE && flights.has_room_for(line);
        if room {
            flights.begin(line);
        }
        room
    };
    for line in waiting.extract_if(.., has_room) {
        running.push(Box::pin(take(app, line)));
    }
    waiting.len() < before
}

/// Numbers what happened, and looks for lines that are due.
async fn look(app: &App) -> Ended {
    let due = async {
        let numbered = number(app).await?;
        Ok((numbered, app.store.lines_due(app.now(), LINES).await?))
    };
    Ended::Looked(due.await)
}

/// Serves a line, unless somebody else holds it.
async fn take(app: &App, line: Line) -> Ended {
    let served = async {
        match app.store.line_claim(&line, app.now()).await? {
            Some(line) => serve(app, line).await.map(Some),
            None => Ok(None),
        }
    };
    let served = served.await;
    Ended::Served(line, served)
}

/// Puts lines off, a few beside each other, and waits until it is time for another look.
async fn put_off(app: &App, lines: Vec<(Line, Timestamp)>, tick: SignedDuration) -> Ended {
    let putting = lines.iter().map(|(line, until)| app.store.line_postpone(line, *until));
    let mut putting = stream::iter(putting.collect::<Vec<_>>()).buffer_unordered(BESIDE);
    while let Some(put) = putting.next().await {
        if let Err(error) = put {
            tracing::warn!(error = &error as &dyn std::error::Error, "a line could not be put off");
        }
    }
    app.sleep(tick).await;
    Ended::Went
}

/// Numbers what happened, several meetings and accounts beside each other; whether anything was. What fails for one keeps no others
/// waiting.
async fn number(app: &App) -> Result<bool, Error> {
    let waiting = app.store.news_waiting(NEWS).await?;
    let which = |news: &News| (news.reseller, news.subject);
    let waiting = fair(waiting, which, |news| (news.reseller, news.company));
    let numbering = waiting.into_iter().take(NUMBERED).map(|news| async move {
        let (reseller, subject) = which(&news);
        let told = app.store.news_tell(reseller, subject, app.now()).await;
        if let Err(error) = &told {
            tracing::warn!(%reseller, ?subject, error = error as &dyn std::error::Error, "what happened could not be numbered");
        }
        told.is_ok()
    });
    let numbered = stream::iter(numbering.collect::<Vec<_>>()).buffer_unordered(BESIDE);
    Ok(numbered.fold(false, async |any, this| any || this).await)
}

/// One of each owner in turn. Otherwise in no order: several who look at once begin with different ones.
fn fair<T, W: Hash, O: Eq + Hash>(mut found: Vec<T>, which: impl Fn(&T) -> W, owner: impl Fn(&T) -> O) -> Vec<T> {
    let chance = RandomState::new();
    found.sort_by_cached_key(|entry| chance.hash_one(which(entry)));
    let mut before = HashMap::new();
    let mut turns: Vec<(usize, T)> = Vec::with_capacity(found.len());
    for entry in found {
        let turn = before.entry(owner(&entry)).or_insert(0_usize);
        turns.push((*turn, entry));
        *turn += 1;
    }
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, entry)| entry).collect()
}

/// What came of serving one line.
#[derive(Default)]
struct Served {
    posted: Posted,
}

/// A webhook that is told, and what that takes.
struct Teller<'a> {
    app: &'a App,
    hook: Hook,
    secrets: Secrets,
    served: Served,
}

async fn serve(app: &App, line: Line) -> Result<Served, Error> {
    let store = &app.store;
    let found = tokio::join!(
        store.hook(line.reseller, line.company, line.hook),
        store.signing_token(line.reseller, line.company)
    );
    let hook = match found.0 {
        Ok(hook) => Some(hook),
        Err(store::Error::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let stands = |hook: &Hook| hook.disabled.is_none() && hook.era == line.era;
    let (Some(hook), Some(token)) = (hook.filter(stands), found.1?) else {
        give_up(app, &line, "the webhook was disabled or deleted").await?;
        return Ok(Served::default());
    };
    let secrets = Secrets::of(app, &hook, &token, app.now())?;
    let mut teller = Teller {
        app,
        hook,
        secrets,
        served: Served::default(),
    };
    match line.only {
        Some(sequence) => teller.apart(line, sequence).await?,
        None => teller.in_order(line).await?,
    }
    Ok(teller.served)
}

/// A line goes, and what of it was tried is not tried again.
async fn give_up(app: &App, line: &Line, why: &str) -> Result<(), Error> {
    let (store, now) = (&app.store, app.now());
    let sequence = line.only.unwrap_or(line.done + 1);
    let id = line.delivery_id(sequence);
    let kept = store.delivery(line.reseller, line.hook, &id, now).await?;
    let failed = kept
        .filter(|kept| kept.state == DeliveryState::Waiting)
        .map(|kept| Delivery {
            state: DeliveryState::Failed,
            next: None,
            error: Some(why.into()),
            ..kept
        });
    store.line_save(line, Rest::Gone, failed.as_ref(), None, now).await?;
    Ok(())
}

impl Teller<'_> {
    /// Sends what is in a line, one after the other.
    async fn in_order(&mut self, mut line: Line) -> Result<(), Error> {
        let (store, began) = (&self.app.store, self.app.now());
        loop {
            let events = store.told_events(line.reseller, line.subject, line.done, PAGE).await?;
            if events.is_empty() {
                // What has run out is not told any more; what came since the line was taken up is sent.
                line.done = line.done.max(line.known);
                store.line_save(&line, Rest::Idle, None, None, self.app.now()).await?;
                return Ok(());
            }
            for told in events {
                if !self.hook.wants(told.happening.name()) {
                    line.done = told.sequence;
                    continue;
                }
                let now = self.app.now();
                if now.duration_since(began) >= TURN {
                    store.line_save(&line, Rest::Until(now), None, None, now).await?;
                    return Ok(());
                }
                let Some(next) = self.next(line, &told, now).await? else {
                    return Ok(());
                };
                line = next;
            }
        }
    }

    /// Sends the first event of a line, or puts it aside. `None`: the line waits, or is somebody else's.
    async fn next(&mut self, mut line: Line, told: &Told, now: Timestamp) -> Result<Option<Line>, Error> {
        let store = &self.app.store;
        let parked = line.first.is_some_and(|first| later(first, IN_LINE) <= now);
        if let Some(retry) = line.retry.filter(|_| parked) {
            let mut delivery = self.kept(&line, told, now).await?;
            let apart = line.apart(told.sequence, line.failures, retry);
            delivery.missed_in = Some(line.era);
            (line.missed, line.aside, line.done) = (line.missed + 1, 1, told.sequence);
            (line.failures, line.first, line.retry) = (0, None, None);
            let held = store
                .line_save(&line, Rest::Held, Some(&delivery), Some(&apart), now)
                .await?;
            line.aside = 0;
            return Ok(Some(line).filter(|_| held));
        }
        if let Some((retry, first)) = line.retry.zip(line.first).filter(|(retry, _)| *retry > now) {
            let until = retry.min(later(first, IN_LINE));
            store.line_save(&line, Rest::Until(until), None, None, now).await?;
            return Ok(None);
        }
        let mut delivery = self.kept(&line, told, now).await?;
        let outcome = self.post(&line, told, line.missed > 0).await?;
        let after = self.app.now();
        note(&mut delivery, &outcome, after);
        if outcome.is_ok() {
            line.done = told.sequence;
            (line.failures, line.first, line.retry) = (0, None, None);
            let held = store.line_save(&line, Rest::Held, Some(&delivery), None, after).await?;
            self.note_health(true).await;
            return Ok(Some(line).filter(|_| held));
        }
        line.failures += 1;
        let first = *line.first.get_or_insert(after);
        let retry = later(after, wait(line.failures).unwrap_or(IN_LINE));
        line.retry = Some(retry);
        (delivery.state, delivery.next) = (DeliveryState::Waiting, Some(retry));
        let until = retry.min(later(first, IN_LINE));
        store
            .line_save(&line, Rest::Until(until), Some(&delivery), None, after)
            .await?;
        self.note_health(false).await;
        Ok(None)
    }

    /// Sends one event apart from the others.
    async fn apart(&mut self, mut line: Line, sequence: u64) -> Result<(), Error> {
        let (app, now) = (self.app, self.app.now());
        let store = &app.store;
        let before = sequence.saturating_sub(1);
        let found = store.told_events(line.reseller, line.subject, before, 1).await?;
        let Some(told) = found.into_iter().find(|told| told.sequence == sequence) else {
            return give_up(app, &line, "the event is not kept any more").await;
        };
        let mut delivery = self.kept(&line, &told, now).await?;
        let outcome = self.post(&line, &told, false).await?;
        let after = self.app.now();
        note(&mut delivery, &outcome, after);
        let taken = outcome.is_ok();
        // What a line of an earlier era counted is not this one's.
        let arrived = taken && delivery.missed_in == Some(line.era);
        let mut rest = Rest::Gone;
        match outcome {
            Ok(_) => delivery.missed_in = None,
            Err(_) => {
                line.failures += 1;
                if let Some(wait) = wait(line.failures) {
                    let retry = later(after, wait);
                    line.retry = Some(retry);
                    (delivery.state, delivery.next) = (DeliveryState::Waiting, Some(retry));
                    rest = Rest::Until(retry);
                }
            }
        }
        store.line_save_apart(&line, rest, &delivery, arrived, after).await?;
        self.note_health(taken).await;
        Ok(())
    }

    /// A delivery as it is kept, or a new one.
    async fn kept(&self, line: &Line, told: &Told, now: Timestamp) -> Result<Delivery, Error> {
        let id = line.delivery_id(told.sequence);
        let kept = match line.failures > 0 || line.only.is_some() {
            true => self.app.store.delivery(line.reseller, line.hook, &id, now).await?,
            false => None,
        };
        Ok(kept.unwrap_or(Delivery {
            id,
            event: told.happening.name(),
            subject: line.subject,
            sequence: told.sequence,
            happened: told.at,
            created: now,
            state: DeliveryState::Waiting,
            attempts: 0,
            last: now,
            status: None,
            error: None,
            next: None,
            missed_in: None,
        }))
    }

    async fn post(&mut self, line: &Line, told: &Told, gap: bool) -> Result<Result<StatusCode, NotTaken>, Error> {
        let app = self.app;
        let payload = hook_post::payload(app, line.reseller, line.subject, told).await?;
        let id = line.delivery_id(told.sequence);
        let outcome = hook_post::event(app, &self.hook, &self.secrets, (told, &id, gap), &payload, app.now()).await;
        match &outcome {
            Ok(_) => self.served.posted.arrived += 1,
            Err(error) => {
                self.served.posted.failed += 1;
                tracing::debug!(hook = %self.hook.id, event = told.happening.name().as_str(), %error, "not delivered");
            }
        }
        Ok(outcome)
    }

    /// Notes with the webhook whether it takes what it is sent. What became of the delivery is kept by then, whatever comes of this.
    async fn note_health(&mut self, taken: bool) {
        let (store, now) = (&self.app.store, self.app.now());
        let noted = match (taken, self.hook.failing) {
            (true, Some(_)) => {
                self.hook.failing = None;
                store.hook_health(&self.hook, None).await
            }
            (false, None) => {
                let noted = store.hook_health(&self.hook, Some(now)).await;
                self.hook.failing = Some(now);
                noted
            }
            (false, Some(since)) if later(since, DISABLED_AFTER) <= now => {
                let disabled = store.hook_disable(&self.hook, now).await;
                disabled.map(|disabled| {
                    if disabled {
                        tracing::info!(hook = %self.hook.id, "webhook disabled");
                        self.served.posted.disabled += 1;
                    }
                })
            }
            _ => Ok(()),
        };
        if let Err(error) = noted {
            tracing::warn!(hook = %self.hook.id, error = &error as &dyn std::error::Error, "a webhook's health could not be noted");
        }
    }
}

/// Notes a try.
fn note(delivery: &mut Delivery, outcome: &Result<StatusCode, NotTaken>, now: Timestamp) {
    delivery.attempts += 1;
    (delivery.last, delivery.next) = (now, None);
    match outcome {
        Ok(status) => {
            delivery.state = DeliveryState::Delivered;
            (delivery.status, delivery.error) = (Some(status.as_u16()), None);
        }
        Err(error) => {
            delivery.state = DeliveryState::Failed;
            (delivery.status, delivery.error) = (error.status(), Some(error.to_string()));
        }
    }
}
