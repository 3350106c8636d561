//! What a partner has by what it was told: of each thing the last answer about it, and of each write that it must be in the
//! audit once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::deed::{About, Deed};

/// How long a reservationless meeting is looked at: it waits for somebody for 15 minutes.
const ALONE: Duration = Duration::from_secs(600);

/// A partner's things.
#[derive(Debug, Default)]
pub struct Holdings {
    pub company: Option<Value>,
    pub hosts: BTreeMap<u64, Host>,
    /// What is not there any more: by which method and parameter it would be found.
    pub gone: Vec<(&'static str, Value)>,
    /// What was done, by endpoint and object.
    pub deeds: Vec<(String, String)>,
    /// Sessions of accounts, and whether they are still good.
    pub sessions: Vec<Session>,
}

#[derive(Debug)]
pub struct Session {
    pub token: String,
    pub host: u64,
    pub good: bool,
}

/// An account with what is its own.
#[derive(Debug, Default)]
pub struct Host {
    pub answer: Value,
    pub has_password: bool,
    pub contacts: BTreeMap<u64, Value>,
    pub meetings: BTreeMap<u64, Meeting>,
}

#[derive(Debug)]
pub struct Meeting {
    pub answer: Value,
    pub over: bool,
    made: Instant,
    /// The participants' numbers of the partner's own names for people.
    numbers: BTreeMap<String, u64>,
}

impl Meeting {
    fn new(answer: Value) -> Self {
        Self {
            answer,
            over: false,
            made: Instant::now(),
            numbers: BTreeMap::new(),
        }
    }

    /// A reservationless meeting that nobody comes to ends by itself: it is left alone before that.
    pub fn is_old(&self) -> bool {
        self.is_active() && self.made.elapsed() > ALONE
    }

    /// Whether its code opens it now, and nothing else.
    pub fn can_be_joined(&self) -> bool {
        self.is_active() && self.answer.get("one_time_access_code").is_some()
    }

    pub fn repeats(&self) -> bool {
        !self.answer["recurrence"].is_null()
    }

    pub fn is_active(&self) -> bool {
        self.answer["active"] == true
    }

    /// Those that take place.
    pub fn occurrences(&self) -> impl Iterator<Item = &Value> {
        let all = self.answer["occurrences"].as_array().into_iter().flatten();
        all.filter(|occurrence| occurrence["cancelled"] == false)
    }
}

fn id(answer: &Value, field: &str) -> u64 {
    answer[field].as_u64().unwrap_or_else(|| panic!("{field} of {answer}"))
}

impl Holdings {
    /// What a deed that was acknowledged has changed.
    pub fn done(&mut self, deed: &Deed, answer: Value) {
        let action = deed.method.replace('/', "_");
        let object = match deed.about {
            About::Company => self.company(deed, answer),
            About::NewHost => self.new_host(deed, answer),
            About::Host(host) => self.host(deed, host, answer),
            About::NewContact(host) => {
                let contact = id(&answer, "contact_id");
                self.entered(host, contact, answer);
                Some(format!("contact/{contact}"))
            }
            About::Contact(host, contact) => {
                if deed.method == "contact/delete" {
                    self.hosts.get_mut(&host).expect("there").contacts.remove(&contact);
                    self.gone.push(("contact/fetch", json!({"contact_id": contact})));
                } else {
                    self.entered(host, contact, answer);
                }
                Some(format!("contact/{contact}"))
            }
            About::NewMeeting(host) => {
                let meeting = id(&answer, "conference_id");
                self.planned(host, answer);
                Some(format!("conference/{meeting}"))
            }
            About::Meeting(host, meeting) => {
                let changed = self.meeting(deed, (host, meeting), answer);
                changed.then(|| format!("conference/{meeting}"))
            }
        };
        self.deeds.extend(object.map(|object| (action, object)));
    }

    fn company(&mut self, deed: &Deed, answer: Value) -> Option<String> {
        let company = id(&answer, "company_id");
        if deed.method == "company/delete" {
            self.company = None;
            self.gone.push(("company/fetch", json!({"company_id": company})));
            for host in self.hosts.keys().copied().collect::<Vec<_>>() {
                self.lose(host);
            }
        } else {
            self.company = Some(answer);
        }
        Some(format!("company/{company}"))
    }

