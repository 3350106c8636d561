//! A mail as bytes: headers, text, HTML and the calendar file, once to be read by calendars and once to be saved.

use domain::code::Email;
use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};
use ring::digest;

use crate::calendar::Method;
use crate::letter::Letter;
use crate::mailer::Mail;

/// Who a mail is from, and whom it is for.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The Message-ID, by [`message_id`].
    pub id: &'a str,
    /// The address that it is sent from; the product's name stands before it.
    pub sender: &'a Email,
    /// Who gets answers that people write, where it is not the sender.
    pub reply_to: Option<(&'a str, &'a Email)>,
    /// The name of whom it is for.
    pub name: Option<&'a str>,
    /// Whom it is for.
    pub to: &'a Email,
    /// When it was written.
    pub date: Timestamp,
}

/// The Message-ID of a mail, without angle brackets, that says nothing of what makes it: the same parts make the same one.
#[must_use]
pub fn message_id(parts: &[&str], sender: &Email) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let domain = sender.as_str().rsplit('@').next().unwrap_or_default();
    format!("{}@{domain}", hex::encode(&hash.finish().as_ref()[..16]))
}

/// Puts a mail together.
pub(crate) fn build(
    envelope: &Envelope<'_>,
    subject: &str,
    letter: &Letter<'_>,
    calendar: Option<(Method, &str)>,
) -> Mail {
    let own = envelope.id.split('@').next().unwrap_or_default();
    let boundary = |part: &str| format!("=_{own}.{part}");
    let utf8 = |kind: &'static str| ContentType::new(kind).attribute("charset", "utf-8");
    let mut readings = vec![
        MimePart::new(utf8("text/plain"), BodyPart::Text(letter.text().into())),
        MimePart::new(utf8("text/html"), BodyPart::Text(letter.html().into())),
    ];
    let mut attached = Vec::new();
    if let Some((method, file)) = calendar {
        let kind = utf8("text/calendar").attribute("method", method.name());
        readings.push(MimePart::new(kind, BodyPart::Text(file.into())));
        let kind = ContentType::new("application/ics").attribute("name", "invite.ics");
        attached.push(MimePart::new(kind, BodyPart::Binary(file.as_bytes().into())).attachment("invite.ics"));
    }
    let multipart = |kind: &'static str, boundary: String, parts| {
        MimePart::new(
            ContentType::new(kind).attribute("boundary", boundary),
            BodyPart::Multipart(parts),
        )
    };
    let alternative = multipart("multipart/alternative", boundary("a"), readings);
    let body = if attached.is_empty() {
        alternative
    } else {
        attached.insert(0, alternative);
        multipart("multipart/mixed", boundary("m"), attached)
    };
    let to = match envelope.name {
        Some(name) => named(name, envelope.to),
        None => envelope.to.as_str().into(),
    };
    let mut message = MessageBuilder::new()
        .from(named(letter.brand.product, envelope.sender))
        .to(to)
        .subject(literal(subject))
        .date(envelope.date.as_second())
        .message_id(envelope.id)
        // RFC 3834: no answer by itself; the second is what Exchange looks at.
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header("X-Auto-Response-Suppress", Raw::new("OOF, AutoReply"))
        .header("Content-Language", Raw::new(letter.language.tag()));
    if let Some((name, email)) = envelope.reply_to {
        message = message.reply_to(named(name, email));
    }
    let mut raw = Vec::new();
    message.body(body).serialize(&mut raw);
    Mail {
        id: envelope.id.to_owned(),
        from: envelope.sender.clone(),
        to: envelope.to.clone(),
        raw,
        until: None,
    }
}

/// A text of a header that readers show as it is written: what looks like an encoded word (RFC 2047) would be read as what it
/// encodes, be that a line break. A word joiner, which nobody sees, ends that, and has the text encoded as a whole.
fn literal(text: &str) -> String {
    text.replace("=?", "=\u{2060}?")
}

fn named<'a>(name: &str, email: &Email) -> Address<'a> {
    (literal(name), email.as_str().to_owned()).into()
}
