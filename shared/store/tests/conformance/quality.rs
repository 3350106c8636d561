use domain::id::{ParticipantNumber, RoomName};
use domain::quality::{Grade, Quality, QualityReport, QualitySpan};
use jiff::Timestamp;
use store::{Error, QualityAsked, QualityPlace, Store};

use super::world::{TestRelay, World, minute, noon};

fn number(number: u32) -> ParticipantNumber {
    ParticipantNumber::new(number).expect("from 1")
}

fn span(room: RoomName, participant: u32, at: Timestamp) -> QualitySpan {
    QualitySpan {
        room,
        participant: number(participant),
        at: at.as_millisecond(),
        quality: Quality {
            duration_ms: 60_000,
            loss_up: 0.1,
            worst_loss_up: 1.0,
            loss_down: 0.0,
            worst_loss_down: 0.0625,
            rtt_ms: None,
            worst_rtt_ms: None,
            score: 4.25,
            lowest_score: 4.0,
            grade: Grade::Lost,
        },
    }
}

async fn report(relay: &TestRelay, spans: Vec<QualitySpan>) -> store::Result<u32> {
    let report = QualityReport {
        relay: relay.id.clone(),
        epoch: relay.epoch,
        spans,
    };
    relay.store.relay_quality(&report, minute(9)).await
}

/// All of a conference, page by page.
async fn all(world: &World, room: RoomName, asked: QualityAsked, limit: usize) -> Vec<(i64, u32)> {
    let (mut places, mut asked) = (Vec::new(), asked);
    for _ in 0..1_000 {
        let of = (world.reseller.id, room.conference);
        let page = world.store.quality(of, asked, limit, minute(9)).await;
        let (found, next) = page.expect("read");
        assert!(found.len() <= limit);
        places.extend(found.iter().map(|span| span.place).map(|place: QualityPlace| {
            assert_eq!(place.occurrence, room.occurrence);
            let minutes = place.at.duration_since(noon()).as_secs() / 60;
            (minutes, place.participant.value())
        }));
        let Some(next) = next else { return places };
        asked.after = Some(next);
    }
    panic!("it goes on for ever");
}

pub async fn how_connections_did_is_kept_of_rooms_that_were_entered(store: &Store) {
    let world = World::new(store).await;
    let relay = world.relay("r", noon()).await;
    let other = world.relay("other", noon()).await;
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");

    // Reports of one time that lie across each other, each of them twice.
    let odd = (1..=151).step_by(2).map(|n| span(room, n, minute(1)));
    let even = (2..=150).step_by(2).map(|n| span(room, n, minute(1)));
    for spans in [even.collect::<Vec<_>>(), odd.collect(), vec![span(room, 7, noon())]] {
        for _ in 0..2 {
            let kept = report(&relay, spans.clone()).await.expect("kept");
            assert_eq!(kept as usize, spans.len());
        }
    }
    let expected: Vec<(i64, u32)> = std::iter::once((0, 7)).chain((1..=151).map(|n| (1, n))).collect();
    for limit in [1, 10, 151, 152, 1_000] {
        assert_eq!(
            all(&world, room, QualityAsked::default(), limit).await,
            expected,
            "{limit}"
        );
    }
    let of_one = QualityAsked {
        participant: Some(number(7)),
        occurrence: Some(room.occurrence),
        after: None,
    };
    assert_eq!(all(&world, room, of_one, 1).await, [(0, 7), (1, 7)]);
    let found = store
        .quality((world.reseller.id, room.conference), of_one, 1, minute(9))
        .await
        .expect("read");
    assert_eq!(found.0[0].quality, span(room, 7, noon()).quality);

    // More times than one transaction holds.
    let times = (0..200).map(|n| {
        let at = Timestamp::from_millisecond(noon().as_millisecond() + n).expect("a time");
        span(room, 500, at)
    });
    assert_eq!(report(&relay, times.collect()).await.expect("kept"), 200);

    // Another relay is not believed, nor an earlier start; after it has left a relay is, for what comes late.
    assert_eq!(report(&other, vec![span(room, 1, minute(3))]).await.expect("heard"), 0);
    let earlier = TestRelay {
        epoch: relay.epoch + 1,
        id: relay.id.clone(),
        store: store.clone(),
    };
    assert!(matches!(report(&earlier, Vec::new()).await, Err(Error::StaleEpoch)));
    relay.leave(room, minute(5)).await.expect("left");
    assert_eq!(report(&relay, vec![span(room, 1, minute(4))]).await.expect("kept"), 1);
}
