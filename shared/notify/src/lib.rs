//! What people are told of their meetings and accounts: calendar files, mails, and the way out for them. No clock and no
//! table: whoever calls says when it is and what is so.

mod account;
mod calendar;
mod letter;
mod mail;
mod mailer;
mod meeting;
mod pace;
mod reply;
#[cfg(test)]
mod sample;
pub mod ses;
pub mod sns;
mod text;
mod words;

pub use account::{Account, EnableHook, PasswordLink};
pub use calendar::{Attendee, File, Method, Part, Person};
pub use letter::Brand;
pub use mail::{Envelope, message_id};
pub use mailer::{Mail, MailError, Mailer, Sending};
pub use meeting::{Link, Meeting, News, Reader};
pub use reply::{Instance, LARGEST_REPLY, ReplyMail, ReplyPart, Unread, reply_to};
pub use text::{Text, TextError, TextReminder, Texter, Texting, parts};
pub use words::Language;
