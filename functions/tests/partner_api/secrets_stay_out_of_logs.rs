//! No token, password, PIN, query string or mail address reaches the log, whatever is asked and however it ends.

use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::world::{PASSWORD, World, meeting};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

/// Everything logged, as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level_of_ours() {
    let lines = Lines::default();
    let filter = tracing_subscriber::EnvFilter::new("info,functions=trace,store=trace,domain=trace");
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines.clone())
        .finish();
    // For the whole process: what other tests log must hold no secrets either.
    tracing::subscriber::set_global_default(log).expect("the only log of this process");

    let world = World::new().await;
    let acme = world.acme.clone();
    let mut asked = meeting(acme.host.id);
    asked["security_pin"] = "48151623".into();
    asked["participant_emails"] = json!(["guest@secret.test"]);
    asked["idempotency_key"] = "idempotent-secret".into();
    let made = world.root("conference/create", asked).await.ok();
    let host = json!({
        "company_id": acme.id, "name": "N", "email": "new@secret.test", "password": "An0therSecret!",
        "moderator_pin": "90210777", "openid_sub": "subject-secret",
    });
    let account = world.root("host/create", host.clone()).await.ok();
    world.root("host/create", host).await;
    let query = format!(
        "/enterprise_api/host/fetch?auth_token={}&host_id=abc&note=query-secret",
        acme.host.token
    );
    world.post(&acme.fqdn, &query).send().await;
    let wrong = json!({"email": "nobody@secret.test", "password": "wr0ng-secret"});
    for _ in 0..7 {
        world
            .post(&acme.fqdn, "/enterprise_api/authenticate")
            .json(&wrong)
            .send()
            .await;
    }
    world
        .post(&acme.fqdn, "/enterprise_api/host/fetch")
        .raw("application/json", b"{\"auth_token\": \"raw-secret".to_vec())
        .send()
        .await;
    world
        .root("conference/end", json!({"conference_id": made["conference_id"]}))
        .await
        .ok();

    // What would begin a line of its own.
    let forged = "x\n2026-06-01T12:00:00Z ERROR forged";
    let query = "/enterprise_api/host/fetch?host_id=%0a2026-06-01T12:00:00Z%20ERROR%20forged";
    world.post(&acme.fqdn, query).send().await;
    for field in ["name", "email", "subject", "idempotency_key"] {
        let body = json!({"host_id": acme.host.id, "company_id": acme.id, (field): forged});
        world.root("host/create", body.clone()).await;
        world.root("conference/create/reservationless", body).await;
    }
    world
        .call("GET", &acme.fqdn, "/conf/call/%0aERROR%20forged")
        .send()
        .await;

    let log = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
    assert!(log.contains("host_create"), "requests are logged");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let secrets = [
        PASSWORD.to_owned(),
        acme.host.token,
        acme.reseller_admin.token,
        acme.host.email,
        "48151623".to_owned(),
        "90210777".to_owned(),
        "An0therSecret!".to_owned(),
        "wr0ng-secret".to_owned(),
        "secret.test".to_owned(),
        "raw-secret".to_owned(),
        "query-secret".to_owned(),
        "subject-secret".to_owned(),
        "idempotent-secret".to_owned(),
        text(&made["moderator_token"]),
        text(&account["login_token_public_key"]),
        text(&account["password_creation_link"]),
        "192.0.2.7".to_owned(),
        crate::world::EDGE.to_owned(),
    ];
    assert!(!log.contains("forged"), "what was sent is in the log");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} was logged");
    }
}
