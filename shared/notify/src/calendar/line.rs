//! Content lines of RFC 5545 §3.1: escaped, so that no text becomes a property of its own, and folded at 75 octets.

use domain::code::Email;

/// The longest line without its break, in octets.
const LONGEST: usize = 75;

/// A file that grows line by line.
#[derive(Debug, Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// Adds a line that is escaped already, folded where it is too long.
    pub(crate) fn push(&mut self, line: &str) {
        let mut left = LONGEST;
        for c in line.chars() {
            if c.len_utf8() > left {
                self.0.push_str("\r\n ");
                left = LONGEST - 1;
            }
            left -= c.len_utf8();
            self.0.push(c);
        }
        self.0.push_str("\r\n");
    }

    /// Adds a property whose value is text that people wrote.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.push(&format!("{name}:{}", text(value)));
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// A value of type TEXT (§3.3.11). Line breaks of any kind become `\n`; what cannot be shown, and what turns the direction
/// of all that follows, is left out.
pub(super) fn text(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => escaped.push_str("\\n"),
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\t' => escaped.push(' '),
            c if is_hidden(c) => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// A parameter's value, quoted (§3.2). Quotes cannot be escaped in it.
pub(super) fn quoted(value: &str) -> String {
    let kept = value.chars().filter(|c| !is_hidden(*c));
    let kept: String = kept.map(|c| if c == '"' { '\'' } else { c }).collect();
    format!("\"{kept}\"")
}

fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// A calendar address: `mailto:` with what a URI cannot hold in percent form (RFC 6068 §2).
pub(super) fn mailto(email: &Email) -> String {
    let mut uri = String::from("mailto:");
    for byte in email.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => uri.push(byte.into()),
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'\'' | b'*' | b'+' | b'=' | b'@' => uri.push(byte.into()),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_short_and_unfold_to_what_they_were(text in "\\PC{0,300}") {
            let mut lines = Lines::default();
            lines.push(&text);
            let folded = lines.finish();
            for line in folded.trim_end_matches("\r\n").split("\r\n") {
                prop_assert!(line.len() <= LONGEST);
            }
            prop_assert_eq!(folded.replace("\r\n ", ""), format!("{text}\r\n"));
        }

        #[test]
        fn no_text_breaks_out(value in any::<String>()) {
            let escaped = text(&value);
            prop_assert!(!escaped.chars().any(is_hidden));
            let quoted = quoted(&value);
            prop_assert!(!quoted.chars().any(is_hidden) && quoted.matches('"').count() == 2);
        }
    }

    #[test]
    fn texts_are_escaped_and_breaks_become_one() {
        assert_eq!(
            text("a,b;c\\d\r\ne\nf\rg\u{2028}h\u{202e}i"),
            "a\\,b\\;c\\\\d\\ne\\nf\\ng\\nhi"
        );
        assert_eq!(quoted("Eve\" ;X=\"\r\nATTENDEE:x"), "\"Eve' ;X='ATTENDEE:x\"");
    }

    #[test]
    fn addresses_are_uris() {
        let address = |text: &str| mailto(&text.parse().expect("an address"));
        assert_eq!(address("anna+x@example.com"), "mailto:anna+x@example.com");
        assert_eq!(address("a%b?c#d&e@example.com"), "mailto:a%25b%3Fc%23d%26e@example.com");
        assert_eq!(address("joerg@bücher.example"), "mailto:joerg@xn--bcher-kva.example");
    }
}
