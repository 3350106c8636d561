//! The cookies of a sign-in.

use domain::id::HostId;
use http::HeaderValue;

use crate::app::App;
use crate::request::Request;

/// How long a remembered session's cookies are kept, in seconds: sessions end after 7 days anyway.
const REMEMBERED_SECONDS: u32 = 7 * 24 * 3_600;

/// The names and attributes of cookies, which differ on a laptop served over http: no `__Host-` there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cookies {
    /// Served over https.
    pub(super) secure: bool,
}

impl Cookies {
    /// As this installation sets them.
    pub(super) fn of(app: &App) -> Self {
        Self {
            secure: app.config.scheme == "https",
        }
    }

    fn session(self) -> &'static str {
        if self.secure { "__Host-convoke" } else { "convoke" }
    }

    fn framed(self) -> &'static str {
        if self.secure {
            "__Host-convoke-frame"
        } else {
            "convoke-frame"
        }
    }

    fn account(self) -> &'static str {
        if self.secure {
            "__Host-convoke-account"
        } else {
            "convoke-account"
        }
    }

    /// The session that a request's cookies carry: the frame's own before the browser's.
    pub(super) fn session_of(self, request: &Request) -> Option<&str> {
        request.cookie(self.framed()).or_else(|| request.cookie(self.session()))
    }

    /// The account that this browser last signed in with. Form posts of other sites carry this cookie and not the
    /// session's own, which is what lets a sign-in notice that it would replace somebody.
    pub(super) fn account_of(self, request: &Request) -> Option<HostId> {
        request.cookie(self.account())?.parse().ok()
    }

    /// The cookies of a browser's own session.
    pub(super) fn browser(self, session: &str, host: HostId, remember: bool) -> [HeaderValue; 2] {
        let age = if remember {
            format!("; Max-Age={REMEMBERED_SECONDS}")
        } else {
            String::new()
        };
        let (secure, across) = if self.secure { ("; Secure", "None") } else { ("", "Lax") };
        [
            value(format!(
                "{}={session}; Path=/{secure}; HttpOnly; SameSite=Lax{age}",
                self.session()
            )),
            // Names an account and opens nothing.
            value(format!(
                "{}={host}; Path=/{secure}; HttpOnly; SameSite={across}{age}",
                self.account()
            )),
        ]
    }

    /// The cookie of a session inside another site's frame: apart from the browser's own, gone with the browser. A
    /// comfort: the page works by its handoff where browsers drop this.
    pub(super) fn frame(self, session: &str) -> HeaderValue {
        value(format!(
            "{}={session}; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
            self.framed()
        ))
    }

    /// Takes all of them back.
    pub(super) fn none(self) -> [HeaderValue; 3] {
        let secure = if self.secure { "; Secure" } else { "" };
        let gone = |name: &str, attributes: &str| value(format!("{name}=; Path=/; HttpOnly{attributes}; Max-Age=0"));
        [
            gone(self.session(), secure),
            gone(self.account(), secure),
            gone(self.framed(), "; Secure; SameSite=None; Partitioned"),
        ]
    }
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("names, ids and tokens are printable ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_comes_with_what_it_demands() {
        let host = "9".parse().expect("an id");
        let [session, account] = Cookies { secure: true }.browser("tok", host, false);
        assert_eq!(session, "__Host-convoke=tok; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(
            account,
            "__Host-convoke-account=9; Path=/; Secure; HttpOnly; SameSite=None"
        );
        let [session, _] = Cookies { secure: false }.browser("tok", host, true);
        assert_eq!(session, "convoke=tok; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800");
        assert!(
            Cookies { secure: true }
                .frame("t")
                .to_str()
                .expect("ASCII")
                .ends_with("SameSite=None; Partitioned")
        );
    }
}
