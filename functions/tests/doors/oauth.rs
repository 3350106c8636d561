//! OAuth: what a person is asked, what a client gets for a code and for a refresh token, and how far its tokens reach.

mod asking;
mod reach;
mod trading;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::Url;

use crate::site::{ACME, Answer, Site};

const OWN: &str = "https://acme.demo.test";
const BACK: &str = "https://app.test/back?tenant=7";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A client and the browser of somebody whom it asks.
pub(crate) struct App<'a> {
    pub(crate) site: &'a Site,
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) cookie: String,
}

pub(crate) async fn signed_in(site: &Site, email: &str, password: &str) -> String {
    let call = site.post(ACME, "/login").header("origin", OWN);
    let answer = call.json(&json!({"email": email, "password": password})).send().await;
    answer.cookies().join("; ")
}

pub(crate) async fn admin(site: &Site) -> String {
    signed_in(site, "admin@partner.test", "Sup3rSecret!").await
}

pub(crate) async fn page_post(site: &Site, cookie: &str, path: &str, body: Value) -> Answer {
    let call = site.post(ACME, path).header("origin", OWN).header("cookie", cookie);
    call.json(&body).send().await
}

pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

fn query(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()))
        .finish()
}

/// A parameter of the address that a browser is sent to.
pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    let url = Url::parse(address).expect("an address");
    url.query_pairs()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

impl<'a> App<'a> {
    /// An app with a secret, and the admin who is asked.
    pub(crate) async fn new(site: &'a Site) -> Self {
        Self::registered(site, false).await
    }

    pub(crate) async fn registered(site: &'a Site, public: bool) -> Self {
        let cookie = admin(site).await;
        let uris = match public {
            true => json!(["http://127.0.0.1/back"]),
            false => json!([BACK]),
        };
        let asked = json!({"name": "Workflow", "redirect_uris": uris, "public": public});
        let made = page_post(site, &cookie, "/admin/oauth", asked).await.ok();
        Self {
            site,
            id: made["client_id"].as_str().expect("an id").to_owned(),
            secret: made["client_secret"].as_str().map(str::to_owned),
            cookie,
        }
    }

    /// What it asks, as the query of the page; these fields win.
    pub(crate) fn request(&self, fields: &[(&str, &str)]) -> String {
        let usual = [
            ("client_id", self.id.as_str()),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", "read write"),
            ("state", "s 1"),
        ];
        let usual = usual
            .iter()
            .filter(|(name, _)| !fields.iter().any(|(known, _)| known == name));
        query(&usual.chain(fields).copied().collect::<Vec<_>>())
    }

    pub(crate) async fn page(&self, request: &str) -> Answer {
        let call = self.site.get(ACME, &format!("/oauth/authorize?{request}"));
        call.header("cookie", &self.cookie).send().await
    }

    /// The address that the person is sent to who answers.
    pub(crate) async fn answered(&self, request: &str, allow: bool) -> String {
        let body = json!({"request": request, "allow": allow});
        let answer = page_post(self.site, &self.cookie, "/oauth/authorize", body).await.ok();
        answer["redirect_url"].as_str().expect("an address").to_owned()
    }

    pub(crate) async fn code(&self, fields: &[(&str, &str)]) -> String {
        let to = self.answered(&self.request(fields), true).await;
        parameter(&to, "code").unwrap_or_else(|| panic!("no code: {to}"))
    }

    /// A request of its server, which authenticates by Basic where it has a secret.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let call = self.site.post(ACME, path);
        match &self.secret {
            Some(secret) => {
                let basic = STANDARD.encode(format!("{}:{secret}", self.id));
                let call = call.header("authorization", &format!("Basic {basic}"));
                call.form(fields).send().await
            }
            None => {
                let own = [("client_id", self.id.as_str())];
                call.form(&[fields, &own].concat()).send().await
            }
        }
    }

    pub(crate) async fn trade(&self, code: &str) -> Answer {
        self.trade_with(code, &[]).await
    }

    pub(crate) async fn trade_with(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
        ];
        let usual = usual
            .iter()
            .filter(|(name, _)| !more.iter().any(|(known, _)| known == name));
        let fields: Vec<_> = usual.chain(more).copied().collect();
        self.send("/oauth/token", &fields).await
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", text(token))];
        self.send("/oauth/token", &fields).await
    }

    /// Tokens of these scopes.
    pub(crate) async fn tokens(&self, scope: &str) -> Value {
        self.trade(&self.code(&[("scope", scope)]).await).await.ok()
    }

    /// A method of the API by an access token.
    pub(crate) async fn call(&self, token: &Value, method: &str, body: Value) -> Answer {
        let call = self.site.post(ACME, &format!("/enterprise_api/{method}"));
        let call = call.header("authorization", &format!("Bearer {}", text(token)));
        call.json(&body).send().await
    }

    pub(crate) async fn works(&self, tokens: &Value) -> bool {
        let answer = self
            .call(&tokens["access_token"], "host/fetch", json!({"host_id": 1}))
            .await;
        match answer.status.as_u16() {
            200 => true,
            401 => {
                assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
                false
            }
            _ => panic!("{}", answer.text),
        }
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Status and error of a refusal in the words of RFC 6749.
#[track_caller]
pub(crate) fn refused(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("cache-control"), "no-store");
    let json = answer.json();
    assert!(json["error_description"].is_string(), "{json}");
    (answer.status.as_u16(), text(&json["error"]).to_owned())
}
