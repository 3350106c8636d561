//! Companies' own host names: what an operator does with them, and what time does.

use std::time::{Duration, Instant};

use domain::code::Fqdn;
use domain::company::Company;
use domain::own_domain::{DnsRecord, DomainState, OwnDomain, OwnName};
use domain::time::iso;
use domain::{Code, Error as Refusal};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use store::{Actor, Scope, Write};

use crate::app::App;
use crate::error::Error;
use crate::own_domains::{OwnDomains, advance};

/// How long one run takes up names.
const RUN: Duration = Duration::from_secs(40);
/// Names looked at in one round.
const ROUND: u32 = 20;
/// How often a decision is taken anew when the name or its company changes under it.
const TRIES: usize = 8;

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainAction {
    /// Claim a name for a company, and tell the record that proves it.
    Add,
    /// Say how far a name, or each of a company's, has come.
    Show,
    /// Look at once whether a name can go on; one that was given up begins anew.
    Verify,
    /// Serve it no more, and let it go.
    Remove,
}

/// What an operator asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainCommand {
    /// What to do.
    pub action: DomainAction,
    /// Which name; `show` without one shows all of the company.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<OwnName>,
    /// Whose, by a host name of the company: for `add`, and for `show` without a name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub company: Option<Fqdn>,
}

/// Names as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domains {
    /// None where the name that was asked for is nobody's.
    pub domains: Vec<DomainShown>,
}

/// A name as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainShown {
    /// The name.
    pub name: OwnName,
    /// Whose it is.
    pub company_id: domain::id::CompanyId,
    /// How far it has come.
    #[serde(flatten)]
    pub state: DomainState,
    /// Since when, ISO 8601.
    pub since: String,
    /// What was in its way when it was looked at last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// What its DNS must hold by now.
    pub records: Vec<DnsRecord>,
}

impl From<&OwnDomain> for DomainShown {
    fn from(domain: &OwnDomain) -> Self {
        Self {
            name: domain.name.clone(),
            company_id: domain.company,
            state: match &domain.state {
                // They stand among all the others.
                DomainState::Validating { certificate, .. } => DomainState::Validating {
                    certificate: certificate.clone(),
                    records: Vec::new(),
                },
                state => state.clone(),
            },
            since: iso(domain.since),
            problem: domain.problem.clone(),
            records: domain.records(),
        }
    }
}

/// Does what an operator asks for. Harmless when repeated.
///
/// # Errors
/// When the installation has no edge for own names, the name is somebody else's or may be nobody's own, the company is not
/// there, or the table failed.
pub async fn domain(app: &App, asked: &DomainCommand) -> Result<Domains, Error> {
    let shown = match (asked.action, &asked.name, &asked.company) {
        (DomainAction::Show, None, Some(host)) => {
            let company = company(app, host).await?;
            app.store.domains_of(&company).await?
        }
        (_, None, _) => return Err(Refusal::missing("name").into()),
        (DomainAction::Show, Some(name), _) => app.store.domain(name).await?.into_iter().collect(),
        (DomainAction::Add, Some(_), None) => return Err(Refusal::missing("company").into()),
        (DomainAction::Add, Some(name), Some(host)) => {
            let means = app.own_domains()?;
            let added = add(app, name, host).await?;
            moved(app, means, added).await?
        }
        (DomainAction::Verify, Some(name), _) => {
            let means = app.own_domains()?;
            match begin(app, name, anew).await? {
                Some(domain) => moved(app, means, domain).await?,
                None => return Err(Refusal::not_found("domain").with_field("name").into()),
            }
        }
        (DomainAction::Remove, Some(name), _) => {
            let means = app.own_domains()?;
            match begin(app, name, DomainState::removal).await? {
                Some(domain) => moved(app, means, domain).await?,
                None => Vec::new(),
            }
        }
    };
    Ok(Domains {
        domains: shown.iter().map(DomainShown::from).collect(),
    })
}

/// One that was given up begins again with its proof.
fn anew(state: &DomainState) -> DomainState {
    match state {
        DomainState::Failed { .. } => DomainState::Unproven,
        state => state.clone(),
    }
}

async fn company(app: &App, host: &Fqdn) -> Result<Company, Error> {
    let unknown = || Refusal::not_found("company").with_field("company");
    let tenant = app.store.tenant(host).await?.ok_or_else(unknown)?;
    let id = tenant.company.ok_or_else(unknown)?;
    Ok(app.store.company(&Scope::reseller(tenant.reseller), id).await?)
}

fn write<'w>(app: &App, action: &'w str) -> Write<'w> {
    Write {
        at: app.now(),
        by: Actor::Operator,
        action,
        claim: None,
    }
}

