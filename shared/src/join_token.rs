//! The join token: what lets one participant into one room at any relay. Signed by the control plane (ES256), read by
//! relays; the `video` grant is the open one that stock clients and tools know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{CompanyId, ContactId, ParticipantNumber, RoomName};
use crate::jws::TokenError;
use crate::room::{MuteMode, RoomRole};

/// The issuer of the tokens that the control plane signs.
pub const ISSUER: &str = "convoke";
/// How long after its issue a token may be used for the first time, in seconds.
pub const FIRST_USE_SECONDS: i64 = 600;
/// How far two machines' clocks may differ, in seconds.
pub const LEEWAY_SECONDS: i64 = 10;

/// The claims of a join token. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    /// `convoke`; for a classic API key its name.
    pub iss: String,
    /// The participant's identity, `p17`; with a classic API key any text.
    pub sub: String,
    /// The participant's name as shown.
    #[serde(default)]
    pub name: String,
    /// Names the session: a second use replaces the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jti: Option<String>,
    /// When it was issued.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub iat: Option<i64>,
    /// Not valid before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nbf: Option<i64>,
    /// Not valid from here on: the meeting's hard stop.
    pub exp: i64,
    /// A session must begin before this; later uses belong to a session that has begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_use_by: Option<i64>,
    /// The open grant.
    pub video: VideoGrant,
    /// Shown to the other participants.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub attributes: BTreeMap<String, String>,
    /// Shown to the other participants.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub metadata: Option<String>,
    /// What only our own tokens say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub convoke: Option<ConvokeGrant>,
}

/// The open video grant, as stock clients know it. A right that is absent is given, as there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VideoGrant {
    /// The room, for our tokens a [`RoomName`].
    pub room: String,
    /// May join it.
    pub room_join: bool,
    /// May publish tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// May subscribe to tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// May send data messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// The only sources that may be published: `camera`, `microphone`, `screen_share`, `screen_share_audio`; none: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub can_publish_sources: Vec<String>,
    /// May change its own name, metadata and attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    /// Leads the room.
    pub room_admin: bool,
    /// Not shown to others.
    pub hidden: bool,
}

/// What only our own tokens say: the facts that a relay needs before it has asked the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvokeGrant {
    /// The participant's number in the conference.
    pub participant: ParticipantNumber,
    /// Which of the host's contacts it is, where that is known: webhooks name it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<ContactId>,
    /// What it may do in the room.
    pub role: RoomRole,
    /// No camera, no tile for others.
    #[serde(default)]
    pub observer: bool,
    /// Whose meeting it is.
    pub company: CompanyId,
    /// Most participants at one time.
    pub max_participants: u32,
    /// Who is heard.
    pub mute_mode: MuteMode,
    /// Whether the room publishes H.264.
    pub h264: bool,
    /// When the room closes for good.
    pub hard_stop: i64,
}

/// What a join token of ours is made of.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The room.
    pub room: RoomName,
    /// The name as shown.
    pub name: String,
    /// New for a new session; a rejoin keeps its own.
    pub jti: String,
    /// Now, in Unix seconds.
    pub issued_at: i64,
    /// The rest.
    pub grant: ConvokeGrant,
}

impl JoinToken {
    /// The claims for one admitted participant.
    pub fn new(admission: Admission) -> Self {
        let Admission {
            room,
            name,
            jti,
            issued_at,
            grant,
        } = admission;
        let moderator = grant.role == RoomRole::Moderator;
        let mut attributes = BTreeMap::from([(
            "role".to_owned(),
            if moderator { "moderator" } else { "guest" }.to_owned(),
        )]);
        if grant.observer {
            attributes.insert("observer".to_owned(), "true".to_owned());
        }
        Self {
            iss: ISSUER.into(),
            sub: grant.participant.identity(),
            name,
            jti: Some(jti),
            iat: Some(issued_at),
            nbf: Some(issued_at),
            exp: grant.hard_stop,
            first_use_by: Some(issued_at + FIRST_USE_SECONDS),
            video: VideoGrant {
                room: room.to_string(),
                room_join: true,
                can_publish: Some(true),
                can_subscribe: Some(true),
                can_publish_data: Some(true),
                can_publish_sources: Vec::new(),
                can_update_own_metadata: Some(true),
                room_admin: moderator,
                hidden: false,
            },
            attributes,
            metadata: None,
            convoke: Some(grant),
        }
    }

