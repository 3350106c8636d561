//! Who may frame a page (embedding.md §1), as a `Content-Security-Policy`.

use std::fmt::Write as _;

/// Who may frame a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    /// A guest's room and the livestream of a company without restriction: every web page.
    Anyone,
    /// The tenant itself and these origins.
    Listed(Vec<String>),
    /// Pages that ask for credentials or consent.
    Nobody,
}

/// Whom a page connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The tenant's own host name.
    Own,
    /// Relays too, which have host names of their own.
    Relays,
    /// The same without encryption, on a laptop served over http.
    PlainRelays,
}

impl Framing {
    /// The `frame-ancestors` directive. Listed values that are not plain origins are left out: a `;` or a space in
    /// one could otherwise add a directive.
    pub fn directive(&self) -> String {
        match self {
            Self::Anyone => "frame-ancestors *".into(),
            Self::Nobody => "frame-ancestors 'none'".into(),
            Self::Listed(origins) => {
                let mut directive = String::from("frame-ancestors 'self'");
                for origin in origins.iter().filter(|origin| is_source(origin)) {
                    let _ = write!(directive, " {origin}");
                }
                directive
            }
        }
    }

    /// The whole policy of a page of the web client: its own hashed files, and connections as far as it reaches.
    pub fn policy(&self, reach: Reach) -> String {
        let reach = match reach {
            Reach::Own => "",
            Reach::Relays => " https: wss:",
            Reach::PlainRelays => " https: wss: http: ws:",
        };
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
             media-src 'self' blob: mediastream:; worker-src 'self' blob:; connect-src 'self'{reach}; \
             manifest-src 'self'; base-uri 'none'; form-action 'self'; {}",
            self.directive()
        )
    }
}

/// Whether a text is `scheme://host[:port]`, the host possibly `*.` something, in the characters that such have.
fn is_source(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'*' | b'[' | b']'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_says_what_it_means() {
        assert_eq!(Framing::Anyone.directive(), "frame-ancestors *");
        assert_eq!(Framing::Nobody.directive(), "frame-ancestors 'none'");
        let listed = Framing::Listed(vec!["https://a.example".into(), "http://127.0.0.1:9000".into()]);
        assert_eq!(
            listed.directive(),
            "frame-ancestors 'self' https://a.example http://127.0.0.1:9000"
        );
    }

    #[test]
    fn a_hostile_origin_adds_no_directive() {
        let hostile = [
            "https://a; script-src *",
            "https://a b",
            "javascript:x",
            "*",
            "https://",
            "https://a\r\nX: y",
        ];
        let listed = Framing::Listed(hostile.map(String::from).to_vec());
        assert_eq!(listed.directive(), "frame-ancestors 'self'");
        assert_eq!(listed.policy(Reach::Relays).matches("script-src").count(), 1);
    }
}
