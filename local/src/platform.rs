//! Starting and stopping everything, in order: table, keys, functions, relay, doors.

use std::fs::File;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use domain::Code;
use domain::jws::SigningKey;
use functions::operator::{self, DomainAction, DomainCommand, Domains, Init, Initialised};
use functions::own_domains::{Dns, DnsError, OwnDomains};
use functions::pages::Shells;
use functions::passwords::Passwords;
use functions::relay_command::RelayCommands;
use functions::texts::Texts;
use functions::{App, Config, Keys, Rates};
use relay::Relay;
use relay::config::{ControlPlane, Media, Operator};
use relay::secret::Secret;
use serde_json::json;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::data::DataFolder;
use crate::edge::{Client, Edge, router};
use crate::inbox::Inbox;
use crate::options::{Action, Domain, Run, TableOptions};
use crate::own_domains::LocalEdge;
use crate::table;
use crate::tls::{Authority, Certificates, TlsListener, server_config};

/// Companies are below it; browsers treat everything below `localhost` as this machine, and as secure.
pub(crate) const DOMAIN: &str = "convoke.localhost";
const ADMIN: &str = "demo";
const EMAIL: &str = "admin@convoke.example";
/// Known to everybody who reads the README: the platform listens on this machine only.
const PASSWORD: &str = "Sup3rSecret!";
const RELAY: &str = "relay-1";
/// Leases, overdue meetings and own host names are looked after this often.
const SWEEP: Duration = Duration::from_secs(5);
/// Jobs are looked for this often after something was written, and every so many of these in any case.
const DISPATCH: Duration = Duration::from_secs(1);
const DISPATCH_ANYHOW: u32 = 10;
/// Open requests are given this long at the end.
const GOODBYE: Duration = Duration::from_secs(3);

/// The running platform.
#[derive(Debug)]
pub(crate) struct Platform {
    about: About,
    relay: Relay,
    doors: JoinSet<std::io::Result<()>>,
    sweeper: JoinHandle<()>,
    dispatcher: JoinHandle<()>,
    teller: JoinHandle<()>,
    close: watch::Sender<bool>,
    _lock: File,
}

/// Where the platform is and how to get in.
#[derive(Debug)]
pub(crate) struct About {
    port: u16,
    https_port: u16,
    relay: String,
    /// Where operators look at the relay.
    operator: SocketAddr,
}

impl About {
    fn admin_url(&self) -> String {
        format!("http://{ADMIN}.{DOMAIN}:{}", self.port)
    }

    /// Where mail is looked at. Tenants have names of their own below `localhost`.
    fn inbox_url(&self) -> String {
        format!("http://localhost:{}/inbox", self.port)
    }

    /// For programs: one line.
    pub(crate) fn json(&self) -> String {
        json!({
            "admin_url": self.admin_url(),
            "https_url": format!("https://{ADMIN}.{DOMAIN}:{}", self.https_port),
            "inbox_url": self.inbox_url(),
            "relay_url": self.relay,
            "reseller_domain": DOMAIN,
            "email": EMAIL,
            "password": PASSWORD,
        })
        .to_string()
    }

