//! `host/export`: all that is held about an account, page by page.

use std::ops::Bound;

use domain::Error as Refusal;
use domain::Role;
use domain::code::{Email, Phone};
use domain::conference::{Conference, Invited, Rule};
use domain::host::Host;
use domain::id::{CompanyId, ConferenceId, ContactId, HostId, SubscriptionId};
use domain::number::Within;
use domain::text::{Name, Subject};
use domain::time::{Zone, iso};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{ApiToken, Attendance, HostRemains, OauthGrant, Page, Paging, Session};

use super::audit_fetch_all::{self, AuditAnswer};
use super::conference_participants::{AttendanceAnswer, shown};
use super::contact::{self, ContactAnswer};
use super::export_place::{Place, Reached, Start};
use super::host::DefaultsAnswer;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Entries of each list on a page where no limit is asked for.
const USUAL: u32 = 50;
/// Most entries of each list on a page.
const MOST: u32 = 100;
/// The largest list of meetings on a page, in bytes of JSON; one meeting is always on it.
const LARGEST: usize = 3_000_000;

/// Exports an account.
#[derive(Debug)]
pub struct HostExport;

/// Which account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostExportParameters {
    /// Its id; a host may leave it out.
    pub host_id: Option<HostId>,
    /// Most entries of each list on a page, 1 to 100.
    pub limit: Option<Within<1, MOST>>,
    /// What `next` of the page before said.
    pub after: Option<String>,
}

/// What is held about an account. Secrets are not in it, nor counters and copies of answers that are dropped within a day.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostExport")]
pub struct HostExportAnswer {
    /// Its id.
    pub host_id: HostId,
    /// Its company.
    pub company_id: CompanyId,
    /// The account itself; null once it was deleted.
    pub account: Option<ExportedAccount>,
    /// Its address book.
    pub contacts: Vec<ContactAnswer>,
    /// Its latest sessions; on the first page.
    pub sessions: Vec<ExportedSession>,
    /// Its API tokens; on the first page.
    pub api_tokens: Vec<ExportedApiToken>,
    /// What it has granted apps; on the first page.
    pub oauth_grants: Vec<ExportedGrant>,
    /// Its meetings, the cancelled ones too.
    pub conferences: Vec<ExportedConference>,
    /// Who changed the account, its address book and its meetings, newest first.
    pub changes: Vec<AuditAnswer>,
    /// What `after` of the next page takes; null on the last one.
    pub next: Option<String>,
}

/// An account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExportedAccount {
    /// Its name.
    pub name: Name,
    /// Its mail address.
    pub email: Email,
    /// What it may do.
    pub role: Role,
    /// The code of its own room.
    pub access_code: String,
    /// Its subject at the reseller's identity provider.
    pub openid_sub: Option<String>,
    /// The number to dial in that its invitations name.
    pub primary_dialin_number: Option<Phone>,
    /// For text messages.
    pub phone: Option<Phone>,
    /// Its time zone.
    pub time_zone: Option<Zone>,
    /// Its language.
    pub locale: Option<String>,
    /// Whether a password was set.
    pub has_password: bool,
    /// Its instances of its company's subscriptions.
    pub subscription_ids: Vec<SubscriptionId>,
    /// When it was made, ISO 8601 in UTC.
    pub created: String,
    /// What its new meetings are set to.
    #[serde(flatten)]
    pub defaults: DefaultsAnswer,
}

/// A session.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExportedSession {
    /// When it was made, ISO 8601 in UTC.
    pub created: String,
    /// When it ends at the latest.
    pub ends: String,
    /// What it acts as.
    pub role: Role,
    /// Where its browser goes after a call.
    pub after_call_url: Option<String>,
    /// Where its browser goes after a sign-out.
    pub remote_logout_url: Option<String>,
}

/// An API token.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExportedApiToken {
    /// What the account calls it.
    pub name: Name,
    /// When it was made, ISO 8601 in UTC.
    pub created: String,
}

/// What was granted an app.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExportedGrant {
    /// What the app is called.
    pub name: Name,
    /// What it may do.
    pub scope: String,
    /// When it was granted, ISO 8601 in UTC.
    pub created: String,
}

/// A meeting.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExportedConference {
    /// Its id.
    pub conference_id: ConferenceId,
    /// What it is about.
    pub subject: Subject,
    /// More about it.
    pub agenda: Option<String>,
    /// `YYYY-MM-DD HH:MM:SS` in `time_zone`.
    pub start: String,
    /// The planned end.
    pub end_time: String,
    /// The zone of all its times.
    pub time_zone: Zone,
    /// How long it is planned, in minutes.
    pub duration: u16,
    /// How it repeats, RFC 5545.
    pub rrule: Option<Rule>,
    /// It was cancelled as a whole.
    pub cancelled: bool,
    /// Who is invited, its host first.
    pub invited: Vec<ExportedInvited>,
    /// Who is or was in it, newest first, as many as the page has of each list.
    pub participants: Vec<AttendanceAnswer>,
    /// There were others: the meeting stands on the next page again, with them.
    pub more_participants: bool,
}

