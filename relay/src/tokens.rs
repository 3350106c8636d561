//! Join tokens: who signed them, and what they open.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use domain::{
    Reason,
    join_token::{ISSUER, JoinToken},
    jws::{KeySet, SharedSecret, TokenError, claimed_issuer},
    room::RoomRole,
};
use http::{HeaderMap, header};
use relay_core::room::{Grants, RoomKey, Ticket};
use serde::Deserialize;
use thiserror::Error;

/// Longest name of a room of an API key, and of an identity, in bytes.
const LONGEST_NAME: usize = 256;

/// What the `Authorization` header of a request has of this scheme, whose case does not matter (RFC 9110 §11.1); `None` for
/// nothing.
pub(crate) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    Some(rest.trim()).filter(|rest| given.eq_ignore_ascii_case(scheme) && !rest.is_empty())
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    /// Nobody brought one.
    #[error("no access token")]
    Missing,
    /// It is not believed.
    #[error("access token {0}")]
    Token(#[from] TokenError),
    /// The meeting's time is over.
    #[error("expired")]
    Expired,
    /// It does not allow to join a room.
    #[error("access token does not allow to join")]
    NoJoin,
    /// The control plane's keys are not known yet.
    #[error("unavailable")]
    Unavailable,
}

impl Refused {
    /// The word for people who know the meeting; absent for a bad token.
    pub(crate) const fn reason(self) -> Option<Reason> {
        match self {
            Self::Expired => Some(Reason::Expired),
            Self::Missing | Self::Token(_) | Self::NoJoin | Self::Unavailable => None,
        }
    }
}

/// The claims of a token for the server API; it need not name anybody.
#[derive(Debug, Deserialize)]
struct ServiceToken {
    exp: i64,
    nbf: Option<i64>,
    #[serde(default)]
    video: ServiceGrant,
}

/// What a token for the server API allows.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceGrant {
    /// The room that `room_admin` is about.
    pub(crate) room: String,
    pub(crate) room_admin: bool,
    pub(crate) room_create: bool,
    pub(crate) room_list: bool,
}

/// Believes tokens of the control plane, and of classic API keys where they are switched on.
#[derive(Debug)]
pub(crate) struct Tokens {
    keys: RwLock<KeySet>,
    secrets: HashMap<String, SharedSecret>,
}

impl Tokens {
    pub(crate) fn new(keys: KeySet, secrets: HashMap<String, SharedSecret>) -> Self {
        Self {
            keys: RwLock::new(keys),
            secrets,
        }
    }

    /// The control plane told its keys.
    pub(crate) fn learn(&self, keys: KeySet) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Claims of something the control plane signed.
    pub(crate) fn verify<T: serde::de::DeserializeOwned>(&self, token: &str) -> Result<T, TokenError> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).verify(token)
    }

    /// What the holder of a classic API key may do to its rooms at Unix second `now`.
    pub(crate) fn service(&self, token: &str, now: i64) -> Result<ServiceGrant, Refused> {
        let issuer = claimed_issuer(token).ok_or(TokenError::Malformed)?;
        let secret = self.secrets.get(&issuer).ok_or(TokenError::UnknownKey)?;
        let claims: ServiceToken = secret.verify(token)?;
        let leeway = domain::join_token::LEEWAY_SECONDS;
        if now >= claims.exp.saturating_add(leeway) || claims.nbf.is_some_and(|nbf| now.saturating_add(leeway) < nbf) {
            return Err(TokenError::Time.into());
        }
        Ok(claims.video)
    }

    /// What a join token opens at Unix second `now`.
    pub(crate) fn ticket(&self, token: &str, now: i64) -> Result<Ticket, Refused> {
        let issuer = claimed_issuer(token).ok_or(TokenError::Malformed)?;
        let (claims, room): (JoinToken, RoomKey) = if let Some(secret) = self.secrets.get(&issuer) {
            let claims: JoinToken = secret.verify(token)?;
            let room = RoomKey::Named(claims.video.room.clone());
            // A classic key cannot make itself a participant of a meeting.
            (
                JoinToken {
                    convoke: None,
                    first_use_by: None,
                    ..claims
                },
                room,
            )
        } else {
            if self.keys.read().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return Err(Refused::Unavailable);
            }
            let claims: JoinToken = self.verify(token)?;
            let room = claims
                .room()
                .filter(|_| claims.iss == ISSUER && claims.convoke.is_some())
                .ok_or(TokenError::Claims)?;
            (claims, RoomKey::Meeting(room))
        };
        if now >= claims.exp.saturating_add(domain::join_token::LEEWAY_SECONDS) {
            return Err(if claims.convoke.is_some() {
                Refused::Expired
            } else {
                TokenError::Time.into()
            });
        }
        // Whether the session has begun is known to its room.
        claims.check_time(now, true)?;
        let named = |text: &str| !text.is_empty() && text.len() <= LONGEST_NAME;
        if !claims.video.room_join || !named(&claims.video.room) || !named(&claims.sub) {
            return Err(Refused::NoJoin);
        }
        Ok(ticket(claims, room, token))
    }
}

