use livekit_protocol::{
    MuteTrackRequest, SubscriptionPermission, UpdateSubscription, UpdateTrackSettings, request_response,
};

use super::*;
use crate::{
    forward::{SpeakerLevel, Want},
    types::Codec,
};

/// `a` with two connections sees `b`, who publishes with one.
fn pair(mode: Mode) -> World {
    let mut world = World::new();
    world.enter(1, "a", mode);
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world
}

fn camera_sid(world: &World) -> String {
    world.seen(1, "b").expect("told").tracks[1].sid.clone()
}

fn settings(sid: &str, disabled: bool, width: u32, height: u32) -> signal_request::Message {
    signal_request::Message::TrackSetting(UpdateTrackSettings {
        track_sids: vec![sid.into()],
        disabled,
        width,
        height,
        quality: 2,
        ..UpdateTrackSettings::default()
    })
}

fn set_wants(world: &World) -> Vec<Want> {
    world
        .forward
        .iter()
        .filter_map(|command| match command {
            forward::Command::SinkSet { want, .. } => Some(*want),
            _ => None,
        })
        .collect()
}

#[test]
fn a_track_is_named_at_once_and_told_when_it_is_offered() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    world.signal(2, camera(ONE_CAMERA));
    assert_eq!(world.names(2).last(), Some(&"track_published"));
    assert!(world.seen(1, "b").expect("told").tracks.is_empty());
    world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    let track = &world.seen(1, "b").expect("told").tracks[0];
    assert_eq!(
        (track.mime_type.as_str(), track.mid.as_str(), track.simulcast),
        ("video/VP8", "8", true)
    );
    let (_, spec) = world.sources()[0];
    assert_eq!(
        (
            spec.codec,
            spec.layers.len(),
            spec.layers[0].width,
            spec.layers[1].height
        ),
        (Codec::Vp8, 2, 320, 360)
    );
    assert_eq!(spec.layers[0].rid.expect("a rid").as_str(), "q");
}

#[test]
fn the_offer_may_come_before_the_announcement() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.signal(1, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    world.signal(1, microphone(ONE_MICROPHONE));
    assert_eq!(world.sources().len(), 1);
}

#[test]
fn a_newcomer_with_one_connection_gets_the_tracks_in_its_first_answer() {
    let mut world = World::new();
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    world.forget();
    world.handle(Input::Join(Box::new(join(1, ticket("a", None), Mode::Single))));
    assert_eq!(world.tracks_by_mid(1).len(), 2);
    assert_eq!(world.welcome(1).other_participants[0].tracks.len(), 2);
    assert!(world.sinks().is_empty());
    world.connect_all();
    assert_eq!(world.sinks().len(), 2);
    assert!(world.names(2).contains(&"track_subscribed"));
}

#[test]
fn sound_that_is_encrypted_end_to_end_goes_out_without_copies() {
    for (encryption, disable_red, is_copied) in
        [(0, false, true), (1, false, false), (2, false, false), (0, true, false)]
    {
        let mut world = World::new();
        world.enter(2, "b", Mode::Single);
        let signal_request::Message::AddTrack(request) = microphone(ONE_MICROPHONE) else {
            panic!("an announcement")
        };
        world.signal(
            2,
            signal_request::Message::AddTrack(AddTrackRequest {
                encryption,
                disable_red,
                ..request
            }),
        );
        world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
        world.enter(1, "a", Mode::Single);
        let copied: Vec<bool> = world
            .forward
            .iter()
            .filter_map(|command| match command {
                forward::Command::SinkAdd { spec, .. } => Some(spec.red_pt.is_some()),
                _ => None,
            })
            .collect();
        assert_eq!(copied, [is_copied], "{encryption} {disable_red}");
    }
}

#[test]
fn a_new_track_makes_a_client_with_one_connection_offer_again() {
    let mut world = pair(Mode::Single);
    assert_eq!(world.names(1).last(), Some(&"media_sections_requirement"));
    assert!(world.sinks().is_empty());
    world.signal(1, signal_request::Message::Offer(offer(ONE_JOIN, 2)));
    assert_eq!(world.tracks_by_mid(1).len(), 2);
    assert_eq!(world.sinks().len(), 2);
}

#[test]
fn with_two_connections_the_server_offers_new_tracks() {
    let mut world = pair(Mode::Dual);
    assert_eq!(world.tracks_by_mid(1).len(), 2);
    world.answer(1);
    assert_eq!(world.sinks().len(), 2);
}

#[test]
fn nothing_of_oneself_comes_back() {
    let mut world = World::new();
    world.enter(2, "b", Mode::Single);
    world.publish(2);
    assert!(!world.names(2).contains(&"media_sections_requirement"));
}

