use std::collections::BTreeSet;

use domain::Reason;
use livekit_protocol::MuteTrackRequest;

use super::*;
use crate::types::{Codec, SrtpChoice};

/// `b` publishes first, then `c`.
fn stage() -> World {
    let mut world = World::new();
    for (connection, identity) in [(2, "b"), (3, "c")] {
        world.enter(connection, identity, Mode::Single);
        world.publish(connection);
        world.pass(Duration::from_secs(1));
    }
    world
}

/// Comes on connection 9 to watch somebody.
fn come_to_watch(world: &mut World, identity: &str, offered: &str, ticket: Ticket) {
    let watcher = Join {
        auto_subscribe: false,
        errand: Some(Errand::Watch {
            publisher: identity.into(),
            takes: vec![Codec::Opus, Codec::Vp8],
            browser: true,
        }),
        offer: Some(offer(offered, 1)),
        ..join(9, ticket, Mode::Single)
    };
    world.handle(Input::Join(Box::new(watcher)));
}

fn watches(world: &mut World, identity: &str) -> BTreeMap<String, String> {
    come_to_watch(world, identity, ONE_JOIN, ticket("w", None));
    world.tracks_by_mid(9)
}

/// The sids of what somebody publishes, as a newcomer is told, by source.
fn published(world: &mut World, identity: &str) -> BTreeMap<TrackSource, String> {
    world.enter(8, "witness", Mode::Single);
    let others = world.welcome(8).other_participants;
    let tracks = others
        .into_iter()
        .find(|one| one.identity == identity)
        .expect("there")
        .tracks;
    tracks.into_iter().map(|track| (track.source(), track.sid)).collect()
}

fn mute(world: &mut World, connection: u64, sid: &str) {
    let order = MuteTrackRequest {
        sid: sid.into(),
        muted: true,
    };
    world.signal(connection, signal_request::Message::Mute(order));
}

fn publisher(world: &World, ticket: &Ticket, named: Option<&str>) -> Result<String, Refusal> {
    world.control.publisher(world.now(), ticket, named)
}

#[test]
fn encoders_and_players_that_are_no_browsers_may_have_the_older_cipher() {
    let mut world = stage();
    let choices = |world: &World| -> Vec<SrtpChoice> {
        let made = world.transports.iter().filter_map(|command| match command {
            TransportCommand::Create { srtp, .. } => Some(*srtp),
            _ => None,
        });
        made.collect()
    };
    assert_eq!(choices(&world), [SrtpChoice::Best; 2]);
    world.forget();
    watches(&mut world, "b");
    assert_eq!(choices(&world), [SrtpChoice::Best]);
    world.forget();
    let encoder = Join {
        errand: Some(Errand::Publish),
        ..join(10, ticket("e", None), Mode::Single)
    };
    world.handle(Input::Join(Box::new(encoder)));
    assert_eq!(choices(&world), [SrtpChoice::Any]);
    world.forget();
    let player = Join {
        errand: Some(Errand::Watch {
            publisher: "b".into(),
            takes: vec![Codec::Opus, Codec::Vp8],
            browser: false,
        }),
        offer: Some(offer(ONE_JOIN, 1)),
        ..join(11, ticket("e", None), Mode::Single)
    };
    world.handle(Input::Join(Box::new(player)));
    assert_eq!(choices(&world), [SrtpChoice::Any]);
}

#[test]
fn a_player_gets_sound_and_picture_in_one_stream() {
    let mut world = stage();
    watches(&mut world, "b");
    let answer = world.last(9, |message| match message {
        Message::Answer(answer) => Some(answer.sdp.clone()),
        _ => None,
    });
    let answer = answer.expect("an answer");
    let words = |before: &str| -> Vec<String> {
        let after = answer.lines().filter_map(|line| line.split_once(before));
        after
            .map(|(_, rest)| rest.split(' ').next().expect("a word").to_owned())
            .collect()
    };
    let (streams, names) = (words("a=msid:"), words(" cname:"));
    assert_eq!(streams.len(), 2, "{answer}");
    assert!(streams[0].starts_with("PA_"), "{answer}");
    assert!(streams.iter().chain(&names).all(|word| *word == streams[0]), "{answer}");
}

#[test]
fn the_first_answer_has_what_one_publisher_sends_and_nothing_else() {
    for identity in ["b", "c"] {
        let mut world = stage();
        let got: BTreeSet<String> = watches(&mut world, identity).into_values().collect();
        let others = world.welcome(9).other_participants;
        let publisher = others.iter().find(|one| one.identity == identity).expect("told");
        let sent: BTreeSet<String> = publisher.tracks.iter().map(|track| track.sid.clone()).collect();
        assert_eq!((got.len(), got), (2, sent));
    }
}

