//! Every key of the table, built from typed ids; docs/table.md says what lies under each. A reseller's objects have its id
//! in their partition key, so that another reseller's caller cannot name them.

use domain::code::{AccessCode, Email, Fqdn, Phone};
use domain::company::ImageName;
use domain::hook::Subject;
use domain::id::{
    CompanyId, ConferenceId, ContactId, HookId, HostId, Occurrence, ParticipantNumber, PlanId, RelayId, ResellerId,
    RoomName,
};
use domain::own_domain::OwnName;
use domain::sealed::token_hash;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::attempt::Attempt;
use crate::idempotency::IdempotencyKey;
use crate::ids::Counter;
use crate::rate::Rate;

/// The name of the partition key.
pub const PK: &str = "pk";
/// The name of the sort key.
pub const SK: &str = "sk";
/// The name of the index.
pub const INDEX: &str = "gs1";
/// The index's partition key.
pub const INDEX_PK: &str = "gs1pk";
/// The index's sort key.
pub const INDEX_SK: &str = "gs1sk";
/// The attribute after which the table drops an item, in Unix seconds. No code relies on it alone.
pub const TTL: &str = "ttl";

/// Behind a sort key, it sorts behind all that begin with that key.
pub(crate) const BEHIND: &str = "~";
/// The shards of the index of what is due.
pub const DUE_SHARDS: u64 = 4;
/// The shards of the index of jobs.
pub const JOB_SHARDS: u64 = 12;
/// Of these, the first ones are for reminders.
pub const REMINDER_SHARDS: u64 = 4;
/// The shards of the indexes of what is to be told to webhooks, and of their lines.
pub const HOOK_SHARDS: u64 = 8;
/// The items that one day of a company is counted in.
pub const USAGE_SHARDS: u64 = 8;

/// An item's key in the table, or in the index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The partition.
    pub pk: String,
    /// The place in it.
    pub sk: String,
}

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Key {
    Key {
        pk: pk.into(),
        sk: sk.into(),
    }
}

/// A time as sortable text: Unix milliseconds, 14 digits.
fn time(at: Timestamp) -> String {
    format!("{:014}", at.as_millisecond())
}

/// An id as sortable text: 16 digits.
fn number(id: impl Into<u64>) -> String {
    format!("{:016}", id.into())
}

/// A place in a list by creation.
pub(crate) fn created(at: Timestamp, id: u64) -> String {
    format!("{}#{}", time(at), number(id))
}

/// The counter that ids of one kind come from.
pub(crate) fn counter(of: Counter) -> Key {
    key(format!("COUNTER#{}", of.name()), "COUNTER")
}

/// A reseller.
pub fn reseller(id: ResellerId) -> Key {
    key(format!("RESELLER#{id}"), "RESELLER")
}

/// A reseller's plan.
pub fn plan(reseller: ResellerId, plan: PlanId) -> Key {
    key(format!("RESELLER#{reseller}"), format!("PLAN#{}", number(plan.value())))
}

/// The plan of a name; also keeps it unique in the reseller.
pub fn plan_name(reseller: ResellerId, name: &str) -> Key {
    key(
        format!("RESELLER#{reseller}"),
        format!("PLAN-NAME#{}", token_hash(name)),
    )
}

/// Whom a host name belongs to; also keeps it unique.
pub fn fqdn(name: &Fqdn) -> Key {
    key(format!("FQDN#{name}"), "FQDN")
}

/// A host name of a company's own: how far it has come.
pub fn own_domain(name: &OwnName) -> Key {
    key(format!("FQDN#{name}"), "OWN")
}

/// Index: own names by when they are looked at next.
pub fn own_domain_due(at: Timestamp) -> Key {
    key("OWN-DOMAINS", time(at))
}

/// A company.
pub fn company(reseller: ResellerId, id: CompanyId) -> Key {
    key(format!("R#{reseller}#C#{id}"), "COMPANY")
}

/// A picture of a company's branding.
pub fn image(reseller: ResellerId, company: CompanyId, name: &ImageName) -> Key {
    key(format!("R#{reseller}#IMAGE#{company}"), name.to_string())
}

