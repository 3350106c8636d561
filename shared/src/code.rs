//! What people type or what names them: access codes, PINs, subdomains, domains, mail addresses, phone numbers. A value
//! that exists is valid.

use std::fmt;
use std::str::FromStr;

use crate::given::{Kept, read};
use crate::id::string_on_the_wire;

/// Why a text is none of the kind asked for; continues a sentence that begins with the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub(crate) &'static str);

/// The code that a person dials or types to find a meeting: 7 to 9 digits, the first not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessCode(u32);

impl AccessCode {
    /// The code of this number.
    pub const fn new(number: u32) -> Option<Self> {
        if number >= 1_000_000 && number <= 999_999_999 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number itself.
    pub const fn value(self) -> u32 {
        self.0
    }

    /// A one-time code, 9 digits, out of random bytes.
    pub fn one_time(random: [u8; 8]) -> Self {
        Self::in_range(random, 100_000_000, 900_000_000)
    }

    /// A code for a host that names none, 7 digits, out of random bytes.
    pub fn of_host(random: [u8; 8]) -> Self {
        Self::in_range(random, 1_000_000, 9_000_000)
    }

    fn in_range(random: [u8; 8], first: u32, count: u32) -> Self {
        let offset = u64::from_be_bytes(random) % u64::from(count);
        Self(first + u32::try_from(offset).expect("below a u32"))
    }
}

impl fmt::Display for AccessCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AccessCode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WHAT: Invalid = Invalid("must be 7 to 9 digits, the first not 0");
        if !(7..=9).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WHAT);
        }
        text.parse().ok().and_then(Self::new).ok_or(WHAT)
    }
}

string_on_the_wire!(AccessCode, {"type": "string", "pattern": "^[1-9][0-9]{6,8}$"});

/// A PIN: 4 to 10 digits. Shown by `Display`, hidden by `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pin(String);

impl Pin {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A PIN of 6 digits out of random bytes.
    pub fn random(random: [u8; 8]) -> Self {
        Self(format!("{:06}", u64::from_be_bytes(random) % 1_000_000))
    }