fn ticket(claims: JoinToken, room: RoomKey, token: &str) -> Ticket {
    let moderator = claims.role() == RoomRole::Moderator;
    let JoinToken {
        sub: identity,
        name,
        jti,
        iat: issued,
        first_use_by,
        exp: expires,
        video,
        attributes,
        metadata,
        convoke,
        ..
    } = claims;
    Ticket {
        room,
        name,
        jti: jti.unwrap_or_else(|| identity.clone()),
        identity,
        token: Arc::from(token),
        issued,
        first_use_by,
        expires,
        number: convoke.as_ref().map(|grant| grant.participant),
        contact: convoke.as_ref().and_then(|grant| grant.contact),
        moderator,
        grants: Grants {
            subscribe: video.can_subscribe.unwrap_or(true),
            publish: video.can_publish.unwrap_or(true),
            publish_data: video.can_publish_data.unwrap_or(video.can_publish.unwrap_or(true)),
            update_metadata: video.can_update_own_metadata.unwrap_or(false),
            hidden: video.hidden,
            sources: video.can_publish_sources,
        },
        attributes,
        metadata: metadata.unwrap_or_default(),
        h264: convoke.as_ref().is_some_and(|grant| grant.h264),
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        id::{CompanyId, ParticipantNumber},
        join_token::{Admission, ConvokeGrant},
        jws::SigningKey,
        room::MuteMode,
    };
    use serde_json::json;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_pkcs8(&SigningKey::generate()).expect("a fresh key")
    }

    fn tokens(key: &SigningKey) -> Tokens {
        let keys = [key.verifying_key().clone()].into_iter().collect();
        Tokens::new(
            keys,
            HashMap::from([("devkey".to_owned(), SharedSecret::new(b"secret"))]),
        )
    }

    fn join_token() -> JoinToken {
        JoinToken::new(Admission {
            room: "1/183/1790000000".parse().expect("a room"),
            name: "Ann".into(),
            jti: "j".into(),
            issued_at: 1_000,
            grant: ConvokeGrant {
                participant: ParticipantNumber::new(17).expect("a number"),
                contact: None,
                role: RoomRole::Moderator,
                observer: false,
                company: CompanyId::new(5).expect("an id"),
                max_participants: 100,
                mute_mode: MuteMode::Conversation,
                h264: true,
                hard_stop: 90_000,
            },
        })
    }

    #[test]
    fn credentials_are_of_a_scheme_in_any_case() {
        let read = |value: &'static str, scheme| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, http::HeaderValue::from_static(value))]);
            credentials(&headers, scheme).map(str::to_owned)
        };
        for value in ["Bearer a.b", "bearer a.b", "BEARER  a.b "] {
            assert_eq!(read(value, "Bearer").as_deref(), Some("a.b"), "{value}");
            assert_eq!(read(value, "Command"), None, "{value}");
        }
        assert_eq!(read("Command c", "Command").as_deref(), Some("c"));
        for value in ["Bearer", "Bearer ", "Bearera.b", ""] {
            assert_eq!(read(value, "Bearer"), None, "{value}");
        }
        assert_eq!(credentials(&HeaderMap::new(), "Bearer"), None);
    }

    #[test]
    fn a_token_of_the_control_plane_opens_its_meeting() {
        let key = key();
        let ticket = tokens(&key).ticket(&key.sign(&join_token()), 1_100).expect("valid");
        assert_eq!(ticket.room.to_string(), "1/183/1790000000");
        assert_eq!(
            (
                ticket.identity.as_str(),
                ticket.number.map(ParticipantNumber::value),
                ticket.moderator
            ),
            ("p17", Some(17), true)
        );
    }

    #[test]
    fn forged_foreign_and_late_tokens_open_nothing() {
        let own = key();
        let tokens = tokens(&own);
        let good = own.sign(&join_token());
        assert_eq!(
            tokens.ticket(&key().sign(&join_token()), 1_100).err(),
            Some(Refused::Token(TokenError::UnknownKey))
        );
        assert_eq!(tokens.ticket(&good, 90_100).err(), Some(Refused::Expired));
        let cut = &good[..good.len() - 4];
        assert!(tokens.ticket(cut, 1_100).is_err());
        assert!(tokens.ticket("", 1_100).is_err() && tokens.ticket("a.b.c", 1_100).is_err());
        // Signed by an API key, a meeting's claims open a room of that key, never the meeting.
        let forged = SharedSecret::new(b"secret").sign(&JoinToken {
            iss: "devkey".into(),
            ..join_token()
        });
        let ticket = tokens.ticket(&forged, 1_100).expect("a classic token");
        assert_eq!(
            (ticket.room, ticket.number),
            (RoomKey::Named("1/183/1790000000".into()), None)
        );
    }

    #[test]
    fn a_classic_token_needs_the_grant() {
        let tokens = tokens(&key());
        let sign = |video: serde_json::Value| {
            SharedSecret::new(b"secret").sign(&json!({"iss": "devkey", "sub": "bot", "exp": 9_000, "video": video}))
        };
        assert!(
            tokens
                .ticket(&sign(json!({"room": "any", "roomJoin": true})), 1_000)
                .is_ok()
        );
        assert_eq!(
            tokens.ticket(&sign(json!({"room": "any"})), 1_000).err(),
            Some(Refused::NoJoin)
        );
        assert_eq!(
            tokens
                .ticket(&sign(json!({"room": "any", "roomJoin": true})), 10_000)
                .err(),
            Some(Refused::Token(TokenError::Time))
        );
    }
}