    fn lose(&mut self, host: u64) {
        let had = self.hosts.remove(&host).expect("there");
        self.gone.push(("host/fetch", json!({"host_id": host})));
        let contacts = had
            .contacts
            .keys()
            .map(|id| ("contact/fetch", json!({"contact_id": id})));
        self.gone.extend(contacts);
        let meetings = had
            .meetings
            .keys()
            .map(|id| ("conference/fetch", json!({"conference_id": id})));
        self.gone.extend(meetings);
        self.signed_out(host);
    }

    fn signed_out(&mut self, host: u64) {
        for session in self.sessions.iter_mut().filter(|session| session.host == host) {
            session.good = false;
        }
    }

    fn new_host(&mut self, deed: &Deed, answer: Value) -> Option<String> {
        let host = id(&answer, "host_id");
        let made = Host {
            answer,
            has_password: deed.body.get("password").is_some(),
            ..Host::default()
        };
        assert!(self.hosts.insert(host, made).is_none(), "host {host} was made twice");
        Some(format!("host/{host}"))
    }

    fn host(&mut self, deed: &Deed, host: u64, answer: Value) -> Option<String> {
        match deed.method {
            // Signing in is no change of the account.
            "authenticate" => {
                let token = answer["auth_token"].as_str().expect("a token").to_owned();
                self.sessions.push(Session {
                    token,
                    host,
                    good: true,
                });
                return None;
            }
            "host/sso_ticket" => {}
            "host/delete" => self.lose(host),
            method => {
                if method == "host/reset_login_token" {
                    self.signed_out(host);
                }
                self.hosts.get_mut(&host).expect("there").answer = answer;
            }
        }
        Some(format!("host/{host}"))
    }

    fn entered(&mut self, host: u64, contact: u64, answer: Value) {
        let of = self.hosts.get_mut(&host).expect("there");
        of.contacts.insert(contact, answer);
    }

    /// A meeting as it is told of; whom it invites is in the address book.
    fn planned(&mut self, host: u64, answer: Value) {
        let people: Vec<(u64, Value)> = {
            let ids = answer["participants"].as_array().expect("a list").iter().skip(1);
            let people = answer["participant_emails"].as_array().expect("a list").iter();
            ids.map(|id| id.as_u64().expect("an id")).zip(people.cloned()).collect()
        };
        let of = self.hosts.get_mut(&host).expect("there");
        for (contact, person) in people {
            let known = of.contacts.iter().find(|(_, known)| known["email"] == person["email"]);
            let gone = self.gone.contains(&("contact/fetch", json!({"contact_id": contact})));
            match known {
                Some((known, _)) => {
                    // Who was invited before and taken out of the address book meanwhile stays invited under the former entry.
                    assert!(
                        *known == contact || gone,
                        "{person} is in the address book as {known} and as {contact}"
                    );
                }
                None if gone => {}
                None => {
                    let entry = json!({
                        "contact_id": contact, "host_id": host, "name": person["name"], "email": person["email"], "phone": person["phone"],
                    });
                    // An entry that has another address by now is invited under the former one.
                    of.contacts.entry(contact).or_insert(entry);
                }
            }
        }
        match of.meetings.entry(id(&answer, "conference_id")) {
            Entry::Vacant(place) => {
                place.insert(Meeting::new(answer));
            }
            Entry::Occupied(mut known) => known.get_mut().answer = answer,
        }
    }

    /// Answers whether the meeting changed.
    fn meeting(&mut self, deed: &Deed, (host, meeting): (u64, u64), answer: Value) -> bool {
        let of = self.hosts.get_mut(&host).expect("there");
        match deed.method {
            "conference/join_token" => {
                let known = of.meetings.get_mut(&meeting).expect("there");
                let who = deed.body["identity"].as_str().expect("a name").to_owned();
                let number = id(&answer, "participant");
                let first = *known.numbers.entry(who.clone()).or_insert(number);
                assert_eq!(first, number, "{who} has two numbers in meeting {meeting}");
                let owners = known.numbers.values().filter(|known| **known == number).count();
                assert_eq!(owners, 1, "two people have number {number} in meeting {meeting}");
                return false;
            }
            "conference/end" => {
                let known = of.meetings.get_mut(&meeting).expect("there");
                known.answer = answer;
                known.over = true;
            }
            "conference/delete" if deed.body.get("occurrence").is_none() => {
                of.meetings.remove(&meeting);
                self.gone.push(("conference/fetch", json!({"conference_id": meeting})));
            }
            _ => self.planned(host, answer),
        }
        true
    }
}
