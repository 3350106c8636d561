//! Mails about one meeting, each for one person.

use std::collections::BTreeMap;

use domain::code::Email;
use domain::company::Company;
use domain::conference::{Due, Invited, News, Replies, Said};
use domain::host::Host;
use domain::id::ContactId;
use domain::time::Zone;
use jiff::Timestamp;
use notify::{Brand, Envelope, Language, Mail, Meeting, Part, Person, Reader};
use store::{Job, ToldMeeting};

use crate::app::App;
use crate::error::Error;
use crate::guest_pass::PassKey;
use crate::links;

/// Before the `@` of the address that mails come from.
pub(super) const SENDER: &str = "no-reply";

/// The address that a company's mails come from: below its reseller's domain, which its reseller proves to the mail service.
pub(crate) fn sender(company: &Company) -> Result<Email, Error> {
    let fqdn = company.fqdn.as_str();
    let domain = fqdn.split_once('.').map_or(fqdn, |(_, domain)| domain);
    let address = format!("{SENDER}@{domain}").parse();
    address.map_err(|_| Error::Broken("a host name is no domain of mail addresses"))
}

pub(crate) fn brand(company: &Company) -> Brand<'_> {
    let branding = &company.settings.branding;
    Brand {
        product: branding.product_name.as_ref().unwrap_or(&company.name).as_str(),
        color: branding.primary_color.as_ref(),
    }
}

/// The zone of an account's times.
pub(super) fn zone_of(host: &Host, company: &Company) -> Zone {
    let zone = host.time_zone.as_ref().or(company.settings.time_zone.as_ref());
    zone.cloned().unwrap_or_else(Zone::utc)
}

/// The language of what is written in a host's name, or to it.
pub(super) fn language_of(host: Option<&Host>, company: &Company) -> Language {
    let locale = host.and_then(|host| host.locale.as_deref());
    Language::of(locale.or(company.settings.locale.as_deref()))
}

/// What all mails about a meeting share.
pub(super) struct Letters<'a> {
    pub(super) told: &'a ToldMeeting,
    sender: Email,
    pin: Option<String>,
    guests: String,
    /// Guests of a meeting with registration have links of their own.
    passes: Option<&'a PassKey>,
    moderators: String,
    language: Language,
    /// What those who are written to have answered.
    replies: BTreeMap<ContactId, Replies>,
}

/// What one mail about a meeting is.
struct Letter<'a> {
    id: String,
    at: Timestamp,
    news: notify::News<'a>,
    /// Whether whoever leads the meeting gets the way to do so.
    held: bool,
}

impl<'a> Letters<'a> {
    pub(super) fn of(app: &'a App, told: &'a ToldMeeting) -> Result<Self, Error> {
        let ToldMeeting {
            conference,
            host,
            company,
        } = told;
        let place = |field: &str| format!("conference/{}/{field}", conference.id);
        let pin = conference.security_pin.as_ref();
        let pin = pin.map(|pin| app.open(&place("security_pin"), pin)).transpose()?;
        let token = app.open(&place("moderator_token"), &conference.moderator_token)?;
        let guests = links::room(app, company, conference);
        Ok(Self {
            told,
            sender: sender(company)?,
            pin,
            moderators: links::moderator(&guests, &token),
            guests,
            passes: conference.registration.then_some(&app.keys.passes),
            language: language_of(host.as_ref(), company),
            replies: BTreeMap::new(),
        })
    }

    /// The same, to people who have answered this.
    pub(super) fn replied(self, replies: BTreeMap<ContactId, Replies>) -> Self {
        Self { replies, ..self }
    }

    /// What one person is told by a job.
    pub(super) fn news(&self, job: &Job, person: &Invited, said: Said, news: &News) -> Mail {
        let elsewhere = news.gone_from(person).filter(|_| said == Said::Uninvited);
        let person = elsewhere.unwrap_or(person);
        let (sequence, contact) = (self.told.conference.sequence.to_string(), person.contact.to_string());
        let letter = Letter {
            id: notify::message_id(&[job.root(), &sequence, &contact, &format!("{said:?}")], &self.sender),
            at: job.created,
            news: match said {
                Said::Invited => notify::News::Invited,
                Said::Changed => notify::News::Changed(Part::Whole),
                Said::Moved => notify::News::Changed(Part::Occurrences(&news.moved)),
                Said::Cancelled => notify::News::Cancelled(Part::Occurrences(&news.cancelled)),
                Said::Uninvited => notify::News::Uninvited,
                Said::Off => notify::News::Cancelled(Part::Whole),
            },
            // Such mails have no link, so none to lead by.
            held: !matches!(said, Said::Uninvited | Said::Off),
        };
        self.mail(person, &letter)
    }

    /// A reminder: the same mail however often it is written, until what it reminds of starts.
    pub(super) fn reminder(&self, person: &Invited, due: &Due) -> Mail {
        let (occurrence, at) = (due.occurrence.value().to_string(), due.at.as_millisecond().to_string());
        let (uid, contact) = (&self.told.conference.ics_uid, person.contact.to_string());
        let letter = Letter {
            id: notify::message_id(&["reminder", uid, &occurrence, &at, &contact], &self.sender),
            at: due.at,
            news: notify::News::Starts(due.occurrence),
            held: true,
        };
        let slots = self.told.conference.slots();
        let slot = slots.iter().find(|slot| slot.occurrence == due.occurrence);
        Mail {
            until: slot.map(|slot| slot.start),
            ..self.mail(person, &letter)
        }
    }

    fn mail(&self, person: &Invited, letter: &Letter<'_>) -> Mail {
        let ToldMeeting {
            conference,
            host,
            company,
        } = self.told;
        let holds = host.as_ref().is_some_and(|host| host.own_contact == person.contact);
        let own_zone = host.as_ref().filter(|_| holds).and_then(|host| host.time_zone.as_ref());
        let leads = holds || person.moderator;
        let passes = self.passes.filter(|_| letter.held);
        let own = passes.map(|key| links::guest(&self.guests, &key.pass(conference.id, person.contact)));
        let reader = Reader {
            invited: person,
            host: holds,
            replies: self.replies.get(&person.contact),
            url: match leads && letter.held {
                true => &self.moderators,
                false => own.as_deref().unwrap_or(&self.guests),
            },
            language: self.language,
            zone: own_zone.unwrap_or(&conference.zone),
        };
        let meeting = Meeting {
            conference,
            host: host.as_ref().map(|host| Person {
                name: Some(host.name.as_str()),
                email: &host.email,
            }),
            brand: brand(company),
            pin: self.pin.as_deref(),
            at: letter.at,
        };
        let answers = host.as_ref().filter(|_| !holds);
        let envelope = Envelope {
            id: &letter.id,
            sender: &self.sender,
            reply_to: answers.map(|host| (host.name.as_str(), &host.email)),
            name: person.name.as_ref().map(domain::text::Name::as_str),
            to: &person.email,
            date: letter.at,
        };
        meeting.mail(&envelope, &reader, letter.news)
    }
}
