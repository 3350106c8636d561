use domain::company::Company;
use domain::hook::{EventName, Hook, SigningToken, Subject};
use domain::host::Host;
use domain::id::CompanyId;
use jiff::{SignedDuration, Timestamp};
use store::{Delivery, DeliveryState, Error, Line, Rest, Store, Told};

use super::world::{World, noon, operator, sealed};

fn later(seconds: i64) -> Timestamp {
    noon()
        .saturating_add(SignedDuration::from_secs(seconds))
        .expect("a time")
}

const LEASE: i64 = Line::LEASE.as_secs();

async fn new_hook(world: &World) -> Hook {
    Hook {
        id: world.store.new_hook_id().await.expect("an id"),
        reseller: world.reseller.id,
        company: world.company.id,
        owner: world.host.id,
        url: "https://partner.example/hook".into(),
        events: None,
        secret: sealed(),
        created: noon(),
        era: 0,
        failing: None,
        disabled: None,
        version: 0,
    }
}

fn token() -> SigningToken {
    SigningToken {
        token: sealed(),
        former: None,
        version: 0,
    }
}

/// A company with a webhook, which has heard of nothing yet.
async fn hooked(store: &Store) -> (World, Hook) {
    let world = World::new(store).await;
    // What happened before it is told to nobody.
    tell(&world, noon()).await;
    let hook = new_hook(&world).await;
    let (write, token) = (operator("webhook-create"), token());
    let made = store.hook_create(&hook, &[], (None, &token), &write);
    made.await.expect("a webhook");
    (world, hook)
}

/// Numbers what happened in this world.
async fn tell(world: &World, now: Timestamp) {
    for news in world.store.news_waiting(1_000).await.expect("read") {
        if news.reseller == world.reseller.id {
            let numbered = world.store.news_tell(news.reseller, news.subject, now).await;
            numbered.expect("numbered");
        }
    }
}

/// However much happens in one company. What the index says first is not enough: companies lie in it in no order.
pub async fn much_news_of_one_company_hides_no_other(store: &Store) {
    let world = World::new(store).await;
    while let waiting = store.news_waiting(1_000).await.expect("read")
        && !waiting.is_empty()
    {
        for news in waiting {
            let numbered = store.news_tell(news.reseller, news.subject, noon()).await;
            numbered.expect("numbered");
        }
    }
    let begin = async |company: &Company, name: String| {
        let host = World::host_of(store, company, &format!("{name}@{}.example", world.name)).await;
        let made = store.host_create(&host, &operator("host-create")).await;
        made.expect("a host");
    };
    for number in 0..200 {
        begin(&world.company, format!("many{number}")).await;
    }
    let mut small = Vec::new();
    for name in ["little", "less"] {
        let company = World::company_of(store, &world.reseller, name).await;
        let write = operator("company-create");
        store.company_create(&company, &write, &[]).await.expect("a company");
        begin(&company, name.into()).await;
        small.push(company.id);
    }
    for _ in 0..10 {
        let waiting = store.news_waiting(5).await.expect("read");
        let of = |company: &CompanyId| waiting.iter().filter(|news| news.company == *company).count();
        assert_eq!(small.iter().map(of).collect::<Vec<_>>(), [1, 1], "of {waiting:?}");
        let most = usize::try_from(store::keys::HOOK_SHARDS).expect("few") * 5 * 5;
        assert!(
            (20..=most).contains(&of(&world.company.id)),
            "{}",
            of(&world.company.id)
        );
    }
}

/// The host is renamed so many times; the subject of that.
async fn renamed(world: &World, times: u32) -> Subject {
    for time in 0..times {
        let before = world.store.host(&world.scope(), world.host.id).await.expect("there");
        let after = Host {
            name: format!("Ann {} {time}", before.version).parse().expect("a name"),
            ..before.clone()
        };
        let write = operator("host-update");
        world
            .store
            .host_update(&before, &after, None, &write)
            .await
            .expect("renamed");
    }
    Subject::Host(world.host.id)
}

async fn due(world: &World, now: Timestamp) -> Vec<Line> {
    let mut lines = world.store.lines_due(now, 1_000).await.expect("read");
    lines.retain(|line| line.reseller == world.reseller.id);
    lines
}

async fn told(world: &World, subject: Subject, after: u64) -> Vec<u64> {
    let events = world.store.told_events(world.reseller.id, subject, after, 100).await;
    events.expect("read").iter().map(|told: &Told| told.sequence).collect()
}

fn delivery(line: &Line, sequence: u64, state: DeliveryState) -> Delivery {
    Delivery {
        id: line.delivery_id(sequence),
        event: EventName::HostUpdated,
        subject: line.subject,
        sequence,
        happened: noon(),
        created: noon(),
        state,
        attempts: 1,
        last: noon(),
        status: None,
        error: None,
        next: None,
        missed_in: Some(line.era),
    }
}

