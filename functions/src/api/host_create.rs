//! `host/create`: an admin makes an account that can hold meetings.

use domain::code::{AccessCode, Email, Phone, Pin};
use domain::company::Company;
use domain::host::{Host, MeetingDefaults, PasswordLink, StreamPreview};
use domain::id::{CompanyId, ContactId, HostId, SubscriptionId};
use domain::room::MuteMode;
use domain::sealed::token_hash;
use domain::text::{Line, Name};
use domain::time::Zone;
use domain::{Error as Refusal, Role};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use store::Unique;

use super::digits::Digits;
use super::host::{HostAnswer, answer};
use super::later::only_default;
use super::media::AutoMedia;
use super::subscriptions;
use super::words::is_locale;
use crate::auth::Password;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// How long the link that sets a password is valid.
const LINK_VALID: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How often another code is tried where a generated one is taken.
const CODE_TRIES: u32 = 8;
/// The longest preview of a livestream, and the longest pause between two, in seconds.
const LONGEST_PREVIEW: u32 = 3_600;

/// Makes an account.
#[derive(Debug)]
pub struct HostCreate;

/// What a new account is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostCreateParameters {
    /// Its company; a company's own admin may leave it out.
    pub company_id: Option<CompanyId>,
    /// Its name.
    pub name: Name,
    /// Its mail address, unique in the reseller.
    pub email: Email,
    /// Its password; without one the account is entered by the link that sets one.
    pub password: Option<Password>,
    /// No mail is sent to it.
    pub no_welcome_email: Option<bool>,
    /// What it may do; nobody can grant a role above the own.
    pub role: Option<Role>,
    /// Its subject at the reseller's identity provider, unique in the reseller.
    pub openid_sub: Option<Line<255>>,
    /// Its company's subscriptions that it gets instances of.
    pub subscription_ids: Option<Vec<SubscriptionId>>,
    /// The code of its own room, unique in the installation; generated when absent.
    pub access_code: Option<Digits<AccessCode>>,
    /// Makes whoever types it a moderator; generated when absent.
    pub moderator_pin: Option<Digits<Pin>>,
    /// One of the company's numbers.
    pub primary_dialin_number: Option<Phone>,
    /// For text messages.
    pub phone: Option<Phone>,
    /// Its time zone; the company's when absent.
    pub time_zone: Option<Zone>,
    /// Its language; the company's when absent.
    pub locale: Option<String>,
}

/// What a new account's meetings are set to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct DefaultsParameters {
    /// What is recorded by itself; nothing is yet.
    pub auto_record: Option<AutoMedia>,
    /// What is streamed by itself; nothing is yet.
    pub auto_stream: Option<AutoMedia>,
    /// Whether recordings are transcribed; none are yet.
    pub auto_transcribe: Option<bool>,
    /// Recording and streaming start already when the host joins.
    pub host_initiated_recording: Option<bool>,
    /// Nobody is let in before a moderator; not available yet.
    pub waiting_room: Option<bool>,
    /// A code of their own.
    pub one_time_access_code: Option<bool>,
    /// `room_url` hides the code.
    pub secure_url: Option<bool>,
    /// Who is heard.
    pub mute_mode: Option<MuteMode>,
    /// The livestream's preview.
    pub stream_preview: Option<StreamPreview>,
}

impl Endpoint for HostCreate {
    const ID: &'static str = "host_create";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/create";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Makes a host account.";
    type Input = (Parameters<HostCreateParameters>, Parameters<DefaultsParameters>);
    type Output = Json<HostAnswer>;

    async fn handle(
        context: &Context<'_>,
        (Parameters(asked), Parameters(defaults)): Self::Input,
    ) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        caller.may_grant(asked.role.unwrap_or_default())?;
        let company_id = asked.company_id.or(caller.scope.company);
        let company_id = company_id.ok_or_else(|| Refusal::missing("company_id"))?;
        let defaults = defaults.over(MeetingDefaults::default())?;
        let (company, id, contact) = tokio::try_join!(
            store.company(&caller.scope, company_id),
            store.new_host_id(),
            store.new_contact_id()
        )?;
        let wanted = asked.subscription_ids.clone().unwrap_or_default();
        let subscriptions = subscriptions::of_company(context, &wanted, &[], &company).await?;
        let chosen = asked.access_code.is_some();
        let link = hex::encode(context.app.random::<32>());
        let mut host = asked
            .into_host(context, &company, (id, contact), defaults, &link)
            .await?;
        host.subscriptions = subscriptions;
        for _ in 0..CODE_TRIES {
            let origin = context.app.config.origin(company.fqdn.as_str());
            let answer = HostAnswer {
                password_creation_link: Some(format!("{origin}/password/{link}")),
                ..answer(context, host.clone(), &company)?
            };
            let claim = context.claim(&answer)?;
            match store.host_create(&host, &context.write(claim.as_ref()).await?).await {
                Err(store::Error::Taken(Unique::AccessCode)) if !chosen => {
                    host.access_code = AccessCode::of_host(context.app.random());
                }
                outcome => {
                    outcome?;
                    return Ok(Json(answer));
                }
            }
        }
        Err(Error::Broken("no free access code was found"))
    }
}