/// What is left of a company that was deleted, for a day.
pub fn company_gone(reseller: ResellerId, id: CompanyId) -> Key {
    key(format!("R#{reseller}#C#{id}"), "GONE")
}

/// Index: a reseller's companies by creation.
pub fn company_list(reseller: ResellerId, at: Timestamp, id: CompanyId) -> Key {
    key(company_list_of(reseller), created(at, id.value()))
}

pub(crate) fn company_list_of(reseller: ResellerId) -> String {
    format!("R#{reseller}#COMPANIES")
}

/// A host.
pub fn host(reseller: ResellerId, id: HostId) -> Key {
    key(format!("R#{reseller}#H#{id}"), "HOST")
}

/// Index: a company's hosts by creation.
pub fn host_list(reseller: ResellerId, company: CompanyId, at: Timestamp, id: HostId) -> Key {
    key(host_list_of(reseller, company), created(at, id.value()))
}

pub(crate) fn host_list_of(reseller: ResellerId, company: CompanyId) -> String {
    format!("R#{reseller}#C#{company}#HOSTS")
}

/// What is left of a host that was deleted: its id is not given again.
pub fn host_gone(reseller: ResellerId, id: HostId) -> Key {
    key(format!("R#{reseller}#H#{id}"), "GONE")
}

/// Index, of the guards of mail addresses: a reseller's hosts by creation.
pub fn host_list_all(reseller: ResellerId, at: Timestamp, id: HostId) -> Key {
    key(host_list_all_of(reseller), created(at, id.value()))
}

pub(crate) fn host_list_all_of(reseller: ResellerId) -> String {
    format!("R#{reseller}#HOSTS")
}

/// The host of a mail address; also keeps it unique in the reseller.
pub fn host_email(reseller: ResellerId, email: &Email) -> Key {
    key(format!("R#{reseller}#EMAIL#{}", email.folded()), "EMAIL")
}

/// The host of an OpenID subject; also keeps it unique in the reseller.
pub fn host_openid(reseller: ResellerId, sub: &str) -> Key {
    key(format!("R#{reseller}#OPENID#{}", token_hash(sub)), "OPENID")
}

/// An entry of a host's address book.
pub fn contact(reseller: ResellerId, id: ContactId) -> Key {
    key(format!("R#{reseller}#P#{id}"), "CONTACT")
}

/// What is left of an entry that was deleted, for a day.
pub fn contact_gone(reseller: ResellerId, id: ContactId) -> Key {
    key(format!("R#{reseller}#P#{id}"), "GONE")
}

/// Index: a host's address book by creation.
pub fn contact_list(reseller: ResellerId, host: HostId, at: Timestamp, id: ContactId) -> Key {
    key(contact_list_of(reseller, host), created(at, id.value()))
}

pub(crate) fn contact_list_of(reseller: ResellerId, host: HostId) -> String {
    format!("R#{reseller}#H#{host}#CONTACTS")
}

/// The entry of a mail address; also keeps it unique in the address book.
pub fn contact_email(reseller: ResellerId, host: HostId, email: &Email) -> Key {
    key(
        format!("R#{reseller}#H#{host}"),
        format!("CONTACT-EMAIL#{}", email.folded()),
    )
}

/// A session, by the hash of its token.
pub fn session(token_hash: &str) -> Key {
    key(format!("SESSION#{token_hash}"), "SESSION")
}

/// Index: a host's sessions by creation, to end them all.
pub fn session_list(reseller: ResellerId, host: HostId, at: Timestamp) -> Key {
    key(format!("R#{reseller}#H#{host}#SESSIONS"), time(at))
}

/// An API token of a host, by its hash.
pub fn api_token(reseller: ResellerId, host: HostId, token_hash: &str) -> Key {
    key(format!("R#{reseller}#H#{host}"), format!("API-TOKEN#{token_hash}"))
}

