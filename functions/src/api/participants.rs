//! Who is invited: contacts of the host by their ids, and people by their mail addresses, who become contacts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use domain::Error as Refusal;
use domain::code::{Email, Phone};
use domain::conference::{Invited, MOST_PARTICIPANTS};
use domain::host::{Contact, Host};
use domain::id::{ContactId, HostId};
use domain::text::Name;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use store::NewContact;

use crate::context::Context;
use crate::error::Error;

/// Somebody by mail address: `"a@example.com"` or `{"email": "a@example.com", ...}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantEmail {
    /// Where the invitation goes.
    pub email: Email,
    /// The name, where one is given.
    pub name: Option<Name>,
    /// For text messages.
    pub phone: Option<Phone>,
    /// Enters as moderator.
    pub moderator: bool,
}

/// The longer form.
#[derive(Deserialize, JsonSchema)]
struct Person {
    /// Where the invitation goes.
    email: Email,
    /// The name.
    name: Option<Name>,
    /// For text messages.
    phone: Option<Phone>,
    /// Enters as moderator.
    moderator: Option<bool>,
}

impl<'de> Deserialize<'de> for ParticipantEmail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> de::Visitor<'de> for Either {
            type Value = ParticipantEmail;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mail address or an object with one")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ParticipantEmail, E> {
                let email = text.parse().map_err(E::custom)?;
                Ok(ParticipantEmail {
                    email,
                    name: None,
                    phone: None,
                    moderator: false,
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ParticipantEmail, A::Error> {
                let person = Person::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(ParticipantEmail {
                    email: person.email,
                    name: person.name,
                    phone: person.phone,
                    moderator: person.moderator.unwrap_or_default(),
                })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for ParticipantEmail {
    fn schema_name() -> Cow<'static, str> {
        "ParticipantEmail".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (email, person) = (generator.subschema_for::<Email>(), generator.subschema_for::<Person>());
        json_schema!({ "anyOf": [email, person] })
    }
}

/// Refuses longer lists than one meeting may have people, before anything is read.
pub(super) fn check(ids: &[ContactId], emails: &[ParticipantEmail]) -> Result<(), Refusal> {
    if ids.len().max(emails.len()) > MOST_PARTICIPANTS {
        return Err(too_many(ids.len(), emails.len()));
    }
    Ok(())
}

fn too_many(ids: usize, emails: usize) -> Refusal {
    let field = if ids > emails {
        "participants"
    } else {
        "participant_emails"
    };
    let why = format_args!("must name at most {MOST_PARTICIPANTS} people, the host among them");
    Refusal::invalid(field, why)
}

/// The contacts of a host with these ids. Nothing is told of them before the host is known to be in the caller's reach.
pub(super) async fn named(context: &Context<'_>, host: HostId, ids: &[ContactId]) -> Result<Vec<Contact>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = context.store().contacts(context.caller()?.reseller, host, ids).await?;
    let contact = |(at, found): (usize, Option<Contact>)| {
        found.ok_or_else(|| Refusal::invalid(format!("participants[{at}]"), "is no contact of the host").into())
    };
    found.into_iter().enumerate().map(contact).collect()
}

/// People by their mail addresses, and what the host's address book has of them.
#[derive(Default)]
pub(super) struct ByEmail {
    people: Vec<NewContact>,
    moderators: Vec<bool>,
    known: Vec<Option<Contact>>,
}

/// What a host's address book has of people with these mail addresses. Nothing is told of them before the host is known to
/// be in the caller's reach.
pub(super) async fn known(context: &Context<'_>, host: HostId, emails: &[ParticipantEmail]) -> Result<ByEmail, Error> {
    if emails.is_empty() {
        return Ok(ByEmail::default());
    }
    let person = |person: &ParticipantEmail| NewContact {
        name: person.name.clone(),
        email: person.email.clone(),
        phone: person.phone.clone(),
    };
    let people: Vec<_> = emails.iter().map(person).collect();
    let known = context
        .store()
        .contacts_known(context.caller()?.reseller, host, &people)
        .await?;
    Ok(ByEmail {
        people,
        moderators: emails.iter().map(|person| person.moderator).collect(),
        known,
    })
}

/// Who is invited.
pub(super) struct Guests {
    /// The host's own contact first, and each only once.
    pub(super) invited: Vec<Invited>,
    /// Those who are still to be entered into the host's address book.
    pub(super) new: Vec<Contact>,
}

/// The people invited. Unknown mail addresses become contacts with the meeting.
pub(super) async fn invite(
    context: &Context<'_>,
    host: &Host,
    named: Vec<Contact>,
    emails: ByEmail,
) -> Result<Guests, Error> {
    let ByEmail {
        people,
        moderators,
        known,
    } = emails;
    let (by_email, new) = context
        .store()
        .contacts_prepare(host.id, &people, known, context.now)
        .await?;
    let (ids, emails) = (named.len(), people.len());
    let own = std::iter::once(invited(host.contact(), true));
    let by_id = named.into_iter().map(|contact| invited(contact, false));
    // What the caller says of somebody counts for this meeting, whatever the address book says.
    let said = people.iter().zip(moderators);
    let by_email = by_email.into_iter().zip(said).map(|(contact, (said, moderator))| {
        let entry = invited(contact, moderator);
        Invited {
            name: said.name.clone().or(entry.name),
            phone: said.phone.clone().or(entry.phone),
            ..entry
        }
    });
    let invited = once_each(own.chain(by_id).chain(by_email));
    if invited.len() > MOST_PARTICIPANTS {
        return Err(too_many(ids, emails).into());
    }
    Ok(Guests { invited, new })
}

/// Those of these people who are not invited already.
pub(super) fn newcomers(current: &[Invited], emails: &[ParticipantEmail]) -> Vec<ParticipantEmail> {
    let new = |person: &&ParticipantEmail| {
        !current
            .iter()
            .any(|known| known.email.folded() == person.email.folded())
    };
    emails.iter().filter(new).cloned().collect()
}

/// The people invited from now on, where the caller names any: those with these ids, who lead if they did, and those with
/// these mail addresses. Who is invited already is not looked up again: `new` is what is known of the others.
pub(super) async fn replace(
    context: &Context<'_>,
    host: &Host,
    current: &[Invited],
    named: Option<Vec<Contact>>,
    emails: Option<&[ParticipantEmail]>,
    new: ByEmail,
) -> Result<Option<Guests>, Error> {
    if named.is_none() && emails.is_none() {
        return Ok(None);
    }
    let known = |email: &Email| current.iter().find(|person| person.email.folded() == email.folded());
    let emails = emails.unwrap_or_default();
    let Guests { invited: entered, new } = invite(context, host, Vec::new(), new).await?;
    let mut entered = entered.into_iter();
    let own: Vec<Invited> = entered.next().into_iter().collect();
    let entered: Vec<Invited> = entered.collect();
    let ids = named.as_ref().map_or(0, Vec::len);
    let led = |contact: ContactId| {
        current
            .iter()
            .any(|person| person.contact == contact && person.moderator)
    };
    let by_id = named.unwrap_or_default().into_iter().map(|contact| {
        let leads = led(contact.id);
        invited(contact, leads)
    });
    let by_email = emails.iter().filter_map(|person| {
        let found = known(&person.email).or_else(|| {
            let same = |entry: &&Invited| entry.email.folded() == person.email.folded();
            entered.iter().find(same)
        });
        found.map(|entry| Invited {
            name: person.name.clone().or_else(|| entry.name.clone()),
            phone: person.phone.clone().or_else(|| entry.phone.clone()),
            moderator: person.moderator,
            ..entry.clone()
        })
    });
    let invited = once_each(own.into_iter().chain(by_id).chain(by_email));
    if invited.len() > MOST_PARTICIPANTS {
        return Err(too_many(ids, emails.len()).into());
    }
    Ok(Some(Guests { invited, new }))
}

fn invited(contact: Contact, moderator: bool) -> Invited {
    Invited {
        contact: contact.id,
        name: contact.name,
        email: contact.email,
        phone: contact.phone,
        moderator,
    }
}

/// Somebody named twice is invited once, as moderator if either says so.
fn once_each(people: impl Iterator<Item = Invited>) -> Vec<Invited> {
    let (mut seen, mut moderators) = (HashSet::new(), HashSet::new());
    let mut invited = Vec::new();
    for person in people {
        if person.moderator {
            moderators.insert(person.contact);
        }
        if seen.insert(person.contact) {
            invited.push(person);
        }
    }
    for person in &mut invited {
        person.moderator = moderators.contains(&person.contact);
    }
    invited
}