#[test]
fn a_client_that_tells_sizes_gets_the_small_layer_until_then() {
    let mut world = pair(Mode::Dual);
    world.answer(1);
    let wants: Vec<u32> = world.sinks().iter().map(|(_, _, want)| want.width).collect();
    assert_eq!(wants, [0, 320]);
    let sid = camera_sid(&world);
    world.signal(1, settings(&sid, true, 0, 0));
    world.signal(1, settings(&sid, false, 0, 0));
    world.signal(1, settings(&sid, false, 640, 360));
    world.pass(Duration::from_secs(1));
    let wants = set_wants(&world);
    assert_eq!(
        wants.iter().map(|want| (want.enabled, want.width)).collect::<Vec<_>>(),
        [(true, 640)]
    );
    world.signal(1, settings(&sid, true, 0, 0));
    world.pass(Duration::from_secs(1));
    assert!(!set_wants(&world).last().expect("stopped").enabled);
}

#[test]
fn unsubscribing_frees_and_subscribing_again_uses_another_ssrc() {
    let mut world = pair(Mode::Dual);
    world.answer(1);
    let sid = camera_sid(&world);
    let subscription = |subscribe| {
        signal_request::Message::Subscription(UpdateSubscription {
            track_sids: vec![sid.clone()],
            subscribe,
            ..UpdateSubscription::default()
        })
    };
    world.signal(1, subscription(false));
    assert!(
        world
            .forward
            .iter()
            .any(|command| matches!(command, forward::Command::SinkRemove { .. }))
    );
    assert_eq!(world.tracks_by_mid(1).len(), 1);
    world.answer(1);
    world.signal(1, subscription(true));
    world.answer(1);
    let ssrcs: Vec<_> = world
        .forward
        .iter()
        .filter_map(|command| match command {
            forward::Command::SinkAdd { spec, .. } => Some(spec.ssrc),
            _ => None,
        })
        .collect();
    assert_eq!(ssrcs.len(), 3);
    assert_ne!(ssrcs[1], ssrcs[2]);
}

#[test]
fn mute_is_seen_by_all() {
    let mut world = pair(Mode::Single);
    let sid = world.seen(1, "b").expect("told").tracks[0].sid.clone();
    world.signal(
        2,
        signal_request::Message::Mute(MuteTrackRequest {
            sid: sid.clone(),
            muted: true,
        }),
    );
    assert!(world.seen(1, "b").expect("told").tracks[0].muted);
    assert!(world.forward.iter().any(|command| matches!(
        command,
        forward::Command::SourceMute {
            muted: true,
            ordered: false,
            ..
        }
    )));
    // Nobody mutes another's track by this message.
    world.signal(1, signal_request::Message::Mute(MuteTrackRequest { sid, muted: false }));
    assert!(world.seen(1, "b").expect("told").tracks[0].muted);
}

#[test]
fn a_removed_track_is_gone_for_all() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Dual);
    world.signal(2, microphone(DUAL_MICROPHONE));
    world.signal(2, camera(DUAL_CAMERA));
    world.signal(2, signal_request::Message::Offer(offer(PUBLISHER_CAMERA, 2)));
    world.answer(1);
    assert_eq!(world.seen(1, "b").expect("told").tracks.len(), 2);
    world.signal(2, signal_request::Message::Offer(offer(PUBLISHER_CAMERA_REMOVED, 3)));
    assert_eq!(world.seen(1, "b").expect("told").tracks.len(), 1);
    assert_eq!(world.tracks_by_mid(1).len(), 1);
}

#[test]
fn who_may_not_publish_is_told_so() {
    let mut world = World::new();
    let mut watcher = ticket("w", None);
    watcher.grants.publish = false;
    world.handle(Input::Join(Box::new(join(1, watcher, Mode::Single))));
    world.signal(1, camera(ONE_CAMERA));
    let reason = world.last(1, |message| match message {
        Message::RequestResponse(response) => Some(response.reason()),
        _ => None,
    });
    assert_eq!(reason, Some(request_response::Reason::NotAllowed));
    world.signal(1, signal_request::Message::Offer(offer(ONE_PUBLISH, 2)));
    assert!(world.sources().is_empty());
}

#[test]
fn a_publisher_says_who_may_subscribe() {
    let mut world = pair(Mode::Dual);
    world.answer(1);
    world.signal(
        2,
        signal_request::Message::SubscriptionPermission(SubscriptionPermission::default()),
    );
    world.answer(1);
    assert!(world.tracks_by_mid(1).is_empty());
    world.signal(
        2,
        signal_request::Message::SubscriptionPermission(SubscriptionPermission {
            all_participants: true,
            ..SubscriptionPermission::default()
        }),
    );
    assert_eq!(world.tracks_by_mid(1).len(), 2);
}

