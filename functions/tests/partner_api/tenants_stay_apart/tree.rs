//! A random tree of tenants: resellers, companies, hosts of every role, contacts, meetings of every kind; some of it moved
//! or deleted again. Every text in it holds a mark that tells whose it is.

use std::collections::HashMap;

use domain::Role;
use functions::{Access, Route, operator};
use serde_json::{Value, json};

use super::chance::Chance;
use super::owners::Owner;
use crate::asked::work_of;
use crate::world::{Answer, PASSWORD, World};

/// A tree.
pub(crate) struct Tree {
    pub(crate) world: World,
    pub(crate) companies: Vec<Company>,
    pub(crate) accounts: Vec<Account>,
    /// Every id and code of each kind, also of what is gone.
    pub(crate) ids: Ids,
    /// Whose each mark is.
    pub(crate) marks: HashMap<String, Owner>,
    /// Whose each host, contact and meeting is, by the field that names it.
    owners: HashMap<(&'static str, u64), Owner>,
    /// The host names at which resellers' admins call, by the resellers' domains.
    homes: HashMap<String, String>,
}

#[derive(Default)]
pub(crate) struct Ids {
    pub(crate) companies: Vec<u64>,
    pub(crate) hosts: Vec<u64>,
    pub(crate) contacts: Vec<u64>,
    pub(crate) conferences: Vec<u64>,
    pub(crate) plans: Vec<u64>,
    pub(crate) subscriptions: Vec<u64>,
    pub(crate) codes: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Company {
    pub(crate) reseller: u64,
    pub(crate) id: u64,
    pub(crate) fqdn: String,
    domain: String,
    /// The token of its reseller's admin, and whether that admin is of this company.
    root: String,
    is_first: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) reseller: u64,
    pub(crate) company: u64,
    pub(crate) id: u64,
    pub(crate) role: Role,
    pub(crate) email: String,
    pub(crate) token: String,
    fqdn: String,
}

/// Who calls, on whose host name.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// An account by its token.
    Account { account: Box<Account>, fqdn: String },
    /// Anybody, at a company's pages.
    Visitor { reseller: u64, company: u64, fqdn: String },
}

impl Caller {
    pub(crate) fn fqdn(&self) -> &str {
        match self {
            Self::Account { fqdn, .. } | Self::Visitor { fqdn, .. } => fqdn,
        }
    }
}

/// The marks in a text.
pub(crate) fn marks_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("mk")
        .filter_map(|(at, _)| text.get(at..at + 8))
        .filter(|mark| mark.ends_with('z') && mark[2..7].bytes().all(|byte| byte.is_ascii_digit()))
}

impl Tree {
    pub(crate) async fn grow(chance: &mut Chance) -> Self {
        let mut tree = Self {
            world: World::new().await,
            companies: Vec::new(),
            accounts: Vec::new(),
            ids: Ids::default(),
            marks: HashMap::new(),
            owners: HashMap::new(),
            homes: HashMap::new(),
        };
        for n in 0..2 {
            tree.reseller(n, chance).await;
        }
        tree.wither(chance).await;
        tree.relay().await;
        tree
    }

    /// The relay is heard of, so that meetings can be joined.
    pub(crate) async fn relay(&self) {
        let relay = serde_json::from_value(json!({
            "relay": "relay-1", "region": "eu", "url": "http://127.0.0.1:9", "version": "1", "capacity": 9_000, "epoch": 1,
        }));
        let app = &self.world.app;
        let relay = relay.expect("a relay");
        app.store.relay_register(&relay, app.now()).await.expect("registered");
    }

