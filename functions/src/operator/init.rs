//! The installation's first reseller with its domain, company and admin, and the keys of relays.

use domain::Role;
use domain::code::{AccessCode, Email, Fqdn, Pin, Subdomain};
use domain::company::{Company, CompanySettings, Images, LeaveEvent, OpenIdClient, Reseller};
use domain::conference::Minutes;
use domain::host::{Host, MeetingDefaults};
use domain::id::{CompanyId, HostId, RelayId, ResellerId};
use domain::jws::{Jwk, VerifyingKey};
use domain::plan::{Allowance, Plan};
use domain::sealed::token_hash;
use domain::text::Name;
use domain::{Code, Error as Refusal};
use serde::{Deserialize, Serialize};
use store::{Actor, Scope, Unique, Write};

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
    /// The `type` of the message that its pages post when somebody leaves, in place of the contract's own; absent, it stays
    /// as it is.
    #[serde(default)]
    pub leave_event_type: Option<LeaveEvent>,
    /// Mails to people of its companies' meetings, and to new accounts, that go out in a day (UTC) at most; 0 for as many as there are.
    /// Absent, it stays as it is.
    #[serde(default)]
    pub daily_mails: Option<u32>,
    /// The OpenID Connect provider that hosts of its companies may sign in with; absent, it stays as it is.
    #[serde(default)]
    pub openid: Option<OpenId>,
}

/// Convoke as it is registered with an OpenID Connect provider.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenId {
    /// The provider's issuer identifier, such as `https://id.example.com`.
    pub issuer: String,
    /// What the provider calls Convoke.
    pub client_id: String,
    /// What Convoke proves itself by; absent where the provider knows it as a public client.
    #[serde(default)]
    pub client_secret: Option<String>,
}

