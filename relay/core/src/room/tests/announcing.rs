use livekit_protocol::{MuteTrackRequest, TrackInfo, UpdateSubscription};

use super::*;
use crate::types::Codec;

/// `a` and `b`, and `d`, who has one connection.
fn together(mode: Mode) -> World {
    let mut world = World::new();
    world.enter(1, "a", mode);
    world.enter(2, "b", Mode::Single);
    world.enter(4, "d", Mode::Single);
    world
}

/// `b` has announced microphone and camera, and what came before is forgotten.
fn announced(mode: Mode) -> World {
    let mut world = together(mode);
    world.forget();
    world.signal(2, microphone(ONE_MICROPHONE));
    world.pass(Duration::from_millis(4));
    world.signal(2, camera(ONE_CAMERA));
    assert_eq!(world.seen(1, "b"), None);
    world.pass(Duration::from_millis(1));
    world
}

fn tracks_of_b(world: &World) -> Vec<TrackInfo> {
    world.seen(1, "b").expect("told").tracks
}

fn published() -> signal_request::Message {
    signal_request::Message::Offer(offer(ONE_PUBLISH, 3))
}

/// `a` does its part of a negotiation.
fn agree(world: &mut World, mode: Mode) {
    match mode {
        Mode::Dual => world.answer(1),
        Mode::Single => world.signal(1, signal_request::Message::Offer(offer(ONE_JOIN, 2))),
    }
}

#[test]
fn the_others_negotiate_while_the_publisher_makes_its_offer() {
    for (mode, asked) in [
        (Mode::Dual, vec!["update", "offer"]),
        (Mode::Single, vec!["update", "media_sections_requirement"]),
    ] {
        let mut world = announced(mode);
        assert_eq!(world.names(1), asked);
        let mimes: Vec<String> = tracks_of_b(&world).into_iter().map(|track| track.mime_type).collect();
        assert_eq!(mimes, ["audio/opus", "video/VP8"]);
        agree(&mut world, mode);
        assert!(world.sinks().is_empty() && world.sources().is_empty());
        let before = world.tracks_by_mid(1);
        assert_eq!(before.len(), 2);
        world.sent.clear();
        world.signal(2, published());
        // Nothing is left to be agreed upon.
        assert_eq!(world.names(1), ["update"]);
        let mids: Vec<String> = tracks_of_b(&world).into_iter().map(|track| track.mid).collect();
        assert!(mids.iter().all(|mid| !mid.is_empty()), "{mids:?}");
        assert_eq!(world.sinks().len(), 2);
        let publisher = world.names(2);
        assert_eq!(publisher.iter().filter(|name| **name == "track_subscribed").count(), 2);
    }
}

#[test]
fn the_others_may_agree_after_the_offer() {
    for mode in [Mode::Dual, Mode::Single] {
        let mut world = announced(mode);
        world.signal(2, published());
        assert!(world.sinks().is_empty());
        agree(&mut world, mode);
        assert_eq!(world.sinks().len(), 2);
    }
}

#[test]
fn a_newcomer_gets_what_is_announced() {
    let mut world = announced(Mode::Dual);
    world.enter(3, "c", Mode::Dual);
    assert_eq!(world.welcome(3).other_participants[1].tracks.len(), 2);
    world.signal(2, published());
    assert_eq!(world.sinks().len(), 2);
}

#[test]
fn what_does_not_come_is_gone_until_it_does() {
    let mut world = announced(Mode::Dual);
    world.answer(1);
    world.pass(Duration::from_millis(4_999));
    assert_eq!(tracks_of_b(&world).len(), 2);
    world.pass(Duration::from_millis(1));
    assert!(tracks_of_b(&world).is_empty());
    world.answer(1);
    assert!(world.tracks_by_mid(1).is_empty());
    world.signal(2, published());
    assert_eq!(tracks_of_b(&world).len(), 2);
    world.answer(1);
    assert_eq!(world.sinks().len(), 2);
    // It stays: nothing is expected any more.
    world.pass(Duration::from_secs(60));
    assert_eq!(tracks_of_b(&world).len(), 2);
}

#[test]
fn who_did_not_want_it_is_not_given_it_when_it_comes_late() {
    let mut world = announced(Mode::Dual);
    world.answer(1);
    let decline = UpdateSubscription {
        track_sids: vec![tracks_of_b(&world)[1].sid.clone()],
        subscribe: false,
        ..UpdateSubscription::default()
    };
    world.signal(1, signal_request::Message::Subscription(decline));
    world.answer(1);
    world.pass(Duration::from_secs(5));
    world.answer(1);
    world.signal(2, published());
    world.answer(1);
    assert_eq!(world.sinks().len(), 1);
}

