//! A whole control plane on a table in memory, with a reseller, two companies and a relay, spoken to as browsers,
//! partners and relays speak to it.

pub(crate) mod dns;
pub(crate) mod edge;
pub(crate) mod notes;
pub(crate) mod provider;
pub(crate) mod receiver;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::jws::SigningKey;
use domain::relay::{REPORT_SECONDS, ReportClaims};
use functions::outbound::{Guard, Outbound};
use functions::own_domains::{Dns, OwnDomains};
use functions::pages::{Shell, Shells};
use functions::passwords::Passwords;
use functions::relay_command::RelayCommands;
use functions::{App, Config, Keys, Router, operator};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::Store;

use crate::asked::work_of;
use crate::post::Post;
use dns::TestDns;
use edge::TestEdge;
use notes::Notes;

pub(crate) const DOMAIN: &str = "demo.test";
pub(crate) const ACME: &str = "acme.demo.test";
pub(crate) const OTHER: &str = "other.demo.test";
pub(crate) const EDGE: &str = "the edge's own secret";
/// Long against everything else that a request does.
const LATENCY: Duration = Duration::from_millis(300);
/// 2026-06-01 12:00:00 UTC.
pub(crate) const START: i64 = 1_780_315_200;

/// The control plane under test.
pub(crate) struct Site {
    pub(crate) app: App,
    pub(crate) notes: Notes,
    /// The mails that went out.
    pub(crate) mails: Post,
    router: Router,
    clock: Arc<AtomicI64>,
    pub(crate) relay: SigningKey,
    signing: Vec<u8>,
    config: Config,
    own_domains: Option<(TestDns, TestEdge)>,
    /// The admin's `auth_token`.
    pub(crate) admin: String,
}

/// What `host/create` answered.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) id: u64,
    pub(crate) code: String,
    pub(crate) pin: String,
    pub(crate) sso: String,
}

fn app(notes: &Notes, mails: &Post, signing: &[u8], config: Config, clock: &Arc<AtomicI64>) -> App {
    let store = Store::new(&store::embedded::client(notes.client()), "convoke");
    let signing = SigningKey::from_pkcs8(signing).expect("a key");
    let keys = Keys::new(&[7; 32], signing, EDGE.into());
    let commands = RelayCommands::new(Arc::clone(&keys.signing));
    let now = Arc::clone(clock);
    let page = "<!doctype html><title><!--convoke:title--></title><!--convoke:config-->";
    let shell = Shell::parse(page.into()).expect("both marks");
    App::new(store, config, keys, Passwords::weak([1; 16]).expect("made"), commands)
        .with_clock(move || Timestamp::from_millisecond(now.load(Ordering::Relaxed)).expect("a time"))
        .with_pages(Shells::all_of(&shell))
        .with_outbound(Outbound::new(Guard::Loopback))
        .with_mailer(Arc::new(mails.clone()))
        .with_texter(Arc::new(mails.clone()))
}

