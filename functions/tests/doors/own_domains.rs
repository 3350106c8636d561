//! A company brings a host name of its own: it is proven, certified, served as the company's, and let go.

use domain::own_domain::DomainState;
use functions::operator::{self, DomainShown};
use functions::own_domains::Certificate;
use serde_json::{Value, json};

use crate::asked::work_of;
use crate::site::edge::record;
use crate::site::{ACME, OTHER, Site};

const OWN: &str = "meet.acme.example";
const PROOF: &str = "_convoke.meet.acme.example";

async fn ask(site: &Site, command: Value) -> Result<Vec<DomainShown>, String> {
    let command = serde_json::from_value(command).expect("a command");
    match operator::domain(&site.app, &command).await {
        Ok(shown) => Ok(shown.domains),
        Err(functions::Error::Refused(refusal)) => {
            Err(format!("{:?} {:?} {}", refusal.code, refusal.field, refusal.message))
        }
        Err(error) => panic!("{error:?}"),
    }
}

async fn one(site: &Site, action: &str) -> DomainShown {
    let command = json!({"action": action, "name": OWN, "company": ACME});
    let mut shown = ask(site, command).await.expect("done");
    assert_eq!(shown.len(), 1, "{shown:?}");
    shown.remove(0)
}

/// Puts the record that an operator is told of into the DNS.
fn prove(site: &Site, shown: &DomainShown) {
    let record = shown
        .records
        .iter()
        .find(|record| record.kind == "TXT")
        .expect("a proof");
    assert_eq!(record.name, PROOF);
    site.dns().add(PROOF, &[record.value.as_str()]);
}

async fn status(site: &Site, host: &str) -> u16 {
    site.get(host, "/login").send().await.status.as_u16()
}

#[tokio::test]
async fn a_name_is_served_once_it_is_proven_and_certified() {
    let site = Site::new().await.with_own_domains().await;
    let added = one(&site, "add").await;
    assert_eq!(added.state, DomainState::Unproven);
    assert!(
        added.problem.as_deref().is_some_and(|problem| problem.contains(PROOF)),
        "{added:?}"
    );
    assert_eq!(
        one(&site, "add").await.records,
        added.records,
        "a repeat keeps the proof"
    );
    assert_eq!(status(&site, OWN).await, 404, "claimed only");

    // Somebody else's record, and a part of ours, prove nothing.
    site.dns().add(PROOF, &["convoke-domain=0123"]);
    let value = added.records[0].value.clone();
    site.dns().add(PROOF, &[&value[..value.len() - 1]]);
    assert_eq!(one(&site, "verify").await.state, DomainState::Unproven);

    site.edge()
        .with(|held| held.says = Some(Certificate::Validating(vec![record(OWN)])));
    // The DNS may keep a text in parts.
    let (head, tail) = value.split_at(10);
    site.dns().add(PROOF, &[head, tail]);
    let validating = one(&site, "verify").await;
    assert!(
        matches!(validating.state, DomainState::Validating { .. }),
        "{validating:?}"
    );
    assert_eq!(validating.records[1..], [record(OWN)]);
    assert_eq!(status(&site, OWN).await, 404);

    site.edge().with(|held| held.says = None);
    site.advance(60);
    let done = operator::domains(&site.app).await.expect("looked at");
    assert_eq!((done.looked, done.serving), (1, 1));
    let served = one(&site, "show").await;
    assert!(served.state.is_serving() && served.problem.is_none(), "{served:?}");
    assert_eq!(
        (served.records[1].name.as_str(), served.records[1].value.as_str()),
        (OWN, "edge.test")
    );
    assert_eq!(status(&site, OWN).await, 200);
    let audit = site.admin_api("audit/fetch_all", json!({"company_id": 1})).await;
    let object = format!("domain/{OWN}");
    let mut told: Vec<&str> = audit
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| entry["object"] == object.as_str())
        .filter_map(|entry| entry["after"]["state"].as_str())
        .collect();
    // Several of them in one millisecond, and so in any order.
    told.sort_unstable();
    assert_eq!(told, ["issued", "proven", "serving", "unproven", "validating"]);
    site.advance(86_400);
    assert_eq!(
        operator::domains(&site.app).await.expect("looked at").looked,
        0,
        "it rests"
    );
}

