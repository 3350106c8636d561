//! Signing in at an OpenID Connect provider.

use functions::operator::{self, Init};
use serde_json::json;

use super::Walk;
use crate::site::provider::{Provider, Signer};

pub(super) async fn by_provider(walk: &mut Walk) {
    let signer = Signer::es256();
    let provider = Provider::start(&signer).await;
    let mut event = serde_json::to_value(walk.site.first()).expect("JSON");
    event["reseller"]["openid"] = provider.registration();
    let asked: Init = serde_json::from_value(event).expect("an event");
    walk.fresh().await;
    operator::init(&walk.site.app, &asked).await.expect("kept");
    walk.book("operator_init").await;
    let company = json!({"subdomain": "openly", "name": "Openly", "openid_provider": true});
    let company = walk.site.admin_api("company/create", company).await["id"].clone();
    let host = json!({"company_id": company, "name": "Olga", "email": "olga@openly.test", "openid_sub": "olga",
        "password": "SoSecret5!"});
    walk.site.admin_api("host/create", host).await;
    walk.fresh().await;
    operator::dispatch(&walk.site.app, &[]).await.expect("welcomed");
    walk.book("dispatch").await;
    let openly = "openly.demo.test";
    walk.fresh().await;
    let led = walk.site.get(openly, "/login/openid").send().await;
    walk.book("sign_in_openid").await;
    let location = led.header("location");
    let claims = provider.claims(location, "olga", walk.site.now().as_second());
    let token = signer.token(&json!({"alg": "ES256", "kid": "k1"}), &claims);
    let path = provider.back(location, token);
    let cookie = format!("{}; __Host-convoke=former", led.cookies().join("; "));
    for (path, status) in [(path.as_str(), 303), ("/login/openid/back?state=1", 400)] {
        walk.fresh().await;
        let back = walk.site.get(openly, path).header("cookie", &cookie).send().await;
        assert_eq!(back.status, status);
        walk.book("sign_in_openid_back").await;
    }
}
