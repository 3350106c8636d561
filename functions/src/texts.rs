//! Where text messages go to: the operator's list of countries, each with the sender that people see and the price of a
//! message, and how much a company may spend in a day.

use std::str::FromStr;

use domain::code::Phone;

/// Numbers that cost their callers or reach no phone, wherever their country is listed: premium and shared-cost services.
const PREMIUM: [&str; 12] = [
    "+1900", "+338", "+34803", "+34806", "+34807", "+34905", "+39899", "+4470", "+449", "+49137", "+49900", "+979",
];

/// The operator's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Cents that a company may spend in a day.
    pub daily_cents: u32,
    countries: Vec<Country>,
}

/// Numbers that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Country {
    prefix: String,
    sender: Option<String>,
    cents: u32,
}

/// Why a text says no such list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be like day=500,+49=Acme/9,+1=/1: the cents that a company may spend in a day, then for each country the sender \
     (up to 11 letters and digits, or none) and the cents of a message"
)]
pub struct NoTexts;

impl Texts {
    /// Every country, for a laptop where nothing is sent.
    #[must_use]
    pub fn anywhere() -> Self {
        Self {
            daily_cents: 1_000,
            countries: vec![Country {
                prefix: "+".into(),
                sender: Some("Convoke".into()),
                cents: 1,
            }],
        }
    }

    /// Whether any go out.
    #[must_use]
    pub fn are_sent(&self) -> bool {
        !self.countries.is_empty()
    }

    /// Who a message to this number is from, and its cents; `None` where none go.
    #[must_use]
    pub fn to(&self, phone: &Phone) -> Option<(Option<&str>, u32)> {
        let number = phone.as_str();
        if PREMIUM.iter().any(|premium| number.starts_with(premium)) {
            return None;
        }
        let listed = self
            .countries
            .iter()
            .filter(|country| number.starts_with(&country.prefix));
        let country = listed.max_by_key(|country| country.prefix.len())?;
        Some((country.sender.as_deref(), country.cents))
    }
}

impl FromStr for Texts {
    type Err = NoTexts;

    /// Reads `day=500,+49=Acme/9,+1=/1`; an empty text is no text messages at all.
    fn from_str(text: &str) -> Result<Self, NoTexts> {
        let mut texts = Self::default();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(NoTexts)?;
            let cents = |text: &str| text.parse::<u32>().ok().filter(|cents| *cents > 0).ok_or(NoTexts);
            if name == "day" {
                texts.daily_cents = cents(value)?;
                continue;
            }
            let digits = name.strip_prefix('+').ok_or(NoTexts)?;
            let (sender, price) = value.split_once('/').ok_or(NoTexts)?;
            let plain = |text: &str| text.len() <= 11 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || !plain(sender) {
                return Err(NoTexts);
            }
            texts.countries.push(Country {
                prefix: name.to_owned(),
                sender: Some(sender.to_owned()).filter(|sender| !sender.is_empty()),
                cents: cents(price)?,
            });
        }
        if texts.are_sent() && texts.daily_cents == 0 {
            return Err(NoTexts);
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_have_senders_and_prices_and_premium_numbers_none() {
        let texts: Texts = "day=500,+49=Acme/9,+1=/1,+1809=Isle/20".parse().expect("a list");
        let to = |number: &str| texts.to(&number.parse().expect("a number"));
        assert_eq!(to("+4915112345678"), Some((Some("Acme"), 9)));
        assert_eq!(to("+15551234567"), Some((None, 1)));
        assert_eq!(to("+18095551234"), Some((Some("Isle"), 20)), "the longest that fits");
        for number in ["+33612345678", "+19005551234", "+49900123456"] {
            assert_eq!(to(number), None, "{number}");
        }
        assert_eq!("".parse(), Ok(Texts::default()));
        for text in [
            "+49=Acme/9",
            "day=0",
            "day=5,49=A/1",
            "day=5,+=A/1",
            "day=5,+49=A",
            "day=5,+49=Too long a name/1",
            ",",
        ] {
            assert_eq!(text.parse::<Texts>(), Err(NoTexts), "{text}");
        }
    }
}
