//! Every endpoint against every kind of caller: nobody, a forged and an expired session, each role, and objects of the
//! caller's own, of its company, of another company and of another reseller. An endpoint without a row fails the test.

use std::collections::BTreeMap;
use std::pin::Pin;

use crate::world::{Account, Answer, Company, World, meeting, refusal};
use domain::Role;
use functions::{Access, Route};
use serde_json::{Value, json};

/// How an endpoint is tried.
enum Row {
    /// With a session, on an object: `true` where the call changes it, so that rank counts.
    Object(fn(&World, &Target<'_>) -> Value, What, bool),
    /// The same, on an object that is made for the one call, since it is gone afterwards.
    Fresh(for<'a> fn(&'a World, &'a Target<'a>) -> Making<'a>, What),
    /// With a session, on nothing that exists before.
    Role(fn(&World) -> Value),
    /// By anybody on any host name.
    Anybody,
    /// By anybody on a tenant's host name.
    Tenant,
    /// By relays, which prove themselves by a signature.
    Relay,
}

/// The body of a call, once what it names is made.
type Making<'a> = Pin<Box<dyn Future<Output = Value> + 'a>>;

/// What kind of object a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Company,
    /// An account that is about to be made in this company.
    NewHost,
    Host,
}

fn row(id: &str) -> Row {
    match id {
        "admin_webhook_create"
        | "admin_webhook_delete"
        | "admin_webhook_deliveries"
        | "admin_webhook_redeliver"
        | "admin_webhook_update"
        | "authenticate"
        | "api_token_create"
        | "api_token_revoke"
        | "branding_image"
        | "conference_join"
        | "conference_register"
        | "oauth_app_revoke"
        | "oauth_client_create"
        | "oauth_client_delete"
        | "oauth_client_rotate"
        | "oauth_consent"
        | "oauth_introspect"
        | "oauth_metadata"
        | "oauth_revoke"
        | "oauth_token"
        | "page_api_tokens"
        | "page_calendar"
        | "page_home"
        | "page_login"
        | "page_oauth_apps"
        | "page_oauth_clients"
        | "page_oauth_consent"
        | "page_password"
        | "page_register"
        | "page_room"
        | "page_webhooks"
        | "sign_in"
        | "sign_in_by_password"
        | "sign_in_forgotten"
        | "sign_in_framed"
        | "sign_in_handoff"
        | "sign_in_openid"
        | "sign_in_openid_back"
        | "sign_in_pass_on"
        | "sign_in_set_password"
        | "sign_out" => Row::Tenant,
        "openapi_fetch" | "page_docs" => Row::Anybody,
        "relay_register" | "relay_heartbeat" | "relay_enter" | "relay_leave" | "relay_events" | "relay_quality" => {
            Row::Relay
        }
        "company_create" => Row::Role(|world| json!({"subdomain": format!("new{}", world.unique()), "name": "New"})),
        "company_fetch" => Row::Object(
            |_, target| json!({"company_id": target.company.id}),
            What::Company,
            false,
        ),
        "host_create" => Row::Object(
            |world, target| {
                let email = format!("new{}@people.test", world.unique());
                json!({"company_id": target.company.id, "name": "New", "email": email})
            },
            What::NewHost,
            true,
        ),
        "host_fetch" => Row::Object(|_, target| json!({"host_id": target.account.id}), What::Host, false),
        "host_sso_ticket" => Row::Object(|_, target| json!({"host_id": target.account.id}), What::Host, true),
        "conference_create" => Row::Object(|_, target| meeting(target.account.id), What::Host, true),
        "conference_create_reservationless" => Row::Object(
            |_, target| json!({"host_id": target.account.id, "one_time_access_code": true}),
            What::Host,
            true,
        ),
        // What is not open or not running is not refused to its own people as to strangers: see `allowed`.
        "conference_join_token" => Row::Object(
            |_, target| json!({"conference_id": target.account.conference, "name": "Bob"}),
            What::Host,
            true,
        ),
        "conference_control" => Row::Object(
            |_, target| json!({"conference_id": target.account.conference, "action": "remove", "participant": 1}),
            What::Host,
            true,
        ),
        "conference_participants" | "conference_quality" => Row::Object(
            |_, target| json!({"conference_id": target.account.conference}),
            What::Host,
            false,
        ),
        "conference_fetch_all" => Row::Object(|_, target| json!({"host_id": target.account.id}), What::Host, false),
        "conference_update" => Row::Object(
            |_, target| json!({"conference_id": target.account.conference, "subject": "Other"}),
            What::Host,
            true,
        ),
        // Another occurrence each time: what is cancelled cannot be cancelled again.
        "conference_delete" => Row::Object(
            |world, target| {
                let day = jiff::civil::date(2026, 6, 2).checked_add(jiff::Span::new().days(world.unique()));
                let occurrence = format!("{} 07:00:00", day.expect("a day"));
                json!({"conference_id": target.account.series, "occurrence": occurrence, "scope": "this"})
            },
            What::Host,
            true,
        ),
        "conference_fetch" => Row::Object(
            |_, target| json!({"conference_id": target.account.conference}),
            What::Host,
            false,
        ),
        "conference_end" => Row::Object(
            |_, target| json!({"conference_id": target.account.conference}),
            What::Host,
            true,
        ),
        "company_fetch_all" | "plan_fetch_all" => Row::Role(|_| json!({})),
        "company_update" => Row::Object(
            |world, target| json!({"company_id": target.company.id, "name": format!("Name {}", world.unique())}),
            What::Company,
            true,
        ),
        "company_delete" => Row::Fresh(
            |world, target| {
                Box::pin(async move {
                    let new = json!({"subdomain": format!("gone{}", world.unique()), "name": "Gone"});
                    let made = world.made(target.company, "company/create", new).await;
                    json!({"company_id": made["id"]})
                })
            },
            What::Company,
        ),
        "audit_fetch_all" | "subscription_fetch_all" | "report_usage" => Row::Object(
            |_, target| json!({"company_id": target.company.id}),
            What::Company,
            false,
        ),
        "host_fetch_all" => Row::Object(
            |_, target| json!({"company_id": target.company.id}),
            What::Company,
            false,
        ),
        "host_update" => Row::Object(
            |world, target| json!({"host_id": target.account.id, "name": format!("Name {}", world.unique())}),
            What::Host,
            true,
        ),
        "host_export" => Row::Object(|_, target| json!({"host_id": target.account.id}), What::Host, false),
        "host_delete" | "host_erase" => Row::Fresh(
            |world, target| {
                Box::pin(async move {
                    let email = format!("gone{}@people.test", world.unique());
                    let new =
                        json!({"company_id": target.company.id, "name": "Gone", "email": email, "role": target.role});
                    let made = world.made(target.company, "host/create", new).await;
                    json!({"host_id": made["host_id"]})
                })
            },
            What::Host,
        ),
        "host_reset_login_token" => Row::Fresh(
            |_, target| Box::pin(async move { json!({"host_id": target.account.id}) }),
            What::Host,
        ),
        // No server answers a ping here, and there is no webhook of this id: see `allowed`.
        "webhook_create" => Row::Object(
            |_, target| json!({"company_id": target.company.id, "url": "https://127.0.0.1/"}),
            What::Company,
            true,
        ),
        "webhook_fetch_all" => Row::Object(
            |_, target| json!({"company_id": target.company.id}),
            What::Company,
            false,
        ),
        "webhook_update" | "webhook_delete" | "webhook_deliveries" | "webhook_redeliver" => Row::Object(
            |_, target| {
                json!({"company_id": target.company.id, "webhook_id": 1, "enabled": true,
                    "delivery_id": "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c"})
            },
            What::Company,
            true,
        ),
        "contact_create" => Row::Object(
            |world, target| {
                let email = format!("new{}@people.test", world.unique());
                json!({"host_id": target.account.id, "name": "New", "email": email})
            },
            What::Host,
            true,
        ),
        "contact_fetch" => Row::Object(
            |_, target| json!({"contact_id": target.account.contact}),
            What::Host,
            false,
        ),
        "contact_fetch_all" => Row::Object(|_, target| json!({"host_id": target.account.id}), What::Host, false),
        "contact_update" => Row::Object(
            |world, target| json!({"contact_id": target.account.contact, "name": format!("Name {}", world.unique())}),
            What::Host,
            true,
        ),
        "contact_delete" => Row::Fresh(
            |world, target| {
                Box::pin(async move {
                    let email = format!("gone{}@people.test", world.unique());
                    let new = json!({"host_id": target.account.id, "name": "Gone", "email": email});
                    let made = world.made(target.company, "contact/create", new).await;
                    json!({"contact_id": made["contact_id"]})
                })
            },
            What::Host,
        ),
        unknown => panic!("{unknown} has no row in the access matrix"),
    }
}

/// What a call is answered that its caller may make: the meetings here are neither open nor running.
fn allowed(id: &str) -> (u16, &'static str) {
    match id {
        "conference_join_token" => (403, "not_started"),
        "conference_control" => (409, "conflict"),
        "webhook_create" => (400, "invalid_field"),
        "webhook_update" | "webhook_delete" | "webhook_deliveries" | "webhook_redeliver" => (404, "not_found"),
        _ => (200, ""),
    }
}

/// Whose object a call names.
struct Target<'a> {
    company: &'a Company,
    account: &'a Account,
    role: Role,
    demo: bool,
}

