//! What the platform writes to people arrives in the inbox of the machine, which shows it to the machine alone.

#[allow(dead_code, reason = "the storm uses the rest")]
#[path = "storm/platform.rs"]
mod platform;

use std::path::Path;
use std::time::{Duration, Instant};

use platform::{Place, Platform};
use serde_json::{Value, json};

/// A mail arrives within a second or two; a busy machine is given more.
const PATIENCE: Duration = Duration::from_secs(60);

struct Client {
    http: reqwest::Client,
    platform: Platform,
}

impl Client {
    async fn api(&self, method: &str, body: Value) -> Value {
        let address = self.platform.address();
        let asked = self
            .http
            .post(format!("{}/{method}", address.api))
            .header("host", &address.host);
        let answer = asked
            .body(body.to_string())
            .header("content-type", "application/json")
            .send()
            .await;
        let text = answer.expect("an answer").text().await.expect("a text");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method}: {error}: {text}"))
    }

    fn inbox(&self, path: &str) -> String {
        let url = self.platform.about["inbox_url"].as_str().expect("a URL");
        // Where no resolver knows this name, the address does.
        format!("{}{path}", url.replace("localhost", "127.0.0.1"))
    }

    async fn mails(&self) -> Vec<Value> {
        let answer = self.http.get(self.inbox("/mails")).send().await.expect("an answer");
        let text = answer.text().await.expect("a text");
        serde_json::from_str(&text).expect("mails")
    }

    /// The newest mail with this subject, once it is there.
    async fn mail(&self, subject: &str) -> Value {
        let began = Instant::now();
        loop {
            let found = self.mails().await.into_iter().find(|mail| mail["subject"] == subject);
            if let Some(mail) = found {
                return mail;
            }
            assert!(began.elapsed() < PATIENCE, "no mail is called {subject}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A platform and its admin's token.
async fn start(folder: &Path) -> (Client, Value) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let place = Place {
        data: folder.to_owned(),
        dynamodb: None,
    };
    let client = Client {
        http: reqwest::Client::new(),
        platform: Platform::start(&place, false),
    };
    let about = client.platform.about.clone();
    let signed_in = client
        .api(
            "authenticate",
            json!({"email": about["email"], "password": about["password"]}),
        )
        .await;
    (client, signed_in["auth_token"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_comes_by_mail_and_by_text_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let (client, token) = start(folder.path()).await;
    let asked = json!({"auth_token": token, "company_id": 1, "name": "Jane", "email": "jane@company.example", "no_welcome_email": true});
    let host = client.api("host/create", asked).await;
    // Due in some seconds.
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(65);
    let asked = json!({"auth_token": token, "host_id": host["host_id"], "subject": "Soon", "start": start.to_string(),
        "time_zone": "UTC", "duration": 30, "participant_emails": [{"email": "anna@guest.example", "phone": "+4915112345678"}],
        "reminders": [{"channel": "email", "minutes_before": 1}, {"channel": "sms", "minutes_before": 1}]});
    client.api("conference/create", asked).await;
    let text = client.mail("Text message").await;
    let late = jiff::Timestamp::now().duration_since(start - jiff::SignedDuration::from_mins(1));
    assert!((0..60).contains(&late.as_secs()), "{late}");
    assert_eq!(text["to"]["name"], "+4915112345678");
    let body = text["text"].as_str().expect("text");
    assert!(
        body.starts_with("Convoke Demo: Soon starts at ") && body.contains("/conf/call/"),
        "{body}"
    );
    client.mail("Reminder: Soon").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_is_there_to_be_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let (client, token) = start(folder.path()).await;
    let made = client
        .api(
            "host/create",
            json!({"auth_token": token, "company_id": 1, "name": "Jane", "email": "jane@company.example"}),
        )
        .await;
    let welcome = client.mail("Welcome to Convoke Demo").await;
    assert_eq!(welcome["to"]["address"], "jane@company.example");
    let link = made["password_creation_link"].as_str().expect("a link");
    assert!(welcome["text"].as_str().expect("text").contains(link));

    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(48);
    let asked = json!({"auth_token": token, "host_id": made["host_id"], "subject": "Numbers", "start": start.to_string(),
        "time_zone": "Europe/Berlin", "duration": 30, "participant_emails": ["anna@guest.example"]});
    let meeting = client.api("conference/create", asked).await;
    let invitation = client.mail("Invitation: Numbers").await;
    assert_eq!(invitation["from"]["address"], "no-reply@convoke.localhost");
    assert_eq!(invitation["calendar"]["method"], "REQUEST");
    let file = invitation["calendar"]["text"].as_str().expect("a file");
    assert!(file.contains(meeting["ics_uid"].as_str().expect("a UID")));
    assert!(
        invitation["html"]
            .as_str()
            .expect("HTML")
            .starts_with("<!doctype html>")
    );
    let raw = client
        .http
        .get(client.inbox(&format!("/mails/{}", invitation["number"])))
        .send()
        .await;
    let raw = raw.expect("an answer");
    assert_eq!(raw.headers()["content-type"], "text/plain; charset=utf-8");
    let raw = raw.text().await.expect("a text");
    let id = format!("Message-ID: <{}>", invitation["id"].as_str().expect("an id"));
    assert!(raw.contains(&id), "{raw}");

    // It is answered as a calendar would, by the inbox's own page alone.
    let reply = |kind: &'static str, origin: Option<&'static str>| {
        let url = client.inbox(&format!("/mails/{}/reply", invitation["number"]));
        let asked = client.http.post(url).header("content-type", kind);
        let asked = match origin {
            Some(origin) => asked.header("origin", origin),
            None => asked,
        };
        asked.body(json!({"status": "TENTATIVE"}).to_string()).send()
    };
    let elsewhere = [("text/plain", None), ("application/json", Some("http://evil.example"))];
    for (kind, origin) in elsewhere {
        assert_eq!(reply(kind, origin).await.expect("an answer").status(), 404);
    }
    let taken = reply("application/json", None).await.expect("an answer");
    let taken: Value = serde_json::from_str(&taken.text().await.expect("a text")).expect("JSON");
    assert_eq!(taken, json!({"kept": 1, "known": 0, "dropped": 0}));
    let changed = json!({"auth_token": token, "conference_id": meeting["conference_id"], "agenda": "Words"});
    client.api("conference/update", changed).await;
    let told = client.mail("Changed: Numbers").await;
    // The newest is the host's or Anna's.
    let told = match told["to"]["address"] == "anna@guest.example" {
        true => told,
        false => {
            let all = client.mails().await.into_iter();
            let mut all = all.filter(|mail| mail["subject"] == "Changed: Numbers");
            all.find(|mail| mail["to"]["address"] == "anna@guest.example")
                .expect("hers")
        }
    };
    let file = told["calendar"]["text"].as_str().expect("a file").replace("\r\n ", "");
    assert!(file.contains("PARTSTAT=TENTATIVE"), "{file}");

    client
        .api(
            "conference/delete",
            json!({"auth_token": token, "conference_id": meeting["conference_id"]}),
        )
        .await;
    assert_eq!(client.mail("Cancelled: Numbers").await["calendar"]["method"], "CANCEL");
    let page = client.http.get(client.inbox("")).send().await.expect("an answer");
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    // Under the name of a tenant, or of a page elsewhere whose name leads here, there is no inbox.
    for host in [
        client.platform.address().host.as_str(),
        "evil.example:80",
        "localhost.evil.example",
    ] {
        for path in ["", "/mails", "/mails/1"] {
            let answer = client.http.get(client.inbox(path)).header("host", host).send().await;
            assert_eq!(answer.expect("an answer").status(), 404, "{host} {path}");
        }
    }
}
