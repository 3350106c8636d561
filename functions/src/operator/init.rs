//! The installation's first reseller with its domain, company and admin, and the keys of relays.

use domain::Role;
use domain::code::{AccessCode, Email, Fqdn, Pin, Subdomain};
use domain::company::{Company, CompanySettings, Reseller};
use domain::conference::Minutes;
use domain::host::{Host, MeetingDefaults};
use domain::id::{CompanyId, HostId, RelayId, ResellerId};
use domain::jws::{Jwk, VerifyingKey};
use domain::plan::{Allowance, Plan};
use domain::sealed::token_hash;
use domain::text::Name;
use domain::{Code, Error as Refusal};
use serde::{Deserialize, Serialize};
use store::{Actor, Unique, Write};

use crate::app::App;
use crate::error::Error;

/// What an operator asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Init {
    /// The reseller.
    pub reseller: FirstReseller,
    /// Its first company, on whose host name its admin calls the API.
    pub company: FirstCompany,
    /// Its admin.
    pub admin: Admin,
    /// Relays and their keys.
    #[serde(default)]
    pub relays: Vec<RelayKey>,
    /// What the reseller's companies can subscribe to.
    #[serde(default)]
    pub plans: Vec<NewPlan>,
}

/// A plan of the reseller.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPlan {
    /// Its name: one that is there under this name stays as it is.
    pub name: Name,
    /// What it allows.
    #[serde(flatten)]
    pub allows: Allowance,
}

/// The reseller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstReseller {
    /// Its name.
    pub name: Name,
    /// The domain below which its companies live.
    pub domain: Fqdn,
}

/// The first company.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstCompany {
    /// Its label below the reseller's domain.
    pub subdomain: Subdomain,
    /// Its name.
    pub name: Name,
}

/// The reseller's admin: an account of this first company.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Its name.
    pub name: Name,
    /// What it signs in with.
    pub email: Email,
    /// Its password, at least 8 characters.
    pub password: String,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// A relay and the public key that it signs its reports with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RelayKey {
    /// Its name.
    pub id: RelayId,
    /// The key.
    pub key: Jwk,
}

/// What is there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initialised {
    /// The reseller.
    pub reseller_id: ResellerId,
    /// Its first company.
    pub company_id: CompanyId,
    /// Its admin.
    pub host_id: HostId,
    /// The host name for the API.
    pub fqdn: Fqdn,
    /// Whether any of the three was made just now.
    pub created: bool,
}

/// Makes what is missing of the reseller, its first company and its admin, and registers the relays' keys. What is there
/// already stays as it is, so this may be repeated, also after a failure half-way.
///
/// # Errors
/// When a value is taken by something else, or the table failed.
pub async fn init(app: &App, asked: &Init) -> Result<Initialised, Error> {
    let now = app.now();
    let write = Write {
        at: now,
        by: Actor::Operator,
        action: "operator_init",
        claim: None,
    };
    let (reseller, made_reseller) = reseller(app, asked, &write).await?;
    let (company, made_company) = company(app, asked, &reseller, &write).await?;
    let (host, made_host) = admin(app, asked, &company, &write).await?;
    for relay in &asked.relays {
        VerifyingKey::from_jwk(&relay.key).map_err(|why| Refusal::invalid("relays.key", why))?;
        app.store.relay_add(&relay.id, &relay.key, &write).await?;
    }
    plans(app, asked, &reseller, &write).await?;
    Ok(Initialised {
        reseller_id: reseller.id,
        company_id: company.id,
        host_id: host,
        fqdn: company.fqdn,
        created: made_reseller || made_company || made_host,
    })
}

async fn reseller(app: &App, asked: &Init, write: &Write<'_>) -> Result<(Reseller, bool), Error> {
    if let Some(found) = app.store.reseller_by_domain(&asked.reseller.domain).await? {
        return Ok((found, false));
    }
    let reseller = Reseller {
        id: app.store.new_reseller_id().await?,
        name: asked.reseller.name.clone(),
        domain: asked.reseller.domain.clone(),
        leave_event_type: None,
        created: write.at,
    };
    app.store.reseller_create(&reseller, write).await?;
    Ok((reseller, true))
}

