//! Companies, and which tenant a host name belongs to.

use domain::code::Fqdn;
use domain::company::Company;
use domain::id::{CompanyId, ResellerId};
use domain::time::millis_option;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audit::Change;
use crate::image::{Image, drop_former};
use crate::job::{Job, Work};
use crate::list::{Left, Span};
use crate::op::{Failure, Op};
use crate::value::{Item, from_item};
use crate::{Error, Page, Paging, Result, Scope, Store, Unique, Write, keys};

/// Whom a host name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The reseller.
    pub reseller: ResellerId,
    /// The company; none for the reseller's own domain.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub company: Option<CompanyId>,
    /// Until when this former name of the company leads to its present one ([`Company::fqdn`]); none for the present one.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
    /// It is a company's own name that is not served (yet, or any more): it keeps others from it and leads nowhere.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub claimed: bool,
}

impl Tenant {
    /// Whether requests under the name are the tenant's: not those under a former name, nor under one that is claimed only.
    #[must_use]
    pub const fn answers(&self) -> bool {
        self.until.is_none() && !self.claimed
    }
}

/// How long a company's former host name leads to its present one, and is nobody else's.
const MOVED: SignedDuration = SignedDuration::from_hours(24 * 366);

/// A company's host name; taken where nobody has it, or another company's redirection from it is over.
fn name(company: &Company, now: Timestamp) -> Op {
    let tenant = Tenant {
        reseller: company.reseller,
        company: Some(company.id),
        until: None,
        claimed: false,
    };
    Op::put(keys::fqdn(&company.fqdn), &tenant)
        .value(":company", &company.id)
        .value(":now", &now.as_millisecond())
        .when(
            "attribute_not_exists(#pk) OR (attribute_exists(#until) AND (#company = :company OR #until <= :now))",
            Failure::Taken(Unique::Subdomain),
        )
}

/// A company that was read, if the caller reaches it and it is there for anybody.
pub(crate) fn company_in(scope: &Scope, item: Option<&Item>) -> Result<Company> {
    let company: Company = from_item("company", item.ok_or(Error::NotFound("company"))?)?;
    scope.check(company.id, None)?;
    match company.deleting {
        None => Ok(company),
        Some(_) => Err(Error::NotFound("company")),
    }
}

impl Store {
    /// Makes a company with the pictures that it names; its host name must be unique.
    pub async fn company_create(&self, company: &Company, write: &Write<'_>, images: &[Image]) -> Result<()> {
        let mut ops = vec![
            Op::check(keys::reseller(company.reseller)).when_there(Failure::NotFound("reseller")),
            name(company, write.at),
            Op::put(keys::company(company.reseller, company.id), company)
                .indexed(keys::company_list(company.reseller, company.created, company.id))
                .when_new(Failure::Raced),
        ];
        ops.extend(images.iter().map(|image| image.keep(company)));
        let change = Change::created(format!("company/{}", company.id), company);
        ops.extend(write.ops(Some(company.reseller), Some(company.id), change, &company.id));
        self.commit(ops).await
    }

    /// A company in the caller's scope. One that is being deleted is there for nobody.
    pub async fn company(&self, scope: &Scope, id: CompanyId) -> Result<Company> {
        company_in(scope, self.get(keys::company(scope.reseller, id)).await?.as_ref())
    }

