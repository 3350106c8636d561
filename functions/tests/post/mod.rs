//! Where mails go in tests: kept as they come, or refused as the test says.

use std::sync::{Arc, Mutex};

use domain::id::CompanyId;
use notify::{Mail, MailError, Mailer, Sending, Text, TextError, Texter, Texting};

/// All mails that went out, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Post(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    mails: Vec<Mail>,
    texts: Vec<Text>,
    /// What the next text messages meet, the last one first.
    trouble: Vec<Option<TextError>>,
    /// What the next ones meet, the last one first.
    fate: Vec<Fate>,
}

/// What becomes of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "one of the two suites lets mails fail")]
pub(crate) enum Fate {
    /// It goes out.
    Sent,
    /// It does not, for now.
    Failed,
    /// It goes out, and nobody hears so.
    Unheard,
    /// It never will.
    Refused,
}

impl Post {
    #[allow(dead_code, reason = "one of the two suites reads mails")]
    /// What has come since this was asked last.
    pub(crate) fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut self.0.lock().expect("a lock").mails)
    }

    /// What the next mails meet, the first one first; those after them go out.
    #[allow(dead_code, reason = "one of the two suites lets mails fail")]
    pub(crate) fn meet(&self, fates: &[Fate]) {
        let mut next = fates.to_vec();
        next.reverse();
        self.0.lock().expect("a lock").fate = next;
    }
}

impl Mailer for Post {
    fn send<'a>(&'a self, mail: &'a Mail, _: CompanyId) -> Sending<'a> {
        let mut kept = self.0.lock().expect("a lock");
        let fate = kept.fate.pop().unwrap_or(Fate::Sent);
        if matches!(fate, Fate::Sent | Fate::Unheard) {
            kept.mails.push(mail.clone());
        }
        let outcome = match fate {
            Fate::Sent => Ok(()),
            Fate::Failed | Fate::Unheard => Err(MailError::Failed("test".into())),
            Fate::Refused => Err(MailError::Refused("test".into())),
        };
        Box::pin(std::future::ready(outcome))
    }
}

impl Post {
    /// The text messages that have come since this was asked last.
    #[allow(dead_code, reason = "one of the two suites reads text messages")]
    pub(crate) fn take_texts(&self) -> Vec<Text> {
        std::mem::take(&mut self.0.lock().expect("a lock").texts)
    }

    /// What the next text messages meet, the first one first; those after them go out.
    #[allow(dead_code, reason = "one of the two suites lets text messages fail")]
    pub(crate) fn trouble(&self, errors: &[Option<TextError>]) {
        let mut next = errors.to_vec();
        next.reverse();
        self.0.lock().expect("a lock").trouble = next;
    }
}

impl Texter for Post {
    fn text<'a>(&'a self, text: &'a Text) -> Texting<'a> {
        let mut kept = self.0.lock().expect("a lock");
        let error = kept.trouble.pop().flatten();
        if matches!(error, None | Some(TextError::Unknown(_))) {
            kept.texts.push(text.clone());
        }
        Box::pin(std::future::ready(error.map_or(Ok(()), Err)))
    }
}
