use domain::conference::{Conference, Invited, PartStat, Reply};
use domain::id::{ConferenceId, ContactId};
use store::{Error, Store, Work};

use super::world::{World, minute, noon, operator};

fn person(contact: ContactId) -> Invited {
    Invited {
        contact,
        name: None,
        email: format!("p{contact}@guest.test").parse().expect("an address"),
        phone: None,
        moderator: false,
    }
}

fn said(sequence: u32, minutes: i64, status: PartStat) -> Reply {
    Reply {
        sequence,
        at: minute(minutes),
        status,
    }
}

/// A meeting on three days with two people, made.
async fn made(world: &World) -> (Conference, [ContactId; 2]) {
    let store = &world.store;
    let ids = [
        store.new_contact_id().await.expect("an id"),
        store.new_contact_id().await.expect("an id"),
    ];
    let daily = world.daily(minute(60), 3).await;
    let id = store.new_conference_id().await.expect("an id");
    let conference = Conference {
        id,
        invited: ids.map(person).to_vec(),
        ics_uid: format!("{id}@replying.test"),
        ..daily
    };
    let write = operator("conference-create");
    store.conference_create(&conference, &write).await.expect("made");
    (conference, ids)
}

async fn read(world: &World, id: ConferenceId) -> Conference {
    let state = world.store.conference(&world.scope(), id).await.expect("found");
    state.conference
}

async fn update(world: &World, id: ConferenceId, change: impl FnOnce(&mut Conference)) -> Conference {
    let store = &world.store;
    let before = store.conference(&world.scope(), id).await.expect("found");
    let around = store.surroundings(&before).await.expect("read");
    let mut after = before.conference.clone();
    change(&mut after);
    let write = operator("conference-update");
    let done = store.conference_update(&before, &around, &after, &write).await;
    done.expect("changed");
    read(world, id).await
}

async fn delete(world: &World, id: ConferenceId) {
    let store = &world.store;
    let before = store.conference(&world.scope(), id).await.expect("found");
    let around = store.surroundings(&before).await.expect("read");
    let write = operator("conference-delete");
    store
        .conference_delete(&before, &around, &write)
        .await
        .expect("deleted");
}

/// Whether a job waits that forgets what people answered who are not invited any more.
async fn forgets(world: &World, id: ConferenceId) -> bool {
    let due = world.store.jobs_due(minute(1), 1_000).await.expect("read");
    due.iter().any(|job| {
        job.work
            == (Work::RepliesForget {
                conference: id,
                moved: Vec::new(),
            })
    })
}

pub async fn what_people_answer_is_kept_while_they_are_invited(store: &Store) {
    let world = World::new(store).await;
    let (conference, [ann, bob]) = made(&world).await;
    let reseller = world.reseller.id;
    let found = store
        .conference_by_uid(reseller, &conference.ics_uid)
        .await
        .expect("read");
    assert_eq!(found.as_ref(), Some(&conference));
    let other = World::new(store).await.reseller.id;
    for (reseller, uid) in [(other, conference.ics_uid.as_str()), (reseller, "another")] {
        assert_eq!(store.conference_by_uid(reseller, uid).await.expect("read"), None);
    }
    let again = Conference {
        ics_uid: conference.ics_uid.clone(),
        ..world.conference(minute(60)).await
    };
    let taken = store.conference_create(&again, &operator("conference-create")).await;
    assert!(matches!(taken, Err(Error::Raced)), "a UID is one meeting's: {taken:?}");

    let second = conference.series.as_ref().expect("a series").starts[1];
    let whole = [(None, said(0, 1, PartStat::Accepted))];
    let own = [(Some(second), said(0, 2, PartStat::Declined))];
    let take = async |contact, said: &[_]| store.replies_take(&conference, contact, said).await;
    assert!(take(ann, &whole).await.expect("kept") && take(ann, &own).await.expect("kept"));
    assert!(!take(ann, &whole).await.expect("known"), "a repeat");
    assert!(
        take(bob, &[(None, said(0, 1, PartStat::Declined))])
            .await
            .expect("kept")
    );
    let stranger = store.new_contact_id().await.expect("an id");
    let refused = take(stranger, &whole).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    let replies = store.replies(&conference, [ann, bob, stranger]).await.expect("read");
    assert_eq!(replies.len(), 2);
    assert_eq!(replies[&ann].to_whole(&conference), PartStat::Accepted);
    assert_eq!(replies[&ann].to(&conference, second), PartStat::Declined);
    assert_eq!(replies[&bob].to(&conference, second), PartStat::Declined);

    // Bob goes, and what he answered with him.
    assert!(!forgets(&world, conference.id).await);
    let left = update(&world, conference.id, |after| {
        after.invited.retain(|person| person.contact == ann)
    })
    .await;
    assert!(forgets(&world, conference.id).await);
    for _ in 0..2 {
        store
            .replies_forget(reseller, conference.id, &[])
            .await
            .expect("forgotten");
    }
    let replies = store.replies(&left, [ann, bob]).await.expect("read");
    assert_eq!(replies.keys().copied().collect::<Vec<_>>(), [ann]);

    delete(&world, conference.id).await;
    assert_eq!(
        store
            .conference_by_uid(reseller, &conference.ics_uid)
            .await
            .expect("read"),
        None
    );
    let late = store
        .replies_take(&left, ann, &[(None, said(9, 9, PartStat::Accepted))])
        .await;
    assert!(matches!(late, Err(Error::Raced)), "{late:?}");
    store
        .replies_forget(reseller, conference.id, &[])
        .await
        .expect("forgotten");
    assert!(store.replies(&left, [ann, bob]).await.expect("read").is_empty());
}

