//! The walk through a company's own host names.

use serde_json::{Value, json};

use super::Walk;
use crate::site::{ACME, OTHER};
use functions::own_domains::Certificate;
use functions::{operator, workers};

async fn operate(walk: &mut Walk, action: &str, name: &str, company: &str) -> Value {
    wake(
        walk,
        "operator_domain",
        json!({"action": action, "name": name, "company": company}),
    )
    .await
}

async fn wake(walk: &mut Walk, id: &'static str, event: Value) -> Value {
    let worker = workers().into_iter().find(|worker| worker.id == id).expect("a worker");
    walk.fresh().await;
    let done = operator::wake(&walk.site.app, &worker, event).await;
    walk.book(id).await;
    done.expect("done")
}

/// A name that is moved on by time, one that its operator moves on, and both let go.
pub(super) async fn own_domains(walk: &mut Walk) {
    walk.site.own_domains().await;
    for (name, by_time) in [("one.acme.example", true), ("two.acme.example", false)] {
        let added = operate(walk, "add", name, ACME).await;
        operate(walk, "add", name, ACME).await;
        let proof = added["domains"][0]["records"][0]["value"]
            .as_str()
            .expect("a proof")
            .to_owned();
        walk.site.dns().add(&format!("_convoke.{name}"), &[&proof]);
        walk.site
            .edge()
            .with(|held| held.says = Some(Certificate::Validating(Vec::new())));
        if by_time {
            walk.site.advance(61);
            wake(walk, "domain_advance", json!({})).await;
            walk.site.edge().with(|held| held.says = None);
            walk.site.advance(61);
            wake(walk, "domain_advance", json!({})).await;
            walk.site.edge().with(|held| held.lingers = 1);
        } else {
            operate(walk, "verify", name, ACME).await;
            walk.site.edge().with(|held| held.says = None);
            operate(walk, "verify", name, ACME).await;
        }
        let shown = operate(walk, "show", name, ACME).await;
        assert_eq!(shown["domains"][0]["state"], "serving", "{shown}");
        wake(walk, "operator_domain", json!({"action": "show", "company": ACME})).await;
        operate(walk, "remove", name, ACME).await;
        walk.site.advance(61);
        wake(walk, "domain_advance", json!({})).await;
        let shown = operate(walk, "show", name, ACME).await;
        assert_eq!(shown["domains"], json!([]));
    }
    // One of a company that goes, taken away by the job.
    let added = operate(walk, "add", "three.acme.example", OTHER).await;
    let proof = added["domains"][0]["records"][0]["value"]
        .as_str()
        .expect("a proof")
        .to_owned();
    walk.site.dns().add("_convoke.three.acme.example", &[&proof]);
    operate(walk, "verify", "three.acme.example", OTHER).await;
    let company = added["domains"][0]["company_id"].clone();
    walk.site
        .admin_api("company/delete", json!({"company_id": company}))
        .await;
    for _ in 0..3 {
        // By the stream: the clock of the walk stands, and who is woken by a schedule waits for it.
        let record = json!({"dynamodb": {"Keys": {"pk": {"S": "JOB#none"}}}});
        wake(walk, "dispatch", json!({"Records": [record]})).await;
        wake(walk, "domain_advance", json!({})).await;
        walk.site.advance(61);
    }
    let shown = operate(walk, "show", "three.acme.example", OTHER).await;
    assert_eq!(shown["domains"], json!([]));
}