#[tokio::test]
async fn it_is_the_company_under_its_own_name_in_every_way() {
    let site = Site::new().await.with_own_domains().await;
    let host = site.host("Ann").await;
    prove(&site, &one(&site, "add").await);
    assert!(one(&site, "verify").await.state.is_serving());

    // The partner API, with the company's accounts.
    let credentials = json!({"email": "ann@acme.test", "password": "SoSecret5!"});
    let token = site.api(OWN, "authenticate", credentials).await.ok()["auth_token"].clone();
    let own = json!({"auth_token": token, "host_id": host.id});
    assert_eq!(site.api(OWN, "host/fetch", own).await.ok()["host_id"], host.id);

    // A room, and who may frame a page of a signed-in host: the company under either name.
    let path = format!("/conf/call/{}", host.code);
    assert_eq!(site.get(OWN, &path).send().await.status, 200);
    let page = site.get(ACME, "/").send().await;
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.contains(" https://meet.acme.example"), "{policy}");
    let other = site.get(OTHER, "/").send().await;
    assert!(!other.header("content-security-policy").contains("acme.example"));

    // Sign-in from its own name's pages, at its own name and at the first one, and from nowhere else.
    let pair = [
        ("host_id", host.id.to_string()),
        ("login_token_public_key", host.sso.clone()),
    ];
    let fields: Vec<(&str, &str)> = pair.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (at, from, status) in [
        (OWN, "https://meet.acme.example", 303),
        (OWN, "https://acme.demo.test", 303),
        (ACME, "https://meet.acme.example", 303),
        (OWN, "https://acme.example", 403),
        (OTHER, "https://meet.acme.example", 403),
    ] {
        let call = site.post(at, "/auth").header("origin", from).form(&fields);
        assert_eq!(call.send().await.status, status, "{at} from {from}");
    }
}

#[tokio::test]
async fn what_is_nobodys_own_is_refused() {
    let site = Site::new().await.with_own_domains().await;
    for name in ["own.demo.test", "demo.test", "deep.acme.demo.test"] {
        let refused = ask(&site, json!({"action": "add", "name": name, "company": ACME})).await;
        assert!(
            refused
                .as_ref()
                .is_err_and(|why| why.contains("InvalidField Some(\"name\")")),
            "{refused:?}"
        );
    }
    let refused = ask(
        &site,
        json!({"action": "add", "name": OWN, "company": "nobody.demo.test"}),
    )
    .await;
    assert!(
        refused
            .as_ref()
            .is_err_and(|why| why.contains("NotFound Some(\"company\")")),
        "{refused:?}"
    );
    for (command, field) in [
        (json!({"action": "add", "name": OWN}), "company"),
        (json!({"action": "verify", "company": ACME}), "name"),
        (json!({"action": "show"}), "name"),
    ] {
        let refused = ask(&site, command).await;
        assert!(
            refused
                .as_ref()
                .is_err_and(|why| why.contains(&format!("MissingField Some(\"{field}\")"))),
            "{refused:?}"
        );
    }
    let refused = ask(&site, json!({"action": "verify", "name": OWN})).await;
    assert!(
        refused.as_ref().is_err_and(|why| why.contains("NotFound")),
        "{refused:?}"
    );
    assert!(
        ask(&site, json!({"action": "remove", "name": OWN}))
            .await
            .expect("harmless")
            .is_empty()
    );
    for name in ["acme", "192.0.2.7", "*.acme.example"] {
        let command =
            serde_json::from_value::<operator::DomainCommand>(json!({"action": "add", "name": name, "company": ACME}));
        assert!(command.is_err(), "{name}");
    }
    let first = site.admin_api("company/fetch", json!({"company_id": 1})).await;
    assert!(
        first.get("own_domains").is_none(),
        "the partner API's object is as the contract has it"
    );
    for n in 0..20 {
        let command = json!({"action": "add", "name": format!("n{n}.acme.example"), "company": ACME});
        ask(&site, command).await.expect("added");
    }
    let refused = ask(&site, json!({"action": "add", "name": OWN, "company": ACME})).await;
    assert!(
        refused.as_ref().is_err_and(|why| why.contains("Too many own domains")),
        "{refused:?}"
    );
    let all = ask(&site, json!({"action": "show", "company": ACME}))
        .await
        .expect("shown");
    assert_eq!(all.len(), 20);
}

