//! Mails to account holders: welcome, a new password, a webhook that was disabled.

use domain::time::Zone;
use jiff::Timestamp;

use crate::letter::{Brand, Letter};
use crate::mail::{Envelope, build};
use crate::mailer::Mail;
use crate::words::{Language, fill};

/// An account that mail is written to.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Its language.
    pub language: Language,
    /// Its zone.
    pub zone: &'a Zone,
    /// Its company.
    pub brand: Brand<'a>,
    /// Its mail address, as it signs in with.
    pub email: &'a str,
    /// Its own room.
    pub room_url: &'a str,
}

/// How whoever made a webhook enables it again.
#[derive(Debug, Clone, Copy)]
pub enum EnableHook<'a> {
    /// At this page.
    Page(&'a str),
    /// By the API, as no page of the account's shows it.
    Api {
        /// The company's id.
        company: &'a str,
        /// The webhook's.
        webhook: &'a str,
    },
}

/// A link by which a password is set, once.
#[derive(Clone, Copy)]
pub struct PasswordLink<'a> {
    /// Where.
    pub url: &'a str,
    /// Not valid from here on.
    pub expires: Timestamp,
}

impl std::fmt::Debug for PasswordLink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordLink")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Account<'_> {
    /// Tells of a new account: with the link that sets its password, or where to sign in when it has one.
    #[must_use]
    pub fn welcome(&self, envelope: &Envelope<'_>, link: Option<PasswordLink<'_>>, sign_in: &str) -> Mail {
        let words = self.language.words();
        let subject = fill(words.welcome, &[("product", self.brand.product)]);
        let letter = Letter {
            language: self.language,
            brand: self.brand,
            heading: &subject,
            lead: words.account.to_owned(),
            details: vec![
                (words.email, vec![self.email.to_owned()]),
                (words.room, vec![self.room_url.to_owned()]),
            ],
            button: Some(match &link {
                Some(link) => (words.choose, link.url),
                None => (words.sign_in, sign_in),
            }),
            notes: link.iter().map(|link| self.valid(link)).collect(),
        };
        build(envelope, &subject, &letter, None)
    }

    /// Lets the account's holder, who has asked for it, set a new password.
    #[must_use]
    pub fn password_reset(&self, envelope: &Envelope<'_>, link: PasswordLink<'_>) -> Mail {
        let words = self.language.words();
        let subject = fill(words.reset, &[("product", self.brand.product)]);
        let letter = Letter {
            language: self.language,
            brand: self.brand,
            heading: &subject,
            lead: words.asked.to_owned(),
            details: vec![(words.email, vec![self.email.to_owned()])],
            button: Some((words.choose, link.url)),
            notes: vec![self.valid(&link), words.not_you.to_owned()],
        };
        build(envelope, &subject, &letter, None)
    }

    /// Tells whoever made a webhook that it was disabled. `server`: the host of its URL; `enable`: how it is enabled again.
    #[must_use]
    pub fn hook_disabled(&self, envelope: &Envelope<'_>, server: &str, enable: &EnableHook<'_>) -> Mail {
        let words = self.language.words();
        let subject = fill(words.hook_off, &[("server", server)]);
        let mut notes = vec![words.hook_again.to_owned()];
        let button = match enable {
            EnableHook::Page(url) => Some((words.hooks, *url)),
            EnableHook::Api { company, webhook } => {
                notes.push(fill(words.hook_by_api, &[("company", company), ("id", webhook)]));
                None
            }
        };
        let letter = Letter {
            language: self.language,
            brand: self.brand,
            heading: &subject,
            lead: words.hook_failed.to_owned(),
            details: vec![(words.server, vec![server.to_owned()])],
            button,
            notes,
        };
        build(envelope, &subject, &letter, None)
    }

    fn valid(&self, link: &PasswordLink<'_>) -> String {
        let words = self.language.words();
        let at = self.zone.local(link.expires);
        let date = format!("{}, {} ({})", words.day(at), at.strftime("%H:%M"), self.zone);
        fill(words.choose_until, &[("date", &date)])
    }
}
