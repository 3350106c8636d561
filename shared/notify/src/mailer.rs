//! The way of mail out of the platform.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use domain::code::Email;
use domain::id::CompanyId;
use jiff::Timestamp;

/// A mail as it goes out.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its Message-ID, without angle brackets: a repeat of the mail has the same.
    pub id: String,
    /// Whose it is.
    pub from: Email,
    /// Whom it goes to.
    pub to: Email,
    /// All of it, RFC 5322.
    pub raw: Vec<u8>,
    /// From then on it is of no use, and does not go out.
    pub until: Option<Timestamp>,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A mail did not go out. The texts name nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// This mail will not go out however often it is tried.
    #[error("the mail was refused: {0}")]
    Refused(String),
    /// When its turn came it was of no use any more, or it may have gone out before and there was no time for another try.
    #[error("the mail came too late to be of use")]
    Late,
    /// It may go out later; it may even have gone out.
    #[error("the mail could not be sent: {0}")]
    Failed(String),
}

/// How long the services that send are waited for.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(5))
        .build()
}

/// What is under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>>;

/// Sends mail.
pub trait Mailer: fmt::Debug + Send + Sync {
    /// Hands a mail of this company's on to be delivered. Where mails wait, companies come in turn.
    fn send<'a>(&'a self, mail: &'a Mail, company: CompanyId) -> Sending<'a>;

    /// Whether more may come now: where not, those that wait are many already.
    fn has_room(&self) -> bool {
        true
    }
}