    /// For people.
    pub(crate) fn welcome(&self) -> String {
        let url = self.admin_url();
        format!(
            r#"
Convoke is running. Ctrl-C ends it; what you make is kept.

  Join by code    {url}/   (meetings of the demo's own company; each company has its host name)
  API             {url}/enterprise_api/docs   (for machines: /enterprise_api/openapi.json)
  HTTPS           https://{ADMIN}.{DOMAIN}:{https}/   (authority.pem in the data folder signs it)
  Mail it sends   {inbox}
  Relay           {relay}   (its rooms: http://{operator}/rooms, and /metrics, /healthz)
  Demo account    {EMAIL} / {PASSWORD}

A first meeting, to paste:

  API={url}/enterprise_api
  field() {{ sed -E "s/.*\"$1\": ?\"?([^\",}}]*).*/\1/"; }}
  TOKEN=$(curl -s $API/authenticate -H 'content-type: application/json' \
    -d '{{"email":"{EMAIL}","password":"{PASSWORD}"}}' | field auth_token)
  COMPANY=$(curl -s $API/company/create -H 'content-type: application/json' \
    -d '{{"auth_token":"'$TOKEN'","subdomain":"joe-'$RANDOM'","name":"The Joe Company"}}' | field id)
  HOST=$(curl -s $API/host/create -H 'content-type: application/json' \
    -d '{{"auth_token":"'$TOKEN'","company_id":'$COMPANY',"name":"John Host","email":"john-'$RANDOM'@company.example","password":"SoSecret5!","no_welcome_email":true}}' | field host_id)
  curl -s $API/conference/create/reservationless -H 'content-type: application/json' \
    -d '{{"auth_token":"'$TOKEN'","host_id":'$HOST',"subject":"First meeting"}}' | tee /tmp/meeting.json
  echo; echo "Open: $(field room_url < /tmp/meeting.json)?moderator_token=$(field moderator_token < /tmp/meeting.json)"
"#,
            https = self.https_port,
            inbox = self.inbox_url(),
            relay = self.relay,
            operator = self.operator,
        )
    }
}

impl Platform {
    pub(crate) async fn start(run: Run) -> anyhow::Result<Self> {
        let data = DataFolder::open(&run.data)?;
        let lock = lock(&data)?;
        let pages = Shells::load(&run.web).context("the web client is not built: `npm ci && npm run build` in web/")?;
        let [web, https, media, stun] = ports(run.port);
        let listener = listen(web).await?;
        let port = listener.local_addr()?.port();
        let (names, certificates) = own_names(&data)?;
        let tls = TlsListener::new(listen(https).await?, server_config(certificates))?;
        let https_port = axum::serve::Listener::local_addr(&tls)?.port();

        let rates = rates(&run);
        let (written, told) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
        let store = {
            let (written, told) = (Arc::clone(&written), Arc::clone(&told));
            let wake = move || {
                [&written, &told]
                    .into_iter()
                    .for_each(|flag| flag.store(true, Ordering::Relaxed))
            };
            table::open(&data, &run.table, wake).await?
        };
        let config = Config {
            scheme: "http".to_owned(),
            port: Some(port),
            rates,
            texts: Texts::anywhere(),
        };
        let inbox = Arc::new(Inbox::open(&data)?);
        let mailer = Arc::clone(&inbox);
        let app = app(&data, store, config)?.with_pages(pages).with_mailer(mailer);
        let app = app.with_texter(Arc::clone(&inbox) as Arc<dyn notify::Texter>);
        let app = match dns(run.dns) {
            Ok(dns) => app.with_own_domains(OwnDomains { dns, edge: names }),
            Err(error) => {
                tracing::warn!(%error, "no host names of companies' own: this machine does not say whom to ask");
                app
            }
        };
        let relay_config = relay_config(&data, &app, port, [media, stun])?;
        match operator::init(&app, &demo(&relay_config)?).await {
            Err(functions::Error::Refused(refusal)) if refusal.code == Code::Conflict => {
                tracing::warn!(%refusal, "the demo account is not what it was made as");
            }
            made => {
                made.context("the demo account could not be made")?;
            }
        }

        // The doors open before the relay registers through them.
        let (close, closed) = watch::channel(false);
        let edge = Arc::new(Edge {
            app,
            routes: functions::Router::new(functions::all()),
            web: run.web,
            inbox,
        });
        let service = router(Arc::clone(&edge)).into_make_service_with_connect_info::<Client>();
        let mut doors = JoinSet::new();
        doors.spawn(
            axum::serve(listener, service.clone())
                .with_graceful_shutdown(set(closed.clone()))
                .into_future(),
        );
        doors.spawn(
            axum::serve(tls, service)
                .with_graceful_shutdown(set(closed))
                .into_future(),
        );
        let relay = Relay::start(relay_config).await?;
        let sweeper = tokio::spawn(sweep(Arc::clone(&edge)));
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&edge), written));
        let teller = tokio::spawn(tell_webhooks(edge, told));
        let about = About {
            port,
            https_port,
            relay: relay.url().to_owned(),
            operator: relay.operator_addr(),
        };
        Ok(Self {
            about,
            relay,
            doors,
            sweeper,
            dispatcher,
            teller,
            close,
            _lock: lock,
        })
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Serves until `end` comes or a door breaks, then says goodbye.
    pub(crate) async fn run_until(mut self, end: impl Future<Output = ()>) -> anyhow::Result<()> {
        let outcome = tokio::select! {
            () = end => Ok(()),
            broken = self.doors.join_next() => match broken {
                Some(Ok(Err(error))) => Err(error).context("a listener broke"),
                _ => Ok(()),
            },
        };
        self.sweeper.abort();
        self.dispatcher.abort();
        self.teller.abort();
        // The relay first: it reports who left through the doors.
        self.relay.shutdown().await;
        self.close.send_replace(true);
        let _ = tokio::time::timeout(GOODBYE, self.doors.join_all()).await;
        outcome
    }
}

