//! The web client's built HTML files, and how a page's own data gets into them.

use std::path::{Path, PathBuf};

const CONFIG: &str = "<!--convoke:config-->";
const TITLE: &str = "<!--convoke:title-->";

/// Why the web client's files cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The file is not there or not readable: the web client was not built.
    #[error("cannot read the page {}", path.display())]
    Unreadable {
        /// The file looked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file lacks one of the two marks, or has it twice.
    #[error("the page {} must have {mark} exactly once", path.display())]
    Mark {
        /// The file read.
        path: PathBuf,
        /// The mark that is missing or repeated.
        mark: &'static str,
    },
}

/// Every page's HTML, read once at start.
#[derive(Debug, Clone)]
pub struct Shells {
    /// `room.html`: the meeting room.
    pub room: Shell,
    /// `index.html`: join by code, or the account's first page.
    pub home: Shell,
    /// `account.html`: signing in and setting a password.
    pub account: Shell,
    /// `docs.html`: the partner API for people.
    pub docs: Shell,
}

impl Shells {
    /// The same file for every page, for tests of what the pages are told.
    #[must_use]
    pub fn all_of(shell: &Shell) -> Self {
        Self {
            room: shell.clone(),
            home: shell.clone(),
            account: shell.clone(),
            docs: shell.clone(),
        }
    }

    /// Reads the pages from the folder the web client was built into.
    ///
    /// # Errors
    /// When a file is missing or lacks a mark.
    pub fn load(folder: &Path) -> Result<Self, ShellError> {
        Ok(Self {
            room: Shell::load(&folder.join("room.html"))?,
            home: Shell::load(&folder.join("index.html"))?,
            account: Shell::load(&folder.join("account.html"))?,
            docs: Shell::load(&folder.join("docs.html"))?,
        })
    }
}

/// One HTML file with a mark for the page's data and one for its title.
#[derive(Debug, Clone)]
pub struct Shell {
    html: String,
    config: usize,
    title: usize,
}

impl Shell {
    fn load(path: &Path) -> Result<Self, ShellError> {
        let html = std::fs::read_to_string(path).map_err(|source| ShellError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(html).map_err(|mark| ShellError::Mark {
            path: path.to_owned(),
            mark,
        })
    }

    /// Takes the text of a page.
    ///
    /// # Errors
    /// The mark that the text lacks or has twice.
    pub fn parse(html: String) -> Result<Self, &'static str> {
        let once = |mark: &'static str| {
            let mut found = html.match_indices(mark).map(|(at, _)| at);
            match (found.next(), found.next()) {
                (Some(at), None) => Ok(at),
                _ => Err(mark),
            }
        };
        let (config, title) = (once(CONFIG)?, once(TITLE)?);
        Ok(Self { html, config, title })
    }

    /// The page with its title and its data. Both may hold whatever people typed: the title is escaped as HTML text,
    /// the data as JSON in which no `<` is left, so that neither can end its element.
    pub fn render(&self, title: &str, config: &serde_json::Value) -> String {
        let data = format!(
            r#"<script type="application/json" id="convoke-config">{}</script>"#,
            json_in_html(config)
        );
        let mut parts = [(self.config, CONFIG, data), (self.title, TITLE, escape(title))];
        parts.sort_by_key(|(at, ..)| *at);
        let mut page =
            String::with_capacity(self.html.len() + parts.iter().map(|(.., text)| text.len()).sum::<usize>());
        let mut rest = 0;
        for (at, mark, text) in parts {
            page.push_str(&self.html[rest..at]);
            page.push_str(&text);
            rest = at + mark.len();
        }
        page.push_str(&self.html[rest..]);
        page
    }
}

/// Text for HTML, in elements and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn json_in_html(value: &serde_json::Value) -> String {
    // Outside its strings JSON has none of these characters, and inside them the escapes mean the same.
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn shell() -> Shell {
        let html = format!("<!doctype html><title>{TITLE}</title><body>{CONFIG}<script src=/a.js></script></body>");
        Shell::parse(html).expect("both marks once")
    }

    #[test]
    fn a_page_lacking_a_mark_is_refused() {
        assert_eq!(Shell::parse(TITLE.to_owned()).err(), Some(CONFIG));
        assert_eq!(Shell::parse(format!("{CONFIG}{TITLE}{TITLE}")).err(), Some(TITLE));
    }

    proptest! {
        #[test]
        fn nothing_people_type_becomes_markup(subject in "(</script>|<!--|&|\"|'|\\PC|convoke:title-->){0,12}") {
            let page = shell().render(&subject, &json!({"subject": subject}));
            let title = page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).expect("a title");
            prop_assert!(!title.contains(['<', '>', '"', '\'']));
            let data = page.split("id=\"convoke-config\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect("data");
            prop_assert!(!data.contains('<'));
            let read: serde_json::Value = serde_json::from_str(data).expect("JSON");
            prop_assert_eq!(read["subject"].as_str(), Some(subject.as_str()));
            prop_assert_eq!(page.matches("</script>").count(), 2);
        }
    }
}
