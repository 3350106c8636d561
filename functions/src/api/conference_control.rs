//! `conference/control`: acts in a running meeting, through the relays that hold it.

use domain::Reason;
use domain::id::{ConferenceId, ParticipantNumber, RoomName};
use domain::relay::{Action, Command};
use domain::room::MuteMode;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Relay;
use tokio::task::JoinSet;

use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::relay_command::CommandError;
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
    /// Mute somebody. In a presentation that also takes the word back.
    Mute,
    /// Ask somebody to unmute. In a presentation that also gives the word.
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
    /// Mute everybody but the moderators.
    MuteAll,
    /// Ask everybody who is muted to unmute.
    UnmuteAll,
    /// Let nobody new in but moderators.
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
    /// What to do. Not available yet: `lower_hand`, and whatever records or streams.
    pub action: ControlAction,
    /// To whom, by its number, where it is done to one.
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
    /// To whom, where it was done to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantNumber>,
    /// How, for `set_mute_mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute_mode: Option<MuteMode>,
}

impl ConferenceControlParameters {
    /// What relays are told, and to whom it is done.
    fn order(&self) -> Result<(Action, Option<ParticipantNumber>), Refusal> {
        let one = || self.participant.ok_or_else(|| Refusal::missing("participant"));
        let action = match self.action {
            ControlAction::Admit => Action::Admit { participant: one()? },
            ControlAction::Reject => Action::Reject { participant: one()? },
            ControlAction::Mute => Action::Mute { participant: one()? },
            ControlAction::AskUnmute => Action::AskUnmute { participant: one()? },
            ControlAction::CameraOff => Action::CameraOff { participant: one()? },
            ControlAction::Promote => Action::Promote { participant: one()? },
            ControlAction::Demote => Action::Demote { participant: one()? },
            ControlAction::Remove => Action::Remove {
                participant: one()?,
                reason: Reason::Removed,
            },
            ControlAction::MuteAll => return Ok((Action::MuteAll, None)),
            ControlAction::UnmuteAll => return Ok((Action::UnmuteAll, None)),
            ControlAction::Lock => return Ok((Action::Lock, None)),
            ControlAction::Unlock => return Ok((Action::Unlock, None)),
            ControlAction::SetMuteMode => {
                let mute_mode = self.mute_mode.ok_or_else(|| Refusal::missing("mute_mode"))?;
                return Ok((Action::SetMuteMode { mute_mode }, None));
            }
            ControlAction::LowerHand
            | ControlAction::StartRecording
            | ControlAction::StopRecording
            | ControlAction::StartStream
            | ControlAction::StopStream => {
                return Err(Refusal::invalid("action", "is not available on this installation"));
            }
        };
        Ok((action, self.participant))
    }
}

impl Endpoint for ConferenceControl {
    const ID: &'static str = "conference_control";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/conference/control";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey, Need::SigningKey];
    const FIRST: Option<First> = Some(First::Conference);
    const SUMMARY: &'static str = "Acts in a running meeting.";
    type Input = Parameters<ConferenceControlParameters>;
    type Output = Json<ConferenceControlAnswer>;

    fn object(Parameters(asked): &Self::Input) -> Option<String> {
        Some(format!("conference/{}", asked.conference_id))
    }

