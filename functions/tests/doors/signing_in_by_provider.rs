//! Companies with `openid_provider` sign in at their reseller's OpenID Connect provider and nowhere else: whom it names by an
//! honest token comes in, and whatever else comes back changes nothing.

use crate::site::provider::{Provider, SECRET, Signer, back_with, query};
use crate::site::{ACME, Answer, Host, OTHER, Site, settled};
use axum::http::StatusCode;
use functions::Outbound;
use functions::operator::{self, Init};
use functions::outbound::Guard;
use serde_json::{Value, json};

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
async fn what_a_provider_says_is_believed_only_if_it_is_whole() {
    let door = Door::new().await;
    let now = door.site.now().as_second();
    let stranger = Signer::es256();
    let lies: [(&str, Value, Value); 19] = [
        ("unsigned", json!({"alg": "none"}), json!({})),
        ("unsigned, in other words", json!({"alg": "None"}), json!({})),
        ("by a shared secret", json!({"alg": "HS256"}), json!({})),
        ("by another algorithm", json!({"alg": "RS256"}), json!({})),
        ("by a key that is not there", json!({"kid": "k2"}), json!({})),
        ("with what must be understood", json!({"crit": ["exp"]}), json!({})),
        (
            "by a key that it brings itself",
            json!({"jwk": stranger.jwk("k1"), "jku": "https://evil.test"}),
            json!({"forged": true}),
        ),
        ("of another issuer", json!({}), json!({"iss": "https://id.evil.test"})),
        (
            "of an issuer almost the same",
            json!({}),
            json!({"iss": format!("{}/", door.provider.issuer)}),
        ),
        ("for another client", json!({}), json!({"aud": "other"})),
        (
            "for several, none of them named",
            json!({}),
            json!({"aud": ["convoke", "other"]}),
        ),
        (
            "for several, given to another",
            json!({}),
            json!({"aud": ["convoke", "other"], "azp": "other"}),
        ),
        ("over", json!({}), json!({"exp": now - 60})),
        ("without an end", json!({}), json!({"exp": null})),
        (
            "of tomorrow",
            json!({}),
            json!({"iat": now + 86_400, "exp": now + 90_000}),
        ),
        ("without a time", json!({}), json!({"iat": null})),
        ("of another sign-in", json!({}), json!({"nonce": "another"})),
        ("of no sign-in", json!({}), json!({"nonce": null})),
        ("of nobody", json!({}), json!({"sub": ""})),
    ];
    for (lie, header, claims) in lies {
        let (location, cookie) = door.set_out("").await;
        let mut told = [door.header(), door.provider.claims(&location, "sub-ann", now)];
        for (told, changed) in told.iter_mut().zip([&header, &claims]) {
            for (name, value) in changed.as_object().expect("an object") {
                told[name] = value.clone();
            }
            told.as_object_mut()
                .expect("an object")
                .retain(|_, value| !value.is_null());
        }
        let signer = if claims["forged"] == true {
            &stranger
        } else {
            &door.signer
        };
        let path = door.provider.back(&location, signer.token(&told[0], &told[1]));
        let answer = door.come_back(&path, &cookie).await;
        assert_eq!(answer.status, 403, "{lie}");
        door.told(&answer, 403, "failed");
    }
    for said in [
        json!({}),
        json!({"id_token": 7}),
        json!({"id_token": "a.b"}),
        json!([]),
        json!({"id_token": "…"}),
    ] {
        door.provider.inner().says = Some((StatusCode::OK, said));
        let answer = door.sign_in("sub-ann").await;
        door.told(&answer, 403, "failed");
    }
    door.provider.inner().says = None;
    assert_eq!(door.sign_in("sub-ann").await.status, 303, "nothing of it has stayed");
}

#[tokio::test]
async fn answers_that_no_sign_in_of_this_browser_waits_for_are_refused() {
    let door = Door::new().await;
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    let (_, other_cookie) = door.set_out("").await;
    // An attacker's own answer, or one that was overheard, in the browser of somebody else.
    for foreign in ["a=b", &other_cookie, &format!("{COOKIE}=AAAA"), &format!("{COOKIE}=")] {
        let answer = door.come_back(&path, foreign).await;
        door.told(&answer, 400, "stale");
        assert!(answer.cookies().is_empty(), "a sign-in on its way goes on");
    }
    for made_up in [
        "",
        "?code=1",
        "?state=",
        "?error=access_denied",
        "?code=1&state=%F0%9F%98%80",
    ] {
        let answer = door.come_back(&format!("/login/openid/back{made_up}"), &cookie).await;
        door.told(&answer, 400, "stale");
    }
    // A cookie of another company's host name is none here.
    door.site
        .admin_api("company/update", json!({"company_id": 2, "openid_provider": true}))
        .await;
    let elsewhere = door.site.get(OTHER, &path).header("cookie", &cookie).send().await;
    assert_eq!(
        (elsewhere.status.as_u16(), &elsewhere.config()["problem"]),
        (400, &json!("stale"))
    );
    assert_eq!(door.provider.inner().asked, ["description"], "nobody was asked");
    door.site.advance(601);
    let late = door.come_back(&path, &cookie).await;
    door.told(&late, 400, "stale");
}

