use domain::company::Company;
use jiff::SignedDuration;
use store::{Error, Job, Paging, Scope, Store, Tenant, Unique, Work, Write};

use super::world::{World, noon, operator};

/// A name leads on for so long, and a little.
const MOVED: SignedDuration = SignedDuration::from_hours(24 * 366 + 1);

fn at(hours: i64) -> Write<'static> {
    Write {
        at: noon()
            .saturating_add(SignedDuration::from_hours(hours))
            .expect("a time"),
        ..operator("company-update")
    }
}

async fn read(store: &Store, of: &Company) -> Company {
    store
        .company(&Scope::reseller(of.reseller), of.id)
        .await
        .expect("found")
}

fn renamed(world: &World, company: &Company, subdomain: &str) -> Company {
    let subdomain = subdomain.parse().expect("a subdomain");
    Company {
        fqdn: world.reseller.domain.below(&subdomain).expect("a name"),
        subdomain,
        ..company.clone()
    }
}

pub async fn a_former_name_leads_on_and_is_nobody_elses(store: &Store) {
    let world = World::new(store).await;
    let (company, moved) = (&world.company, renamed(&world, &world.company, "moved"));
    store.company_update(company, &moved, &at(0), &[]).await.expect("moved");
    let tenant = |company: &Company, until| Tenant {
        reseller: company.reseller,
        company: Some(company.id),
        until,
        claimed: false,
    };
    assert_eq!(
        store.tenant(&moved.fqdn).await.expect("read"),
        Some(tenant(&moved, None))
    );
    let former = store.tenant(&company.fqdn).await.expect("read").expect("leads on");
    let until = former.until.expect("for a time");
    assert_eq!(former, tenant(company, Some(until)));
    assert!(
        until
            > noon()
                .saturating_add(SignedDuration::from_hours(24 * 365))
                .expect("a time")
    );

    // Nobody else gets it before that, and a refusal leaves everything as it was.
    let other = World::company_of(store, &world.reseller, "other").await;
    store.company_create(&other, &at(0), &[]).await.expect("a company");
    let wants = renamed(&world, &other, "acme");
    let refused = store.company_update(&other, &wants, &at(1), &[]).await;
    assert!(matches!(refused, Err(Error::Taken(Unique::Subdomain))), "{refused:?}");
    assert_eq!(read(store, &other).await, other);
    assert_eq!(
        store.tenant(&other.fqdn).await.expect("read"),
        Some(tenant(&other, None))
    );

    // Its own company takes it back at any time; then the other one is the former.
    let now = read(store, company).await;
    let back = renamed(&world, &now, "acme");
    store.company_update(&now, &back, &at(1), &[]).await.expect("its own");
    assert_eq!(store.tenant(&back.fqdn).await.expect("read"), Some(tenant(&back, None)));
    let former = store.tenant(&moved.fqdn).await.expect("read").expect("leads on");
    assert!(former.until.is_some());

    // After its time it is free, though the table may not have dropped it yet.
    let wants = renamed(&world, &other, "moved");
    let late = Write {
        at: former
            .until
            .expect("for a time")
            .saturating_add(SignedDuration::from_secs(1))
            .expect("a time"),
        ..operator("company-update")
    };
    assert!(
        late.at
            < noon()
                .saturating_add(MOVED)
                .expect("a time")
                .saturating_add(MOVED)
                .expect("a time")
    );
    store.company_update(&other, &wants, &late, &[]).await.expect("free");
    assert_eq!(
        store.tenant(&wants.fqdn).await.expect("read"),
        Some(tenant(&other, None))
    );
}

pub async fn of_two_who_change_a_company_one_is_told_so(store: &Store) {
    let world = World::new(store).await;
    let change = |name: &str| Company {
        name: name.parse().expect("a name"),
        ..world.company.clone()
    };
    let (one, two) = (change("One"), change("Two"));
    let (one_write, two_write) = (at(0), at(0));
    let both = tokio::join!(
        store.company_update(&world.company, &one, &one_write, &[]),
        store.company_update(&world.company, &two, &two_write, &[])
    );
    let won = match both {
        (Ok(()), Err(Error::Raced)) => one,
        (Err(Error::Raced), Ok(())) => two,
        other => panic!("{other:?}"),
    };
    assert_eq!(read(store, &world.company).await, Company { version: 1, ..won });
}