fn targets(world: &World) -> Vec<Target<'_>> {
    let mut all = Vec::new();
    for company in [&world.acme, &world.other, &world.rival] {
        let demo = company.id != world.rival.id;
        all.push(Target {
            company,
            account: &company.host,
            role: Role::Host,
            demo,
        });
        all.push(Target {
            company,
            account: &company.sibling,
            role: Role::Host,
            demo,
        });
        all.push(Target {
            company,
            account: &company.admin,
            role: Role::CompanyAdmin,
            demo,
        });
        if company.id != world.other.id {
            all.push(Target {
                company,
                account: &company.reseller_admin,
                role: Role::ResellerAdmin,
                demo,
            });
        }
    }
    all
}

fn callers(world: &World) -> [(Role, &Account); 3] {
    let acme = &world.acme;
    [
        (Role::Host, &acme.host),
        (Role::CompanyAdmin, &acme.admin),
        (Role::ResellerAdmin, &acme.reseller_admin),
    ]
}

/// New sessions of the callers.
async fn sign_in(world: &World) -> BTreeMap<Role, String> {
    world.advance(1);
    let mut tokens = BTreeMap::new();
    for (role, account) in callers(world) {
        tokens.insert(role, world.sign_in(&world.acme.fqdn, &account.email).await);
    }
    tokens
}