/// Somebody who is invited.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExportedInvited {
    /// The entry of the address book.
    pub contact_id: ContactId,
    /// The name, where one is known.
    pub name: Option<Name>,
    /// Where the invitation goes.
    pub email: Email,
    /// For text messages.
    pub phone: Option<Phone>,
    /// Enters as moderator.
    pub moderator: bool,
}

impl Endpoint for HostExport {
    const ID: &'static str = "host_export";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/export";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Read;
    const SUMMARY: &'static str =
        "Answers all that is held about a host account, page by page, also once it was deleted.";
    type Input = Parameters<HostExportParameters>;
    type Output = Json<HostExportAnswer>;

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let limit = asked.limit.map_or(USUAL, Within::value);
        let place = match &asked.after {
            Some(text) => Place::parse(text).ok_or_else(|| Refusal::invalid("after", "is not in this list"))?,
            None => Place::default(),
        };
        let caller = context.caller()?;
        let id = asked.host_id.or(caller.scope.host);
        let id = id.ok_or_else(|| Refusal::missing("host_id"))?;
        let lists = Lists {
            context,
            id,
            limit,
            place: &place,
        };
        let Listed {
            remains,
            contacts,
            sessions,
            api_tokens,
            oauth_grants,
            conferences,
            changes,
            next,
        } = lists.read().await?;
        Ok(Json(HostExportAnswer {
            host_id: id,
            company_id: remains.company(),
            account: remains.account().map(account),
            contacts,
            sessions,
            api_tokens,
            oauth_grants,
            conferences,
            changes,
            next: next.to_text(),
        }))
    }
}

/// What is read of the lists of an account.
struct Lists<'a> {
    context: &'a Context<'a>,
    id: HostId,
    limit: u32,
    place: &'a Place,
}

/// The account, a page of each list, and where they go on.
struct Listed {
    remains: HostRemains,
    contacts: Vec<ContactAnswer>,
    sessions: Vec<ExportedSession>,
    api_tokens: Vec<ExportedApiToken>,
    oauth_grants: Vec<ExportedGrant>,
    conferences: Vec<ExportedConference>,
    changes: Vec<AuditAnswer>,
    next: Place,
}