#[test]
fn what_is_published_later_is_not_asked_for() {
    let mut world = World::new();
    world.enter(2, "b", Mode::Single);
    world.signal(2, microphone(ONE_MICROPHONE));
    world.signal(2, signal_request::Message::Offer(offer(ONE_PUBLISH, 3)));
    assert_eq!(watches(&mut world, "b").len(), 1);
    world.signal(2, camera(ONE_CAMERA));
    assert_eq!(world.control.census().tracks, 2);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.tracks_by_mid(9).len(), 1);
    assert!(!world.names(9).contains(&"media_sections_requirement"));
}

#[test]
fn what_finds_no_section_or_goes_is_forgotten_and_never_asked_for() {
    let mut world = stage();
    // An offer without any section for pictures.
    let sound = ONE_JOIN.replace("m=video 9", "m=video 0");
    come_to_watch(&mut world, "b", &sound, ticket("w", None));
    assert_eq!(world.tracks_by_mid(9).len(), 1);
    let view = world.control.room_view("room").expect("here");
    let watcher = view.participants.iter().find(|one| one.identity == "w").expect("in");
    assert_eq!(watcher.subscriptions.len(), 1);
    // Who publishes goes.
    world.signal(2, signal_request::Message::Leave(Default::default()));
    world.pass(Duration::from_secs(60));
    assert!(!world.names(9).contains(&"media_sections_requirement"));
}

#[test]
fn the_publisher_who_has_been_there_longest_is_watched_unless_one_is_named() {
    let mut world = stage();
    let asker = ticket("w", None);
    assert_eq!(publisher(&world, &asker, None).as_deref(), Ok("b"));
    assert_eq!(publisher(&world, &asker, Some("c")).as_deref(), Ok("c"));
    assert_eq!(publisher(&world, &asker, Some("nobody")), Err(Refusal::NobodyPublishes));
    let elsewhere = Ticket {
        room: RoomKey::Named("elsewhere".into()),
        ..ticket("w", None)
    };
    assert_eq!(publisher(&world, &elsewhere, None), Err(Refusal::NobodyPublishes));
    world.signal(2, signal_request::Message::Leave(Default::default()));
    assert_eq!(publisher(&world, &asker, None).as_deref(), Ok("c"));
    assert_eq!(publisher(&world, &asker, Some("b")), Err(Refusal::NobodyPublishes));
    // Nobody watches itself.
    for named in [None, Some("c")] {
        assert_eq!(
            publisher(&world, &ticket("c", None), named),
            Err(Refusal::NobodyPublishes)
        );
    }
}

#[test]
fn who_has_muted_everything_is_watched_after_the_others() {
    let mut world = stage();
    let asker = ticket("w", None);
    let sids = published(&mut world, "b");
    mute(&mut world, 2, &sids[&TrackSource::Microphone]);
    assert_eq!(publisher(&world, &asker, None).as_deref(), Ok("b"), "the camera is on");
    mute(&mut world, 2, &sids[&TrackSource::Camera]);
    assert_eq!(publisher(&world, &asker, None).as_deref(), Ok("c"));
    assert_eq!(publisher(&world, &asker, Some("b")).as_deref(), Ok("b"), "as asked");
}

#[test]
fn one_section_carries_what_is_not_muted_and_a_camera_before_a_screen() {
    // The first of two pictures is a screen, the second a camera.
    let shares = || {
        let mut world = World::new();
        world.enter(2, "b", Mode::Single);
        let signal_request::Message::AddTrack(mut screen) = camera(ONE_CAMERA) else {
            panic!("announces");
        };
        screen.set_source(TrackSource::ScreenShare);
        world.signal(2, signal_request::Message::AddTrack(screen));
        world.signal(2, camera("second"));
        let section = &ONE_PUBLISH[ONE_PUBLISH.rfind("m=video").expect("a section")..];
        let mid = section.lines().find(|line| line.starts_with("a=mid:")).expect("a mid");
        let second = section.replace(mid, "a=mid:second").replace(ONE_CAMERA, "second");
        let bundle = ONE_PUBLISH
            .lines()
            .find(|line| line.starts_with("a=group:BUNDLE"))
            .expect("a bundle");
        let two = format!("{}{second}", ONE_PUBLISH.replace(bundle, &format!("{bundle} second")));
        world.signal(2, signal_request::Message::Offer(offer(&two, 3)));
        world
    };
    // An offer of one section for pictures.
    let videos: Vec<usize> = ONE_JOIN.match_indices("m=video 9").map(|(at, _)| at).collect();
    let one = format!(
        "{}{}",
        &ONE_JOIN[..videos[1]],
        ONE_JOIN[videos[1]..].replace("m=video 9", "m=video 0")
    );
    for muted in [false, true] {
        let mut world = shares();
        let sids = published(&mut world, "b");
        let (screen, camera) = (&sids[&TrackSource::ScreenShare], &sids[&TrackSource::Camera]);
        if muted {
            mute(&mut world, 2, camera);
        }
        come_to_watch(&mut world, "b", &one, ticket("w", None));
        let got: Vec<String> = world.tracks_by_mid(9).into_values().collect();
        assert_eq!(
            got,
            [if muted { screen.clone() } else { camera.clone() }],
            "camera muted: {muted}"
        );
    }
}

