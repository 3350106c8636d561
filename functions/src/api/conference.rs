//! A conference as the partner API shows it.

use domain::code::{Email, Phone};
use domain::company::Company;
use domain::conference::{CodeKind, Rule};
use domain::host::Host;
use domain::id::{ConferenceId, ContactId};
use domain::media::AutoMedia;
use domain::room::MuteMode;
use domain::text::{Name, Subject};
use domain::time::Zone;
use schemars::JsonSchema;
use serde::Serialize;
use store::{ConferenceState, OccurrenceView};

use crate::app::App;
use crate::context::Context;
use crate::error::Error;
use crate::links;

/// A conference. Secrets are absent where its host is ranked above the caller.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Conference")]
pub struct ConferenceAnswer {
    /// Its id.
    pub conference_id: ConferenceId,
    /// What it is about.
    pub subject: Subject,
    /// More about it.
    pub agenda: Option<String>,
    /// `YYYY-MM-DD HH:MM:SS` in `time_zone`.
    pub start: String,
    /// The planned end, as `start`.
    pub end_time: String,
    /// The zone of both.
    pub time_zone: Zone,
    /// How long it is planned, in minutes.
    pub duration: u16,
    /// It runs now.
    pub active: bool,
    /// What is recorded by itself.
    pub auto_record: AutoMedia,
    /// What is streamed by itself.
    pub auto_stream: AutoMedia,
    /// Whether recordings are transcribed.
    pub auto_transcribe: bool,
    /// Recording and streaming start already when the host joins.
    pub host_initiated_recording: bool,
    /// Guests wait until a moderator lets them in.
    pub waiting_room: bool,
    /// Its own code, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_time_access_code: Option<u32>,
    /// The PIN asked after the code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_pin: Option<String>,
    /// Who is heard.
    pub mute_mode: MuteMode,
    /// Contacts of the host who are invited, the host's own first.
    pub participants: Vec<ContactId>,
    /// Those of them who enter as moderators.
    pub moderators: Vec<ContactId>,
    /// The same people by their mail addresses, without the host.
    pub participant_emails: Vec<ParticipantAnswer>,
    /// Where people enter.
    pub room_url: String,
    /// Where people watch.
    pub livestream_url: String,
    /// What was recorded.
    pub recordings: Vec<Recording>,
    /// The running livestream.
    pub broadcast_stream: BroadcastStream,
    /// Whether there is one.
    pub is_streaming: bool,
    /// Makes whoever shows it a moderator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moderator_token: Option<String>,
    /// The UID in calendars.
    pub ics_uid: String,
    /// How it repeats.
    pub recurrence: Option<RecurrenceAnswer>,
    /// Where it repeats: its occurrences, or those that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrences: Option<Vec<OccurrenceAnswer>>,
}

/// One occurrence of a meeting that repeats.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Occurrence")]
pub struct OccurrenceAnswer {
    /// Its original start, by which it is named; stays when it moves.
    pub occurrence: String,
    /// When it starts, in `time_zone`.
    pub start: String,
    /// Its planned end.
    pub end_time: String,
    /// It was moved, or has a length of its own.
    pub changed: bool,
    /// It does not take place.
    pub cancelled: bool,
    /// It runs now.
    pub active: bool,
}

/// Somebody who is invited.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Participant")]
pub struct ParticipantAnswer {
    /// Where the invitation goes.
    pub email: Email,
    /// The name, where one is known.
    pub name: Option<Name>,
    /// For text messages.
    pub phone: Option<Phone>,
    /// Enters as moderator.
    pub moderator: bool,
}

/// A recording; this installation makes none.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Recording {}

/// A livestream, empty while there is none.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct BroadcastStream {}

/// How a conference repeats.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Recurrence")]
pub struct RecurrenceAnswer {
    /// RFC 5545.
    pub rrule: Rule,
}

/// Makes the answer about a conference of this host for the caller.
pub(super) fn answer(
    context: &Context<'_>,
    state: &ConferenceState,
    host: &Host,
    company: &Company,
) -> Result<ConferenceAnswer, Error> {
    let (app, conference) = (context.app, &state.conference);
    let place = |field: &str| format!("conference/{}/{field}", conference.id);
    let mut answer = without_secrets(app, state, Some(host.own_contact), company);
    if context.caller()?.sees_secrets_of(host.role) {
        let pin = conference.security_pin.as_ref();
        answer.security_pin = pin.map(|pin| app.open(&place("security_pin"), pin)).transpose()?;
        answer.moderator_token = Some(app.open(&place("moderator_token"), &conference.moderator_token)?);
    }
    Ok(answer)
}

/// The same for everybody. `own`: its host's own entry in the host's address book.
pub(crate) fn without_secrets(
    app: &App,
    state: &ConferenceState,
    own: Option<ContactId>,
    company: &Company,
) -> ConferenceAnswer {
    let conference = &state.conference;
    let origin = app.config.origin(company.fqdn.as_str());
    let room_url = links::room(app, company, conference);
    let others = conference.invited.iter().filter(|invited| Some(invited.contact) != own);
    ConferenceAnswer {
        conference_id: conference.id,
        subject: conference.subject.clone(),
        agenda: conference.agenda.clone(),
        start: conference.zone.wall_clock(conference.start),
        end_time: conference.zone.wall_clock(conference.end()),
        time_zone: conference.zone.clone(),
        duration: conference.duration.value(),
        active: state.is_active(),
        auto_record: AutoMedia::None,
        auto_stream: AutoMedia::None,
        auto_transcribe: false,
        host_initiated_recording: conference.host_initiated_recording,
        waiting_room: conference.waiting_room,
        one_time_access_code: (conference.code_kind == CodeKind::OneTime).then(|| conference.code.value()),
        security_pin: None,
        mute_mode: conference.mute_mode,
        participants: conference.invited.iter().map(|invited| invited.contact).collect(),
        moderators: conference
            .invited
            .iter()
            .filter(|invited| invited.moderator)
            .map(|invited| invited.contact)
            .collect(),
        participant_emails: others
            .map(|invited| ParticipantAnswer {
                email: invited.email.clone(),
                name: invited.name.clone(),
                phone: invited.phone.clone(),
                moderator: invited.moderator,
            })
            .collect(),
        room_url,
        livestream_url: format!("{origin}/livestream/{}", conference.code),
        recordings: Vec::new(),
        broadcast_stream: BroadcastStream {},
        is_streaming: false,
        moderator_token: None,
        ics_uid: conference.ics_uid.clone(),
        recurrence: conference.series.as_ref().map(|series| RecurrenceAnswer {
            rrule: series.rule.clone(),
        }),
        occurrences: conference.series.as_ref().map(|_| occurrences(state)),
    }
}

fn occurrences(state: &ConferenceState) -> Vec<OccurrenceAnswer> {
    let zone = &state.conference.zone;
    let shown = |view: &OccurrenceView| OccurrenceAnswer {
        occurrence: zone.wall_clock(view.slot.occurrence.start()),
        start: zone.wall_clock(view.slot.start),
        end_time: zone.wall_clock(view.slot.end()),
        changed: view.slot.changed,
        cancelled: view.slot.cancelled,
        active: view.active,
    };
    state.occurrences.iter().map(shown).collect()
}
