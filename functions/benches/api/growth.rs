//! How cost grows with a tenant: a company of more and more hosts with a meeting each, and lists by their length.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use domain::code::AccessCode;
use domain::conference::{Conference, ModeratorToken};
use domain::host::Host;
use domain::id::{ConferenceId, HostId};
use domain::sealed::token_hash;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::embedded::client;
use store::{Actor, Scope, Store, Write};

use crate::new_world;
use crate::row::{Ask, Asks, COUNTED, Row};
use crate::world::{World, meeting};

/// Who writes to the table at once.
const WRITERS: usize = 4;

/// A table whose transactions bear no tokens: the one in memory goes through all tokens of the last ten minutes at each.
#[derive(Debug)]
struct Tokenless<T>(T);

impl HttpClient for Tokenless<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Tokenless(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Tokenless<SharedHttpConnector> {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        let mut body: Value = serde_json::from_slice(body).expect("the SDK sends JSON");
        if let Some(fields) = body.as_object_mut() {
            fields.remove("ClientRequestToken");
        }
        *request.body_mut() = SdkBody::from(body.to_string());
        self.0.call(request)
    }
}

/// A host and a meeting by the API, of which the others are copies.
struct Template {
    host: Host,
    conference: Conference,
    at: Timestamp,
}

async fn template(world: &World) -> Template {
    let scope = Scope::reseller(reseller(world).await);
    let asked = json!({"company_id": world.acme.id, "name": "Many", "email": "many@bench.test"});
    let id = world.root("host/create", asked).await.ok()["host_id"]
        .as_u64()
        .expect("an id");
    let planned = world.root("conference/create", meeting(id)).await.ok()["conference_id"]
        .as_u64()
        .expect("an id");
    let store = &world.app.store;
    let id = HostId::new(id).expect("an id");
    let planned = ConferenceId::new(planned).expect("an id");
    Template {
        host: store.host(&scope, id).await.expect("there"),
        conference: store.conference(&scope, planned).await.expect("there").conference,
        at: world.app.now(),
    }
}

async fn reseller(world: &World) -> domain::id::ResellerId {
    let name = world.acme.fqdn.parse().expect("a name");
    world
        .app
        .store
        .tenant(&name)
        .await
        .expect("read")
        .expect("a tenant")
        .reseller
}

/// Makes hosts with a meeting each, straight in the table, by several at once. Answers their ids.
fn seed(world: &World, template: Template, many: std::ops::Range<usize>) -> Vec<(u64, u64)> {
    let template = Arc::new(template);
    let table = client(SharedHttpClient::new(Tokenless(SharedHttpClient::new(
        world.table.clone(),
    ))));
    let (store, every) = (Store::new(&table, "convoke"), many.len().div_ceil(WRITERS).max(1));
    // A secret is sealed for its place, so each has its own.
    let seal = |place: &str, secret: &str| world.app.seal(place, secret);
    let shares: Vec<Vec<usize>> = many.collect::<Vec<_>>().chunks(every).map(<[usize]>::to_vec).collect();
    std::thread::scope(|scope| {
        let writers: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let (store, template) = (store.clone(), Arc::clone(&template));
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .expect("a runtime");
                    runtime.block_on(async {
                        let mut ids = Vec::new();
                        for n in share {
                            ids.push(one(&store, &template, n, &seal).await);
                        }
                        ids
                    })
                })
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().expect("written"))
            .collect()
    })
}

async fn one(
    store: &Store,
    template: &Template,
    n: usize,
    seal: &impl Fn(&str, &str) -> domain::sealed::Sealed,
) -> (u64, u64) {
    let write = Write {
        at: template.at,
        by: Actor::Operator,
        action: "bench",
        claim: None,
    };
    let id = store.new_host_id().await.expect("an id");
    let code = AccessCode::new(10_000_000 + u32::try_from(n).expect("few")).expect("a code");
    let host = Host {
        id,
        own_contact: store.new_contact_id().await.expect("an id"),
        email: format!("many{n}@bench.test").parse().expect("an address"),
        access_code: code,
        password_link: None,
        moderator_pin: seal(&format!("host/{id}/moderator_pin"), "123456"),
        sso_token: seal(&format!("host/{id}/sso_token"), "00112233"),
        sso_token_hash: token_hash("00112233"),
        ..template.host.clone()
    };
    store.host_create(&host, &write).await.expect("made");
    let conference_id = store.new_conference_id().await.expect("an id");
    let token = ModeratorToken::random([1; 16]);
    let mut conference = Conference {
        id: conference_id,
        host: id,
        code,
        moderator_token: seal(&format!("conference/{conference_id}/moderator_token"), token.as_str()),
        ics_uid: format!("{conference_id}@bench.test"),
        sequence: 0,
        times_since: domain::conference::TimesSince::default(),
        ..template.conference.clone()
    };
    for invited in &mut conference.invited {
        (invited.contact, invited.email) = (host.own_contact, host.email.clone());
    }
    store.conference_create(&conference, &write).await.expect("made");
    (id.value(), conference_id.value())
}

