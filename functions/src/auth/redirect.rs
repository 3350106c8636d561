//! Where a sign-in leads: a path, query and fragment of the tenant's own domain, and nothing else.

use url::Url;

/// The longest `redirect_url` taken, in bytes.
const LONGEST: usize = 2_048;

/// What the published SDK asks for when its user names no page; it leads to `/` (embedding.md §1).
const SDK_DEFAULT: &str = "/page_to_see";

/// A place on the tenant's own domain. Constructed values begin with exactly one `/`, so a browser never
/// reads a host out of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect(Url);

impl Redirect {
    /// Reads a `redirect_url` parameter (embedding.md §2). `None` for anything that is not a plain path, query
    /// and fragment: other schemes and hosts, protocol-relative addresses in all their spellings, control
    /// characters, backslashes.
    ///
    /// ```
    /// use functions::auth::Redirect;
    /// assert_eq!(Redirect::parse("/conf/call/1?x=2#pin=3").map(|to| to.to_string()).as_deref(), Some("/conf/call/1?x=2#pin=3"));
    /// assert!(Redirect::parse("//evil.example/").is_none());
    /// assert!(Redirect::parse("/.//evil.example/").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST || !text.starts_with('/') {
            return None;
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return None;
        }
        let base = Url::parse("https://tenant.invalid/").ok()?;
        let url = base.join(text).ok()?;
        let same = url.origin() == base.origin() && url.username().is_empty() && url.password().is_none();
        // Dot segments are resolved by now: what is left must not open with two slashes.
        if !same || url.path().starts_with("//") {
            return None;
        }
        Some(if url.path() == SDK_DEFAULT {
            Self(base)
        } else {
            Self(url)
        })
    }

    /// The tenant's first page.
    pub fn home() -> Self {
        Self(Url::parse("https://tenant.invalid/").expect("a constant"))
    }

    /// Adds a one-time handoff to the fragment, after what is there already: fragments never reach a server or
    /// a referrer. `parent` is the origin of the page that frames this one, where its browser told: not every browser
    /// tells the framed page itself.
    pub fn with_handoff(mut self, handoff: &str, parent: Option<&str>) -> Self {
        let mut fragment = match self.0.fragment().filter(|fragment| !fragment.is_empty()) {
            Some(fragment) => format!("{fragment}&handoff={handoff}"),
            None => format!("handoff={handoff}"),
        };
        if let Some(parent) = parent {
            fragment.push_str("&parent=");
            fragment.extend(url::form_urlencoded::byte_serialize(parent.as_bytes()));
        }
        self.0.set_fragment(Some(&fragment));
        self
    }

    /// Tells a room page where its browser goes after the call, unless the address says so already. Other pages
    /// have no use for it.
    pub fn with_after_call(mut self, target: &Onward) -> Self {
        let told = self.0.query_pairs().any(|(name, _)| name == "after_call_url");
        if !told && self.0.path().starts_with("/conf/call/") {
            self.0.query_pairs_mut().append_pair("after_call_url", &target.0);
        }
        self
    }
}

impl std::fmt::Display for Redirect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0[url::Position::BeforePath..])
    }
}

/// Where a browser goes when we are done with it, after a call or a sign-out: a full http(s) address, or a path of the
/// tenant's domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onward(String);

impl Onward {
    /// Reads an `after_call_url` or `remote_logout_url` parameter. `None` for any other scheme (`javascript:` among them), and for
    /// addresses that carry a name or password.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = Redirect::parse(text) {
            return Some(Self(path.to_string()));
        }
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        plain.then(|| Self(url.into()))
    }

    /// The address or path.
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        Redirect::parse(text).map(|to| to.to_string())
    }

    #[test]
    fn own_pages_are_taken_as_they_are() {
        for text in [
            "/",
            "/conf/call/1234567",
            "/conf/call/1?name=A%20B&skip_join",
            "/a#b=c",
            "/a?next=https://x.example/",
        ] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
        assert_eq!(read("/page_to_see").as_deref(), Some("/"));
    }

    #[test]
    fn every_way_out_of_the_domain_is_refused() {
        for text in [
            "",
            "conf/call/1",
            "https://evil.example/",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "javascript:alert(1)",
            "/\0",
            " //evil.example",
            "?x",
            "#x",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read(&format!("/{}", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn a_handoff_joins_what_the_fragment_has() {
        let with = |text| Redirect::parse(text).map(|to| to.with_handoff("h1", None).to_string());
        assert_eq!(with("/a").as_deref(), Some("/a#handoff=h1"));
        assert_eq!(with("/a?b#").as_deref(), Some("/a?b#handoff=h1"));
        assert_eq!(with("/a#pin=12").as_deref(), Some("/a#pin=12&handoff=h1"));
        let told = Redirect::parse("/a").map(|to| to.with_handoff("h1", Some("http://127.0.0.1:9000")).to_string());
        assert_eq!(
            told.as_deref(),
            Some("/a#handoff=h1&parent=http%3A%2F%2F127.0.0.1%3A9000")
        );
    }

    #[test]
    fn after_call_is_http_or_a_path_and_reaches_rooms_only() {
        assert!(Onward::parse("javascript:alert(1)").is_none());
        assert!(Onward::parse("//evil.example").is_none());
        assert!(Onward::parse("https://user:pw@x.example/").is_none());
        let after = Onward::parse("https://en.example/wiki?a=b").expect("a web address");
        let lead = |text| {
            Redirect::parse(text)
                .expect("a path")
                .with_after_call(&after)
                .to_string()
        };
        assert_eq!(
            lead("/conf/call/1#p"),
            "/conf/call/1?after_call_url=https%3A%2F%2Fen.example%2Fwiki%3Fa%3Db#p"
        );
        assert_eq!(lead("/conf/call/1?after_call_url=x"), "/conf/call/1?after_call_url=x");
        assert_eq!(lead("/conf/calls"), "/conf/calls");
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_stays_on_the_domain(text in "[/\\\\.%a-z0-9:?#@\t ]{0,24}|\\PC{0,24}") {
            let base = Url::parse("https://acme.example:8443/auth").expect("a constant");
            if let Some(to) = Redirect::parse(&text) {
                let to = to.with_handoff("x", Some(&text)).to_string();
                let landed = base.join(&to).expect("what we redirect to is an address");
                prop_assert_eq!(landed.origin(), base.origin());
                prop_assert!(!to.starts_with("//") && !to.contains(['\r', '\n', '\\']));
            }
        }
    }
}
