//! A morning: many meetings begin at nine, and everybody is reminded a quarter of an hour before. The dispatcher, the store and
//! the clients are the real ones; the clock stands while anybody works, and the services behind the clients take their time.

mod clock;
mod opening;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::Region;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use domain::code::AccessCode;
use domain::id::CompanyId;
use functions::outbound::{Guard, Outbound};
use functions::{App, Config, Rates, operator};
use notify::ses::Ses;
use notify::{Mail, Mailer, Sending};
use serde_json::json;
use store::Store;
use store::embedded;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::clock::Clock;
pub(crate) use self::opening::Receiving;
use self::opening::{Receivers, Relay};
use self::services::{Core, MailService, New, Slow};
use crate::table::Table;
use crate::world::{PASSWORD, World};

/// When the reminders of all meetings are due.
const DUE: &str = "2026-06-02T08:45:00Z";
/// When the schedule wakes a dispatcher, in each minute.
const SECOND: u64 = 40;
/// How long after a job was written the table's stream has woken a dispatcher.
const STREAM: Duration = Duration::from_millis(250);

/// What is in one batch of the stream, and batches of jobs, and of news, worked at beside each other, as in the template.
const BATCH: usize = 10;
const BESIDE: usize = 4;
/// In how long people come to all meetings, and processes of the API that let them in.
const ARRIVING: Duration = Duration::from_secs(10);
const APIS: usize = 32;

/// What the table takes for an answer.
const TABLE: Duration = Duration::from_millis(4);
/// What the mail service takes.
const MAIL: Duration = Duration::from_millis(40);

/// What there is to do.
#[derive(Clone, Debug)]
pub(crate) struct Morning {
    /// The meetings of each company.
    pub(crate) companies: Vec<usize>,
    /// Who is reminded of each, the host among them.
    pub(crate) people: usize,
    /// Mails a second that the mail service lets through.
    pub(crate) rate: u32,
    /// Until when it is watched, after the reminders are due.
    pub(crate) watched: Duration,
    /// Where somebody comes to each meeting within ten seconds of the reminders: how each company's webhook, which hears of that, is.
    pub(crate) webhooks: Option<Receiving>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Report {
    /// How late each reminder of each company went out, the first one first.
    pub(crate) late: Vec<Vec<Duration>>,
    /// How long after it each company's webhook heard that a meeting began, the first one first.
    pub(crate) heard: Vec<Vec<Duration>>,
    /// Mails that went out twice, and those that were not to go out.
    pub(crate) twice: usize,
    pub(crate) early: usize,
    /// Reminders that were dropped since their meeting had begun.
    pub(crate) stale: usize,
    /// Mails that came when the mail service took no more.
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(crate) refused: usize,
    /// Dispatchers, and tellers of webhooks, that were woken.
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(crate) dispatchers: usize,
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(crate) tellers: usize,
    /// What all of it took on this machine's clock.
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(crate) worked: Duration,
}

/// Mail that nobody looks at.
#[derive(Debug)]
struct Nowhere;

impl Mailer for Nowhere {
    fn send<'a>(&'a self, _: &'a Mail, _: CompanyId) -> Sending<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Morning {
    /// Lets it pass.
    pub(crate) fn run(&self) -> Report {
        let due: jiff::Timestamp = DUE.parse().expect("a time");
        let clock = Clock::new(due - jiff::SignedDuration::from_secs(90));
        clock.run(self.pass(
            clock.clone(),
            Duration::try_from(due.as_duration()).expect("after 1970"),
        ))
    }

