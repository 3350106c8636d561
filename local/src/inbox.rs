//! Mail on a laptop: each one that goes out becomes a file in the data folder, below `inbox`, and is shown by a page, where
//! invitations can be answered as a calendar would.

use std::path::PathBuf;
use std::sync::Mutex;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use domain::conference::PartStat;
use domain::id::CompanyId;
use functions::App;
use functions::operator::{self, MAIL_RECEIVE};
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders as _, PartType};
use notify::{Mail, MailError, Mailer, Sending, Text, TextError, Texter, Texting};
use serde_json::{Value, json};

use crate::data::{DataFolder, write_private};

/// So many mails are kept; older ones go.
const KEPT: usize = 500;
/// So many are shown.
const SHOWN: usize = 100;
const PAGE: &str = include_str!("inbox.html");

/// The mails of this machine.
#[derive(Debug)]
pub(crate) struct Inbox {
    folder: PathBuf,
    /// The number of the last mail; held while one is written.
    last: Mutex<u64>,
}

impl Inbox {
    /// Over what the folder keeps.
    pub(crate) fn open(data: &DataFolder) -> anyhow::Result<Self> {
        let folder = data.file("inbox");
        std::fs::create_dir_all(&folder)?;
        let inbox = Self {
            folder,
            last: Mutex::new(0),
        };
        if let (Some(newest), Ok(mut last)) = (inbox.numbers()?.first(), inbox.last.lock()) {
            *last = *newest;
        }
        Ok(inbox)
    }

    fn file(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:010}.eml"))
    }

    /// The mails that there are, newest first.
    fn numbers(&self) -> std::io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let mail = path.extension().is_some_and(|ending| ending == "eml");
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            numbers.extend(number.filter(|_| mail));
        }
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }

    fn keep(&self, raw: &[u8]) -> anyhow::Result<()> {
        let mut last = self
            .last
            .lock()
            .map_err(|_| anyhow::anyhow!("a mail was not written whole"))?;
        let number = *last + 1;
        write_private(&self.file(number), raw)?;
        *last = number;
        for old in self.numbers()?.into_iter().skip(KEPT) {
            std::fs::remove_file(self.file(old))?;
        }
        Ok(())
    }

    /// The mails as the page shows them, newest first.
    fn shown(&self) -> std::io::Result<Vec<Value>> {
        let mut shown = Vec::new();
        for number in self.numbers()?.into_iter().take(SHOWN) {
            let raw = match std::fs::read(self.file(number)) {
                // It was the oldest.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                raw => raw?,
            };
            if let Some(message) = MessageParser::default().parse(&raw) {
                shown.push(show(number, &message));
            }
        }
        Ok(shown)
    }
}

impl Mailer for Inbox {
    fn send<'a>(&'a self, mail: &'a Mail, _: CompanyId) -> Sending<'a> {
        let kept = self
            .keep(&mail.raw)
            .map_err(|error| MailError::Failed(format!("{error:#}")));
        Box::pin(std::future::ready(kept))
    }
}

/// Text messages lie among the mails, and look like one.
impl Texter for Inbox {
    fn text<'a>(&'a self, text: &'a Text) -> Texting<'a> {
        let sender = text.sender.as_deref().unwrap_or("Convoke");
        let address = format!("{}@text.invalid", text.to.as_str().trim_start_matches('+'));
        let raw = mail_builder::MessageBuilder::new()
            .from((sender, "sender@text.invalid"))
            .to((text.to.as_str(), address.as_str()))
            .subject("Text message")
            .text_body(text.body.as_str())
            .write_to_vec();
        let kept = raw.map_err(anyhow::Error::from).and_then(|raw| self.keep(&raw));
        let kept = kept.map_err(|error| TextError::NotSent(format!("{error:#}")));
        Box::pin(std::future::ready(kept))
    }
}

fn show(number: u64, message: &Message<'_>) -> Value {
    let person = |address: Option<&mail_parser::Address<'_>>| {
        let first = address.and_then(|address| address.first());
        first.map(|one| json!({"name": one.name(), "address": one.address()}))
    };
    let calendar = |part: &MessagePart<'_>| match (&part.body, part.content_type()) {
        (PartType::Text(text), Some(kind)) if kind.subtype() == Some("calendar") => {
            Some(json!({"method": kind.attribute("method"), "text": text}))
        }
        _ => None,
    };
    json!({
        "number": number,
        "id": message.message_id(),
        "from": person(message.from()),
        "to": person(message.to()),
        "reply_to": person(message.reply_to()),
        "subject": message.subject(),
        "date": message.date().map(mail_parser::DateTime::to_rfc3339),
        "text": message.body_text(0),
        "html": message.body_html(0),
        "calendar": message.parts.iter().find_map(calendar),
    })
}

/// Whether a request means this machine and no tenant of it: a page of another site, whose name leads here, reads no mail.
pub(crate) fn is_meant(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    matches!(name, Some("localhost" | "127.0.0.1"))
}

/// Whether a request to change something comes from the inbox's own page: pages of other sites may send none of this type
/// without being asked first, and would name themselves.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let typed = text(header::CONTENT_TYPE) == Some("application/json");
    let host = text(header::HOST).unwrap_or_default();
    let named = text(header::ORIGIN).is_none_or(|origin| origin.split("://").nth(1) == Some(host));
    is_meant(headers) && typed && named
}

/// The page.
pub(crate) fn page() -> Response {
    // Mails are shown in frames that may do nothing; the page's own script and style are in it.
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'; \
                  img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let mut response = Html(PAGE).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// All mails as JSON.
pub(crate) fn mails(inbox: &Inbox) -> Response {
    match inbox.shown() {
        Ok(shown) => answer("application/json", Value::from(shown).to_string().into_bytes()),
        Err(error) => {
            tracing::error!(%error, "the inbox cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// One mail as it went out.
pub(crate) fn raw(inbox: &Inbox, Path(number): Path<u64>) -> Response {
    match std::fs::read(inbox.file(number)) {
        Ok(bytes) => answer("text/plain; charset=utf-8", bytes),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Answers the invitation in a mail as its reader's calendar would: by a mail, which comes in here. `body` is
/// `{"status": "ACCEPTED"}`; the answer is the worker's.
pub(crate) async fn reply(inbox: &Inbox, app: &App, Path(number): Path<u64>, body: &[u8]) -> Response {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let status = asked["status"].as_str().and_then(PartStat::named);
    let (Some(status), Ok(invitation)) = (status, std::fs::read(inbox.file(number))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(mail) = notify::reply_to(&invitation, status, app.now()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(event) = came_in(&mail) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match operator::wake(app, &MAIL_RECEIVE, event).await {
        Ok(received) => answer("application/json", received.to_string().into_bytes()),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "an answer was not taken in");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What the mail service would say of a mail that came in. Nobody doubts one that was written here.
fn came_in(mail: &[u8]) -> Option<Value> {
    let message = MessageParser::default().parse(mail)?;
    let address = |address: Option<&mail_parser::Address<'_>>| Some(address?.first()?.address()?.to_owned());
    let pass = json!({"status": "PASS"});
    let notification = json!({
        "notificationType": "Received",
        "receipt": {"recipients": [address(message.to())?], "spamVerdict": pass, "virusVerdict": pass, "spfVerdict": pass,
            "dkimVerdict": pass, "dmarcVerdict": pass},
        "mail": {"source": address(message.from())?},
        "content": String::from_utf8_lossy(mail),
    });
    Some(json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": notification.to_string()}}]}))
}

pub(crate) fn answer(kind: &'static str, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}
