//! Partners who plan meetings, move them and call them off; and what people and webhooks are owed by that.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use functions::{App, Router};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use super::receivers::{Mood, Receiver};
use super::services::Services;
use super::{EDGE, EMAIL, FQDN, PASSWORD};

/// Companies; each has webhooks at the well and the moody receiver, the first one at the silent one too.
pub const COMPANIES: usize = 3;
/// People of a usual meeting, beside its host.
const PEOPLE: usize = 3;
/// Of a large one: several steps.
const CROWD: usize = 45;
/// One in so many is large.
const LARGE: usize = 50;
/// How long before its start people are reminded of a meeting: late ones are seen as late, and not left out.
const BEFORE: i64 = 3;

/// Mails that are owed by one write.
#[derive(Debug, Clone)]
pub struct Deed {
    pub kind: &'static str,
    pub subject: String,
    pub people: Vec<String>,
    /// When it was asked for.
    pub at: Timestamp,
    /// The next write of the meeting did not wait for its mails: they may tell of what came then, or not go out.
    pub overtaken: bool,
}

/// Reminders that are owed.
#[derive(Debug, Clone)]
pub struct Reminder {
    pub subject: String,
    pub people: Vec<String>,
    pub phones: Vec<String>,
    pub due: Timestamp,
}

/// What webhooks are owed of one meeting: when each event was caused, the first one first.
#[derive(Debug, Clone)]
pub struct Told {
    pub company: usize,
    pub conference: u64,
    pub causes: Vec<Timestamp>,
}

/// All that is owed.
#[derive(Debug, Default)]
pub struct Owed {
    pub deeds: Vec<Deed>,
    pub reminders: Vec<Reminder>,
    pub told: Vec<Told>,
}

impl Owed {
    /// Mails, text messages and events.
    pub fn counts(&self) -> [usize; 3] {
        let deeds: usize = self.deeds.iter().map(|deed| deed.people.len()).sum();
        let reminders: usize = self.reminders.iter().map(|reminder| reminder.people.len()).sum();
        let texts = self.reminders.iter().map(|reminder| reminder.phones.len()).sum();
        let events = self.told.iter().map(|told| told.causes.len()).sum();
        [deeds + reminders, texts, events]
    }
}

/// Who plans.
pub struct Partner {
    app: App,
    router: Router,
    token: String,
    /// A host of each company: its id, and its address.
    hosts: Vec<(u64, String)>,
    services: Arc<Services>,
    /// The webhook at the silent receiver.
    pub silent: Option<u64>,
    pub owed: Mutex<Owed>,
}

impl Partner {
    /// Signs in, and makes companies with hosts and webhooks.
    pub async fn begin(app: App, services: Arc<Services>, receivers: &[Arc<Receiver>; 3]) -> Self {
        let mut partner = Self {
            app,
            router: Router::new(functions::all()),
            token: String::new(),
            hosts: Vec::new(),
            services,
            silent: None,
            owed: Mutex::default(),
        };
        let signed = partner
            .call("authenticate", json!({"email": EMAIL, "password": PASSWORD}))
            .await;
        partner.token = signed["auth_token"].as_str().expect("a token").to_owned();
        for company in 0..COMPANIES {
            let asked = json!({"subdomain": format!("c{company}"), "name": format!("Company {company}")});
            let id = partner.call("company/create", asked).await["id"].clone();
            let email = format!("host@c{company}.test");
            let asked = json!({"company_id": id, "name": "Host", "email": email, "no_welcome_email": true});
            let host = partner.call("host/create", asked).await["host_id"].as_u64();
            partner.hosts.push((host.expect("an id"), email));
            let count = if company == 0 { 3 } else { 2 };
            for receiver in &receivers[..count] {
                let url = receiver.url(&format!("c{company}"));
                let events = ["conference_created", "conference_updated", "conference_deleted"];
                let asked = json!({"company_id": id, "url": url, "events": events});
                let made = partner.call("webhook/create", asked).await;
                if receiver.mood() == Mood::Silent {
                    partner.silent = made["webhook_id"].as_u64();
                }
            }
        }
        partner
    }

