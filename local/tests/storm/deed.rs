//! What a partner does: a method with its parameters, and what becomes of the partner's things when it is done.

use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::holdings::{Holdings, Host};

/// Names that everybody fights for.
const FIGHTS: u32 = 12;

/// One write.
#[derive(Debug, Clone)]
pub struct Deed {
    pub method: &'static str,
    pub body: Value,
    pub about: About,
    /// Asks for something that may be another's.
    pub fights: bool,
}

/// What a deed is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    Company,
    NewHost,
    Host(u64),
    Contact(u64, u64),
    NewContact(u64),
    Meeting(u64, u64),
    NewMeeting(u64),
}

/// Makes up deeds of one partner.
pub struct Dice {
    pub random: StdRng,
    name: String,
    made: u32,
}

impl Dice {
    pub fn new(name: String, random: StdRng) -> Self {
        Self { random, name, made: 0 }
    }

    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("{}-{}", self.name, self.made)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() {
            return None;
        }
        Some(all[self.random.random_range(0..all.len())])
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn fight(&mut self) -> u32 {
        self.random.random_range(0..FIGHTS)
    }

    /// Something to do with what there is.
    pub fn deed(&mut self, has: &Holdings) -> Deed {
        let mut deed = self.some(has);
        deed.body["idempotency_key"] = self.fresh().into();
        deed
    }

    fn some(&mut self, has: &Holdings) -> Deed {
        let Some(company) = &has.company else {
            return self.new_company();
        };
        let company = company["company_id"].clone();
        let hosts: Vec<u64> = has.hosts.keys().copied().collect();
        let which = self.random.random_range(0..100);
        let host = match self.of(&hosts) {
            Some(host) if !(hosts.len() < 3 && which < 15) => host,
            _ => return self.new_host(&company),
        };
        let of = &has.hosts[&host];
        match which {
            0..18 => self.company(&company),
            18..40 => self.host(host, of),
            40..60 => self.contact(host, of),
            _ => self.meeting(host, of),
        }
    }

    fn new_company(&mut self) -> Deed {
        let fights = self.chance(20);
        let subdomain = if fights {
            format!("fight-{}", self.fight())
        } else {
            self.fresh()
        };
        Deed {
            method: "company/create",
            body: json!({"subdomain": subdomain, "name": self.fresh()}),
            about: About::Company,
            fights,
        }
    }

    fn company(&mut self, id: &Value) -> Deed {
        let deed = |method, body, fights| Deed {
            method,
            body,
            about: About::Company,
            fights,
        };
        match self.random.random_range(0..12) {
            0 => deed("company/delete", json!({"company_id": id, "force": true}), false),
            1..3 => deed(
                "company/update",
                json!({"company_id": id, "subdomain": format!("fight-{}", self.fight())}),
                true,
            ),
            3 => deed(
                "company/update",
                json!({"company_id": id, "subdomain": self.fresh()}),
                false,
            ),
            4..6 => {
                let days = self.random.random_range(1..1_000);
                deed(
                    "company/update",
                    json!({"company_id": id, "retention_days": {"chat": days}, "hidden_controls": ["chat"]}),
                    false,
                )
            }
            _ => deed("company/update", json!({"company_id": id, "name": self.fresh()}), false),
        }
    }

    fn new_host(&mut self, company: &Value) -> Deed {
        let mut body =
            json!({"company_id": company, "name": self.fresh(), "email": format!("{}@storm.test", self.fresh())});
        let fights = self.chance(25);
        if fights {
            self.take_something(&mut body);
        } else if self.chance(15) {
            body["password"] = "Sup3rSecret!".into();
        }
        Deed {
            method: "host/create",
            body,
            about: About::NewHost,
            fights,
        }
    }

    /// Asks for a name that others want too.
    fn take_something(&mut self, body: &mut Value) {
        let n = self.fight();
        match self.random.random_range(0..3) {
            0 => body["email"] = format!("Fight{n}@storm.test").into(),
            1 => body["openid_sub"] = format!("fight-{n}").into(),
            _ => body["access_code"] = (88_000_000 + n).into(),
        }
    }

    fn host(&mut self, id: u64, of: &Host) -> Deed {
        let mut fights = false;
        let (method, body) = match self.random.random_range(0..20) {
            0 => ("host/delete", json!({"host_id": id})),
            1..3 => ("host/reset_login_token", json!({"host_id": id})),
            3..6 => ("host/sso_ticket", json!({"host_id": id})),
            6..8 if of.has_password => {
                let email = of.answer["email"].clone();
                ("authenticate", json!({"email": email, "password": "Sup3rSecret!"}))
            }
            6..9 => (
                "host/update",
                json!({"host_id": id, "email": format!("{}@storm.test", self.fresh())}),
            ),
            9..12 => {
                fights = true;
                let mut body = json!({"host_id": id});
                self.take_something(&mut body);
                ("host/update", body)
            }
            12..14 => {
                let pin = self.random.random_range(1_000..10_000);
                (
                    "host/update",
                    json!({"host_id": id, "moderator_pin": pin, "phone": null, "locale": "de"}),
                )
            }
            14 => (
                "host/update",
                json!({"host_id": id, "openid_sub": null, "mute_mode": "presentation"}),
            ),
            _ => (
                "host/update",
                json!({"host_id": id, "name": self.fresh(), "phone": "+14165551234", "time_zone": "US/Eastern"}),
            ),
        };
        Deed {
            method,
            body,
            about: About::Host(id),
            fights,
        }
    }