/// A client of OAuth that a company has registered.
pub fn oauth_client(reseller: ResellerId, company: CompanyId, id: &str) -> Key {
    key(format!("R#{reseller}#C#{company}"), format!("OAUTH-CLIENT#{id}"))
}

/// What a host has granted a client of OAuth, by its hash.
pub fn oauth_grant(reseller: ResellerId, host: HostId, hash: &str) -> Key {
    key(format!("R#{reseller}#H#{host}"), format!("OAUTH-GRANT#{hash}"))
}

/// A one-time value, by its hash.
pub fn handoff(value_hash: &str) -> Key {
    key(format!("HANDOFF#{value_hash}"), "HANDOFF")
}

/// The record of an idempotency key.
pub fn idempotency(of: &IdempotencyKey) -> Key {
    let IdempotencyKey {
        reseller,
        account,
        method,
        key: own,
    } = of;
    key(
        format!("R#{reseller}#H#{account}#IDEMPOTENCY#{method}#{}", token_hash(own)),
        "IDEMPOTENCY",
    )
}

/// Index, of idempotency records: answers that are kept about an account.
pub fn idempotency_about(reseller: ResellerId, host: HostId, unique: &str) -> Key {
    key(format!("R#{reseller}#H#{host}#ANSWERS"), unique)
}

/// One change in the audit: of a company, of a reseller, or of the installation.
pub fn audit(reseller: Option<ResellerId>, company: Option<CompanyId>, at: Timestamp, unique: &str) -> Key {
    key(audit_list(reseller, company), format!("{}#{unique}", time(at)))
}

/// A change's place in its audit as callers know it.
pub(crate) fn audit_name(sk: &str) -> String {
    sk.replace('#', "-")
}

/// The place of a name.
pub(crate) fn audit_place(name: &str) -> String {
    name.replace('-', "#")
}

/// The partition of an audit.
pub(crate) fn audit_list(reseller: Option<ResellerId>, company: Option<CompanyId>) -> String {
    match (reseller, company) {
        (Some(reseller), Some(company)) => format!("R#{reseller}#C#{company}#AUDIT"),
        (Some(reseller), None) => format!("R#{reseller}#AUDIT"),
        (None, _) => "AUDIT".into(),
    }
}

/// Index, of the audit: changes of an account, its address book and its meetings.
pub fn audit_about(reseller: ResellerId, host: HostId, at: Timestamp, unique: &str) -> Key {
    key(audit_about_list(reseller, host), format!("{}#{unique}", time(at)))
}

/// The partition of the changes about one account.
pub(crate) fn audit_about_list(reseller: ResellerId, host: HostId) -> String {
    format!("R#{reseller}#H#{host}#AUDIT")
}

/// A code's room, with its live pointer; also keeps the code unique in the installation.
pub fn room(code: AccessCode) -> Key {
    key(format!("CODE#{code}"), "ROOM")
}

/// A meeting planned on a code, by its start.
pub fn planned(code: AccessCode, start: Timestamp, conference: ConferenceId) -> Key {
    key(
        format!("CODE#{code}"),
        format!("AT#{}", created(start, conference.value())),
    )
}

/// What is planned on a code from this time on: the first and the last sort key.
pub(crate) fn planned_from(code: AccessCode, from: Timestamp) -> (Key, String) {
    (key(format!("CODE#{code}"), format!("AT#{}", time(from))), "AT#~".into())
}

/// A meeting that repeats on a code, by when the last of its windows closes.
pub fn series(code: AccessCode, closes: Timestamp, conference: ConferenceId) -> Key {
    key(
        format!("CODE#{code}"),
        format!("EACH#{}", created(closes, conference.value())),
    )
}

/// What repeats on a code and is not over at this time: the first and the last sort key.
pub(crate) fn series_from(code: AccessCode, from: Timestamp) -> (Key, String) {
    (
        key(format!("CODE#{code}"), format!("EACH#{}", time(from))),
        "EACH#~".into(),
    )
}