/// Plans never change: whoever has subscribed to one goes by what it allowed then.
async fn plans(app: &App, asked: &Init, reseller: &Reseller, write: &Write<'_>) -> Result<(), Error> {
    if asked.plans.is_empty() {
        return Ok(());
    }
    let known = app.store.plans(reseller.id).await?;
    for new in &asked.plans {
        if !(1..=500).contains(&new.allows.max_participants) {
            return Err(Refusal::invalid("plans.max_participants", "must be 1 to 500").into());
        }
        if Minutes::new(new.allows.max_minutes).is_none() {
            return Err(Refusal::invalid("plans.max_minutes", "must be 1 to 1440").into());
        }
        if known.iter().any(|plan| plan.name == new.name) {
            continue;
        }
        let plan = Plan {
            id: app.store.new_plan_id().await?,
            reseller: reseller.id,
            name: new.name.clone(),
            allows: new.allows,
            created: write.at,
        };
        match app.store.plan_create(&plan, write).await {
            // Another operator was faster, or the event names it twice.
            Err(store::Error::Taken(Unique::PlanName)) => {}
            made => made?,
        }
    }
    Ok(())
}

async fn company(app: &App, asked: &Init, reseller: &Reseller, write: &Write<'_>) -> Result<(Company, bool), Error> {
    let subdomain = asked.company.subdomain.clone();
    let fqdn = reseller
        .domain
        .below(&subdomain)
        .ok_or_else(|| Refusal::invalid("subdomain", "is too long"))?;
    let found = app
        .store
        .tenant(&fqdn)
        .await?
        .filter(|tenant| tenant.reseller == reseller.id);
    if let Some(id) = found.and_then(|tenant| tenant.company) {
        return Ok((
            app.store.company(&store::Scope::reseller(reseller.id), id).await?,
            false,
        ));
    }
    let company = Company {
        id: app.store.new_company_id().await?,
        reseller: reseller.id,
        subdomain,
        fqdn,
        name: asked.company.name.clone(),
        subscriptions: Vec::new(),
        own_domains: Vec::new(),
        deleting: None,
        version: 0,
        created: write.at,
        settings: CompanySettings::default(),
    };
    app.store.company_create(&company, write).await?;
    Ok((company, true))
}

async fn admin(app: &App, asked: &Init, company: &Company, write: &Write<'_>) -> Result<(HostId, bool), Error> {
    let admin = &asked.admin;
    if let Some(found) = app.store.host_by_email(company.reseller, &admin.email).await? {
        return Ok((found.id, false));
    }
    if admin.password.chars().count() < 8 {
        return Err(Refusal::invalid("admin.password", "must have at least 8 characters").into());
    }
    let password = app.passwords.hash(admin.password.clone(), app.random()).await?;
    let id = app.store.new_host_id().await?;
    let own_contact = app.store.new_contact_id().await?;
    // A code may be taken already, if seldom: another is tried.
    for _ in 0..8 {
        let sso_token = hex::encode(app.random::<16>());
        let host = Host {
            id,
            reseller: company.reseller,
            company: company.id,
            name: admin.name.clone(),
            email: admin.email.clone(),
            role: Role::ResellerAdmin,
            password_hash: Some(password.clone()),
            password_link: None,
            openid_sub: None,
            access_code: AccessCode::of_host(app.random()),
            moderator_pin: app.seal(&format!("host/{id}/moderator_pin"), Pin::random(app.random()).as_str()),
            sso_token_hash: token_hash(&sso_token),
            sso_token: app.seal(&format!("host/{id}/sso_token"), &sso_token),
            primary_dialin_number: None,
            phone: None,
            time_zone: None,
            locale: None,
            defaults: MeetingDefaults::default(),
            own_contact,
            subscriptions: Vec::new(),
            signed_out: None,
            deleting: None,
            version: 0,
            created: write.at,
        };
        match app.store.host_create(&host, write).await {
            Err(store::Error::Taken(Unique::AccessCode)) => {}
            outcome => return Ok(outcome.map(|()| (id, true))?),
        }
    }
    Err(Refusal::new(Code::Conflict, "No free access code was found").into())
}