#[test]
fn who_goes_before_its_offer_leaves_nothing() {
    let mut world = announced(Mode::Dual);
    world.answer(1);
    world.signal(
        2,
        signal_request::Message::Leave(livekit_protocol::LeaveRequest::default()),
    );
    assert_eq!(world.seen(1, "b").expect("told").state, 3);
    world.answer(1);
    assert!(world.tracks_by_mid(1).is_empty());
    world.pass(Duration::from_secs(10));
    assert!(world.sinks().is_empty());
}

#[test]
fn a_picture_in_another_codec_than_announced_is_negotiated_anew() {
    let without_vp9: String = ONE_PUBLISH
        .lines()
        .filter(|line| !line.contains("VP9") && !line.starts_with("a=fmtp:98 ") && !line.starts_with("a=rtcp-fb:98 "))
        .flat_map(|line| [line, "\r\n"])
        .collect();
    let mut world = together(Mode::Dual);
    world.signal(2, camera_with(ONE_CAMERA, &["vp9"]));
    world.pass(Duration::from_millis(5));
    world.answer(1);
    assert_eq!(tracks_of_b(&world)[0].mime_type, "video/VP9");
    world.signal(2, signal_request::Message::Offer(offer(&without_vp9, 3)));
    assert_eq!(tracks_of_b(&world)[0].mime_type, "video/VP8");
    assert_eq!(world.sources()[0].1.codec, Codec::Vp8);
    world.answer(1);
    assert_eq!(world.sinks().len(), 1);
}

#[test]
fn who_cannot_decode_what_is_announced_gets_its_backup_codec() {
    let mut world = together(Mode::Dual);
    world.signal(2, camera_with(ONE_CAMERA, &["vp9", "vp8"]));
    world.pass(Duration::from_millis(5));
    world.answer_with(1, |sdp| {
        sdp.replace("m=video 9 UDP/TLS/RTP/SAVPF 98 99", "m=video 0 UDP/TLS/RTP/SAVPF 98")
    });
    world.signal(2, published());
    let wanted = world.last(2, |message| match message {
        Message::SubscribedQualityUpdate(update) => Some(update.subscribed_codecs.len()),
        _ => None,
    });
    assert_eq!(wanted, Some(2));
    assert!(world.sinks().is_empty());
}

#[test]
fn what_is_muted_before_its_offer_is_told_so() {
    let mut world = announced(Mode::Dual);
    let [microphone, _] = &tracks_of_b(&world)[..] else {
        panic!("two tracks");
    };
    let mute = MuteTrackRequest {
        sid: microphone.sid.clone(),
        muted: true,
    };
    world.signal(2, signal_request::Message::Mute(mute));
    assert!(tracks_of_b(&world)[0].muted);
    world.signal(2, published());
    assert!(world.sources()[0].1.muted);
}

#[test]
fn of_a_picture_of_no_known_codec_and_where_all_have_two_connections_nobody_hears_before_the_offer() {
    let mut two = World::new();
    two.enter(1, "a", Mode::Dual);
    two.enter(2, "b", Mode::Single);
    for (mut world, track) in [
        (together(Mode::Dual), camera_with(ONE_CAMERA, &[])),
        (two, microphone(ONE_MICROPHONE)),
    ] {
        world.signal(2, track);
        world.pass(Duration::from_secs(1));
        assert!(tracks_of_b(&world).is_empty());
        world.signal(2, published());
        assert_eq!(tracks_of_b(&world).len(), 1);
    }
}

#[test]
fn in_a_large_room_a_track_is_told_once() {
    let many = RoomSettings {
        max_participants: 60,
        ..settings()
    };
    let mut world = opened_by(many, (1..=51).map(|n| ticket(&format!("p{n}"), Some(n))));
    world.pass(Duration::from_secs(3));
    world.forget();
    world.signal(1, microphone(ONE_MICROPHONE));
    world.pass(Duration::from_secs(3));
    assert_eq!(world.seen(2, "p1"), None);
    world.signal(1, published());
    world.pass(Duration::from_secs(3));
    assert_eq!(world.seen(2, "p1").expect("told").tracks.len(), 1);
}
