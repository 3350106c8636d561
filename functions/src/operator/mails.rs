//! Mails that jobs send: to those who are invited to meetings, and to new accounts. A mail that goes out again, since it is
//! not known whether it did, has the same Message-ID, UID and SEQUENCE, as long as what it tells of is the same.

use domain::code::Email;
use domain::company::Company;
use domain::conference::{Invited, News, Said};
use domain::host::Host;
use domain::id::{ConferenceId, ContactId, HostId};
use domain::sealed::Sealed;
use domain::time::Zone;
use jiff::SignedDuration;
use notify::{Account, Brand, Envelope, Language, Mail, MailError, Meeting, Part, PasswordLink, Person, Reader};
use store::{Job, ToldMeeting, Work};

use super::dispatch::Step;
use crate::app::App;
use crate::error::Error;
use crate::guest_pass::PassKey;
use crate::links;

/// People written to in one step: so many mails at most go out twice when a dispatcher dies.
const PEOPLE: usize = 20;
/// When one mail cannot be sent, the rest waits so long.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Tells people of a meeting, some of them in each step.
pub(super) async fn tell(
    app: &App,
    job: &Job,
    conference: ConferenceId,
    news: &News,
    after: Option<ContactId>,
) -> Result<Step, Error> {
    let Some(told) = app.store.meeting_told(job.reseller, conference).await? else {
        return Ok(Step::Done);
    };
    let letters = Letters::of(app, job, &told, news)?;
    let people = news.told(&told.conference);
    let left = people.into_iter().filter(|(person, _)| Some(person.contact) > after);
    let mut done = after;
    let on = |after, wait| {
        let news = news.clone();
        Ok(Step::On(
            Work::Tell {
                conference,
                news,
                after,
            },
            wait,
        ))
    };
    for (count, (person, said)) in left.enumerate() {
        if count == PEOPLE {
            return on(done, SignedDuration::ZERO);
        }
        for said in said {
            match send(app, job, &letters.mail(person, said)).await {
                Ok(()) => {}
                // What went out does not go out again.
                Err(error) if done == after => return Err(error),
                Err(error) => {
                    tracing::warn!(job = job.id, %error, "a mail waits");
                    return on(done, AGAIN);
                }
            }
        }
        done = Some(person.contact);
    }
    Ok(Step::Done)
}

/// Writes to a new account.
pub(super) async fn welcome(app: &App, job: &Job, host: HostId, link: Option<&Sealed>) -> Result<Step, Error> {
    let Some((host, company)) = app.store.account_told(job.reseller, host, job.company).await? else {
        return Ok(Step::Done);
    };
    let origin = app.config.origin(company.fqdn.as_str());
    let (sender, zone) = (sender(&company)?, zone_of(&host));
    let url = match link {
        Some(link) => {
            let token = app.open(&Work::welcome_place(host.id), link)?;
            Some(format!("{origin}/password/{token}"))
        }
        None => None,
    };
    // Another way to a password may have been found meanwhile.
    let expires = host.password_link.as_ref().map(|link| link.expires);
    let link = url
        .as_deref()
        .zip(expires)
        .map(|(url, expires)| PasswordLink { url, expires });
    let account = Account {
        language: Language::of(host.locale.as_deref()),
        zone: &zone,
        brand: brand(&company),
        email: host.email.as_str(),
        room_url: &format!("{origin}/conf/call/{}", host.access_code),
    };
    let id = notify::message_id(&["welcome", &job.id], &sender);
    let envelope = Envelope {
        id: &id,
        sender: &sender,
        reply_to: None,
        name: Some(host.name.as_str()),
        to: &host.email,
        date: job.created,
    };
    let mail = account.welcome(&envelope, link, &format!("{origin}/login"));
    send(app, job, &mail).await?;
    Ok(Step::Done)
}

