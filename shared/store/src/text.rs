//! Text messages: noted before they are sent, so that none is sent twice, and paid out of what a company may spend in a day.

use domain::code::Phone;
use domain::conference::later;
use domain::id::{CompanyId, ResellerId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::op::{Failure, Op};
use crate::{Error, Result, Store, keys};

/// How long it is known that a text message was sent: longer than any job goes on.
const KNOWN: SignedDuration = SignedDuration::from_hours(24 * 60);
/// How long a day's spending is kept.
const SPENT: SignedDuration = SignedDuration::from_hours(24 * 62);

/// A text message that is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct TextNote<'a> {
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// What tells it from every other one.
    pub name: &'a str,
    /// Whom it goes to.
    pub phone: &'a Phone,
    /// What it costs, in cents.
    pub cents: u32,
    /// What its company may spend in a day, in cents.
    pub daily_cents: u32,
}

/// Whether a text message may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextAnswer {
    /// Now, by whoever asked.
    Send,
    /// It was sent, or may have been.
    Known,
    /// Its number wants none.
    Stopped,
    /// Its company has spent what it may today.
    Spent,
}

impl TextNote<'_> {
    fn spent(&self, now: Timestamp) -> keys::Key {
        keys::text_spent(self.reseller, self.company, now)
    }
}

impl Store {
    /// Notes a text message before it is sent, and what it costs. One transaction.
    pub async fn text_note(&self, note: &TextNote<'_>, now: Timestamp) -> Result<TextAnswer> {
        const STOPPED: &str = "text messages to this number";
        const SPENT_UP: &str = "money for text messages";
        let Some(left) = note.daily_cents.checked_sub(note.cents) else {
            return Ok(TextAnswer::Spent);
        };
        let until = |by| later(now, by).as_second();
        let ops = vec![
            Op::put(keys::text(note.reseller, note.name), &json!({"cents": note.cents}))
                .expires(later(now, KNOWN))
                .when_new(Failure::Raced),
            Op::check(keys::text_stopped(note.reseller, note.phone)).when_new(Failure::NotFound(STOPPED)),
            Op::update(
                note.spent(now),
                "SET #ttl = if_not_exists(#ttl, :ttl) ADD #cents :cents",
            )
            .value(":ttl", &until(SPENT))
            .value(":cents", &note.cents)
            .value(":left", &left)
            .when(
                "attribute_not_exists(#cents) OR #cents <= :left",
                Failure::NotFound(SPENT_UP),
            ),
        ];
        match self.commit(ops).await {
            Ok(()) => Ok(TextAnswer::Send),
            Err(Error::Raced) => Ok(TextAnswer::Known),
            Err(Error::NotFound(STOPPED)) => Ok(TextAnswer::Stopped),
            Err(Error::NotFound(SPENT_UP)) => Ok(TextAnswer::Spent),
            Err(error) => Err(error),
        }
    }

    /// Takes a note back: the text message surely did not go out.
    pub async fn text_unsent(&self, note: &TextNote<'_>, now: Timestamp) -> Result<()> {
        let ops = vec![
            Op::delete(keys::text(note.reseller, note.name)).when_there(Failure::Raced),
            Op::update(note.spent(now), "ADD #cents :back").value(":back", &-i64::from(note.cents)),
        ];
        match self.commit(ops).await {
            Err(Error::Raced) => Ok(()),
            done => done,
        }
    }

    /// Keeps that whoever has this number wants no text messages of a reseller's.
    pub async fn text_stop(&self, reseller: ResellerId, phone: &Phone, now: Timestamp) -> Result<()> {
        let since = json!({"since": now.as_millisecond()});
        self.commit(vec![Op::put(keys::text_stopped(reseller, phone), &since)])
            .await
    }
}
