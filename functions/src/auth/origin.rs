//! Which pages may start a sign-in here: those of the company itself and of its `embed_origins` (embedding.md §2).

use domain::code::Fqdn;
use url::{Origin, Url};

use crate::app::Config;
use crate::request::Request;

/// Where a request came from, as far as its browser says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A page of this origin.
    Page(Origin),
    /// Something that hides its origin: a sandboxed frame, a page without referrer, garbage.
    Opaque,
    /// Neither `Origin` nor `Referer` was sent.
    Unsaid,
}

impl Source {
    /// What `Origin` says, else what `Referer` says.
    pub(super) fn of(request: &Request) -> Self {
        match (request.header("origin"), request.header("referer")) {
            (None, None) => Self::Unsaid,
            (Some(origin), _) => Self::read(origin),
            (None, Some(referer)) => Self::read(referer),
        }
    }

    /// Whether this is a page of this host name of ours. A laptop serves the same host name on two ports, one of them
    /// with a certificate: there the name alone decides.
    pub(super) fn is_own(&self, config: &Config, host: &Fqdn) -> bool {
        let Self::Page(Origin::Tuple(_, url::Host::Domain(name), _)) = self else {
            return false;
        };
        let own = config.origin(host.as_str());
        self.is_one_of([own.as_str()]) || (config.scheme == "http" && name == host.as_str())
    }

    /// The page's origin as browsers write it.
    pub(super) fn origin(&self) -> Option<String> {
        match self {
            Self::Page(origin) => Some(origin.ascii_serialization()),
            Self::Opaque | Self::Unsaid => None,
        }
    }

    fn read(text: &str) -> Self {
        match Url::parse(text).map(|url| url.origin()) {
            Ok(origin) if origin.is_tuple() => Self::Page(origin),
            _ => Self::Opaque,
        }
    }

    /// Whether this is a page of one of these origins, each written `scheme://host[:port]`.
    pub(super) fn is_one_of<'a>(&self, origins: impl IntoIterator<Item = &'a str>) -> bool {
        let Self::Page(origin) = self else { return false };
        origins
            .into_iter()
            .any(|known| Url::parse(known).is_ok_and(|known| known.origin() == *origin))
    }
}

/// How a browser shows what a request loads, by `Sec-Fetch-Dest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// A page in a frame of another.
    Frame,
    /// A page of its own, or a script's request.
    Own,
}

impl Destination {
    /// Reads it. A browser that does not say is taken at the contract's word: a GET of `/auth` is an iframe's `src`, a
    /// POST comes from a page's form.
    pub(super) fn of(request: &Request, unsaid: Self) -> Self {
        match request.header("sec-fetch-dest") {
            Some("iframe" | "frame" | "embed" | "object" | "fencedframe") => Self::Frame,
            Some(_) => Self::Own,
            None => unsaid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(source: &str) -> bool {
        Source::read(source).is_one_of(["https://acme.example.com", "http://127.0.0.1:9000"])
    }

    #[test]
    fn on_a_laptop_both_ports_are_its_own() {
        let host = "acme.demo.localhost".parse().expect("a name");
        let laptop = Config {
            scheme: "http".into(),
            port: Some(8080),
            ..Config::default()
        };
        for own in ["http://acme.demo.localhost:8080", "https://acme.demo.localhost:8443"] {
            assert!(Source::read(own).is_own(&laptop, &host), "{own}");
        }
        assert!(!Source::read("http://demo.localhost:8080").is_own(&laptop, &host));
        assert!(!Source::read("http://acme.demo.localhost").is_own(&Config::default(), &host));
        assert!(Source::read("https://acme.demo.localhost").is_own(&Config::default(), &host));
    }

    #[test]
    fn origins_are_compared_whole() {
        for own in [
            "https://acme.example.com",
            "https://ACME.example.com:443/page?x",
            "http://127.0.0.1:9000/",
        ] {
            assert!(listed(own), "{own}");
        }
        for other in [
            "null",
            "",
            "http://acme.example.com",
            "https://acme.example.com:8443",
            "https://acme.example.com.evil.example",
            "https://evil.example/https://acme.example.com",
            "https://acme.example.com@evil.example",
            "http://127.0.0.1",
            "file:///acme.example.com",
            "data:text/html,x",
            "https://xacme.example.com",
        ] {
            assert!(!listed(other), "{other}");
        }
        assert!(!Source::Unsaid.is_one_of(["https://acme.example.com"]));
    }
}
