//! Text messages by Amazon SNS: `Publish` to a phone number.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::mailer::timeouts;
use crate::text::{Text, TextError, Texter, Texting};

/// SNS. It tries each message once: whether a lost answer was a message nobody knows.
#[derive(Debug, Clone)]
pub struct Sns(Client);

impl Sns {
    /// SNS of this account and region.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        let once = aws_config::retry::RetryConfig::disabled();
        let config = aws_sdk_sns::config::Builder::from(config).retry_config(once);
        Self(Client::from_conf(config.timeout_config(timeouts()).build()))
    }

    async fn publish(&self, text: &Text) -> Result<(), TextError> {
        let attribute = |value: &str| {
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|error| TextError::Refused(error.to_string()))
        };
        let mut call = self
            .0
            .publish()
            .phone_number(text.to.as_str())
            .message(&text.body)
            .message_attributes("AWS.SNS.SMS.SMSType", attribute("Transactional")?);
        if let Some(sender) = &text.sender {
            call = call.message_attributes("AWS.SNS.SMS.SenderID", attribute(sender)?);
        }
        call.send().await.map(drop).map_err(|error| meaning(&error))
    }
}

impl Texter for Sns {
    fn text<'a>(&'a self, text: &'a Text) -> Texting<'a> {
        Box::pin(self.publish(text))
    }
}

/// SNS says in words alone that somebody opted out. Its words repeat numbers, so only its codes are kept.
fn meaning<R>(error: &SdkError<PublishError, R>) -> TextError {
    let code = error.code().map(str::to_owned);
    let opted_out = error.message().is_some_and(|words| words.contains("opted out"));
    match (error, code.as_deref()) {
        (SdkError::ConstructionFailure(_), _) => TextError::NotSent("no request".into()),
        (SdkError::DispatchFailure(failure), _) if failure.is_io() || failure.is_timeout() => {
            TextError::Unknown("the connection broke".into())
        }
        (SdkError::DispatchFailure(_), _) => TextError::NotSent("no connection".into()),
        (_, Some("OptedOut" | "OptedOutException")) => TextError::OptedOut,
        (_, Some("InvalidParameter" | "InvalidParameterException")) if opted_out => TextError::OptedOut,
        (_, Some(code)) if code.starts_with("Throttl") => TextError::NotSent(code.to_owned()),
        // An answer that is an error, but none of the service's own: it has taken nothing.
        (SdkError::ServiceError(answer), Some(code))
            if !matches!(answer.err(), PublishError::InternalErrorException(_)) =>
        {
            TextError::Refused(code.to_owned())
        }
        (_, code) => TextError::Unknown(code.unwrap_or("no answer that reads").to_owned()),
    }
}
