//! The one binary behind every Lambda: which function it is, `_HANDLER` says.
//!
//! `bootstrap --list` prints the endpoints and workers that it holds, as JSON, for checks of a deployment.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::jws::SigningKey;
use functions::lambda::{self, BadVariable, Function};
use functions::operator;
use functions::own_domains::aws::Aws;
use functions::own_domains::{Dns, OwnDomains};
use functions::pages::Shells;
use functions::passwords::Passwords;
use functions::relay_command::RelayCommands;
use functions::texts::Texts;
use functions::{App, Config, Keys, Need, Rates, Worker};
use lambda_http::{LambdaEvent, lambda_runtime, service_fn};
use mimalloc::MiMalloc;
use notify::ses::Ses;
use notify::sns::Sns;
use serde_json::Value;
use store::Store;

/// A fifth of a request's time was glibc's allocator (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--list") {
        println!("{}", functions::deploy::list());
        return ExitCode::SUCCESS;
    }
    tracing_subscriber::fmt()
        .json()
        .with_target(false)
        .without_time()
        .init();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(error.as_ref()), "cannot start");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Failure> {
    // Set by Lambda; a process that is started by anything else has no function to be.
    let function = Function::of_handler(&lambda::variable("_HANDLER")?)?;
    // Fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(function))
}

/// A future with its type forgotten: the runtime wraps it into so many layers that the compiler would count too deep.
type Running<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

async fn run(function: Function) -> Result<(), Failure> {
    let app = Arc::new(app(&function).await?);
    let serving: Pin<Box<dyn Future<Output = Result<(), Failure>>>> = match function {
        Function::Route(route) => Box::pin(lambda_http::run(service_fn(move |request| -> Running<_> {
            let app = Arc::clone(&app);
            Box::pin(async move { Ok(lambda::answer(&app, &route, request).await) })
        }))),
        Function::Worker(worker) => Box::pin(lambda_runtime::run(service_fn(move |event| -> Running<_> {
            Box::pin(work(Arc::clone(&app), worker, event))
        }))),
    };
    serving.await
}

async fn work(app: Arc<App>, worker: Worker, event: LambdaEvent<Value>) -> Result<Value, Failure> {
    operator::wake(&app, &worker, event.payload).await.map_err(|error| {
        tracing::error!(worker = worker.id, error = %chain(&error), "work failed");
        error.into()
    })
}

async fn app(function: &Function) -> Result<App, Failure> {
    let config = Config {
        rates: rates()?,
        texts: texts()?,
        ..Config::default()
    };
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let aws = aws_config::from_env().http_client(http).load().await;
    let store = Store::new(&aws_sdk_dynamodb::Client::new(&aws), lambda::variable("CONVOKE_TABLE")?);
    let keys = Keys::new(
        &sealing_key(function)?,
        signing_key(function)?,
        lambda::variable("CONVOKE_EDGE_SECRET")?,
    );
    let commands = RelayCommands::new(Arc::clone(&keys.signing));
    let app = App::new(store, config, keys, Passwords::strong(rand::random())?, commands);
    if function.needs().contains(&Need::Mail) {
        let set = lambda::variable("CONVOKE_MAIL_CONFIGURATION")?;
        let app = app.with_mailer(Arc::new(Ses::new(&aws, &set)));
        return Ok(app.with_texter(Arc::new(Sns::new(&aws))));
    }
    if function.needs().contains(&Need::Pages) {
        return Ok(app.with_pages(Shells::load(&pages_folder())?));
    }
    if function.needs().contains(&Need::OwnDomains) {
        return Ok(match own_domains(&aws)? {
            Some(own_domains) => app.with_own_domains(own_domains),
            None => app,
        });
    }
    Ok(app)
}

/// What the operator lets through: `CONVOKE_RATES`, or the contract's where it is not set.
fn rates() -> Result<Rates, Failure> {
    const NAME: &str = "CONVOKE_RATES";
    if std::env::var_os(NAME).is_none() {
        return Ok(Rates::default());
    }
    let rates = lambda::variable(NAME)?.parse();
    rates.map_err(|why| format!("{NAME} {why}").into())
}

/// Where text messages go to: `CONVOKE_TEXTS`, or nowhere where it is not set.
fn texts() -> Result<Texts, Failure> {
    const NAME: &str = "CONVOKE_TEXTS";
    if std::env::var_os(NAME).is_none() {
        return Ok(Texts::default());
    }
    let texts = lambda::variable(NAME)?.parse();
    texts.map_err(|why| format!("{NAME} {why}").into())
}

/// What companies' own host names need, in an installation whose edge takes them: `CONVOKE_OWN_DISTRIBUTION` names its
/// distribution. `CONVOKE_DNS` names a server to look for proofs at, instead of the system's.
fn own_domains(aws: &aws_config::SdkConfig) -> Result<Option<OwnDomains>, Failure> {
    const DNS: &str = "CONVOKE_DNS";
    let distribution = lambda::variable("CONVOKE_OWN_DISTRIBUTION")?;
    if distribution.is_empty() {
        return Ok(None);
    }
    let dns = match std::env::var_os(DNS) {
        None => Dns::system()?,
        Some(_) => Dns::at(lambda::variable(DNS)?.parse().map_err(|_| BadVariable::Malformed {
            name: DNS,
            wanted: "an address and port",
        })?)?,
    };
    let edge = Arc::new(Aws::new(aws, distribution));
    Ok(Some(OwnDomains { dns, edge }))
}

/// A function that signs nothing gets no key from its environment, and one of its own that nobody knows.
fn signing_key(function: &Function) -> Result<SigningKey, Failure> {
    const NAME: &str = "CONVOKE_SIGNING_KEY";
    let malformed = || BadVariable::Malformed {
        name: NAME,
        wanted: "a P-256 private key, PKCS 8 in base64",
    };
    let bytes = match function.needs().contains(&Need::SigningKey) {
        true => STANDARD.decode(lambda::variable(NAME)?).map_err(|_| malformed())?,
        false => SigningKey::generate(),
    };
    Ok(SigningKey::from_pkcs8(&bytes).map_err(|_| malformed())?)
}

/// As with the signing key.
fn sealing_key(function: &Function) -> Result<[u8; 32], Failure> {
    const NAME: &str = "CONVOKE_SEALING_KEY";
    if !function.needs().contains(&Need::SealingKey) {
        return Ok(rand::random());
    }
    let mut key = [0; 32];
    hex::decode_to_slice(lambda::variable(NAME)?, &mut key).map_err(|_| BadVariable::Malformed {
        name: NAME,
        wanted: "32 bytes in hex",
    })?;
    Ok(key)
}

/// Beside the binary, unless the environment names another folder.
fn pages_folder() -> PathBuf {
    std::env::var_os("CONVOKE_WEB").map_or_else(|| PathBuf::from("web"), PathBuf::from)
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
