//! Data messages between participants: who sent them is written by us, whom they reach by the sender.
#![expect(deprecated, reason = "clients read what newer ones have elsewhere, too")]

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use livekit_protocol::{
    DataChannelReceiveState, DataPacket,
    data_packet::{Kind, Value},
    participant_info::State,
};
use prost::Message as _;

use super::{
    context::{Context, SessionId},
    participant::Participant,
    state::Room,
    subscription::MAX_NAMES,
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
    /// Unix milliseconds.
    at: i64,
    destinations: Destinations,
    data: Bytes,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.data.len() + self.destinations.bytes()
    }
}

/// Whom a message is for, by identity or sid; nobody named is everybody.
#[derive(Debug, Clone, Default)]
pub(super) struct Destinations(BTreeSet<String>);

impl Destinations {
    fn include(&self, receiver: &Participant) -> bool {
        self.0.is_empty() || self.0.contains(&receiver.ticket.identity) || self.0.contains(&receiver.sid)
    }

    /// Bytes that are held for it, about.
    fn bytes(&self) -> usize {
        self.0.iter().map(|name| size_of::<String>() + name.len()).sum()
    }
}

impl FromIterator<String> for Destinations {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self(names.into_iter().collect())
    }
}

impl History {
    fn keep(&mut self, kept: Kept) {
        self.bytes += kept.bytes();
        self.kept.push_back(kept);
        while self.kept.len() > MAX_KEPT || self.bytes > MAX_KEPT_BYTES {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
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
            ctx.counts.data_refused += 1;
            return;
        };
        let Ok(mut packet) = DataPacket::decode(data.clone()) else {
            ctx.counts.data_refused += 1;
            return;
        };
        if kind == Kind::Reliable && packet.sequence > 0 {
            if packet.sequence <= sender.last_sequence {
                return;
            }
            sender.last_sequence = packet.sequence;
        }
        // Who speaks is ours to say, and clients believe this as if we said it.
        if matches!(packet.value, Some(Value::Speaker(_))) {
            ctx.counts.data_refused += 1;
            return;
        }
        let Some(destinations) = destinations(&mut packet) else {
            ctx.counts.data_refused += 1;
            return;
        };
        packet.participant_sid.clone_from(&sender.sid);
        // Nobody hears from whom a hidden one's messages are.
        let identity = if sender.grants.hidden {
            ""
        } else {
            &sender.ticket.identity
        };
        identity.clone_into(&mut packet.participant_identity);
        packet.set_kind(kind);
        if let Some(Value::User(user)) = &mut packet.value {
            user.participant_sid.clone_from(&sender.sid);
            identity.clone_into(&mut user.participant_identity);
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
                at: ctx.now.unix_ms,
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
        destinations: &Destinations,
        data: &Bytes,
    ) {
        let waits = &**label == "_reliable";
        for receiver in self.participants.values() {
            let is_meant = destinations.include(receiver);
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

    /// Sends again what a participant whose connection was broken has not got. What was said before it came in is not for it.
    pub(super) fn replay(&self, ctx: &mut Context<'_>, session: SessionId, received: &[DataChannelReceiveState]) {
        let Some(receiver) = self.participants.get(&session).filter(|one| !one.waits) else {
            return;
        };
        let received: HashMap<&str, u32> = received
            .iter()
            .take(MAX_NAMES)
            .map(|state| (state.publisher_sid.as_str(), state.last_seq))
            .collect();
        for kept in &self.history.kept {
            let last = received.get(kept.publisher_sid.as_str());
            let missed = last.is_some_and(|last| *last < kept.sequence) && kept.at >= receiver.present_since_ms;
            if missed && kept.destinations.include(receiver) && kept.publisher_sid != receiver.sid {
                ctx.transports(TransportCommand::Send {
                    id: receiver.receiving_transport(),
                    label: Arc::from("_reliable"),
                    data: kept.data.clone(),
                });
            }
        }
    }
}

/// Whom a message is for, from where newer and older clients write it; none if they are too many.
fn destinations(packet: &mut DataPacket) -> Option<Destinations> {
    let mut names = packet.destination_identities.clone();
    if let Some(Value::User(user)) = &mut packet.value {
        names.append(&mut user.destination_identities);
        names.append(&mut user.destination_sids);
    }
    (names.len() <= MAX_NAMES).then(|| names.into_iter().collect())
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
    if over.participant_identity.is_empty() {
        // Field 4, of no bytes.
        bytes.extend_from_slice(&[0x22, 0x00]);
    }
    bytes.extend_from_slice(&over.encode_to_vec());
    bytes.into()
}
