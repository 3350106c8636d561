//! The two small pages of signing in, which need no script: asking whether to replace another account, and saying why
//! a sign-in was refused. Nobody may frame the first; the second shows nothing but a sentence.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::pages::{Framing, escape};
use crate::reply::Html;

const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;\
display:grid;place-items:center;background:Canvas;color:CanvasText}main{max-width:26rem;padding:2rem;text-align:center}\
h1{font-size:1.5rem;line-height:1.25}button,a{font:inherit;display:inline-block;padding:.6rem 1.4rem;margin:.5rem;\
border-radius:.5rem;border:1px solid;text-decoration:none;color:inherit;background:none;cursor:pointer}\
button{background:#1d4ed8;border-color:#1d4ed8;color:#fff}:focus-visible{outline:3px solid #60a5fa;outline-offset:2px}";

/// Asks whether to go on as another account than the one this browser is signed in with.
pub(super) struct Question<'a> {
    /// The account's name.
    pub name: &'a str,
    /// The company's.
    pub company: &'a str,
    /// What the form posts: the one-time handoff and where the sign-in leads.
    pub fields: &'a [(&'static str, String)],
}

impl Question<'_> {
    pub(super) fn page(&self) -> Html {
        let (name, company) = (escape(self.name), escape(self.company));
        let fields: String = self
            .fields
            .iter()
            .map(|(name, value)| format!(r#"<input type="hidden" name="{name}" value="{}">"#, escape(value)))
            .collect();
        let body = format!(
            "<h1>Continue as {name}?</h1><p>Another account is signed in to {company} in this browser. It will be \
             signed out here.</p><form method=\"post\" action=\"/auth/handoff\">{fields}<button>Continue as \
             {name}</button><a href=\"/\">Stay signed in</a></form>"
        );
        document(StatusCode::OK, &format!("Continue as {name}?"), &body, &Framing::Nobody)
    }
}

/// Says why a sign-in was refused, to a person.
pub(super) fn refused(status: StatusCode, message: &str) -> Html {
    let body = format!("<h1>Could not sign in</h1><p>{}</p>", escape(message));
    document(status, "Could not sign in", &body, &Framing::Anyone)
}

fn document(status: StatusCode, title: &str, body: &str, framing: &Framing) -> Html {
    let hash = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; {}",
        framing.directive()
    );
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::try_from(policy).expect("directives are printable ASCII"),
    );
    // The form's own POST must say where it comes from; other sites hear nothing.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><main>{body}</main></html>"
    );
    Html { status, body, headers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        let fields = [("redirect_url", "/\"><script>alert(1)</script>".to_owned())];
        let name = "<img src=x onerror=alert(1)>";
        let page = Question {
            name,
            company: "A&B'\"",
            fields: &fields,
        }
        .page();
        assert!(
            !page.body.contains("<script") && !page.body.contains("<img"),
            "{}",
            page.body
        );
        assert!(page.body.contains("A&amp;B&#39;&quot;"));
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
    }
}
