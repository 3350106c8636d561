//! Two resellers on one table in memory: Demo with the companies Acme and Other, and Rival with a company of its own.
//! Accounts of every role, meetings of each, and sessions of all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use bytes::Bytes;
use domain::jws::SigningKey;
use functions::pages::{Shell, Shells};
use functions::passwords::Passwords;
use functions::relay_command::RelayCommands;
use functions::{App, Config, Keys, Response, Router, operator};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::Store;

use crate::asked::work_of;
use crate::post::Post;
use crate::table::Table;

pub(crate) const EDGE: &str = "the edge's secret of the tests";
/// What every account's password is.
pub(crate) const PASSWORD: &str = "Sup3rSecret!";
/// 2026-06-01 12:00:00 UTC.
const START: i64 = 1_780_315_200_000;

/// The control plane with everybody in it.
pub(crate) struct World {
    pub(crate) app: App,
    process: Process,
    pub(crate) table: Table,
    router: Router,
    clock: Arc<AtomicI64>,
    unique: AtomicU32,
    /// Demo: its first company, with accounts of each role.
    pub(crate) acme: Company,
    /// Demo's second company.
    pub(crate) other: Company,
    /// The company of the other reseller.
    pub(crate) rival: Company,
}

/// How a process of the control plane is started.
struct Process {
    store: Store,
    config: Config,
    signing: Vec<u8>,
    clock: Arc<AtomicI64>,
}

impl Process {
    fn start(&self) -> App {
        let signing = SigningKey::from_pkcs8(&self.signing).expect("a key");
        let keys = Keys::new(&[7; 32], signing, EDGE.to_owned());
        let commands = RelayCommands::new(Arc::clone(&keys.signing));
        let passwords = Passwords::weak([1; 16]).expect("made");
        let now = Arc::clone(&self.clock);
        let page = "<!doctype html><title><!--convoke:title--></title><!--convoke:config-->";
        let shell = Shell::parse(page.to_owned()).expect("both marks");
        App::new(self.store.clone(), self.config.clone(), keys, passwords, commands)
            .with_clock(move || Timestamp::from_millisecond(now.load(Ordering::Relaxed)).expect("a time"))
            .with_pages(Shells::all_of(&shell))
            .with_mailer(Arc::new(Post::default()))
    }
}

/// A company and its accounts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Company {
    pub(crate) fqdn: String,
    pub(crate) id: u64,
    pub(crate) reseller_admin: Account,
    pub(crate) admin: Account,
    pub(crate) host: Account,
    pub(crate) sibling: Account,
}

/// An account, its session, a meeting of its own, and one on every day of two years where that was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) conference: u64,
    pub(crate) series: u64,
    pub(crate) contact: u64,
}

impl World {
    pub(crate) async fn new() -> Self {
        let rates = functions::Rates {
            session_per_minute: 1_000_000,
            ..functions::Rates::default()
        };
        Self::with(Config {
            rates,
            ..Config::default()
        })
        .await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::on(Table::new(), config).await
    }