#[test]
fn speakers_are_told_to_those_who_hear_them() {
    let mut world = pair(Mode::Dual);
    world.answer(1);
    world.enter(3, "c", Mode::Single);
    let source = *world.sources()[0].0;
    world.handle(Input::Forward(forward::Event::Speakers {
        changed: vec![SpeakerLevel { source, eighths: 4 }],
    }));
    let speakers = |connection| {
        world.last(connection, |message| match message {
            Message::SpeakersChanged(changed) => Some(changed.speakers.clone()),
            _ => None,
        })
    };
    assert_eq!(speakers(1).expect("told")[0].level, 0.5);
    assert!(speakers(2).expect("told of itself")[0].active);
}

#[test]
fn who_is_not_heard_any_more_does_not_speak_any_more() {
    let mut world = pair(Mode::Dual);
    world.answer(1);
    let source = *world.sources()[0].0;
    let speaks = |world: &mut World, eighths| {
        let changed = vec![SpeakerLevel { source, eighths }];
        world.handle(Input::Forward(forward::Event::Speakers { changed }));
    };
    let levels = |world: &World, connection| -> Vec<f32> {
        let to_it = world.sent.iter().filter(|(to, _)| *to == connection);
        to_it
            .filter_map(|(_, message)| match message {
                Message::SpeakersChanged(changed) => Some(changed.speakers.iter()),
                _ => None,
            })
            .flatten()
            .map(|speaker| speaker.level)
            .collect()
    };
    let tracks = world.seen(1, "b").expect("told").tracks;
    let sids: Vec<String> = tracks.into_iter().map(|track| track.sid).collect();
    let subscribe = |subscribe| {
        signal_request::Message::Subscription(UpdateSubscription {
            track_sids: sids.clone(),
            subscribe,
            ..UpdateSubscription::default()
        })
    };
    speaks(&mut world, 4);
    world.signal(1, subscribe(false));
    assert_eq!(levels(&world, 1), [0.5, 0.0]);
    speaks(&mut world, 6);
    world.signal(1, subscribe(true));
    assert_eq!(levels(&world, 1), [0.5, 0.0, 0.75]);
    assert_eq!(levels(&world, 2), [0.5, 0.75]);
    // Gone with its track, for itself too.
    world.signal(2, signal_request::Message::Offer(offer(ONE_JOIN, 5)));
    assert_eq!(levels(&world, 1), [0.5, 0.0, 0.75, 0.0]);
    assert_eq!(levels(&world, 2), [0.5, 0.75, 0.0]);
}

#[test]
fn a_layer_that_nobody_wants_is_told_to_its_publisher() {
    let mut world = pair(Mode::Dual);
    let source = *world.sources()[1].0;
    world.handle(Input::Forward(forward::Event::LayerWanted {
        source,
        highest: Some(0),
    }));
    let update = world.last(2, |message| match message {
        Message::SubscribedQualityUpdate(update) => Some(update.clone()),
        _ => None,
    });
    let update = update.expect("told");
    let enabled: Vec<bool> = update.subscribed_codecs[0]
        .qualities
        .iter()
        .map(|quality| quality.enabled)
        .collect();
    assert_eq!(
        (update.subscribed_codecs[0].codec.as_str(), enabled),
        ("vp8", vec![true, false, false])
    );
}

/// `livekit-client` drops what it hears of a track before it knows its own publication.
#[test]
fn what_is_wanted_of_a_track_is_told_again_once_its_publisher_knows_it() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.publish(1);
    let source = *world.sources()[1].0;
    world.handle(Input::Forward(forward::Event::LayerWanted {
        source,
        highest: Some(0),
    }));
    world.media_comes();
    let told = |world: &World| {
        let mut all = Vec::new();
        for (_, message) in world.sent.iter().filter(|(to, _)| *to == 1) {
            if let Message::SubscribedQualityUpdate(update) = message {
                all.push(update.subscribed_qualities.iter().filter(|one| one.enabled).count());
            }
        }
        all
    };
    assert_eq!(told(&world), [1]);
    world.pass(Duration::from_secs(30));
    assert_eq!(told(&world), [1, 1]);
}

#[test]
fn quality_is_told_every_five_seconds() {
    let mut world = pair(Mode::Dual);
    world.answer(1);
    world.forget();
    world.pass(Duration::from_secs(11));
    assert_eq!(
        world
            .names(1)
            .iter()
            .filter(|name| **name == "connection_quality")
            .count(),
        2
    );
}

#[test]
fn too_many_tracks_are_refused() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    for n in 0..40 {
        world.signal(1, microphone(&format!("cid-{n}")));
    }
    assert_eq!(
        world.names(1).iter().filter(|name| **name == "track_published").count(),
        32
    );
}
