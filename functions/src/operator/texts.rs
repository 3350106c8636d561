//! Text messages, each at most once: it is noted before it is sent, and one of which nobody knows whether it went out is not
//! sent again.

use domain::conference::{Due, Invited};
use domain::plan;
use notify::{Language, Text, TextError, TextReminder};
use store::{Job, TextAnswer, TextNote, ToldMeeting};

use super::letters::brand;
use crate::app::App;
use crate::error::Error;
use crate::links;

/// Reminds somebody, if there is a number, and text messages go there.
///
/// # Errors
///
/// The text message surely did not go out, and may later.
pub(super) async fn remind(app: &App, job: &Job, told: &ToldMeeting, person: &Invited, due: &Due) -> Result<(), Error> {
    let ToldMeeting {
        conference,
        host: Some(host),
        company,
    } = told
    else {
        return Ok(());
    };
    let allowed = plan::most(plan::held(host, company)).is_none_or(|allows| allows.sms);
    let Some(phone) = person.phone.as_ref().filter(|_| allowed) else {
        return Ok(());
    };
    let Some((sender, cents)) = app.config.texts.to(phone) else {
        tracing::warn!(job = job.id, "no text messages go to a country or kind of number");
        return Ok(());
    };
    let slot = conference
        .slots()
        .into_iter()
        .find(|slot| slot.occurrence == due.occurrence);
    let Some(slot) = slot else {
        return Ok(());
    };
    let locale = host.locale.as_deref().or(company.settings.locale.as_deref());
    let own = Some(&host.time_zone).filter(|_| host.own_contact == person.contact);
    let room = links::room(app, company, conference);
    let url = match conference.registration {
        true => links::guest(&room, &app.keys.passes.pass(conference.id, person.contact)),
        false => room,
    };
    let body = TextReminder {
        language: Language::of(locale),
        product: brand(company).product,
        subject: conference.subject.as_str(),
        start: slot.start,
        zone: own.and_then(Option::as_ref).unwrap_or(&conference.zone),
        url: &url,
    }
    .body();
    let (occurrence, at) = (due.occurrence.value(), due.at.as_millisecond());
    let note = TextNote {
        reseller: job.reseller,
        company: job.company,
        name: &format!("{}/{occurrence}/{at}/{}", conference.ics_uid, person.contact),
        phone,
        cents: cents.saturating_mul(notify::parts(&body)),
        daily_cents: app.config.texts.daily_cents,
    };
    let text = Text {
        to: phone.clone(),
        sender: sender.map(str::to_owned),
        body,
    };
    send(app, job, &note, &text).await
}

async fn send(app: &App, job: &Job, note: &TextNote<'_>, text: &Text) -> Result<(), Error> {
    let (store, texter, now) = (&app.store, app.texter()?, app.now());
    match store.text_note(note, now).await? {
        TextAnswer::Send => {}
        TextAnswer::Known | TextAnswer::Stopped => return Ok(()),
        TextAnswer::Spent => {
            tracing::warn!(job = job.id, company = %note.company, "a company has spent what it may on text messages today");
            return Ok(());
        }
    }
    let Err(error) = texter.text(text).await else {
        return Ok(());
    };
    match error {
        TextError::NotSent(_) => {
            store.text_unsent(note, now).await?;
            Err(error.into())
        }
        TextError::OptedOut => {
            store.text_stop(note.reseller, note.phone, now).await?;
            Ok(store.text_unsent(note, now).await?)
        }
        TextError::Refused(_) => {
            tracing::warn!(job = job.id, %error, "a text message was given up");
            Ok(store.text_unsent(note, now).await?)
        }
        TextError::Unknown(_) => {
            tracing::warn!(job = job.id, %error, "a text message may be lost");
            Ok(())
        }
    }
}