#[tokio::test]
async fn of_two_companies_that_claim_a_name_exactly_one_has_it() {
    let site = Site::new().await.with_own_domains().await;
    for round in 0..12 {
        let name = format!("r{round}.both.example");
        let claim = |company: &str| ask(&site, json!({"action": "add", "name": name, "company": company}));
        let (acme, other, again) = tokio::join!(claim(ACME), claim(OTHER), claim(ACME));
        assert_eq!(
            acme.is_ok(),
            again.is_ok(),
            "a company is not in its own way: {acme:?} {again:?}"
        );
        assert_ne!(acme.is_ok(), other.is_ok(), "{acme:?} {other:?}");
        let (winner, lost) = if acme.is_ok() { (acme, other) } else { (other, acme) };
        assert!(
            lost.as_ref().is_err_and(|why| why.contains("Conflict Some(\"name\")")),
            "{lost:?}"
        );
        let shown = ask(&site, json!({"action": "show", "name": name}))
            .await
            .expect("shown");
        assert_eq!(shown[0].records, winner.expect("won")[0].records);
    }
}

#[tokio::test]
async fn many_that_look_at_once_make_one_certificate_and_one_step_each() {
    let site = Site::new().await.with_own_domains().await;
    prove(&site, &one(&site, "add").await);
    site.advance(60);
    let looks = (0..6).map(|_| operator::domains(&site.app));
    for done in futures_util::future::join_all(looks).await {
        done.expect("looked at");
    }
    let mut last = one(&site, "show").await;
    for _ in 0..4 {
        site.advance(60);
        operator::domains(&site.app).await.expect("looked at");
        last = one(&site, "show").await;
    }
    assert!(last.state.is_serving(), "{last:?}");
    assert_eq!(
        site.edge().with(|held| (held.certificates.len(), held.attached.len())),
        (1, 1)
    );
}

#[tokio::test]
async fn a_name_that_is_removed_while_it_is_made_leaves_nothing_behind() {
    for delay in 0..24 {
        let site = Site::new().await.with_own_domains().await;
        prove(&site, &one(&site, "add").await);
        site.advance(60);
        let remove = async {
            for _ in 0..delay {
                tokio::task::yield_now().await;
            }
            ask(&site, json!({"action": "remove", "name": OWN}))
                .await
                .expect("removed")
        };
        let (looked, _) = tokio::join!(operator::domains(&site.app), remove);
        looked.expect("looked at");
        for _ in 0..6 {
            site.advance(60);
            operator::domains(&site.app).await.expect("looked at");
        }
        assert!(
            ask(&site, json!({"action": "show", "name": OWN}))
                .await
                .expect("shown")
                .is_empty()
        );
        let left = site
            .edge()
            .with(|held| (held.certificates.clone(), held.attached.clone()));
        assert!(left.0.is_empty() && left.1.is_empty(), "after {delay}: {left:?}");
        let other = json!({"action": "add", "name": OWN, "company": OTHER});
        assert_eq!(ask(&site, other).await.expect("it is free").len(), 1);
    }
}

