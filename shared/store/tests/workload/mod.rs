//! Many writers at once on a table that fails on purpose; then an account of what is there.

#![allow(unreachable_pub, dead_code)]

mod accounts;
#[path = "../books/mod.rs"]
mod books;
mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use domain::code::AccessCode;
use domain::conference::Conference;
use domain::host::Host;
use domain::id::{CompanyId, ConferenceId};
use store::{Claim, Claimed, Error, IdempotencyKey, NewContact, Scope, Store, Write};
use tokio::sync::Mutex;

use crate::conformance::world::{TestRelay, World, joins, noon, operator, sealed};

/// Tries until the table answers.
macro_rules! persist {
    ($write:expr) => {
        loop {
            match $write.await {
                Err(Error::Unavailable(_) | Error::Raced) => {}
                done => break done.expect("only passing failures"),
            }
        }
    };
}

/// Writers of each kind.
const WRITERS: usize = 4;
/// What each writes.
const ROUNDS: usize = 6;

/// What the table has acknowledged.
#[derive(Default)]
struct Acknowledged {
    hosts: Vec<Host>,
    conferences: Vec<Conference>,
    companies: Vec<CompanyId>,
    /// Every name that was tried.
    emails: BTreeSet<String>,
}

/// Runs the writers over the faulty client, and checks with the clean one.
pub async fn run(faulty: &Client, clean: &Client, seed: u64) {
    let (store, whole, clean) = (Store::new(faulty, "convoke"), clean, Store::new(clean, "convoke"));
    clean.create_table().await.expect("the table is made");
    Box::pin(accounts::run(&store, &clean, seed)).await;
    Box::pin(changes::run(&store, &clean, seed)).await;
    let world = Arc::new(World::new(&clean).await);
    let relay = Arc::new(world.relay("r", noon()).await);
    let room = world.planned(noon()).await.room();
    world.open(&relay, noon(), false).await;
    relay.enter(room, noon()).await.expect("enters");
    let faulty_world = Arc::new(World {
        store: store.clone(),
        name: world.name.clone(),
        reseller: world.reseller.clone(),
        company: world.company.clone(),
        host: world.host.clone(),
    });
    let done = Arc::new(Mutex::new(Acknowledged::default()));

    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        tasks.push(tokio::spawn(make_hosts(
            Arc::clone(&faulty_world),
            Arc::clone(&done),
            writer,
        )));
        tasks.push(tokio::spawn(make_conferences(
            Arc::clone(&faulty_world),
            Arc::clone(&done),
        )));
        tasks.push(tokio::spawn(make_companies_once(
            Arc::clone(&faulty_world),
            Arc::clone(&done),
            writer,
        )));
        tasks.push(tokio::spawn(enter_people(Arc::clone(&faulty_world))));
    }
    // A relay that sends each batch twice at once.
    for _ in 0..2 {
        let reporting = TestRelay {
            store: store.clone(),
            id: relay.id.clone(),
            epoch: relay.epoch,
        };
        tasks.push(tokio::spawn(async move {
            for n in 1..=10_u32 {
                let batch: Vec<_> = (0..5).map(|event| joins(room, n * 10 + event, event == 0)).collect();
                persist!(reporting.report(u64::from(n), batch.clone(), noon()));
            }
        }));
    }
    for task in tasks {
        task.await.expect("a writer ran to its end");
    }
    let done = done.lock().await;
    account(&clean, &world, &done, seed).await;
    let events = clean
        .events(world.reseller.id, room.conference, 0, noon())
        .await
        .expect("read");
    assert_eq!(events.len(), 50, "seed {seed}: events lost or doubled");
    assert!(
        events.iter().zip(1..).all(|((sequence, _), n)| *sequence == n),
        "seed {seed}: numbers with gaps"
    );
    let view = clean
        .room(world.host.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    assert_eq!(view.room.live.expect("is live").live.moderators, 10, "seed {seed}");
    let faults = books::Books::read(whole, "convoke").await.faults();
    assert!(faults.is_empty(), "seed {seed}:\n{}", faults.join("\n"));
}

