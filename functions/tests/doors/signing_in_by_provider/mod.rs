//! Companies with `openid_provider` sign in at their reseller's OpenID Connect provider and nowhere else: whom it names by an
//! honest token comes in, and whatever else comes back changes nothing.

mod lies;
mod providers;

use functions::operator::{self, Init};
use serde_json::{Value, json};

use crate::site::provider::{Provider, Signer, back_with, query};
use crate::site::{ACME, Answer, Host, OTHER, Site, settled};

const COOKIE: &str = "__Host-convoke-openid";

/// A site whose first company signs in with a provider, which knows Ann as `sub-ann`.
struct Door {
    site: Site,
    provider: Provider,
    signer: Signer,
    ann: Host,
}

async fn registered(site: &Site, openid: Value) -> Result<operator::Initialised, functions::Error> {
    let mut event = serde_json::to_value(site.first()).expect("JSON");
    event["reseller"]["openid"] = openid;
    let asked: Init = serde_json::from_value(event).expect("an event of an operator");
    operator::init(&site.app, &asked).await
}

impl Door {
    async fn with(signer: Signer) -> Self {
        let mut site = Site::new().await;
        let provider = Provider::start(&signer).await;
        registered(&site, provider.registration()).await.expect("kept");
        site.admin_api("company/update", json!({"company_id": 1, "openid_provider": true}))
            .await;
        let ann = site.host("Ann").await;
        site.admin_api("host/update", json!({"host_id": ann.id, "openid_sub": "sub-ann"}))
            .await;
        site.restart();
        settled().await;
        site.notes.take();
        Self {
            site,
            provider,
            signer,
            ann,
        }
    }

    async fn new() -> Self {
        Self::with(Signer::es256()).await
    }

    /// Sets a browser out; answers where it is led, and its cookie.
    async fn set_out(&self, more: &str) -> (String, String) {
        let answer = self.site.get(ACME, &format!("/login/openid{more}")).send().await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(
            (answer.header("referrer-policy"), answer.header("cache-control")),
            ("no-referrer", "no-store")
        );
        (answer.header("location").to_owned(), answer.cookies().join("; "))
    }

    async fn come_back(&self, path: &str, cookie: &str) -> Answer {
        settled().await;
        self.site.notes.take();
        self.site.get(ACME, path).header("cookie", cookie).send().await
    }

    /// The token of an honest provider for `sub`.
    fn token(&self, location: &str, sub: &str) -> String {
        let claims = self.provider.claims(location, sub, self.site.now().as_second());
        self.signer.token(&self.header(), &claims)
    }

    fn header(&self) -> Value {
        let alg = match self.signer {
            Signer::Es256(_) => "ES256",
            Signer::Rsa(_) => "RS256",
        };
        json!({"alg": alg, "kid": "k1", "typ": "JWT"})
    }

    /// The whole way for `sub`.
    async fn sign_in(&self, sub: &str) -> Answer {
        let (location, cookie) = self.set_out("").await;
        let path = self.provider.back(&location, self.token(&location, sub));
        self.come_back(&path, &cookie).await
    }

    /// Nobody was signed in and nothing was written; the page says why.
    #[track_caller]
    fn told(&self, answer: &Answer, status: u16, problem: &str) {
        let writes: Vec<_> = self.site.notes.take();
        assert!(writes.iter().all(|touch| !touch.action.writes()), "{writes:?}");
        assert_eq!(
            (answer.status.as_u16(), &answer.config()["problem"]),
            (status, &json!(problem))
        );
        assert_eq!(answer.config()["by_provider"], true);
        assert_eq!(answer.config()["account"], Value::Null);
        assert!(
            answer
                .header("content-security-policy")
                .ends_with("frame-ancestors 'none'")
        );
        assert!(
            answer.cookies().iter().all(|cookie| *cookie == format!("{COOKIE}=")),
            "{:?}",
            answer.cookies()
        );
    }
}

/// The cookies that a browser keeps of an answer.
fn kept(answer: &Answer) -> String {
    let mut cookies = answer.cookies();
    cookies.retain(|cookie| !cookie.ends_with('='));
    cookies.join("; ")
}