/// Claims a name; one that the company has already stays as it is.
async fn add(app: &App, name: &OwnName, host: &Fqdn) -> Result<OwnDomain, Error> {
    if app.store.domain_is_resellers(name).await? {
        let why = "lies in a reseller's domain, where companies have their names by their subdomain";
        return Err(Refusal::invalid("name", why).into());
    }
    for _ in 0..TRIES {
        let company = company(app, host).await?;
        if let Some(there) = app.store.domain(name).await? {
            let own = (there.reseller, there.company) == (company.reseller, company.id);
            return match there.state {
                _ if !own => Err(Refusal::taken("name").into()),
                DomainState::Removing { .. } => Err(Refusal::new(
                    Code::Conflict,
                    "The name is still being removed, please try again later",
                )
                .into()),
                _ => Ok(there),
            };
        }
        let now = app.now();
        let domain = OwnDomain {
            name: name.clone(),
            reseller: company.reseller,
            company: company.id,
            challenge: hex::encode(app.random::<16>()),
            state: DomainState::Unproven,
            since: now,
            looked: None,
            problem: None,
            version: 0,
            created: now,
        };
        match app.store.domain_add(&company, &domain, &write(app, "domain_add")).await {
            Ok(()) => return Ok(domain),
            // The company has changed, or somebody else was faster: perhaps for this very company.
            Err(store::Error::Raced) => {}
            Err(error @ store::Error::Taken(_)) => {
                if app.store.domain(name).await?.is_none() {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(store::Error::Raced.into())
}

/// Takes a name into another state, from which it goes on by itself. `None`: there is no such name.
pub(super) async fn begin(
    app: &App,
    name: &OwnName,
    into: impl Fn(&DomainState) -> DomainState,
) -> Result<Option<OwnDomain>, Error> {
    for _ in 0..TRIES {
        let Some(domain) = app.store.domain(name).await? else {
            return Ok(None);
        };
        let state = into(&domain.state);
        if state == domain.state {
            return Ok(Some(domain));
        }
        let write = write(app, "domain_change");
        let after = domain.entered(state, write.at);
        match app.store.domain_change(&domain, &after, Some(write.at), &write).await {
            Ok(changed) => return Ok(Some(changed)),
            Err(store::Error::Raced) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(store::Error::Raced.into())
}

/// The name after it has gone as far as it goes now; as others have made it where they are at it too.
async fn moved(app: &App, means: &OwnDomains, domain: OwnDomain) -> Result<Vec<OwnDomain>, Error> {
    let name = domain.name.clone();
    match advance(app, means, domain).await? {
        Some(domain) => Ok(vec![domain]),
        None => Ok(app.store.domain(&name).await?.into_iter().collect()),
    }
}

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Advanced {
    /// Names looked at.
    pub looked: usize,
    /// Names that are served since.
    pub serving: usize,
    /// Names that are gone since.
    pub gone: usize,
}

/// Looks at names whose time has come. Harmless when repeated, and in several processes at once.
///
/// # Errors
/// When the table failed. What is in a name's way is kept with it.
pub async fn domains(app: &App) -> Result<Advanced, Error> {
    let (started, mut done) = (Instant::now(), Advanced::default());
    let Ok(means) = app.own_domains() else {
        return Ok(done);
    };
    let mut seen: Vec<OwnName> = Vec::new();
    while started.elapsed() < RUN {
        let due = app.store.domains_due(app.now(), ROUND).await?;
        let fresh: Vec<OwnName> = due.into_iter().filter(|name| !seen.contains(name)).collect();
        if fresh.is_empty() {
            break;
        }
        for name in fresh {
            seen.push(name.clone());
            let Some(domain) = app.store.domain(&name).await? else {
                continue;
            };
            if domain.state.rests() || started.elapsed() >= RUN {
                continue;
            }
            let removing = matches!(domain.state, DomainState::Removing { .. });
            done.looked += 1;
            match advance(app, means, domain).await? {
                Some(domain) => done.serving += usize::from(domain.state.is_serving()),
                None => done.gone += usize::from(removing && app.store.domain(&name).await?.is_none()),
            }
        }
    }
    Ok(done)
}

/// Begins to take a deleted company's names away. Answers whether it still has some.
pub(super) async fn domains_of_deleted(app: &App, company: &Company) -> Result<bool, Error> {
    for own in &company.own_domains {
        begin(app, &own.name, DomainState::removal).await?;
    }
    Ok(!company.own_domains.is_empty())
}

/// How long a deleted company waits for its names to be gone.
pub(super) const NAMES_GO: SignedDuration = SignedDuration::from_secs(60);
