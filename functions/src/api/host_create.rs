//! `host/create`: an admin makes an account that can hold meetings.

use domain::code::{AccessCode, Email, Pin};
use domain::company::Company;
use domain::host::{Host, MeetingDefaults, PasswordLink};
use domain::id::{CompanyId, ContactId, HostId};
use domain::sealed::token_hash;
use domain::text::Name;
use domain::{Error as Refusal, Role};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Unique, Work};

use super::digits::Digits;
use super::host::{HostAnswer, answer};
use super::host_parameters::{AccountParameters, DefaultsParameters};
use super::subscriptions;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// How long the link that sets a password is valid.
const LINK_VALID: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How often another code is tried where a generated one is taken.
const CODE_TRIES: u32 = 8;

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
    /// No mail is sent to it.
    pub no_welcome_email: Option<bool>,
}

impl Endpoint for HostCreate {
    const ID: &'static str = "host_create";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/create";
    const ACCESS: Access = Access::Session(Role::CompanyAdmin);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const SUMMARY: &'static str = "Makes a host account.";
    type Input = (
        Parameters<HostCreateParameters>,
        Parameters<AccountParameters>,
        Parameters<DefaultsParameters>,
    );
    type Output = Json<HostAnswer>;

    async fn handle(
        context: &Context<'_>,
        (Parameters(asked), Parameters(account), Parameters(defaults)): Self::Input,
    ) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        caller.may_grant(account.role.unwrap_or_default())?;
        let company_id = asked.company_id.or(caller.scope.company);
        let company_id = company_id.ok_or_else(|| Refusal::missing("company_id"))?;
        let defaults = defaults.over(MeetingDefaults::default())?;
        let (company, id, contact) = tokio::try_join!(
            store.company(&caller.scope, company_id),
            store.new_host_id(),
            store.new_contact_id()
        )?;
        account.check(&company)?;
        let wanted = account.subscription_ids.clone().unwrap_or_default();
        let subscriptions = subscriptions::of_company(context, &wanted, &[], &company).await?;
        let chosen = account.access_code.is_some();
        let link = hex::encode(context.app.random::<32>());
        let place = Work::welcome_place(id);
        let sealed = account.password.is_none().then(|| context.app.seal(&place, &link));
        let welcomed = !asked.no_welcome_email.unwrap_or_default();
        let welcome = welcomed.then_some(Work::Welcome { host: id, link: sealed });
        let mut host = asked
            .into_host(context, &company, account, (id, contact), &link)
            .await?;
        host.subscriptions = subscriptions;
        host.defaults = defaults;
        for _ in 0..CODE_TRIES {
            let origin = context.app.config.origin(company.fqdn.as_str());
            let answer = HostAnswer {
                password_creation_link: Some(format!("{origin}/password/{link}")),
                ..answer(context, host.clone(), &company)?
            };
            let claim = context.claim(&answer).await?;
            let write = context.write(claim.as_ref()).await?;
            match store.host_create_then(&host, welcome.clone(), &write).await {
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
        account: AccountParameters,
        (id, own_contact): (HostId, ContactId),
        link: &str,
    ) -> Result<Host, Error> {
        let (app, settings) = (context.app, &company.settings);
        let mut numbers = settings.dialin_numbers.iter().map(|dialin| &dialin.number);
        let password_hash = match account.password {
            Some(password) => {
                context.cleared().await?;
                Some(app.passwords.hash(password.into_string(), app.random()).await?)
            }
            None => None,
        };
        let pin = account
            .moderator_pin
            .map_or_else(|| Pin::random(app.random()), |Digits(pin)| pin);
        let sso_token = hex::encode(app.random::<32>());
        Ok(Host {
            id,
            reseller: company.reseller,
            company: company.id,
            name: self.name,
            email: self.email,
            role: account.role.unwrap_or_default(),
            password_hash,
            reset_link: None,
            password_link: Some(PasswordLink {
                hash: token_hash(link),
                expires: context.now + LINK_VALID,
            }),
            openid_sub: account.openid_sub.map(|subject| subject.to_string()),
            access_code: account
                .access_code
                .map_or_else(|| AccessCode::of_host(app.random()), |Digits(code)| code),
            moderator_pin: app.seal(&format!("host/{id}/moderator_pin"), pin.as_str()),
            sso_token: app.seal(&format!("host/{id}/sso_token"), &sso_token),
            sso_token_hash: token_hash(&sso_token),
            primary_dialin_number: account.primary_dialin_number.or_else(|| numbers.next().cloned()),
            phone: account.phone,
            time_zone: account.time_zone.or_else(|| settings.time_zone.clone()),
            locale: account.locale.or_else(|| settings.locale.clone()),
            defaults: MeetingDefaults::default(),
            own_contact,
            subscriptions: Vec::new(),
            signed_out: None,
            deleting: None,
            version: 0,
            created: context.now,
        })
    }
}