async fn account(site: &Site, cookies: &str) -> Value {
    let home = site.get(ACME, "/").header("cookie", cookies).send().await;
    home.config()["account"]["name"].clone()
}

#[tokio::test]
async fn whom_the_provider_names_is_signed_in_and_comes_back_to_the_page() {
    for signer in [Signer::es256(), Signer::rsa()] {
        let door = Door::with(signer).await;
        let page = door
            .site
            .get(ACME, "/login?redirect_url=/conf/call/1%3Fx=1")
            .send()
            .await;
        assert_eq!(
            (page.status.as_u16(), &page.config()["by_provider"]),
            (200, &json!(true))
        );
        assert_eq!(page.config()["problem"], Value::Null);
        assert_eq!(page.config()["redirect_url"], "/conf/call/1?x=1");
        let (location, cookie) = door.set_out("?redirect_url=/conf/call/1%3Fx=1%23pin=2").await;
        assert!(
            location.starts_with(&format!("{}/authorize?tenant=1&", door.provider.issuer)),
            "{location}"
        );
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", "convoke"),
            ("redirect_uri", "https://acme.demo.test/login/openid/back"),
            ("scope", "openid"),
            ("code_challenge_method", "S256"),
            ("prompt", ""),
        ] {
            assert_eq!(query(&location, name), value, "{name}");
        }
        for name in ["state", "nonce", "code_challenge"] {
            assert_eq!(query(&location, name).len(), 43, "{name}: 256 random bits");
        }
        assert!(!cookie.contains(&query(&location, "state")), "sealed");
        let path = door.provider.back(&location, door.token(&location, "sub-ann"));
        let answer = door.come_back(&path, &cookie).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/conf/call/1?x=1#pin=2")
        );
        let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        let session = set[0].to_str().expect("ASCII");
        assert!(
            session.starts_with("__Host-convoke=") && session.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
            "{session}"
        );
        assert_eq!(
            *set[2],
            format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
        );
        assert_eq!(account(&door.site, &answer.cookies().join("; ")).await, "Ann");
        assert_eq!(door.provider.inner().asked, ["description", "token", "keys"]);
    }
}

#[tokio::test]
async fn the_cookie_is_of_this_browser_and_ten_minutes() {
    let door = Door::new().await;
    let answer = door.site.get(ACME, "/login/openid").send().await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with(&format!("{COOKIE}=")), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"),
        "{cookie}"
    );
    let (again, _) = door.set_out("?again=true").await;
    assert_eq!(query(&again, "prompt"), "login", "whoever is known there is asked anew");
}

#[tokio::test]
async fn an_account_acts_in_its_own_role_and_its_browsers_former_session_ends() {
    let door = Door::new().await;
    let site = &door.site;
    site.admin_api("host/update", json!({"host_id": door.ann.id, "role": "COMPANY_ADMIN"}))
        .await;
    let first = kept(&door.sign_in("sub-ann").await);
    let tokens = site.get(ACME, "/admin/tokens").header("cookie", &first).send().await;
    assert_eq!(tokens.config()["page"], "tokens");
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    let answer = door.come_back(&path, &format!("{first}; {cookie}")).await;
    let second = kept(&answer);
    assert_eq!(account(site, &second).await, "Ann");
    assert_eq!(account(site, &first).await, Value::Null);
    let out = site
        .post(ACME, "/logout")
        .header("origin", "https://acme.demo.test")
        .header("cookie", &second);
    assert_eq!(out.send().await.ok()["redirect_url"], "/");
    assert_eq!(account(site, &second).await, Value::Null);
}

#[tokio::test]
async fn a_no_at_the_provider_is_said_and_the_page_is_kept() {
    let door = Door::new().await;
    for (error, status, problem) in [
        ("access_denied", 403, "denied"),
        ("login_required", 403, "denied"),
        ("<script>", 403, "denied"),
        ("temporarily_unavailable", 503, "away"),
        ("server_error", 503, "away"),
    ] {
        let (location, cookie) = door.set_out("?redirect_url=/conf/call/1").await;
        let state = query(&location, "state");
        let path = back_with(
            &location,
            &[("error", error), ("state", &state), ("iss", &door.provider.issuer)],
        );
        let answer = door.come_back(&path, &cookie).await;
        assert!(!answer.text.contains("<script>\""), "{}", answer.text);
        door.told(&answer, status, problem);
        assert_eq!(answer.config()["redirect_url"], "/conf/call/1");
        assert_eq!(answer.cookies(), [format!("{COOKIE}=")]);
    }
    let (location, cookie) = door.set_out("").await;
    let path = back_with(&location, &[("state", &query(&location, "state"))]);
    door.told(&door.come_back(&path, &cookie).await, 403, "failed");
}