    /// Asks until it is done, under one key.
    async fn call(&self, method: &str, mut body: Value) -> Value {
        let key: u64 = rand::random();
        if method != "authenticate" {
            body["auth_token"] = self.token.clone().into();
            body["idempotency_key"] = format!("{key:x}").into();
        }
        let body = Bytes::from(body.to_string());
        loop {
            let request = http::Request::post(format!("/enterprise_api/{method}"))
                .header("content-type", "application/json")
                .header("x-convoke-edge", EDGE)
                .header("x-convoke-host", FQDN)
                .header("x-convoke-client", "192.0.2.7")
                .body(body.clone());
            let answer = self.router.serve(&self.app, request.expect("a request")).await;
            let said: Value = serde_json::from_slice(answer.body()).expect("JSON");
            let again = said["code"] == "in_progress"
                || said["message"]
                    .as_str()
                    .is_some_and(|why| why.starts_with("Changed by another request"));
            match answer.status().as_u16() {
                200 => return said,
                503 => {}
                _ if again => {}
                status => panic!("{method} {}: {status} {said}", String::from_utf8_lossy(&body)),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Notes a write that was acknowledged.
    fn note(&self, deed: Deed) {
        self.owed.lock().expect("not poisoned").deeds.push(deed);
    }

    fn people(&self, number: usize, which: &str) -> (Vec<String>, usize) {
        let company = number % COMPANIES;
        let count = if number % LARGE == 1 { CROWD } else { PEOPLE };
        let guests = (0..count).map(|person| format!("p{person}.{which}{number}@guest.test"));
        (guests.collect(), company)
    }

    /// A meeting that begins soon: people are reminded of it by mail and text message.
    pub async fn soon(&self, number: usize, seed: u64, longest: i64) {
        let mut dice = StdRng::seed_from_u64(seed);
        let (mut people, company) = self.people(number, "s");
        let (host, email) = self.hosts[company].clone();
        let subject = format!("Soon {number}");
        let asked_at = Timestamp::now();
        let due = asked_at.as_second() + dice.random_range(5..longest);
        let due = Timestamp::from_second(due).expect("a time");
        let start = due + SignedDuration::from_mins(BEFORE);
        let numbers: Vec<String> = (0..2).map(|phone| format!("+1416{:07}", number * 10 + phone)).collect();
        let guests = people.iter().enumerate().map(|(at, email)| match numbers.get(at) {
            Some(phone) => json!({"email": email, "phone": phone}),
            None => json!({"email": email}),
        });
        let reminders = ["email", "sms"].map(|channel| json!({"channel": channel, "minutes_before": BEFORE}));
        let asked = json!({"host_id": host, "subject": subject, "start": start.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "time_zone": "UTC", "duration": 30, "participant_emails": guests.collect::<Vec<_>>(), "reminders": reminders});
        let made = self.call("conference/create", asked).await;
        people.push(email);
        let mut owed = self.owed.lock().expect("not poisoned");
        owed.deeds.push(Deed {
            kind: "Invitation",
            subject: subject.clone(),
            people: people.clone(),
            at: asked_at,
            overtaken: false,
        });
        owed.reminders.push(Reminder {
            subject,
            people,
            phones: numbers,
            due,
        });
        owed.told.push(Told {
            company,
            conference: made["conference_id"].as_u64().expect("an id"),
            causes: vec![asked_at],
        });
    }

    /// A meeting that is far away: it is moved, and called off.
    pub async fn far(&self, number: usize, seed: u64) {
        let mut dice = StdRng::seed_from_u64(seed);
        let (mut people, company) = self.people(number, "f");
        let (host, email) = self.hosts[company].clone();
        let subject = format!("Far {number}");
        let day = |days: i64| {
            let at = Timestamp::now() + SignedDuration::from_hours(24 * days);
            at.strftime("%Y-%m-%d 10:00:00").to_string()
        };
        let asked = json!({"host_id": host, "subject": subject, "start": day(20), "time_zone": "UTC", "duration": 30,
            "participant_emails": people, "reminders": []});
        people.push(email);
        let mut causes = vec![Timestamp::now()];
        let made = self.call("conference/create", asked).await;
        let id = &made["conference_id"];
        let mut deed = Deed {
            kind: "Invitation",
            subject,
            people,
            at: causes[0],
            overtaken: false,
        };
        let next = [
            (
                "Changed",
                "conference/update",
                json!({"conference_id": id, "start": day(30)}),
            ),
            ("Cancelled", "conference/delete", json!({"conference_id": id})),
        ];
        for (kind, method, asked) in next {
            deed.overtaken = !self.wait(&deed, &mut dice).await;
            self.note(deed.clone());
            causes.push(Timestamp::now());
            (deed.kind, deed.at, deed.overtaken) = (kind, causes[causes.len() - 1], false);
            self.call(method, asked).await;
        }
        self.note(deed);
        let told = Told {
            company,
            conference: id.as_u64().expect("an id"),
            causes,
        };
        self.owed.lock().expect("not poisoned").told.push(told);
    }

    /// Mostly waits until all mails of a write are there; sometimes only a moment. Whether they are.
    async fn wait(&self, deed: &Deed, dice: &mut StdRng) -> bool {
        let there = || self.services.have(deed.kind, &deed.subject, &deed.people);
        if dice.random_range(0..5) == 0 {
            let pause = dice.random_range(0..1_000);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            return there();
        }
        while !there() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }
}