/// What goes on beside an answer belongs to it: waits until it is done.
pub(crate) async fn settled() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Config {
            scheme: "https".into(),
            texts: "day=20,+49=Acme/5,+1=/1".parse().expect("a list"),
            ..Config::default()
        })
        .await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let notes = Notes::new();
        let clock = Arc::new(AtomicI64::new(START * 1_000));
        let signing = SigningKey::generate();
        let mails = Post::default();
        let app = app(&notes, &mails, &signing, config.clone(), &clock);
        app.store.create_table().await.expect("a table");
        let relay = SigningKey::from_pkcs8(&SigningKey::generate()).expect("a key");
        let router = Router::new(functions::all());
        let mut site = Self {
            app,
            notes,
            mails,
            router,
            clock,
            relay,
            signing,
            config,
            own_domains: None,
            admin: String::new(),
        };
        site.settle().await;
        site
    }

    /// Another process over the same table: nothing is remembered.
    pub(crate) fn restart(&mut self) {
        let fresh = app(
            &self.notes,
            &self.mails,
            &self.signing,
            self.config.clone(),
            &self.clock,
        );
        self.app = match &self.own_domains {
            None => fresh,
            Some((dns, edge)) => fresh.with_own_domains(OwnDomains {
                dns: Dns::at(dns.address()).expect("a resolver"),
                edge: Arc::new(edge.clone()),
            }),
        };
    }

    /// From now on this installation serves companies' own host names.
    pub(crate) async fn own_domains(&mut self) {
        self.own_domains = Some((TestDns::start().await, TestEdge::default()));
        self.restart();
    }

    pub(crate) async fn with_own_domains(mut self) -> Self {
        self.own_domains().await;
        self
    }

    pub(crate) fn dns(&self) -> &TestDns {
        &self.own_domains.as_ref().expect("an installation with own names").0
    }

    pub(crate) fn edge(&self) -> &TestEdge {
        &self.own_domains.as_ref().expect("an installation with own names").1
    }

    /// The operator's command, the admin's sign-in, the second company.
    async fn settle(&mut self) {
        operator::init(&self.app, &self.first()).await.expect("made");
        let admin = json!({"email": "admin@partner.test", "password": "Sup3rSecret!"});
        self.admin = self.api(ACME, "authenticate", admin).await.json()["auth_token"]
            .as_str()
            .expect("a token")
            .into();
        let other = json!({"auth_token": self.admin, "subdomain": "other", "name": "Other"});
        self.api(ACME, "company/create", other).await.ok();
    }

    pub(crate) fn first(&self) -> operator::Init {
        serde_json::from_value(json!({
            "reseller": {"name": "Demo", "domain": DOMAIN},
            "company": {"subdomain": "acme", "name": "Acme"},
            "admin": {"name": "Admin", "email": "admin@partner.test", "password": "Sup3rSecret!"},
            "relays": [{"id": "relay-1", "key": self.relay.verifying_key().to_jwk()}],
        }))
        .expect("an event of an operator")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.app.now()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, host: &str, path: &str) -> Call<'_> {
        Call::new(self, "GET", host, path)
    }

    pub(crate) fn post(&self, host: &str, path: &str) -> Call<'_> {
        Call::new(self, "POST", host, path)
    }

    /// A method of the partner API.
    pub(crate) async fn api(&self, host: &str, method: &str, body: Value) -> Answer {
        self.post(host, &format!("/enterprise_api/{method}"))
            .json(&body)
            .send()
            .await
    }

    /// The same by the admin, successful.
    pub(crate) async fn admin_api(&self, method: &str, mut body: Value) -> Value {
        body["auth_token"] = self.admin.clone().into();
        self.api(ACME, method, body).await.ok()
    }

    /// A new host of the first company.
    pub(crate) async fn host(&self, name: &str) -> Host {
        self.host_of(1, name).await
    }

    pub(crate) async fn host_of(&self, company: u64, name: &str) -> Host {
        let email = format!("{}@acme.test", name.to_lowercase());
        let made = self
            .admin_api(
                "host/create",
                json!({"company_id": company, "name": name, "email": email, "password": "SoSecret5!"}),
            )
            .await;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Host {
            id: made["host_id"].as_u64().expect("an id"),
            code: text(&made["access_code"]["number"]),
            pin: text(&made["moderator_pin"]["number"]),
            sso: text(&made["login_token_public_key"]),
        }
    }

    /// A report of the relay, signed.
    pub(crate) async fn report(&self, what: &str, body: Value) -> Answer {
        let bytes = serde_json::to_vec(&body).expect("JSON");
        let claims = self.claims(&bytes);
        self.signed(what, bytes, &self.relay, &claims).await
    }

    pub(crate) fn claims(&self, body: &[u8]) -> ReportClaims {
        let now = self.now().as_second();
        ReportClaims {
            iss: "relay-1".parse().expect("a name"),
            aud: "convoke-control".into(),
            iat: now,
            exp: now + REPORT_SECONDS,
            jti: self.app.uuid(),
            body: domain::jws::body_hash(body),
        }
    }

    pub(crate) async fn signed(&self, what: &str, body: Vec<u8>, key: &SigningKey, claims: &ReportClaims) -> Answer {
        let call = self.post("relays.invalid", &format!("/relay/{what}"));
        call.header("authorization", &format!("Relay {}", key.sign(claims)))
            .raw("application/json", body)
            .send()
            .await
    }

    /// Registers the relay, so that meetings can be joined.
    pub(crate) async fn relay_up(&self) {
        let body = json!({
            "relay": "relay-1", "region": "eu", "url": "https://r1.relay.test", "version": "1", "capacity": 100, "epoch": 1,
        });
        self.report("register", body).await.ok();
    }

    /// A heartbeat: a relay that is silent for long counts as gone.
    pub(crate) async fn relay_up_again(&self) {
        let beat = json!({"relay": "relay-1", "epoch": 1, "participants": 0, "load": 0.0, "rooms": []});
        self.report("heartbeat", beat).await.ok();
    }

    /// `POST /conf/join` by a page of this tenant.
    pub(crate) fn join(&self, host: &str, body: &Value) -> Call<'_> {
        self.post(host, "/conf/join")
            .header("origin", &format!("https://{host}"))
            .json(body)
    }
}

