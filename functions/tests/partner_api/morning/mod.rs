//! A morning: many meetings begin at nine, and everybody is reminded a quarter of an hour before. The dispatcher, the store and
//! the clients are the real ones; the clock stands while anybody works, and the services behind the clients take their time.

mod clock;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::Region;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use functions::{App, Config, Rates, operator};
use notify::ses::Ses;
use notify::{Mail, Mailer, Sending};
use serde_json::json;
use store::Store;
use store::embedded;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::clock::Clock;
use self::services::{Core, MailService, Slow};
use crate::table::Table;
use crate::world::{PASSWORD, World};

/// When the reminders of all meetings are due.
const DUE: &str = "2026-06-02T08:45:00Z";
/// When the schedule wakes a dispatcher, in each minute.
const SECOND: u64 = 40;
/// How long after a job was written the table's stream has woken a dispatcher.
const STREAM: Duration = Duration::from_millis(250);

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
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Report {
    /// How late each reminder of each company went out, the first one first.
    pub(crate) late: Vec<Vec<Duration>>,
    /// Mails that went out twice, and those that were not to go out.
    pub(crate) twice: usize,
    pub(crate) early: usize,
    /// Reminders that were dropped since their meeting had begun.
    pub(crate) stale: usize,
    /// Mails that came when the mail service took no more.
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(crate) refused: usize,
    /// Dispatchers that were woken.
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(crate) dispatchers: usize,
    /// What all of it took on this machine's clock.
    #[allow(dead_code, reason = "the benchmark asks")]
    pub(crate) worked: Duration,
}

/// Mail that nobody looks at.
#[derive(Debug)]
struct Nowhere;

impl Mailer for Nowhere {
    fn send<'a>(&'a self, _: &'a Mail) -> Sending<'a> {
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
        world.app = world.app.with_mailer(Arc::new(Nowhere));
        for (company, meetings) in self.companies.iter().enumerate() {
            self.plan(&world, company, *meetings).await;
        }
        operator::dispatch(&world.app, &[]).await.expect("everybody is invited");

        let (mails, started) = (MailService::new(clock.clone(), self.rate), Instant::now());
        let (woken, mut new) = mpsc::unbounded_channel();
        let process = Process {
            world: &world,
            clock: &clock,
            mails: &mails,
            woken,
        };
        let (mut dispatchers, mut woken) = (JoinSet::new(), 0);
        let mut minute = due - Duration::from_secs(60 - SECOND) - Duration::from_secs(60);
        let end = due + self.watched;
        while clock.since_epoch() < end {
            tokio::select! {
                () = clock.until(minute) => {
                    minute += Duration::from_secs(60);
                    let app = process.start().await;
                    dispatchers.spawn(async move { operator::dispatch_minute(&app).await });
                }
                Some(name) = new.recv() => {
                    let (app, clock) = (process.start().await, clock.clone());
                    dispatchers.spawn(async move {
                        clock.sleep(STREAM).await;
                        operator::dispatch(&app, &[name]).await
                    });
                }
            }
            woken += 1;
        }
        let mut stale = 0;
        while let Some(done) = dispatchers.try_join_next() {
            stale += done.expect("no panic").expect("dispatched").stale;
        }
        Report {
            stale,
            ..self.report(&mails, due, woken, started.elapsed())
        }
    }

    /// A company with a host and its meetings at nine.
    async fn plan(&self, world: &World, company: usize, meetings: usize) {
        let root = |method, body| async move { world.root(method, body).await.ok() };
        let asked = json!({"subdomain": format!("c{company}"), "name": format!("Company {company}")});
        let id = root("company/create", asked).await["id"].clone();
        let asked =
            json!({"company_id": id, "name": "Host", "email": format!("host@c{company}.test"), "password": PASSWORD});
        let host = root("host/create", asked).await["host_id"].clone();
        for meeting in 0..meetings {
            let guests: Vec<String> = (1..self.people)
                .map(|guest| format!("g{guest}.m{meeting}@c{company}.test"))
                .collect();
            let asked = json!({"host_id": host, "subject": "Every morning", "start": "2026-06-02 09:00:00", "time_zone": "UTC",
                "duration": 30, "participant_emails": guests});
            root("conference/create", asked).await;
        }
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
            refused,
            dispatchers,
            worked,
        }
    }
}

/// A function's process, as one is started for each dispatcher.
struct Process<'a> {
    world: &'a World,
    clock: &'a Clock,
    mails: &'a MailService,
    woken: mpsc::UnboundedSender<String>,
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
        app.with_clock(move || clock.now())
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