#[tokio::test]
async fn a_name_is_let_go_step_by_step() {
    let mut site = Site::new().await.with_own_domains().await;
    prove(&site, &one(&site, "add").await);
    assert!(one(&site, "verify").await.state.is_serving());
    assert_eq!(status(&site, OWN).await, 200);
    site.edge().with(|held| held.lingers = 2);
    let removing = one(&site, "remove").await;
    assert!(
        matches!(removing.state, DomainState::Removing { detached: false, .. }),
        "{removing:?}"
    );
    // What a process remembers of host names is forgotten within the minute; a new one knows at once.
    site.restart();
    assert_eq!(status(&site, OWN).await, 404);
    let claim = json!({"action": "add", "name": OWN, "company": ACME});
    let early = ask(&site, claim).await;
    assert!(
        early.as_ref().is_err_and(|why| why.contains("still being removed")),
        "{early:?}"
    );
    let page = site.get(ACME, "/").send().await;
    assert!(!page.header("content-security-policy").contains("acme.example"));
    for gone in [0, 1] {
        site.advance(60);
        assert_eq!(operator::domains(&site.app).await.expect("looked at").gone, gone);
    }
    assert_eq!(site.edge().with(|held| held.certificates.len()), 0);
    assert!(
        ask(&site, json!({"action": "show", "company": ACME}))
            .await
            .expect("shown")
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_in_the_way_is_told_and_waited_for() {
    let site = Site::new().await.with_own_domains().await;
    prove(&site, &one(&site, "add").await);
    site.edge().with(|held| held.down = Some("ACM does not answer".into()));
    let held_up = one(&site, "verify").await;
    assert_eq!(
        (held_up.state, held_up.problem.as_deref()),
        (DomainState::Proven, Some("ACM does not answer"))
    );
    site.edge()
        .with(|held| (held.down, held.says) = (None, Some(Certificate::Refused("CAA_ERROR".into()))));
    site.advance(60);
    operator::domains(&site.app).await.expect("looked at");
    let failed = one(&site, "show").await;
    assert_eq!(
        failed.state,
        DomainState::Failed {
            reason: "CAA_ERROR".into()
        }
    );
    assert_eq!(
        site.edge().with(|held| held.certificates.len()),
        0,
        "the refused one is given up"
    );
    site.edge().with(|held| held.says = None);
    assert!(one(&site, "verify").await.state.is_serving(), "and another asked for");
}

#[tokio::test]
async fn a_name_that_nobody_proves_is_given_up_and_begun_anew() {
    let site = Site::new().await.with_own_domains().await;
    let added = one(&site, "add").await;
    site.advance(15 * 86_400);
    operator::domains(&site.app).await.expect("looked at");
    assert!(matches!(one(&site, "show").await.state, DomainState::Failed { .. }));
    site.advance(86_400);
    assert_eq!(operator::domains(&site.app).await.expect("looked at").looked, 0);
    assert_eq!(one(&site, "verify").await.state, DomainState::Unproven);
    prove(&site, &added);
    site.advance(60);
    operator::domains(&site.app).await.expect("looked at");
    assert!(one(&site, "show").await.state.is_serving(), "by the same record");
}

#[tokio::test]
async fn an_installation_without_an_edge_says_so() {
    let site = Site::new().await;
    let refused = ask(&site, json!({"action": "add", "name": OWN, "company": ACME})).await;
    assert!(
        refused.as_ref().is_err_and(|why| why.contains("no edge")),
        "{refused:?}"
    );
    assert_eq!(
        operator::domains(&site.app).await.expect("nothing to do"),
        operator::Advanced::default()
    );
}

#[tokio::test]
async fn a_deleted_companys_names_go_with_it() {
    let site = Site::new().await.with_own_domains().await;
    let added = ask(&site, json!({"action": "add", "name": OWN, "company": OTHER}))
        .await
        .expect("added");
    prove(&site, &added[0]);
    assert!(one(&site, "verify").await.state.is_serving());
    let company = added[0].company_id;
    site.admin_api("company/delete", json!({"company_id": company})).await;
    for _ in 0..6 {
        work_of("dispatch", operator::dispatch(&site.app, &[]))
            .await
            .expect("worked");
        operator::domains(&site.app).await.expect("looked at");
        site.advance(61);
    }
    assert!(site.app.store.jobs_due(site.now(), 9).await.expect("jobs").is_empty());
    assert!(
        ask(&site, json!({"action": "show", "name": OWN}))
            .await
            .expect("shown")
            .is_empty()
    );
    assert_eq!(
        site.edge().with(|held| (held.certificates.len(), held.attached.len())),
        (0, 0)
    );
    let name = OWN.parse().expect("a name");
    assert_eq!(site.app.store.tenant(&name).await.expect("read"), None);
    let other = OTHER.parse().expect("a name");
    assert_eq!(
        site.app.store.tenant(&other).await.expect("read"),
        None,
        "and its first name is free"
    );
}