/// A company that grows: what one of its hosts and meetings costs, and lists by their length.
pub async fn rows(sizes: &[usize]) -> Vec<Row> {
    let world = new_world().await;
    let company = world.acme.id;
    let mut rows = Vec::new();
    let mut made: Vec<(u64, u64)> = Vec::new();
    for size in sizes.iter().copied() {
        let like = match made.first() {
            None => template(&world).await,
            Some(first) => again(&world, *first).await,
        };
        if made.is_empty() {
            made.push((like.host.id.value(), like.conference.id.value()));
        }
        let more = seed(&world, like, made.len()..size);
        made.extend(more);
        let all = Arc::new(made.clone());
        let pick = |which: fn(&(u64, u64)) -> u64| {
            let all = Arc::clone(&all);
            move |n: usize| which(&all[n * 7_919 % all.len()])
        };
        let (host, of) = (pick(|(host, _)| *host), format!("of {size} hosts and meetings"));
        rows.push(
            Row::api(
                &world,
                &format!("host/fetch {of}"),
                "host/fetch",
                move |n| json!({"host_id": host(n)}),
            )
            .await,
        );
        let planned = pick(|(_, planned)| *planned);
        let name = format!("conference/fetch {of}");
        rows.push(
            Row::api(
                &world,
                &name,
                "conference/fetch",
                move |n| json!({"conference_id": planned(n)}),
            )
            .await,
        );
        let host = pick(|(host, _)| *host);
        let name = format!("conference/fetch_all {of}");
        rows.push(
            Row::api(
                &world,
                &name,
                "conference/fetch_all",
                move |n| json!({"host_id": host(n)}),
            )
            .await,
        );
        let planned = pick(|(_, planned)| *planned);
        let update = move |n: usize| json!({"conference_id": planned(n), "subject": format!("No {n}")});
        rows.push(Row::api(&world, &format!("conference/update {of}"), "conference/update", update).await);
        let name = format!("host/create {of}");
        let create =
            move |n: usize| json!({"company_id": company, "name": "New", "email": format!("new{size}-{n}@bench.test")});
        rows.push(Row::api(&world, &name, "host/create", create).await);
    }
    let busy = world.acme.host.id;
    for _ in 0..1_000 {
        world.root("conference/create", meeting(busy)).await.ok();
    }
    for limit in [1, 10, 100, 1_000] {
        let lists: [(&str, &'static str, Value); 2] = [
            (
                "conference/fetch_all, {} of a host's 1001",
                "conference/fetch_all",
                json!({"host_id": busy, "limit": limit}),
            ),
            (
                "host/fetch_all, {} of the company's",
                "host/fetch_all",
                json!({"company_id": company, "limit": limit}),
            ),
        ];
        for (name, method, body) in lists {
            let asks: Asks = Box::new(move |_| Ask::api(method, &body));
            let counted = if limit < 1_000 { COUNTED / 5 } else { 20 };
            rows.push(Row::of(&world, &name.replace("{}", &limit.to_string()), &asks, counted).await);
        }
    }
    rows
}

/// The template as it is now.
async fn again(world: &World, (host, conference): (u64, u64)) -> Template {
    let scope = Scope::reseller(reseller(world).await);
    let (host, conference) = (
        HostId::new(host).expect("an id"),
        ConferenceId::new(conference).expect("an id"),
    );
    Template {
        host: world.app.store.host(&scope, host).await.expect("there"),
        conference: world
            .app
            .store
            .conference(&scope, conference)
            .await
            .expect("there")
            .conference,
        at: world.app.now(),
    }
}