    async fn pass(&self, clock: Clock, due: Duration) -> Report {
        let rates = Rates {
            session_per_minute: u32::MAX,
            company_per_minute: u32::MAX,
            object_per_minute: u32::MAX,
            ..Rates::default()
        };
        let config = Config {
            rates,
            ..Config::default()
        };
        let mut world = Box::pin(World::on(Table::new().without_roles(), config)).await;
        let receivers = Receivers::default();
        let outbound = Outbound::new(Guard::Loopback).with_network(receivers.reached_by(&clock, Core::default()));
        world.app = world.app.with_mailer(Arc::new(Nowhere)).with_outbound(outbound);
        let mut codes = Vec::new();
        for (company, meetings) in self.companies.iter().enumerate() {
            codes.push(self.plan(&world, company, *meetings).await);
        }
        operator::dispatch(&world.app, &[]).await.expect("everybody is invited");
        operator::tell_webhooks(&world.app).await.expect("nobody wants to hear");

        let (mails, started) = (MailService::new(clock.clone(), self.rate), Instant::now());
        let (woken, mut new) = mpsc::unbounded_channel();
        let process = Process {
            world: &world,
            clock: &clock,
            mails: &mails,
            receivers: &receivers,
            woken,
        };
        if let Some(how) = self.webhooks {
            receivers.become_so(how);
            self.begin(&process, &codes, due).await;
        }
        let (mut dispatchers, mut woken, mut stale) = (JoinSet::new(), 0, 0);
        // What the table's stream tells of, and who was woken by it.
        let (mut jobs, mut streamed) = (Vec::new(), JoinSet::new());
        let (mut tellers, mut told, mut news) = (JoinSet::new(), 0, 0_usize);
        let mut minute = due - Duration::from_secs(60 - SECOND) - Duration::from_secs(60);
        let end = due + self.watched;
        while clock.since_epoch() < end {
            tokio::select! {
                () = clock.until(minute) => {
                    minute += Duration::from_secs(60);
                    let (app, teller) = (process.start().await, process.start().await);
                    dispatchers.spawn(async move { operator::dispatch_minute(&app).await });
                    dispatchers.spawn(async move {
                        operator::tell_webhooks_minute(&teller).await.map(|_| operator::Dispatched::default())
                    });
                    (woken, told) = (woken + 1, told + 1);
                }
                Some(item) = new.recv() => match item {
                    New::Job(name) => jobs.push(name),
                    New::News => news += 1,
                },
                Some(done) = tellers.join_next() => {
                    let posted: Result<operator::Posted, functions::Error> = done.expect("no panic");
                    posted.expect("told");
                }
                Some(done) = streamed.join_next() => {
                    let done: Result<operator::Dispatched, functions::Error> = done.expect("no panic");
                    stale += done.expect("dispatched").stale;
                }
            }
            while !jobs.is_empty() && streamed.len() < BESIDE {
                let names: Vec<String> = jobs.drain(..jobs.len().min(BATCH)).collect();
                let (app, clock) = (process.start().await, clock.clone());
                streamed.spawn(async move {
                    clock.sleep(STREAM).await;
                    operator::dispatch(&app, &names).await
                });
                woken += 1;
            }
            while news > 0 && tellers.len() < BESIDE {
                news = news.saturating_sub(BATCH);
                let (app, clock) = (process.start().await, clock.clone());
                tellers.spawn(async move {
                    clock.sleep(STREAM).await;
                    operator::tell_webhooks(&app).await
                });
                told += 1;
            }
        }
        // What was dropped is counted when whoever dropped it has come to its end.
        while let Some(done) = streamed.join_next().await {
            stale += done.expect("no panic").expect("dispatched").stale;
        }
        while let Some(done) = dispatchers.join_next().await {
            stale += done.expect("no panic").expect("dispatched").stale;
        }
        let mut heard = vec![Vec::new(); self.companies.len()];
        let (mut known, mut again) = (BTreeSet::new(), 0);
        for event in receivers.heard() {
            match known.insert(event.id) {
                true => heard[event.company].push(event.late),
                false => again += 1,
            }
        }
        assert_eq!(again, 0, "nobody died, so nothing is told twice");
        Report {
            stale,
            heard,
            tellers: told,
            ..self.report(&mails, due, woken, started.elapsed())
        }
    }

    /// Has somebody come to each meeting, those of each company spread over ten seconds.
    async fn begin(&self, process: &Process<'_>, codes: &[Vec<AccessCode>], due: Duration) {
        let relay = Relay::new(&process.world.app.store, process.clock.now()).await;
        let mut apps = Vec::new();
        for _ in 0..APIS {
            apps.push(process.start().await.store);
        }
        let comings = codes.iter().flat_map(|codes| {
            let of = codes.len().max(1) as u32;
            (0..)
                .zip(codes)
                .map(move |(number, code)| (ARRIVING * number / of, *code))
        });
        for (number, (after, code)) in comings.enumerate() {
            let (relay, clock) = (relay.clone(), process.clock.clone());
            let store = apps[number % APIS].clone();
            tokio::spawn(async move {
                clock.until(due + after).await;
                relay.begin(&store, &clock, code).await;
            });
        }
    }

