//! Whoever has the link of a planned meeting gets it for a calendar: with that link, and with nothing that the link does not
//! show at the door already.

use serde_json::{Value, json};

use crate::api_tokens::signed_in;
use crate::registration::{links, pass};
use crate::site::{ACME, Answer, Host, OTHER, Site};

async fn planned(site: &Site, host: &Host, more: Value) -> Value {
    let mut asked = json!({"host_id": host.id, "subject": "Plan, budget", "agenda": "Numbers", "start": "2026-06-02 14:00:00",
        "time_zone": "Europe/Berlin", "duration": 45});
    let fields = asked.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    site.admin_api("conference/create", asked).await
}

async fn get(site: &Site, code: &str, query: &str, cookie: &str) -> Answer {
    let path = format!("/conf/call/{code}/meeting.ics{query}");
    site.get(ACME, &path).header("cookie", cookie).send().await
}

/// The lines of a file.
async fn file(site: &Site, code: &str, query: &str, cookie: &str) -> Vec<String> {
    let answer = get(site, code, query, cookie).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let unfolded = answer.text.replace("\r\n ", "");
    unfolded.split("\r\n").map(str::to_owned).collect()
}

fn has(file: &[String], line: &str) {
    assert!(file.iter().any(|one| one == line), "{line} in {file:#?}");
}

fn names(file: &[String], word: &str) -> bool {
    file.iter().any(|line| line.contains(word))
}

#[tokio::test]
async fn a_guest_gets_the_times_and_the_link() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let guests = json!({"participant_emails": ["bob@guest.test"], "recurrence": {"rrule": "FREQ=WEEKLY;COUNT=4"}});
    let made = planned(&site, &host, guests).await;
    let answer = get(&site, &host.code, "", "a=b").await;
    assert_eq!(
        answer.header("content-type"),
        "text/calendar; charset=utf-8; method=PUBLISH"
    );
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"meeting.ics\""
    );
    assert_eq!(
        (answer.header("cache-control"), answer.header("x-content-type-options")),
        ("no-store", "nosniff")
    );
    let found = file(&site, &host.code, "", "a=b").await;
    let url = format!("https://acme.demo.test/conf/call/{}", host.code);
    has(&found, "METHOD:PUBLISH");
    has(&found, &format!("UID:{}", made["ics_uid"].as_str().expect("a uid")));
    has(&found, "SUMMARY:Plan\\, budget");
    has(&found, "DTSTART;TZID=Europe/Berlin:20260602T140000");
    has(&found, "DTEND;TZID=Europe/Berlin:20260602T144500");
    has(&found, "DTSTAMP:20260601T120000Z");
    has(&found, &format!("LOCATION:{url}"));
    has(&found, "ORGANIZER;CN=\"Ann\":mailto:no-reply@demo.test");
    assert!(names(&found, "RRULE:FREQ=WEEKLY"));
    for hidden in [
        "ATTENDEE",
        "bob@guest.test",
        "ann@acme.test",
        "Numbers",
        "moderator_token",
    ] {
        assert!(!names(&found, hidden), "{hidden} in {found:#?}");
    }
    let page = site
        .get(ACME, &format!("/conf/call/{}", host.code))
        .send()
        .await
        .config();
    assert_eq!(page["conference"]["ends_at"], "2026-06-02T12:45:00Z");
}

#[tokio::test]
async fn what_a_pin_guards_is_named_to_the_host_alone() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    planned(&site, &host, json!({"security_pin": "471147"})).await;
    let guest = file(&site, &host.code, "", "a=b").await;
    has(&guest, "SUMMARY:Acme · Ann");
    for hidden in ["Plan", "Numbers", "471147"] {
        assert!(!names(&guest, hidden), "{hidden} in {guest:#?}");
    }
    let cookie = signed_in(&site, "ann@acme.test", "SoSecret5!").await;
    let own = file(&site, &host.code, "", &cookie).await;
    has(&own, "SUMMARY:Plan\\, budget");
    assert!(names(&own, "Numbers") && !names(&own, "471147"));
    site.host("Bob").await;
    let other = signed_in(&site, "bob@acme.test", "SoSecret5!").await;
    assert!(!names(&file(&site, &host.code, "", &other).await, "Plan"));
}

#[tokio::test]
async fn a_guest_who_has_registered_keeps_the_own_link_and_a_hidden_code_stays_hidden() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let asks = json!({"registration": true, "one_time_access_code": true, "security_pin": "471147",
        "participant_emails": ["bob@guest.test"]});
    let made = planned(&site, &host, asks).await;
    let code = made["one_time_access_code"].to_string();
    let mailed = links(&site).await;
    let (_, link) = mailed.iter().find(|(to, _)| to == "bob@guest.test").expect("a mail");
    let own = pass(link).expect("a pass");
    let with_pass = file(&site, &code, &format!("?pass={own}"), "a=b").await;
    has(&with_pass, &format!("LOCATION:{link}"));
    has(&with_pass, "SUMMARY:Plan\\, budget");
    assert!(names(&with_pass, "Numbers"));
    for wrong in [
        "",
        "?pass=",
        "?pass=x%0d%0aATTENDEE:mailto:x@y.test",
        "?pass=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let found = file(&site, &code, wrong, "a=b").await;
        has(&found, &format!("LOCATION:https://acme.demo.test/conf/call/{code}"));
        assert!(!names(&found, "Plan") && !names(&found, "x@y.test"));
    }
    let secure = planned(&site, &site.host("Cid").await, json!({"secure_url": true})).await;
    let url = secure["room_url"].as_str().expect("a link");
    let (path, _) = url.split_once('?').expect("a query");
    let hidden = path.rsplit('/').next().expect("a code");
    let found = file(&site, hidden, "?encrypted_pin=true", "a=b").await;
    has(&found, &format!("LOCATION:{url}"));
    assert_eq!(get(&site, hidden, "", "a=b").await.status, 404);
}

#[tokio::test]
async fn where_nothing_is_planned_there_is_no_file() {
    let site = Site::new().await;
    let host = site.host("Ann").await;
    let gone = (404, "There is no planned meeting with this code".to_owned());
    assert_eq!(told(&get(&site, &host.code, "", "a=b").await), gone);
    let made = planned(&site, &host, json!({})).await;
    let elsewhere = format!("/conf/call/{}/meeting.ics", host.code);
    assert_eq!(told(&site.get(OTHER, &elsewhere).send().await), gone);
    site.admin_api("conference/delete", json!({"conference_id": made["conference_id"]}))
        .await;
    assert_eq!(told(&get(&site, &host.code, "", "a=b").await), gone);
    let mut last = None;
    for _ in 0..21 {
        last = Some(told(&get(&site, "7654321", "", "a=b").await).0);
    }
    assert_eq!(last, Some(429), "codes are not tried out here");
}

/// What a person is told instead.
fn told(answer: &Answer) -> (u16, String) {
    let message = answer.config()["message"].as_str().expect("a sentence").to_owned();
    (answer.status.as_u16(), message)
}
