//! What an app asks of a person: the request of `/oauth/authorize`, checked before anybody is asked. As long as client and
//! redirect URI are not known to belong together, nobody is sent anywhere.

use domain::oauth::Scopes;
use store::OauthClient;
use url::Url;

use super::form::{Fields, Refused};
use super::redirect_uri;

/// The longest `state`, in bytes.
const LONGEST_STATE: usize = 1_024;

/// Why nothing is asked.
#[derive(Debug)]
pub(super) enum Wrong {
    /// The person is told; the app is not to be trusted with it.
    Told(&'static str),
    /// The app is told.
    Back(Back, Refused),
}

/// Where the app is told what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Back {
    /// The redirect URI as it was shown.
    pub(super) uri: String,
    state: Option<String>,
}

impl Back {
    /// The address with the answer, which names its issuer (RFC 9207).
    pub(super) fn with(&self, answer: &[(&str, &str)], issuer: &str) -> String {
        let mut url = Url::parse(&self.uri).expect("a redirect URI that was compared is an address");
        let mut query = url.query_pairs_mut();
        query.extend_pairs(answer);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer);
        drop(query);
        url.into()
    }

    /// The address with a refusal.
    pub(super) fn refused(&self, refused: &Refused, issuer: &str) -> String {
        let answer = [
            ("error", refused.error),
            ("error_description", refused.description.as_str()),
        ];
        self.with(&answer, issuer)
    }
}

/// A request that may be asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) back: Back,
    pub(super) scopes: Scopes,
    /// The PKCE challenge, of S256.
    pub(super) challenge: Option<String>,
}

/// The client that a request names.
pub(super) fn client_id(fields: &Fields) -> Option<&str> {
    fields.one("client_id").ok().flatten()
}

/// Checks a request against the client that it names.
pub(super) fn check(fields: &Fields, client: Option<&OauthClient>) -> Result<Asked, Wrong> {
    let client = client.ok_or(Wrong::Told("No such app is registered here"))?;
    let uri = fields.one("redirect_uri").ok().flatten();
    let uri = uri.ok_or(Wrong::Told("The app did not say where you go back to"))?;
    if !client.redirect_uris.iter().any(|known| redirect_uri::fits(known, uri)) {
        return Err(Wrong::Told(
            "The app wants you to go back to an address that is not its own",
        ));
    }
    let state = fields.one("state").ok().flatten();
    let back = Back {
        uri: uri.to_owned(),
        state: state.filter(|state| state.len() <= LONGEST_STATE).map(str::to_owned),
    };
    match rest(fields, client) {
        Ok((scopes, challenge)) => Ok(Asked {
            back,
            scopes,
            challenge,
        }),
        Err(refused) => Err(Wrong::Back(back, refused)),
    }
}

fn rest(fields: &Fields, client: &OauthClient) -> Result<(Scopes, Option<String>), Refused> {
    if fields.one("state")?.is_some_and(|state| state.len() > LONGEST_STATE) {
        return Err(Refused::request("state must be at most 1024 bytes"));
    }
    if fields.needed("response_type")? != "code" {
        return Err(Refused::new("unsupported_response_type", "response_type must be code"));
    }
    // RFC 9101 and OpenID Connect: what a request object says would be passed over.
    if fields.one("request")?.is_some() || fields.one("request_uri")?.is_some() {
        return Err(Refused::new("request_not_supported", "request objects are not read"));
    }
    if !matches!(fields.one("response_mode")?, None | Some("query")) {
        return Err(Refused::request("response_mode must be query"));
    }
    let scopes = match fields.one("scope")? {
        Some(text) => text
            .parse()
            .map_err(|_| Refused::new("invalid_scope", "scope must be read, write, or both"))?,
        None => Scopes::READ,
    };
    let challenge = fields.one("code_challenge")?;
    let method = fields.one("code_challenge_method")?;
    match (challenge, method) {
        (Some(challenge), Some("S256")) if is_challenge(challenge) => Ok((scopes, Some(challenge.to_owned()))),
        (Some(_), Some("S256")) => Err(Refused::request("code_challenge must be of S256: 43 characters")),
        // Without a method it would be plain.
        (Some(_), _) | (None, Some(_)) => Err(Refused::request(
            "code_challenge must come with code_challenge_method S256",
        )),
        (None, None) if client.secret_hash.is_none() => {
            Err(Refused::request("a client without a secret must send a code_challenge"))
        }
        (None, None) => Ok((scopes, None)),
    }
}

fn is_challenge(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
