use domain::host::Contact;
use store::{Error, NewContact, Paging, Store, Unique};

use super::world::{World, noon, operator};

async fn entry(world: &World, email: &str) -> Contact {
    Contact {
        id: world.store.new_contact_id().await.expect("an id"),
        host: world.host.id,
        name: Some("Guest".parse().expect("a name")),
        email: email.parse().expect("an address"),
        phone: None,
        created: noon(),
    }
}

async fn entered(world: &World, email: &str) -> Contact {
    let contact = entry(world, email).await;
    let write = operator("contact-create");
    world
        .store
        .contact_create(&world.host, &contact, &write)
        .await
        .expect("entered");
    contact
}

pub async fn an_address_is_in_an_address_book_once(store: &Store) {
    let world = World::new(store).await;
    let (reseller, host) = (world.reseller.id, &world.host);
    let first = entered(&world, "one@guest.example").await;
    let second = entered(&world, "two@guest.example").await;
    for email in ["ONE@guest.example", host.email.as_str()] {
        let again = entry(&world, email).await;
        let refused = store.contact_create(host, &again, &operator("contact-create")).await;
        assert!(
            matches!(refused, Err(Error::Taken(Unique::ContactEmail))),
            "{email}: {refused:?}"
        );
        let refused = store.contact(reseller, again.id).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{email}: {refused:?}");
        let renamed = Contact {
            email: email.parse().expect("an address"),
            ..second.clone()
        };
        let refused = store
            .contact_update(host, (&second, &renamed), None, &operator("contact-update"))
            .await;
        assert!(
            matches!(refused, Err(Error::Taken(Unique::ContactEmail))),
            "{email}: {refused:?}"
        );
        assert_eq!(store.contact(reseller, second.id).await.expect("found"), second);
    }
    // Another host's address book is another.
    let other = World::host_of(store, &world.company, &format!("other@{}.example", world.name)).await;
    store
        .host_create(&other, &operator("host-create"))
        .await
        .expect("a host");
    let same = Contact {
        host: other.id,
        ..entry(&world, "one@guest.example").await
    };
    store
        .contact_create(&other, &same, &operator("contact-create"))
        .await
        .expect("entered");
    assert_eq!(
        store
            .contact_by_email(reseller, host.id, &first.email)
            .await
            .expect("read"),
        Some(first.id)
    );
    assert_eq!(
        store
            .contact_by_email(reseller, other.id, &first.email)
            .await
            .expect("read"),
        Some(same.id)
    );
}

pub async fn a_changed_entry_frees_its_former_address(store: &Store) {
    let world = World::new(store).await;
    let (reseller, host) = (world.reseller.id, &world.host);
    let before = entered(&world, "before@guest.example").await;
    let after = Contact {
        email: "after@guest.example".parse().expect("an address"),
        phone: Some("+14165551234".parse().expect("a phone")),
        ..before.clone()
    };
    let write = operator("contact-update");
    store
        .contact_update(host, (&before, &after), None, &write)
        .await
        .expect("changed");
    assert_eq!(store.contact(reseller, before.id).await.expect("found"), after);
    assert_eq!(
        store
            .contact_by_email(reseller, host.id, &before.email)
            .await
            .expect("read"),
        None
    );
    // Who has read the entry before that is told so.
    let named = Contact {
        name: None,
        ..before.clone()
    };
    let late = store.contact_update(host, (&before, &named), None, &write).await;
    assert!(matches!(late, Err(Error::Raced)), "{late:?}");
    let late = store.contact_delete(host, &before, &operator("contact-delete")).await;
    assert!(matches!(late, Err(Error::Raced)), "{late:?}");
    // Letters of another case are the same address.
    let shouted = Contact {
        email: "AFTER@guest.example".parse().expect("an address"),
        ..after.clone()
    };
    store
        .contact_update(host, (&after, &shouted), None, &write)
        .await
        .expect("changed");
    assert_eq!(
        store
            .contact_by_email(reseller, host.id, &after.email)
            .await
            .expect("read"),
        Some(after.id)
    );

    store
        .contact_delete(host, &shouted, &operator("contact-delete"))
        .await
        .expect("removed");
    let gone = store.contact(reseller, before.id).await;
    assert!(matches!(gone, Err(Error::NotFound("contact"))), "{gone:?}");
    let again = store.contact_delete(host, &shouted, &operator("contact-delete")).await;
    assert!(matches!(again, Err(Error::Raced)), "{again:?}");
    entered(&world, "after@guest.example").await;
}

pub async fn who_is_invited_and_removed_at_once_is_in_the_book_or_not(store: &Store) {
    let world = World::new(store).await;
    let (reseller, host) = (world.reseller.id, &world.host);
    for round in 0..8 {
        let known = entered(&world, &format!("r{round}@guest.example")).await;
        let person = [NewContact {
            name: None,
            email: known.email.clone(),
            phone: None,
        }];
        let write = operator("contact-delete");
        let (removed, ensured) = tokio::join!(
            store.contact_delete(host, &known, &write),
            store.contacts_ensure(reseller, host.id, &person, noon())
        );
        removed.expect("removed");
        let ensured = ensured.expect("ensured").remove(0);
        let now = store
            .contact_by_email(reseller, host.id, &known.email)
            .await
            .expect("read");
        let there = store.contact(reseller, ensured.id).await.is_ok();
        assert_eq!(
            now.is_some(),
            there && now == Some(ensured.id),
            "round {round}: {now:?}, {ensured:?}"
        );
        assert!(
            now.is_none_or(|id| id != known.id),
            "round {round}: what was removed is found"
        );
    }
}

pub async fn an_address_book_is_listed_and_forgotten_page_by_page(store: &Store) {
    let world = World::new(store).await;
    let (reseller, host) = (world.reseller.id, &world.host);
    let people: Vec<NewContact> = (0..120)
        .map(|n| NewContact {
            name: None,
            email: format!("p{n}@guest.example").parse().expect("an address"),
            phone: None,
        })
        .collect();
    let entered = store
        .contacts_ensure(reseller, host.id, &people, noon())
        .await
        .expect("entered");
    let mut seen = Vec::new();
    loop {
        let after = seen.last().copied();
        let page = store
            .contacts_page(reseller, host.id, Paging { after, limit: 50 })
            .await
            .expect("read");
        seen.extend(page.items.iter().map(|contact| contact.id));
        if !page.more {
            break;
        }
    }
    assert_eq!(seen[0], host.own_contact);
    let (mut known, mut listed): (Vec<_>, Vec<_>) =
        (entered.iter().map(|contact| contact.id).collect(), seen[1..].to_vec());
    known.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, known);
    let foreign = World::new(store).await.host.own_contact;
    let refused = store
        .contacts_page(
            reseller,
            host.id,
            Paging {
                after: Some(foreign),
                limit: 50,
            },
        )
        .await;
    assert!(matches!(refused, Err(Error::NotListed)), "{refused:?}");

    let mut rounds = 1;
    while store.contacts_forget(reseller, host.id).await.expect("forgotten") {
        rounds += 1;
    }
    assert_eq!(rounds, 3);
    assert!(
        !store
            .contacts_forget(reseller, host.id)
            .await
            .expect("harmless when repeated")
    );
    let left = store.contacts(reseller, host.id, &seen).await.expect("read");
    assert!(left.iter().all(Option::is_none));
    for person in &people {
        assert_eq!(
            store
                .contact_by_email(reseller, host.id, &person.email)
                .await
                .expect("read"),
            None
        );
    }
}