    /// Whether the token is valid now (Unix seconds), for a session that has begun or for a new one.
    pub fn check_time(&self, now: i64, session_has_begun: bool) -> Result<(), TokenError> {
        let too_early = self.nbf.is_some_and(|nbf| now.saturating_add(LEEWAY_SECONDS) < nbf);
        let too_late = now >= self.exp.saturating_add(LEEWAY_SECONDS);
        let first_use_missed = !session_has_begun
            && self
                .first_use_by
                .is_some_and(|by| now >= by.saturating_add(LEEWAY_SECONDS));
        if too_early || too_late || first_use_missed {
            Err(TokenError::Time)
        } else {
            Ok(())
        }
    }

    /// The room, where it is one of ours.
    pub fn room(&self) -> Option<RoomName> {
        self.video.room.parse().ok()
    }

    /// What the participant may do in the room.
    pub fn role(&self) -> RoomRole {
        match &self.convoke {
            Some(grant) => grant.role,
            None if self.video.room_admin => RoomRole::Moderator,
            None => RoomRole::Guest,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn token(role: RoomRole, observer: bool) -> JoinToken {
        JoinToken::new(Admission {
            room: "1/183/1790000000".parse().expect("a room"),
            name: "Ann".into(),
            jti: "j".into(),
            issued_at: 1_000,
            grant: ConvokeGrant {
                participant: ParticipantNumber::new(17).expect("a number"),
                contact: observer.then(|| ContactId::new(11).expect("an id")),
                role,
                observer,
                company: CompanyId::new(5).expect("an id"),
                max_participants: 100,
                mute_mode: MuteMode::Conversation,
                h264: true,
                hard_stop: 90_000,
            },
        })
    }

    #[test]
    fn the_claims_are_these() {
        assert_eq!(
            serde_json::to_value(token(RoomRole::Moderator, true)).expect("json"),
            json!({
                "iss": "convoke", "sub": "p17", "name": "Ann", "jti": "j", "iat": 1000, "nbf": 1000, "exp": 90000,
                "first_use_by": 1600,
                "video": {"room": "1/183/1790000000", "roomJoin": true, "canPublish": true, "canSubscribe": true,
                    "canPublishData": true, "canUpdateOwnMetadata": true, "roomAdmin": true, "hidden": false},
                "attributes": {"role": "moderator", "observer": "true"},
                "convoke": {"participant": 17, "contact": 11, "role": "moderator", "observer": true, "company": 5,
                    "max_participants": 100, "mute_mode": "conversation", "h264": true, "hard_stop": 90000}
            })
        );
    }

    #[test]
    fn first_use_has_ten_minutes_and_the_session_until_the_hard_stop() {
        let token = token(RoomRole::Guest, false);
        assert_eq!(token.check_time(980, false), Err(TokenError::Time));
        assert_eq!(token.check_time(1_500, false), Ok(()));
        assert_eq!(token.check_time(1_700, false), Err(TokenError::Time));
        assert_eq!(token.check_time(1_700, true), Ok(()));
        assert_eq!(token.check_time(90_100, true), Err(TokenError::Time));
    }

    #[test]
    fn a_classic_token_reads_too() {
        let claims =
            json!({"iss": "key", "sub": "bot", "exp": 9, "video": {"room": "any", "roomJoin": true, "agent": true}});
        let token: JoinToken = serde_json::from_value(claims).expect("claims");
        assert_eq!(
            (token.role(), token.room(), token.video.can_publish),
            (RoomRole::Guest, None, None)
        );
    }

    proptest! {
        #[test]
        fn claims_survive_json(moderator: bool, observer: bool) {
            let token = token(if moderator { RoomRole::Moderator } else { RoomRole::Guest }, observer);
            let json = serde_json::to_string(&token).expect("json");
            prop_assert_eq!(serde_json::from_str::<JoinToken>(&json).expect("own json"), token);
        }
    }
}
