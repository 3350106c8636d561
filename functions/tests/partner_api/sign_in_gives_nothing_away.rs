//! `authenticate`: what it answers, whom it shuts out and for how long, and that nothing tells a guesser anything.

use crate::world::{Answer, PASSWORD, World, refusal};
use functions::{App, Config, Rates};
use serde_json::{Value, json};

async fn attempt(world: &World, client: &str, email: &str, password: &str) -> Answer {
    attempt_at(world, &world.app, client, email, password).await
}

async fn attempt_at(world: &World, process: &App, client: &str, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    let call = world.post(&world.acme.fqdn, "/enterprise_api/authenticate");
    call.header("x-convoke-client", client)
        .json(&body)
        .send_to(process)
        .await
}

#[tokio::test]
async fn a_token_is_a_uuid_and_lies_hashed() {
    let world = World::new().await;
    let token = world.sign_in(&world.acme.fqdn, &world.acme.host.email).await;
    let groups: Vec<usize> = token.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert!(token.replace('-', "").bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(!world.table.text().await.contains(&token));
}

#[tokio::test]
async fn an_unknown_email_and_a_wrong_password_read_the_same_and_ask_as_much_of_the_table() {
    let world = World::new().await;
    let mut seen = Vec::new();
    for email in [world.acme.host.email.as_str(), "nobody@people.test"] {
        world.settle().await;
        world.table.take();
        let answer = attempt(&world, "198.51.100.1", email, "wrong password").await;
        assert_eq!(answer.refused(), refusal(401, "unauthenticated", ""));
        let mut asked: Vec<_> = world.table.take().into_iter().map(|asked| asked.operation).collect();
        asked.sort();
        seen.push((answer.json(), asked));
    }
    assert_eq!(seen[0].0["message"], "Invalid email or password");
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn an_email_is_compared_without_case_and_known_to_its_reseller_only() {
    let world = World::new().await;
    let email = world.acme.host.email.to_uppercase();
    attempt(&world, "192.0.2.7", &email, PASSWORD).await.ok();
    let body = json!({"email": world.acme.host.email, "password": PASSWORD});
    let sibling = world
        .post(&world.other.fqdn, "/enterprise_api/authenticate")
        .json(&body)
        .send()
        .await;
    sibling.ok();
    let foreign = world
        .post(&world.rival.fqdn, "/enterprise_api/authenticate")
        .json(&body)
        .send()
        .await;
    assert_eq!(foreign.refused(), refusal(401, "unauthenticated", ""));
}

#[tokio::test]
async fn fields_are_asked_for_and_unknown_api_tokens_refused() {
    let world = World::new().await;
    let send = async |body: Value| {
        world
            .post(&world.acme.fqdn, "/enterprise_api/authenticate")
            .json(&body)
            .send()
            .await
    };
    assert_eq!(send(json!({})).await.refused(), refusal(400, "missing_field", "email"));
    assert_eq!(
        send(json!({"email": "a@b.test"})).await.refused(),
        refusal(400, "missing_field", "password")
    );
    assert_eq!(
        send(json!({"email": 5, "password": "x"})).await.refused(),
        refusal(400, "invalid_field", "email")
    );
    let token = send(json!({"api_token": "unknown"})).await;
    assert_eq!(token.refused(), refusal(401, "unauthenticated", ""));
    let odd = send(json!({"email": "not an address", "password": "x"})).await;
    assert_eq!(odd.json()["message"], "Invalid email or password");
}

#[tokio::test]
async fn five_failures_shut_out_one_network_and_nobody_else() {
    let world = World::new().await;
    let email = world.acme.host.email.clone();
    for _ in 0..5 {
        assert_eq!(
            attempt(&world, "198.51.100.1", &email, "wrong password").await.status(),
            401
        );
    }
    let shut = attempt(&world, "198.51.100.77", &email, PASSWORD).await;
    assert_eq!(shut.refused(), refusal(429, "rate_limited", ""));
    let wait: i64 = shut.header("retry-after").expect("said").parse().expect("seconds");
    assert!((1..=15 * 60 + 1).contains(&wait), "{wait}");
    attempt(&world, "203.0.113.1", &email, PASSWORD).await.ok();
    let sibling = world.acme.sibling.email.clone();
    attempt(&world, "198.51.100.1", &sibling, PASSWORD).await.ok();
    world.advance(wait);
    attempt(&world, "198.51.100.1", &email, PASSWORD).await.ok();
}

#[tokio::test]
async fn a_success_forgets_the_failures_before_it() {
    let world = World::new().await;
    let email = world.acme.host.email.clone();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(
                attempt(&world, "198.51.100.1", &email, "wrong password").await.status(),
                401
            );
        }
        attempt(&world, "198.51.100.1", &email, PASSWORD).await.ok();
    }
}

#[tokio::test]
async fn twenty_failures_shut_out_a_network_for_every_email() {
    let world = World::new().await;
    for n in 0..20 {
        let email = format!("guess{n}@people.test");
        assert_eq!(
            attempt(&world, "2001:db8::1", &email, "wrong password").await.status(),
            401
        );
    }
    let email = world.acme.host.email.clone();
    assert_eq!(attempt(&world, "2001:db8::ffff", &email, PASSWORD).await.status(), 429);
    assert_eq!(attempt(&world, "2001:db8::ffff", "no address", "x").await.status(), 429);
    attempt(&world, "2001:db8:0:1::1", &email, PASSWORD).await.ok();
}

#[tokio::test]
async fn many_networks_slow_an_email_down_to_one_try_a_second() {
    let rates = Rates {
        email_failures: 6,
        ..Rates::default()
    };
    let world = World::with(Config {
        rates,
        ..Config::default()
    })
    .await;
    let email = world.acme.host.email.clone();
    for n in 0..6 {
        assert_eq!(
            attempt(&world, &format!("198.51.{n}.1"), &email, "wrong password")
                .await
                .status(),
            401
        );
    }
    let slowed = attempt(&world, "203.0.113.1", &email, PASSWORD).await;
    assert_eq!((slowed.status(), slowed.header("retry-after")), (429, Some("1")));
    world.advance(1);
    attempt(&world, "203.0.113.1", &email, PASSWORD).await.ok();
}

#[tokio::test]
async fn guesses_made_at_once_do_not_slip_past_the_limit() {
    let world = World::new().await;
    let email = world.acme.host.email.clone();
    let guesses = (0..24).map(|_| attempt(&world, "198.51.100.1", &email, "wrong password"));
    let answers = crate::world::together(guesses).await;
    let tried = answers.iter().filter(|answer| answer.status() == 401).count();
    assert_eq!(tried, 5, "the others are shut out");
}

/// Processes know of each other by the table alone; five may fail, and one more may be looked at beside them.
#[tokio::test]
async fn guesses_made_at_once_in_many_processes_do_not_slip_past_the_limit() {
    let world = World::new().await;
    let email = world.acme.host.email.clone();
    let processes: Vec<App> = (0..24).map(|_| world.another_process()).collect();
    let words: Vec<String> = (0..24).map(|n| format!("wrong password {n}")).collect();
    let guesses = processes.iter().zip(&words);
    let guesses = guesses.map(|(process, word)| attempt_at(&world, process, "198.51.100.1", &email, word));
    let answers = crate::world::together(guesses).await;
    let tried = answers.iter().filter(|answer| answer.status() == 401).count();
    assert!((5..=6).contains(&tried), "{tried}");
}