pub async fn a_company_goes_when_its_hosts_have_gone(store: &Store) {
    let world = World::new(store).await;
    let (company, scope) = (&world.company, Scope::reseller(world.reseller.id));
    let write = operator("company-delete");
    let refused = store.company_delete(company, false, &write).await;
    // Whoever asks has looked at how many there are.
    assert!(matches!(refused, Err(Error::Raced)), "{refused:?}");
    assert_eq!(read(store, company).await, *company);

    store.company_delete(company, true, &write).await.expect("begins");
    let gone = store.company(&scope, company.id).await;
    assert!(matches!(gone, Err(Error::NotFound("company"))), "{gone:?}");
    let listed = store
        .companies(world.reseller.id, Paging { after: None, limit: 10 })
        .await
        .expect("read");
    assert!(listed.items.is_empty(), "{listed:?}");
    let again = store.company_delete(company, true, &write).await;
    assert!(matches!(again, Err(Error::Raced)), "{again:?}");
    let host = World::host_of(store, company, &format!("late@{}.example", world.name)).await;
    let late = store.host_create(&host, &operator("host-create")).await;
    assert!(matches!(late, Err(Error::NotFound("company"))), "{late:?}");

    let jobs: Vec<Job> = store.jobs_due(noon(), 1_000).await.expect("read");
    let own: Vec<_> = jobs
        .iter()
        .filter(|job| job.company == company.id && job.reseller == world.reseller.id)
        .collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].work, Work::CompanyDelete);

    // It keeps its name while a host is left.
    assert_eq!(
        store
            .company_hosts_left(world.reseller.id, company.id)
            .await
            .expect("read"),
        Some(1)
    );
    let early = store.company_forget(world.reseller.id, company.id, at(0).at).await;
    assert!(matches!(early, Err(Error::Raced)), "{early:?}");
    store
        .host_delete(&world.host, &operator("host-delete"))
        .await
        .expect("begins");
    assert_eq!(
        store
            .company_hosts_left(world.reseller.id, company.id)
            .await
            .expect("read"),
        Some(0)
    );
    for _ in 0..2 {
        store
            .company_forget(world.reseller.id, company.id, at(0).at)
            .await
            .expect("harmless when repeated");
    }
    assert_eq!(
        store
            .company_hosts_left(world.reseller.id, company.id)
            .await
            .expect("read"),
        None
    );
    assert_eq!(store.tenant(&company.fqdn).await.expect("read"), None);
    let next = World::company_of(store, &world.reseller, "acme").await;
    store
        .company_create(&next, &at(0), &[])
        .await
        .expect("the name is free");
}

pub async fn companies_are_listed_newest_first_page_by_page(store: &Store) {
    let world = World::new(store).await;
    let mut ids = vec![world.company.id];
    for n in 0..6 {
        let mut company = World::company_of(store, &world.reseller, &format!("c{n}")).await;
        company.created = at(n / 2).at;
        store.company_create(&company, &at(0), &[]).await.expect("a company");
        ids.push(company.id);
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .companies(world.reseller.id, Paging { after, limit: 3 })
            .await
            .expect("read");
        seen.extend(page.items.iter().map(|company| company.id));
        after = seen.last().copied();
        if !page.more {
            break;
        }
        assert_eq!(page.items.len(), 3);
    }
    assert_eq!(seen, ids);
    let foreign = World::new(store).await.company.id;
    let refused = store
        .companies(
            world.reseller.id,
            Paging {
                after: Some(foreign),
                limit: 3,
            },
        )
        .await;
    assert!(matches!(refused, Err(Error::NotListed)), "{refused:?}");
}
