//! Mail by Amazon SES: `SendRawEmail` of its first API, which emulators carry over byte for byte.

use aws_sdk_ses::Client;
use aws_sdk_ses::config::Builder;
use aws_sdk_ses::config::retry::RetryConfig;
use aws_sdk_ses::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ses::operation::send_raw_email::SendRawEmailError;
use aws_sdk_ses::primitives::Blob;
use aws_sdk_ses::types::RawMessage;

use crate::mailer::{Mail, MailError, Mailer, Sending, timeouts};

/// How often a mail is tried before whoever sends it hears that it failed.
const TRIES: u32 = 6;

/// SES, and the configuration set that its events go by.
#[derive(Debug, Clone)]
pub struct Ses {
    client: Client,
    configuration_set: Option<String>,
}

impl Ses {
    /// SES of this account and region. `configuration_set` says what is told of bounces and complaints; none where empty.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, configuration_set: &str) -> Self {
        // Where an account may send no faster, mails wait here for their turn.
        let patient = Builder::from(config)
            .retry_config(RetryConfig::adaptive().with_max_attempts(TRIES))
            .timeout_config(timeouts());
        Self {
            client: Client::from_conf(patient.build()),
            configuration_set: Some(configuration_set.to_owned()).filter(|name| !name.is_empty()),
        }
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let sent = self
            .client
            .send_raw_email()
            .source(mail.from.as_str())
            .destinations(mail.to.as_str())
            .raw_message(
                RawMessage::builder()
                    .data(Blob::new(mail.raw.as_slice()))
                    .build()
                    .map_err(|error| MailError::Refused(error.to_string()))?,
            )
            .set_configuration_set_name(self.configuration_set.clone())
            .send()
            .await;
        sent.map(drop).map_err(|error| meaning(&error))
    }
}

impl Mailer for Ses {
    fn send<'a>(&'a self, mail: &'a Mail) -> Sending<'a> {
        Box::pin(Self::send(self, mail))
    }
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
