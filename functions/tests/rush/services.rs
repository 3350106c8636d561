//! SES and SNS, to the real clients of the dispatchers: they note who asked for what, and fail in every way now and then.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mail_parser::MessageParser;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Longer than the clients wait.
const HANG: Duration = Duration::from_secs(12);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Taken, and said so.
    Fine,
    /// Not taken: it was too much.
    Throttled,
    /// Not taken, and failed.
    Failed,
    /// Not taken, and no answer in time.
    Hung,
    /// Taken, and failed.
    TakenFailed,
    /// Taken, and no answer in time.
    TakenHung,
}

impl Fate {
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Fine | Self::TakenFailed | Self::TakenHung)
    }

    /// By a number below 1,000.
    fn of(roll: u32) -> Self {
        match roll {
            0..20 => Self::Throttled,
            20..45 => Self::Failed,
            45..50 => Self::Hung,
            50..60 => Self::TakenFailed,
            60..70 => Self::TakenHung,
            _ => Self::Fine,
        }
    }
}

/// A mail that came.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    /// `Invitation`, `Changed`, `Cancelled` or `Reminder`.
    pub kind: String,
    /// The meeting's.
    pub subject: String,
    pub id: String,
    /// Of all its bytes.
    pub digest: u64,
    pub at: Timestamp,
    /// The process that sent it.
    pub by: String,
    pub fate: Fate,
}

/// A text message that came.
#[derive(Debug, Clone)]
pub struct Text {
    pub to: String,
    pub at: Timestamp,
    pub fate: Fate,
}

/// Both.
pub struct Services {
    dice: Mutex<StdRng>,
    pub mails: Mutex<Vec<Mail>>,
    pub texts: Mutex<Vec<Text>>,
    /// Kind, subject and address of mails that were taken.
    taken: Mutex<HashSet<(String, String, String)>>,
}

impl Services {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            mails: Mutex::default(),
            texts: Mutex::default(),
            taken: Mutex::default(),
        }
    }

    /// Whether all of these people have a mail.
    pub fn have(&self, kind: &str, subject: &str, people: &[String]) -> bool {
        let taken = self.taken.lock().expect("not poisoned");
        let has = |to: &String| taken.contains(&(kind.to_owned(), subject.to_owned(), to.clone()));
        people.iter().all(has)
    }

    pub async fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let fields: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
        let field = |name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let signed = headers.get("authorization").and_then(|value| value.to_str().ok());
        let by = signed.and_then(|text| text.split("Credential=").nth(1)?.split('/').next());
        let by = by.expect("requests are signed").to_owned();
        let fate = Fate::of(self.dice.lock().expect("not poisoned").random_range(0..1_000));
        let action = field("Action");
        match action.as_str() {
            "SendRawEmail" => self.mail(&field("RawMessage.Data"), by, fate),
            "Publish" => {
                let (to, at) = (field("PhoneNumber"), Timestamp::now());
                self.texts.lock().expect("not poisoned").push(Text { to, at, fate });
            }
            other => panic!("no service has {other}"),
        }
        match fate {
            Fate::Fine => {}
            Fate::Throttled => return refusal(StatusCode::BAD_REQUEST, "Throttling"),
            Fate::Failed | Fate::TakenFailed => {
                let code = if action == "Publish" {
                    "InternalError"
                } else {
                    "InternalFailure"
                };
                return refusal(StatusCode::INTERNAL_SERVER_ERROR, code);
            }
            Fate::Hung | Fate::TakenHung => tokio::time::sleep(HANG).await,
        }
        let space = match action.as_str() {
            "Publish" => "http://sns.amazonaws.com/doc/2010-03-31/",
            _ => "http://ses.amazonaws.com/doc/2010-12-01/",
        };
        let done = format!(
            "<{action}Response xmlns=\"{space}\"><{action}Result><MessageId>1</MessageId></{action}Result>\
             <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
        );
        ([("content-type", "text/xml")], done).into_response()
    }

    fn mail(&self, data: &str, by: String, fate: Fate) {
        let raw = Bytes::from(STANDARD.decode(data).expect("base64"));
        let message = MessageParser::default().parse(&raw).expect("a mail");
        let said = message.subject().expect("a subject");
        let (kind, subject) = said.split_once(": ").expect("a kind of mail");
        let to = message.to().and_then(|to| to.first()?.address()).expect("an address");
        let mut digest = DefaultHasher::new();
        raw.hash(&mut digest);
        let mail = Mail {
            to: to.to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            id: message.message_id().expect("an id").to_owned(),
            digest: digest.finish(),
            at: Timestamp::now(),
            by,
            fate,
        };
        if fate.is_taken() {
            let key = (mail.kind.clone(), mail.subject.clone(), mail.to.clone());
            self.taken.lock().expect("not poisoned").insert(key);
        }
        self.mails.lock().expect("not poisoned").push(mail);
    }
}

fn refusal(status: StatusCode, code: &str) -> Response {
    let text = format!(
        "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>injected</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    (status, [("content-type", "text/xml")], text).into_response()
}
