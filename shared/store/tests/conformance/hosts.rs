use domain::code::AccessCode;
use domain::host::{Contact, Host};
use jiff::SignedDuration;
use store::{Error, Paging, Scope, Store, Unique, Work, Write};

use super::world::{World, noon, operator};

async fn read(store: &Store, host: &Host) -> Host {
    store
        .host(&Scope::reseller(host.reseller), host.id)
        .await
        .expect("found")
}

async fn new_code(store: &Store) -> AccessCode {
    let number = store.new_host_id().await.expect("an id").value();
    AccessCode::new(u32::try_from(1_000_000 + number).expect("few")).expect("a code")
}

async fn colleague(world: &World, name: &str) -> Host {
    let host = World::host_of(&world.store, &world.company, &format!("{name}@{}.example", world.name)).await;
    world
        .store
        .host_create(&host, &operator("host-create"))
        .await
        .expect("a host");
    host
}

pub async fn former_names_are_free_at_once_and_a_former_code_is_not(store: &Store) {
    let world = World::new(store).await;
    let before = Host {
        openid_sub: Some(format!("sub-{}", world.name)),
        ..world.host.clone()
    };
    let write = operator("host-update");
    store
        .host_update(&world.host, &before, None, &write)
        .await
        .expect("changed");
    let before = read(store, &before).await;
    let planned = world.planned(noon()).await;
    let after = Host {
        email: format!("new@{}.example", world.name).parse().expect("an address"),
        openid_sub: None,
        access_code: new_code(store).await,
        ..before.clone()
    };
    store.host_update(&before, &after, None, &write).await.expect("changed");
    let after = read(store, &after).await;
    assert_eq!(after.version, 2);
    let of = |email| store.host_by_email(world.reseller.id, email);
    assert_eq!(of(&before.email).await.expect("read"), None);
    assert_eq!(of(&after.email).await.expect("read"), Some(after.clone()));
    let own = store
        .contacts(world.reseller.id, after.id, &[after.own_contact])
        .await
        .expect("read");
    assert_eq!(own, [Some(after.contact())], "it follows in its own address book");

    // Somebody else has the address and the subject now.
    let mut heir = World::host_of(store, &world.company, before.email.as_str()).await;
    heir.openid_sub.clone_from(&before.openid_sub);
    store.host_create(&heir, &operator("host-create")).await.expect("free");
    // What is planned on the former code opens; the code is nobody's for a year.
    let old = store
        .room(before.access_code, noon())
        .await
        .expect("read")
        .expect("a room");
    assert!(old.room.retired.is_some());
    assert!(old.planned.iter().any(|entry| entry.conference == planned.id));
    let mut thief = World::host_of(store, &world.company, &format!("thief@{}.example", world.name)).await;
    thief.access_code = before.access_code;
    let refused = store.host_create(&thief, &operator("host-create")).await;
    assert!(matches!(refused, Err(Error::Taken(Unique::AccessCode))), "{refused:?}");
    let in_a_year = Write {
        at: noon()
            .saturating_add(SignedDuration::from_hours(24 * 366 + 1))
            .expect("a time"),
        ..operator("host-create")
    };
    store.host_create(&thief, &in_a_year).await.expect("free after a year");
}

pub async fn a_change_that_meets_a_taken_name_changes_nothing(store: &Store) {
    let world = World::new(store).await;
    let other = colleague(&world, "other").await;
    let other_with_sub = Host {
        openid_sub: Some(format!("sub-{}", world.name)),
        ..other.clone()
    };
    let write = operator("host-update");
    store
        .host_update(&other, &other_with_sub, None, &write)
        .await
        .expect("changed");
    for (sub, known) in [
        (format!("sub-{}", world.name), Some(other.id)),
        (world.name.clone(), None),
    ] {
        let found = store.host_by_openid(world.reseller.id, &sub).await.expect("read");
        assert_eq!(found.map(|host| host.id), known);
    }
    let host = &world.host;
    let free = new_code(store).await;
    let wants = [
        (
            Host {
                email: other.email.clone(),
                access_code: free,
                ..host.clone()
            },
            Unique::Email,
        ),
        (
            Host {
                access_code: other.access_code,
                ..host.clone()
            },
            Unique::AccessCode,
        ),
        (
            Host {
                openid_sub: other_with_sub.openid_sub.clone(),
                access_code: free,
                ..host.clone()
            },
            Unique::OpenIdSub,
        ),
    ];
    for (after, unique) in wants {
        let refused = store.host_update(host, &after, None, &write).await;
        assert!(
            matches!(refused, Err(Error::Taken(of)) if of == unique),
            "{unique:?}: {refused:?}"
        );
        assert_eq!(read(store, host).await, *host);
        assert!(
            store.room(free, noon()).await.expect("read").is_none(),
            "the code that came with it is free"
        );
        let room = store
            .room(host.access_code, noon())
            .await
            .expect("read")
            .expect("a room");
        assert_eq!(room.room.retired, None);
    }
}

