//! A contact whose address the company's mail does not go to says so, and is written to again when somebody says that it works.

use domain::id::{CompanyId, ResellerId};
use serde_json::{Value, json};
use store::Suppressed;

use crate::world::{Company, World, refusal};

const BOB: &str = "bob@guest.test";

/// What the mail service told of an address that a company wrote to.
async fn suppress(world: &World, company: &Company, email: &str, why: Suppressed) {
    let company = (
        ResellerId::new(1).expect("an id"),
        CompanyId::new(company.id).expect("an id"),
    );
    let (store, email) = (&world.app.store, email.parse().expect("an address"));
    store
        .mail_suppress(company, &email, why, world.app.now())
        .await
        .expect("kept");
}

async fn bob(world: &World, company: &Company) -> Value {
    let new = json!({"host_id": company.host.id, "name": "Bob", "email": BOB});
    world.root("contact/create", new).await.ok()
}

/// What every method that shows a contact says of its address.
async fn states(world: &World, company: &Company, contact: &Value) -> Vec<Value> {
    let (id, host) = (&contact["contact_id"], company.host.id);
    let fetched = world.root("contact/fetch", json!({"contact_id": id})).await.ok();
    let mut shown = vec![fetched];
    for (token, asked) in [
        (&company.host.token, json!({})),
        (&company.admin.token, json!({"host_id": host})),
        (&world.acme.reseller_admin.token, json!({"host_id": host})),
    ] {
        let fqdn = match token == &world.acme.reseller_admin.token {
            true => &world.acme.fqdn,
            false => &company.fqdn,
        };
        let listed = world.api(fqdn, token, "contact/fetch_all", asked).await.ok();
        let listed = listed.as_array().expect("a list");
        let found = listed.iter().find(|entry| &entry["contact_id"] == id);
        shown.push(found.expect("listed").clone());
    }
    let export = world.root("host/export", json!({"host_id": host})).await.ok();
    let exported = export["contacts"].as_array().expect("a list");
    let found = exported.iter().find(|entry| &entry["contact_id"] == id);
    shown.push(found.expect("exported").clone());
    shown.into_iter().map(|entry| entry["email_state"].clone()).collect()
}

#[tokio::test]
async fn what_bounced_is_shown_to_its_company_alone_and_lifted_by_the_host() {
    let world = World::new().await;
    let (acme, other) = (&world.acme, &world.other);
    let (here, there) = (bob(&world, acme).await, bob(&world, other).await);
    let fields: Vec<_> = here.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["contact_id", "host_id", "name", "email", "phone"]);
    suppress(&world, acme, "Bob@guest.test", Suppressed::Bounce).await;
    assert_eq!(states(&world, acme, &here).await, ["bounced"; 5]);
    assert_eq!(states(&world, other, &there).await, vec![Value::Null; 5]);
    // Whoever enters the address anew hears of it, too.
    let again = json!({"host_id": acme.sibling.id, "name": "Bob", "email": BOB});
    assert_eq!(world.root("contact/create", again).await.ok()["email_state"], "bounced");

    let own = |body: Value| world.api(&acme.fqdn, &acme.host.token, "contact/update", body);
    let id = &here["contact_id"];
    for state in ["bounced", "complained", "lost"] {
        let refused = own(json!({"contact_id": id, "email_state": state})).await;
        assert_eq!(
            refused.refused(),
            refusal(400, "invalid_field", "email_state"),
            "{state}"
        );
    }
    let renamed = own(json!({"contact_id": id, "name": "Robert"})).await.ok();
    assert_eq!(
        (&renamed["name"], &renamed["email_state"]),
        (&json!("Robert"), &json!("bounced"))
    );
    let moved = own(json!({"contact_id": id, "email": "robert@guest.test"})).await.ok();
    assert_eq!(moved["email_state"], Value::Null);
    let back = own(json!({"contact_id": id, "email": BOB})).await.ok();
    assert_eq!(back["email_state"], "bounced");
    world.advance(1);
    let active = json!({"contact_id": id, "email_state": "active", "idempotency_key": "lift"});
    let lifted = own(active.clone()).await.ok();
    assert_eq!(lifted.get("email_state"), None);
    assert_eq!(own(active).await.ok(), lifted, "the same answer again");
    assert_eq!(states(&world, acme, &here).await, vec![Value::Null; 5]);
    let audit = world
        .root("audit/fetch_all", json!({"company_id": acme.id, "limit": 1}))
        .await
        .ok();
    assert_eq!(audit[0]["after"]["entry"], "changed, and written to again");
    // Nothing is left to lift, and to say so does no harm.
    own(json!({"contact_id": id, "email_state": "active"})).await.ok();
}

/// More than are read at once.
#[tokio::test]
async fn of_a_company_whose_mail_bounces_from_thousands_contacts_say_so_too() {
    let world = World::new().await;
    let acme = &world.acme;
    let here = bob(&world, acme).await;
    for n in 0..1000 {
        suppress(&world, acme, &format!("gone{n}@guest.test"), Suppressed::Bounce).await;
    }
    assert_eq!(states(&world, acme, &here).await, vec![Value::Null; 5]);
    suppress(&world, acme, BOB, Suppressed::Complaint).await;
    assert_eq!(states(&world, acme, &here).await, ["complained"; 5]);
}

#[tokio::test]
async fn what_somebody_called_unwanted_is_lifted_by_the_reseller_alone() {
    let world = World::new().await;
    let acme = &world.acme;
    let here = bob(&world, acme).await;
    suppress(&world, acme, BOB, Suppressed::Complaint).await;
    suppress(&world, acme, BOB, Suppressed::Bounce).await;
    let active = json!({"contact_id": here["contact_id"], "name": "Robert", "email_state": "active"});
    for token in [&acme.host.token, &acme.admin.token] {
        let refused = world.api(&acme.fqdn, token, "contact/update", active.clone()).await;
        assert_eq!(refused.refused(), refusal(409, "conflict", "email_state"));
    }
    assert_eq!(states(&world, acme, &here).await, ["complained"; 5]);
    let lifted = world.root("contact/update", active).await.ok();
    assert_eq!((&lifted["name"], lifted.get("email_state")), (&json!("Robert"), None));
    assert_eq!(states(&world, acme, &here).await, vec![Value::Null; 5]);
}

#[tokio::test]
async fn a_hosts_own_address_is_written_to_again_and_not_changed() {
    let world = World::new().await;
    let acme = &world.acme;
    suppress(&world, acme, &acme.host.email, Suppressed::Bounce).await;
    let listed = world
        .root("contact/fetch_all", json!({"host_id": acme.host.id}))
        .await
        .ok();
    let own = &listed[0];
    assert_eq!(
        (&own["email"], &own["email_state"]),
        (&json!(acme.host.email), &json!("bounced"))
    );
    for (field, value) in [("name", json!("Other")), ("email", json!(BOB)), ("phone", Value::Null)] {
        let mut change = json!({"contact_id": own["contact_id"], "email_state": "active"});
        change[field] = value;
        let refused = world.root("contact/update", change).await;
        assert_eq!(refused.refused(), refusal(409, "conflict", "contact_id"), "{field}");
    }
    let active = json!({"contact_id": own["contact_id"], "email_state": "active"});
    let lifted = world
        .api(&acme.fqdn, &acme.host.token, "contact/update", active)
        .await
        .ok();
    assert_eq!(lifted.get("email_state"), None);
    assert_eq!(states(&world, acme, own).await, vec![Value::Null; 5]);
}
