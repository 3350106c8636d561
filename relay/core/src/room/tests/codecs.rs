use livekit_protocol::request_response;

use super::*;
use crate::types::{Codec, ExtKind};

#[test]
fn layers_of_vp9_and_av1_come_in_one_stream_where_the_offer_has_no_simulcast() {
    for (name, mime, codec) in [("vp9", "video/VP9", Codec::Vp9), ("av1", "video/AV1", Codec::Av1)] {
        let mut world = World::new();
        world.enter(1, "a", Mode::Dual);
        world.enter(2, "b", Mode::Single);
        world.signal(2, camera_with(ONE_CAMERA, &[name, "vp8"]));
        let offered: Vec<&str> = ONE_PUBLISH
            .lines()
            .filter(|line| !line.starts_with("a=simulcast") && !line.starts_with("a=rid"))
            .collect();
        world.signal(2, signal_request::Message::Offer(offer(&offered.join("\r\n"), 3)));
        let track = &world.seen(1, "b").expect("told").tracks[0];
        assert_eq!((track.mime_type.as_str(), track.layers.len()), (mime, 2));
        let (_, spec) = world.sources()[0];
        assert_eq!((spec.codec, spec.svc, spec.layers.len()), (codec, true, 2));
        assert_eq!((spec.layers[0].width, spec.layers[1].width), (320, 640));
        // Only AV1 has need of the dependency descriptor.
        let dependency = spec.exts.id(ExtKind::DependencyDescriptor);
        assert_eq!(dependency.is_some(), codec == Codec::Av1);
        // A browser that takes all we offer gets it.
        world.answer(1);
        assert_eq!(world.sinks().len(), 1);
    }
}

#[test]
fn vp9_with_simulcast_has_a_stream_for_each_layer() {
    let mut world = World::new();
    world.enter(2, "b", Mode::Single);
    world.signal(2, camera_with(ONE_CAMERA, &["vp9", "vp8"]));
    world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    let (_, spec) = world.sources()[0];
    assert_eq!((spec.codec, spec.svc, spec.layers.len()), (Codec::Vp9, false, 2));
    assert_eq!(spec.layers[1].rid.expect("a rid").as_str(), "h");
}

