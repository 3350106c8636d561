//! Writers who change different fields of the same things at the same time: nobody's change may take back another's.

use serde_json::{Value, json};

use super::partner::{Answer, Partner};

/// Something that many change.
#[derive(Debug, Clone)]
pub struct Shared {
    kind: &'static str,
    id_field: &'static str,
    pub id: u64,
}

/// Who changes one field of it.
#[derive(Debug)]
pub struct Rival {
    pub shared: Shared,
    field: &'static str,
    /// What it was told that the field is.
    value: Value,
    /// What it asked for last without an answer that holds.
    pub open: Option<Value>,
    number: u32,
    pub done: usize,
}

const FIELDS: [(&str, [&str; 4]); 3] = [
    ("company", ["name", "locale", "time_zone", "hidden_controls"]),
    ("host", ["name", "phone", "moderator_pin", "locale"]),
    ("conference", ["subject", "agenda", "duration", "security_pin"]),
];

impl Rival {
    /// Two of each kind of thing, and four who change each.
    pub async fn all(partner: &Partner) -> Vec<Self> {
        let mut rivals = Vec::new();
        for n in 0..2 {
            let make = async |method: &str, body: Value| match partner.write(partner.token(0), method, &body).await {
                Answer::Done(answer) => answer,
                other => panic!("{method}: {other:?}"),
            };
            let company = make(
                "company/create",
                json!({"subdomain": format!("shared-{n}"), "name": "Shared", "idempotency_key": format!("sc{n}")}),
            )
            .await;
            let host = json!({"company_id": company["id"], "name": "Shared", "email": format!("shared{n}@storm.test"), "idempotency_key": format!("sh{n}")});
            let host = make("host/create", host).await;
            let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
            let conference = json!({
                "host_id": host["host_id"], "subject": "Shared", "start": start.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                "time_zone": "UTC", "duration": 60, "idempotency_key": format!("sm{n}"),
            });
            let conference = make("conference/create", conference).await;
            let things = [
                ("company_id", &company),
                ("host_id", &host),
                ("conference_id", &conference),
            ];
            for ((kind, fields), (id_field, thing)) in FIELDS.into_iter().zip(things) {
                let id = thing[id_field].as_u64().expect("an id");
                let shared = Shared { kind, id_field, id };
                rivals.extend(fields.map(|field| Self {
                    shared: shared.clone(),
                    field,
                    value: shown(field, thing),
                    open: None,
                    number: 0,
                    done: 0,
                }));
            }
        }
        rivals
    }

    /// The next write and its value.
    fn next(&mut self) -> Value {
        self.number += 1;
        let n = self.number;
        match self.field {
            "locale" => ["en", "de", "fr", "pt-BR"][n as usize % 4].into(),
            "time_zone" => ["UTC", "Europe/London", "US/Eastern", "Asia/Tokyo"][n as usize % 4].into(),
            "hidden_controls" => vec![["chat", "lock", "mic"][n as usize % 3]].into(),
            "phone" => format!("+14165{:06}", n).into(),
            "moderator_pin" | "security_pin" => (1_000 + n).to_string().into(),
            "duration" => (1 + n % 1_440).into(),
            _ => format!("{} {n}", self.field).into(),
        }
    }

    /// The request of a value.
    pub fn request(&self, value: &Value) -> (String, Value) {
        let key = format!("{}-{}-{}-{}", self.shared.kind, self.shared.id, self.field, self.number);
        let mut body = json!({"idempotency_key": key});
        body[self.shared.id_field] = self.shared.id.into();
        body[self.field] = value.clone();
        (format!("{}/update", self.shared.kind), body)
    }

    /// Changes the field once.
    pub async fn change(&mut self, partner: &Partner) {
        let value = self.next();
        let (method, body) = self.request(&value);
        match partner
            .write(partner.token(self.shared.id as usize), &method, &body)
            .await
        {
            Answer::Done(answer) => self.told(value, &answer),
            Answer::Open => self.open = Some(value),
            Answer::Refused(status, why) => panic!("{method} {body}: {status} {why}"),
        }
    }

    /// What a change was answered with.
    pub fn told(&mut self, value: Value, answer: &Value) {
        assert_eq!(shown(self.field, answer), value, "{self:?} is told {answer}");
        (self.value, self.done, self.open) = (value, self.done + 1, None);
    }

    /// The changes that were acknowledged, as the audit names them.
    pub fn deeds(&self) -> impl Iterator<Item = (String, String)> {
        let (action, object) = (
            format!("{}_update", self.shared.kind),
            format!("{}/{}", self.shared.kind, self.shared.id),
        );
        std::iter::repeat_n((action, object), self.done)
    }

    /// Whether it changes a company.
    pub fn is_of_company(&self) -> bool {
        self.shared.kind == "company"
    }

    /// How the things were made, as the audit names it.
    pub fn made(rivals: &[Self]) -> Vec<(String, String)> {
        let things = rivals.iter().map(|rival| (rival.shared.kind, rival.shared.id));
        let things: std::collections::BTreeSet<_> = things.collect();
        things
            .into_iter()
            .map(|(kind, id)| (format!("{kind}_create"), format!("{kind}/{id}")))
            .collect()
    }

    /// What is wrong with the thing as it is now.
    pub async fn fault(&self, partner: &Partner) -> Option<String> {
        let mut body = json!({});
        body[self.shared.id_field] = self.shared.id.into();
        let Answer::Done(is) = partner.read(&format!("{}/fetch", self.shared.kind), &body).await else {
            return Some(format!("{self:?} has lost its thing"));
        };
        let is = shown(self.field, &is);
        (is != self.value).then(|| format!("{self:?} finds {is}: its change was taken back"))
    }
}

/// A field as an answer shows it.
fn shown(field: &str, answer: &Value) -> Value {
    match field {
        "moderator_pin" => answer[field]["number"].clone(),
        _ => answer[field].clone(),
    }
}
