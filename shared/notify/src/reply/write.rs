//! The mail by which a calendar would answer an invitation: for a laptop, where there is no calendar to click in.

use domain::conference::PartStat;
use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::{BodyPart, MimePart};
use mail_parser::{MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::file::{Event, File};
use crate::calendar::{Lines, utc};

/// The answer of whom an invitation is for. It is about the meeting as a whole where the invitation is, else about the
/// occurrences in it. `None` where the mail is no invitation.
#[must_use]
pub fn reply_to(invitation: &[u8], status: PartStat, now: Timestamp) -> Option<Vec<u8>> {
    let message = MessageParser::default().parse(invitation)?;
    let file = message.parts.iter().find_map(request)?;
    let mut events: Vec<&Event> = file.events.iter().collect();
    if events.iter().any(|event| event.recurrence.is_none()) {
        events.retain(|event| event.recurrence.is_none());
    }
    let first = events.first()?;
    let from = first.attendees.first()?.address()?;
    let to = first.organizer.as_ref()?.address()?;
    let mut lines = Lines::default();
    for line in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Convoke//Inbox//EN",
        "METHOD:REPLY",
    ] {
        lines.push(line);
    }
    for event in events {
        lines.push("BEGIN:VEVENT");
        lines.text("UID", &event.uid);
        lines.push(&format!("SEQUENCE:{}", event.sequence.as_deref().unwrap_or("0")));
        lines.push(&format!("DTSTAMP:{}", utc(now)));
        if let Some(line) = &event.recurrence {
            let zone = line.parameter("TZID").map(|zone| format!(";TZID={zone}"));
            lines.push(&format!("RECURRENCE-ID{}:{}", zone.unwrap_or_default(), line.value));
        }
        lines.push(&format!("ORGANIZER:{}", event.organizer.as_ref()?.value));
        let attendee = &event.attendees.first()?.value;
        lines.push(&format!("ATTENDEE;PARTSTAT={}:{attendee}", status.name()));
        lines.push("END:VEVENT");
    }
    lines.push("END:VCALENDAR");
    let kind = ContentType::new("text/calendar")
        .attribute("charset", "utf-8")
        .attribute("method", "REPLY");
    let body = MimePart::new(
        ContentType::new("multipart/alternative"),
        BodyPart::Multipart(vec![
            MimePart::new(ContentType::new("text/plain"), BodyPart::Text(status.name().into())),
            MimePart::new(kind, BodyPart::Text(lines.finish().into())),
        ]),
    );
    let mut raw = Vec::new();
    let mail = MessageBuilder::new()
        .from(from.as_str())
        .to(to.as_str())
        .subject(message.subject().unwrap_or_default())
        .date(now.as_second())
        .message_id(format!("{}.reply@convoke.invalid", now.as_millisecond()))
        .body(body);
    mail.serialize(&mut raw);
    Some(raw)
}

fn request(part: &MessagePart<'_>) -> Option<File> {
    let calendar = part.content_type()?.subtype()? == "calendar";
    let PartType::Text(text) = &part.body else { return None };
    let file = calendar.then(|| File::read(text))?;
    (file.method.as_deref() == Some("REQUEST")).then_some(file)
}