    pub(crate) async fn on(table: Table, config: Config) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::new(&table.client(), "convoke");
        store.create_table().await.expect("a table");
        let clock = Arc::new(AtomicI64::new(START));
        let process = Process {
            store,
            config,
            signing: SigningKey::generate(),
            clock: Arc::clone(&clock),
        };
        let mut world = Self {
            app: process.start(),
            process,
            table,
            router: Router::new(functions::all()),
            clock,
            unique: AtomicU32::new(1),
            acme: Company::default(),
            other: Company::default(),
            rival: Company::default(),
        };
        Box::pin(world.people()).await;
        world
    }

    async fn people(&mut self) {
        let demo = self.reseller("demo.test", "acme").await;
        let rival = self.reseller("rival.test", "rival").await;
        self.acme = self.staff(demo.clone()).await;
        let made = self
            .made(&demo, "company/create", json!({"subdomain": "other", "name": "Other"}))
            .await;
        let id = made["id"].as_u64().expect("an id");
        self.other = self
            .staff(Company {
                fqdn: "other.demo.test".to_owned(),
                id,
                ..demo
            })
            .await;
        self.rival = self.staff(rival).await;
    }

    /// A reseller with its first company and its admin, as an operator makes them.
    async fn reseller(&self, domain: &str, subdomain: &str) -> Company {
        let email = format!("root@{domain}");
        let asked = json!({
            "reseller": {"name": domain, "domain": domain},
            "company": {"subdomain": subdomain, "name": subdomain},
            "admin": {"name": "Root", "email": email, "password": PASSWORD},
        });
        let made = operator::init(&self.app, &serde_json::from_value(asked).expect("an operator's words")).await;
        let made = made.expect("made");
        let fqdn = made.fqdn.to_string();
        let token = self.sign_in(&fqdn, &email).await;
        let reseller_admin = Account {
            id: made.host_id.value(),
            email,
            token,
            conference: 0,
            series: 0,
            contact: 0,
        };
        Company {
            fqdn,
            id: made.company_id.value(),
            reseller_admin,
            ..Company::default()
        }
    }

    async fn staff(&self, company: Company) -> Company {
        let mut company = company;
        company.admin = self.account(&company, "COMPANY_ADMIN").await;
        company.host = self.account(&company, "HOST").await;
        company.sibling = self.account(&company, "HOST").await;
        if company.reseller_admin.conference == 0 {
            let id = company.reseller_admin.id;
            company.reseller_admin.conference = self.conference(&company, id).await;
            company.reseller_admin.contact = self.contact(&company, id).await;
        }
        company
    }

    /// A new account of this role, signed in, with a meeting.
    pub(crate) async fn account(&self, company: &Company, role: &str) -> Account {
        let email = format!("{}@people.test", self.unique());
        let asked = json!({
            "company_id": company.id, "name": role, "email": email, "password": PASSWORD, "role": role,
        });
        let made = self.made(company, "host/create", asked).await;
        let id = made["host_id"].as_u64().expect("an id");
        let token = self.sign_in(&company.fqdn, &email).await;
        Account {
            id,
            email,
            token,
            conference: self.conference(company, id).await,
            series: 0,
            contact: self.contact(company, id).await,
        }
    }

    /// The same, where every account has a meeting on every day of two years.
    pub(crate) async fn with_series() -> Self {
        let mut world = Self::new().await;
        for which in 0..3 {
            let mut company = [&world.acme, &world.other, &world.rival][which].clone();
            let root = company.clone();
            let Company {
                reseller_admin,
                admin,
                host,
                sibling,
                ..
            } = &mut company;
            for account in [reseller_admin, admin, host, sibling] {
                account.series = world.series(&root, account.id).await;
            }
            *[&mut world.acme, &mut world.other, &mut world.rival][which] = company;
        }
        world
    }

    async fn series(&self, company: &Company, host: u64) -> u64 {
        let mut asked = meeting(host);
        asked["start"] = "2026-06-02 07:00:00".into();
        asked["recurrence"] = json!({"rrule": "FREQ=DAILY;COUNT=731"});
        let made = self.made(company, "conference/create", asked).await;
        made["conference_id"].as_u64().expect("an id")
    }

    async fn contact(&self, company: &Company, host: u64) -> u64 {
        let asked = json!({"host_id": host, "name": "Known", "email": format!("known{}@guest.test", self.unique())});
        let made = self.made(company, "contact/create", asked).await;
        made["contact_id"].as_u64().expect("an id")
    }

    async fn conference(&self, company: &Company, host: u64) -> u64 {
        let made = self.made(company, "conference/create", meeting(host)).await;
        made["conference_id"].as_u64().expect("an id")
    }

    /// What the reseller's admin makes.
    pub(crate) async fn made(&self, company: &Company, method: &str, body: Value) -> Value {
        self.api(&company.fqdn, &company.reseller_admin.token, method, body)
            .await
            .ok()
    }

    pub(crate) async fn sign_in(&self, fqdn: &str, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.post(fqdn, "/enterprise_api/authenticate").json(&body).send().await;
        answer.ok()["auth_token"].as_str().expect("a token").to_owned()
    }

    /// A method of the partner API by whoever has this token.
    pub(crate) async fn api(&self, fqdn: &str, token: &str, method: &str, mut body: Value) -> Answer {
        body["auth_token"] = token.into();
        self.post(fqdn, &format!("/enterprise_api/{method}"))
            .json(&body)
            .send()
            .await
    }

    /// The same as Acme's reseller admin.
    pub(crate) async fn root(&self, method: &str, body: Value) -> Answer {
        self.api(&self.acme.fqdn, &self.acme.reseller_admin.token, method, body)
            .await
    }

    pub(crate) fn post(&self, host: &str, path: &str) -> Call<'_> {
        self.call("POST", host, path)
    }

    pub(crate) fn call(&self, method: &str, host: &str, path: &str) -> Call<'_> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("x-convoke-edge", EDGE)
            .header("x-convoke-host", host)
            .header("x-convoke-client", "192.0.2.7");
        Call {
            world: self,
            request,
            body: Bytes::new(),
        }
    }

    /// Another process on the same table, with a memory of its own.
    pub(crate) fn another_process(&self) -> App {
        self.process.start()
    }

    /// Lets what was begun beside a request come to its end: the first request of a minute begins a count.
    pub(crate) async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    /// A number that was not given before.
    pub(crate) fn unique(&self) -> u32 {
        self.unique.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }
}

