//! The server API: what the holder of a classic API key does to its rooms from outside, as LiveKit's `RoomService` has it.
//! Meetings of the platform are out of its reach.

use std::time::Duration;

use livekit_protocol::{
    CreateRoomRequest, DataPacket, DeleteRoomRequest, DeleteRoomResponse, ListParticipantsRequest,
    ListParticipantsResponse, ListRoomsRequest, ListRoomsResponse, MuteRoomTrackRequest, MuteRoomTrackResponse,
    ParticipantInfo, ParticipantPermission, RemoveParticipantResponse, Room as RoomInfo, RoomParticipantIdentity,
    SendDataRequest, SendDataResponse, TrackSource, TrackUnpublishedResponse, UpdateParticipantRequest,
    UpdateRoomMetadataRequest, UpdateSubscription, UpdateSubscriptionsRequest, UpdateSubscriptionsResponse, UserPacket,
    data_packet::{Kind, Value},
    signal_response::Message,
};
use prost::Message as _;

use super::{
    Control,
    api::{Grants, Now, RoomKey},
    context::{Context, SessionId, TrackSid},
    data::MAX_MESSAGE,
    leave::Departure,
    participant::{TooLong, real_source, source_name},
    state::{Room, Timer},
    updates::{MAX_METADATA, MAX_NAME},
};

