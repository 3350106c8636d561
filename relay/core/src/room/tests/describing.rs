//! What somebody writes of itself: as long as it may be, and no longer.

use livekit_protocol::{RequestResponse, UpdateParticipantMetadata, request_response};

use super::*;

/// `a` looks on while `b` writes; both know each other.
fn two() -> World {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    world.enter(2, "b", Mode::Single);
    world.forget();
    world
}

fn update(name: &str, metadata: &str, attributes: &[(&str, &str)]) -> UpdateParticipantMetadata {
    UpdateParticipantMetadata {
        name: name.into(),
        metadata: metadata.into(),
        attributes: attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        request_id: 7,
    }
}

fn write(world: &mut World, request: &UpdateParticipantMetadata) {
    world.signal(2, signal_request::Message::UpdateMetadata(request.clone()));
}

fn response(world: &World) -> Option<RequestResponse> {
    world.last(2, |message| match message {
        Message::RequestResponse(response) => Some(response.clone()),
        _ => None,
    })
}

/// As somebody who comes now sees `b`.
fn as_seen(world: &mut World) -> ParticipantInfo {
    world.enter(3, "c", Mode::Single);
    let others = world.welcome(3).other_participants;
    others.into_iter().find(|info| info.identity == "b").expect("there")
}

#[test]
fn what_is_too_long_is_refused_with_the_request_and_changes_nothing() {
    let text = |len: usize| "x".repeat(len);
    // All attributes together: its ticket's own take nine bytes.
    let rest = 65_536 - "role".len() - "guest".len();
    for request in [
        update(&text(257), "", &[]),
        // Bytes count, and not letters.
        update(&"é".repeat(129), "", &[]),
        update("", &text(65_537), &[]),
        update("", "", &[("key", &text(rest - 2))]),
        update("", "", &[(&text(rest), "v")]),
        update("", "", &[("one", &text(rest / 2)), ("two", &text(rest / 2))]),
        // What would do alone does not go through with what does not.
        update("Bea", "of the house", &[("key", &text(rest))]),
        update("Bea", &text(65_537), &[("hand", "up"), ("role", "")]),
    ] {
        let mut world = two();
        write(&mut world, &request);
        let refused = response(&world).expect("answered");
        assert_eq!(
            (refused.request_id, refused.reason()),
            (7, request_response::Reason::LimitExceeded)
        );
        assert!(!refused.message.is_empty());
        assert_eq!(
            refused.request,
            Some(request_response::Request::UpdateMetadata(request))
        );
        assert_eq!(world.sent.len(), 1, "nobody hears of it");
        world.pass(Duration::from_secs(2));
        assert!(!world.names(1).contains(&"update"));
        let info = as_seen(&mut world);
        assert_eq!((info.name.as_str(), info.metadata.as_str()), ("B", ""));
        let attributes: Vec<_> = info.attributes.into_iter().collect();
        assert_eq!(attributes, [("role".to_owned(), "guest".to_owned())]);
    }
}

#[test]
fn what_just_fits_is_taken() {
    let text = |len: usize| "x".repeat(len);
    let rest = 65_536 - "role".len() - "guest".len();
    let request = update(&text(256), &text(65_536), &[("key", &text(rest - 3))]);
    let mut world = two();
    write(&mut world, &request);
    let taken = response(&world).map(|response| (response.request_id, response.reason()));
    assert_eq!(taken, Some((7, request_response::Reason::Ok)));
    // An attribute makes room for another: what is taken away does not count.
    write(
        &mut world,
        &update("", "", &[("key", ""), ("role", ""), ("name", &text(65_532))]),
    );
    let taken = response(&world).map(|response| response.reason());
    assert_eq!(taken, Some(request_response::Reason::Ok));
    let info = as_seen(&mut world);
    assert_eq!((info.name.len(), info.metadata.len()), (256, 65_536));
    assert_eq!(info.attributes.keys().collect::<Vec<_>>(), ["name"]);
}

#[test]
fn a_refusal_is_told_also_to_who_did_not_number_its_request() {
    let mut world = two();
    let request = UpdateParticipantMetadata {
        request_id: 0,
        ..update(&"x".repeat(257), "", &[])
    };
    write(&mut world, &request);
    let refused = response(&world).expect("answered");
    assert_eq!(
        (refused.request_id, refused.reason()),
        (0, request_response::Reason::LimitExceeded)
    );
}

#[test]
fn who_may_not_write_is_told_so_whatever_the_length() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let mut quiet = ticket("b", None);
    quiet.grants.update_metadata = false;
    world.handle(Input::Join(Box::new(join(2, quiet, Mode::Single))));
    world.connect_all();
    world.forget();
    for request in [update("Bea", "", &[]), update("", &"x".repeat(65_537), &[])] {
        write(&mut world, &request);
        let refused = response(&world).expect("answered");
        assert_eq!(refused.reason(), request_response::Reason::NotAllowed);
        assert_eq!(
            refused.request,
            Some(request_response::Request::UpdateMetadata(request))
        );
    }
    assert_eq!(world.sent.len(), 2, "nobody hears of it");
    assert_eq!(as_seen(&mut world).name, "B");
}

#[test]
fn what_is_appended_to_its_frames_is_told() {
    let mut world = World::new();
    world.enter(1, "a", Mode::Dual);
    world.enter(2, "b", Mode::Single);
    let signal_request::Message::AddTrack(request) = microphone(ONE_MICROPHONE) else {
        panic!("an announcement")
    };
    world.signal(
        2,
        signal_request::Message::AddTrack(AddTrackRequest {
            packet_trailer_features: vec![1],
            ..request
        }),
    );
    world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    assert_eq!(world.seen(1, "b").expect("told").tracks[0].packet_trailer_features, [1]);
}

#[test]
fn a_track_with_a_name_that_cannot_be_is_refused() {
    let long = "x".repeat(257);
    let announce = |cid: &str, name: &str, stream: &str| AddTrackRequest {
        cid: cid.into(),
        name: name.into(),
        stream: stream.into(),
        r#type: TrackType::Audio.into(),
        source: TrackSource::Microphone.into(),
        ..AddTrackRequest::default()
    };
    for request in [
        announce("", "", ""),
        announce(&long, "", ""),
        announce("cid", &long, ""),
        announce("cid", "", &long),
    ] {
        let mut world = two();
        world.signal(2, signal_request::Message::AddTrack(request.clone()));
        let refused = response(&world).expect("answered");
        assert_eq!(refused.reason(), request_response::Reason::InvalidRequest);
        assert_eq!(refused.request, Some(request_response::Request::AddTrack(request)));
        assert_eq!(world.sent.len(), 1, "and named by no sid");
        assert_eq!(world.control.census().tracks, 0);
    }
    let mut world = two();
    let most = "x".repeat(256);
    world.signal(2, signal_request::Message::AddTrack(announce(&most, &most, &most)));
    assert_eq!(world.names(2), ["track_published"]);
}