/// A meeting of a host that the API calls active; there is none for others.
pub fn active(reseller: ResellerId, host: HostId, room: &RoomName) -> Key {
    let Key { pk, sk } = active_list(reseller, host);
    key(
        pk,
        format!(
            "{sk}{}#{}",
            number(room.conference.value()),
            occurrence_text(room.occurrence)
        ),
    )
}

/// The active meetings of a host: the partition, and how their sort keys begin.
pub(crate) fn active_list(reseller: ResellerId, host: HostId) -> Key {
    key(format!("R#{reseller}#ACTIVE#{host}"), "ACTIVE#")
}

fn conference_pk(reseller: ResellerId, id: ConferenceId) -> String {
    format!("R#{reseller}#F#{id}")
}

/// A conference. Its occurrences lie right behind it.
pub fn conference(reseller: ResellerId, id: ConferenceId) -> Key {
    key(conference_pk(reseller, id), "CONFERENCE")
}

/// Index: a host's conferences by creation.
pub fn conference_list(reseller: ResellerId, host: HostId, at: Timestamp, id: ConferenceId) -> Key {
    key(conference_list_pk(reseller, host), created(at, id.value()))
}

/// The partition of a host's list of conferences.
pub(crate) fn conference_list_pk(reseller: ResellerId, host: HostId) -> String {
    format!("R#{reseller}#H#{host}#CONFERENCES")
}

/// Index: a host's conferences that were cancelled as a whole, by creation.
pub fn conference_cancelled(reseller: ResellerId, host: HostId, at: Timestamp, id: ConferenceId) -> Key {
    key(conference_cancelled_pk(reseller, host), created(at, id.value()))
}

/// The partition of a host's cancelled conferences.
pub(crate) fn conference_cancelled_pk(reseller: ResellerId, host: HostId) -> String {
    format!("R#{reseller}#H#{host}#CANCELLED")
}

/// The conference of a UID that calendars know; also keeps it unique in the reseller.
pub fn conference_uid(reseller: ResellerId, uid: &str) -> Key {
    key(format!("R#{reseller}#UID#{}", token_hash(uid)), "UID")
}

/// What somebody has answered to being invited to a conference.
pub fn replies(reseller: ResellerId, conference: ConferenceId, contact: ContactId) -> Key {
    let Key { pk, sk } = replies_list(reseller, conference);
    key(pk, format!("{sk}{}", number(contact.value())))
}

/// What all have answered: the partition, and how their sort keys begin.
pub(crate) fn replies_list(reseller: ResellerId, conference: ConferenceId) -> Key {
    key(conference_pk(reseller, conference), "REPLY#")
}

/// An occurrence of a conference.
pub fn occurrence(room: &RoomName) -> Key {
    key(
        conference_pk(room.reseller, room.conference),
        format!("CONFERENCE#{}", occurrence_text(room.occurrence)),
    )
}

fn occurrence_text(occurrence: Occurrence) -> String {
    format!("{:011}", occurrence.value())
}

/// Index: occurrences by when time next does something to them.
pub fn due(conference: ConferenceId, at: Timestamp) -> Key {
    key(due_shard(conference.value() % DUE_SHARDS), time(at))
}

/// The partition of one shard of what is due.
pub(crate) fn due_shard(shard: u64) -> String {
    format!("DUE#{shard}")
}

/// The last sort key of what is due at this time.
pub(crate) fn due_until(now: Timestamp) -> String {
    time(now)
}

/// The counter of a conference's participants.
pub fn participant_counter(reseller: ResellerId, conference: ConferenceId) -> Key {
    key(conference_pk(reseller, conference), "PARTICIPANTS")
}

/// A participant of an occurrence.
pub fn participant(room: &RoomName, participant: ParticipantNumber) -> Key {
    let Key { pk, sk } = participant_list(room);
    key(pk, format!("{sk}{}", number(participant.value())))
}

/// The last place in the list of an occurrence's participants that comes before this one's, whether somebody is there or not.
pub(crate) fn participant_before(room: &RoomName, participant: ParticipantNumber) -> Key {
    let Key { pk, sk } = participant_list(room);
    key(pk, format!("{sk}{}", number(participant.value().saturating_sub(1))))
}