    /// Whether the digits typed are this PIN's, in a time that tells nothing.
    pub fn matches(&self, typed: &str) -> bool {
        crate::sealed::same_secret(self.0.as_bytes(), typed.as_bytes())
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(***)")
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pin {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if (4..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(Invalid("must be 4 to 10 digits"))
        }
    }
}

string_on_the_wire!(Pin, {"type": "string", "pattern": "^[0-9]{4,10}$"});

/// A company's label below its reseller's domain: a DNS label in lower case that is not reserved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subdomain(String);

/// Labels that no company can have.
const RESERVED: [&str; 16] = [
    "www",
    "api",
    "admin",
    "app",
    "mail",
    "relay",
    "autodiscover",
    "smtp",
    "imap",
    "ftp",
    "ns",
    "static",
    "assets",
    "cdn",
    "status",
    "localhost",
];

impl Subdomain {
    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subdomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Subdomain {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let label = text.to_ascii_lowercase();
        if !is_dns_label(&label) {
            return Err(Invalid(
                "must be 1 to 63 letters, digits and hyphens, with no hyphen at either end",
            ));
        }
        if RESERVED.contains(&label.as_str()) || label.starts_with("xn--") {
            return Err(Invalid("is reserved"));
        }
        Ok(Self(label))
    }
}

string_on_the_wire!(Subdomain, {"type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"});

fn is_dns_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A host name in lower case without port, such as a company's `acme.example.com` or a reseller's `example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fqdn(String);

impl Fqdn {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a company below this domain; `None` when it is longer than the DNS allows.
    pub fn below(&self, subdomain: &Subdomain) -> Option<Self> {
        format!("{subdomain}.{self}").parse().ok()
    }

    /// The name in a `Host` header: its port is left out.
    pub fn from_host_header(host: &str) -> Result<Self, Invalid> {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        name.parse()
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Fqdn {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() > 253 {
            return Err(Invalid("must be a host name"));
        }
        let name = text.to_ascii_lowercase();
        if name.split('.').all(is_dns_label) {
            Ok(Self(name))
        } else {
            Err(Invalid("must be a host name"))
        }
    }
}

string_on_the_wire!(Fqdn, {"type": "string", "maxLength": 253});

/// A mail address, with the form that is compared: case-folded. A domain with other letters than those of ASCII is kept as its
/// A-label (IDNA, RFC 5891), so that however it is written it is one address, which every mail server takes.
///
/// ```
/// use domain::code::Email;
///
/// let email: Email = "Ann@bücher.example".parse()?;
/// assert_eq!(email.as_str(), "Ann@xn--bcher-kva.example");
/// assert_eq!(email.folded(), "Ann@XN--Bcher-KVA.Example".parse::<Email>()?.folded());
/// # Ok::<(), domain::code::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// The address as it was written, but for a domain that is kept as its A-label.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is compared and that must be unique.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no mail address.
const NO_ADDRESS: Invalid = Invalid("must be a mail address");
/// The longest address, in characters.
const LONGEST_ADDRESS: usize = 254;

impl FromStr for Email {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_ascii() {
            return Self::kept(text);
        }
        if text.chars().count() > LONGEST_ADDRESS {
            return Err(NO_ADDRESS);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(NO_ADDRESS)?;
        if !local.is_ascii() {
            return Err(Invalid("must have ASCII characters alone before the @"));
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| NO_ADDRESS)?;
        Self::kept(&format!("{local}@{domain}"))
    }
}

impl Kept for Email {
    /// Takes any letters on both sides of the `@`, as they were written.
    fn kept(text: &str) -> Result<Self, Invalid> {
        let (local, domain) = text.rsplit_once('@').ok_or(NO_ADDRESS)?;
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"()<>[],;:\\\"@".contains(c);
        let dotted = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        let named = domain.to_lowercase().split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
        let sized = !local.is_empty() && local.len() <= 64 && text.len() <= LONGEST_ADDRESS;
        if sized && local.chars().all(plain) && dotted && named {
            Ok(Self(text.into()))
        } else {
            Err(NO_ADDRESS)
        }
    }
}

string_on_the_wire!(Email, {"type": "string", "format": "email", "maxLength": 254}, read);

/// A telephone number in the form of E.164: `+` and 7 to 15 digits, the first not 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl Phone {
    /// The number with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Phone {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WHAT: Invalid = Invalid("must be a phone number such as +15551234567");
        let digits = text.strip_prefix('+').ok_or(WHAT)?;
        let plain = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plain && !digits.starts_with('0') {
            Ok(Self(text.into()))
        } else {
            Err(WHAT)
        }
    }
}