pub async fn an_answer_meets_the_meeting_as_it_is(store: &Store) {
    let world = World::new(store).await;
    let (conference, [ann, bob]) = made(&world).await;
    let accepted = [(None, said(0, 1, PartStat::Accepted))];
    assert!(store.replies_take(&conference, ann, &accepted).await.expect("kept"));
    let worded = update(&world, conference.id, |after| after.agenda = Some("Words".into())).await;
    assert_eq!(worded.sequence, 1);
    let status = async |of: &Conference| {
        let replies = store.replies(of, [ann]).await.expect("read");
        replies[&ann].to_whole(of)
    };
    assert_eq!(status(&worded).await, PartStat::Accepted);
    // Decided by the meeting as it was.
    let stale = store.replies_take(&conference, bob, &accepted).await;
    assert!(matches!(stale, Err(Error::Raced)), "{stale:?}");
    let longer = update(&world, conference.id, |after| {
        after.duration = domain::conference::Minutes::new(90).expect("minutes");
    })
    .await;
    assert_eq!(status(&longer).await, PartStat::NeedsAction);
    assert!(
        !store
            .replies_take(&longer, bob, &accepted)
            .await
            .expect("of other times")
    );
    let at_once = [(None, said(2, 3, PartStat::Tentative))];
    let (one, two) = tokio::join!(
        store.replies_take(&longer, ann, &at_once),
        store.replies_take(&longer, ann, &at_once)
    );
    let kept = [one, two].into_iter().filter(|kept| matches!(kept, Ok(true))).count();
    assert_eq!(kept, 1);
    assert_eq!(status(&longer).await, PartStat::Tentative);
}

pub async fn an_erased_meeting_has_no_answers_and_no_uid(store: &Store) {
    let world = World::new(store).await;
    let id = store.new_contact_id().await.expect("an id");
    let conference = Conference {
        invited: vec![person(id)],
        ..world.conference(noon()).await
    };
    let write = operator("conference-create");
    store.conference_create(&conference, &write).await.expect("made");
    let said = [(None, said(0, 0, PartStat::Declined))];
    assert!(store.replies_take(&conference, id, &said).await.expect("kept"));
    world.end(conference.id).await;
    let reseller = world.reseller.id;
    for _ in 0..2 {
        let erased = store.conference_erase(reseller, conference.id, noon()).await;
        erased.expect("erased");
    }
    assert!(store.replies(&conference, [id]).await.expect("read").is_empty());
    assert_eq!(
        store
            .conference_by_uid(reseller, &conference.ics_uid)
            .await
            .expect("read"),
        None
    );
}
