//! A company as the partner API shows it, and which settings it may have.

use domain::Error as Refusal;
use domain::code::Subdomain;
use domain::company::{Company, CompanySettings};
use domain::id::{CompanyId, SubscriptionId};
use domain::text::Name;
use schemars::JsonSchema;
use serde::Serialize;

use super::words::{CONTROLS, is_country, is_help_link, is_locale};

/// Longest list in a company's settings.
const LONGEST_LIST: usize = 50;
/// Most days that anything can be kept.
const MOST_DAYS: u32 = 3_650;

/// A company.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Company")]
pub struct CompanyAnswer {
    /// Its id.
    pub id: CompanyId,
    /// Its id, under the name that other methods use.
    pub company_id: CompanyId,
    /// Its label below the reseller's domain.
    pub subdomain: Subdomain,
    /// Its name.
    pub name: Name,
    /// Its subscriptions to the reseller's plans.
    pub subscription_ids: Vec<SubscriptionId>,
    /// What it is set to.
    #[serde(flatten)]
    pub settings: CompanySettings,
}

impl From<Company> for CompanyAnswer {
    fn from(company: Company) -> Self {
        Self {
            id: company.id,
            company_id: company.id,
            subdomain: company.subdomain,
            name: company.name,
            subscription_ids: company.subscriptions.iter().map(|held| held.id).collect(),
            settings: company.settings,
        }
    }
}

/// Refuses settings that no company can have.
///
/// # Errors
///
/// `invalid_field` that names the field.
pub(super) fn check(settings: &CompanySettings) -> Result<(), Refusal> {
    let branding = &settings.branding;
    if branding.support_url.as_deref().is_some_and(|link| !is_help_link(link)) {
        return Err(Refusal::invalid(
            "branding.support_url",
            "must begin with https://, http:// or mailto:",
        ));
    }
    if settings.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
        return Err(Refusal::invalid("locale", "must be a language such as en or pt-BR"));
    }
    if let Some(at) = settings
        .hidden_controls
        .iter()
        .position(|control| !CONTROLS.contains(&control.as_str()))
    {
        return Err(Refusal::invalid(
            format!("hidden_controls[{at}]"),
            "is no control of the room",
        ));
    }
    if let Some(at) = settings
        .dialin_numbers
        .iter()
        .position(|number| !is_country(&number.country))
    {
        return Err(Refusal::invalid(
            format!("dialin_numbers[{at}].country"),
            "must be a country such as DE",
        ));
    }
    check_lengths(settings)?;
    check_media(settings)?;
    check_retention(settings)
}

fn check_lengths(settings: &CompanySettings) -> Result<(), Refusal> {
    let lists = [
        ("embed_origins", settings.embed_origins.len()),
        ("dialin_numbers", settings.dialin_numbers.len()),
        ("hidden_controls", settings.hidden_controls.len()),
    ];
    match lists.into_iter().find(|(_, length)| *length > LONGEST_LIST) {
        Some((field, _)) => Err(Refusal::invalid(
            field,
            format_args!("must have at most {LONGEST_LIST} entries"),
        )),
        None => Ok(()),
    }
}

fn check_media(settings: &CompanySettings) -> Result<(), Refusal> {
    let media = &settings.media_policy;
    if ![180, 360, 720, 1_080].contains(&media.max_resolution) {
        return Err(Refusal::invalid(
            "media_policy.max_resolution",
            "must be 180, 360, 720 or 1080",
        ));
    }
    if !(1..=500).contains(&media.max_participants) {
        return Err(Refusal::invalid("media_policy.max_participants", "must be 1 to 500"));
    }
    Ok(())
}

fn check_retention(settings: &CompanySettings) -> Result<(), Refusal> {
    let days = &settings.retention_days;
    let kept = [
        ("retention_days.recordings", days.recordings),
        ("retention_days.chat", days.chat),
        ("retention_days.events", days.events),
    ];
    match kept
        .into_iter()
        .find(|(_, days)| days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)))
    {
        Some((field, _)) => Err(Refusal::invalid(field, format_args!("must be 1 to {MOST_DAYS}"))),
        None => Ok(()),
    }
}
