//! `POST /register/{conference}`: somebody registers, is invited with that, and hears so by mail.

use domain::code::Email;
use domain::conference::{Invited, MOST_PARTICIPANTS};
use domain::host::Contact;
use domain::text::Name;
use domain::{Code, Error as Refusal, Reason};
use http::Method;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Actor, Attempt, ConferenceState, NewContact, Scope, Write};

use crate::auth;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::JsonBody;
use crate::reply::Json;
use crate::visit::Place;

/// How often it is tried anew when others register meanwhile.
const TRIES: u32 = 12;
/// The longest wait before the second try; doubles with each, up to the seventh.
const WAIT_MS: u32 = 20;
/// People registered from one network in 15 minutes: a company's office may have one address for all.
const OF_A_NETWORK: u32 = 100;
/// Links sent to one address for one meeting in 15 minutes.
const MAILS: u32 = 3;

/// What the page sends.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct RegisterParameters {
    /// The name under which others see the person.
    pub name: Name,
    /// Where the link goes.
    pub email: Email,
}

/// The link is on its way; the same for who was invited already.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Registration")]
pub struct RegisterAnswer {
    /// Where the link goes.
    pub email: Email,
}

/// `POST /register/{conference}`.
#[derive(Debug)]
pub struct ConferenceRegister;

impl Endpoint for ConferenceRegister {
    const ID: &'static str = "conference_register";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/register/{conference}";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Registers a person for a meeting, and sends them their link.";
    type Input = JsonBody<RegisterParameters>;
    type Output = Json<RegisterAnswer>;

    async fn handle(context: &Context<'_>, JsonBody(asked): Self::Input) -> Result<Self::Output, Error> {
        auth::own_page(context)?;
        let name = asked.name.as_str();
        if name.contains("://") || name.to_lowercase().contains("www.") {
            // What strangers write here goes out by mail.
            return Err(Refusal::invalid("name", "must be a name, without a link in it").into());
        }
        let place = Place::of(context).await?;
        let mut state = open(context, place).await?;
        let answer = Json(RegisterAnswer {
            email: asked.email.clone(),
        });
        let (store, now) = (context.store(), context.now);
        let network = Attempt::Registration(place.reseller, context.network());
        let mails = Attempt::RegistrationMail(state.conference.id, &asked.email);
        let (network, mails) =
            tokio::try_join!(store.attempt_failed(&network, now), store.attempt_failed(&mails, now))?;
        if network.failures > OF_A_NETWORK {
            return Err(Error::rate_limited(network.retry_after(now)));
        }
        if mails.failures > MAILS {
            // There are enough links in that mailbox, if any was sent.
            return match state.conference.invited.iter().any(|person| is(person, &asked.email)) {
                true => Ok(answer),
                false => Err(Error::rate_limited(mails.retry_after(now))),
            };
        }
        for tried in 0..TRIES {
            let is_known = state.conference.invited.iter().any(|person| is(person, &asked.email));
            if !is_known && state.conference.invited.len() >= MOST_PARTICIPANTS {
                return Err(Refusal::new(Code::Conflict, "As many people are invited as may be")
                    .with_reason(Reason::Full)
                    .into());
            }
            match enter(context, place, &state, &asked).await {
                Err(store::Error::Raced) => {
                    // Whoever presses the button at the same moment comes at another one.
                    let longest = i64::from(WAIT_MS << tried.min(6));
                    let share = i64::from(context.app.random::<1>()[0]);
                    let wait = SignedDuration::from_millis(longest * share / 255);
                    context.app.sleep(wait).await;
                    state = open(context, place).await?;
                }
                done => {
                    done?;
                    return Ok(answer);
                }
            }
        }
        let busy = Refusal::new(Code::Unavailable, "Many people are registering, please try again");
        Err(busy.with_retry_after(1).into())
    }
}

/// The meeting, while people may register for it.
async fn open(context: &Context<'_>, place: Place) -> Result<ConferenceState, Error> {
    let Some(state) = super::asked_for(context, place).await? else {
        place.unknown_code(context).await?;
        return Err(Refusal::not_found("meeting").into());
    };
    match super::next(context, &state) {
        Some(_) => Ok(state),
        None => Err(Refusal::new(Code::Expired, "The meeting is over")
            .with_reason(Reason::Ended)
            .into()),
    }
}

fn is(person: &Invited, email: &Email) -> bool {
    person.email.folded() == email.folded()
}

/// Invites who is not invited yet, and sends the link in any case.
async fn enter(
    context: &Context<'_>,
    place: Place,
    state: &ConferenceState,
    asked: &RegisterParameters,
) -> Result<(), store::Error> {
    let (store, meeting) = (context.store(), &state.conference);
    let (now, scope) = (context.now, Scope::company(place.reseller, place.company));
    if let Some(known) = meeting.invited.iter().find(|person| is(person, &asked.email)) {
        return store.conference_invite_again(meeting, known.contact, now).await;
    }
    let person = [NewContact {
        name: Some(asked.name.clone()),
        email: asked.email.clone(),
        phone: None,
    }];
    let known = store.contacts_known(place.reseller, meeting.host, &person);
    let (known, (.., around)) = tokio::try_join!(known, store.conference_around(&scope, state))?;
    let (contacts, new) = store.contacts_prepare(meeting.host, &person, known, now).await?;
    // At another address than it has by now.
    let invited = |contact: &&Contact| meeting.invited.iter().any(|person| person.contact == contact.id);
    if let Some(known) = contacts.iter().find(invited) {
        return store.conference_invite_again(meeting, known.id, now).await;
    }
    let mut after = meeting.clone();
    after.invited.extend(contacts.into_iter().map(|contact| Invited {
        contact: contact.id,
        // Strangers do not rename people whom the host knows.
        name: contact.name.or_else(|| Some(asked.name.clone())),
        email: contact.email,
        phone: contact.phone,
        moderator: false,
    }));
    let write = Write {
        at: now,
        by: Actor::System,
        action: ConferenceRegister::ID,
        claim: None,
    };
    store
        .conference_update_inviting((state, &around), &after, &new, &write)
        .await
}
