//! Many writers who change one company and its hosts, fight for addresses in one address book, and make and delete hosts, on a
//! table that fails on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::company::Company;
use domain::host::{Contact, Host};
use store::{Error, Result, Scope, Store};

use crate::conformance::world::{World, noon, operator};

const WRITERS: usize = 4;
const ROUNDS: usize = 5;

/// What was written to one thing.
#[derive(Default)]
struct Counts {
    acknowledged: AtomicU64,
    /// The table did not say whether it was made.
    unknown: AtomicU64,
}

impl Counts {
    /// Whether a write is over: done, or nobody knows.
    fn over(&self, outcome: &Result<()>) -> bool {
        match outcome {
            Ok(()) => self.acknowledged.fetch_add(1, Ordering::Relaxed),
            Err(Error::Unavailable(_)) => self.unknown.fetch_add(1, Ordering::Relaxed),
            Err(Error::Raced) => return false,
            Err(error) => panic!("{error:?}"),
        };
        true
    }

    fn check(&self, what: &str, made: u64, seed: u64) {
        let (known, unknown) = (
            self.acknowledged.load(Ordering::Relaxed),
            self.unknown.load(Ordering::Relaxed),
        );
        assert!(
            (known..=known + unknown).contains(&made),
            "seed {seed}: {made} changes of {what}, {known} acknowledged, {unknown} unknown"
        );
    }
}

#[derive(Default)]
struct All {
    company: Counts,
    host: Counts,
    made: Counts,
}

/// Runs the writers over the faulty store, and checks with the clean one.
pub async fn run(faulty: &Store, clean: &Store, seed: u64) {
    let world = Arc::new(World::new(clean).await);
    let all = Arc::new(All::default());
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let (world, all, store) = (Arc::clone(&world), Arc::clone(&all), faulty.clone());
        tasks.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                change_company(&world, &store, &all.company, writer * ROUNDS + round).await;
                change_host(&world, &store, &all.host, writer * ROUNDS + round).await;
                fight_for_addresses(&world, &store, (writer + round) % 3).await;
                come_and_go(&world, &store, &all.made, writer * ROUNDS + round).await;
            }
        }));
    }
    for task in tasks {
        task.await.expect("a writer ran to its end");
    }
    let scope = Scope::reseller(world.reseller.id);
    let company = clean.company(&scope, world.company.id).await.expect("there");
    let host = clean.host(&scope, world.host.id).await.expect("there");
    all.company.check("the company", company.version, seed);
    all.host.check("the host", host.version, seed);
    let audit = clean
        .audit(world.reseller.id, Some(company.id), 1_000)
        .await
        .expect("read");
    let of = |object: String| u64::try_from(audit.iter().filter(|entry| entry.object == object).count()).expect("few");
    assert_eq!(
        of(format!("company/{}", company.id)),
        company.version + 1,
        "seed {seed}: the company in the audit"
    );
    assert_eq!(
        of(format!("host/{}", host.id)),
        host.version + 1,
        "seed {seed}: the host in the audit"
    );
    let deleted = audit.iter().filter(|entry| entry.action == "host-delete").count();
    all.made
        .check("hosts that came and went", u64::try_from(deleted).expect("few"), seed);
}

async fn change_company(world: &World, store: &Store, counts: &Counts, by: usize) {
    loop {
        let Ok(before) = store
            .company(&Scope::reseller(world.reseller.id), world.company.id)
            .await
        else {
            continue;
        };
        let mut after = Company {
            name: format!("Name {by}").parse().expect("a name"),
            ..before.clone()
        };
        if by.is_multiple_of(4) {
            after.subdomain = format!("name-{by}").parse().expect("a subdomain");
            after.fqdn = world.reseller.domain.below(&after.subdomain).expect("a name");
        }
        let write = operator("company-update");
        if counts.over(&store.company_update(&before, &after, &write, &[]).await) {
            return;
        }
    }
}

async fn change_host(world: &World, store: &Store, counts: &Counts, by: usize) {
    loop {
        let Ok(before) = store.host(&Scope::reseller(world.reseller.id), world.host.id).await else {
            continue;
        };
        let mut after = Host {
            name: format!("Name {by}").parse().expect("a name"),
            ..before.clone()
        };
        if by.is_multiple_of(3) {
            after.email = format!("mail{by}@{}.example", world.name).parse().expect("an address");
            after.openid_sub = Some(format!("{}-{by}", world.name));
        }
        let write = operator("host-update");
        if counts.over(&store.host_update(&before, &after, None, &write).await) {
            return;
        }
    }
}

/// Enters, changes and removes the same three people.
async fn fight_for_addresses(world: &World, store: &Store, which: usize) {
    let email = |n: usize| format!("fight{}@guest.example", n % 3).parse().expect("an address");
    let host = &world.host;
    let Ok(id) = store.new_contact_id().await else { return };
    let contact = Contact {
        id,
        host: host.id,
        name: None,
        email: email(which),
        phone: None,
        created: noon(),
    };
    let passing = |outcome: Result<()>| match outcome {
        Ok(()) | Err(Error::Raced | Error::Unavailable(_) | Error::Taken(_)) => {}
        Err(error) => panic!("{error:?}"),
    };
    passing(store.contact_create(host, &contact, &operator("contact-create")).await);
    if let Ok(Some(known)) = store.contact_by_email(world.reseller.id, host.id, &email(which)).await
        && let Ok(before) = store.contact(world.reseller.id, known).await
    {
        let after = Contact {
            email: email(which + 1),
            ..before.clone()
        };
        passing(
            store
                .contact_update(host, (&before, &after), None, &operator("contact-update"))
                .await,
        );
        passing(store.contact_delete(host, &after, &operator("contact-delete")).await);
    }
}

/// Makes a host and deletes it.
async fn come_and_go(world: &World, store: &Store, counts: &Counts, by: usize) {
    let (Ok(id), Ok(own_contact)) = (store.new_host_id().await, store.new_contact_id().await) else {
        return;
    };
    let host = Host {
        id,
        own_contact,
        email: format!("guest{by}@{}.example", world.name).parse().expect("an address"),
        access_code: domain::code::AccessCode::new(u32::try_from(2_000_000 + id.value()).expect("few"))
            .expect("a code"),
        openid_sub: None,
        ..world.host.clone()
    };
    match store.host_create(&host, &operator("host-create")).await {
        Ok(()) => {}
        Err(Error::Unavailable(_)) => return,
        Err(error) => panic!("{error:?}"),
    }
    assert!(
        counts.over(&store.host_delete(&host, &operator("host-delete")).await),
        "nobody else changes it"
    );
}