/// The participants of all occurrences: the partition, and how their sort keys begin.
pub(crate) fn participants(reseller: ResellerId, conference: ConferenceId) -> Key {
    key(conference_pk(reseller, conference), "PARTICIPANT#")
}

/// The occurrence in a participant's sort key.
pub(crate) fn participant_occurrence(sk: &str) -> Option<Occurrence> {
    let text = sk.strip_prefix("PARTICIPANT#")?.split('#').next()?;
    text.parse().ok().map(Occurrence::new)
}

/// The number of a partner's own identity in a conference.
pub fn participant_identity(reseller: ResellerId, conference: ConferenceId, identity: &str) -> Key {
    key(
        conference_pk(reseller, conference),
        format!("IDENTITY#{}", token_hash(identity)),
    )
}

/// The participants of an occurrence: the partition, and how their sort keys begin.
pub(crate) fn participant_list(room: &RoomName) -> Key {
    key(
        conference_pk(room.reseller, room.conference),
        format!("PARTICIPANT#{}#", occurrence_text(room.occurrence)),
    )
}

/// The counter of a conference's events.
pub fn event_counter(reseller: ResellerId, conference: ConferenceId) -> Key {
    key(conference_pk(reseller, conference), "SEQUENCE")
}

/// The events of a conference: the partition, and how their sort keys begin.
pub(crate) fn events(reseller: ResellerId, conference: ConferenceId) -> Key {
    key(conference_pk(reseller, conference), "EVENT#")
}

/// The numbers of partners' own identities in a conference: the partition, and how their sort keys begin.
pub(crate) fn participant_identities(reseller: ResellerId, conference: ConferenceId) -> Key {
    key(conference_pk(reseller, conference), "IDENTITY#")
}

/// An event of a conference, by its number.
pub fn event(reseller: ResellerId, conference: ConferenceId, sequence: u64) -> Key {
    key(
        conference_pk(reseller, conference),
        format!("EVENT#{}", number(sequence)),
    )
}

/// How connections did in an occurrence: of spans that began at this time, those of this participant and of some behind it.
pub fn quality(room: &RoomName, at: Timestamp, first: ParticipantNumber) -> Key {
    let Key { pk, sk } = quality_from(room, at);
    key(pk, format!("{sk}#{}", number(first.value())))
}

/// The first place of spans of an occurrence that began at this time.
pub(crate) fn quality_from(room: &RoomName, at: Timestamp) -> Key {
    let Key { pk, sk } = quality_list(room);
    key(pk, format!("{sk}{}", time(at)))
}

/// How connections did in an occurrence: the partition, and how their sort keys begin.
pub(crate) fn quality_list(room: &RoomName) -> Key {
    let Key { pk, sk } = qualities(room.reseller, room.conference);
    key(pk, format!("{sk}{}#", occurrence_text(room.occurrence)))
}

/// The same in all occurrences.
pub(crate) fn qualities(reseller: ResellerId, conference: ConferenceId) -> Key {
    key(conference_pk(reseller, conference), "QUALITY#")
}

/// The last sort key of a conference's events.
pub(crate) fn event_end() -> String {
    "EVENT#~".into()
}

/// What a company's meetings came to on one day; several items a day, so that many relays can count at once.
pub fn usage(reseller: ResellerId, company: CompanyId, day: Date, conference: ConferenceId) -> Key {
    let shard = conference.value() % USAGE_SHARDS;
    key(format!("R#{reseller}#USAGE#c{company}"), format!("{day}#{shard}"))
}

/// What a host's meetings came to on one day.
pub fn host_usage(reseller: ResellerId, host: HostId, day: Date) -> Key {
    key(format!("R#{reseller}#USAGE#h{host}"), format!("{day}#"))
}

/// A relay.
pub fn relay(id: &RelayId) -> Key {
    key(format!("RELAY#{id}"), "RELAY")
}

/// Index: all relays.
pub fn relay_list(id: &RelayId) -> Key {
    key(relay_list_pk(), id.to_string())
}

