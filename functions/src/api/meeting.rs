//! What both ways to make a meeting share: its parameters, and making it.

use domain::Error as Refusal;
use domain::code::{AccessCode, Pin};
use domain::company::Company;
use domain::conference::{
    CodeKind, Conference, Kind, LONGEST_AGENDA, Minutes, ModeratorToken, Reminder, Rule, Series, check_start,
};
use domain::host::{Automatic, Host};
use domain::id::{ConferenceId, ContactId, HostId, Occurrence};
use domain::media::AutoMedia;
use domain::room::MuteMode;
use domain::text::Subject;
use domain::time::Zone;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use store::{ConferenceState, Unique};

use super::conference::{ConferenceAnswer, answer};
use super::host::with_company;
use super::later::{absent, only_default};
use super::own_code::OwnCode;
use super::participants::{self, ParticipantEmail};
use super::reminders;
use crate::context::Context;
use crate::error::Error;
use crate::text::Text;

/// How often another one-time code is tried where a generated one is taken.
pub(super) const CODE_TRIES: u32 = 8;

/// How a meeting is; what is absent is as the host's meetings are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct MeetingParameters {
    /// More about it.
    pub agenda: Option<Text<LONGEST_AGENDA>>,
    /// What is recorded by itself; nothing is yet.
    pub auto_record: Option<AutoMedia>,
    /// What is streamed by itself; nothing is yet.
    pub auto_stream: Option<AutoMedia>,
    /// Whether recordings are transcribed; none are yet.
    pub auto_transcribe: Option<bool>,
    /// A code of its own; a change may also name the one that the meeting has.
    pub one_time_access_code: Option<OwnCode>,
    /// `room_url` hides the code.
    pub secure_url: Option<bool>,
    /// Recording and streaming start already when the host joins.
    pub host_initiated_recording: Option<bool>,
    /// A PIN of 4 to 10 digits, asked after the code.
    pub security_pin: Option<Pin>,
    /// Who is heard.
    pub mute_mode: Option<MuteMode>,
    /// Guests wait until a moderator lets them in.
    pub waiting_room: Option<bool>,
    /// Contacts of the host.
    pub participants: Option<Vec<ContactId>>,
    /// People by mail address; unknown ones become contacts.
    pub participant_emails: Option<Vec<ParticipantEmail>>,
    /// How it repeats.
    pub recurrence: Option<Recurrence>,
    /// When people are reminded, up to 5 times before each start; once by mail, 15 minutes before, when absent.
    pub reminders: Option<Vec<Reminder>>,
    /// Guests register by a page first, and come in by links of their own.
    pub registration: Option<bool>,
}

/// How a meeting repeats.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Recurrence {
    /// By RFC 5545, with `COUNT` or `UNTIL` within 2 years: `FREQ=WEEKLY;COUNT=10`.
    pub rrule: Rule,
}

impl Recurrence {
    /// The occurrences from this start on.
    pub(super) fn series(&self, start: Timestamp, zone: &Zone) -> Result<Series, Refusal> {
        let starts = self.rrule.starts(start, zone);
        let starts = starts.map_err(|why| Refusal::invalid("recurrence.rrule", why))?;
        Ok(Series::new(self.rrule.clone(), &starts))
    }
}

/// What a meeting is planned as.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    /// The host's name makes the subject where none is given.
    pub(super) subject: Option<Subject>,
    pub(super) start: Timestamp,
    pub(super) zone: Zone,
    /// As long as a reservationless meeting, or as the host's plan allows, where none is given.
    pub(super) duration: Option<Minutes>,
}

/// Reads a start in its zone.
pub(super) fn start(text: &str, zone: &Zone, now: Timestamp) -> Result<Timestamp, Refusal> {
    let start = zone.read(text).map_err(|why| Refusal::invalid("start", why))?;
    check_start(start, now).map_err(|why| Refusal::invalid("start", why))?;
    Ok(start)
}