#[test]
fn who_is_hidden_is_watched_by_nobody() {
    let mut world = World::new();
    let mut hidden = ticket("b", None);
    hidden.grants.hidden = true;
    world.handle(Input::Join(Box::new(join(2, hidden, Mode::Single))));
    world.publish(2);
    assert_eq!(
        publisher(&world, &ticket("w", None), Some("b")),
        Err(Refusal::NobodyPublishes)
    );
    assert!(watches(&mut world, "b").is_empty());
    assert_eq!(world.refused, [(9, Refusal::NobodyPublishes)]);
}

#[test]
fn who_would_not_get_in_does_not_hear_whether_anybody_publishes() {
    let mut world = opened();
    world.publish(1);
    let asker = ticket("p3", Some(3));
    assert_eq!(publisher(&world, &asker, None).as_deref(), Ok("p1"));
    assert_eq!(world.order(Do::Lock), Ok(()));
    assert_eq!(publisher(&world, &asker, None), Err(Refusal::Because(Reason::Locked)));
    let mut world = opened_by(
        RoomSettings {
            waiting_room: true,
            ..settings()
        },
        [Ticket {
            moderator: true,
            ..ticket("p1", Some(1))
        }],
    );
    for publishes in [false, true] {
        if publishes {
            world.publish(1);
        }
        assert_eq!(
            publisher(&world, &asker, None),
            Err(Refusal::NotAllowed),
            "it would wait"
        );
    }
}

#[test]
fn what_an_errand_may_not_have_is_refused_before_it_replaces_anybody() {
    let mut world = opened_by(
        RoomSettings {
            mute_mode: MuteMode::Presentation,
            ..settings()
        },
        [1, 2].map(|n| ticket(&format!("p{n}"), Some(n))),
    );
    let announced = |message| match message {
        signal_request::Message::AddTrack(request) => request,
        other => panic!("{other:?}"),
    };
    // An encoder may send pictures in a presentation.
    let publishes = |connection, add_tracks| Join {
        auto_subscribe: false,
        errand: Some(Errand::Publish),
        offer: Some(offer(ONE_PUBLISH, 1)),
        add_tracks,
        ..join(connection, ticket("p2", Some(2)), Mode::Single)
    };
    world.handle(Input::Join(Box::new(publishes(
        20,
        vec![announced(camera(ONE_CAMERA))],
    ))));
    assert_eq!(world.control.census().tracks, 1);
    world.forget();
    let both = vec![announced(camera(ONE_CAMERA)), announced(microphone(ONE_MICROPHONE))];
    world.handle(Input::Join(Box::new(publishes(21, both))));
    assert_eq!(world.refused, [(21, Refusal::NotAllowed)]);
    // Nor does who publishes alone come to watch itself, or what its offer has no section for.
    come_to_watch(&mut world, "p2", ONE_JOIN, ticket("p2", Some(2)));
    come_to_watch(&mut world, "nobody", ONE_JOIN, ticket("p2", Some(2)));
    let deaf = Join {
        errand: Some(Errand::Watch {
            publisher: "p2".into(),
            takes: vec![Codec::Opus, Codec::H264],
            browser: true,
        }),
        ..join(22, ticket("p1", Some(1)), Mode::Single)
    };
    world.handle(Input::Join(Box::new(deaf)));
    assert_eq!(
        world.refused[1..],
        [
            (9, Refusal::NobodyPublishes),
            (9, Refusal::NobodyPublishes),
            (22, Refusal::NothingFits)
        ]
    );
    let census = world.control.census();
    assert_eq!((census.tracks, census.participants), (1, 2));
    assert!(world.sent.is_empty(), "{:?}", world.sent);
}
