use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use store::{Error, NewContact, Scope, Store, Tenant, Unique};

use super::world::{World, operator};

pub async fn ids_are_never_given_twice(client: &Client) {
    let stores = [Store::new(client, "convoke"), Store::new(client, "convoke")];
    let mut seen = BTreeSet::new();
    for round in 0..100 {
        let id = stores[round % 2].new_conference_id().await.expect("an id");
        assert!(seen.insert(id), "{id} was given twice");
    }
    let store = &stores[0];
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.new_contact_id().await.expect("an id") })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for task in tasks {
        assert!(seen.insert(task.await.expect("runs")));
    }
}

pub async fn objects_are_found_by_what_names_them(store: &Store) {
    let world = World::new(store).await;
    let World {
        reseller,
        company,
        host,
        ..
    } = &world;
    assert_eq!(store.reseller(reseller.id).await.expect("found"), *reseller);
    assert_eq!(
        store.reseller_by_domain(&reseller.domain).await.expect("read").as_ref(),
        Some(reseller)
    );
    assert_eq!(store.reseller_by_domain(&company.fqdn).await.expect("read"), None);
    let tenant = Tenant {
        reseller: reseller.id,
        company: Some(company.id),
        until: None,
        claimed: false,
    };
    assert_eq!(store.tenant(&company.fqdn).await.expect("read"), Some(tenant));
    assert_eq!(
        store
            .tenant(&"nobody.example".parse().expect("a name"))
            .await
            .expect("read"),
        None
    );
    assert_eq!(
        store
            .company(&Scope::reseller(reseller.id), company.id)
            .await
            .expect("found"),
        *company
    );
    assert_eq!(store.host(&world.scope(), host.id).await.expect("found"), *host);
    let shouted = host.email.as_str().to_uppercase().parse().expect("an address");
    assert_eq!(
        store.host_by_email(reseller.id, &shouted).await.expect("read").as_ref(),
        Some(host)
    );
    let own = store
        .contacts(reseller.id, host.id, &[host.own_contact])
        .await
        .expect("read");
    assert_eq!(own, [Some(host.contact())]);
}

pub async fn what_must_be_unique_is_unique_and_a_refusal_leaves_nothing(store: &Store) {
    let world = World::new(store).await;
    let again = World::company_of(store, &world.reseller, "acme").await;
    let refused = store.company_create(&again, &operator("company-create"), &[]).await;
    assert!(matches!(refused, Err(Error::Taken(Unique::Subdomain))), "{refused:?}");

    let same_email = World::host_of(store, &world.company, &world.host.email.as_str().to_uppercase()).await;
    let refused = store.host_create(&same_email, &operator("host-create")).await;
    assert!(matches!(refused, Err(Error::Taken(Unique::Email))), "{refused:?}");
    let missing = store.host(&Scope::reseller(world.reseller.id), same_email.id).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");

    let mut same_code = World::host_of(store, &world.company, &format!("bob@{}.example", world.name)).await;
    let own_code = std::mem::replace(&mut same_code.access_code, world.host.access_code);
    same_code.openid_sub = Some("sub-1".into());
    let refused = store.host_create(&same_code, &operator("host-create")).await;
    assert!(matches!(refused, Err(Error::Taken(Unique::AccessCode))), "{refused:?}");
    // The refusal left neither the address nor the subject taken.
    same_code.access_code = own_code;
    store
        .host_create(&same_code, &operator("host-create"))
        .await
        .expect("free");

    let mut same_sub = World::host_of(store, &world.company, &format!("cid@{}.example", world.name)).await;
    same_sub.openid_sub = Some("sub-1".into());
    let refused = store.host_create(&same_sub, &operator("host-create")).await;
    assert!(matches!(refused, Err(Error::Taken(Unique::OpenIdSub))), "{refused:?}");

    let mut nowhere = World::host_of(store, &world.company, &format!("dan@{}.example", world.name)).await;
    nowhere.company = store.new_company_id().await.expect("an id");
    let refused = store.host_create(&nowhere, &operator("host-create")).await;
    assert!(matches!(refused, Err(Error::NotFound("company"))), "{refused:?}");
}

