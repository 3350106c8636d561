use domain::own_domain::{DomainState, OwnDomain};
use store::{Error, Store, Tenant, Unique};

use super::world::{World, minute, noon, operator};

fn domain(world: &World, name: &str) -> OwnDomain {
    OwnDomain {
        name: format!("{name}.{}.own", world.name).parse().expect("a name"),
        reseller: world.reseller.id,
        company: world.company.id,
        challenge: "challenge".into(),
        state: DomainState::Unproven,
        since: noon(),
        looked: None,
        problem: None,
        version: 0,
        created: noon(),
    }
}

async fn company(world: &World) -> domain::company::Company {
    let found = world.store.company(&world.scope(), world.company.id).await;
    found.expect("found")
}

fn serving() -> DomainState {
    DomainState::Serving {
        certificate: "arn".into(),
        place: "place".into(),
        target: None,
    }
}

/// A name goes from claimed to served to free, and its guard and its company with it.
pub async fn a_companys_own_name_is_claimed_served_and_freed(store: &Store) {
    let world = World::new(store).await;
    let write = operator("domain");
    let own = domain(&world, "meet");
    let tenant = |claimed| Tenant {
        reseller: world.reseller.id,
        company: Some(world.company.id),
        until: None,
        claimed,
    };
    store
        .domain_add(&company(&world).await, &own, &write)
        .await
        .expect("claimed");
    assert_eq!(store.tenant(own.name.fqdn()).await.expect("read"), Some(tenant(true)));
    assert_eq!(store.domain(&own.name).await.expect("read"), Some(own.clone()));
    let due = store.domains_due(noon(), 1_000).await.expect("read");
    assert!(due.contains(&own.name));
    assert!(!store.domain_is_resellers(&own.name).await.expect("read"));
    let within = format!("a.b.{}", world.reseller.domain).parse().expect("a name");
    assert!(store.domain_is_resellers(&within).await.expect("read"));

    let served = own.entered(serving(), minute(1));
    let served = store.domain_change(&own, &served, None, &write).await.expect("served");
    assert_eq!((served.version, served.since), (1, minute(1)));
    assert_eq!(store.tenant(own.name.fqdn()).await.expect("read"), Some(tenant(false)));
    let hosts: Vec<_> = company(&world).await.hosts().cloned().collect();
    assert_eq!(hosts, [world.company.fqdn.clone(), own.name.fqdn().clone()]);
    let due = store.domains_due(minute(10_000), 1_000).await.expect("read");
    assert!(!due.contains(&own.name), "nothing happens to it by itself");
    let stale = store.domain_change(&own, &own, None, &write).await;
    assert!(matches!(stale, Err(Error::Raced)), "{stale:?}");

    let early = store.domain_forget(&served, &write).await;
    assert!(matches!(early, Err(Error::Raced)), "{early:?}");
    let removing = served.entered(served.state.removal(), minute(2));
    let removing = store
        .domain_change(&served, &removing, Some(minute(2)), &write)
        .await
        .expect("begun");
    assert_eq!(store.tenant(own.name.fqdn()).await.expect("read"), Some(tenant(true)));
    assert_eq!(company(&world).await.hosts().count(), 1);
    store.domain_forget(&removing, &write).await.expect("gone");
    assert_eq!(store.tenant(own.name.fqdn()).await.expect("read"), None);
    assert_eq!(store.domain(&own.name).await.expect("read"), None);
    assert!(company(&world).await.own_domains.is_empty());
    store
        .domain_add(&company(&world).await, &own, &write)
        .await
        .expect("it is free");
}

/// Companies race for a name: one has it, the others hear that it is taken, and have nothing of it.
pub async fn one_of_many_racing_for_an_own_name_has_it(store: &Store) {
    let mut worlds = Vec::new();
    for _ in 0..6 {
        worlds.push(World::new(store).await);
    }
    let name = domain(worlds.first().expect("a world"), "raced").name;
    let claims = worlds.iter().map(|world| {
        let name = name.clone();
        async move {
            let own = OwnDomain {
                name,
                ..domain(world, "raced")
            };
            store.domain_add(&company(world).await, &own, &operator("domain")).await
        }
    });
    let claimed = futures_util::future::join_all(claims).await;
    let (won, lost): (Vec<_>, Vec<_>) = claimed.iter().partition(|claimed| claimed.is_ok());
    assert_eq!((won.len(), lost.len()), (1, 5));
    assert!(
        lost.iter()
            .all(|lost| matches!(lost, Err(Error::Taken(Unique::OwnDomain)))),
        "{lost:?}"
    );
    let mut owners = 0;
    for world in &worlds {
        owners += company(world).await.own_domains.len();
    }
    assert_eq!(owners, 1);
}

/// A name is never served for a company that is on its way out, and the company stays until its names are gone.
pub async fn a_company_goes_after_its_own_names(store: &Store) {
    let world = World::new(store).await;
    let write = operator("domain");
    let own = domain(&world, "late");
    store
        .domain_add(&company(&world).await, &own, &write)
        .await
        .expect("claimed");
    let current = company(&world).await;
    let write_of_company = operator("company-delete");
    store
        .company_delete(&current, true, &write_of_company)
        .await
        .expect("begun");
    let served = own.entered(serving(), minute(1));
    let late = store.domain_change(&own, &served, None, &write).await;
    assert!(matches!(late, Err(Error::NotFound("company"))), "{late:?}");
    let removing = own.entered(own.state.removal(), minute(1));
    let removing = store
        .domain_change(&own, &removing, Some(minute(1)), &write)
        .await
        .expect("begun");
    store.domain_forget(&removing, &write).await.expect("gone");
    let kept = store
        .company_kept(world.reseller.id, world.company.id)
        .await
        .expect("read");
    assert!(kept.expect("its host is still there").own_domains.is_empty());
}
