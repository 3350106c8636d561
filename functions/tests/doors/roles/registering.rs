//! The walk through registering for meetings.

use serde_json::json;

use super::Walk;
use crate::site::{ACME, Host};

/// Registered for: a meeting on its host's code, one with a code of its own, one that repeats, and none.
pub(super) async fn registering(walk: &mut Walk, host: &Host) {
    let plain = json!({"host_id": host.id, "subject": "Open day", "start": "2026-06-01 12:05:00", "time_zone": "UTC", "duration": 60,
        "registration": true});
    let (mut own, mut daily) = (plain.clone(), plain.clone());
    own["one_time_access_code"] = true.into();
    daily["one_time_access_code"] = true.into();
    daily["recurrence"] = json!({"rrule": "FREQ=DAILY;COUNT=9"});
    for asked in [plain, own, daily] {
        let made = walk.site.admin_api("conference/create", asked).await;
        let path = format!("/register/{}", made["conference_id"]);
        walk.page("page_register", &path, "a=b").await;
        for email in ["rita@guest.test", "rita@guest.test"] {
            enter(walk, &path, email).await;
        }
        // While it runs, too.
        let lead = json!({"conference_id": made["conference_id"], "name": "App", "moderator": true});
        walk.site.admin_api("conference/join_token", lead).await;
        enter(walk, &path, "sam@guest.test").await;
    }
    walk.page("page_register", "/register/1", "a=b").await;
    enter(walk, "/register/1", "tom@guest.test").await;
}

async fn enter(walk: &mut Walk, path: &str, email: &str) {
    walk.fresh().await;
    let call = walk.site.post(ACME, path).header("origin", "https://acme.demo.test");
    call.json(&json!({"name": "Rita", "email": email})).send().await;
    walk.book("conference_register").await;
}
