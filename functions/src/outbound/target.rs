//! An address that a tenant gave, as far as its text alone says whether it is used.

use std::net::IpAddr;

use http::header::HeaderValue;
use url::{Host, Url};

use super::{Guard, OutboundError};

/// The longest that is taken.
const LONGEST: usize = 2_048;
/// Beside the port of https the one that servers use who cannot have that. Any other could be a service that is not meant
/// for the web, and whoever may name any finds out which ports are open.
const PORTS: [u16; 2] = [443, 8_443];

/// What somebody gives a URL of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// A company's logo.
    Logo,
    /// A company's icon.
    Icon,
    /// The server that hears of events.
    Webhook,
    /// An OpenID provider.
    Issuer,
}

impl Given {
    /// What one that is no URL is told to be.
    const fn example(self) -> &'static str {
        match self {
            Self::Logo => "must be a URL such as https://www.example.com/logo.png",
            Self::Icon => "must be a URL such as https://www.example.com/icon.png",
            Self::Webhook => "must be a URL such as https://www.example.com/webhook",
            Self::Issuer => "must be a URL such as https://login.example.com",
        }
    }
}

/// An address that requests may go to, if the host's own addresses are found to be harmless.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) is_tls: bool,
    pub(super) host: Host<String>,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

/// Paths and queries may carry what is secret.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({}:{})", self.host, self.port)
    }
}

impl Target {
    /// The host's name or address.
    #[must_use]
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// Reads a URL that somebody gives, to be kept as it is: the parser would leave out line breaks and tabs, and write spaces
    /// otherwise.
    pub(super) fn given(text: &str, guard: Guard, kind: Given) -> Result<Self, OutboundError> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(OutboundError::Url("must not hold spaces, tabs or line breaks"));
        }
        match Url::parse(text) {
            Ok(_) => Self::parse(text, guard),
            Err(_) => Err(OutboundError::Url(kind.example())),
        }
    }

    /// Reads one that is kept.
    pub(super) fn parse(text: &str, guard: Guard) -> Result<Self, OutboundError> {
        use OutboundError::Url as Refused;
        if text.len() > LONGEST {
            return Err(Refused("must have at most 2048 characters"));
        }
        let url = Url::parse(text).map_err(|_| Refused("must be a URL"))?;
        let is_tls = match (url.scheme(), guard) {
            ("https", _) => true,
            ("http", Guard::Loopback) => false,
            (_, Guard::Loopback) => return Err(Refused("must begin with https:// or http://")),
            _ => return Err(Refused("must begin with https://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused("must not hold a user name or password"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if guard == Guard::Public && !PORTS.contains(&port) {
            return Err(Refused("must have port 443 or 8443"));
        }
        let host = url.host().ok_or(Refused("must name a host"))?.to_owned();
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self {
            is_tls,
            host,
            port,
            path,
        })
    }

    /// The address, where the host is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some((*address).into()),
            Host::Ipv6(address) => Some((*address).into()),
        }
    }

    /// The `Host` header.
    pub(super) fn authority(&self) -> Result<HeaderValue, OutboundError> {
        let own_port = if self.is_tls { 443 } else { 80 };
        let authority = match self.port == own_port {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        };
        HeaderValue::try_from(authority).map_err(|_| OutboundError::Url("must name a host"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, guard: Guard) -> Option<&'static str> {
        match Target::parse(text, guard) {
            Err(OutboundError::Url(why)) => Some(why),
            _ => None,
        }
    }

    #[test]
    fn a_tenants_url_is_https_without_secrets_at_a_port_of_the_web() {
        for text in [
            "https://a.example/x?y=z",
            "https://a.example:443/",
            "https://a.example:8443",
            "HTTPS://A.example",
        ] {
            assert_eq!(refused(text, Guard::Public), None, "{text}");
        }
        for text in [
            "",
            "a.example",
            "/logo.png",
            "http://a.example/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
            "https://",
            "https://user@a.example/",
            "https://user:word@a.example/",
            "https://a.example:22/",
            "https://a.example:80/",
            "https://a.example:0/",
            "https://a.example:8080/",
            &format!("https://a.example/{}", "x".repeat(2_048)),
        ] {
            assert!(refused(text, Guard::Public).is_some(), "{text}");
        }
        for (kind, example) in [
            (Given::Logo, "/logo.png"),
            (Given::Icon, "/icon.png"),
            (Given::Webhook, "/webhook"),
            (Given::Issuer, "login.example.com"),
        ] {
            let given = |text| Target::given(text, Guard::Public, kind).err();
            assert_eq!(given("https://a.example/x?y=z%20z"), None);
            let Some(OutboundError::Url(why)) = given("a.example") else {
                panic!("taken")
            };
            assert!(why.ends_with(example), "{why}");
            for text in [
                "https://a.example/x ",
                " https://a.example/x",
                "https://a.example/x y",
                "https://a.example/\r\nx",
                "https://a.example/x\n",
                "ht\ttps://a.example/",
                "https://a.example/?x=\u{85}",
                "https://a.example/\u{3000}",
                "https://a.example/\u{0}",
            ] {
                assert_eq!(
                    given(text),
                    Some(OutboundError::Url("must not hold spaces, tabs or line breaks")),
                    "{text:?}"
                );
            }
        }
        assert_eq!(refused("http://localhost:3000/", Guard::Loopback), None);
        assert!(refused("gopher://localhost/", Guard::Loopback).is_some());
    }

    #[test]
    fn an_address_is_seen_through_every_way_to_write_it() {
        for text in [
            "https://127.0.0.1",
            "https://127.1",
            "https://2130706433",
            "https://0x7f.0.0.1",
            "https://0177.0.0.1",
            "https://127.0.0.1.",
            "https://%31%32%37.0.0.1",
            "https://１２７.0.0.1",
        ] {
            let target = Target::parse(text, Guard::Public).expect("a URL");
            assert_eq!(target.address(), Some([127, 0, 0, 1].into()), "{text}");
        }
    }
}
