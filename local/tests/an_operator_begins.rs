//! `convoke init FILE` on the command line: what it makes is served, a repeat changes nothing, and what it cannot do it says in
//! words.

#[allow(dead_code, reason = "the storm uses the rest")]
#[path = "storm/platform.rs"]
mod platform;

use std::path::Path;
use std::process::Command;

use platform::{Place, Platform};
use serde_json::{Value, json};

/// Its answer, or what it complained of.
fn init(data: &Path, file: &Path) -> Result<Value, String> {
    let done = Command::new(env!("CARGO_BIN_EXE_convoke"))
        .arg("init")
        .arg(file)
        .arg("--data")
        .arg(data)
        .output()
        .expect("it runs");
    match done.status.success() {
        true => Ok(serde_json::from_slice(&done.stdout).expect("JSON")),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

fn complains(outcome: Result<Value, String>, of: &[&str]) {
    let told = outcome.expect_err("it fails");
    assert!(of.iter().all(|part| told.contains(part)), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reseller_is_made_by_a_file() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("first.json"));
    let event = json!({
        "reseller": {"name": "Example", "domain": "meet.example.com", "leave_event_type": "bye"},
        "company": {"subdomain": "first", "name": "Example"},
        "admin": {"name": "Admin", "email": "admin@example.com", "password": "Sup3rSecret!"},
        "plans": [{"name": "Small", "max_participants": 10, "max_minutes": 60}],
    });
    complains(init(&data, &file), &["cannot read", "first.json"]);
    std::fs::write(&file, "{").expect("written");
    complains(init(&data, &file), &["first.json does not read", "line 1"]);
    let mut odd = event.clone();
    odd["reseller"]["colour"] = "red".into();
    std::fs::write(&file, odd.to_string()).expect("written");
    complains(
        init(&data, &file),
        &["first.json does not read", "unknown field `colour`"],
    );
    let mut weak = event.clone();
    weak["admin"]["password"] = "short".into();
    std::fs::write(&file, weak.to_string()).expect("written");
    complains(init(&data, &file), &["admin.password must have at least 8 characters"]);

    std::fs::write(&file, event.to_string()).expect("written");
    let made = init(&data, &file).expect("made");
    assert_eq!(
        (&made["created"], &made["fqdn"]),
        (&json!(true), &json!("first.meet.example.com"))
    );
    let mut again = init(&data, &file).expect("harmless");
    assert_eq!(again["created"], false);
    again["created"] = true.into();
    assert_eq!(again, made);

    let place = Place {
        data: data.clone(),
        dynamodb: None,
    };
    let platform = Platform::start(&place, false);
    complains(init(&data, &file), &["another platform runs on this data folder"]);
    let address = platform.address();
    let port = address.host.rsplit(':').next().expect("a port");
    let answer = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{port}/enterprise_api/authenticate"))
        .header("host", "first.meet.example.com")
        .json(&json!({"email": "admin@example.com", "password": "Sup3rSecret!"}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
}