    /// The host name of a company that is there for anybody. One read, in the way that every function may.
    pub async fn company_name(&self, reseller: ResellerId, id: CompanyId) -> Result<Option<Fqdn>> {
        let found = self.get_many(&[keys::company(reseller, id)]).await?;
        match company_in(&Scope::reseller(reseller), found[0].as_ref()) {
            Ok(company) => Ok(Some(company.fqdn)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, and how many hosts it has.
    pub async fn company_counted(&self, scope: &Scope, id: CompanyId) -> Result<(Company, u64)> {
        let kept = self.company_whatever(scope.reseller, id).await?;
        let Kept { company, hosts } = kept.ok_or(Error::NotFound("company"))?;
        scope.check(id, None)?;
        match company.deleting {
            None => Ok((company, u64::try_from(hosts).unwrap_or_default())),
            Some(_) => Err(Error::NotFound("company")),
        }
    }

    async fn company_whatever(&self, reseller: ResellerId, id: CompanyId) -> Result<Option<Kept>> {
        let item = self.get(keys::company(reseller, id)).await?;
        item.map(|item| from_item("company", &item)).transpose()
    }

    /// A page of a reseller's companies, newest first. Up to two sequential reads.
    pub async fn companies(&self, reseller: ResellerId, paging: Paging<CompanyId>) -> Result<Page<Company>> {
        let after = match paging.after {
            Some(id) => {
                let wanted = [keys::company(reseller, id), keys::company_gone(reseller, id)];
                let found = self.get_many(&wanted).await?;
                let found = found.iter().flatten().next().ok_or(Error::NotListed)?;
                let left: Left = from_item("company", found)?;
                Some((left.created, id.value()))
            }
            None => None,
        };
        let span = Span {
            pk: keys::company_list_of(reseller),
            after,
            newest_first: true,
            limit: paging.limit,
        };
        self.list(span).await?.try_map(|item| from_item("company", &item))
    }

    /// Changes a company, if nobody else has since it was read. Its new host name must be unique; its former one leads to
    /// it for 12 months and is nobody else's. `images` are the pictures that it has not had before; those that it has no more
    /// go.
    pub async fn company_update(
        &self,
        before: &Company,
        after: &Company,
        write: &Write<'_>,
        images: &[Image],
    ) -> Result<()> {
        let (reseller, id) = (before.reseller, before.id);
        let next = Company {
            version: before.version + 1,
            ..after.clone()
        };
        let mut ops = vec![
            Op::change(keys::company(reseller, id), before, &next)
                .value(":version", &before.version)
                .when(
                    "#version = :version AND attribute_not_exists(#deleting)",
                    Failure::Raced,
                ),
        ];
        if before.fqdn != after.fqdn {
            let until = domain::conference::later(write.at, MOVED);
            ops.push(
                Op::update(keys::fqdn(&before.fqdn), "SET #until = :until, #ttl = :ttl")
                    .value(":until", &until.as_millisecond())
                    .value(":ttl", &until.as_second())
                    .value(":company", &id)
                    .when("#company = :company AND attribute_not_exists(#until)", Failure::Raced),
            );
            ops.push(name(after, write.at));
        }
        ops.extend(images.iter().map(|image| image.keep(after)));
        ops.extend(drop_former(before, Some(after)));
        let change = Change::difference(format!("company/{id}"), before, &next);
        ops.extend(write.ops(Some(reseller), Some(id), change, &id));
        self.commit(ops).await
    }

    /// Begins to delete a company, if nobody has changed it since it was read: nobody signs in or joins any more. The rest
    /// is a job, written in the same transaction. Without `force` it must have no hosts; one that comes meanwhile is a race.
    pub async fn company_delete(&self, company: &Company, force: bool, write: &Write<'_>) -> Result<()> {
        let (reseller, id) = (company.reseller, company.id);
        let empty = if force {
            ""
        } else {
            " AND (attribute_not_exists(#hosts) OR #hosts = :none)"
        };
        let mut marked = Op::update(
            keys::company(reseller, id),
            "SET #deleting = :now, #version = :next REMOVE #gs1pk, #gs1sk",
        )
        .value(":now", &write.at.as_millisecond())
        .value(":next", &(company.version + 1))
        .value(":version", &company.version);
        if !force {
            marked = marked.value(":none", &0);
        }
        let marked = marked.when(
            &format!("#version = :version AND attribute_not_exists(#deleting){empty}"),
            Failure::Raced,
        );
        let job = Job::new(reseller, id, Work::CompanyDelete, write.at);
        let mut ops = vec![marked, job.create()];
        let change = Change::removed(format!("company/{id}"), company);
        ops.extend(write.ops(Some(reseller), Some(id), change, &id));
        self.commit(ops).await
    }

    /// How many hosts a company that is being deleted still has; `None` where there is no such company.
    pub async fn company_hosts_left(&self, reseller: ResellerId, id: CompanyId) -> Result<Option<u64>> {
        let kept = self.company_whatever(reseller, id).await?;
        let deleting = kept.filter(|kept| kept.company.deleting.is_some());
        Ok(deleting.map(|kept| u64::try_from(kept.hosts).unwrap_or_default()))
    }

    /// Ends the deletion of a company that has no hosts and no names of its own any more: its host name is free. Harmless
    /// when repeated.
    pub async fn company_forget(&self, reseller: ResellerId, id: CompanyId, now: Timestamp) -> Result<()> {
        let Some(Kept { company, .. }) = self.company_whatever(reseller, id).await? else {
            return Ok(());
        };
        let mut ops = vec![
            Op::delete(keys::company(reseller, id)).value(":none", &0).when(
                "attribute_exists(#deleting) AND (attribute_not_exists(#hosts) OR #hosts <= :none) AND \
                 attribute_not_exists(#own_domains)",
                Failure::Raced,
            ),
            Op::delete(keys::fqdn(&company.fqdn))
                .value(":company", &id)
                .when("attribute_not_exists(#pk) OR #company = :company", Failure::Raced),
            Left {
                created: company.created,
                host: None,
            }
            .op(keys::company_gone(reseller, id), now),
        ];
        ops.extend(drop_former(&company, None));
        self.commit(ops).await
    }

    /// Whom this host name belongs to, if to anybody; also where it is a company's former name and its time is over. One
    /// read.
    pub async fn tenant(&self, name: &Fqdn) -> Result<Option<Tenant>> {
        self.get(keys::fqdn(name))
            .await?
            .map(|item| from_item("host name", &item))
            .transpose()
    }
}

/// A company with what only the table keeps of it.
#[derive(Deserialize)]
struct Kept {
    #[serde(flatten)]
    company: Company,
    #[serde(default)]
    hosts: i64,
}
