//! What somebody may do in a meeting, and whether the PIN lets them in.

use domain::conference::Conference;
use domain::host::Host;
use domain::join::JoinRequest;
use domain::join_token::JoinToken;
use domain::room::RoomRole;
use domain::sealed::same_secret;
use domain::{Code, Error as Refusal, Reason};

use super::look::{Look, Secret};
use crate::context::Context;
use crate::error::Error;
use crate::guest_pass;

/// Whether the host's PIN was shown. A wrong one is refused, not ignored: who shows it means to lead.
pub(super) async fn shows_moderator_pin(
    context: &Context<'_>,
    look: &Look,
    host: &Host,
    asked: &JoinRequest,
) -> Result<bool, Error> {
    let Some(typed) = &asked.moderator_pin else {
        return Ok(false);
    };
    look.may_guess(context, Secret::Moderator, typed).await?;
    let pin = context
        .app
        .open(&format!("host/{}/moderator_pin", host.id), &host.moderator_pin)?;
    if same_secret(pin.as_bytes(), typed.as_bytes()) {
        return Ok(true);
    }
    look.guessed_wrong(context, Secret::Moderator).await?;
    Err(wrong("moderator_pin", "This is not the host's PIN"))
}

/// The role in this meeting, once its security PIN is satisfied. A moderator needs no PIN, nor does who was in already.
pub(super) async fn role(
    context: &Context<'_>,
    look: &Look,
    conference: &Conference,
    asked: &JoinRequest,
    (leads, earlier): (bool, Option<&JoinToken>),
) -> Result<RoomRole, Error> {
    let led = earlier.is_some_and(|token| token.role() == RoomRole::Moderator);
    if leads || led || shows_token(context, conference, asked)? {
        return Ok(RoomRole::Moderator);
    }
    if conference.registration
        && earlier.is_none()
        && guest_pass::guest(context.app, conference, asked.pass.as_deref()).is_none()
    {
        let refusal = Refusal::new(Code::Forbidden, "People register for this meeting first");
        return Err(refusal.with_field("pass").into());
    }
    if let (Some(sealed), None) = (&conference.security_pin, earlier) {
        let Some(typed) = &asked.pin else {
            return Err(wrong("pin", "This meeting asks for a PIN"));
        };
        look.may_guess(context, Secret::Pin, typed).await?;
        let pin = context
            .app
            .open(&format!("conference/{}/security_pin", conference.id), sealed)?;
        if !same_secret(pin.as_bytes(), typed.as_bytes()) {
            look.guessed_wrong(context, Secret::Pin).await?;
            return Err(wrong("pin", "The PIN is wrong"));
        }
    }
    Ok(RoomRole::Guest)
}

/// Whether the meeting's moderator token was shown. A wrong one is refused: who shows it means to lead. It is not
/// counted as a guess, since nobody guesses 128 bits, and links of an earlier meeting would lock out its own people.
fn shows_token(context: &Context<'_>, conference: &Conference, asked: &JoinRequest) -> Result<bool, Error> {
    let Some(shown) = asked.moderator_token.as_deref().filter(|shown| !shown.is_empty()) else {
        return Ok(false);
    };
    let place = format!("conference/{}/moderator_token", conference.id);
    let token = context.app.open(&place, &conference.moderator_token)?;
    if same_secret(token.as_bytes(), shown.as_bytes()) {
        return Ok(true);
    }
    let refusal = Refusal::new(Code::Forbidden, "This moderator_token is not this meeting's");
    Err(refusal.with_field("moderator_token").into())
}

fn wrong(field: &'static str, message: &'static str) -> Error {
    Refusal::new(Code::Forbidden, message)
        .with_field(field)
        .with_reason(Reason::WrongPin)
        .into()
}
