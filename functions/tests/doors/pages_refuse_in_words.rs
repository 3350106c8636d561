//! A page that cannot be shown says so to a person: as a page that shows a sentence and nothing else.

use serde_json::json;

use crate::site::{ACME, Answer, Site};

fn told(answer: &Answer) -> (u16, String, String) {
    assert_eq!(
        answer.header("content-type"),
        "text/html; charset=utf-8",
        "{}",
        answer.text
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.header("content-security-policy").contains("frame-ancestors *"));
    let config = answer.config();
    assert_eq!((&config["page"], &config["of"]), (&json!("refused"), &json!("page")));
    let message = config["message"].as_str().expect("a sentence").to_owned();
    (answer.status.as_u16(), message, answer.header("retry-after").to_owned())
}

#[tokio::test]
async fn a_host_name_of_nobody_and_too_many_codes_are_told_in_words() {
    let site = Site::new().await;
    for path in ["/", "/login", "/password/0123", "/conf/call/1234567"] {
        let answer = site.get("nobody.test", path).send().await;
        let words = "Nothing is served under this host name".to_owned();
        assert_eq!(told(&answer), (404, words, String::new()), "{path}");
    }
    let mut last = None;
    for _ in 0..21 {
        last = Some(site.get(ACME, "/conf/call/7654321").send().await);
    }
    let (status, message, retry) = told(&last.expect("an answer"));
    assert_eq!((status, message.as_str()), (429, "Too many requests, try again later"));
    assert!(retry.parse::<u32>().expect("seconds") > 0);
    // Programs are told as before.
    let api = site.api(
        "nobody.test",
        "authenticate",
        json!({"email": "a@b.test", "password": "x"}),
    );
    assert_eq!(api.await.refused(), (404, "not_found".into()));
}