impl HostCreateParameters {
    async fn into_host(
        self,
        context: &Context<'_>,
        company: &Company,
        (id, own_contact): (HostId, ContactId),
        defaults: MeetingDefaults,
        link: &str,
    ) -> Result<Host, Error> {
        let (app, settings) = (context.app, &company.settings);
        if self.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
            return Err(Refusal::invalid("locale", "must be a language such as en or pt-BR").into());
        }
        let mut numbers = settings.dialin_numbers.iter().map(|dialin| &dialin.number);
        if self
            .primary_dialin_number
            .as_ref()
            .is_some_and(|wanted| !numbers.clone().any(|number| number == wanted))
        {
            return Err(Refusal::invalid("primary_dialin_number", "is none of the company's numbers").into());
        }
        let password_hash = match self.password {
            Some(password) => Some(app.passwords.hash(password.into_string(), app.random()).await?),
            None => None,
        };
        let pin = self
            .moderator_pin
            .map_or_else(|| Pin::random(app.random()), |Digits(pin)| pin);
        let sso_token = hex::encode(app.random::<32>());
        Ok(Host {
            id,
            reseller: company.reseller,
            company: company.id,
            name: self.name,
            email: self.email,
            role: self.role.unwrap_or_default(),
            password_hash,
            password_link: Some(PasswordLink {
                hash: token_hash(link),
                expires: context.now + LINK_VALID,
            }),
            openid_sub: self.openid_sub.map(|subject| subject.to_string()),
            access_code: self
                .access_code
                .map_or_else(|| AccessCode::of_host(app.random()), |Digits(code)| code),
            moderator_pin: app.seal(&format!("host/{id}/moderator_pin"), pin.as_str()),
            sso_token: app.seal(&format!("host/{id}/sso_token"), &sso_token),
            sso_token_hash: token_hash(&sso_token),
            primary_dialin_number: self.primary_dialin_number.or_else(|| numbers.next().cloned()),
            phone: self.phone,
            time_zone: self.time_zone.or_else(|| settings.time_zone.clone()),
            locale: self.locale.or_else(|| settings.locale.clone()),
            defaults,
            own_contact,
            subscriptions: Vec::new(),
            signed_out: None,
            deleting: None,
            version: 0,
            created: context.now,
        })
    }
}

impl DefaultsParameters {
    /// What meetings are set to that were set to `former` before.
    pub(super) fn over(self, former: MeetingDefaults) -> Result<MeetingDefaults, Refusal> {
        only_default("auto_record", self.auto_record.as_ref())?;
        only_default("auto_stream", self.auto_stream.as_ref())?;
        only_default("auto_transcribe", self.auto_transcribe.as_ref())?;
        only_default("waiting_room", self.waiting_room.as_ref())?;
        if let Some(preview) = &self.stream_preview {
            let times = [
                ("stream_preview.duration", preview.duration),
                ("stream_preview.interval", preview.interval),
            ];
            let wrong = |seconds: u32| !(1..=LONGEST_PREVIEW).contains(&seconds);
            if let Some((field, _)) = times.into_iter().find(|(_, seconds)| seconds.is_some_and(wrong)) {
                return Err(Refusal::invalid(
                    field,
                    format_args!("must be 1 to {LONGEST_PREVIEW} seconds"),
                ));
            }
        }
        Ok(MeetingDefaults {
            one_time_access_code: self.one_time_access_code.unwrap_or(former.one_time_access_code),
            secure_url: self.secure_url.unwrap_or(former.secure_url),
            host_initiated_recording: self.host_initiated_recording.unwrap_or(former.host_initiated_recording),
            mute_mode: self.mute_mode.unwrap_or(former.mute_mode),
            stream_preview: self.stream_preview.or(former.stream_preview),
        })
    }
}
