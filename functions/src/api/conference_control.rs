//! `conference/control`: acts in a running meeting, through the relays that hold it.

use domain::Reason;
use domain::id::{ConferenceId, ParticipantNumber};
use domain::relay::{Action, Command};
use domain::room::MuteMode;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Relay;
use tokio::task::JoinSet;

use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Acts in a meeting.
#[derive(Debug)]
pub struct ConferenceControl;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ControlAction {
    /// Let somebody in from the waiting room.
    Admit,
    /// Turn somebody away from the waiting room.
    Reject,
    /// Mute somebody.
    Mute,
    /// Ask somebody to unmute.
    AskUnmute,
    /// Switch somebody's camera off.
    CameraOff,
    /// Take somebody's hand down.
    LowerHand,
    /// Make somebody a moderator.
    Promote,
    /// Make a moderator a guest.
    Demote,
    /// Put somebody out.
    Remove,
    /// Mute everybody.
    MuteAll,
    /// Let everybody unmute.
    UnmuteAll,
    /// Let nobody in any more.
    Lock,
    /// Let people in again.
    Unlock,
    /// Change who is heard.
    SetMuteMode,
    /// Begin to record.
    StartRecording,
    /// Stop recording.
    StopRecording,
    /// Begin to stream.
    StartStream,
    /// Stop streaming.
    StopStream,
}

/// In which meeting, and to whom.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ConferenceControlParameters {
    /// Its id.
    pub conference_id: ConferenceId,
    /// What to do; this installation's relays carry out `remove`.
    pub action: ControlAction,
    /// To whom, by its number.
    pub participant: Option<ParticipantNumber>,
    /// For `set_mute_mode`.
    pub mute_mode: Option<MuteMode>,
}

/// What was done.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConferenceControlAnswer {
    /// In which meeting.
    pub conference_id: ConferenceId,
    /// What.
    pub action: ControlAction,
    /// To whom.
    pub participant: ParticipantNumber,
}

impl Endpoint for ConferenceControl {
    const ID: &'static str = "conference_control";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/control";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey, Need::SigningKey];
    const SUMMARY: &'static str = "Acts in a running meeting.";
    type Input = Parameters<ConferenceControlParameters>;
    type Output = Json<ConferenceControlAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("conference/{}", asked.conference_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        if asked.action != ControlAction::Remove {
            return Err(Refusal::invalid("action", "is not available on this installation").into());
        }
        let participant = asked.participant.ok_or_else(|| Refusal::missing("participant"))?;
        let (caller, store) = (context.caller()?, context.store());
        let state = store.conference(&caller.scope, asked.conference_id).await?;
        let current = &state.conference;
        let of = (current.reseller, current.id);
        let (host, around, people) = tokio::try_join!(
            store.host(&caller.scope, current.host),
            store.surroundings(&state),
            store.present(of, state.occurrences.iter().filter(|view| view.active), participant)
        )?;
        caller.check_rank(host.role)?;
        if !state.is_active() {
            return Err(Refusal::new(Code::Conflict, "The meeting is not running").into());
        }
        let Some(occurrence) = people else {
            return Err(Refusal::not_found("participant").with_field("participant").into());
        };
        let command = Command {
            room: current.room_of(occurrence),
            action: Action::Remove {
                participant,
                reason: Reason::Removed,
            },
        };
        send(context, &around.relays, &command).await?;
        let answer = ConferenceControlAnswer {
            conference_id: current.id,
            action: asked.action,
            participant,
        };
        let claim = context.claim(&answer)?;
        let what = json!({"action": answer.action, "participant": participant, "occurrence": occurrence});
        let write = context.write(claim.as_ref()).await?;
        store.conference_controlled(current, &what, &write).await?;
        Ok(Json(answer))
    }
}

/// Has the living relays that hold the room carry a command out, all at once; a repeat has no further effect.
async fn send(context: &Context<'_>, relays: &[Relay], command: &Command) -> Result<(), Refusal> {
    let mut sending = JoinSet::new();
    for relay in relays.iter().filter(|relay| relay.is_alive(context.now)) {
        let (commands, id, url) = (context.app.commands.clone(), relay.id.clone(), relay.url.clone());
        let (nonce, now, command) = (context.app.uuid(), context.now, command.clone());
        sending.spawn(async move {
            let sent = commands.send(&id, &url, &nonce, now, &command).await;
            if let Err(error) = &sent {
                tracing::warn!(relay = %id, %error, "a relay did not carry out a command");
            }
            sent.is_ok()
        });
    }
    let (mut asked, mut done) = (0, 0);
    while let Some(sent) = sending.join_next().await {
        asked += 1;
        done += usize::from(sent.unwrap_or(false));
    }
    if asked > 0 && asked == done {
        return Ok(());
    }
    let why = "The meeting's relay cannot be reached, please try again";
    Err(Refusal::new(Code::Unavailable, why).with_retry_after(5))
}
