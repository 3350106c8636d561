//! Mails by which calendars answer invitations (RFC 5546 §3.2.3, RFC 6047): what strangers send, read within bounds. Nothing
//! here says whether a mail is to be believed.

mod file;
mod instance;
mod write;

use domain::code::Email;
use domain::conference::PartStat;
use jiff::Timestamp;
use mail_parser::{Address, HeaderName, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use self::file::{Event, File};
pub use self::instance::Instance;
pub use self::write::reply_to;

/// The largest mail that is read, in bytes; the mail service hands on less.
pub const LARGEST_REPLY: usize = 256 * 1024;
/// Most events of one mail that are read: the meeting, and occurrences of it.
const MOST_EVENTS: usize = 100;

/// A mail that answers an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyMail {
    /// Who wrote it, as its one `From` says.
    pub from: Email,
    /// Who answers, as all of its events say.
    pub attendee: Email,
    /// The UID of the meeting that it answers.
    pub uid: String,
    /// What is answered.
    pub parts: Vec<ReplyPart>,
    /// The domains of its DKIM signatures, in lower case, as they stand there.
    pub signed: Vec<String>,
}

/// An answer about a meeting or one occurrence of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyPart {
    /// The occurrence; none where it is about the meeting as a whole.
    pub instance: Option<Instance>,
    /// What is answered.
    pub status: PartStat,
    /// The `SEQUENCE` of what is answered.
    pub sequence: u32,
    /// When the answer was written.
    pub at: Timestamp,
}

/// Why a mail is no answer to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is larger than [`LARGEST_REPLY`].
    #[error("it is too large")]
    Large,
    /// It is no mail from exactly one address.
    #[error("it is not from one address")]
    Sender,
    /// A machine answers by itself (RFC 3834): nobody has decided anything.
    #[error("a machine answers by itself")]
    Automatic,
    /// It has no calendar file that answers.
    #[error("it has no calendar file that answers")]
    NoReply,
    /// The file has no event, too many of them, or some of different meetings.
    #[error("its file is not about one meeting")]
    Events,
    /// Not exactly one person answers in it.
    #[error("not one person answers in it")]
    Attendee,
    /// What that person says is nothing that we keep.
    #[error("its answer is none that is kept")]
    Status,
    /// A time or number in it does not read, or it is about a range of occurrences.
    #[error("it does not say what it answers")]
    Instance,
}

impl ReplyMail {
    /// Reads a mail as it came in.
    ///
    /// # Errors
    ///
    /// It is no answer to an invitation.
    pub fn read(raw: &[u8]) -> Result<Self, Unread> {
        if raw.len() > LARGEST_REPLY {
            return Err(Unread::Large);
        }
        let message = MessageParser::default().parse(raw).ok_or(Unread::Sender)?;
        let from = sender(&message).ok_or(Unread::Sender)?;
        // Calendars say of what their people have clicked on that it was generated (`auto-generated`).
        let automatic = |value: &str| value.trim_start().to_ascii_lowercase().starts_with("auto-replied");
        if raw_values(&message, "auto-submitted").any(automatic) {
            return Err(Unread::Automatic);
        }
        let file = message.parts.iter().find_map(calendar).ok_or(Unread::NoReply)?;
        let (first, rest) = file.events.split_first().ok_or(Unread::Events)?;
        let one = rest.iter().all(|event| event.uid == first.uid);
        if !one || first.uid.is_empty() || file.events.len() > MOST_EVENTS {
            return Err(Unread::Events);
        }
        let attendee = attendee(first)?;
        let mut parts = Vec::with_capacity(file.events.len());
        for event in &file.events {
            if self::attendee(event)?.folded() != attendee.folded() {
                return Err(Unread::Attendee);
            }
            parts.push(part(event)?);
        }
        Ok(Self {
            from,
            attendee,
            uid: first.uid.clone(),
            parts,
            signed: raw_values(&message, "dkim-signature").map(signer).collect(),
        })
    }
}

/// The one address that a mail is from.
fn sender(message: &Message<'_>) -> Option<Email> {
    let headers = message
        .headers()
        .iter()
        .filter(|header| header.name == HeaderName::From);
    if headers.count() != 1 {
        return None;
    }
    match message.from()? {
        Address::List(all) => match all.as_slice() {
            [one] => one.address()?.parse().ok(),
            _ => None,
        },
        Address::Group(_) => None,
    }
}

/// The values of a header of this name, as they stand there.
fn raw_values<'a>(message: &'a Message<'_>, name: &'a str) -> impl Iterator<Item = &'a str> {
    let headers = message.headers_raw();
    headers
        .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The domain that a signature names (RFC 6376 §3.5).
fn signer(signature: &str) -> String {
    let mut tags = signature.split(';').filter_map(|tag| tag.split_once('='));
    let domain = tags.find(|(name, _)| name.trim() == "d").map(|(_, domain)| domain);
    let domain = domain.unwrap_or_default().chars().filter(|c| !c.is_whitespace());
    domain.collect::<String>().to_ascii_lowercase()
}

/// The file in a part of a mail, where it is one that answers.
fn calendar(part: &MessagePart<'_>) -> Option<File> {
    let kind = part.content_type()?;
    let subtype = kind.subtype()?;
    let is = |main: &str, sub: &str| kind.ctype().eq_ignore_ascii_case(main) && subtype.eq_ignore_ascii_case(sub);
    if !is("text", "calendar") && !is("application", "ics") {
        return None;
    }
    let told = kind.attribute("method");
    if told.is_some_and(|method| !method.eq_ignore_ascii_case("REPLY")) {
        return None;
    }
    let file = match &part.body {
        PartType::Text(text) => File::read(text),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => File::read(&String::from_utf8_lossy(bytes)),
        _ => return None,
    };
    // What the file says counts; where it says nothing, what the mail says of it.
    let method = file.method.as_deref().or(told).unwrap_or_default();
    method.eq_ignore_ascii_case("REPLY").then_some(file)
}

/// Who answers in an event.
fn attendee(event: &Event) -> Result<Email, Unread> {
    match event.attendees.as_slice() {
        [one] => one.address().ok_or(Unread::Attendee),
        _ => Err(Unread::Attendee),
    }
}

fn part(event: &Event) -> Result<ReplyPart, Unread> {
    // RFC 5545 §3.2.12: without a word of it, nothing was decided.
    let said = event.attendees.first().and_then(|line| line.parameter("PARTSTAT"));
    let status = PartStat::named(said.unwrap_or("NEEDS-ACTION")).ok_or(Unread::Status)?;
    let sequence = match &event.sequence {
        Some(text) => text.trim().parse().map_err(|_| Unread::Instance)?,
        None => 0,
    };
    let stamp = event.stamp.as_deref().ok_or(Unread::Instance)?;
    let at = instance::utc(stamp).ok_or(Unread::Instance)?;
    let instance = event
        .recurrence
        .as_ref()
        .map(|line| Instance::read(line).ok_or(Unread::Instance));
    Ok(ReplyPart {
        instance: instance.transpose()?,
        status,
        sequence,
        at,
    })
}

#[cfg(test)]
mod tests;
