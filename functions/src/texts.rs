//! Where text messages go to: the operator's list of countries, each with the sender that people see and the price of a
//! message, and how much a company may spend in a day.

use std::str::FromStr;

use domain::code::Phone;

/// What begins numbers that cost their callers or reach no phone, wherever their country is listed: after the calling code of
/// a country what its own plan says of premium, shared-cost and personal numbers, directories and pagers. No mobile number
/// begins so, nor one of a city.
const PREMIUM: [(&str, &[&str]); 13] = [
    // Of no country (ITU-T E.164.1): toll-free, shared-cost, satellites, personal, networks, disaster relief, premium, trials.
    ("+", &["800", "808", "87", "881", "882", "883", "888", "979", "991"]),
    // United States, Canada and the others of that plan.
    ("+1", &["900"]),
    // Netherlands: dial-in, pagers, personal; 0800 and 090x.
    ("+31", &["66", "67", "80", "84", "87", "90"]),
    // Belgium: 070 and 078; 0800 and 090x (Ghent is 092 and 093).
    ("+32", &["70", "78", "80", "90"]),
    // France: 08, all of it.
    ("+33", &["8"]),
    // Spain: personal; 80x and 90x.
    ("+34", &["70", "80", "90"]),
    // Portugal: 6xx to 8xx, where nothing is mobile.
    ("+351", &["6", "7", "8"]),
    // Italy, where cities keep their 0 and mobile numbers begin with 3.
    ("+39", &["1", "4", "7", "8"]),
    // Switzerland: pagers, 084x, voicemail, 087x, 090x (091 is Ticino).
    ("+41", &["74", "80", "84", "86", "87", "90"]),
    // Austria: dial-in; 08 and 09, all of it.
    ("+43", &["710", "711", "718", "8", "9"]),
    // United Kingdom: personal; 080, 084, 087; 09, all of it.
    ("+44", &["70", "80", "84", "87", "9"]),
    // Germany: what begins with 01 and is not mobile; 0700; 0900 (0906 is Donauwörth).
    (
        "+49",
        &["11", "12", "13", "164", "168", "169", "18", "19", "700", "900"],
    ),
    // Brazil: 0300, 0303, 0500, 0800, 0900.
    ("+55", &["30", "50", "80", "90"]),
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
        if is_premium(number) {
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

fn is_premium(number: &str) -> bool {
    PREMIUM.iter().any(|(country, services)| {
        let national = number.strip_prefix(country);
        national.is_some_and(|national| services.iter().any(|service| national.starts_with(service)))
    })
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

    #[test]
    fn no_text_goes_to_numbers_that_cost_or_are_no_phones() {
        let texts = Texts::anywhere();
        for number in [
            // Of no country.
            "+80012345678",
            "+80812345678",
            "+870773111632",
            "+87112345678",
            "+878101234567",
            "+881612345678",
            "+8821612345678",
            "+88312345678",
            "+88812345678",
            "+979123456789",
            "+99112345678",
            // US and Canada, Netherlands, Belgium.
            "+19005551234",
            "+319001234",
            "+3190012345",
            "+31906123456",
            "+31909123456",
            "+31676123456",
            "+31841234567",
            "+3290012345",
            "+3290512345",
            "+3270123456",
            "+3278123456",
            // France, Spain, Portugal.
            "+33810123456",
            "+33820123456",
            "+33825123456",
            "+33890123456",
            "+33899123456",
            "+34803123456",
            "+34806123456",
            "+34807123456",
            "+34901123456",
            "+34902123456",
            "+34905123456",
            "+34704123456",
            "+351601123456",
            "+351646123456",
            "+351707123456",
            "+351708123456",
            "+351760123456",
            "+351761123456",
            "+351762123456",
            "+351808123456",
            // Italy, Switzerland, Austria.
            "+39144123456",
            "+39166123456",
            "+39178123456",
            "+39199123456",
            "+39702123456",
            "+39840123456",
            "+39848123456",
            "+39892123",
            "+39899123456",
            "+41840123456",
            "+41848123456",
            "+41878123456",
            "+41900123456",
            "+41901123456",
            "+41906123456",
            "+43810123456",
            "+43820123456",
            "+43821123456",
            "+43900123456",
            "+43901123456",
            "+43930123456",
            "+43939123456",
            "+43711123456",
            // United Kingdom, Germany, Brazil.
            "+447012345678",
            "+448431234567",
            "+448451234567",
            "+448712345678",
            "+449012345678",
            "+449812345678",
            "+4913712345",
            "+491381234567",
            "+4918012345",
            "+491803123456",
            "+491805123456",
            "+491806123456",
            "+4919012345",
            "+4911833123",
            "+491212345678",
            "+4970012345678",
            "+499001234567",
            "+55300123456",
            "+5530312345678",
            "+55500123456",
            "+55900123456",
        ] {
            assert_eq!(texts.to(&number.parse().expect("a number")), None, "{number}");
        }
    }

    #[test]
    fn texts_go_to_mobile_numbers_and_those_of_cities_that_begin_much_like_premium_ones() {
        let texts = Texts::anywhere();
        for number in [
            // Countries whose codes begin like those of satellites.
            "+8801712345678",
            "+886912345678",
            "+9725012345678",
            "+9779841234567",
            "+99890123456",
            "+12125551234",
            "+19015551234",
            "+19095551234",
            "+16045551234",
            "+17875551234",
            "+31612345678",
            "+31687654321",
            "+3197012345678",
            "+31701234567",
            "+32455123456",
            "+32470123456",
            "+32478123456",
            "+32499123456",
            "+3292123456",
            "+3271123456",
            "+33612345678",
            "+33700123456",
            "+33780123456",
            "+33980123456",
            "+34600123456",
            "+34690123456",
            "+34711223344",
            "+34747123456",
            "+34910123456",
            "+351910123456",
            "+351927123456",
            "+351936123456",
            "+351969123456",
            "+351212345678",
            "+393201234567",
            "+393471234567",
            "+393891234567",
            "+390612345678",
            "+390818123456",
            "+41751234567",
            "+41761234567",
            "+41780123456",
            "+41790123456",
            "+41911234567",
            "+41812345678",
            "+436501234567",
            "+436601234567",
            "+436641234567",
            "+436761234567",
            "+4368112345678",
            "+436991234567",
            "+4373212345",
            "+447400123456",
            "+447624123456",
            "+447700900123",
            "+447870123456",
            "+447911123456",
            "+441871123456",
            "+4915112345678",
            "+4915212345678",
            "+4915901234567",
            "+491601234567",
            "+491621234567",
            "+491701234567",
            "+491739012345",
            "+491791234567",
            "+49906123456",
            "+4970711234567",
            "+5511987654321",
            "+5531987654321",
            "+5551912345678",
            "+5581912345678",
            "+5591912345678",
        ] {
            assert!(texts.to(&number.parse().expect("a number")).is_some(), "{number}");
        }
    }
}