/// Longest name of a room, in bytes; as in tokens.
const LONGEST_ROOM: usize = 256;

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No such room, participant or track.
    NotFound(&'static str),
    /// A field cannot be used.
    Invalid(&'static str),
    /// Against the rules of the relay.
    Refused(&'static str),
    /// The relay is full.
    Exhausted,
}

const NO_PARTICIPANT: Failure = Failure::NotFound("participant does not exist");

/// The server API's calls. Each answers as the protocol's documentation of the same name says.
impl Control {
    /// Opens a room before anybody joins, or changes the settings of an open one. A setting of zero, or an empty one, stays
    /// as it is; times are in seconds.
    ///
    /// # Errors
    /// A name or metadata that is too long or empty, or a relay that holds too many rooms.
    pub fn create_room(&mut self, now: Now, request: CreateRoomRequest) -> Result<RoomInfo, Failure> {
        if request.name.is_empty() || request.name.len() > LONGEST_ROOM {
            return Err(Failure::Invalid("name is empty or too long"));
        }
        check_metadata(&request.metadata)?;
        let key = RoomKey::Named(request.name.clone());
        let id = match self.room_of(&key) {
            Some(id) => id,
            None if self.is_full_of_rooms() => return Err(Failure::Exhausted),
            None => self.make_room(now, key),
        };
        self.answer(now, id, |room, ctx| {
            let limits = &mut room.limits;
            if request.max_participants > 0 {
                limits.participants = request.max_participants.min(ctx.config.max_participants);
            }
            if request.departure_timeout > 0 {
                limits.empty_grace = Duration::from_secs(request.departure_timeout.into());
            }
            if request.empty_timeout > 0 {
                limits.first_wait = Duration::from_secs(request.empty_timeout.into());
                if room.participants.is_empty() {
                    room.timers.set(Timer::Empty, ctx.after(limits.first_wait));
                }
            }
            if !request.metadata.is_empty() {
                room.set_metadata(request.metadata);
            }
            Ok(room.info(0))
        })
    }

    /// The rooms of API keys, those named or all.
    #[must_use]
    pub fn list_rooms(&self, request: &ListRoomsRequest) -> ListRoomsResponse {
        let wanted = |room: &&Room| match &room.key {
            RoomKey::Named(name) => request.names.is_empty() || request.names.contains(name),
            RoomKey::Meeting(_) => false,
        };
        ListRoomsResponse {
            rooms: self.rooms().filter(wanted).map(|room| room.info(0)).collect(),
        }
    }

    /// Closes a room and puts everybody out.
    ///
    /// # Errors
    /// No such room.
    pub fn delete_room(&mut self, now: Now, request: &DeleteRoomRequest) -> Result<DeleteRoomResponse, Failure> {
        self.in_room(now, &request.room, |room, ctx| {
            room.close(ctx, Departure::Because(domain::Reason::Ended), None);
            Ok(DeleteRoomResponse {})
        })
    }

    /// Changes what everybody in the room is told about it.
    ///
    /// # Errors
    /// No such room, or metadata that is too long.
    pub fn update_room_metadata(&mut self, now: Now, request: UpdateRoomMetadataRequest) -> Result<RoomInfo, Failure> {
        check_metadata(&request.metadata)?;
        self.in_room(now, &request.room, |room, _| {
            room.set_metadata(request.metadata);
            Ok(room.info(0))
        })
    }

    /// Who is in a room: nobody, where there is none.
    ///
    /// # Errors
    /// None that a caller could make.
    pub fn list_participants(
        &mut self,
        now: Now,
        request: &ListParticipantsRequest,
    ) -> Result<ListParticipantsResponse, Failure> {
        if self.room_of(&RoomKey::Named(request.room.clone())).is_none() {
            return Ok(ListParticipantsResponse::default());
        }
        self.in_room(now, &request.room, |room, ctx| {
            let infos = room.participants.values().map(|one| room.participant_info(ctx, one));
            Ok(ListParticipantsResponse {
                participants: infos.collect(),
            })
        })
    }

    /// One participant.
    ///
    /// # Errors
    /// No such room or participant.
    pub fn get_participant(&mut self, now: Now, request: &RoomParticipantIdentity) -> Result<ParticipantInfo, Failure> {
        self.in_room(now, &request.room, |room, ctx| room.info_of(ctx, &request.identity))
    }

    /// Puts a participant out. Its token still opens the room, as with the peer.
    ///
    /// # Errors
    /// No such room or participant.
    pub fn remove_participant(
        &mut self,
        now: Now,
        request: &RoomParticipantIdentity,
    ) -> Result<RemoveParticipantResponse, Failure> {
        self.in_room(now, &request.room, |room, ctx| {
            let session = room.session_of(&request.identity).ok_or(NO_PARTICIPANT)?;
            room.put_out(ctx, session, domain::Reason::Removed);
            Ok(RemoveParticipantResponse {})
        })
    }

    /// Mutes a track. Nobody is unmuted from outside.
    ///
    /// # Errors
    /// No such room, participant or track; or an unmute.
    pub fn mute_published_track(
        &mut self,
        now: Now,
        request: &MuteRoomTrackRequest,
    ) -> Result<MuteRoomTrackResponse, Failure> {
        self.in_room(now, &request.room, |room, ctx| {
            let session = room.session_of(&request.identity).ok_or(NO_PARTICIPANT)?;
            let track = room.tracks.get(request.track_sid.as_str());
            let is_muted = track
                .filter(|track| track.publisher == session)
                .map(|track| track.info.muted)
                .ok_or(Failure::NotFound("track does not exist"))?;
            if is_muted && !request.muted {
                return Err(Failure::Refused("a track is unmuted by its publisher only"));
            }
            // Once more would make its own unmute look like a report that came late.
            if request.muted && is_muted {
                room.withhold(ctx, &request.track_sid);
            } else if request.muted {
                room.mute_for(ctx, session, &request.track_sid);
            }
            let track = room.tracks.get(request.track_sid.as_str());
            Ok(MuteRoomTrackResponse {
                track: track.map(|track| track.info.clone()),
            })
        })
    }

    /// Changes name, metadata, attributes (an empty value removes one) and permissions of a participant. What is empty stays
    /// as it is; whether the participant is hidden always does.
    ///
    /// # Errors
    /// No such room or participant, or something too long.
    pub fn update_participant(
        &mut self,
        now: Now,
        request: UpdateParticipantRequest,
    ) -> Result<ParticipantInfo, Failure> {
        check_metadata(&request.metadata)?;
        if request.name.len() > MAX_NAME {
            return Err(Failure::Invalid("name is too long"));
        }
        self.in_room(now, &request.room, |room, ctx| {
            let session = room.session_of(&request.identity).ok_or(NO_PARTICIPANT)?;
            let participant = room.participants.get_mut(&session).ok_or(NO_PARTICIPANT)?;
            let attributes = participant
                .attributes_with(&request.attributes)
                .map_err(|TooLong| Failure::Invalid("attributes are too long"))?;
            participant.describe(request.name, request.metadata, attributes);
            if let Some(permission) = &request.permission {
                let hidden = participant.grants.hidden;
                room.permit(ctx, session, grants(permission, hidden));
            }
            room.info_of(ctx, &request.identity)
        })
    }

    /// Subscribes a participant to tracks, or not any more.
    ///
    /// # Errors
    /// No such room or participant.
    pub fn update_subscriptions(
        &mut self,
        now: Now,
        request: UpdateSubscriptionsRequest,
    ) -> Result<UpdateSubscriptionsResponse, Failure> {
        self.in_room(now, &request.room, |room, ctx| {
            let session = room.session_of(&request.identity).ok_or(NO_PARTICIPANT)?;
            let update = UpdateSubscription {
                track_sids: request.track_sids,
                subscribe: request.subscribe,
                participant_tracks: request.participant_tracks,
            };
            room.update_subscription(ctx, session, &update);
            Ok(UpdateSubscriptionsResponse {})
        })
    }

    /// Sends a data message that comes from nobody, to those named by identity or sid or to all.
    ///
    /// # Errors
    /// No such room, or a message that is too long.
    pub fn send_data(&mut self, now: Now, request: SendDataRequest) -> Result<SendDataResponse, Failure> {
        if request.data.len() > MAX_MESSAGE {
            return Err(Failure::Invalid("data is too long"));
        }
        let kind = request.kind();
        self.in_room(now, &request.room, |room, ctx| {
            let label = match kind {
                Kind::Reliable => "_reliable",
                Kind::Lossy => "_lossy",
            };
            #[expect(deprecated, reason = "a server names receivers by their sids, too")]
            let destinations = [request.destination_identities, request.destination_sids]
                .into_iter()
                .flatten()
                .collect();
            let mut packet = DataPacket {
                value: Some(Value::User(UserPacket {
                    payload: request.data,
                    topic: request.topic,
                    nonce: request.nonce,
                    ..UserPacket::default()
                })),
                ..DataPacket::default()
            };
            packet.set_kind(kind);
            room.deliver(ctx, None, &label.into(), &destinations, &packet.encode_to_vec().into());
            Ok(SendDataResponse {})
        })
    }

    fn in_room<T>(
        &mut self,
        now: Now,
        name: &str,
        act: impl FnOnce(&mut Room, &mut Context<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let id = self.room_of(&RoomKey::Named(name.to_owned()));
        self.answer(now, id.ok_or(Failure::NotFound("room does not exist"))?, act)
    }
}

impl Room {
    fn set_metadata(&mut self, metadata: String) {
        if self.metadata != metadata {
            self.metadata = metadata;
            self.counts_changed = true;
        }
    }

    fn info_of(&self, ctx: &Context<'_>, identity: &str) -> Result<ParticipantInfo, Failure> {
        self.session_of(identity)
            .and_then(|session| self.participants.get(&session))
            .map(|participant| self.participant_info(ctx, participant))
            .ok_or(NO_PARTICIPANT)
    }

    /// Gives a participant other rights, and takes away what it has by those that it lost.
    pub(super) fn permit(&mut self, ctx: &mut Context<'_>, session: SessionId, grants: Grants) {
        let Some(participant) = self.participants.get_mut(&session) else {
            return;
        };
        let could_subscribe = participant.grants.subscribe;
        let can_subscribe = grants.subscribe;
        participant.grants = grants;
        participant.touch();
        let connection = participant.connection;
        let participant = &self.participants[&session];
        let source_of = |sid: &TrackSid| {
            self.tracks.get(sid).map_or(TrackSource::Unknown, |track| {
                real_source(track.info.r#type(), track.info.source())
            })
        };
        let lost: Vec<TrackSid> = participant
            .published
            .iter()
            .filter(|sid| !participant.grants.allow(source_of(sid)))
            .cloned()
            .collect();
        for sid in lost {
            let track_sid = sid.to_string();
            self.unpublish(ctx, &sid);
            ctx.send(
                connection,
                Message::TrackUnpublished(TrackUnpublishedResponse { track_sid }),
            );
        }
        if could_subscribe && !can_subscribe {
            let subscribed: Vec<TrackSid> = self.participants[&session].subscriptions.keys().cloned().collect();
            for sid in subscribed {
                self.stop_sending(ctx, session, &sid);
            }
        } else if !could_subscribe && can_subscribe {
            let wanted: Vec<TrackSid> = self.participants[&session].subscriptions.keys().cloned().collect();
            for sid in wanted {
                self.subscribe(ctx, session, &sid);
            }
            self.subscribe_newcomer(ctx, session);
        }
    }
}

/// What a permission of the server API allows; whether somebody is hidden stays as it is.
fn grants(permission: &ParticipantPermission, hidden: bool) -> Grants {
    Grants {
        subscribe: permission.can_subscribe,
        publish: permission.can_publish,
        publish_data: permission.can_publish_data,
        update_metadata: permission.can_update_metadata,
        hidden,
        sources: permission
            .can_publish_sources()
            .map(|source| source_name(source).to_owned())
            .collect(),
    }
}

fn check_metadata(metadata: &str) -> Result<(), Failure> {
    if metadata.len() > MAX_METADATA {
        return Err(Failure::Invalid("metadata is too long"));
    }
    Ok(())
}
