use domain::quality::{Grade, Quality};
use livekit_protocol::LeaveRequest;

use super::*;

fn sample(world: &mut World, transport: TransportId, loss: f32, rtt_ms: Option<u32>, score: f32) {
    world.handle(Input::Forward(forward::Event::Quality {
        transport,
        loss_up: loss,
        loss_down: loss / 2.0,
        rtt_ms,
        score,
    }));
}

/// Five seconds in which a transport tells this.
fn told(world: &mut World, transport: TransportId, loss: f32, rtt_ms: Option<u32>, score: f32) {
    sample(world, transport, loss, rtt_ms, score);
    world.pass(Duration::from_secs(5));
}

#[test]
fn each_minute_is_reported_with_its_mean_and_its_worst_and_what_is_left_at_the_end() {
    let mut world = opened();
    let [first, second] = world.made()[..] else {
        panic!("two transports");
    };
    // The second one has no round trip, and is heard of once.
    sample(&mut world, second, 0.5, None, 1.0);
    for n in 0..12 {
        let bad = n == 3;
        told(
            &mut world,
            first,
            if bad { 0.25 } else { 0.01 },
            Some(if bad { 160 } else { 40 }),
            if bad { 2.5 } else { 4.4 },
        );
    }
    let spans = std::mem::take(&mut world.spans);
    let [one, other] = &spans[..] else {
        panic!("one of each: {spans:?}");
    };
    assert_eq!((one.room, one.participant, one.at), (meeting(), number(1), START_MS));
    assert_eq!(
        one.quality,
        Quality {
            duration_ms: 60_000,
            loss_up: 0.03,
            worst_loss_up: 0.25,
            loss_down: 0.015,
            worst_loss_down: 0.125,
            rtt_ms: Some(50),
            worst_rtt_ms: Some(160),
            score: 4.2417,
            lowest_score: 2.5,
            grade: Grade::Poor,
        }
    );
    assert_eq!((other.participant, other.at), (number(2), START_MS));
    assert_eq!((other.quality.loss_up, other.quality.worst_loss_up), (0.5, 0.5));
    assert_eq!((other.quality.rtt_ms, other.quality.worst_rtt_ms), (None, None));

    // Of the second minute nothing is told by the other: it is not reported.
    for _ in 0..12 {
        told(&mut world, first, 0.0, Some(20), 4.5);
    }
    let [one] = &std::mem::take(&mut world.spans)[..] else {
        panic!("one");
    };
    assert_eq!((one.participant, one.at), (number(1), START_MS + 60_000));
    assert_eq!((one.quality.worst_loss_up, one.quality.lowest_score), (0.0, 4.5));
    assert_eq!(one.quality.grade, Grade::Excellent);

    // The rest, where it leaves; a moment without anything told is none.
    told(&mut world, first, 0.1, Some(30), 4.0);
    world.pass(Duration::from_secs(2));
    sample(&mut world, first, 0.2, Some(50), 3.5);
    for connection in [1, 2] {
        world.signal(connection, signal_request::Message::Leave(LeaveRequest::default()));
    }
    let [rest] = &world.spans[..] else {
        panic!("one: {:?}", world.spans);
    };
    assert_eq!((rest.participant, rest.at), (number(1), START_MS + 120_000));
    let Quality {
        duration_ms,
        loss_up,
        rtt_ms,
        score,
        grade,
        ..
    } = rest.quality;
    assert_eq!((duration_ms, loss_up, rtt_ms), (7_000, 0.15, Some(40)));
    assert_eq!((score, grade), (3.75, Grade::Good));
}

#[test]
fn spans_of_a_room_end_together_also_of_who_came_later() {
    let mut world = opened_by(settings(), [ticket("p1", Some(1))]);
    world.pass(Duration::from_secs(33));
    world.come(ticket("p2", Some(2)));
    world.connect_all();
    for transport in world.made() {
        sample(&mut world, transport, 0.0, Some(20), 4.5);
    }
    world.pass(Duration::from_secs(27));
    let spans: Vec<_> = world
        .spans
        .iter()
        .map(|span| (span.participant, span.at - START_MS, span.quality.duration_ms))
        .collect();
    assert_eq!(spans, [(number(1), 0, 60_000), (number(2), 33_000, 27_000)]);
}

#[test]
fn the_worse_connection_of_two_counts_and_media_that_is_away_is_lost() {
    let mut world = World::new();
    world.handle(Input::Join(Box::new(join(1, ticket("p1", Some(1)), Mode::Dual))));
    world.handle(Input::Entered {
        room: meeting(),
        answer: opens(settings()),
    });
    world.answer(1);
    world.signal(1, signal_request::Message::Offer(offer(PUBLISHER_DATA, 1)));
    world.connect_all();
    let [publisher, subscriber] = world.made()[..] else {
        panic!("two transports");
    };
    sample(&mut world, publisher, 0.5, Some(30), 2.0);
    told(&mut world, subscriber, 0.0, Some(90), 4.0);
    for id in [publisher, subscriber] {
        world.handle(Input::Transport(TransportEvent::Disconnected {
            id,
            why: crate::types::DisconnectReason::Silent,
        }));
    }
    world.pass(Duration::from_secs(10));
    world.connect_all();
    world.pass(Duration::from_secs(45));
    let [span] = &world.spans[..] else {
        panic!("one: {:?}", world.spans);
    };
    assert_eq!((span.quality.loss_up, span.quality.rtt_ms), (0.5, Some(90)));
    assert_eq!((span.quality.lowest_score, span.quality.grade), (2.0, Grade::Lost));
}

#[test]
fn nothing_is_reported_of_who_waits_outside_and_of_rooms_of_api_keys() {
    let leader = Ticket {
        moderator: true,
        ..ticket("p1", Some(1))
    };
    let with_waiting_room = RoomSettings {
        waiting_room: true,
        ..settings()
    };
    let mut world = opened_by(with_waiting_room, [leader, ticket("p2", Some(2))]);
    let outside = world.made()[1];
    for _ in 0..13 {
        told(&mut world, outside, 0.1, Some(30), 4.0);
    }
    assert!(world.spans.is_empty(), "{:?}", world.spans);
    // From being let in on, as anybody.
    let admitted = START_MS + i64::try_from(world.elapsed.as_millis()).expect("short");
    let admit = Do::Admit { participant: number(2) };
    assert_eq!(world.order_by(&holder(1), admit), Ok(()));
    for _ in 0..11 {
        told(&mut world, outside, 0.1, Some(30), 4.0);
    }
    let [span] = &world.spans[..] else {
        panic!("one: {:?}", world.spans);
    };
    assert_eq!((span.participant, span.at), (number(2), admitted));

    let mut world = World::new();
    world.enter(1, "a", Mode::Single);
    let transport = world.made()[0];
    for _ in 0..13 {
        told(&mut world, transport, 0.1, Some(30), 4.0);
    }
    world.signal(1, signal_request::Message::Leave(LeaveRequest::default()));
    assert!(world.spans.is_empty(), "{:?}", world.spans);
}
