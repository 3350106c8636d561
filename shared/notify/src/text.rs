//! Text messages: what they say, how many parts they take, and the way out for them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use domain::code::Phone;
use domain::time::Zone;
use jiff::Timestamp;

use crate::words::{Language, fill};

/// What of a subject fits.
const SUBJECT: usize = 40;

/// A text message as it goes out.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// Whom it goes to, E.164.
    pub to: Phone,
    /// Who it says that it is from, where the country takes such: up to 11 letters and digits.
    pub sender: Option<String>,
    /// All that it says.
    pub body: String,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(***)")
    }
}

/// A text message did not go out. The words name nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Whoever has this number wants none.
    #[error("the number takes no text messages")]
    OptedOut,
    /// It will not go out however often it is tried.
    #[error("the text message was refused: {0}")]
    Refused(String),
    /// It surely did not go out; it may later.
    #[error("the text message was not sent: {0}")]
    NotSent(String),
    /// It may have gone out.
    #[error("it is not known whether the text message was sent: {0}")]
    Unknown(String),
}

/// What is under way.
pub type Texting<'a> = Pin<Box<dyn Future<Output = Result<(), TextError>> + Send + 'a>>;

/// Sends text messages.
pub trait Texter: fmt::Debug + Send + Sync {
    /// Hands a text message on to be delivered.
    fn text<'a>(&'a self, text: &'a Text) -> Texting<'a>;
}

/// A reminder by text message. It holds no secret: phones show texts to anybody near.
#[derive(Debug, Clone, Copy)]
pub struct TextReminder<'a> {
    /// Its language.
    pub language: Language,
    /// The product that it is from.
    pub product: &'a str,
    /// What the meeting is about.
    pub subject: &'a str,
    /// When it starts.
    pub start: Timestamp,
    /// The zone that this is said in.
    pub zone: &'a Zone,
    /// Where guests enter.
    pub url: &'a str,
}

impl TextReminder<'_> {
    /// All that it says, on one line.
    #[must_use]
    pub fn body(&self) -> String {
        let mut subject: String = self.subject.chars().filter(|c| !c.is_control()).take(SUBJECT).collect();
        if self.subject.chars().count() > SUBJECT {
            subject.push_str("...");
        }
        let time = format!("{} ({})", self.zone.local(self.start).strftime("%H:%M"), self.zone);
        fill(
            self.language.words().text,
            &[
                ("product", self.product),
                ("subject", &subject),
                ("time", &time),
                ("url", self.url),
            ],
        )
    }
}

/// How many messages a text is billed as: 160 characters of GSM 03.38 or 70 others in one, 153 or 67 in each of several.
#[must_use]
pub fn parts(body: &str) -> u32 {
    const EXTENDED: &str = "^{}\\[~]|€";
    const BASIC: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà \n\r";
    let weight = |c: char| match c {
        c if c.is_ascii_alphanumeric() || BASIC.contains(c) => Some(1),
        c if EXTENDED.contains(c) => Some(2),
        _ => None,
    };
    let plain: Option<usize> = body.chars().map(weight).sum();
    let (length, one, each) = match plain {
        Some(length) => (length, 160, 153),
        None => (body.encode_utf16().count(), 70, 67),
    };
    let parts = if length <= one { 1 } else { length.div_ceil(each) };
    u32::try_from(parts).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_as_they_are_billed() {
        let of = |c: &str, count: usize| parts(&c.repeat(count));
        assert_eq!((parts(""), of("a", 160), of("a", 161), of("a", 307)), (1, 1, 2, 3));
        assert_eq!((of("€", 80), of("€", 81)), (1, 2));
        assert_eq!((of("ł", 70), of("ł", 71), of("ł", 135)), (1, 2, 3));
    }

    #[test]
    fn a_reminder_is_one_message_in_every_language() {
        let zone: Zone = "Europe/Berlin".parse().expect("a zone");
        for language in Language::ALL {
            let reminder = TextReminder {
                language,
                product: "Acme",
                subject: &"x".repeat(255),
                start: "2026-07-06T12:00:00Z".parse().expect("a time"),
                zone: &zone,
                url: "https://acme.demo.test/conf/call/1234567",
            };
            let body = reminder.body();
            assert!(
                body.contains("14:00 (Europe/Berlin)") && body.contains("/conf/call/1234567"),
                "{body}"
            );
            assert_eq!(parts(&body), 1, "{body}");
        }
    }
}