impl Site {
    /// How often what is asked waits for the table, one request after another, and its answer: counted by a table that takes
    /// its time.
    pub(crate) async fn trips(&self, asked: impl Future<Output = Answer>) -> (u32, Answer) {
        self.notes.set_latency(LATENCY);
        let started = Instant::now();
        let answer = asked.await;
        let took = started.elapsed();
        self.notes.set_latency(Duration::ZERO);
        let trips = u32::try_from(took.as_millis() / LATENCY.as_millis()).expect("few");
        (trips, answer)
    }
}

/// A request being put together.
pub(crate) struct Call<'a> {
    site: &'a Site,
    request: http::request::Builder,
    body: Bytes,
}

impl<'a> Call<'a> {
    fn new(site: &'a Site, method: &str, host: &str, path: &str) -> Self {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("x-convoke-edge", EDGE)
            .header("x-convoke-host", host)
            .header("x-convoke-client", "192.0.2.7");
        Self {
            site,
            request,
            body: Bytes::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let (Some(headers), Ok(name)) = (self.request.headers_mut(), http::HeaderName::try_from(name)) {
            headers.insert(name, value.parse().expect("a header's value"));
        }
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        let bytes = serde_json::to_vec(body).expect("JSON");
        self.raw("application/json", bytes)
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.raw("application/x-www-form-urlencoded", body.into_bytes())
    }

    pub(crate) fn raw(mut self, kind: &str, body: Vec<u8>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.request.body(self.body).expect("a request");
        let route = self.site.router.find(request.method().as_str(), request.uri().path());
        let id = route.map_or("nothing", |route| route.id);
        let response = work_of(id, self.site.router.serve(&self.site.app, request)).await;
        let (parts, body) = response.into_parts();
        let is_picture = parts
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "image/png");
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: match is_picture {
                true => String::new(),
                false => String::from_utf8(body.to_vec()).expect("UTF-8"),
            },
            body,
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Of a picture, nothing.
    pub(crate) text: String,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// Status and error code of a refusal.
    #[track_caller]
    pub(crate) fn refused(&self) -> (u16, String) {
        (
            self.status.as_u16(),
            self.json()["code"].as_str().expect("a code").to_owned(),
        )
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The data that a page's script reads.
    pub(crate) fn config(&self) -> Value {
        let data = self
            .text
            .split("id=\"convoke-config\">")
            .nth(1)
            .and_then(|rest| rest.split("</script>").next());
        serde_json::from_str(data.expect("the page's data")).expect("JSON")
    }

    /// `name=value` of every cookie set.
    pub(crate) fn cookies(&self) -> Vec<String> {
        let all = self
            .headers
            .get_all("set-cookie")
            .iter()
            .filter_map(|value| value.to_str().ok());
        all.filter_map(|cookie| cookie.split(';').next())
            .map(str::to_owned)
            .collect()
    }
}
