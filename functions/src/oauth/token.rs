//! `POST /oauth/token`: a client trades a code, and later each refresh token, for an access token and the next refresh
//! token. A code or refresh token that comes a second time was stolen, or its answer was: the grant ends (RFC 9700 §4.14).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::conference::later;
use domain::oauth::Scopes;
use domain::sealed::{same_secret, token_hash};
use http::Method;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use store::{Actor, OauthAccess, OauthClient, OauthGrant, OauthState, Session, Write, access_hash};

use super::client::{self, Shown};
use super::form::{Failure, Fields, Refused, StandardForm, answered};
use super::{ACCESS, ACCESS_LIFE, CODE, Named, REFRESH};
use crate::auth;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::Response;
use crate::visit::Place;

/// How often a grant that changes under it is looked at anew.
const TRIES: usize = 3;

/// `POST /oauth/token`.
#[derive(Debug)]
pub struct OauthToken;

impl Endpoint for OauthToken {
    const ID: &'static str = "oauth_token";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/oauth/token";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Trades a code or a refresh token for tokens (RFC 6749).";
    type Input = StandardForm;
    type Output = Response;

    async fn handle(context: &Context<'_>, form: StandardForm) -> Result<Response, Error> {
        answered(tokens(context, &form).await)
    }
}

/// What is traded.
enum Traded<'a> {
    Code {
        code: &'a str,
        redirect_uri: &'a str,
        verifier: Option<&'a str>,
    },
    Refresh {
        token: &'a str,
        scopes: Option<Scopes>,
    },
}

impl<'a> Traded<'a> {
    fn read(fields: &'a Fields) -> Result<Self, Refused> {
        match fields.needed("grant_type")? {
            "authorization_code" => Ok(Self::Code {
                code: fields.needed("code")?,
                redirect_uri: fields.needed("redirect_uri")?,
                verifier: fields.one("code_verifier")?,
            }),
            "refresh_token" => {
                let read = |text: &str| text.parse::<Scopes>();
                let scopes = fields.one("scope")?.map(read).transpose();
                Ok(Self::Refresh {
                    token: fields.needed("refresh_token")?,
                    scopes: scopes.map_err(|_| Refused::new("invalid_scope", "scope must be read, write, or both"))?,
                })
            }
            _ => Err(Refused::new(
                "unsupported_grant_type",
                "grant_type must be authorization_code or refresh_token",
            )),
        }
    }

    fn named(&self) -> Result<Named<'a>, Refused> {
        let named = match *self {
            Self::Code { code, .. } => Named::parse(CODE, code),
            Self::Refresh { token, .. } => Named::parse(REFRESH, token),
        };
        named.ok_or_else(unknown)
    }
}

fn unknown() -> Refused {
    Refused::grant("unknown, used, expired or revoked")
}

