//! Random calls: to any endpoint, with ids of anything, mostly well formed.

use functions::{Access, Route};
use serde_json::{Map, Value, json};

use super::chance::Chance;
use super::tree::{Caller, Tree};
use crate::world::{Answer, PASSWORD};

/// Endpoints that take much away: tried seldom, so that something is left to be tried.
pub(crate) fn is_rare(route: &Route) -> bool {
    ["company_delete", "host_delete", "host_erase", "host_reset_login_token"].contains(&route.id)
}

/// A call.
pub(crate) struct Call {
    method: &'static str,
    fqdn: String,
    path: String,
    token: Option<String>,
    pub(crate) body: Value,
}

impl Call {
    pub(crate) async fn send(&self, tree: &Tree) -> Answer {
        let mut call = tree.world.call(self.method, &self.fqdn, &self.path);
        if let Some(token) = &self.token {
            call = call.header("authorization", &format!("AuthToken {token}"));
        }
        if self.method == "POST" {
            call = call.json(&self.body);
        }
        call.send().await
    }
}

/// A call of this endpoint by this caller.
pub(crate) fn call(tree: &Tree, route: &Route, caller: &Caller, chance: &mut Chance) -> Call {
    let body = body(tree, route, chance);
    let code = body["code"].as_str().unwrap_or("1234567").to_owned();
    let conference = body["conference_id"].to_string();
    let path = route.path.replace("{code}", &code).replace("{token}", "0123");
    let path = path.replace("{conference}", &conference);
    let path = match route.method {
        "GET" if route.path == "/auth" => {
            let fields = body.as_object().into_iter().flatten();
            let fields =
                fields.map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish();
            format!("{path}?{query}")
        }
        _ => path,
    };
    let token = match caller {
        Caller::Account { account, .. } if matches!(route.access, Access::Session(_)) => Some(account.token.clone()),
        _ => None,
    };
    Call {
        method: route.method,
        fqdn: caller.fqdn().to_owned(),
        path,
        token,
        body,
    }
}

