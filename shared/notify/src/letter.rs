//! A mail's words, laid out as text and as HTML. The HTML needs no pictures, no script and no style from elsewhere, and says
//! its colours for a light and a dark surface.

use domain::company::Color;

use crate::words::{Language, Words, fill};

/// The tenant that a mail is from, as people see it.
#[derive(Debug, Clone, Copy)]
pub struct Brand<'a> {
    /// The product's name.
    pub product: &'a str,
    /// The colour of buttons.
    pub color: Option<&'a Color>,
}

/// A mail's words.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) language: Language,
    pub(crate) brand: Brand<'a>,
    pub(crate) heading: &'a str,
    pub(crate) lead: String,
    /// Labels with their lines.
    pub(crate) details: Vec<(&'static str, Vec<String>)>,
    /// What to do, and where.
    pub(crate) button: Option<(&'static str, &'a str)>,
    pub(crate) notes: Vec<String>,
}

/// The colour of buttons where a tenant has chosen none.
const COLOR: &str = "#2557d6";

impl Letter<'_> {
    fn words(&self) -> &'static Words {
        self.language.words()
    }

    fn sent_by(&self) -> String {
        fill(self.words().sent_by, &[("product", self.brand.product)])
    }

    /// As text.
    pub(crate) fn text(&self) -> String {
        let colon = self.words().colon;
        let mut text = format!("{}\n\n{}\n", self.heading, self.lead);
        for (label, lines) in &self.details {
            text.push_str(&format!("\n{label}{colon}\n"));
            for line in lines {
                text.push_str(&format!("  {line}\n"));
            }
        }
        if let Some((label, url)) = self.button {
            text.push_str(&format!("\n{label}{colon}\n{url}\n"));
        }
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text.push_str(&format!("\n-- \n{}\n", self.sent_by()));
        text
    }

    /// As HTML.
    pub(crate) fn html(&self) -> String {
        let mut inner = format!(
            "<h1 style=\"font-size:22px;line-height:1.3;margin:0 0 12px;overflow-wrap:anywhere;word-break:break-word\" dir=\"auto\">{}</h1>\n<p class=\"p\">{}</p>\n",
            escaped(self.heading),
            escaped(&self.lead)
        );
        if !self.details.is_empty() {
            inner.push_str("<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" style=\"margin:0 0 20px;width:100%\">\n");
            for (label, lines) in &self.details {
                let lines: Vec<String> = lines
                    .iter()
                    .map(|line| format!("<div dir=\"auto\">{}</div>", escaped(line)))
                    .collect();
                inner.push_str(&format!(
                    "<tr><td class=\"muted\" style=\"padding:4px 0 0;font-size:13px\">{}</td></tr>\n<tr><td style=\"padding:0 0 8px;word-break:break-word\">{}</td></tr>\n",
                    escaped(label),
                    lines.concat()
                ));
            }
            inner.push_str("</table>\n");
        }
        if let Some((label, url)) = self.button {
            inner.push_str(&self.button(label, url));
        }
        for note in &self.notes {
            inner.push_str(&format!("<p class=\"p muted\">{}</p>\n", escaped(note)));
        }
        format!(
            "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body class=\"page\" style=\"margin:0;padding:24px 12px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5\">\n\
             <table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" align=\"center\" style=\"margin:0 auto;width:100%;max-width:560px\">\n\
             <tr><td class=\"muted\" style=\"padding:0 4px 12px;font-weight:600\">{product}</td></tr>\n\
             <tr><td class=\"card\" style=\"padding:24px;border-radius:12px\">\n{inner}</td></tr>\n\
             <tr><td class=\"muted\" style=\"padding:12px 4px;font-size:13px\">{sent_by}</td></tr>\n</table>\n</body>\n</html>\n",
            lang = self.language.tag(),
            title = escaped(self.heading),
            product = escaped(self.brand.product),
            sent_by = escaped(&self.sent_by()),
        )
    }

    fn button(&self, label: &str, url: &str) -> String {
        let color = self.brand.color.map_or_else(|| COLOR.to_owned(), ToString::to_string);
        let ink = ink_on(&color);
        let url = escaped(url);
        format!(
            "<p style=\"margin:0 0 16px\"><a href=\"{url}\" style=\"display:inline-block;padding:12px 20px;border-radius:8px;background:{color};color:{ink};font-weight:600;text-decoration:none\">{}</a></p>\n\
             <p class=\"p muted\">{}<br><a href=\"{url}\" class=\"link\" style=\"word-break:break-all\">{url}</a></p>\n",
            escaped(label),
            escaped(self.words().address),
        )
    }
}

/// Colours by class, so that a dark surface can have others; a reader that drops the style shows its own.
const STYLE: &str = "\
:root{color-scheme:light dark}\
.page{background:#f3f4f6;color:#1a1d23}.card{background:#ffffff;color:#1a1d23}.muted{color:#5a6270}\
.p{margin:0 0 16px;overflow-wrap:anywhere}.link{color:#2557d6}\
@media (prefers-color-scheme:dark){.page{background:#14161a!important;color:#e8eaee!important}\
.card{background:#1f2329!important;color:#e8eaee!important}.muted{color:#a5adba!important}.link{color:#9db8ff!important}}";

/// Text inside HTML, also inside quoted attributes.
fn escaped(text: &str) -> String {
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

/// White or near black, whichever is read better on this colour (WCAG 2.2, relative luminance).
fn ink_on(color: &str) -> &'static str {
    let digits = color.trim_start_matches('#');
    let channel = |at: usize| {
        let text = match digits.len() {
            3 => digits.get(at..=at).map(|digit| digit.repeat(2)),
            _ => digits.get(at * 2..at * 2 + 2).map(str::to_owned),
        };
        let value = text
            .and_then(|text| u8::from_str_radix(&text, 16).ok())
            .unwrap_or_default();
        let share = f64::from(value) / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    let luminance = 0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2);
    // Where both contrasts are the same.
    if luminance > 0.179 { "#111111" } else { "#ffffff" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_is_read_on_any_color() {
        assert_eq!((ink_on("#000"), ink_on("#fff")), ("#ffffff", "#111111"));
        assert_eq!((ink_on("#2557d6"), ink_on("#ffd54a")), ("#ffffff", "#111111"));
    }

    #[test]
    fn what_people_wrote_is_no_markup() {
        let letter = Letter {
            language: Language::English,
            brand: Brand {
                product: "A & B",
                color: None,
            },
            heading: "<script>alert(1)</script>",
            lead: "\"quoted\"".into(),
            details: vec![("When", vec!["<b>now</b>".into()])],
            button: Some(("Join", "https://x.example/?a=1&b=\"><img src=x>")),
            notes: vec!["it's".into()],
        };
        let html = letter.html();
        for markup in ["<script>", "<b>", "<img", "\"quoted\""] {
            assert!(!html.contains(markup), "{markup}");
        }
        assert!(
            html.contains("href=\"https://x.example/?a=1&amp;b=&quot;&gt;&lt;img src=x&gt;\""),
            "{html}"
        );
        assert!(html.contains("prefers-color-scheme:dark") && !html.contains("http-equiv"));
    }
}
