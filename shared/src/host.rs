//! An account that can hold meetings, and its address book.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::{AccessCode, Email, Phone};
use crate::id::{CompanyId, ContactId, HostId, ResellerId};
use crate::media::AutoMedia;
use crate::plan::Subscription;
use crate::role::Role;
use crate::room::MuteMode;
use crate::sealed::Sealed;
use crate::text::Name;
use crate::time::{Zone, millis, millis_option};

/// A host as it is kept. Secrets are sealed or hashed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// Whose reseller.
    pub reseller: ResellerId,
    /// Whose company.
    pub company: CompanyId,
    /// Its name.
    pub name: Name,
    /// Its mail address, unique in the reseller.
    pub email: Email,
    /// What it may do.
    pub role: Role,
    /// Its password as PHC string (argon2id); none until one is set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password_hash: Option<String>,
    /// The token of the link that sets a password.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password_link: Option<PasswordLink>,
    /// The token of the link that whoever forgot the password was mailed; the other one stays good beside it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reset_link: Option<PasswordLink>,
    /// Its subject at the reseller's OpenID Connect provider.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub openid_sub: Option<String>,
    /// Its own room number.
    pub access_code: AccessCode,
    /// The PIN that makes a moderator, sealed.
    pub moderator_pin: Sealed,
    /// Its SSO token (`login_token_public_key`), sealed.
    pub sso_token: Sealed,
    /// [`crate::sealed::token_hash`] of its SSO token, to compare with.
    pub sso_token_hash: String,
    /// The number to dial in that its invitations name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub primary_dialin_number: Option<Phone>,
    /// For text messages.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<Phone>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time_zone: Option<Zone>,
    /// Its language.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub locale: Option<String>,
    /// What new meetings are set to.
    #[serde(default)]
    pub defaults: MeetingDefaults,
    /// Its own entry in its address book.
    pub own_contact: ContactId,
    /// Its own instances of its company's subscriptions.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
    /// Sessions made until then are over.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub signed_out: Option<Timestamp>,
    /// Since when it is being deleted: it is nobody's to see any more.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub deleting: Option<Timestamp>,
    /// Counts its changes.
    #[serde(default)]
    pub version: u64,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

impl Host {
    /// The links that set its password.
    pub fn password_links(&self) -> impl Iterator<Item = &PasswordLink> {
        self.password_link.iter().chain(&self.reset_link)
    }

    /// Whether a session of this role, made at this time, is still its own.
    pub fn admits(&self, role: Role, session_made: Timestamp) -> bool {
        let since = self.signed_out.is_none_or(|until| until < session_made);
        self.deleting.is_none() && role <= self.role && since
    }

    /// Its own entry in its address book.
    pub fn contact(&self) -> Contact {
        Contact {
            id: self.own_contact,
            host: self.id,
            name: Some(self.name.clone()),
            email: self.email.clone(),
            phone: self.phone.clone(),
            created: self.created,
        }
    }
}

/// The token of the link that sets a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordLink {
    /// [`crate::sealed::token_hash`] of the token.
    pub hash: String,
    /// Not valid from here on.
    #[serde(with = "millis")]
    pub expires: Timestamp,
}

/// What of a meeting is done by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Automatic {
    /// What is recorded.
    pub record: AutoMedia,
    /// What is streamed.
    pub stream: AutoMedia,
    /// Whether recordings are transcribed.
    pub transcribe: bool,
}

/// What a host's new meetings are set to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MeetingDefaults {
    /// What is done by itself.
    pub auto: Automatic,
    /// A code of their own.
    pub one_time_access_code: bool,
    /// `room_url` holds the code sealed.
    pub secure_url: bool,
    /// Recording starts already when the host joins.
    pub host_initiated_recording: bool,
    /// Who is heard.
    pub mute_mode: MuteMode,
    /// Guests wait until a moderator lets them in.
    pub waiting_room: bool,
    /// The livestream's preview.
    pub stream_preview: Option<StreamPreview>,
}

/// The livestream's preview.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StreamPreview {
    /// Its length in seconds.
    pub duration: Option<u32>,
    /// How often it is made, in seconds.
    pub interval: Option<u32>,
    /// Whether it is a picture.
    pub image_preview: Option<bool>,
}

/// An entry of a host's address book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Whose address book.
    pub host: HostId,
    /// The person's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Name>,
    /// The person's mail address, unique in the address book.
    pub email: Email,
    /// The person's phone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<Phone>,
    /// When it was entered.
    #[serde(with = "millis")]
    pub created: Timestamp,
}
