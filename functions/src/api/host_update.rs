//! `host/update`: what is sent changes, all else stays. What has no value afterwards is sent as null.

use domain::code::Email;
use domain::company::Company;
use domain::host::Host;
use domain::id::HostId;
use domain::text::Name;
use domain::{Code, Error as Refusal, Role};
use schemars::JsonSchema;
use serde::Deserialize;

use super::digits::Digits;
use super::host::{HostAnswer, answer, with_company};
use super::host_parameters::{AccountParameters, DefaultsParameters};
use super::subscriptions;
use crate::ahead::First;
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::input::Parameters;
use crate::reply::Json;

/// Changes an account.
#[derive(Debug)]
pub struct HostUpdate;

/// What changes of an account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct HostUpdateParameters {
    /// Its id.
    pub host_id: HostId,
    /// Its name.
    pub name: Option<Name>,
    /// Its mail address, unique in the reseller.
    pub email: Option<Email>,
}

impl Endpoint for HostUpdate {
    const ID: &'static str = "host_update";
    const METHOD: http::Method = http::Method::POST;
    const PATH: &'static str = "/enterprise_api/host/update";
    const ACCESS: Access = Access::Session(Role::Host);
    const KIND: Kind = Kind::Write;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite, Need::SealingKey];
    const FIRST: Option<First> = Some(First::Host);
    const SUMMARY: &'static str = "Changes a host account. Defaults for meetings touch only those made later.";
    type Input = (
        Parameters<HostUpdateParameters>,
        Parameters<AccountParameters>,
        Parameters<DefaultsParameters>,
    );
    type Output = Json<HostAnswer>;

    fn object((Parameters(asked), ..): &Self::Input) -> Option<String> {
        Some(format!("host/{}", asked.host_id))
    }

    async fn handle(
        context: &Context<'_>,
        (Parameters(asked), Parameters(account), Parameters(defaults)): Self::Input,
    ) -> Result<Self::Output, Error> {
        let (caller, store) = (context.caller()?, context.store());
        if let Some(role) = account.role {
            caller.may_grant(role)?;
        }
        // Its own address book may know the new mail address already.
        let known = async {
            match &asked.email {
                Some(email) => store.contact_by_email(caller.reseller, asked.host_id, email).await,
                None => Ok(None),
            }
        };
        let (found, known) = tokio::join!(with_company(context, asked.host_id), known);
        let ((host, company), known) = (found?, known?);
        caller.check_rank(host.role)?;
        if caller.role == Role::Host
            && let Some(field) = by_admins(context, (&asked, &account), &host, &company)?
        {
            let why = "An account cannot change this of itself";
            return Err(Refusal::new(Code::Forbidden, why).with_field(field).into());
        }
        let mut defaults = defaults.over(host.defaults.clone())?;
        if context.request.parameters()?.is_null("stream_preview") {
            defaults.stream_preview = None;
        }
        account.check(&company)?;
        let mut after = changed(context, account, &host, &company).await?;
        after.name = asked.name.unwrap_or(after.name);
        after.email = asked.email.unwrap_or(after.email);
        after.defaults = defaults;
        let answer = answer(context, after.clone(), &company)?;
        let claim = context.claim(&answer).await?;
        let write = context.write(claim.as_ref()).await?;
        let known = known.filter(|known| *known != host.own_contact);
        store.host_update(&host, &after, known, &write).await?;
        Ok(Json(answer))
    }
}

/// What an account may not change of itself and is asked to be otherwise.
fn by_admins(
    context: &Context<'_>,
    (asked, account): (&HostUpdateParameters, &AccountParameters),
    host: &Host,
    company: &Company,
) -> Result<Option<&'static str>, Error> {
    let parameters = context.request.parameters()?;
    let taken = |name, held: bool| parameters.is_null(name) && held;
    let sub = account.openid_sub.as_ref().map(ToString::to_string);
    let dialin = &account.primary_dialin_number;
    let pin = match &account.moderator_pin {
        Some(Digits(pin)) => context.app.open(&pin_place(host), &host.moderator_pin)? != pin.as_str(),
        None => false,
    };
    let plans = |wanted: &Vec<_>| !subscriptions::are_held(wanted, host, company);
    let changed = [
        ("email", asked.email.as_ref().is_some_and(|email| *email != host.email)),
        ("role", account.role.is_some_and(|role| role != host.role)),
        (
            "openid_sub",
            taken("openid_sub", host.openid_sub.is_some()) || (sub.is_some() && sub != host.openid_sub),
        ),
        ("subscription_ids", account.subscription_ids.as_ref().is_some_and(plans)),
        (
            "access_code",
            account
                .access_code
                .as_ref()
                .is_some_and(|Digits(code)| *code != host.access_code),
        ),
        ("moderator_pin", pin),
        (
            "primary_dialin_number",
            taken("primary_dialin_number", host.primary_dialin_number.is_some())
                || (dialin.is_some() && *dialin != host.primary_dialin_number),
        ),
    ];
    Ok(changed
        .into_iter()
        .find(|(_, changed)| *changed)
        .map(|(field, _)| field))
}

/// Where a PIN is sealed for.
fn pin_place(host: &Host) -> String {
    format!("host/{}/moderator_pin", host.id)
}

/// The account as it will be, but for its name and mail address.
async fn changed(
    context: &Context<'_>,
    account: AccountParameters,
    host: &Host,
    company: &Company,
) -> Result<Host, Error> {
    let app = context.app;
    let parameters = context.request.parameters()?;
    let mut after = host.clone();
    after.role = account.role.unwrap_or(after.role);
    if let Some(Digits(code)) = account.access_code {
        after.access_code = code;
    }
    set(
        parameters.is_null("openid_sub"),
        account.openid_sub.map(|sub| sub.to_string()),
        &mut after.openid_sub,
    );
    set(
        parameters.is_null("primary_dialin_number"),
        account.primary_dialin_number,
        &mut after.primary_dialin_number,
    );
    set(parameters.is_null("phone"), account.phone, &mut after.phone);
    set(parameters.is_null("time_zone"), account.time_zone, &mut after.time_zone);
    set(parameters.is_null("locale"), account.locale, &mut after.locale);
    let wanted = account.subscription_ids;
    if let Some(wanted) = wanted.filter(|wanted| !subscriptions::are_held(wanted, host, company)) {
        after.subscriptions = subscriptions::of_company(context, &wanted, &host.subscriptions, company).await?;
    }
    if let Some(Digits(pin)) = account.moderator_pin {
        let place = pin_place(host);
        if app.open(&place, &host.moderator_pin)? != pin.as_str() {
            after.moderator_pin = app.seal(&place, pin.as_str());
        }
    }
    if let Some(password) = account.password {
        context.cleared().await?;
        after.password_hash = Some(app.passwords.hash(password.into_string(), app.random()).await?);
        // Whoever has a link that sets a password has nothing to set any more.
        (after.password_link, after.reset_link) = (None, None);
    }
    Ok(after)
}

/// A field after it was sent, sent as null, or not sent.
fn set<T>(is_null: bool, sent: Option<T>, field: &mut Option<T>) {
    if is_null {
        *field = None;
    } else if sent.is_some() {
        *field = sent;
    }
}