    /// The account of a mail address.
    pub(crate) fn account(&self, email: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.email == email)
    }

    /// Whose the object is that a call of this endpoint is about, and that it names.
    pub(crate) fn owner_of(&self, route: &Route, body: &Value) -> Option<&Owner> {
        let resource = route.id.split('_').next()?;
        let about = ["host_id", "contact_id", "conference_id"]
            .into_iter()
            .find(|field| field.strip_suffix("_id") == Some(resource))?;
        let listed = route.id.ends_with("_fetch_all") || route.id.contains("_create");
        self.owners.get(&(about, body[about].as_u64().filter(|_| !listed)?))
    }

    /// A new mark of this owner.
    fn mark(&mut self, owner: Owner) -> String {
        let mark = format!("mk{:05}z", self.marks.len());
        self.marks.insert(mark.clone(), owner);
        mark
    }

    async fn reseller(&mut self, n: usize, chance: &mut Chance) {
        let domain = format!("tree{n}.test");
        // The operator's command also registers the relay's key, the same each time.
        let key = self.world.app.keys.signing.verifying_key().to_jwk();
        let event = json!({
            "reseller": {"name": domain, "domain": domain}, "company": {"subdomain": "first", "name": "First"},
            "admin": {"name": "Root", "email": format!("root@{domain}"), "password": PASSWORD},
            "relays": [{"id": "relay-1", "key": key}],
            "plans": [{"name": "Plan", "max_participants": 10, "max_minutes": 1440}],
        });
        let event = serde_json::from_value(event).expect("an operator's words");
        let made = operator::init(&self.world.app, &event).await.expect("made");
        let (reseller, fqdn) = (made.reseller_id.value(), made.fqdn.to_string());
        let email = format!("root@{domain}");
        let root = self.world.sign_in(&fqdn, &email).await;
        let first = Company {
            reseller,
            id: made.company_id.value(),
            fqdn: fqdn.clone(),
            domain,
            root: root.clone(),
            is_first: true,
        };
        self.homes.insert(first.domain.clone(), fqdn.clone());
        self.ids.companies.push(first.id);
        self.ids.hosts.push(made.host_id.value());
        self.accounts.push(Account {
            reseller,
            company: first.id,
            id: made.host_id.value(),
            role: Role::ResellerAdmin,
            email,
            token: root,
            fqdn,
        });
        let plans = self.api(&first, "plan/fetch_all", json!({})).await.ok();
        let plans: Vec<u64> = plans
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|plan| plan["plan_id"].as_u64())
            .collect();
        self.ids.plans.extend(&plans);
        self.people(&first, chance).await;
        for n in 0..=chance.below(2) {
            let mark = self.mark(Owner::company(reseller, 0));
            let new = json!({"subdomain": format!("{mark}-{n}"), "name": format!("Company {mark}"), "subscription_ids": plans});
            let made = self.api(&first, "company/create", new).await.ok();
            let id = made["id"].as_u64().expect("an id");
            self.marks.insert(mark.clone(), Owner::company(reseller, id));
            let held = made["subscription_ids"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64);
            self.ids.subscriptions.extend(held);
            self.ids.companies.push(id);
            let company = Company {
                id,
                fqdn: format!("{mark}-{n}.{}", first.domain),
                is_first: false,
                ..first.clone()
            };
            self.people(&company, chance).await;
            self.companies.push(company);
        }
        self.companies.push(first);
    }

    async fn people(&mut self, company: &Company, chance: &mut Chance) {
        for n in 0..2 + chance.below(2) {
            let role = match n {
                0 => Role::CompanyAdmin,
                _ if chance.one_in(8) => Role::ResellerAdmin,
                _ => Role::Host,
            };
            let mark = self.mark(Owner::company(company.reseller, company.id));
            let email = format!("{mark}@people.test");
            let new = json!({"company_id": company.id, "name": format!("Host {mark}"), "email": email, "password": PASSWORD,
                "role": role, "openid_sub": format!("sub {mark}")});
            let made = self.api(company, "host/create", new).await.ok();
            let id = made["host_id"].as_u64().expect("an id");
            let owner = Owner::host(company.reseller, company.id, id);
            self.marks.insert(mark, owner.clone());
            self.ids.hosts.push(id);
            self.owners.insert(("host_id", id), owner.clone());
            self.ids
                .codes
                .extend(made["access_code"]["number"].as_str().map(str::to_owned));
            let token = self.world.sign_in(&company.fqdn, &email).await;
            self.accounts.push(Account {
                reseller: company.reseller,
                company: company.id,
                id,
                role,
                email,
                token,
                fqdn: company.fqdn.clone(),
            });
            for _ in 0..chance.below(3) {
                let mark = self.mark(owner.clone());
                let new =
                    json!({"host_id": id, "name": format!("Guest {mark}"), "email": format!("{mark}@guest.test")});
                let made = self.api(company, "contact/create", new).await.ok();
                let id = made["contact_id"].as_u64().expect("an id");
                self.ids.contacts.push(id);
                self.owners.insert(("contact_id", id), owner.clone());
            }
            for _ in 0..1 + chance.below(2) {
                self.meeting(company, &owner, id, chance).await;
            }
        }
    }

    async fn meeting(&mut self, company: &Company, owner: &Owner, host: u64, chance: &mut Chance) {
        let mark = self.mark(owner.clone());
        let mut new = json!({"host_id": host, "subject": format!("Meeting {mark}"), "agenda": format!("Words {mark}"),
            "one_time_access_code": chance.one_in(2), "registration": chance.one_in(2), "participant_emails": [format!("p-{mark}@guest.test")]});
        let method = match chance.below(3) {
            0 => "conference/create/reservationless",
            which => {
                new["start"] = "2026-06-01 12:05:00".into();
                new["time_zone"] = "UTC".into();
                new["duration"] = 60.into();
                if which == 1 {
                    new["recurrence"] = json!({"rrule": "FREQ=DAILY;COUNT=3"});
                }
                "conference/create"
            }
        };
        let made = self.api(company, method, new).await.ok();
        let id = made["conference_id"].as_u64().expect("an id");
        self.ids.conferences.push(id);
        self.owners.insert(("conference_id", id), owner.clone());
        let code = made["one_time_access_code"].as_u64();
        self.ids.codes.extend(code.map(|code| code.to_string()));
        let own = made["participants"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64);
        self.ids.contacts.extend(own);
    }

    /// Some companies move, and some of everything goes again.
    async fn wither(&mut self, chance: &mut Chance) {
        for company in self.companies.clone() {
            if chance.one_in(3) {
                let mark = self.mark(Owner::company(company.reseller, company.id));
                let moved = json!({"company_id": company.id, "subdomain": format!("{mark}-moved")});
                self.api(&company, "company/update", moved).await.ok();
                // Its former name is tried too.
                let fqdn = format!("{mark}-moved.{}", company.domain);
                if company.is_first {
                    self.homes.insert(company.domain.clone(), fqdn.clone());
                }
                for account in self.accounts.iter_mut().filter(|account| account.company == company.id) {
                    account.fqdn.clone_from(&fqdn);
                }
                self.companies.push(Company { fqdn, ..company });
            }
        }
        for company in self.companies.clone() {
            let hosts: Vec<Account> = self
                .accounts
                .iter()
                .filter(|one| one.company == company.id)
                .cloned()
                .collect();
            for host in hosts.iter().filter(|host| host.role == Role::Host) {
                let method = match chance.below(10) {
                    0 => "host/delete",
                    1 => "host/erase",
                    _ => continue,
                };
                // A company that has moved is met twice.
                let _ = self.api(&company, method, json!({"host_id": host.id})).await;
            }
            if chance.one_in(8) && !company.is_first {
                let gone = json!({"company_id": company.id, "force": true});
                let _ = self.api(&company, "company/delete", gone).await;
            }
        }
        for id in self.ids.conferences.clone() {
            if chance.one_in(6) {
                for company in self.companies.clone() {
                    let _ = self
                        .api(&company, "conference/delete", json!({"conference_id": id}))
                        .await;
                }
            }
        }
        for _ in 0..chance.below(3) {
            work_of("dispatch", operator::dispatch(&self.world.app, &[]))
                .await
                .expect("jobs");
            self.world.advance(61);
        }
    }

    /// What the reseller's admin does, on the host name of its first company.
    async fn api(&self, company: &Company, method: &str, body: Value) -> Answer {
        let home = &self.homes[&company.domain];
        self.world.api(home, &company.root, method, body).await
    }

    /// Somebody who may try this endpoint.
    pub(crate) fn caller(&self, chance: &mut Chance, route: &Route) -> Caller {
        let company = chance.pick(&self.companies);
        if matches!(route.access, Access::Session(_)) {
            let account = chance.pick(&self.accounts).clone();
            // Mostly at home, else anywhere.
            let fqdn = match chance.one_in(5) {
                true => company.fqdn.clone(),
                false => account.fqdn.clone(),
            };
            return Caller::Account {
                account: Box::new(account),
                fqdn,
            };
        }
        Caller::Visitor {
            reseller: company.reseller,
            company: company.id,
            fqdn: company.fqdn.clone(),
        }
    }
}