/// The parameters of an ordinary meeting of this host.
pub(crate) fn meeting(host: u64) -> Value {
    json!({
        "host_id": host,
        "subject": "Test Conference",
        "start": "2026-06-02 13:00:00",
        "time_zone": "Europe/London",
        "duration": 60,
    })
}

/// A request being put together.
pub(crate) struct Call<'a> {
    world: &'a World,
    request: http::request::Builder,
    body: Bytes,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let headers = self.request.headers_mut().expect("a sound request");
        headers.insert(
            http::HeaderName::try_from(name).expect("a name"),
            value.parse().expect("a value"),
        );
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string().into_bytes())
    }

    pub(crate) fn raw(mut self, kind: &str, body: Vec<u8>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    pub(crate) async fn send(self) -> Answer {
        let app = &self.world.app;
        self.send_to(app).await
    }

    /// The same to another process.
    pub(crate) async fn send_to(self, app: &App) -> Answer {
        let request = self.request.body(self.body).expect("a request");
        let router = &self.world.router;
        let route = router.find(request.method().as_str(), request.uri().path());
        let id = route.map_or("nothing", |route| route.id);
        let is_partners = request.uri().path().starts_with("/enterprise_api/");
        let answer = Answer(work_of(id, router.serve(app, request)).await);
        if is_partners {
            let left = answer
                .header("x-ratelimit-remaining")
                .expect("every answer says what is left");
            assert!(answer.status() != 429 || left == "0", "nothing is left: {answer:?}");
        }
        answer
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Response);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.0.body()).unwrap_or_else(|_| panic!("no JSON: {:?}", self.0))
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.0.status(), StatusCode::OK, "{:?}", self.0.body());
        self.json()
    }

    /// Status, code and field of a refusal.
    #[track_caller]
    pub(crate) fn refused(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        assert!(!text("message").is_empty(), "people are told why: {body}");
        (self.status(), text("code"), text("field"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name).and_then(|value| value.to_str().ok())
    }
}

/// A refusal as [`Answer::refused`] gives it.
pub(crate) fn refusal(status: u16, code: &str, field: &str) -> (u16, String, String) {
    (status, code.to_owned(), field.to_owned())
}

/// Polls all futures together and gives their results in order.
pub(crate) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |cx| {
        for (future, done) in &mut running {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if running.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(running.iter_mut().filter_map(|(_, done)| done.take()).collect())
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}