/// When the sweeper has looked at all relays.
pub fn relay_sweeps() -> Key {
    key(relay_list_pk(), "SWEEPS")
}

/// The partition of the list of relays.
pub(crate) fn relay_list_pk() -> String {
    "RELAYS".into()
}

/// A report of a relay that was believed, by its id: it is not believed again.
pub fn relay_report(relay: &RelayId, jti: &str) -> Key {
    key(format!("RELAY#{relay}"), format!("REPORT#{}", token_hash(jti)))
}

/// How far a relay's batches of events are kept.
pub fn relay_cursor(id: &RelayId) -> Key {
    key(format!("RELAY#{id}"), "CURSOR")
}

/// A room that a relay holds or has held.
pub fn membership(relay: &RelayId, room: &RoomName) -> Key {
    let Key { pk, sk } = membership_list(relay);
    key(pk, format!("{sk}{room}"))
}

/// The rooms of a relay: the partition, and how their sort keys begin.
pub(crate) fn membership_list(relay: &RelayId) -> Key {
    key(format!("RELAY#{relay}"), "ROOM#")
}

/// Failures of one kind.
pub fn attempt(of: &Attempt<'_>) -> Key {
    let text = match of {
        Attempt::Login(reseller, email, network) => {
            format!("LOGIN#{reseller}#{}#{network}", token_hash(&email.folded()))
        }
        Attempt::LoginAnywhere(reseller, email) => {
            format!("LOGIN#{reseller}#{}#ANY", token_hash(&email.folded()))
        }
        Attempt::LoginNetwork(reseller, network) => format!("LOGIN#{reseller}#ANY#{network}"),
        Attempt::Sso(host, network) => format!("SSO#{host}#{network}"),
        Attempt::Pin(code, network) => format!("PIN#{code}#{network}"),
        Attempt::Moderator(code, network) => format!("MODERATOR#{code}#{network}"),
        Attempt::Code(reseller, network) => format!("CODE#{reseller}#{network}"),
        Attempt::Registration(reseller, network) => format!("REGISTRATION#{reseller}#{network}"),
        Attempt::RegistrationMail(conference, email) => {
            format!("REGISTRATION#{conference}#{}", token_hash(&email.folded()))
        }
        Attempt::Reset(reseller, email) => format!("RESET#{reseller}#{}", token_hash(&email.folded())),
        Attempt::Oauth(reseller, client, network) => format!("OAUTH#{reseller}#{}#{network}", token_hash(client)),
        Attempt::ResetNetwork(reseller, network) => format!("RESET#{reseller}#ANY#{network}"),
    };
    key(format!("ATTEMPT#{text}"), "ATTEMPT")
}

/// The guesses behind failures of one kind, and those that were right.
pub fn guesses(of: &Attempt<'_>) -> Key {
    Key {
        sk: "GUESSES".into(),
        ..attempt(of)
    }
}

/// Requests of one kind in one minute.
pub fn rate(of: &Rate<'_>, minute: i64) -> Key {
    let text = match of {
        Rate::Company(reseller, company) => format!("C#{reseller}#{company}"),
        Rate::ObjectWrites { session, object } => format!("W#{session}#{object}"),
        Rate::Oauth(reseller, client, network) => format!("O#{reseller}#{}#{network}", token_hash(client)),
    };
    key(format!("RATE#{text}#{minute}"), "RATE")
}

/// An address that a company's mail does not go to.
pub fn mail_suppressed(reseller: ResellerId, company: CompanyId, email: &Email) -> Key {
    key(mail_suppressed_by(reseller, email), number(company.value()))
}

/// The same of all companies of a reseller.
pub(crate) fn mail_suppressed_by(reseller: ResellerId, email: &Email) -> String {
    format!("R#{reseller}#SUPPRESSED#{}", token_hash(&email.folded()))
}

/// Index: the addresses that a company's mail does not go to.
pub fn mail_suppressed_list(reseller: ResellerId, company: CompanyId, email: &Email) -> Key {
    key(mail_suppressed_of(reseller, company), token_hash(&email.folded()))
}