/// What contract §1 says a caller of Acme gets.
fn expected(
    world: &World,
    lowest: Role,
    caller: (Role, &Account),
    target: &Target<'_>,
    what: What,
    changes: bool,
) -> u16 {
    let (role, account) = caller;
    if role < lowest {
        return 403;
    }
    if !target.demo {
        return 404;
    }
    let own_company = target.company.id == world.acme.id;
    let in_reach = match role {
        Role::ResellerAdmin => true,
        Role::CompanyAdmin => own_company,
        Role::Host => own_company && (what == What::Company || target.account.id == account.id),
    };
    let outranked = what == What::Host && changes && target.role > role;
    if in_reach && !outranked { 200 } else { 403 }
}

async fn call(world: &World, route: &Route, fqdn: &str, token: Option<&str>, body: &Value) -> Answer {
    let mut path = route.path.replace("{code}", "1234567").replace("{token}", "0123");
    if route.method == "GET" {
        let query = body
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name, value.as_str().unwrap_or("1")));
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        path = format!("{path}?{query}");
    }
    let mut call = world.call(route.method, fqdn, &path);
    if let Some(token) = token {
        call = call.header("authorization", &format!("AuthToken {token}"));
    }
    if route.id == "sign_in_pass_on" {
        call = call.header("authorization", "Session unknown");
    }
    if route.method == "POST" {
        call = call.json(body);
    }
    call.send().await
}

