//! The languages of mails: every text that people read, and how they write dates.

mod de;
mod en;
mod es;
mod fr;
mod pt;

use domain::conference::Frequency;
use jiff::civil::DateTime;

/// A language that mails are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Spanish.
    Spanish,
    /// French.
    French,
    /// German.
    German,
    /// Portuguese.
    Portuguese,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::English,
        Self::Spanish,
        Self::French,
        Self::German,
        Self::Portuguese,
    ];

    /// The language of a locale such as `pt-BR`; English where it is another or none.
    ///
    /// ```
    /// use notify::Language;
    /// assert_eq!(Language::of(Some("pt-BR")), Language::Portuguese);
    /// assert_eq!(Language::of(Some("ja")), Language::English);
    /// ```
    #[must_use]
    pub fn of(locale: Option<&str>) -> Self {
        let tag = locale
            .and_then(|locale| locale.split(['-', '_']).next())
            .unwrap_or_default();
        let known = Self::ALL
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(tag));
        known.unwrap_or(Self::English)
    }

    /// Its tag (BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::German => "de",
            Self::Portuguese => "pt",
        }
    }

    pub(crate) const fn words(self) -> &'static Words {
        match self {
            Self::English => &en::WORDS,
            Self::Spanish => &es::WORDS,
            Self::French => &fr::WORDS,
            Self::German => &de::WORDS,
            Self::Portuguese => &pt::WORDS,
        }
    }
}

/// The texts of one language. `{}` and the like are filled in by [`fill`].
#[derive(Debug)]
pub(crate) struct Words {
    // Subjects.
    pub(crate) invitation: &'static str,
    pub(crate) changed: &'static str,
    pub(crate) cancelled: &'static str,
    pub(crate) reminder: &'static str,
    pub(crate) welcome: &'static str,
    pub(crate) reset: &'static str,
    pub(crate) hook_off: &'static str,
    // First sentences.
    pub(crate) invites: &'static str,
    pub(crate) planned: &'static str,
    pub(crate) has_changed: &'static str,
    pub(crate) times_changed: &'static str,
    pub(crate) is_off: &'static str,
    pub(crate) series_off: &'static str,
    pub(crate) times_off: &'static str,
    pub(crate) uninvited: &'static str,
    pub(crate) starts: &'static str,
    pub(crate) account: &'static str,
    pub(crate) asked: &'static str,
    pub(crate) hook_failed: &'static str,
    // Labels, and what stands between one and what it names.
    pub(crate) colon: &'static str,
    pub(crate) when: &'static str,
    pub(crate) repeats: &'static str,
    pub(crate) host: &'static str,
    pub(crate) code: &'static str,
    pub(crate) pin: &'static str,
    pub(crate) agenda: &'static str,
    pub(crate) room: &'static str,
    pub(crate) email: &'static str,
    // What else is said.
    pub(crate) times: &'static str,
    // Each day, week, month, year; and each so many of them.
    pub(crate) each: [&'static str; 4],
    pub(crate) every: [&'static str; 4],
    pub(crate) originally: &'static str,
    pub(crate) more: &'static str,
    pub(crate) join: &'static str,
    pub(crate) join_leading: &'static str,
    pub(crate) keep_link: &'static str,
    pub(crate) address: &'static str,
    pub(crate) choose: &'static str,
    pub(crate) choose_until: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) not_you: &'static str,
    pub(crate) server: &'static str,
    pub(crate) hook_again: &'static str,
    pub(crate) hook_by_api: &'static str,
    pub(crate) hooks: &'static str,
    pub(crate) sent_by: &'static str,
    // A text message; no letters that phones' own alphabet lacks.
    pub(crate) text: &'static str,
    // Dates.
    pub(crate) date: &'static str,
    pub(crate) first_day: &'static str,
    pub(crate) weekdays: [&'static str; 7],
    pub(crate) months: [&'static str; 12],
}

impl Words {
    /// How often: `every week`, `every 2 months`.
    pub(crate) fn often(&self, (frequency, interval): (Frequency, i32)) -> String {
        let place = match frequency {
            Frequency::Daily => 0,
            Frequency::Weekly => 1,
            Frequency::Monthly => 2,
            Frequency::Yearly => 3,
        };
        match interval {
            1 => self.each[place].to_owned(),
            count => fill(self.every[place], &[("count", &count.to_string())]),
        }
    }

    /// A day: `Monday, 1 June 2026`.
    pub(crate) fn day(&self, at: DateTime) -> String {
        let weekday = usize::from(at.weekday().to_monday_zero_offset().unsigned_abs());
        let month = usize::from(at.month().unsigned_abs()).saturating_sub(1);
        let day = match at.day() {
            1 => self.first_day.to_owned(),
            day => day.to_string(),
        };
        fill(
            self.date,
            &[
                ("weekday", self.weekdays[weekday % 7]),
                ("day", &day),
                ("month", self.months[month % 12]),
                ("year", &at.year().to_string()),
            ],
        )
    }
}

/// Puts values in the place of their names in braces. What a value holds is not looked at again.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_people_write_them() {
        let first = DateTime::constant(2026, 6, 1, 9, 0, 0, 0);
        let days: Vec<String> = Language::ALL
            .iter()
            .map(|language| language.words().day(first))
            .collect();
        assert_eq!(
            days,
            [
                "Monday, 1 June 2026",
                "lunes, 1 de junio de 2026",
                "lundi 1er juin 2026",
                "Montag, 1. Juni 2026",
                "segunda-feira, 1 de junho de 2026",
            ]
        );
        let last = DateTime::constant(2027, 12, 31, 9, 0, 0, 0);
        assert_eq!(Language::German.words().day(last), "Freitag, 31. Dezember 2027");
        assert_eq!(Language::French.words().day(last), "vendredi 31 décembre 2027");
    }

    #[test]
    fn values_are_not_filled_into() {
        assert_eq!(fill("{a} and {b}.", &[("a", "{b}"), ("b", "x")]), "{b} and x.");
    }

    #[test]
    fn all_languages_use_the_same_names() {
        let names = |text: &str| -> Vec<String> {
            let mut found: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
                .map(|(name, _)| name.to_owned())
                .collect();
            found.sort();
            found
        };
        let all = |words: &Words| {
            [
                words.invitation,
                words.changed,
                words.cancelled,
                words.reminder,
                words.welcome,
                words.reset,
                words.hook_off,
                words.invites,
                words.has_changed,
                words.starts,
                words.times,
                words.more,
                words.choose_until,
                words.sent_by,
                words.text,
                words.date,
            ]
            .map(names)
        };
        for language in Language::ALL {
            assert_eq!(all(language.words()), all(Language::English.words()), "{language:?}");
        }
    }
}