pub(crate) fn mail_suppressed_of(reseller: ResellerId, company: CompanyId) -> String {
    format!("R#{reseller}#SUPPRESSED#c{company}")
}

/// What a reseller mailed on one day (UTC).
pub fn mails(reseller: ResellerId, at: Timestamp) -> Key {
    key(format!("R#{reseller}#MAILS"), at.strftime("%Y-%m-%d").to_string())
}

/// A text message that was sent, or may have been.
pub fn text(reseller: ResellerId, name: &str) -> Key {
    key(format!("R#{reseller}#TEXT#{}", token_hash(name)), "TEXT")
}

/// A number that wants no text messages.
pub fn text_stopped(reseller: ResellerId, phone: &Phone) -> Key {
    key(format!("R#{reseller}#TEXT#STOP#{}", token_hash(phone.as_str())), "STOP")
}

/// What a company spent on text messages on one day (UTC).
pub fn text_spent(reseller: ResellerId, company: CompanyId, at: Timestamp) -> Key {
    key(
        format!("R#{reseller}#TEXT#SPENT#{company}"),
        at.strftime("%Y-%m-%d").to_string(),
    )
}

/// A job.
pub fn job(id: &str) -> Key {
    key(format!("JOB#{id}"), "JOB")
}

/// The name of the job that lies in this partition, if one does.
pub(crate) fn job_of(pk: &str) -> Option<&str> {
    pk.strip_prefix("JOB#")
}

/// The name of the job that reminds people of a meeting.
pub(crate) fn reminders_job(reseller: ResellerId, conference: ConferenceId) -> String {
    format!("REMIND#{reseller}#{conference}")
}

/// When a job or a line is due, by its sort key in the index.
pub(crate) fn due_at(sk: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(sk.split('#').next()?.parse().ok()?).ok()
}

/// Index: jobs by when they are due, or by when whoever holds one must be done with it. Those of one instant lie by company,
/// so that one company's can be passed over.
pub fn job_due(shard: u64, at: Timestamp, reseller: ResellerId, company: CompanyId) -> Key {
    key(format!("JOBS#{shard}"), format!("{}#{reseller}#{company}#", time(at)))
}

/// In that index, the place behind all that is due by then.
pub(crate) fn jobs_due_by(shard: u64, at: Timestamp) -> Key {
    key(format!("JOBS#{shard}"), time(at) + BEHIND)
}

/// Index: jobs that failed too often, by when they were given up.
pub fn job_parked(at: Timestamp) -> Key {
    key("JOBS#PARKED", time(at))
}

/// A webhook of a company.
pub fn hook(reseller: ResellerId, company: CompanyId, id: HookId) -> Key {
    let Key { pk, sk } = hook_list(reseller, company);
    key(pk, format!("{sk}{}", number(id.value())))
}

/// The webhooks of a company: the partition, and how their sort keys begin.
pub(crate) fn hook_list(reseller: ResellerId, company: CompanyId) -> Key {
    key(format!("R#{reseller}#HOOKS#{company}"), "HOOK#")
}

/// What a company's deliveries to webhooks carry.
pub fn signing_token(reseller: ResellerId, company: CompanyId) -> Key {
    key(hook_list(reseller, company).pk, "TOKEN")
}

fn subject_text(subject: Subject) -> String {
    match subject {
        Subject::Conference(id) => format!("f{id}"),
        Subject::Host(id) => format!("h{id}"),
    }
}

fn shard_of(subject: Subject) -> u64 {
    let id = match subject {
        Subject::Conference(id) => id.value(),
        Subject::Host(id) => id.value(),
    };
    id % HOOK_SHARDS
}

/// Something that happened and has no number yet: by time, by its place in its transaction.
pub fn news(reseller: ResellerId, subject: Subject, at: Timestamp, place: (u8, usize), unique: &str) -> Key {
    let (rank, index) = place;
    key(
        news_of(reseller, subject),
        format!("{}#{rank}#{index:03}#{unique}", time(at)),
    )
}