#[tokio::test]
async fn every_role_reaches_what_the_contract_says_and_nothing_else() {
    let world = World::with_series().await;
    for route in functions::all() {
        let Access::Session(lowest) = route.access else {
            continue;
        };
        let row = row(route.id);
        let (what, changes) = match &row {
            Row::Object(_, what, changes) => (*what, *changes),
            Row::Fresh(_, what) => (*what, true),
            _ => continue,
        };
        let mut tokens = sign_in(&world).await;
        for target in targets(&world) {
            for caller in callers(&world) {
                let expected = expected(&world, lowest, caller, &target, what, changes);
                // A call before may have ended the caller's sessions.
                if matches!(row, Row::Fresh(..)) {
                    tokens = sign_in(&world).await;
                }
                let token = &tokens[&caller.0];
                let body = match &row {
                    Row::Object(body, ..) => body(&world, &target),
                    Row::Fresh(making, _) => making(&world, &target).await,
                    _ => continue,
                };
                let before = world.table.dump().await;
                let answer = call(&world, &route, &world.acme.fqdn, Some(token), &body).await;
                let case = format!(
                    "{} by {:?} on {:?} of {}",
                    route.id, caller.0, target.role, target.company.fqdn
                );
                let (status, code) = match expected {
                    200 => allowed(route.id),
                    404 => (404, "not_found"),
                    other => (other, "forbidden"),
                };
                assert_eq!(answer.status(), status, "{case}: {:?}", answer.0.body());
                if status != 200 {
                    assert_eq!(answer.refused().1, code, "{case}");
                    assert!(before == world.table.dump().await, "{case} wrote something");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_names_no_object_asks_for_its_role() {
    let world = World::new().await;
    for route in functions::all() {
        let (Row::Role(body), Access::Session(lowest)) = (row(route.id), route.access) else {
            continue;
        };
        for (role, account) in callers(&world) {
            let answer = call(&world, &route, &world.acme.fqdn, Some(&account.token), &body(&world)).await;
            let expected = if role < lowest { 403 } else { 200 };
            assert_eq!(
                answer.status(),
                expected,
                "{} by {role:?}: {:?}",
                route.id,
                answer.0.body()
            );
        }
    }
}

#[tokio::test]
async fn nobody_and_forged_expired_and_foreign_sessions_are_refused() {
    let world = World::with_series().await;
    let acme = world.acme.fqdn.clone();
    let target = Target {
        company: &world.acme,
        account: &world.acme.host,
        role: Role::Host,
        demo: true,
    };
    let idle = world.sign_in(&acme, &world.acme.host.email).await;
    for route in functions::all() {
        let body = match row(route.id) {
            Row::Object(body, ..) => body(&world, &target),
            Row::Fresh(making, _) => making(&world, &target).await,
            Row::Role(body) => body(&world),
            _ => continue,
        };
        let before = world.table.dump().await;
        let said = async |fqdn: &str, token: Option<&str>| {
            let answer = call(&world, &route, fqdn, token, &body).await;
            assert_eq!(answer.refused(), refusal(401, "unauthenticated", ""), "{}", route.id);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            answer.json()["message"].as_str().expect("text").to_owned()
        };
        assert_eq!(said(&acme, None).await, "Missing auth_token");
        assert_eq!(said(&acme, Some("not a token")).await, "Invalid token");
        assert_eq!(
            said(&acme, Some("00000000-0000-4000-8000-000000000000")).await,
            "Invalid token"
        );
        let foreign = world.rival.reseller_admin.token.clone();
        assert_eq!(said(&acme, Some(&foreign)).await, "Invalid token");
        let path = route.path;
        let bearer = world
            .post(&acme, path)
            .header("authorization", "Bearer abc")
            .json(&body)
            .send()
            .await;
        assert_eq!(
            (bearer.status(), bearer.json()["message"].as_str()),
            (401, Some("Invalid token"))
        );
        assert!(before == world.table.dump().await, "{} wrote something", route.id);
        for host in ["nobody.demo.test", "demo.invalid", "x"] {
            let answer = call(&world, &route, host, Some(&world.acme.host.token), &body).await;
            assert_eq!(
                answer.refused(),
                refusal(404, "not_found", ""),
                "{} at {host}",
                route.id
            );
        }
    }
    world.advance(24 * 3_600 + 1);
    let route = functions::all()
        .into_iter()
        .find(|route| route.id == "host_fetch")
        .expect("an endpoint");
    let answer = call(
        &world,
        &route,
        &acme,
        Some(&idle),
        &json!({"host_id": target.account.id}),
    )
    .await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json()["message"], "Session expired, please authenticate again");
}

#[tokio::test]
async fn a_session_ends_after_seven_days_however_much_it_is_used() {
    let world = World::new().await;
    let token = world.sign_in(&world.acme.fqdn, &world.acme.host.email).await;
    for hours in (0..7 * 24).step_by(12) {
        let answer = world
            .api(
                &world.acme.fqdn,
                &token,
                "host/fetch",
                json!({"host_id": world.acme.host.id}),
            )
            .await;
        assert_eq!(answer.status(), 200, "after {hours} hours");
        world.advance(12 * 3_600);
    }
    let answer = world
        .api(
            &world.acme.fqdn,
            &token,
            "host/fetch",
            json!({"host_id": world.acme.host.id}),
        )
        .await;
    assert_eq!(answer.json()["message"], "Session expired, please authenticate again");
}

#[tokio::test]
async fn open_doors_know_no_tenant_past_the_edge_and_relays_prove_themselves() {
    let world = World::new().await;
    for route in functions::all() {
        let status = match row(route.id) {
            Row::Relay => 401,
            Row::Anybody => 200,
            Row::Tenant => 404,
            Row::Object(..) | Row::Fresh(..) | Row::Role(_) => continue,
        };
        assert_eq!(route.access == Access::Relay, status == 401, "{}", route.id);
        assert!(!matches!(route.access, Access::Session(_)), "{}", route.id);
        let before = world.table.dump().await;
        let body = json!({
            "email": "a@b.test", "password": "Sup3rSecret!", "code": "1234567", "name": "x", "handoff": "x", "host_id": 1,
            "login_token_public_key": "x", "redirect_url": "/", "id": "x",
            "client_id": "x", "redirect_uris": ["https://app.test/back"], "request": "x", "allow": true,
            "url": "https://app.test/hook", "webhook_id": 1, "delivery_id": "x",
        });
        let answer = call(&world, &route, "nobody.test", None, &body).await;
        assert_eq!(answer.status(), status, "{}: {:?}", route.id, answer.0.body());
        assert!(before == world.table.dump().await, "{} wrote something", route.id);
    }
}

#[tokio::test]
async fn secrets_of_who_is_ranked_above_are_absent() {
    let world = World::new().await;
    let acme = &world.acme;
    let secrets = ["login_token_public_key", "moderator_pin", "password_creation_link"];
    for (account, shown) in [(&acme.host, true), (&acme.admin, true), (&acme.reseller_admin, false)] {
        let host = world
            .api(
                &acme.fqdn,
                &acme.admin.token,
                "host/fetch",
                json!({"host_id": account.id}),
            )
            .await
            .ok();
        assert_eq!(host.get("moderator_pin").is_some(), shown);
        assert_eq!(host.get("login_token_public_key").is_some(), shown);
        assert!(host.get(secrets[2]).is_none(), "answered at creation only");
        let asked = json!({"conference_id": account.conference});
        let conference = world
            .api(&acme.fqdn, &acme.admin.token, "conference/fetch", asked)
            .await
            .ok();
        assert_eq!(conference.get("moderator_token").is_some(), shown);
    }
    let with_pin = {
        let mut asked = meeting(acme.reseller_admin.id);
        asked["security_pin"] = "123456".into();
        world.root("conference/create", asked).await.ok()
    };
    assert_eq!(with_pin["security_pin"], "123456");
    let asked = json!({"conference_id": with_pin["conference_id"]});
    let seen = world
        .api(&acme.fqdn, &acme.admin.token, "conference/fetch", asked)
        .await
        .ok();
    assert!(seen.get("security_pin").is_none() && seen.get("moderator_token").is_none());
}

#[tokio::test]
async fn nobody_grants_a_role_above_the_own() {
    let world = World::new().await;
    let acme = &world.acme;
    let asked = json!({"name": "New", "email": "new@people.test", "role": "RESELLER_ADMIN"});
    let before = world.table.dump().await;
    let answer = world
        .api(&acme.fqdn, &acme.admin.token, "host/create", asked.clone())
        .await;
    assert_eq!(answer.refused(), refusal(403, "forbidden", "role"));
    assert!(before == world.table.dump().await);
    let mut asked = asked;
    asked["role"] = "COMPANY_ADMIN".into();
    world
        .api(&acme.fqdn, &acme.admin.token, "host/create", asked)
        .await
        .ok();
}