    fn contact(&mut self, host: u64, of: &Host) -> Deed {
        let known: Vec<u64> = of.contacts.keys().copied().collect();
        let (method, body, about) = match (self.random.random_range(0..5), self.of(&known)) {
            (0, Some(id)) => ("contact/delete", json!({"contact_id": id}), About::Contact(host, id)),
            (1..3, Some(id)) => {
                let body =
                    json!({"contact_id": id, "name": self.fresh(), "email": format!("{}@guest.test", self.fresh())});
                ("contact/update", body, About::Contact(host, id))
            }
            _ => {
                let body =
                    json!({"host_id": host, "name": self.fresh(), "email": format!("{}@guest.test", self.fresh())});
                ("contact/create", body, About::NewContact(host))
            }
        };
        Deed {
            method,
            body,
            about,
            fights: false,
        }
    }

    /// Up to four people, some of them known already.
    fn people(&mut self, of: &Host) -> Vec<Value> {
        let known: Vec<&Value> = of.contacts.values().map(|contact| &contact["email"]).collect();
        let count = self.random.random_range(0..5);
        let mut people: Vec<Value> = Vec::new();
        for _ in 0..count {
            let email = match self.of(&known) {
                Some(email) if self.chance(40) => email.clone(),
                _ => format!("{}@guest.test", self.fresh()).into(),
            };
            if people.iter().all(|person| person["email"] != email) {
                people.push(json!({"email": email, "moderator": self.chance(30)}));
            }
        }
        people
    }

    fn meeting(&mut self, host: u64, of: &Host) -> Deed {
        let open = of
            .meetings
            .iter()
            .filter(|(_, meeting)| !meeting.over && !meeting.is_old());
        let open: Vec<u64> = open.map(|(id, _)| *id).collect();
        match self.of(&open) {
            Some(id) if open.len() > 5 || self.chance(55) => self.change(host, id, of),
            _ => self.new_meeting(host, of),
        }
    }

    fn new_meeting(&mut self, host: u64, of: &Host) -> Deed {
        let mut body = json!({
            "host_id": host, "subject": self.fresh(), "one_time_access_code": self.chance(40),
            "participant_emails": self.people(of),
        });
        if self.chance(20) {
            body["security_pin"] = self.random.random_range(1_000..10_000).to_string().into();
        }
        let method = if self.chance(25) {
            "conference/create/reservationless"
        } else {
            let day = self.random.random_range(10..90);
            let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * day);
            body["start"] = start.strftime("%Y-%m-%d %H:%M:%S").to_string().into();
            body["time_zone"] = "Europe/London".into();
            body["duration"] = self.random.random_range(1..=240).into();
            if self.chance(25) {
                body["recurrence"] = json!({"rrule": format!("FREQ=DAILY;COUNT={}", self.random.random_range(2..8))});
            }
            "conference/create"
        };
        Deed {
            method,
            body,
            about: About::NewMeeting(host),
            fights: false,
        }
    }

    fn change(&mut self, host: u64, id: u64, of: &Host) -> Deed {
        let meeting = &of.meetings[&id];
        let update = |mut body: Value| {
            body["conference_id"] = id.into();
            ("conference/update", body)
        };
        let occurrences: Vec<&Value> = meeting.occurrences().collect();
        let (method, body) = match self.random.random_range(0..12) {
            0..3 if meeting.can_be_joined() && self.chance(70) => {
                let who = format!("person-{}", self.random.random_range(0..3));
                (
                    "conference/join_token",
                    json!({"conference_id": id, "name": "P", "identity": who}),
                )
            }
            0..2 if !meeting.repeats() => ("conference/end", json!({"conference_id": id})),
            0..3 if !meeting.is_active() => ("conference/delete", json!({"conference_id": id})),
            3..6 if occurrences.len() > 1 => {
                let which = occurrences[self.random.random_range(0..occurrences.len())]["occurrence"].clone();
                match self.chance(50) {
                    true => (
                        "conference/delete",
                        json!({"conference_id": id, "occurrence": which, "scope": "this"}),
                    ),
                    false => {
                        let duration = self.random.random_range(1..=240);
                        update(json!({"occurrence": which, "scope": "this", "duration": duration}))
                    }
                }
            }
            6 if !meeting.is_active() => {
                update(json!({"one_time_access_code": self.chance(50), "agenda": self.fresh()}))
            }
            7..9 => update(json!({"participant_emails": self.people(of), "subject": self.fresh()})),
            9 => update(json!({"agenda": null, "subject": self.fresh()})),
            _ => update(json!({"subject": self.fresh(), "duration": self.random.random_range(1..=240)})),
        };
        Deed {
            method,
            body,
            about: About::Meeting(host, id),
            fights: false,
        }
    }
}