/// Hosts under names that the writers fight for.
async fn make_hosts(world: Arc<World>, done: Arc<Mutex<Acknowledged>>, writer: usize) {
    for round in 0..ROUNDS {
        let email = format!("fight{}@{}.example", (round + writer) % ROUNDS, world.name);
        let host = Host {
            id: persist!(world.store.new_host_id()),
            email: email.parse().expect("an address"),
            own_contact: persist!(world.store.new_contact_id()),
            ..world.host.clone()
        };
        let code = u32::try_from(1_000_000 + host.id.value()).expect("few");
        let host = Host {
            access_code: AccessCode::new(code).expect("a code"),
            ..host
        };
        done.lock().await.emails.insert(host.email.folded());
        match world.store.host_create(&host, &operator("host-create")).await {
            Ok(()) => done.lock().await.hosts.push(host),
            Err(Error::Taken(_) | Error::Unavailable(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

async fn make_conferences(world: Arc<World>, done: Arc<Mutex<Acknowledged>>) {
    for _ in 0..ROUNDS {
        let id = persist!(world.store.new_conference_id());
        let conference = Conference {
            id,
            ics_uid: format!("{id}@workload.test"),
            ..template(&world)
        };
        match world
            .store
            .conference_create(&conference, &operator("conference-create"))
            .await
        {
            Ok(()) => done.lock().await.conferences.push(conference),
            Err(Error::Unavailable(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn template(world: &World) -> Conference {
    let zone = domain::time::Zone::utc();
    Conference {
        id: ConferenceId::new(1).expect("an id"),
        reseller: world.reseller.id,
        company: world.company.id,
        host: world.host.id,
        kind: domain::conference::Kind::Scheduled,
        subject: "Talk".parse().expect("a subject"),
        agenda: None,
        start: noon(),
        occurrence: domain::id::Occurrence::new(noon().as_second()),
        zone,
        duration: domain::conference::Minutes::new(60).expect("minutes"),
        code: world.host.access_code,
        code_kind: domain::conference::CodeKind::Host,
        secure_url: false,
        host_initiated_recording: false,
        security_pin: None,
        mute_mode: domain::room::MuteMode::Conversation,
        waiting_room: false,
        registration: false,
        moderator_token: sealed(),
        invited: Vec::new(),
        reminders: Vec::new(),
        ics_uid: "uid".into(),
        sequence: 0,
        times_since: domain::conference::TimesSince::default(),
        max_participants: 100,
        h264: true,
        created: noon(),
        series: None,
        version: 0,
        deleted: false,
    }
}

/// Every writer makes the same companies, each under one idempotency key: each is made once, whoever is told so. Time
/// passes while they wait, so they take claims over from one another, and every other one dies before it has answered.
async fn make_companies_once(world: Arc<World>, done: Arc<Mutex<Acknowledged>>, writer: usize) {
    for round in 0..ROUNDS {
        let key = IdempotencyKey {
            reseller: world.reseller.id,
            account: world.host.id,
            method: "company-create".into(),
            key: format!("key-{round}"),
        };
        let mut at = noon();
        loop {
            let claimed = persist!(world.store.idempotency_claim(&key, "body", rand_nonce(), at));
            let claim = match claimed {
                Claimed::Fresh(claim) => claim,
                Claimed::Applied { claim, reference } => {
                    done.lock().await.companies.push(reference.parse().expect("an id"));
                    let _ = world.store.idempotency_finish(&claim, &sealed()).await;
                    break;
                }
                Claimed::Done(_) => break,
                Claimed::Running => {
                    at = at.saturating_add(Claim::LEASE / 4).expect("a time");
                    tokio::task::yield_now().await;
                    continue;
                }
                Claimed::OtherBody => panic!("the body is the same"),
            };
            let id = persist!(world.store.new_company_id());
            let subdomain = format!("c{}", id.value()).parse().expect("a subdomain");
            let fqdn = world.reseller.domain.below(&subdomain).expect("a name");
            let company = domain::company::Company {
                id,
                subdomain,
                fqdn,
                ..world.company.clone()
            };
            let write = Write {
                claim: Some(&claim),
                at,
                ..operator("company-create")
            };
            match world.store.company_create(&company, &write, &[]).await {
                Ok(()) => {
                    done.lock().await.companies.push(id);
                    if (round + writer).is_multiple_of(2) {
                        let _ = world.store.idempotency_finish(&claim, &sealed()).await;
                    }
                    break;
                }
                // Whether it was made is not known: the key knows.
                Err(Error::Unavailable(_)) => persist!(world.store.idempotency_release(&claim)),
                Err(Error::ClaimLost) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

fn rand_nonce() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(0).to_be_bytes();
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&half());
    nonce[8..].copy_from_slice(&half());
    nonce
}

async fn enter_people(world: Arc<World>) {
    for round in 0..ROUNDS {
        let person = |n: usize| NewContact {
            name: None,
            email: format!("guest{}@other.example", round * 2 + n)
                .parse()
                .expect("an address"),
            phone: None,
        };
        let people: Vec<NewContact> = (0..4).map(person).collect();
        persist!(
            world
                .store
                .contacts_ensure(world.reseller.id, world.host.id, &people, noon())
        );
    }
}

/// Nothing acknowledged is lost, nothing is doubled, no name is taken twice.
async fn account(clean: &Store, world: &World, done: &Acknowledged, seed: u64) {
    let scope = Scope::reseller(world.reseller.id);
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    for host in &done.hosts {
        assert_eq!(clean.host(&scope, host.id).await.expect("kept"), *host, "seed {seed}");
        *owners.entry(host.email.folded()).or_default() += 1;
        let named = clean.host_by_email(world.reseller.id, &host.email).await.expect("read");
        assert_eq!(
            named.map(|named| named.id),
            Some(host.id),
            "seed {seed}: two hosts of one address"
        );
    }
    assert!(owners.values().all(|count| *count == 1), "seed {seed}: {owners:?}");
    for conference in &done.conferences {
        let kept = clean.conference(&scope, conference.id).await.expect("kept");
        assert_eq!(kept.conference, *conference, "seed {seed}");
    }
    let companies: BTreeSet<CompanyId> = done.companies.iter().copied().collect();
    assert_eq!(companies.len(), ROUNDS, "seed {seed}: one company for each key");
    let view = clean
        .room(world.host.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    let planned: BTreeSet<ConferenceId> = view.planned.iter().map(|planned| planned.conference).collect();
    assert_eq!(
        planned.len(),
        view.planned.len(),
        "seed {seed}: a meeting is planned twice"
    );
    assert!(
        done.conferences
            .iter()
            .all(|conference| planned.contains(&conference.id)),
        "seed {seed}"
    );

    let audit = clean
        .audit(world.reseller.id, Some(world.company.id), 1_000)
        .await
        .expect("read");
    let mut audited: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &audit {
        *audited.entry(&entry.object).or_default() += 1;
    }
    assert!(
        audited.values().all(|count| *count == 1),
        "seed {seed}: a write has two audit items: {audited:?}"
    );
    for conference in &done.conferences {
        assert!(
            audited.contains_key(format!("conference/{}", conference.id).as_str()),
            "seed {seed}: no audit item"
        );
    }
}