string_on_the_wire!(Phone, {"type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$"});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_refused_or_kept(text in "\\PC{0,80}") {
            if let Ok(code) = text.parse::<AccessCode>() { prop_assert_eq!(code.to_string(), text.clone()); }
            if let Ok(pin) = text.parse::<Pin>() { prop_assert_eq!(pin.to_string(), text.clone()); }
            if let Ok(phone) = text.parse::<Phone>() { prop_assert_eq!(phone.to_string(), text.clone()); }
            if let Ok(email) = text.parse::<Email>() {
                prop_assert!(email.as_str().is_ascii() && (!text.is_ascii() || email.as_str() == text), "{}", email);
                prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email.clone()));
                prop_assert!(Email::kept(email.as_str()).is_ok());
            }
            if let Ok(name) = text.parse::<Fqdn>() { prop_assert_eq!(name.to_string(), text.to_ascii_lowercase()); }
            if let Ok(label) = text.parse::<Subdomain>() { prop_assert_eq!(label.to_string(), text.to_ascii_lowercase()); }
            let _ = Fqdn::from_host_header(&text);
        }

        #[test]
        fn generated_codes_have_their_form(random: [u8; 8]) {
            prop_assert_eq!(AccessCode::one_time(random).to_string().len(), 9);
            prop_assert_eq!(AccessCode::of_host(random).to_string().len(), 7);
            let code = AccessCode::of_host(random);
            prop_assert_eq!(code.to_string().parse::<AccessCode>(), Ok(code));
            prop_assert!(Pin::random(random).to_string().parse::<Pin>().is_ok());
        }

        #[test]
        fn addresses_of_an_ordinary_kind_are_taken(local in "[a-z0-9+_-]{1,20}(\\.[a-z0-9]{1,9})?", domain in "[a-z0-9]{1,20}(\\.[a-z]{2,9}){0,2}") {
            let text = format!("{local}@{domain}");
            prop_assert!(text.parse::<Email>().is_ok(), "{}", text);
        }
    }

    proptest! {
        #[test]
        fn addresses_of_any_domain_are_ascii_and_one_however_written(local in "[a-z]{1,9}", domain in "[a-zäöüßéñçøł你好日本ابج]{1,12}(\\.[a-zé]{2,9}){0,2}") {
            if let Ok(email) = format!("{local}@{domain}").parse::<Email>() {
                prop_assert!(email.as_str().is_ascii(), "{}", email);
                prop_assert_eq!(email.as_str().parse(), Ok(email));
            }
        }
    }

    #[test]
    fn an_address_is_the_same_by_either_spelling_of_its_domain() {
        for (written, label) in [
            ("a@ü.example", "a@xn--tda.example"),
            ("a@Ü.example", "a@xn--tda.example"),
            ("a@u\u{308}.example", "a@xn--tda.example"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
            ("A@straße.example", "A@xn--strae-oqa.example"),
            ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
            ("a@ｅxample。com", "a@example.com"),
        ] {
            let email: Email = written.parse().expect(written);
            assert_eq!(email.as_str(), label, "{written}");
            assert_eq!(label.parse(), Ok(email), "{written}");
        }
    }

    #[test]
    fn an_address_that_mail_servers_do_not_take_is_refused_but_read_where_it_is_kept() {
        let why = "ü@g.example".parse::<Email>().expect_err("no mail server takes it");
        assert_eq!(why.to_string(), "must have ASCII characters alone before the @");
        for text in [
            "a@\u{202e}b.example",
            "a@ü_b.example",
            "a@-ü.example",
            "a@＠b.example",
            "a＠b.example",
            "a@é..example",
        ] {
            assert!(text.parse::<Email>().is_err(), "{text}");
        }
        let long = format!("a@{}.example", "ü".repeat(64));
        assert!(long.parse::<Email>().is_err());
        assert!("ü".repeat(1_000_000).parse::<Email>().is_err());
        for text in ["ü@g.example", "a@ü.example"] {
            let kept: Email = serde_json::from_value(text.into()).expect(text);
            assert_eq!(
                kept.as_str(),
                text,
                "its entries in the table stand under these letters"
            );
        }
    }

    #[test]
    fn what_must_be_refused_is_refused() {
        for code in ["0123456", "123456", "1234567890", "12 4567", "+1234567", ""] {
            assert!(code.parse::<AccessCode>().is_err(), "{code}");
        }
        for label in ["www", "API", "xn--abc", "_dmarc", "-a", "a-", "", "a.b", "ä"] {
            assert!(label.parse::<Subdomain>().is_err(), "{label}");
        }
        for email in [
            "a", "@b", "a@", "a b@c.d", "a@b@c", "a@-b.c", ".a@b.c", "a..b@c.d", "a@b..c", "<a>@b.c", "a\n@b.c",
        ] {
            assert!(email.parse::<Email>().is_err(), "{email}");
        }
    }

    #[test]
    fn a_host_header_loses_its_port_and_its_case() {
        let name = Fqdn::from_host_header("Acme.Demo.localhost:8080").expect("a host");
        assert_eq!(name.as_str(), "acme.demo.localhost");
        assert!(Fqdn::from_host_header("[::1]:80").is_err());
        assert!(Fqdn::from_host_header("a..b").is_err());
    }

    #[test]
    fn a_pin_hides_in_debug_and_compares() {
        let pin: Pin = "4711".parse().expect("a pin");
        assert_eq!(format!("{pin:?}"), "Pin(***)");
        assert!(pin.matches("4711") && !pin.matches("4712") && !pin.matches("471"));
    }
}
