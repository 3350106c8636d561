//! Texts of the partner API that have a form of their own and are kept as they are: languages, countries, help links,
//! the room's controls.

/// The room's controls that can be hidden, contract/embedding.md §3.
pub const CONTROLS: [&str; 25] = [
    "mic",
    "camera",
    "share",
    "chat",
    "participants",
    "reactions",
    "raise_hand",
    "record",
    "stream",
    "transcribe",
    "layout",
    "volume",
    "settings",
    "invite",
    "details",
    "fullscreen",
    "mute_mode",
    "lock",
    "leave",
    "end",
    "logo",
    "title",
    "timer",
    "captions",
    "whiteboard",
];

/// Whether a text is a language, with a script and a region where they matter: `en`, `pt-BR`, `zh-Hant`.
#[must_use]
pub fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-').peekable();
    let language = parts.next().unwrap_or_default();
    let named = matches!(language.len(), 2 | 3) && language.bytes().all(|b| b.is_ascii_lowercase());
    let script = |part: &&str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_alphabetic());
    let _ = parts.next_if(script);
    let region = parts.next().is_none_or(|part| {
        let numbered = part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit());
        is_country(part) || numbered
    });
    named && region && parts.next().is_none()
}

/// Whether a text is a country in two letters: `DE`.
#[must_use]
pub fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// Whether a text is a link that a page may show to people who need help: to a page or a mail address.
#[must_use]
pub fn is_help_link(text: &str) -> bool {
    let scheme = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto"));
    scheme && text.len() <= 2_000 && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_judged(text: String) {
            let _ = (is_locale(&text), is_country(&text), is_help_link(&text));
        }
    }

    #[test]
    fn forms() {
        for good in ["en", "pt-BR", "zh-Hant", "zh-Hant-TW", "es-419", "fil"] {
            assert!(is_locale(good), "{good}");
        }
        for bad in ["", "EN", "e", "en-", "en-us", "en-USA", "en-US-x", "en_US", "-US"] {
            assert!(!is_locale(bad), "{bad}");
        }
        assert!(is_help_link("mailto:help@example.com") && is_help_link("https://example.com/help"));
        assert!(!is_help_link("javascript:alert(1)") && !is_help_link("/help"));
    }
}