    /// A company with a host, its meetings at nine, and its webhook. Answers the meetings' codes.
    async fn plan(&self, world: &World, company: usize, meetings: usize) -> Vec<AccessCode> {
        let root = |method, body| async move { world.root(method, body).await.ok() };
        let asked = json!({"subdomain": format!("c{company}"), "name": format!("Company {company}")});
        let id = root("company/create", asked).await["id"].clone();
        let asked =
            json!({"company_id": id, "name": "Host", "email": format!("host@c{company}.test"), "password": PASSWORD});
        let host = root("host/create", asked).await["host_id"].clone();
        if self.webhooks.is_some() {
            let asked = json!({"company_id": id, "url": Receivers::url(company), "events": ["conference_start"]});
            root("webhook/create", asked).await;
        }
        let mut codes = Vec::new();
        for meeting in 0..meetings {
            let guests: Vec<String> = (1..self.people)
                .map(|guest| format!("g{guest}.m{meeting}@c{company}.test"))
                .collect();
            let asked = json!({"host_id": host, "subject": "Every morning", "start": "2026-06-02 09:00:00", "time_zone": "UTC",
                "duration": 30, "participant_emails": guests, "one_time_access_code": true});
            let made = root("conference/create", asked).await;
            codes.push(made["one_time_access_code"].to_string().parse().expect("a code"));
        }
        codes
    }

    fn report(&self, mails: &MailService, due: Duration, dispatchers: usize, worked: Duration) -> Report {
        let (sent, refused) = mails.take();
        let mut late: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
        let (mut seen, mut hosts, mut twice) = (BTreeSet::new(), BTreeMap::<String, usize>::new(), 0);
        for mail in &sent {
            let company = mail
                .to
                .split_once("@c")
                .and_then(|(_, rest)| rest.strip_suffix(".test"));
            let company: usize = company.expect("a company").parse().expect("a number");
            late.entry(company).or_default().push(mail.at.saturating_sub(due));
            if mail.to.starts_with("host@") {
                let count = hosts.entry(mail.to.clone()).or_default();
                *count += 1;
                twice += usize::from(*count > self.companies[company]);
            } else {
                twice += usize::from(!seen.insert(&mail.to));
            }
        }
        let late = (0..self.companies.len()).map(|company| late.remove(&company).unwrap_or_default());
        Report {
            late: late.collect(),
            twice,
            early: sent.iter().filter(|mail| mail.at < due).count(),
            stale: 0,
            heard: Vec::new(),
            refused,
            dispatchers,
            tellers: 0,
            worked,
        }
    }
}

/// A function's process, as one is started for each dispatcher.
struct Process<'a> {
    world: &'a World,
    clock: &'a Clock,
    mails: &'a MailService,
    receivers: &'a Receivers,
    woken: mpsc::UnboundedSender<New>,
}

impl Process<'_> {
    async fn start(&self) -> App {
        let (clock, sleep, core) = (self.clock.clone(), self.clock.clone(), Core::default());
        let way = |service: SharedHttpClient, takes| {
            SharedHttpClient::new(Slow {
                clock: self.clock.clone(),
                core: core.clone(),
                service,
                takes,
                stream: self.woken.clone(),
            })
        };
        let mut app = self.world.another_process();
        let table = way(SharedHttpClient::new(self.world.table.clone()), TABLE);
        let table = embedded::config(table)
            .sleep_impl(clock.clone())
            .time_source(clock.clone());
        app.store = Store::new(&Client::from_conf(table.build()), "convoke");
        let aws = aws_config::from_env()
            .region(Region::from_static("local"))
            .credentials_provider(Credentials::new("a", "b", None, None, "test"))
            .http_client(way(SharedHttpClient::new(self.mails.clone()), MAIL))
            .sleep_impl(clock.clone())
            .time_source(clock.clone())
            .load()
            .await;
        let outbound = Outbound::new(Guard::Loopback).with_network(self.receivers.reached_by(self.clock, core));
        app.with_outbound(outbound)
            .with_clock(move || clock.now())
            .with_sleep(move |time| Box::pin(sleep.sleep(time)))
            .with_mailer(Arc::new(Ses::new(&aws, "")))
    }
}

/// The middle, and the last, of what one company waited.
pub(crate) fn middle_and_last(late: &[Duration]) -> (Duration, Duration) {
    let mut sorted = late.to_vec();
    sorted.sort_unstable();
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    (at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}