#[test]
fn who_cannot_decode_a_track_gets_its_backup_codec() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(3, "c", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    world.signal(2, camera_with(ONE_CAMERA, &["vp9", "vp8"]));
    world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    let sid = world.seen(1, "b").expect("told").tracks[0].sid.clone();
    let (primary, _) = world.sources()[0];
    let primary = *primary;
    world.answer(3);
    let codecs = |world: &World| {
        world.last(2, |message| match message {
            Message::SubscribedQualityUpdate(update) => Some(update.subscribed_codecs.clone()),
            _ => None,
        })
    };
    assert_eq!(codecs(&world), None);
    // One browser knows no VP9: the publisher hears that its backup is wanted.
    world.answer_with(1, |sdp| {
        sdp.replace("m=video 9 UDP/TLS/RTP/SAVPF 98 99", "m=video 0 UDP/TLS/RTP/SAVPF 98")
    });
    let told = codecs(&world).expect("told");
    let names: Vec<&str> = told.iter().map(|codec| codec.codec.as_str()).collect();
    assert_eq!(names, ["vp9", "vp8"]);
    assert!(told[1].qualities.iter().all(|quality| quality.enabled));
    assert_eq!(world.sinks().len(), 1);

    // It comes, announced under the track's sid, in a section of its own.
    let backup = |codec: &str, sid: &str| {
        let signal_request::Message::AddTrack(mut request) = camera_with("backup-cid", &[codec]) else {
            unreachable!("a camera is announced");
        };
        request.sid = sid.into();
        signal_request::Message::AddTrack(request)
    };
    world.signal(2, backup("vp8", &sid));
    let published = world.last(2, |message| match message {
        Message::TrackPublished(published) => Some((published.cid.clone(), published.track.clone())),
        _ => None,
    });
    let (cid, track) = published.expect("answered");
    assert_eq!((cid.as_str(), track.expect("named").sid), ("backup-cid", sid.clone()));
    world.signal(2, signal_request::Message::Offer(offer(&with_backup("backup-cid"), 4)));
    let sources = world.sources();
    assert_eq!(sources.len(), 2);
    let (source, spec) = sources[1];
    let source = *source;
    assert_eq!((spec.codec, spec.svc), (Codec::Vp8, false));
    assert_eq!(world.seen(3, "b").expect("told").tracks.len(), 1);
    world.answer(1);
    let sinks = world.sinks();
    assert_eq!(sinks.len(), 2);
    let sent: Vec<_> = world
        .forward
        .iter()
        .filter_map(|command| match command {
            forward::Command::SinkAdd { source, .. } => Some(*source),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [primary, source]);

    // What is wanted is told of each.
    for (source, highest) in [(primary, None), (source, Some(0))] {
        world.handle(Input::Forward(forward::Event::LayerWanted { source, highest }));
    }
    let enabled: Vec<Vec<bool>> = codecs(&world)
        .expect("told")
        .iter()
        .map(|codec| codec.qualities.iter().map(|quality| quality.enabled).collect())
        .collect();
    assert_eq!(enabled, [[false, false, false], [true, false, false]]);

    // A third codec is refused, and so is one for a stranger's track, and the same one once more.
    for request in [backup("av1", &sid), backup("vp8", "TR_other"), backup("vp8", &sid)] {
        world.forget();
        world.signal(2, request);
        let reason = world.last(2, |message| match message {
            Message::RequestResponse(response) => Some(response.reason()),
            _ => None,
        });
        assert_eq!(reason, Some(request_response::Reason::UnsupportedType));
    }
}

#[test]
fn a_backup_is_found_missing_with_one_connection_too_and_may_go_again() {
    let mut world = World::new();
    let knows_no_vp9 = ONE_JOIN.replace("VP9/90000", "VP7/90000");
    let mut joining = join(1, ticket("a", None), Mode::Single);
    joining.offer = Some(offer(&knows_no_vp9, 1));
    world.handle(Input::Join(Box::new(joining)));
    world.connect_all();
    world.enter(2, "b", Mode::Single);
    world.signal(2, camera_with(ONE_CAMERA, &["vp9", "vp8"]));
    world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    let wanted = |world: &World| {
        world.last(2, |message| match message {
            Message::SubscribedQualityUpdate(update) => Some(update.subscribed_codecs.len()),
            _ => None,
        })
    };
    assert_eq!(
        (world.names(1).last(), wanted(&world)),
        (Some(&"media_sections_requirement"), None)
    );
    world.signal(1, signal_request::Message::Offer(offer(&knows_no_vp9, 2)));
    assert_eq!(wanted(&world), Some(2));

    let sid = world.seen(1, "b").expect("told").tracks[0].sid.clone();
    let signal_request::Message::AddTrack(mut request) = camera_with("backup-cid", &["vp8"]) else {
        unreachable!("a camera is announced");
    };
    request.sid = sid;
    world.signal(2, signal_request::Message::AddTrack(request));
    let both = with_backup("backup-cid");
    world.signal(2, signal_request::Message::Offer(offer(&both, 4)));
    world.signal(1, signal_request::Message::Offer(offer(&knows_no_vp9, 3)));
    let backup = *world.sources()[1].0;
    let gets = |world: &World| {
        let sinks = world.forward.iter().filter_map(|command| match command {
            forward::Command::SinkAdd { source, .. } => Some(*source),
            _ => None,
        });
        sinks.collect::<Vec<_>>()
    };
    assert_eq!(gets(&world), [backup]);

    let (rest, section) = both.split_at(both.rfind("m=video").expect("sections"));
    let stopped = format!(
        "{rest}{}",
        section
            .replace("a=sendonly", "a=inactive")
            .replace("a=sendrecv", "a=inactive")
    );
    world.signal(2, signal_request::Message::Offer(offer(&stopped, 5)));
    let removed =
        |command: &forward::Command| matches!(command, forward::Command::SourceRemove { id } if *id == backup);
    assert!(world.forward.iter().any(removed));
    assert_eq!(world.seen(1, "b").expect("told").tracks.len(), 1);
}

/// The offer with one camera, and behind it a section with another picture of that name.
fn with_backup(cid: &str) -> String {
    let start = ONE_PUBLISH
        .rfind("m=video")
        .expect("the camera's section is the last one");
    let section = ONE_PUBLISH[start..]
        .replace(ONE_CAMERA, cid)
        .replace("a=mid:8", "a=mid:90");
    let bundle = ONE_PUBLISH
        .lines()
        .find(|line| line.starts_with("a=group:BUNDLE"))
        .expect("a bundle");
    ONE_PUBLISH.replace(bundle, &format!("{bundle} 90")) + &section
}