impl Lists<'_> {
    /// All lists at once; those that came to their end on an earlier page are not read again.
    async fn read(&self) -> Result<Listed, Error> {
        let (store, caller) = (self.context.store(), self.context.caller()?);
        let reseller = caller.reseller;
        let Self { id, limit, place, .. } = *self;
        let contacts = async {
            match place.contacts {
                Start::Done => Ok(nothing()),
                ref start => {
                    let paging = Paging {
                        after: start.after(),
                        limit,
                    };
                    store.contacts_page(reseller, id, paging).await
                }
            }
        };
        // What is read beside the account is told to nobody before it is known to be in the caller's reach.
        let account = async {
            let remains = async {
                let remains = store.host_remains(&caller.scope, id).await?;
                let company = (reseller, remains.company());
                let listed = match place.contacts {
                    Start::Done => None,
                    _ => store.mails_suppressed_of(company, self.context.now).await?,
                };
                Ok::<_, Error>((remains, company, listed))
            };
            let (remains, contacts) = tokio::join!(remains, contacts);
            let ((remains, company, listed), contacts) = (remains?, contacts?);
            let next = Start::behind(contacts.items.last().map(|contact| contact.id), contacts.more);
            let shown = contact::shown(self.context, company, listed, contacts.items).await?;
            Ok::<_, Error>((remains, shown, next))
        };
        let sessions = async {
            match place.is_first() {
                true => store.sessions_of(reseller, id, limit).await,
                false => Ok(Vec::new()),
            }
        };
        let api_tokens = async {
            match place.is_first() {
                true => store.api_tokens(reseller, id).await,
                false => Ok(Vec::new()),
            }
        };
        let grants = async {
            match place.is_first() {
                true => store.oauth_grants(reseller, id).await,
                false => Ok(Vec::new()),
            }
        };
        let changes = async {
            match &place.changes {
                Start::Done => Ok(nothing()),
                start => store.audit_of(reseller, id, start.after().as_deref(), limit).await,
            }
        };
        let (account, sessions, api_tokens, grants, held, cancelled, changes) = tokio::join!(
            account,
            sessions,
            api_tokens,
            grants,
            self.meetings(false),
            self.meetings(true),
            changes
        );
        let (remains, contacts, more_contacts) = account?;
        let (sessions, changes) = (sessions?, changes?);
        let (api_tokens, grants) = (api_tokens?, grants?);
        let ((mut conferences, held), (more, cancelled)) = (held?, cancelled?);
        conferences.extend(more);
        let next = Place {
            contacts: more_contacts,
            changes: Start::behind(changes.items.last().map(|(name, _)| name.clone()), changes.more),
            held,
            cancelled,
        };
        Ok(Listed {
            remains,
            contacts,
            sessions: sessions.into_iter().map(session).collect(),
            api_tokens: api_tokens.into_iter().map(api_token).collect(),
            oauth_grants: grants.into_iter().map(granted).collect(),
            conferences,
            changes: changes.items.into_iter().map(audit_fetch_all::answer).collect(),
            next,
        })
    }

    /// A page of meetings with who was in them; the last one goes on on the next page where there were more. Two sequential
    /// reads.
    async fn meetings(&self, cancelled: bool) -> Result<(Vec<ExportedConference>, Start<Reached>), Error> {
        let (store, reseller) = (self.context.store(), self.context.caller()?.reseller);
        let start = match cancelled {
            true => &self.place.cancelled,
            false => &self.place.held,
        };
        let from = match start {
            Start::Done => return Ok((Vec::new(), Start::Done)),
            Start::First => Bound::Unbounded,
            Start::Behind(Reached { meeting, person: None }) => Bound::Excluded(*meeting),
            Start::Behind(Reached { meeting, .. }) => Bound::Included(*meeting),
        };
        let page = store
            .meetings_of((reseller, self.id), cancelled, from, self.limit)
            .await?;
        let begun = |id| start.after().filter(|begun| begun.meeting.id == id)?.person;
        let of: Vec<_> = page
            .items
            .iter()
            .map(|meeting| (meeting.id, begun(meeting.id)))
            .collect();
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let attended = store.attendances(reseller, &of, most, self.context.now).await?;
        let (mut meetings, mut bytes, mut last) = (Vec::new(), 0, None);
        for (meeting, (people, more)) in page.items.into_iter().zip(attended) {
            let place = store::MeetingPlace {
                created: meeting.created,
                id: meeting.id,
            };
            let person = people.last().map(|one| (one.occurrence, one.participant));
            let meeting = exported(meeting, &people, more);
            bytes += serde_json::to_vec(&meeting).map_or(0, |text| text.len());
            if bytes > LARGEST && !meetings.is_empty() {
                return Ok((meetings, Start::behind(last, true)));
            }
            meetings.push(meeting);
            let reached = Reached {
                meeting: place,
                person: person.filter(|_| more),
            };
            if reached.person.is_some() {
                return Ok((meetings, Start::Behind(reached)));
            }
            last = Some(reached);
        }
        Ok((meetings, Start::behind(last, page.more)))
    }
}

fn nothing<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        more: false,
    }
}

fn account(host: &Host) -> ExportedAccount {
    let host = host.clone();
    ExportedAccount {
        name: host.name,
        email: host.email,
        role: host.role,
        access_code: host.access_code.to_string(),
        openid_sub: host.openid_sub,
        primary_dialin_number: host.primary_dialin_number,
        phone: host.phone,
        time_zone: host.time_zone,
        locale: host.locale,
        has_password: host.password_hash.is_some(),
        subscription_ids: host.subscriptions.iter().map(|held| held.id).collect(),
        created: iso(host.created),
        defaults: host.defaults.into(),
    }
}

fn api_token(token: ApiToken) -> ExportedApiToken {
    ExportedApiToken {
        name: token.name,
        created: iso(token.created),
    }
}

fn granted(grant: OauthGrant) -> ExportedGrant {
    ExportedGrant {
        name: grant.client_name,
        scope: grant.scopes.to_string(),
        created: iso(grant.created),
    }
}

fn session(session: Session) -> ExportedSession {
    ExportedSession {
        created: iso(session.created),
        ends: iso(session.ends),
        role: session.role,
        after_call_url: session.after_call_url,
        remote_logout_url: session.remote_logout_url,
    }
}

fn exported(meeting: Conference, people: &[Attendance], more_participants: bool) -> ExportedConference {
    let zone = meeting.zone.clone();
    ExportedConference {
        conference_id: meeting.id,
        start: zone.wall_clock(meeting.start),
        end_time: zone.wall_clock(meeting.end()),
        duration: meeting.duration.value(),
        cancelled: meeting.deleted,
        participants: people.iter().map(|one| shown(one, &meeting)).collect(),
        more_participants,
        time_zone: zone,
        subject: meeting.subject,
        agenda: meeting.agenda,
        rrule: meeting.series.map(|series| series.rule),
        invited: meeting.invited.into_iter().map(invited).collect(),
    }
}

fn invited(person: Invited) -> ExportedInvited {
    ExportedInvited {
        contact_id: person.contact,
        name: person.name,
        email: person.email,
        phone: person.phone,
        moderator: person.moderator,
    }
}
