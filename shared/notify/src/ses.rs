//! Mail by Amazon SES: `SendRawEmail` of its first API, which emulators carry over byte for byte.

use std::time::Duration;

use aws_sdk_ses::Client;
use aws_sdk_ses::config::Builder;
use aws_sdk_ses::config::retry::RetryConfig;
use aws_sdk_ses::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ses::operation::send_raw_email::SendRawEmailError;
use aws_sdk_ses::primitives::Blob;
use aws_sdk_ses::types::{MessageTag, RawMessage};
use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use domain::id::CompanyId;
use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::mailer::{Mail, MailError, Mailer, Sending, timeouts};
use crate::pace::Pace;

/// The tag that says whose mail one was, when SES tells what became of it.
pub const COMPANY_TAG: &str = "company";
/// How often a mail is tried before whoever sends it hears that it failed.
const TRIES: u32 = 3;
/// The same where the account may send no faster: some ten seconds.
const TRIES_IN_TURN: u32 = 40;
/// The longest wait for another try.
const WAIT_MS: u32 = 500;

/// SES, and the configuration set that its events go by.
#[derive(Debug, Clone)]
pub struct Ses {
    client: Client,
    pace: Pace,
    clock: SharedTimeSource,
    sleep: SharedAsyncSleep,
    configuration_set: Option<String>,
}

impl Ses {
    /// SES of this account and region. `configuration_set` says what is told of bounces and complaints; none where empty.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, configuration_set: &str) -> Self {
        let settings = Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts());
        Self {
            client: Client::from_conf(settings.build()),
            pace: Pace::new(),
            clock: config.time_source().unwrap_or_default(),
            sleep: config
                .sleep_impl()
                .unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new())),
            configuration_set: Some(configuration_set.to_owned()).filter(|name| !name.is_empty()),
        }
    }

    /// Sends a mail when it is its turn, and again where it was too much, or where nobody answered.
    async fn send(&self, mail: &Mail, company: CompanyId) -> Result<(), MailError> {
        let turn = self.pace.turn(company).await;
        for tried in 1.. {
            if self.is_late(mail) {
                return Err(MailError::Late);
            }
            let Err(error) = self.once(mail, company).await else {
                if tried == 1 {
                    turn.went();
                }
                break;
            };
            let (too_much, meant) = (is_too_much(&error), meaning(&error));
            let tries = match (too_much, &meant) {
                (true, _) => TRIES_IN_TURN,
                (false, MailError::Failed(_)) => TRIES,
                (false, MailError::Refused(_) | MailError::Late) => 1,
            };
            if tried >= tries {
                return Err(meant);
            }
            if too_much {
                turn.was_too_much(self.clock.now());
            }
            self.sleep.sleep(wait()).await;
        }
        Ok(())
    }

    fn is_late(&self, mail: &Mail) -> bool {
        let now = Timestamp::try_from(self.clock.now());
        mail.until.is_some_and(|until| now.is_ok_and(|now| now >= until))
    }

    async fn once(&self, mail: &Mail, company: CompanyId) -> Result<(), SdkError<SendRawEmailError>> {
        let tag = MessageTag::builder()
            .name(COMPANY_TAG)
            .value(company.to_string())
            .build();
        let sent = self
            .client
            .send_raw_email()
            .tags(tag.map_err(SdkError::construction_failure)?)
            .source(mail.from.as_str())
            .destinations(mail.to.as_str())
            .raw_message(
                RawMessage::builder()
                    .data(Blob::new(mail.raw.as_slice()))
                    .build()
                    .map_err(SdkError::construction_failure)?,
            )
            .set_configuration_set_name(self.configuration_set.clone())
            .send()
            .await;
        sent.map(drop)
    }
}

impl Mailer for Ses {
    fn send<'a>(&'a self, mail: &'a Mail, company: CompanyId) -> Sending<'a> {
        Box::pin(Self::send(self, mail, company))
    }

    fn has_room(&self) -> bool {
        self.pace.has_room()
    }
}

/// Some of the longest wait, by chance.
fn wait() -> Duration {
    let mut chance = [0; 2];
    // Without any it is none, which only is less polite.
    let _ = SystemRandom::new().fill(&mut chance);
    Duration::from_millis(u64::from(
        WAIT_MS * u32::from(u16::from_be_bytes(chance)) / u32::from(u16::MAX),
    ))
}

/// Whether the account may send no faster; a quota of a day is no such thing.
fn is_too_much(error: &SdkError<SendRawEmailError>) -> bool {
    error.code() == Some("Throttling") && !error.message().is_some_and(|message| message.contains("Daily"))
}

/// An address that SES cannot write to is refused for good. All else may be otherwise later: a sender that is not verified yet,
/// a quota, a fault. SES's own words may repeat addresses, so only its codes are kept.
fn meaning<R>(error: &SdkError<SendRawEmailError, R>) -> MailError {
    let code = error.code().unwrap_or(match error {
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        _ => "no answer that reads",
    });
    match code {
        "InvalidParameterValue" => MailError::Refused(code.to_owned()),
        code => MailError::Failed(code.to_owned()),
    }
}