async fn tokens(context: &Context<'_>, form: &StandardForm) -> Result<Value, Failure> {
    let place = Place::of(context).await?;
    let fields = form.fields()?;
    let shown = Shown::read(context.request, fields)?;
    let traded = Traded::read(fields);
    let named = traded.as_ref().ok().and_then(|traded| traded.named().ok());
    let hash = named.as_ref().map(Named::hash);
    let about = named
        .as_ref()
        .zip(hash.as_deref())
        .map(|(named, hash)| (named.host, hash));
    let (client, mut state) = client::authenticate(context, place, &shown, about).await?;
    let (traded, named) = (traded?, named.ok_or_else(unknown)?);
    let store = context.store();
    for _ in 0..TRIES {
        let (grant, scopes) = match good(context, &traded, &client, state)? {
            Good::For(grant, scopes) => (grant, scopes),
            Good::UsedBefore(grant) => {
                let write = Write {
                    at: context.now,
                    by: Actor::System,
                    action: "oauth_reuse",
                    claim: None,
                };
                store.oauth_grants_end(&[grant], &write).await?;
                return Err(unknown().into());
            }
        };
        let made = Made::new(context, &named, &grant, scopes);
        let access = (made.access_hash.as_str(), &made.session);
        match store
            .oauth_issue(&grant, &token_hash(&made.refresh), access, context.now)
            .await
        {
            Ok(()) => {
                return Ok(json!({
                    "access_token": made.access,
                    "refresh_token": made.refresh,
                    "token_type": "Bearer",
                    "expires_in": ACCESS_LIFE.as_secs(),
                    "scope": scopes,
                }));
            }
            // Another request has traded the same: whichever is looked at next was used before.
            Err(store::Error::Raced) => {
                state = store
                    .oauth_state((place.reseller, place.company), &client.id, about)
                    .await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(unknown().into())
}

/// What a code or refresh token is good for.
enum Good {
    For(OauthGrant, Scopes),
    UsedBefore(OauthGrant),
}

fn good(context: &Context<'_>, traded: &Traded<'_>, client: &OauthClient, state: OauthState) -> Result<Good, Refused> {
    let OauthState {
        grant, host, company, ..
    } = state;
    let grant = grant.filter(|grant| grant.client == client.id && context.now < grant.ends);
    let grant = grant.ok_or_else(unknown)?;
    let is = |hash: &str, text: &str| same_secret(hash.as_bytes(), token_hash(text).as_bytes());
    let scopes = match *traded {
        Traded::Code {
            code,
            redirect_uri,
            verifier,
        } => {
            if !is(&grant.code_hash, code) {
                return Err(unknown());
            }
            if grant.refresh_hash.is_some() {
                return Ok(Good::UsedBefore(grant));
            }
            if grant.code_ends <= context.now {
                return Err(unknown());
            }
            if grant.redirect_uri != redirect_uri {
                return Err(Refused::grant("redirect_uri is another than the code was sent to"));
            }
            check_verifier(grant.challenge.as_deref(), verifier)?;
            grant.scopes
        }
        Traded::Refresh { token, scopes } => {
            // It has the grant's own secret, so it was one of its tokens once.
            if !grant.refresh_hash.as_ref().is_some_and(|hash| is(hash, token)) {
                return Ok(Good::UsedBefore(grant));
            }
            let scopes = scopes.unwrap_or(grant.scopes);
            if !scopes.within(grant.scopes) {
                return Err(Refused::new("invalid_scope", "scope is more than was granted"));
            }
            scopes
        }
    };
    let stands = host.is_some_and(|host| host.admits(grant.role, grant.created))
        && company.is_some_and(|company| company.deleting.is_none());
    match stands {
        true => Ok(Good::For(grant, scopes)),
        false => Err(unknown()),
    }
}

/// PKCE (RFC 7636 §4.6): what began with a challenge ends with its verifier, and what began without has none (RFC 9700 §4.8.2).
fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), Refused> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(Refused::grant("code_verifier is missing")),
        (None, Some(_)) => Err(Refused::grant("the code was asked for without a code_challenge")),
        (Some(challenge), Some(verifier)) => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
            let right = (43..=128).contains(&verifier.len())
                && verifier.bytes().all(plain)
                && same_secret(
                    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())).as_bytes(),
                    challenge.as_bytes(),
                );
            match right {
                true => Ok(()),
                false => Err(Refused::grant("code_verifier is not that of the code_challenge")),
            }
        }
    }
}

/// New tokens.
struct Made {
    access: String,
    access_hash: String,
    refresh: String,
    session: Session,
}

impl Made {
    fn new(context: &Context<'_>, named: &Named<'_>, grant: &OauthGrant, scopes: Scopes) -> Self {
        let app = context.app;
        let access = format!("{ACCESS}{}", auth::token(app));
        Self {
            access_hash: access_hash(&access),
            access,
            refresh: named.made(app, REFRESH),
            session: Session {
                reseller: grant.reseller,
                company: grant.company,
                host: grant.host,
                role: grant.role,
                after_call_url: None,
                remote_logout_url: None,
                api_token: None,
                oauth: Some(OauthAccess {
                    grant: grant.hash.clone(),
                    client: grant.client.clone(),
                    scopes,
                }),
                ends: later(context.now, ACCESS_LIFE),
                created: context.now,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn a_verifier_is_checked_by_the_rfcs_own_example() {
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(check_verifier(challenge, Some(verifier)), Ok(()));
        for (challenge, verifier) in [
            (challenge, None),
            (None, Some(verifier)),
            (challenge, Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")),
            (challenge, Some("short")),
        ] {
            let refused = check_verifier(challenge, verifier).expect_err("refused");
            assert_eq!(refused.error, "invalid_grant");
        }
    }
}