/// What a call says: what the endpoint needs, with ids of anything, and now and then other fields.
fn body(tree: &Tree, route: &Route, chance: &mut Chance) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    let unique = chance.next() % 1_000_000_000;
    let resource = route.id.split('_').next().unwrap_or_default();
    let makes = route.id.ends_with("_create") || route.id == "conference_create_reservationless";
    match resource {
        "company" if makes => {
            set("subdomain", format!("new{unique}").into());
            set("name", "New".into());
        }
        "company" | "subscription" | "audit" | "report" => set("company_id", any(&tree.ids.companies, chance)),
        "webhook" => {
            set("company_id", any(&tree.ids.companies, chance));
            set("webhook_id", 1.into());
            set("delivery_id", "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c".into());
            set("url", "https://127.0.0.1/".into());
        }
        "host" if makes || route.id == "host_fetch_all" => {
            set("company_id", any(&tree.ids.companies, chance));
            if makes {
                set("name", "New".into());
                set("email", format!("new{unique}@people.test").into());
            }
        }
        "host" => set("host_id", any(&tree.ids.hosts, chance)),
        "contact" if makes || route.id == "contact_fetch_all" => {
            set("host_id", any(&tree.ids.hosts, chance));
            if makes {
                set("name", "New".into());
                set("email", format!("new{unique}@guest.test").into());
            }
        }
        "contact" => set("contact_id", any(&tree.ids.contacts, chance)),
        "conference" if makes || route.id == "conference_fetch_all" => {
            set("host_id", any(&tree.ids.hosts, chance));
            if makes {
                set("subject", "New".into());
                set("start", "2026-06-02 12:00:00".into());
                set("time_zone", "UTC".into());
                set("duration", 30.into());
            }
            if makes && chance.one_in(2) {
                set("participants", json!([any(&tree.ids.contacts, chance)]));
            }
        }
        "conference" => set("conference_id", any(&tree.ids.conferences, chance)),
        _ => {}
    }
    match route.id {
        "conference_join" => {
            set("code", chance.pick(&tree.ids.codes).clone().into());
            set("name", "Visitor".into());
        }
        "api_token_create" => set("name", "Server".into()),
        "api_token_revoke" => set("id", "0123".into()),
        "admin_webhook_create" => set("url", "https://app.test/hook".into()),
        "admin_webhook_update" | "admin_webhook_delete" | "admin_webhook_deliveries" => set("webhook_id", 1.into()),
        "admin_webhook_redeliver" => {
            set("webhook_id", 1.into());
            set("delivery_id", "6f1ed002-ab5c-8f1e-9a51-0b6b531a2b3c".into());
        }
        "oauth_client_create" => {
            set("name", "App".into());
            set("redirect_uris", json!(["https://app.test/back"]));
        }
        "oauth_client_rotate" | "oauth_client_delete" | "oauth_app_revoke" => set("client_id", "0123".into()),
        "oauth_consent" => {
            set("request", "client_id=0123".into());
            set("allow", true.into());
        }
        "conference_register" => {
            set("name", "Visitor".into());
            set("email", format!("visitor{}@people.test", chance.below(9)).into());
            set("conference_id", any(&tree.ids.conferences, chance));
        }
        "page_register" => set("conference_id", any(&tree.ids.conferences, chance)),
        "page_calendar" | "page_room" => set("code", chance.pick(&tree.ids.codes).clone().into()),
        "conference_join_token" => {
            set("name", "Visitor".into());
            set("moderator", chance.one_in(2).into());
        }
        "conference_control" => {
            set("action", "remove".into());
            set("participant", 1.into());
        }
        "authenticate" | "sign_in_by_password" => {
            set("email", chance.pick(&tree.accounts).email.clone().into());
            set("password", PASSWORD.into());
        }
        "sign_in" | "sign_in_framed" => {
            set("host_id", any(&tree.ids.hosts, chance));
            set("login_token_public_key", "0123".into());
            set("redirect_url", "/".into());
        }
        "sign_in_forgotten" => set("email", chance.pick(&tree.accounts).email.clone().into()),
        "sign_in_handoff" => set("handoff", "0123".into()),
        "sign_in_set_password" => set("password", PASSWORD.into()),
        "report_usage" | "audit_fetch_all" if chance.one_in(3) => {
            fields.remove("company_id");
        }
        _ => {}
    }
    noise(tree, route, chance, &mut fields);
    Value::Object(fields)
}

/// Fields beside those that are needed: ids of anything where they may be looked at.
fn noise(tree: &Tree, route: &Route, chance: &mut Chance, fields: &mut Map<String, Value>) {
    let all = [
        ("host_id", any(&tree.ids.hosts, chance)),
        ("company_id", any(&tree.ids.companies, chance)),
        ("after", any(&everything(tree), chance)),
        ("subscription_ids", json!([any(&everything(tree), chance)])),
        ("participants", json!([any(&tree.ids.contacts, chance)])),
        ("access_code", chance.pick(&tree.ids.codes).clone().into()),
        ("force", true.into()),
        ("limit", (1 + chance.below(5)).into()),
        ("idempotency_key", format!("key {}", chance.below(40)).into()),
        ("name", "Other".into()),
        ("subject", "Other".into()),
        ("email", format!("other{}@people.test", chance.below(1_000)).into()),
    ];
    let usual = if route.id.ends_with("_fetch_all") { 5 } else { 9 };
    for (name, value) in all {
        // A meeting and a code together are refused without being looked at.
        if name == "access_code" && route.id == "conference_join_token" && chance.one_in(2) {
            fields.remove("conference_id");
            fields.insert(name.to_owned(), value);
        } else if !fields.contains_key(name) && chance.one_in(usual) {
            fields.insert(name.to_owned(), value);
        }
    }
}

fn any(ids: &[u64], chance: &mut Chance) -> Value {
    match ids {
        [] => 9_999.into(),
        ids => (*chance.pick(ids)).into(),
    }
}

fn everything(tree: &Tree) -> Vec<u64> {
    let ids = &tree.ids;
    [
        &ids.companies,
        &ids.hosts,
        &ids.contacts,
        &ids.conferences,
        &ids.plans,
        &ids.subscriptions,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}
