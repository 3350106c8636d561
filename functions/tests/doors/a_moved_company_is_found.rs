//! A company that has another subdomain is found by its former one for a year: its pages lead on, its API says that
//! nothing is there.

use crate::site::Site;
use serde_json::json;

const DAY: i64 = 24 * 3_600;

#[tokio::test]
async fn pages_lead_on_for_a_year_and_the_api_answers_not_found() {
    let mut site = Site::new().await;
    let made = json!({"subdomain": "before", "name": "Movers"});
    let company = site.admin_api("company/create", made).await["id"].clone();
    let change = json!({"company_id": company, "subdomain": "after"});
    site.admin_api("company/update", change).await;
    site.restart();
    for (path, to) in [
        ("/", "https://after.demo.test/"),
        (
            "/conf/call/1234567?name=A%20B&x",
            "https://after.demo.test/conf/call/1234567?name=A%20B&x",
        ),
        ("/login", "https://after.demo.test/login"),
    ] {
        let answer = site.get("before.demo.test", path).send().await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (308, to));
    }
    assert_eq!(site.get("after.demo.test", "/").send().await.status, 200);
    let api = json!({"email": "a@b.test", "password": "x"});
    assert_eq!(
        site.api("before.demo.test", "authenticate", api).await.refused(),
        (404, "not_found".into())
    );
    assert_eq!(site.get("never.demo.test", "/").send().await.status, 404);
    site.advance(367 * DAY);
    assert_eq!(site.get("before.demo.test", "/").send().await.status, 404);
}