impl std::fmt::Debug for OpenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenId")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
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
    #[serde(deserialize_with = "domain::given::given")]
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
/// already stays as it is but for a relay's key and the reseller's leave event, mails of a day and provider, so this may be repeated, also after a
/// failure half-way, and by two at once.
///
/// # Errors
/// When a value is taken by something else, the admin's address by an account that is none of the reseller's admins (nothing is
/// written then), or the table failed.
pub async fn init(app: &App, asked: &Init) -> Result<Initialised, Error> {
    let fqdn = sound(app, asked)?;
    let write = Write {
        at: app.now(),
        by: Actor::Operator,
        action: "operator_init",
        claim: None,
    };
    let known = app.store.reseller_by_domain(&asked.reseller.domain).await?;
    let mut admin = None;
    if let Some(reseller) = &known {
        admin = admin_of(app, reseller.id, &asked.admin).await?;
    }
    if admin.is_none() && asked.admin.password.chars().count() < 8 {
        return Err(Refusal::invalid("admin.password", "must have at least 8 characters").into());
    }
    let (reseller, made_reseller) = match known {
        Some(reseller) => (reseller, false),
        None => new_reseller(app, asked, &write).await?,
    };
    let wanted = wanted(app, asked, &reseller)?;
    if wanted != reseller {
        app.store.reseller_update(&reseller, &wanted, &write).await?;
    }
    let (company, made_company) = company(app, asked, &reseller, fqdn, &write).await?;
    let (host, made_host) = match admin {
        Some(id) => (id, false),
        None => new_admin(app, asked, &company, &write).await?,
    };
    for relay in &asked.relays {
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

/// The reseller with what the operator sets of it.
fn wanted(app: &App, asked: &Init, reseller: &Reseller) -> Result<Reseller, Error> {
    let mut wanted = reseller.clone();
    if let Some(event) = &asked.reseller.leave_event_type {
        wanted.leave_event_type = Some(event.clone());
    }
    if let Some(daily) = asked.reseller.daily_mails {
        wanted.daily_mails = Some(daily).filter(|daily| *daily > 0);
    }
    if let Some(openid) = &asked.reseller.openid {
        let place = Reseller::openid_place(reseller.id);
        let known = reseller.openid_secret.as_ref();
        let known = known.map(|sealed| app.open(&place, sealed)).transpose()?;
        wanted.openid = Some(OpenIdClient {
            issuer: openid.issuer.clone(),
            client_id: openid.client_id.clone(),
        });
        // Sealed anew it would be another.
        if known != openid.client_secret {
            wanted.openid_secret = openid.client_secret.as_ref().map(|secret| app.seal(&place, secret));
        }
    }
    Ok(wanted)
}

/// Refuses what the types let through; answers the company's host name.
fn sound(app: &App, asked: &Init) -> Result<Fqdn, Refusal> {
    if let Some(openid) = &asked.reseller.openid {
        crate::openid::check_issuer(app, &openid.issuer)
            .map_err(|why| Refusal::invalid("reseller.openid.issuer", why))?;
        let secret = openid.client_secret.as_deref();
        for (field, text) in [
            ("client_id", Some(openid.client_id.as_str())),
            ("client_secret", secret),
        ] {
            // RFC 6749, appendix A.
            let plain =
                |text: &str| (1..=512).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            if text.is_some_and(|text| !plain(text)) {
                let field = format!("reseller.openid.{field}");
                return Err(Refusal::invalid(field, "must be 1 to 512 characters of ASCII"));
            }
        }
    }
    for relay in &asked.relays {
        VerifyingKey::from_jwk(&relay.key).map_err(|why| Refusal::invalid("relays.key", why))?;
    }
    for new in &asked.plans {
        if !(1..=500).contains(&new.allows.max_participants) {
            return Err(Refusal::invalid("plans.max_participants", "must be 1 to 500"));
        }
        if Minutes::new(new.allows.max_minutes).is_none() {
            return Err(Refusal::invalid("plans.max_minutes", "must be 1 to 1440"));
        }
    }
    let fqdn = asked.reseller.domain.below(&asked.company.subdomain);
    fqdn.ok_or_else(|| Refusal::invalid("company.subdomain", "is too long"))
}

async fn new_reseller(app: &App, asked: &Init, write: &Write<'_>) -> Result<(Reseller, bool), Error> {
    let reseller = Reseller {
        id: app.store.new_reseller_id().await?,
        name: asked.reseller.name.clone(),
        domain: asked.reseller.domain.clone(),
        leave_event_type: asked.reseller.leave_event_type.clone(),
        openid: None,
        openid_secret: None,
        daily_mails: None,
        created: write.at,
    };
    match app.store.reseller_create(&reseller, write).await {
        Err(taken @ store::Error::Taken(Unique::Domain)) => {
            // Another operator was faster, or it is a company's own name.
            let found = app.store.reseller_by_domain(&reseller.domain).await?;
            Ok((found.ok_or(taken)?, false))
        }
        made => Ok(made.map(|()| (reseller, true))?),
    }
}

/// Plans never change: whoever has subscribed to one goes by what it allowed then.
async fn plans(app: &App, asked: &Init, reseller: &Reseller, write: &Write<'_>) -> Result<(), Error> {
    if asked.plans.is_empty() {
        return Ok(());
    }
    let known = app.store.plans(reseller.id).await?;
    for new in &asked.plans {
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

async fn company(
    app: &App,
    asked: &Init,
    reseller: &Reseller,
    fqdn: Fqdn,
    write: &Write<'_>,
) -> Result<(Company, bool), Error> {
    if let Some(found) = company_of(app, reseller, &fqdn).await? {
        return Ok((found, false));
    }
    let company = Company {
        id: app.store.new_company_id().await?,
        reseller: reseller.id,
        subdomain: asked.company.subdomain.clone(),
        fqdn,
        name: asked.company.name.clone(),
        subscriptions: Vec::new(),
        own_domains: Vec::new(),
        images: Images::default(),
        deleting: None,
        version: 0,
        created: write.at,
        settings: CompanySettings::default(),
    };
    match app.store.company_create(&company, write, &[]).await {
        // Another operator was faster.
        Err(taken @ store::Error::Taken(Unique::Subdomain)) => {
            let found = company_of(app, reseller, &company.fqdn).await?;
            Ok((found.ok_or(taken)?, false))
        }
        made => Ok(made.map(|()| (company, true))?),
    }
}

/// The reseller's company under this host name.
async fn company_of(app: &App, reseller: &Reseller, fqdn: &Fqdn) -> Result<Option<Company>, Error> {
    let found = app.store.tenant(fqdn).await?;
    let id = found
        .filter(|tenant| tenant.reseller == reseller.id)
        .and_then(|tenant| tenant.company);
    match id {
        Some(id) => Ok(Some(app.store.company(&Scope::reseller(reseller.id), id).await?)),
        None => Ok(None),
    }
}

/// The admin, if it is there: another account at its address would have a password and a role that nobody asked for.
async fn admin_of(app: &App, reseller: ResellerId, admin: &Admin) -> Result<Option<HostId>, Error> {
    match app.store.host_by_email(reseller, &admin.email).await? {
        Some(found) if found.role != Role::ResellerAdmin => {
            let message = "The address belongs to an account that is no admin of the reseller: name another, or raise its role first";
            Err(Refusal::new(Code::Conflict, message).with_field("admin.email").into())
        }
        found => Ok(found.map(|found| found.id)),
    }
}

async fn new_admin(app: &App, asked: &Init, company: &Company, write: &Write<'_>) -> Result<(HostId, bool), Error> {
    let admin = &asked.admin;
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
            reset_link: None,
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
            // Another operator was faster.
            Err(taken @ store::Error::Taken(Unique::Email)) => {
                let found = admin_of(app, company.reseller, admin).await?;
                return Ok((found.ok_or(taken)?, false));
            }
            outcome => return Ok(outcome.map(|()| (id, true))?),
        }
    }
    Err(Refusal::new(Code::Conflict, "No free access code was found").into())
}