impl MeetingParameters {
    /// Refuses what cannot be, before anything is read.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        super::host_parameters::check(Automatic {
            record: self.auto_record.unwrap_or_default(),
            stream: self.auto_stream.unwrap_or_default(),
            transcribe: self.auto_transcribe.unwrap_or_default(),
        })?;
        only_default("auto_record", self.auto_record.as_ref())?;
        only_default("auto_stream", self.auto_stream.as_ref())?;
        only_default("auto_transcribe", self.auto_transcribe.as_ref())?;
        reminders::check(self.reminders.as_deref().unwrap_or_default())?;
        participants::check(self.ids(), self.emails())
    }

    pub(super) fn ids(&self) -> &[ContactId] {
        self.participants.as_deref().unwrap_or_default()
    }

    pub(super) fn emails(&self) -> &[ParticipantEmail] {
        self.participant_emails.as_deref().unwrap_or_default()
    }

    /// Makes the meeting of this host.
    pub(super) async fn create(
        self,
        context: &Context<'_>,
        host: HostId,
        plan: Plan,
    ) -> Result<ConferenceAnswer, Error> {
        if plan.kind != Kind::Scheduled {
            absent("recurrence", self.recurrence.as_ref())?;
        }
        let own_code = self.one_time_access_code.map(|own| own.wanted(None)).transpose()?;
        let series = self
            .recurrence
            .as_ref()
            .map(|recurrence| recurrence.series(plan.start, &plan.zone));
        let series = series.transpose()?;
        let id = context.store().new_conference_id();
        let named = participants::named(context, host, self.ids());
        let known = participants::known(context, host, self.emails());
        let (people, named, known, id) = tokio::join!(with_company(context, host), named, known, id);
        let ((host, company), id) = (people?, id?);
        let (host, company) = (&host, &company);
        context.caller()?.check_rank(host.role)?;
        let duration = duration(host, company, plan.duration)?;
        let asked = self.reminders.as_deref().unwrap_or_default();
        reminders::check_texts(asked, &context.app.config.texts, host, company)?;
        let (named, emails) = (named?, self.emails().to_vec());
        let guests = participants::invite(context, host, named.clone(), known?).await?;
        let mut conference = self.conference(context, (host, company), plan, (id, duration, own_code));
        conference.invited = guests.invited;
        let mut new = guests.new;
        conference.series = series;
        for _ in 0..CODE_TRIES {
            let answer = answer(context, &ConferenceState::planned(conference.clone()), host, company)?;
            let claim = context.claim(&answer).await?;
            match context
                .store()
                .conference_create_inviting(&conference, &new, &context.write(claim.as_ref()).await?)
                .await
            {
                Err(store::Error::Taken(Unique::AccessCode)) => {
                    conference.code = AccessCode::one_time(context.app.random());
                }
                // Somebody else has entered one of them: looked at again.
                Err(store::Error::Raced) if !new.is_empty() => {
                    let known = participants::known(context, host.id, &emails).await?;
                    let guests = participants::invite(context, host, named.clone(), known).await?;
                    (conference.invited, new) = (guests.invited, guests.new);
                }
                outcome => {
                    outcome?;
                    return Ok(answer);
                }
            }
        }
        Err(Error::Broken("no free access code was found"))
    }

    fn conference(
        self,
        context: &Context<'_>,
        (host, company): (&Host, &Company),
        plan: Plan,
        (id, duration, own_code): (ConferenceId, Minutes, Option<bool>),
    ) -> Conference {
        let (app, defaults) = (context.app, &host.defaults);
        let (code_kind, code) = match own_code.unwrap_or(defaults.one_time_access_code) {
            true => (CodeKind::OneTime, AccessCode::one_time(app.random())),
            false => (CodeKind::Host, host.access_code),
        };
        let token = ModeratorToken::random(app.random());
        let subject = plan
            .subject
            .or_else(|| Subject::lossy(&format!("{}'s Meeting", host.name)));
        Conference {
            id,
            reseller: host.reseller,
            company: host.company,
            host: host.id,
            kind: plan.kind,
            subject: subject.expect("a name is visible, so what holds one is"),
            agenda: self.agenda.map(Text::into_string),
            start: plan.start,
            occurrence: Occurrence::new(plan.start.as_second()),
            zone: plan.zone,
            duration,
            code,
            code_kind,
            secure_url: self.secure_url.unwrap_or(defaults.secure_url),
            host_initiated_recording: self
                .host_initiated_recording
                .unwrap_or(defaults.host_initiated_recording),
            security_pin: self
                .security_pin
                .map(|pin| app.seal(&format!("conference/{id}/security_pin"), pin.as_str())),
            mute_mode: self.mute_mode.unwrap_or(defaults.mute_mode),
            waiting_room: self.waiting_room.unwrap_or(defaults.waiting_room),
            registration: self.registration.unwrap_or_default(),
            moderator_token: app.seal(&format!("conference/{id}/moderator_token"), token.as_str()),
            invited: Vec::new(),
            reminders: reminders::planned(self.reminders.as_deref().unwrap_or(&[Reminder::DEFAULT])),
            ics_uid: format!("{}@{}", app.uuid(), company.fqdn),
            sequence: 0,
            times_since: domain::conference::TimesSince::default(),
            max_participants: most_participants(host, company),
            h264: company.settings.media_policy.h264,
            created: context.now,
            series: None,
            version: 0,
            deleted: false,
        }
    }
}

/// How long a meeting is planned; one that is longer than the host's plans allow is refused.
pub(super) fn duration(host: &Host, company: &Company, asked: Option<Minutes>) -> Result<Minutes, Refusal> {
    let longest = domain::plan::most(domain::plan::held(host, company)).map(|allows| allows.max_minutes);
    match (asked, longest) {
        (Some(asked), Some(longest)) if asked.value() > longest => Err(Refusal::invalid(
            "duration",
            format_args!("must be at most {longest}, as the host's plan allows"),
        )),
        (Some(asked), _) => Ok(asked),
        (None, longest) => {
            let longest = longest.and_then(Minutes::new).unwrap_or(Minutes::RESERVATIONLESS);
            Ok(longest.min(Minutes::RESERVATIONLESS))
        }
    }
}

/// Most participants of a host's meeting at one time: as its company is set, and not more than its plans allow.
pub(crate) fn most_participants(host: &Host, company: &Company) -> u32 {
    let set = company.settings.media_policy.max_participants;
    domain::plan::most(domain::plan::held(host, company)).map_or(set, |allows| set.min(allows.max_participants))
}
