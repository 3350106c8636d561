use bytes::Bytes;
use livekit_protocol::{
    ActiveSpeakerUpdate, DataPacket, SpeakerInfo, UserPacket,
    data_packet::{Kind, Value},
};
use prost::Message as _;

use super::*;

/// `a` and `c` with two connections, `b` with one.
fn three() -> World {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.enter(3, "c", Mode::Dual);
    world.forget();
    world
}

fn user(payload: &[u8], sequence: u32, to: &[&str]) -> DataPacket {
    DataPacket {
        sequence,
        destination_identities: to.iter().map(|identity| (*identity).to_owned()).collect(),
        participant_identity: "somebody else".into(),
        value: Some(Value::User(UserPacket {
            payload: payload.to_vec(),
            participant_identity: "somebody else".into(),
            ..UserPacket::default()
        })),
        ..DataPacket::default()
    }
}

/// Transports by when they were made: a's publisher and subscriber, b's one, c's publisher and subscriber.
fn transport(n: u32) -> TransportId {
    // Two workers, and the first room is on the second one.
    TransportId(n * 2 + 1)
}

fn send(world: &mut World, label: &str, data: Vec<u8>) {
    world.handle(Input::Transport(TransportEvent::Data {
        id: transport(3),
        label: Arc::from(label),
        data: data.into(),
    }));
}

fn received(world: &World) -> Vec<(TransportId, DataPacket)> {
    world
        .transports
        .iter()
        .filter_map(|command| match command {
            TransportCommand::Send { id, data, .. } => Some((*id, DataPacket::decode(data.clone()).expect("a packet"))),
            _ => None,
        })
        .collect()
}

#[test]
fn a_message_reaches_the_others_with_its_true_sender() {
    let mut world = three();
    send(&mut world, "_reliable", user(b"hi", 1, &[]).encode_to_vec());
    let received = received(&world);
    assert_eq!(
        received.iter().map(|(to, _)| *to).collect::<Vec<_>>(),
        [transport(2), transport(5)]
    );
    let packet = &received[0].1;
    assert_eq!(
        (packet.participant_identity.as_str(), packet.kind()),
        ("b", Kind::Reliable)
    );
    let Some(Value::User(user)) = &packet.value else {
        panic!("{packet:?}");
    };
    assert_eq!(
        (user.participant_identity.as_str(), user.payload.as_slice()),
        ("b", &b"hi"[..])
    );
}

#[test]
fn a_hidden_sender_stays_unknown_whatever_it_writes() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    let mut hidden = ticket("b", None);
    hidden.grants.hidden = true;
    world.handle(Input::Join(Box::new(join(2, hidden, Mode::Single))));
    world.connect_all();
    world.forget();
    send(&mut world, "_lossy", user(b"hi", 0, &[]).encode_to_vec());
    let packet = received(&world).remove(0).1;
    let Some(Value::User(user)) = &packet.value else {
        panic!("{packet:?}");
    };
    assert_eq!(
        (packet.participant_identity.as_str(), user.participant_identity.as_str()),
        ("", "")
    );
    // Of a kind unknown to us, the message goes on as it came, but for who sent it.
    world.forget();
    let mut unknown = vec![0xc2, 0x0c, 3, 7, 8, 9];
    unknown.extend_from_slice(
        &DataPacket {
            participant_identity: "forged".into(),
            ..DataPacket::default()
        }
        .encode_to_vec(),
    );
    send(&mut world, "_lossy", unknown);
    assert_eq!(received(&world)[0].1.participant_identity, "");
}

#[test]
fn destinations_are_honoured_and_the_channel_says_the_kind() {
    let mut world = three();
    send(&mut world, "_lossy", user(b"psst", 0, &["c"]).encode_to_vec());
    let received = received(&world);
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].0, received[0].1.kind()), (transport(5), Kind::Lossy));
}

#[test]
fn a_reliable_message_waits_for_who_is_still_connecting() {
    let mut world = three();
    world.handle(Input::Join(Box::new(join(4, ticket("d", None), Mode::Dual))));
    send(&mut world, "_lossy", user(b"gone", 0, &["d"]).encode_to_vec());
    assert_eq!(received(&world), []);
    send(&mut world, "_reliable", user(b"kept", 1, &["d"]).encode_to_vec());
    let received = received(&world);
    assert_eq!(received.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [transport(7)]);
}

#[test]
fn a_reliable_message_is_passed_on_once() {
    let mut world = three();
    for sequence in [1, 2, 2, 1, 3] {
        send(&mut world, "_reliable", user(b"x", sequence, &["a"]).encode_to_vec());
    }
    assert_eq!(
        received(&world)
            .iter()
            .map(|(_, packet)| packet.sequence)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
}

#[test]
fn a_value_of_a_kind_unknown_to_us_survives() {
    let mut world = three();
    // Field 200, three bytes.
    let mut unknown = vec![0xc2, 0x0c, 3, 7, 8, 9];
    unknown.extend_from_slice(
        &DataPacket {
            participant_identity: "forged".into(),
            kind: 1,
            ..DataPacket::default()
        }
        .encode_to_vec(),
    );
    send(&mut world, "_reliable", unknown.clone());
    let data = world.transports.iter().find_map(|command| match command {
        TransportCommand::Send { data, .. } => Some(data.clone()),
        _ => None,
    });
    let data = data.expect("passed on");
    assert!(data.starts_with(&unknown[..6]));
    let packet = DataPacket::decode(data).expect("a packet");
    assert_eq!(
        (packet.participant_identity.as_str(), packet.kind()),
        ("b", Kind::Reliable)
    );
}

#[test]
fn garbage_foreign_channels_and_the_unallowed_are_dropped() {
    let mut world = three();
    send(&mut world, "_reliable", vec![0xff; 40]);
    send(&mut world, "_data_track", user(b"x", 0, &[]).encode_to_vec());
    send(&mut world, "other", user(b"x", 0, &[]).encode_to_vec());
    send(&mut world, "_reliable", user(&[0; 70_000], 0, &[]).encode_to_vec());
    assert!(received(&world).is_empty());
    let mut mute = ticket("m", None);
    mute.grants.publish_data = false;
    world.handle(Input::Join(Box::new(join(4, mute, Mode::Single))));
    world.connect_all();
    world.handle(Input::Transport(TransportEvent::Data {
        id: transport(6),
        label: Arc::from("_reliable"),
        data: Bytes::from(user(b"x", 0, &[]).encode_to_vec()),
    }));
    assert!(received(&world).is_empty());
}

#[test]
fn who_speaks_is_said_by_the_relay_alone() {
    let mut world = three();
    let speakers = ActiveSpeakerUpdate {
        speakers: vec![SpeakerInfo {
            sid: "PA_somebody".into(),
            level: 1.0,
            active: true,
        }],
    };
    let packet = DataPacket {
        value: Some(Value::Speaker(speakers)),
        ..DataPacket::default()
    };
    send(&mut world, "_lossy", packet.encode_to_vec());
    assert_eq!(received(&world), []);
    assert_eq!(world.control.counts().data_refused, 1);
}