pub async fn a_host_takes_the_entry_of_its_new_address(store: &Store) {
    let world = World::new(store).await;
    let host = &world.host;
    let entry = Contact {
        id: store.new_contact_id().await.expect("an id"),
        host: host.id,
        name: None,
        email: format!("new@{}.example", world.name).parse().expect("an address"),
        phone: None,
        created: noon(),
    };
    store
        .contact_create(host, &entry, &operator("contact-create"))
        .await
        .expect("entered");
    let after = Host {
        email: entry.email.clone(),
        ..host.clone()
    };
    let write = operator("host-update");
    // Who has not seen the entry is told to look again.
    let unseen = store.host_update(host, &after, None, &write).await;
    assert!(matches!(unseen, Err(Error::Raced)), "{unseen:?}");
    store
        .host_update(host, &after, Some(entry.id), &write)
        .await
        .expect("changed");
    let gone = store.contact(world.reseller.id, entry.id).await;
    assert!(matches!(gone, Err(Error::NotFound("contact"))), "{gone:?}");
    let known = store
        .contact_by_email(world.reseller.id, host.id, &entry.email)
        .await
        .expect("read");
    assert_eq!(known, Some(host.own_contact));
    assert_eq!(
        store
            .contact_by_email(world.reseller.id, host.id, &host.email)
            .await
            .expect("read"),
        None
    );
}

pub async fn a_deleted_host_leaves_its_id_and_its_closed_code(store: &Store) {
    let world = World::new(store).await;
    let host = &world.host;
    let write = operator("host-delete");
    let stale = Host {
        version: 7,
        ..host.clone()
    };
    let refused = store.host_delete(&stale, &write).await;
    assert!(matches!(refused, Err(Error::Raced)), "{refused:?}");
    store.host_delete(host, &write).await.expect("begins");
    let again = store.host_delete(host, &write).await;
    assert!(matches!(again, Err(Error::Raced)), "{again:?}");
    let late = store.host_update(host, host, None, &operator("host-update")).await;
    assert!(matches!(late, Err(Error::Raced)), "{late:?}");
    let gone = store.host(&world.scope(), host.id).await;
    assert!(matches!(gone, Err(Error::NotFound("host"))), "{gone:?}");
    assert_eq!(
        store.host_by_email(world.reseller.id, &host.email).await.expect("read"),
        None
    );
    assert_eq!(
        store.room(host.access_code, noon()).await.expect("read"),
        None,
        "the code opens nothing"
    );
    let scope = Scope::reseller(world.reseller.id);
    let paging = Paging { after: None, limit: 10 };
    let left = store.hosts(&scope, world.company.id, paging).await.expect("read");
    assert!(left.items.is_empty());
    let entry = Contact {
        id: store.new_contact_id().await.expect("an id"),
        email: "late@guest.example".parse().expect("an address"),
        ..host.contact()
    };
    let refused = store.contact_create(host, &entry, &operator("contact-create")).await;
    assert!(matches!(refused, Err(Error::NotFound("host"))), "{refused:?}");
    let planned = world.conference(noon()).await;
    let refused = store.conference_create(&planned, &operator("conference-create")).await;
    assert!(matches!(refused, Err(Error::NotFound("host"))), "{refused:?}");

    let jobs = store.jobs_due(noon(), 1_000).await.expect("read");
    let own = |job: &&store::Job| matches!(job.work, Work::HostDelete { host: of, .. } if of == host.id);
    assert_eq!(jobs.iter().filter(own).count(), 1);
    while store
        .contacts_forget(world.reseller.id, host.id)
        .await
        .expect("forgotten")
    {}
    let own = store
        .contacts(world.reseller.id, host.id, &[host.own_contact])
        .await
        .expect("read");
    assert_eq!(own, [None]);
    for _ in 0..2 {
        let forgotten = store.host_forget(world.reseller.id, host.id).await;
        forgotten.expect("harmless when repeated");
    }
    let living = colleague(&world, "living").await;
    let refused = store.host_forget(world.reseller.id, living.id).await;
    assert!(
        matches!(refused, Err(Error::Raced)),
        "nobody forgets a host that lives: {refused:?}"
    );
}

pub async fn hosts_are_listed_oldest_first_page_by_page(store: &Store) {
    let world = World::new(store).await;
    let mut ids = vec![world.host.id];
    for n in 0..6 {
        ids.push(colleague(&world, &format!("h{n}")).await.id);
    }
    let scope = Scope::company(world.reseller.id, world.company.id);
    let (mut seen, mut all) = (Vec::new(), Vec::new());
    loop {
        let after = seen.last().copied();
        let page = store
            .hosts(&scope, world.company.id, Paging { after, limit: 3 })
            .await
            .expect("read");
        seen.extend(page.items.iter().map(|host| host.id));
        if !page.more {
            break;
        }
    }
    loop {
        let after = all.last().copied();
        let (hosts, next) = store
            .hosts_all(world.reseller.id, Paging { after, limit: 3 })
            .await
            .expect("read");
        assert!(hosts.iter().all(|(host, company)| host.company == company.id));
        all.extend(hosts.iter().map(|(host, _)| host.id));
        assert!(next.is_none() || next == all.last().copied());
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    assert_eq!(all, ids);
    let foreign = World::new(store).await.host.id;
    let refused = store
        .hosts(
            &scope,
            world.company.id,
            Paging {
                after: Some(foreign),
                limit: 3,
            },
        )
        .await;
    assert!(matches!(refused, Err(Error::NotListed)), "{refused:?}");
}