    async fn handle(context: &Context<'_>, Parameters(asked): Self::Input) -> Result<Self::Output, Error> {
        let (action, participant) = asked.order()?;
        let (caller, store) = (context.caller()?, context.store());
        let state = context.conference(asked.conference_id).await?;
        let current = &state.conference;
        let of = (current.reseller, current.id);
        let running = || state.occurrences.iter().filter(|view| view.active);
        // Of who waits only the relay knows.
        let waits = matches!(action, Action::Admit { .. } | Action::Reject { .. });
        let present = async {
            match participant.filter(|_| !waits) {
                Some(participant) => store.present(of, running(), participant).await,
                None => Ok(None),
            }
        };
        let (host, around, occurrence) = tokio::try_join!(
            store.host(&caller.scope, current.host),
            store.surroundings(&state),
            present
        )?;
        caller.check_rank(host.role)?;
        if !state.is_active() {
            return Err(not_running());
        }
        let rooms: Vec<RoomName> = match (participant, occurrence) {
            (_, Some(occurrence)) => vec![current.room_of(occurrence)],
            (Some(_), None) if !waits => return Err(nobody()),
            (_, None) => running().map(|view| current.room_of(view.slot.occurrence)).collect(),
        };
        // Relays do what they are told at once, so the caller must stand before they are.
        context.cleared().await?;
        let sent = send(context, &around.relays, &rooms, action).await?;
        match (sent, participant) {
            (Sent::Done, _) => {}
            (Sent::NotThere, Some(_)) => return Err(nobody()),
            (Sent::NotThere, None) => return Err(not_running()),
        }
        let answer = ConferenceControlAnswer {
            conference_id: current.id,
            action: asked.action,
            participant,
            mute_mode: asked.mute_mode.filter(|_| asked.action == ControlAction::SetMuteMode),
        };
        let claim = context.claim(&answer).await?;
        let mut what = json!({"action": answer.action});
        for (name, value) in [
            ("participant", json!(participant)),
            ("occurrence", json!(occurrence)),
            ("mute_mode", json!(answer.mute_mode)),
        ] {
            if !value.is_null() {
                what[name] = value;
            }
        }
        let write = context.write(claim.as_ref()).await?;
        store.conference_controlled(current, &what, &write).await?;
        Ok(Json(answer))
    }
}

/// What came of a command.
enum Sent {
    Done,
    /// No relay holds the room, or the participant meant.
    NotThere,
}

/// Has the living relays carry an action out in these rooms, all at once; a repeat has no further effect. A relay that does
/// not hold a room, or the participant meant, has no part in it.
async fn send(context: &Context<'_>, relays: &[Relay], rooms: &[RoomName], action: Action) -> Result<Sent, Error> {
    let mut sending = JoinSet::new();
    for relay in relays.iter().filter(|relay| relay.is_alive(context.now)) {
        for room in rooms.iter().copied() {
            let (commands, id, url) = (context.app.commands.clone(), relay.id.clone(), relay.url.clone());
            let (nonce, now) = (context.app.uuid(), context.now);
            sending.spawn(async move {
                let sent = commands.send(&id, &url, &nonce, now, &Command { room, action }).await;
                if let Err(error) = &sent {
                    tracing::warn!(relay = %id, %error, "a relay did not carry out a command");
                }
                sent
            });
        }
    }
    let (mut done, mut absent, mut failed) = (0, 0, 0);
    let mut conflict = None;
    while let Some(sent) = sending.join_next().await {
        match sent {
            Ok(Ok(())) => done += 1,
            Ok(Err(CommandError::NotThere)) => absent += 1,
            Ok(Err(CommandError::Conflict(why))) => conflict = Some(why),
            Ok(Err(_)) | Err(_) => failed += 1,
        }
    }
    if let Some(why) = conflict {
        return Err(Refusal::new(Code::Conflict, why).into());
    }
    match (done, absent, failed) {
        (1.., _, 0) => Ok(Sent::Done),
        (0, 1.., 0) => Ok(Sent::NotThere),
        // Nobody has come to it yet.
        (0, 0, 0) if relays.is_empty() => Ok(Sent::NotThere),
        _ => {
            let why = "The meeting's relay cannot be reached, please try again";
            Err(Refusal::new(Code::Unavailable, why).with_retry_after(5).into())
        }
    }
}

fn not_running() -> Error {
    Refusal::new(Code::Conflict, "The meeting is not running").into()
}

fn nobody() -> Error {
    Refusal::not_found("participant").with_field("participant").into()
}
