//! Where a client may send people back to (RFC 9700 §2.1): compared as texts, but for the port of a program's own on the
//! person's machine, which it gets anew each time (RFC 8252 §7.3).

use url::{Host, Url};

/// The longest one, in bytes.
const LONGEST: usize = 1_000;

/// Whether a client may register this one.
///
/// # Errors
///
/// Why not; continues a sentence that begins with the field's name.
pub(super) fn check(text: &str, public: bool) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "must be web addresses")?;
    if text.len() > LONGEST || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '*') {
        return Err("must be plain addresses of at most 1000 bytes");
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("must have neither a fragment nor a name and password");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if public && is_loopback(&url) => Ok(()),
        "http" if is_loopback(&url) => Err("of a client with a secret must be https"),
        _ => Err("must be https, or http on 127.0.0.1, [::1] or localhost"),
    }
}

/// Whether what a request shows is what was registered.
pub(super) fn fits(registered: &str, shown: &str) -> bool {
    if registered == shown {
        return true;
    }
    let (Ok(mut own), Ok(mut other)) = (Url::parse(registered), Url::parse(shown)) else {
        return false;
    };
    let native = |url: &Url| url.scheme() == "http" && is_loopback(url) && url.fragment().is_none();
    // What the parser would put right was not registered.
    let plain = check(shown, true).is_ok() && other.as_str() == shown;
    plain
        && native(&own)
        && native(&other)
        && own.set_port(None).is_ok()
        && other.set_port(None).is_ok()
        && own == other
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_for_all_and_the_own_machine_for_programs() {
        for fine in ["https://app.test/back", "https://app.test/back?a=b"] {
            assert_eq!(check(fine, false), Ok(()), "{fine}");
        }
        for native in ["http://127.0.0.1/back", "http://[::1]:9000/", "http://localhost/x"] {
            assert_eq!(check(native, true), Ok(()), "{native}");
            assert!(check(native, false).is_err(), "{native}");
        }
        for wrong in [
            "",
            "/back",
            "app:/back",
            "javascript:alert(1)",
            "http://app.test/back",
            "http://127.0.0.2/",
            "http://localhost.app.test/",
            "https://app.test/#x",
            "https://app.test/*",
            "https://a:b@app.test/",
            "https://app.test/a b",
        ] {
            assert!(check(wrong, true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_compared_as_texts_but_for_the_port_of_a_program() {
        assert!(fits("https://app.test/back", "https://app.test/back"));
        for other in [
            "https://app.test/back/",
            "https://app.test/back?x",
            "https://app.test:443/back",
            "https://APP.test/back",
            "https://app.test/back#x",
            "http://app.test/back",
            "https://app.test/a/../back",
            "https://app.test.evil.test/back",
        ] {
            assert!(!fits("https://app.test/back", other), "{other}");
        }
        assert!(fits("http://127.0.0.1/back", "http://127.0.0.1:5123/back"));
        assert!(fits("http://[::1]:1/back", "http://[::1]:2/back"));
        for other in [
            "http://127.0.0.1:5123/other",
            "http://localhost:5123/back",
            "http://evil@127.0.0.1:5123/back",
            "https://127.0.0.1:5123/back",
            "http://127.0.0.1:5123/x/../back",
            "http://127.0.0.1:5123/back#x",
        ] {
            assert!(!fits("http://127.0.0.1/back", other), "{other}");
        }
    }
}
