//! Data messages between participants: who sent them is written by us, whom they reach by the sender.
#![expect(deprecated, reason = "clients read what newer ones have elsewhere, too")]

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use livekit_protocol::{
    DataChannelReceiveState, DataPacket,
    data_packet::{Kind, Value},
    participant_info::State,
};
use prost::Message as _;

use super::{
    context::{Context, SessionId},
    state::Room,
};
use crate::types::TransportCommand;

/// Reliable messages kept for those whose connection breaks: at most this many, and this many bytes.
const MAX_KEPT: usize = 512;
const MAX_KEPT_BYTES: usize = 1 << 20;

/// Largest message taken, in bytes; browsers send no larger ones.
pub(super) const MAX_MESSAGE: usize = 65_536;

/// The last reliable messages of a room.
#[derive(Debug, Default)]
pub(super) struct History {
    kept: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    publisher_sid: String,
    sequence: u32,
    destinations: Vec<String>,
    data: Bytes,
}

impl History {
    fn keep(&mut self, kept: Kept) {
        self.bytes += kept.data.len();
        self.kept.push_back(kept);
        while self.kept.len() > MAX_KEPT || self.bytes > MAX_KEPT_BYTES {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= oldest.data.len();
        }
    }
}

impl Room {
    /// A message arrived on a data channel.
    pub(super) fn handle_data(&mut self, ctx: &mut Context<'_>, session: SessionId, label: &Arc<str>, data: &Bytes) {
        let kind = match &**label {
            "_reliable" => Kind::Reliable,
            "_lossy" => Kind::Lossy,
            _ => return,
        };
        let Some(sender) = self
            .participants
            .get_mut(&session)
            .filter(|sender| sender.grants.publish_data && data.len() <= MAX_MESSAGE)
        else {
            return;
        };
        let Ok(mut packet) = DataPacket::decode(data.clone()) else {
            return;
        };
        if kind == Kind::Reliable && packet.sequence > 0 {
            if packet.sequence <= sender.last_sequence {
                return;
            }
            sender.last_sequence = packet.sequence;
        }
        let destinations = destinations(&mut packet);
        packet.participant_sid.clone_from(&sender.sid);
        packet.participant_identity.clone_from(&sender.ticket.identity);
        packet.set_kind(kind);
        if let Some(Value::User(user)) = &mut packet.value {
            user.participant_sid.clone_from(&sender.sid);
            user.participant_identity.clone_from(&sender.ticket.identity);
        }
        let unknown = packet.value.is_none();
        let (sid, sequence) = (packet.participant_sid.clone(), packet.sequence);
        let bytes = if unknown {
            overwritten(data, packet)
        } else {
            packet.encode_to_vec().into()
        };
        if kind == Kind::Reliable && sequence > 0 {
            self.history.keep(Kept {
                publisher_sid: sid,
                sequence,
                destinations: destinations.clone(),
                data: bytes.clone(),
            });
        }
        self.deliver(ctx, Some(session), label, &destinations, &bytes);
    }

    /// Sends a message to those named by identity or sid, or to all, but not to who sent it. A reliable one waits for the
    /// channel of whoever is still connecting: the others know of them already.
    pub(super) fn deliver(
        &self,
        ctx: &mut Context<'_>,
        from: Option<SessionId>,
        label: &Arc<str>,
        destinations: &[String],
        data: &Bytes,
    ) {
        let waits = &**label == "_reliable";
        for receiver in self.participants.values() {
            let is_meant = destinations.is_empty()
                || destinations.contains(&receiver.ticket.identity)
                || destinations.contains(&receiver.sid);
            let is_there = receiver.state == State::Active || waits && receiver.state == State::Joined;
            if Some(receiver.session) != from && is_meant && !receiver.waits && is_there {
                ctx.transports(TransportCommand::Send {
                    id: receiver.receiving_transport(),
                    label: label.clone(),
                    data: data.clone(),
                });
            }
        }
    }

    /// Sends again what a participant whose connection was broken has not got.
    pub(super) fn replay(&self, ctx: &mut Context<'_>, session: SessionId, received: &[DataChannelReceiveState]) {
        let Some(receiver) = self.participants.get(&session).filter(|one| !one.waits) else {
            return;
        };
        for kept in &self.history.kept {
            let missed = received
                .iter()
                .any(|state| state.publisher_sid == kept.publisher_sid && state.last_seq < kept.sequence);
            let is_meant = kept.destinations.is_empty()
                || kept.destinations.contains(&receiver.ticket.identity)
                || kept.destinations.contains(&receiver.sid);
            if missed && is_meant && kept.publisher_sid != receiver.sid {
                ctx.transports(TransportCommand::Send {
                    id: receiver.receiving_transport(),
                    label: Arc::from("_reliable"),
                    data: kept.data.clone(),
                });
            }
        }
    }
}

/// Identities and sids that a message is for, from where newer and older clients write them; empty is everybody.
fn destinations(packet: &mut DataPacket) -> Vec<String> {
    let mut destinations = packet.destination_identities.clone();
    if let Some(Value::User(user)) = &mut packet.value {
        destinations.extend(std::mem::take(&mut user.destination_identities));
        destinations.extend(std::mem::take(&mut user.destination_sids));
    }
    destinations
}

/// The message as it came, with the sender written over: fields that come later in a protobuf message win, so that a
/// value of a kind unknown to us survives.
fn overwritten(data: &Bytes, packet: DataPacket) -> Bytes {
    let over = DataPacket {
        kind: packet.kind,
        participant_sid: packet.participant_sid,
        participant_identity: packet.participant_identity,
        ..DataPacket::default()
    };
    let mut bytes = data.to_vec();
    if over.kind == 0 {
        // Field 1, varint, zero: the encoder leaves a default out.
        bytes.extend_from_slice(&[0x08, 0x00]);
    }
    bytes.extend_from_slice(&over.encode_to_vec());
    bytes.into()
}