pub async fn what_happens_is_numbered_without_holes_by_many_at_once(store: &Store) {
    let (world, hook) = hooked(store).await;
    let subject = renamed(&world, 12).await;
    let tellers: Vec<_> = (0..6)
        .map(|_| {
            let (store, reseller) = (store.clone(), world.reseller.id);
            tokio::spawn(async move { store.news_tell(reseller, subject, noon()).await })
        })
        .collect();
    for teller in tellers {
        match teller.await.expect("runs") {
            // Too many at once: whoever comes next goes on.
            Ok(()) | Err(Error::Raced) => {}
            Err(error) => panic!("{error}"),
        }
    }
    tell(&world, noon()).await;
    let first = told(&world, subject, 0).await;
    let expected: Vec<u64> = (first[0]..).take(12).collect();
    assert_eq!(told(&world, subject, first[0] - 1).await.len(), first.len());
    assert_eq!(first[first.len() - 12..], expected[..], "each once, without holes");
    let lines = due(&world, noon()).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((lines[0].hook, Some(lines[0].known)), (hook.id, first.last().copied()));
}

pub async fn a_line_is_held_by_one_and_rests_only_when_nothing_is_new(store: &Store) {
    let (world, _) = hooked(store).await;
    let subject = renamed(&world, 1).await;
    tell(&world, noon()).await;
    let line = due(&world, noon()).await.remove(0);
    let mut held = store.line_claim(&line, noon()).await.expect("read").expect("free");
    assert_eq!(store.line_claim(&line, noon()).await.expect("read"), None);
    assert!(due(&world, later(LEASE - 1)).await.is_empty());
    // Who has worked longer than it meant to asks about a time that is over.
    let over = store.lines_next(later(1), noon()).await;
    assert_eq!(over.expect("nothing is asked of the table"), None);

    // Something new comes while it is held: it does not rest on it.
    renamed(&world, 1).await;
    tell(&world, later(1)).await;
    held.done = held.known;
    let still = store.line_save(&held, Rest::Idle, None, None, later(2)).await;
    assert!(!still.expect("saved"));
    let next = due(&world, later(2)).await.remove(0);
    assert_eq!(next.known, held.known + 1);
    let mut held = store.line_claim(&next, later(2)).await.expect("read").expect("free");

    // Whoever held it too long has no word any more.
    let found = due(&world, later(2 + LEASE)).await.remove(0);
    let quick = store.line_claim(&found, later(2 + LEASE)).await.expect("read");
    let quick = quick.expect("its lease is over");
    held.done = held.known;
    let still = store.line_save(&held, Rest::Held, None, None, later(3 + LEASE)).await;
    assert!(!still.expect("not saved"));
    let mut quick = Line {
        done: quick.known,
        ..quick
    };
    assert!(told(&world, subject, quick.done).await.is_empty());
    let still = store.line_save(&quick, Rest::Held, None, None, later(4 + LEASE)).await;
    assert!(still.expect("saved"));
    quick.done = quick.known;
    let rests = store.line_save(&quick, Rest::Idle, None, None, later(5 + LEASE)).await;
    assert!(!rests.expect("saved"));
    assert!(due(&world, later(3_600)).await.is_empty());
}

pub async fn what_arrives_apart_is_missed_no_more_whoever_holds_the_line(store: &Store) {
    let (world, hook) = hooked(store).await;
    renamed(&world, 2).await;
    tell(&world, noon()).await;
    let line = due(&world, noon()).await.remove(0);
    let mut held = store.line_claim(&line, noon()).await.expect("read").expect("free");
    let first = held.done + 1;
    let apart = held.apart(first, 3, later(1));
    (held.done, held.aside, held.missed) = (first, 1, held.missed + 1);
    let waiting = delivery(&held, first, DeliveryState::Waiting);
    let still = store
        .line_save(&held, Rest::Held, Some(&waiting), Some(&apart), noon())
        .await;
    assert!(still.expect("saved"));
    held.aside = 0;

    // It arrives while the line is still held by somebody who knows of it as missed.
    let apart = due(&world, later(1)).await;
    let apart = apart.iter().find(|line| line.only == Some(first)).expect("due apart");
    let taken = store.line_claim(apart, later(1)).await.expect("read").expect("free");
    let arrived = delivery(&taken, first, DeliveryState::Delivered);
    store
        .line_save_apart(&taken, Rest::Gone, &arrived, true, later(2))
        .await
        .expect("saved");
    let still = store
        .line_save(&held, Rest::Until(later(3)), None, None, later(2))
        .await;
    assert!(!still.expect("saved"), "laid down");
    let line = due(&world, later(3)).await.remove(0);
    assert_eq!((line.only, line.missed, line.done), (None, 0, first));
    let kept = store.delivery(world.reseller.id, hook.id, &arrived.id, later(3)).await;
    assert_eq!(
        kept.expect("read").map(|kept| kept.state),
        Some(DeliveryState::Delivered)
    );
}

pub async fn two_made_at_once_do_not_both_count(store: &Store) {
    let world = World::new(store).await;
    let (one, other) = (new_hook(&world).await, new_hook(&world).await);
    let write = operator("webhook-create");
    let (one_token, other_token) = (token(), token());
    let (first, second) = tokio::join!(
        store.hook_create(&one, &[], (None, &one_token), &write),
        store.hook_create(&other, &[], (None, &other_token), &write)
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(
        store
            .hooks(world.reseller.id, world.company.id)
            .await
            .expect("read")
            .len(),
        1
    );
}