/// The partition of what happened to one subject and has no number yet.
pub(crate) fn news_of(reseller: ResellerId, subject: Subject) -> String {
    format!("NEWS#{reseller}#{}", subject_text(subject))
}

/// Whether something in this partition waits for its number; the stream tells partitions.
pub(crate) fn is_news(pk: &str) -> bool {
    pk.starts_with("NEWS#")
}

/// Index: what has no number yet, by company, so that each one's can be passed over.
pub fn news_list(subject: Subject, (reseller, company): (ResellerId, CompanyId), at: Timestamp) -> Key {
    key(news_shard(shard_of(subject)), news_owner(reseller, company) + &time(at))
}

/// A shard of that index.
pub(crate) fn news_shard(shard: u64) -> String {
    format!("NEWSLIST#{shard}")
}

/// How the sort keys of a company's news begin there. Companies lie in no order.
pub(crate) fn news_owner(reseller: ResellerId, company: CompanyId) -> String {
    let owner = format!("{reseller}#{company}#");
    let place: String = token_hash(&owner).chars().take(4).collect();
    format!("{place}#{owner}")
}

/// A place among the companies there.
pub(crate) fn news_somewhere(place: [u8; 2]) -> String {
    hex::encode(place)
}

/// What happened to a subject, by its number.
pub fn told(reseller: ResellerId, subject: Subject, sequence: u64) -> Key {
    key(
        format!("TOLD#{reseller}#{}", subject_text(subject)),
        format!("N#{}", number(sequence)),
    )
}

/// The last sort key of what happened to a subject.
pub(crate) fn told_end() -> String {
    "N#~".into()
}

/// The last number of what happened to a subject.
pub fn told_counter(reseller: ResellerId, subject: Subject) -> Key {
    key(format!("TOLD#{reseller}#{}", subject_text(subject)), "SEQUENCE")
}

/// How far a webhook has heard of a subject; `only`: one event of it that is sent apart from the others.
pub fn line(reseller: ResellerId, hook: HookId, era: u32, subject: Subject, only: Option<u64>) -> Key {
    let only = only
        .map(|sequence| format!("#{}", number(sequence)))
        .unwrap_or_default();
    key(
        format!("LINE#{reseller}#{hook}"),
        format!("{}#{era}{only}", subject_text(subject)),
    )
}

/// Index: lines by when something is to be sent. Those of one instant lie by webhook, so that one webhook's can be passed over.
pub fn line_due((reseller, hook): (ResellerId, HookId), subject: Subject, at: Timestamp) -> Key {
    let shard = (hook.value() + shard_of(subject)) % HOOK_SHARDS;
    key(format!("LINES#{shard}"), format!("{}#{reseller}#{hook}#", time(at)))
}

/// In that index, the place behind all that is due by then.
pub(crate) fn lines_due_by(shard: u64, at: Timestamp) -> Key {
    key(format!("LINES#{shard}"), time(at) + BEHIND)
}

/// A delivery to a webhook.
pub fn delivery(reseller: ResellerId, hook: HookId, id: &str) -> Key {
    key(format!("R#{reseller}#DELIVERIES#{hook}"), id)
}

/// Index: a webhook's deliveries by their first try.
pub fn delivery_list(reseller: ResellerId, hook: HookId, at: Timestamp, id: &str) -> Key {
    key(format!("R#{reseller}#DELIVERIES#{hook}"), format!("{}#{id}", time(at)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_key_has_its_row_in_the_table_map() {
        let map = include_str!("../../../docs/table.md");
        let source = include_str!("keys.rs");
        let names = source.lines().filter_map(|line| {
            line.strip_prefix("pub fn ")
                .or(line.strip_prefix("pub(crate) fn counter").map(|_| "counter("))
        });
        let missing: Vec<&str> = names
            .filter_map(|rest| rest.split('(').next())
            .filter(|name| !map.contains(&format!("`{name}`")))
            .collect();
        assert!(missing.is_empty(), "docs/table.md has no row for {missing:?}");
    }
}