pub async fn one_of_many_racing_for_a_name_wins(store: &Store) {
    let world = World::new(store).await;
    let email = format!("race@{}.example", world.name);
    let mut tasks = Vec::new();
    for _ in 0..12 {
        let host = World::host_of(store, &world.company, &email).await;
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            store.host_create(&host, &operator("host-create")).await
        }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.expect("runs") {
            Ok(()) => won += 1,
            Err(Error::Taken(Unique::Email)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
}

pub async fn other_tenants_objects_do_not_exist(store: &Store) {
    let (ours, other) = (World::new(store).await, World::new(store).await);
    let foreign = Scope::reseller(ours.reseller.id);
    assert!(matches!(
        store.company(&foreign, other.company.id).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        store.host(&foreign, other.host.id).await,
        Err(Error::NotFound(_))
    ));
    let conference = other.planned(super::world::noon()).await;
    assert!(matches!(
        store.conference(&foreign, conference.id).await,
        Err(Error::NotFound(_))
    ));
    assert_eq!(
        store
            .host_by_email(ours.reseller.id, &other.host.email)
            .await
            .expect("read"),
        None
    );

    let second = World::company_of(store, &ours.reseller, "second").await;
    store
        .company_create(&second, &operator("company-create"), &[])
        .await
        .expect("a company");
    let colleague = Scope::company(ours.reseller.id, second.id);
    assert!(matches!(
        store.company(&colleague, ours.company.id).await,
        Err(Error::Forbidden)
    ));
    assert!(matches!(
        store.host(&colleague, ours.host.id).await,
        Err(Error::Forbidden)
    ));
    let mate = World::host_of(store, &ours.company, &format!("mate@{}.example", ours.name)).await;
    store
        .host_create(&mate, &operator("host-create"))
        .await
        .expect("a host");
    let mate = Scope::host(ours.reseller.id, ours.company.id, mate.id);
    assert!(matches!(store.host(&mate, ours.host.id).await, Err(Error::Forbidden)));
    assert!(store.company(&mate, ours.company.id).await.is_ok());
}

pub async fn the_audit_says_who_did_what_and_no_secret(store: &Store) {
    let world = World::new(store).await;
    world.planned(super::world::noon()).await;
    let entries = store
        .audit(world.reseller.id, Some(world.company.id), 10)
        .await
        .expect("read");
    let actions: BTreeSet<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        BTreeSet::from(["company-create", "conference-create", "host-create"])
    );
    let text = serde_json::to_string(&entries).expect("json");
    assert!(text.contains(world.host.email.as_str()));
    let hushed = super::world::sealed();
    for secret in ["argon2id", hushed.as_str(), world.host.sso_token_hash.as_str()] {
        assert!(!text.contains(secret), "the audit holds {secret}");
    }
}

pub async fn an_address_book_has_each_person_once(store: &Store) {
    let world = World::new(store).await;
    let person = |n: usize| NewContact {
        name: None,
        email: format!("p{n}@other.example").parse().expect("an address"),
        phone: None,
    };
    let mut people: Vec<NewContact> = (0..130).map(person).collect();
    people.push(NewContact {
        email: "P0@Other.example".parse().expect("an address"),
        ..person(0)
    });
    people.push(NewContact {
        email: world.host.email.clone(),
        ..person(0)
    });
    let both = tokio::join!(
        store.contacts_ensure(world.reseller.id, world.host.id, &people, super::world::noon()),
        store.contacts_ensure(world.reseller.id, world.host.id, &people, super::world::noon()),
    );
    let (first, second) = (both.0.expect("entered"), both.1.expect("entered"));
    assert_eq!(first, second);
    assert_eq!(first.len(), 132);
    assert_eq!(first[130], first[0]);
    assert_eq!(first[131].id, world.host.own_contact);
    let ids: Vec<_> = first
        .iter()
        .map(|contact| contact.id)
        .chain([store.new_contact_id().await.expect("an id")])
        .collect();
    let found = store
        .contacts(world.reseller.id, world.host.id, &ids)
        .await
        .expect("read");
    assert_eq!(found[..132], first.into_iter().map(Some).collect::<Vec<_>>());
    assert_eq!(found[132], None);
}