/// Hands a mail on. One that will never go out is given up by itself, so that the others do.
async fn send(app: &App, job: &Job, mail: &Mail) -> Result<(), Error> {
    match app.mailer()?.send(mail).await {
        Err(error @ MailError::Refused(_)) => {
            tracing::warn!(job = job.id, mail = mail.id, %error, "a mail was given up");
            Ok(())
        }
        sent => Ok(sent?),
    }
}

/// The address that a company's mails come from: below its reseller's domain, which its reseller proves to the mail service.
fn sender(company: &Company) -> Result<Email, Error> {
    let fqdn = company.fqdn.as_str();
    let domain = fqdn.split_once('.').map_or(fqdn, |(_, domain)| domain);
    let address = format!("no-reply@{domain}").parse();
    address.map_err(|_| Error::Broken("a host name is no domain of mail addresses"))
}

fn brand(company: &Company) -> Brand<'_> {
    let branding = &company.settings.branding;
    Brand {
        product: branding.product_name.as_ref().unwrap_or(&company.name).as_str(),
        color: branding.primary_color.as_ref(),
    }
}

fn zone_of(host: &Host) -> Zone {
    host.time_zone.clone().unwrap_or_else(Zone::utc)
}

/// What all mails of one job about a meeting share.
struct Letters<'a> {
    job: &'a Job,
    told: &'a ToldMeeting,
    news: &'a News,
    sender: Email,
    pin: Option<String>,
    guests: String,
    /// Guests of a meeting with registration have links of their own.
    passes: Option<&'a PassKey>,
    moderators: String,
    language: Language,
}

impl<'a> Letters<'a> {
    fn of(app: &'a App, job: &'a Job, told: &'a ToldMeeting, news: &'a News) -> Result<Self, Error> {
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
        let locale = host.as_ref().and_then(|host| host.locale.as_deref());
        Ok(Self {
            job,
            told,
            news,
            sender: sender(company)?,
            pin,
            moderators: links::moderator(&guests, &token),
            guests,
            passes: conference.registration.then_some(&app.keys.passes),
            language: Language::of(locale.or(company.settings.locale.as_deref())),
        })
    }

    fn mail(&self, person: &Invited, said: Said) -> Mail {
        let ToldMeeting {
            conference,
            host,
            company,
        } = self.told;
        let holds = host.as_ref().is_some_and(|host| host.own_contact == person.contact);
        let own_zone = host.as_ref().filter(|_| holds).and_then(|host| host.time_zone.as_ref());
        let leads = holds || person.moderator;
        // Who is no longer invited keeps no way to lead.
        let held = !matches!(said, Said::Uninvited | Said::Off);
        let pass = self
            .passes
            .filter(|_| held)
            .map(|key| key.pass(conference.id, person.contact));
        let own = pass.map(|pass| links::guest(&self.guests, &pass));
        let reader = Reader {
            invited: person,
            host: holds,
            url: match leads && held {
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
            at: self.job.created,
        };
        let news = match said {
            Said::Invited => notify::News::Invited,
            Said::Changed => notify::News::Changed(Part::Whole),
            Said::Moved => notify::News::Changed(Part::Occurrences(&self.news.moved)),
            Said::Cancelled => notify::News::Cancelled(Part::Occurrences(&self.news.cancelled)),
            Said::Uninvited => notify::News::Uninvited,
            Said::Off => notify::News::Cancelled(Part::Whole),
        };
        let (sequence, contact) = (conference.sequence.to_string(), person.contact.to_string());
        let id = notify::message_id(&[&self.job.id, &sequence, &contact, &format!("{said:?}")], &self.sender);
        let answers = host.as_ref().filter(|_| !holds);
        let envelope = Envelope {
            id: &id,
            sender: &self.sender,
            reply_to: answers.map(|host| (host.name.as_str(), &host.email)),
            name: person.name.as_ref().map(domain::text::Name::as_str),
            to: &person.email,
            date: self.job.created,
        };
        meeting.mail(&envelope, &reader, news)
    }
}