/// Makes what an operator asks for, in a data folder that no platform uses at the moment.
pub(crate) async fn init(data: &Path, asked: &Init) -> anyhow::Result<Initialised> {
    let data = DataFolder::open(data)?;
    let _lock = lock(&data)?;
    let store = table::open(&data, &TableOptions::default(), || {}).await?;
    let config = Config {
        scheme: "http".to_owned(),
        ..Config::default()
    };
    let app = app(&data, store, config)?;
    Ok(operator::init(&app, asked).await?)
}

/// Does what an operator asks for with a company's own host name, in a data folder that no platform uses at the moment.
pub(crate) async fn domain(asked: &Domain) -> anyhow::Result<Domains> {
    let data = DataFolder::open(&asked.data)?;
    let _lock = lock(&data)?;
    let (edge, _) = own_names(&data)?;
    let dns = dns(asked.dns)?;
    let config = Config {
        scheme: "http".to_owned(),
        ..Config::default()
    };
    let store = table::open(&data, &TableOptions::default(), || {}).await?;
    let app = app(&data, store, config)?.with_own_domains(OwnDomains { dns, edge });
    let command = DomainCommand {
        action: match asked.action {
            Action::Add => DomainAction::Add,
            Action::Show => DomainAction::Show,
            Action::Verify => DomainAction::Verify,
            Action::Remove => DomainAction::Remove,
        },
        name: asked.name.clone(),
        company: asked.company.clone(),
    };
    Ok(operator::domain(&app, &command).await?)
}

/// Who answers under companies' own host names here, and the certificates that the HTTPS listener shows.
fn own_names(data: &DataFolder) -> anyhow::Result<(Arc<LocalEdge>, Arc<Certificates>)> {
    let authority = Authority::of(data)?;
    let names = vec![DOMAIN.to_owned(), format!("*.{DOMAIN}"), "localhost".to_owned()];
    let certificates = Arc::new(Certificates::new(&authority.certify(names)?)?);
    let edge = Arc::new(LocalEdge::open(data, authority, Arc::clone(&certificates))?);
    Ok((edge, certificates))
}

/// Where proofs are looked for.
fn dns(server: Option<SocketAddr>) -> Result<Dns, DnsError> {
    match server {
        Some(server) => Dns::at(server),
        None => Dns::system(),
    }
}

/// Two platforms on one table's file would each believe to be alone.
fn lock(data: &DataFolder) -> anyhow::Result<File> {
    let file = File::create(data.file("lock"))?;
    file.try_lock().context("another platform runs on this data folder")?;
    Ok(file)
}

fn app(data: &DataFolder, store: Store, config: Config) -> anyhow::Result<App> {
    let signing = SigningKey::from_pkcs8(&data.signing_key("signing.key")?).context("signing.key is damaged")?;
    let keys = Keys::new(
        &data.secret("installation.key")?,
        signing,
        hex::encode(data.secret("edge.secret")?),
    );
    let commands = RelayCommands::new(Arc::clone(&keys.signing));
    let passwords = Passwords::strong(rand::random())?;
    Ok(App::new(store, config, keys, passwords, commands))
}

