//! Lists that are read page by page go on while what they name is deleted, and where a page has nothing to show.

use serde_json::{Value, json};

use crate::accounts_change::ids;
use crate::accounts_go::work;
use crate::world::{World, meeting};

/// Which list, whose entries go one page after the other.
struct Drained {
    list: &'static str,
    of: Value,
    delete: &'static str,
    field: &'static str,
}

/// All that a list shows at first, and all that its pages show while each is deleted before the next is read.
async fn drain(world: &World, drained: Drained) -> (Vec<u64>, Vec<u64>) {
    let Drained {
        list,
        of,
        delete,
        field,
    } = drained;
    let all = ids(&world.root(list, of.clone()).await.ok(), field);
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut asked = of.clone();
        (asked["limit"], asked["after"]) = (json!(2), after);
        let page = world.root(list, asked).await;
        let shown = ids(&page.ok(), field);
        for id in &shown {
            // The caller's own account and company, and a host's own entry, stay.
            let gone = world.root(delete, json!({(field): id, "force": true})).await;
            assert!(matches!(gone.status(), 200 | 409), "{delete}: {gone:?}");
        }
        work(world).await;
        work(world).await;
        seen.extend(shown);
        match page.header("x-next-after") {
            Some(next) => after = next.into(),
            None => return (all, seen),
        }
    }
}

#[tokio::test]
async fn a_page_comes_behind_what_was_deleted_meanwhile() {
    let world = World::new().await;
    let acme = world.acme.clone();
    for n in 0..5 {
        world.root("conference/create", meeting(acme.host.id)).await.ok();
        let contact = json!({"host_id": acme.host.id, "name": "Guest", "email": format!("guest{n}@guest.test")});
        world.root("contact/create", contact).await.ok();
        let company = json!({"subdomain": format!("c{n}"), "name": "C"});
        let company = world.root("company/create", company).await.ok();
        for whose in [acme.id.into(), company["id"].clone()] {
            let email = format!("h{}@people.test", world.unique());
            let host = json!({"company_id": whose, "name": "H", "email": email});
            world.root("host/create", host).await.ok();
        }
    }
    let of_host = json!({"host_id": acme.host.id});
    let lists = [
        (
            "conference/fetch_all",
            of_host.clone(),
            "conference/delete",
            "conference_id",
        ),
        ("contact/fetch_all", of_host, "contact/delete", "contact_id"),
        (
            "host/fetch_all",
            json!({"company_id": acme.id}),
            "host/delete",
            "host_id",
        ),
        ("host/fetch_all", json!({}), "host/delete", "host_id"),
        ("company/fetch_all", json!({}), "company/delete", "company_id"),
    ];
    for (list, of, delete, field) in lists {
        let drained = Drained {
            list,
            of,
            delete,
            field,
        };
        let (all, seen) = drain(&world, drained).await;
        assert!(all.len() > 4, "{list}: {all:?}");
        assert_eq!(seen, all, "{list}");
    }
}

#[tokio::test]
async fn a_page_behind_a_deleted_entry_is_refused_to_whom_the_entry_was_nothing() {
    let world = World::new().await;
    let (acme, other) = (world.acme.clone(), world.other.clone());
    let gone = json!({"contact_id": acme.host.contact});
    world.root("contact/delete", gone).await.ok();
    world
        .root("host/delete", json!({"host_id": acme.sibling.id}))
        .await
        .ok();
    for (token, list, asked) in [
        (
            &acme.reseller_admin.token,
            "contact/fetch_all",
            json!({"host_id": acme.admin.id, "after": acme.host.contact}),
        ),
        (&other.admin.token, "host/fetch_all", json!({"after": acme.sibling.id})),
    ] {
        let refused = world.api(&acme.fqdn, token, list, asked).await.refused();
        assert_eq!(refused, crate::world::refusal(400, "invalid_field", "after"), "{list}");
    }
}

#[tokio::test]
async fn the_hosts_of_a_company_that_goes_are_listed_no_more_and_pages_go_on_behind_them() {
    let world = World::new().await;
    let before = ids(&world.root("host/fetch_all", json!({})).await.ok(), "host_id");
    let gone = json!({"company_id": world.other.id, "force": true});
    world.root("company/delete", gone).await.ok();
    // Its hosts are still there: no job has run.
    let theirs = [&world.other.admin, &world.other.host, &world.other.sibling].map(|account| account.id);
    let left: Vec<u64> = before.iter().copied().filter(|id| !theirs.contains(id)).collect();
    assert!(left.len() + 3 == before.len() && before.last() == Some(&theirs[2]));
    assert_eq!(
        ids(&world.root("host/fetch_all", json!({})).await.ok(), "host_id"),
        left
    );
    let (mut seen, mut empty, mut after) = (Vec::new(), 0, Value::Null);
    loop {
        let page = world.root("host/fetch_all", json!({"limit": 1, "after": after})).await;
        let shown = ids(&page.ok(), "host_id");
        empty += usize::from(shown.is_empty());
        seen.extend(shown);
        match page.header("x-next-after") {
            Some(next) => after = next.into(),
            None => break,
        }
    }
    assert_eq!((seen, empty), (left, 3));
}
