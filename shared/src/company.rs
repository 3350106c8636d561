//! A company of a reseller: its name, its address below the reseller's domain, its looks and its policies.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::{Fqdn, Invalid, Phone, Subdomain};
use crate::id::{CompanyId, ResellerId, string_on_the_wire};
use crate::number;
use crate::own_domain::OwnHost;
use crate::plan::Subscription;
use crate::sealed::Sealed;
use crate::text::Name;
use crate::time::{Zone, millis, millis_option};

/// A reseller: the partner under whose domain companies live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reseller {
    /// Its id.
    pub id: ResellerId,
    /// Its name.
    pub name: Name,
    /// The domain below which its companies have their addresses.
    pub domain: Fqdn,
    /// The type of the message that a page posts when somebody leaves; the contract's own where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub leave_event_type: Option<LeaveEvent>,
    /// The OpenID Connect provider that hosts of its companies may sign in with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub openid: Option<OpenIdClient>,
    /// What Convoke proves itself by there, sealed for [`Reseller::openid_place`]. A public client has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub openid_secret: Option<Sealed>,
    /// Mails to people of its companies' meetings, and to new accounts, that go out in a day (UTC) at most; as many as there are where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub daily_mails: Option<u32>,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
}

impl Reseller {
    /// The place that the client secret at its OpenID Connect provider is sealed for.
    #[must_use]
    pub fn openid_place(id: ResellerId) -> String {
        format!("reseller/{id}/openid_secret")
    }
}

/// Convoke as a client of an OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdClient {
    /// The provider's issuer identifier, letter by letter as its tokens have it.
    pub issuer: String,
    /// What the provider calls Convoke.
    pub client_id: String,
}

/// The `type` of the message that a page posts when somebody leaves a room (contract/embedding.md §5): 1 to 64 letters,
/// digits, `.`, `_`, `:` and `-`, and none that other messages have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveEvent(String);

impl LeaveEvent {
    /// The types of all other messages of pages.
    const OTHERS: [&'static str; 7] = [
        "room",
        "dashboard",
        "livestream",
        "device",
        "conference",
        "participant",
        "widget",
    ];

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LeaveEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LeaveEvent {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if !(1..=64).contains(&text.len()) || !text.bytes().all(plain) {
            return Err(Invalid("must be 1 to 64 letters, digits, '.', '_', ':' and '-'"));
        }
        if Self::OTHERS.contains(&text) {
            return Err(Invalid("must not be the type of another message"));
        }
        Ok(Self(text.into()))
    }
}

string_on_the_wire!(LeaveEvent, {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"});

/// A company as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Whose it is.
    pub reseller: ResellerId,
    /// Its label below the reseller's domain.
    pub subdomain: Subdomain,
    /// Its whole host name.
    pub fqdn: Fqdn,
    /// Its name.
    pub name: Name,
    /// Its subscriptions to the reseller's plans.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
    /// Host names of its own, beside the one below its reseller's domain.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub own_domains: Vec<OwnHost>,
    /// Since when it is being deleted: nobody signs in or joins any more.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub deleting: Option<Timestamp>,
    /// Counts its changes.
    #[serde(default)]
    pub version: u64,
    /// When it was made.
    #[serde(with = "millis")]
    pub created: Timestamp,
    /// The pictures of its branding, as they are kept and served.
    #[serde(skip_serializing_if = "Images::is_empty", default)]
    pub images: Images,
    /// What it may change.
    #[serde(flatten)]
    pub settings: CompanySettings,
}

impl Company {
    /// The host names that it answers under: the one below its reseller's domain, then those of its own that are served.
    pub fn hosts(&self) -> impl Iterator<Item = &Fqdn> {
        let own = self.own_domains.iter().filter(|own| own.serving);
        std::iter::once(&self.fqdn).chain(own.map(|own| own.name.fqdn()))
    }
}

/// The pictures of a company's branding: what came of its `logo_url` and `icon_url` when they were set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Images {
    /// The logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<ImageName>,
    /// The icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<ImageName>,
}

impl Images {
    /// Each picture that there is, once.
    pub fn names(&self) -> impl Iterator<Item = &ImageName> {
        let icon = self.icon.as_ref().filter(|icon| self.logo.as_ref() != Some(*icon));
        self.logo.iter().chain(icon)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A picture's name: the SHA-256 of its bytes in 64 lower-case hex digits, so that what a name stands for never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName(String);

impl ImageName {
    /// The name of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes)))
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ImageName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match text.len() == 64 && text.bytes().all(digit) {
            true => Ok(Self(text.into())),
            false => Err(Invalid("must be 64 hex digits")),
        }
    }
}

string_on_the_wire!(ImageName, {"type": "string", "pattern": "^[0-9a-f]{64}$"});

/// What a company can be set to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CompanySettings {
    /// Its hosts sign in with the reseller's OpenID Connect provider.
    pub openid_provider: bool,
    /// How its pages look.
    pub branding: Branding,
    /// Origins that may frame signed-in pages and use `/auth`.
    pub embed_origins: Vec<Origin>,
    /// Who may frame a guest's room.
    pub embed_policy: EmbedPolicy,
    /// What its rooms publish, and how many people they take.
    pub media_policy: MediaPolicy,
    /// How long things are kept.
    pub retention_days: RetentionDays,
    /// Numbers to dial in; the first is the default.
    pub dialin_numbers: Vec<DialIn>,
    /// The default zone of its hosts.
    pub time_zone: Option<Zone>,
    /// The default language of its hosts.
    pub locale: Option<String>,
    /// Room controls hidden for all of the company.
    pub hidden_controls: Vec<String>,
}