#[tokio::test]
async fn a_sign_in_leads_to_one_session() {
    let door = Door::new().await;
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    let first = door.come_back(&path, &cookie).await;
    assert_eq!(first.status, 303);
    // The provider knows that the code was used.
    let again = door.come_back(&path, &cookie).await;
    door.told(&again, 400, "stale");
    // And if it does not, we do.
    door.provider.inner().careless = true;
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    assert_eq!(door.come_back(&path, &cookie).await.status, 303);
    let again = door.come_back(&path, &cookie).await;
    assert_eq!(
        (again.status.as_u16(), &again.config()["problem"]),
        (400, &json!("stale"))
    );
    assert_eq!(again.cookies(), [format!("{COOKIE}=")]);
    assert_eq!(account(&door.site, &first.cookies().join("; ")).await, "Ann");
}

#[tokio::test]
async fn an_answer_of_another_provider_is_not_taken_to_this_one() {
    let door = Door::new().await;
    let (location, cookie) = door.set_out("").await;
    let state = query(&location, "state");
    for more in [&[][..], &[("iss", "https://id.evil.test")], &[("iss", "")]] {
        let parameters = [&[("code", "stolen"), ("state", state.as_str())], more].concat();
        let answer = door.come_back(&back_with(&location, &parameters), &cookie).await;
        door.told(&answer, 403, "failed");
    }
    assert_eq!(door.provider.inner().asked, ["description"], "no code has left");
    // The reseller has moved to another provider while the browser was away.
    let (location, cookie) = door.set_out("").await;
    let path = door.provider.back(&location, door.token(&location, "sub-ann"));
    let other = Provider::start(&door.signer).await;
    registered(&door.site, other.registration()).await.expect("kept");
    door.site.advance(61);
    let answer = door.come_back(&path, &cookie).await;
    door.told(&answer, 400, "stale");
    assert!(other.inner().asked.is_empty());
}

#[tokio::test]
async fn whom_this_company_does_not_know_stays_out() {
    let door = Door::new().await;
    let site = &door.site;
    let eve = site.host_of(2, "Eve").await;
    site.admin_api("host/update", json!({"host_id": eve.id, "openid_sub": "sub-eve"}))
        .await;
    let gone = site.host("Gone").await;
    site.admin_api("host/update", json!({"host_id": gone.id, "openid_sub": "sub-gone"}))
        .await;
    site.admin_api("host/delete", json!({"host_id": gone.id})).await;
    // Another reseller's Mallory.
    let rival: Init = serde_json::from_value(json!({
        "reseller": {"name": "Rival", "domain": "rival.test"}, "company": {"subdomain": "first", "name": "First"},
        "admin": {"name": "Mallory", "email": "mallory@rival.test", "password": "Sup3rSecret!"},
    }))
    .expect("an event");
    let made = operator::init(&site.app, &rival).await.expect("made");
    let mallory = json!({"email": "mallory@rival.test", "password": "Sup3rSecret!"});
    let token = site.api("first.rival.test", "authenticate", mallory).await.ok()["auth_token"].clone();
    site.api(
        "first.rival.test",
        "host/update",
        json!({"auth_token": token, "host_id": made.host_id, "openid_sub": "sub-mallory"}),
    )
    .await
    .ok();
    for sub in [
        "sub-nobody",
        "sub-eve",
        "sub-gone",
        "sub-mallory",
        "SUB-ANN",
        "sub-ann ",
        "sub-ann\0",
    ] {
        let answer = door.sign_in(sub).await;
        door.told(&answer, 403, "unknown");
    }
    // Whom somebody else becomes is whom the provider names then.
    site.admin_api("host/update", json!({"host_id": door.ann.id, "openid_sub": "sub-new"}))
        .await;
    door.told(&door.sign_in("sub-ann").await, 403, "unknown");
    assert_eq!(door.sign_in("sub-new").await.status, 303);
}

