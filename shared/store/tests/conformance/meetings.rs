use domain::Reason;
use domain::code::AccessCode;
use domain::conference::{CodeKind, Conference, Invited, Kind, Opens};
use domain::id::ContactId;
use domain::relay::OccurrenceState;
use store::{Error, Scope, Store, Unique};

use super::world::{World, minute, noon, operator};

pub async fn a_meeting_is_made_read_and_ended(store: &Store) {
    let world = World::new(store).await;
    let conference = world.planned(noon()).await;
    let found = store.conference(&world.scope(), conference.id).await.expect("found");
    assert_eq!(found.conference, conference);
    assert_eq!(
        (found.first().state, found.is_active(), found.first().ended),
        (OccurrenceState::Scheduled, false, None)
    );

    let ended = world.end(conference.id).await;
    assert!(!ended.already && ended.relays.is_empty());
    assert_eq!(
        (ended.rooms, ended.state.first().state),
        (vec![conference.room()], OccurrenceState::Ended)
    );
    assert!(world.end(conference.id).await.already);
    let found = store.conference(&world.scope(), conference.id).await.expect("found");
    assert_eq!(
        (found.first().state, found.first().ended, found.first().ended_reason),
        (OccurrenceState::Ended, Some(noon()), Some(Reason::Ended))
    );
    let view = store
        .room(world.host.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    assert_eq!(view.opens(noon(), false), Opens::Ended);

    let foreign = Scope::host(
        world.reseller.id,
        world.company.id,
        store.new_host_id().await.expect("an id"),
    );
    let refused = store.conference(&foreign, conference.id).await;
    assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
    let mut not_mine = world.conference(noon()).await;
    not_mine.host = store.new_host_id().await.expect("an id");
    let refused = store.conference_create(&not_mine, &operator("conference-create")).await;
    assert!(matches!(refused, Err(Error::NotFound("host"))), "{refused:?}");
}

pub async fn a_one_time_code_is_given_once(store: &Store) {
    let world = World::new(store).await;
    let code = AccessCode::new(u32::try_from(100_000_000 + world.host.id.value()).expect("few")).expect("a code");
    let one_time = async || Conference {
        code,
        code_kind: CodeKind::OneTime,
        ..world.conference(noon()).await
    };
    let conference = one_time().await;
    store
        .conference_create(&conference, &operator("conference-create"))
        .await
        .expect("made");
    let refused = store
        .conference_create(&one_time().await, &operator("conference-create"))
        .await;
    assert!(matches!(refused, Err(Error::Taken(Unique::AccessCode))), "{refused:?}");
    let view = store.room(code, noon()).await.expect("read").expect("a room");
    assert_eq!(
        (view.room.kind, view.room.conference, view.planned.len()),
        (CodeKind::OneTime, Some(conference.id), 1)
    );
    assert!(matches!(view.opens(noon(), false), Opens::Planned { .. }));
    let after = minute(60 + 24 * 60);
    let view = store.room(code, after).await.expect("read").expect("a room");
    assert_eq!(view.opens(after, true), Opens::Expired);
}

pub async fn a_meeting_takes_a_thousand_people(store: &Store) {
    let world = World::new(store).await;
    let invited = (1..=1_000)
        .map(|n| Invited {
            contact: ContactId::new(n).expect("an id"),
            name: Some(format!("Person number {n} of many").parse().expect("a name")),
            email: format!("person.number.{n}@a-rather-long-company-name.example")
                .parse()
                .expect("an address"),
            phone: None,
            moderator: n % 2 == 0,
        })
        .collect();
    let conference = Conference {
        invited,
        agenda: Some("a".repeat(8_000)),
        ..world.conference(noon()).await
    };
    store
        .conference_create(&conference, &operator("conference-create"))
        .await
        .expect("made");
    assert_eq!(
        store
            .conference(&world.scope(), conference.id)
            .await
            .expect("found")
            .conference,
        conference
    );
}

pub async fn a_reservationless_meeting_is_active_at_once(store: &Store) {
    let world = World::new(store).await;
    let conference = Conference {
        kind: Kind::Reservationless,
        ..world.conference(noon()).await
    };
    store
        .conference_create(&conference, &operator("conference-create"))
        .await
        .expect("made");
    assert!(
        store
            .conference(&world.scope(), conference.id)
            .await
            .expect("found")
            .is_active()
    );
    let view = store
        .room(world.host.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    assert!(matches!(view.opens(noon(), false), Opens::Planned { .. }));
}