#[tokio::test]
async fn passwords_open_nothing_on_the_pages_of_such_a_company() {
    let door = Door::new().await;
    let site = &door.site;
    let new = json!({"company_id": 1, "name": "New", "email": "new@acme.test"});
    let link = site.admin_api("host/create", new).await["password_creation_link"].clone();
    let path = link
        .as_str()
        .and_then(|link| link.strip_prefix("https://acme.demo.test"))
        .expect("a link")
        .to_owned();
    settled().await;
    site.notes.take();
    for (path, body) in [
        ("/login", json!({"email": "ann@acme.test", "password": "SoSecret5!"})),
        ("/login", json!({"email": "ann@acme.test", "password": "wrong"})),
        ("/password", json!({"email": "ann@acme.test"})),
        (path.as_str(), json!({"password": "An0therSecret!"})),
    ] {
        let answer = site
            .post(ACME, path)
            .header("origin", "https://acme.demo.test")
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.refused(), (403, "forbidden".into()), "{path}");
        assert!(answer.cookies().is_empty());
    }
    let page = site.get(ACME, &path).send().await.config();
    assert_eq!((&page["page"], &page["by_provider"]), (&json!("login"), &json!(true)));
    settled().await;
    let touched = site.notes.take();
    assert!(touched.iter().all(|touch| !touch.action.writes()), "{touched:?}");
    // Servers of partners go on, and so does single sign-on.
    let right = json!({"email": "ann@acme.test", "password": "SoSecret5!"});
    site.api(ACME, "authenticate", right.clone()).await.ok();
    let id = door.ann.id.to_string();
    let fields = [
        ("host_id", id.as_str()),
        ("login_token_public_key", door.ann.sso.as_str()),
    ];
    let auth = site
        .post(ACME, "/auth")
        .header("origin", "https://acme.demo.test")
        .form(&fields);
    assert_eq!(auth.send().await.status, 303);
    // Other companies have passwords alone, until they say otherwise; and so has this one once it does.
    site.host_of(2, "Eve").await;
    let eve = json!({"email": "eve@acme.test", "password": "SoSecret5!"});
    site.post(OTHER, "/login").json(&eve).send().await.ok();
    assert_eq!(
        site.get(OTHER, "/login/openid").send().await.refused(),
        (404, "not_found".into())
    );
    assert_eq!(site.get(OTHER, "/login").send().await.config()["by_provider"], false);
    site.admin_api("company/update", json!({"company_id": 1, "openid_provider": false}))
        .await;
    site.advance(61);
    site.post(ACME, "/login").json(&right).send().await.ok();
}

#[tokio::test]
async fn without_a_provider_of_the_reseller_passwords_stay() {
    let site = Site::new().await;
    site.host("Ann").await;
    site.admin_api("company/update", json!({"company_id": 1, "openid_provider": true}))
        .await;
    assert_eq!(site.get(ACME, "/login").send().await.config()["by_provider"], false);
    let right = json!({"email": "ann@acme.test", "password": "SoSecret5!"});
    site.post(ACME, "/login").json(&right).send().await.ok();
}

#[tokio::test]
async fn the_way_back_waits_for_the_table_three_times_at_most() {
    let door = Door::new().await;
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
    let (out, answer) = door.site.trips(door.site.get(ACME, "/login/openid").send()).await;
    let (location, cookie) = (answer.header("location").to_owned(), answer.cookies().join("; "));
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    let (back, answer) = door
        .site
        .trips(door.site.get(ACME, &path).header("cookie", &cookie).send())
        .await;
    assert_eq!(answer.status, 303);
    assert!(out == 0 && back <= 3, "{out} and {back}");
}