#[tokio::test]
async fn a_company_that_goes_takes_nobody_in() {
    let door = Door::new().await;
    let site = &door.site;
    site.admin_api("company/update", json!({"company_id": 2, "openid_provider": true}))
        .await;
    let eve = site.host_of(2, "Eve").await;
    site.admin_api("host/update", json!({"host_id": eve.id, "openid_sub": "sub-eve"}))
        .await;
    let out = site.get(OTHER, "/login/openid").send().await;
    let (location, cookie) = (out.header("location").to_owned(), out.cookies().join("; "));
    let path = door.provider.back(&location, door.token(&location, "sub-eve"));
    site.admin_api("company/delete", json!({"company_id": 2, "force": true}))
        .await;
    for later in [0, 61] {
        site.advance(later);
        for (path, cookie) in [(path.as_str(), cookie.as_str()), ("/login/openid", "a=b")] {
            let answer = site.get(OTHER, path).header("cookie", cookie).send().await;
            let session = |cookie: &String| cookie.starts_with("__Host-convoke=");
            assert!(!answer.cookies().iter().any(session), "{path}: {:?}", answer.cookies());
        }
    }
    let answer = site
        .get(OTHER, "/login/openid")
        .header("accept", "text/html")
        .send()
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.config()["page"]),
        (404, &json!("refused"))
    );
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
async fn nobody_is_led_out_of_the_domain() {
    let door = Door::new().await;
    let long = format!("/{}", "é".repeat(1_000));
    for outside in [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "javascript:alert(1)",
        "/.//evil.test",
        &long,
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(outside.as_bytes()).collect();
        let (location, cookie) = door.set_out(&format!("?redirect_url={encoded}")).await;
        assert!(cookie.len() < 4_096);
        let path = door.provider.back(&location, door.token(&location, "sub-ann"));
        let answer = door.come_back(&path, &cookie).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/"),
            "{outside}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_is_away_or_odd_is_said_and_asked_again_later() {
    let door = Door::new().await;
    let site = &door.site;
    let set_out = async || site.get(ACME, "/login/openid").send().await;
    door.provider.inner().broken = Some(StatusCode::BAD_GATEWAY);
    door.told(&set_out().await, 503, "away");
    door.provider.inner().broken = None;
    let honest = door.provider.inner().metadata.clone();
    for (field, value, problem) in [
        ("issuer", json!("https://id.evil.test"), "failed"),
        ("issuer", json!(null), "failed"),
        ("token_endpoint", json!(7), "failed"),
        ("authorization_endpoint", json!("javascript:alert(1)"), "away"),
        (
            "authorization_endpoint",
            json!("https://me:secret@id.evil.test/"),
            "away",
        ),
    ] {
        door.provider.inner().metadata[field] = value.clone();
        let answer = set_out().await;
        let status = if problem == "away" { 503 } else { 403 };
        assert_eq!(answer.config()["problem"], problem, "{field} {value}");
        door.told(&answer, status, problem);
        door.provider.inner().metadata = honest.clone();
    }
    let (location, cookie) = door.set_out("").await;
    for (says, status, problem) in [
        ((StatusCode::INTERNAL_SERVER_ERROR, json!({})), 503, "away"),
        (
            (StatusCode::UNAUTHORIZED, json!({"error": "invalid_client"})),
            403,
            "failed",
        ),
        ((StatusCode::FOUND, json!({})), 403, "failed"),
        (
            (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"})),
            400,
            "stale",
        ),
    ] {
        door.provider.inner().says = Some(says);
        let path = door.provider.back(&location, door.token(&location, "sub-ann"));
        door.told(&door.come_back(&path, &cookie).await, status, problem);
    }
    door.provider.inner().says = None;
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
}

#[tokio::test]
async fn addresses_inside_are_not_asked_on_a_providers_word() {
    let mut door = Door::new().await;
    door.site.app.outbound = Outbound::new(Guard::Public);
    let refused = registered(&door.site, door.provider.registration())
        .await
        .expect_err("refused");
    assert!(
        refused
            .to_string()
            .contains("reseller.openid.issuer must begin with https://"),
        "{refused}"
    );
    let answer = door.site.get(ACME, "/login/openid").send().await;
    door.told(&answer, 503, "away");
    for inside in [
        "https://127.0.0.1",
        "https://169.254.169.254",
        "https://[::ffff:10.0.0.1]",
    ] {
        registered(&door.site, json!({"issuer": inside, "client_id": "c"}))
            .await
            .expect("kept");
        door.site.advance(61);
        settled().await;
        door.site.notes.take();
        let answer = door.site.get(ACME, "/login/openid").send().await;
        door.told(&answer, 503, "away");
    }
    assert!(door.provider.inner().asked.is_empty());
}

#[tokio::test]
async fn keys_are_kept_and_looked_at_again_for_a_new_one_once_in_a_minute() {
    let mut door = Door::new().await;
    let asked = |door: &Door| {
        door.provider
            .inner()
            .asked
            .iter()
            .filter(|path| **path == "keys")
            .count()
    };
    for _ in 0..3 {
        assert_eq!(door.sign_in("sub-ann").await.status, 303);
    }
    assert_eq!(asked(&door), 1);
    // The provider signs with another key from now on.
    door.signer = Signer::rsa();
    door.provider.inner().keys = vec![door.signer.jwk("k1")];
    door.told(&door.sign_in("sub-ann").await, 403, "failed");
    assert_eq!(asked(&door), 1, "not within the minute");
    door.site.advance(61);
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
    assert_eq!(asked(&door), 2);
    let header = json!({"alg": "RS256", "kid": "unheard of"});
    for _ in 0..5 {
        let (location, cookie) = door.set_out("").await;
        let claims = door.provider.claims(&location, "sub-ann", door.site.now().as_second());
        let path = door.provider.back(&location, door.signer.token(&header, &claims));
        door.told(&door.come_back(&path, &cookie).await, 403, "failed");
    }
    assert_eq!(asked(&door), 2);
    for alg in ["PS256", "RS384"] {
        let (location, cookie) = door.set_out("").await;
        let claims = door.provider.claims(&location, "sub-ann", door.site.now().as_second());
        let token = door.signer.token(&json!({"alg": alg}), &claims);
        let path = door.provider.back(&location, token);
        assert_eq!(
            door.come_back(&path, &cookie).await.status,
            303,
            "{alg}, without a key's name"
        );
    }
    door.site.advance(3_601);
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
    assert_eq!(asked(&door), 3, "an hour is enough");
}

#[tokio::test]
async fn the_secret_is_sent_as_the_provider_takes_it() {
    let door = Door::new().await;
    door.provider.inner().metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    assert_eq!(door.sign_in("sub-ann").await.status, 303);
    let dump = format!("{:?} {:?}", door.site.app, door.site.first());
    assert!(!dump.contains(SECRET));
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
async fn an_operator_names_the_provider_once_and_anew() {
    let site = Site::new().await;
    let provider = Provider::start(&Signer::es256()).await;
    let reseller = async || {
        site.app
            .store
            .reseller("1".parse().expect("an id"))
            .await
            .expect("read")
    };
    registered(&site, provider.registration()).await.expect("kept");
    let first = reseller().await;
    let sealed = first.openid_secret.clone().expect("sealed");
    assert!(!format!("{first:?}").contains(SECRET) && !sealed.as_str().contains("s3cret"));
    settled().await;
    site.notes.take();
    registered(&site, provider.registration()).await.expect("harmless");
    operator::init(&site.app, &site.first()).await.expect("harmless");
    settled().await;
    let touched = site.notes.take();
    assert!(
        touched
            .iter()
            .all(|touch| !touch.action.writes() || !touch.key.starts_with("RESELLER#")),
        "{touched:?}"
    );
    assert_eq!(reseller().await, first);
    let mut other = provider.registration();
    other["client_secret"] = "another".into();
    registered(&site, other.clone()).await.expect("kept");
    assert_ne!(reseller().await.openid_secret, first.openid_secret);
    other["client_secret"] = Value::Null;
    registered(&site, other).await.expect("kept");
    assert_eq!(reseller().await.openid_secret, None, "a public client");
    let audit = site.admin_api("audit/fetch_all", json!({})).await.to_string();
    assert!(audit.contains(&provider.issuer) && audit.contains("***"), "{audit}");
    assert!(!audit.contains("s3cret") && !audit.contains(sealed.as_str()), "{audit}");
    let wrong = [
        ("issuer", json!("no address"), "reseller.openid.issuer"),
        ("issuer", json!("https://id.example.com/?a=b"), "reseller.openid.issuer"),
        ("issuer", json!("https://id.example.com/#a"), "reseller.openid.issuer"),
        (
            "issuer",
            json!("https://me:secret@id.example.com"),
            "reseller.openid.issuer",
        ),
        ("client_id", json!(""), "reseller.openid.client_id"),
        ("client_id", json!("a\nb"), "reseller.openid.client_id"),
        ("client_secret", json!("é"), "reseller.openid.client_secret"),
    ];
    for (name, value, field) in wrong {
        let mut openid = provider.registration();
        openid[name] = value;
        match registered(&site, openid).await.expect_err("refused") {
            functions::Error::Refused(refusal) => {
                assert_eq!((refusal.code.status(), refusal.field.as_deref()), (400, Some(field)));
            }
            other => panic!("{other}"),
        }
    }
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