fn relay_config(data: &DataFolder, app: &App, port: u16, [media, stun]: [u16; 2]) -> anyhow::Result<relay::Config> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(relay::Config {
        name: RELAY.parse()?,
        listen: local(media),
        media: Media {
            udp: local(media),
            stun: local(stun),
            tcp: local(0),
            ..Media::default()
        },
        operator: Operator {
            listen: local(0),
            ..Operator::default()
        },
        control: Some(ControlPlane {
            url: format!("http://127.0.0.1:{port}"),
            keys: vec![app.keys.signing.verifying_key().to_jwk()],
        }),
        key: Some(Secret(data.signing_key("relay.key")?)),
        ..relay::Config::default()
    })
}

fn demo(relay: &relay::Config) -> anyhow::Result<Init> {
    let asked = json!({
        "reseller": {"name": "Convoke Demo", "domain": DOMAIN},
        "company": {"subdomain": ADMIN, "name": "Convoke Demo"},
        "admin": {"name": "Demo Admin", "email": EMAIL, "password": PASSWORD},
        "relays": [{"id": relay.name, "key": relay::public_key(relay)?}],
    });
    Ok(serde_json::from_value(asked)?)
}

/// What the operator lets through.
fn rates(run: &Run) -> Rates {
    let mut rates = Rates::default();
    if let Some(all) = run.rates {
        (
            rates.session_per_minute,
            rates.company_per_minute,
            rates.object_per_minute,
        ) = (all, all, all);
    }
    if let Some(all) = run.failures {
        (rates.sign_in_failures, rates.network_failures, rates.email_failures) = (all, all, all);
        (rates.sso_failures, rates.pin_failures, rates.code_failures) = (all, all, all);
        (rates.email_resets, rates.network_resets, rates.oauth_failures) = (all, all, all);
    }
    rates
}

/// The ports of web, HTTPS, relay and STUN.
fn ports(first: u16) -> [u16; 4] {
    match first {
        0 => [0; 4],
        first => [0, 1, 2, 3].map(|offset| first.saturating_add(offset)),
    }
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .await
        .with_context(|| format!("port {port} is taken; choose another with --port"))
}

async fn set(mut flag: watch::Receiver<bool>) {
    // An error means that the sender is gone, which ends the server as well.
    let _ = flag.wait_for(|set| *set).await;
}

async fn sweep(edge: Arc<Edge>) {
    let mut tick = tokio::time::interval(SWEEP);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = operator::sweep(&edge.app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "sweep failed");
        }
        if let Err(error) = operator::domains(&edge.app).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "own host names could not be looked at"
            );
        }
    }
}

async fn dispatch(edge: Arc<Edge>, written: Arc<AtomicBool>) {
    let mut due = Due::new(written);
    loop {
        due.wait().await;
        if let Err(error) = operator::dispatch(&edge.app, &[]).await {
            tracing::error!(error = &error as &dyn std::error::Error, "jobs could not be looked for");
        }
    }
}

async fn tell_webhooks(edge: Arc<Edge>, written: Arc<AtomicBool>) {
    let mut due = Due::new(written);
    loop {
        due.wait().await;
        if let Err(error) = operator::tell_webhooks(&edge.app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "webhooks could not be told");
        }
    }
}

/// When something is to be looked for: shortly after something was written, and now and then.
struct Due {
    tick: tokio::time::Interval,
    written: Arc<AtomicBool>,
    idle: u32,
}

impl Due {
    fn new(written: Arc<AtomicBool>) -> Self {
        let mut tick = tokio::time::interval(DISPATCH);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Self { tick, written, idle: 0 }
    }

    async fn wait(&mut self) {
        loop {
            self.tick.tick().await;
            self.idle += 1;
            if self.written.swap(false, Ordering::Relaxed) || self.idle >= DISPATCH_ANYHOW {
                self.idle = 0;
                return;
            }
        }
    }
}