/// How a company's pages look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Branding {
    /// The product's name in place of ours.
    pub product_name: Option<Name>,
    /// Where the logo is fetched from, once, when this is set to another address: a PNG, JPEG or WebP of at most 1 MiB and
    /// 4,194,304 pixels. It is drawn anew within 512 by 512 pixels, kept, and served from the company's own host name.
    #[schemars(length(max = 2048))]
    pub logo_url: Option<String>,
    /// The same for the icon, within 192 by 192 pixels.
    #[schemars(length(max = 2048))]
    pub icon_url: Option<String>,
    /// The colour of buttons and links.
    pub primary_color: Option<Color>,
    /// The colour behind everything.
    pub background_color: Option<Color>,
    /// How round corners are; `medium` where absent.
    pub radius: Option<Radius>,
    /// What texts are set in; `figtree` where absent.
    pub font: Option<Font>,
    /// Where people find help.
    pub support_url: Option<String>,
}

/// How round the corners of a company's pages are, against our own (`medium`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Radius {
    /// Square.
    None,
    /// Half as round.
    Small,
    /// As we draw them.
    Medium,
    /// Half as round again.
    Large,
}

/// What texts of a company's pages are set in. All but `system` come from our own server, and where one lacks a letter the
/// system's stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Font {
    /// Figtree.
    Figtree,
    /// Inter.
    Inter,
    /// Nunito, with round ends.
    Nunito,
    /// Source Serif.
    SourceSerif,
    /// What the visitor's system is set in.
    System,
}

/// A colour: `#rgb` or `#rrggbb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Color(String);

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Color {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = text.strip_prefix('#').unwrap_or_default();
        if matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.into()))
        } else {
            Err(Invalid("must be a colour such as #1a2b3c"))
        }
    }
}

string_on_the_wire!(Color, {"type": "string", "pattern": "^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$"});

/// A web origin as browsers write it: `https://app.example.com`, `http://localhost:3000`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin as text, without a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WHAT: Invalid = Invalid("must be an origin such as https://app.example.com");
        let text = text.strip_suffix('/').unwrap_or(text);
        let (scheme, rest) = text.split_once("://").ok_or(WHAT)?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(WHAT),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host, port.parse::<u16>().map_err(|_| WHAT)?)
            }
            Some(_) => return Err(WHAT),
            None => (rest, default_port),
        };
        let host: Fqdn = host.parse().map_err(|_| WHAT)?;
        if port == default_port {
            Ok(Self(format!("{scheme}://{host}")))
        } else {
            Ok(Self(format!("{scheme}://{host}:{port}")))
        }
    }
}

string_on_the_wire!(Origin, {"type": "string", "maxLength": 300});

/// Who may frame a guest's room and the livestream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmbedPolicy {
    /// Any page.
    #[default]
    Anyone,
    /// Pages of the company's `embed_origins`.
    Listed,
}

/// What a company's rooms publish, and how many people they take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MediaPolicy {
    /// H.264 first, so that rooms can be streamed and recorded without transcoding.
    pub h264: bool,
    /// The highest resolution sent, in lines.
    #[schemars(range(min = 180, max = 2160))]
    #[serde(deserialize_with = "number::setting")]
    pub max_resolution: u32,
    /// Most participants of a meeting at one time.
    #[schemars(range(min = 1, max = 500))]
    #[serde(deserialize_with = "number::setting")]
    pub max_participants: u32,
}

impl Default for MediaPolicy {
    fn default() -> Self {
        Self {
            h264: true,
            max_resolution: 720,
            max_participants: 100,
        }
    }
}

/// How many days things are kept; for ever where absent. A change counts for meetings that people enter from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RetentionDays {
    /// Recordings; there are none yet.
    #[serde(deserialize_with = "number::setting_or_none")]
    pub recordings: Option<u32>,
    /// Chat; it is not kept yet.
    #[serde(deserialize_with = "number::setting_or_none")]
    pub chat: Option<u32>,
    /// Who was in meetings: joins, leaves and the like.
    #[serde(deserialize_with = "number::setting_or_none")]
    pub events: Option<u32>,
}

/// A number to dial in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DialIn {
    /// The number.
    pub number: Phone,
    /// Its country, two letters.
    pub country: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_refused_or_stays_itself(text in "(https?://)?\\PC{0,40}") {
            if let Ok(origin) = text.parse::<Origin>() { prop_assert_eq!(origin.as_str().parse::<Origin>(), Ok(origin)); }
            if let Ok(color) = text.parse::<Color>() { prop_assert_eq!(color.to_string(), text); }
        }
    }

    #[test]
    fn a_leave_event_is_a_word_of_its_own() {
        for text in [
            "bye",
            "vivomeetingsLeaveCallEvent",
            "acme:room.left_1-2",
            &"x".repeat(64),
        ] {
            assert_eq!(
                text.parse::<LeaveEvent>().map(|event| event.to_string()).as_deref(),
                Ok(text)
            );
        }
        for text in [
            "",
            " ",
            "bye bye",
            "tschüss",
            "room",
            "widget",
            "a\u{0}b",
            &"x".repeat(65),
        ] {
            assert!(text.parse::<LeaveEvent>().is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let origin = |text: &str| text.parse::<Origin>().map(|origin| origin.to_string()).ok();
        assert_eq!(
            origin("HTTPS://App.Example.com:443/").as_deref(),
            Some("https://app.example.com")
        );
        assert_eq!(
            origin("http://localhost:3000").as_deref(),
            Some("http://localhost:3000")
        );
        for text in [
            "example.com",
            "ftp://a.b",
            "https://a.b/c",
            "https://a b",
            "https://*.b",
            "https://u@a.b",
            "https://",
            "https://a:",
        ] {
            assert_eq!(origin(text), None, "{text}");
        }
    }
}
