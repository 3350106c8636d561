//! Hosts: accounts, found by id, mail address or code; made, changed, deleted.

use std::collections::HashMap;

use domain::Role;
use domain::code::Email;
use domain::company::Company;
use domain::conference::CodeKind;
use domain::hook::Happening;
use domain::host::Host;
use domain::id::{CompanyId, ContactId, HostId, LARGEST_ID, ResellerId};
use domain::time::{millis, millis_option};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audit::Change;
use crate::company::company_in;
use crate::contact::contact_ops;
use crate::job::{Job, Work};
use crate::list::Span;
use crate::op::{Failure, Op};
use crate::value::{Item, from_item};
use crate::{Error, News, Page, Paging, Result, Room, Scope, Store, Unique, Write, keys, password};

/// How long a host's former code is not given to anybody.
const QUARANTINE: SignedDuration = SignedDuration::from_hours(24 * 366);

/// What a guard points to.
#[derive(Serialize, Deserialize)]
struct Guard {
    host: HostId,
    company: CompanyId,
}

impl Guard {
    /// Ids that nobody has.
    fn nobody() -> Self {
        Self {
            host: HostId::new(LARGEST_ID).expect("the largest id is an id"),
            company: CompanyId::new(LARGEST_ID).expect("the largest id is an id"),
        }
    }

    fn of(host: &Host) -> Self {
        Self {
            host: host.id,
            company: host.company,
        }
    }
}

/// What is left of a host that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneHost {
    /// Its id.
    pub id: HostId,
    /// Its company.
    pub company: CompanyId,
    /// What it was, for the rank rule.
    pub role: Role,
    /// When it was made: a page of a list may still come behind it.
    #[serde(with = "millis", default)]
    pub created: Timestamp,
    /// When it was deleted.
    #[serde(with = "millis")]
    pub deleted: Timestamp,
    /// Since when it is being erased.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub erasing: Option<Timestamp>,
    /// When nothing of it was left but this and numbers.
    #[serde(with = "millis_option", skip_serializing_if = "Option::is_none", default)]
    pub erased: Option<Timestamp>,
}

fn email_guard(host: &Host) -> Op {
    Op::put(keys::host_email(host.reseller, &host.email), &Guard::of(host))
        .indexed(keys::host_list_all(host.reseller, host.created, host.id))
        .when_new(Failure::Taken(Unique::Email))
}

fn openid_guard(host: &Host, sub: &str) -> Op {
    Op::put(keys::host_openid(host.reseller, sub), &Guard::of(host)).when_new(Failure::Taken(Unique::OpenIdSub))
}

/// Frees a value that this host holds.
fn freed(key: keys::Key, host: HostId) -> Op {
    Op::delete(key)
        .value(":host", &host)
        .when("#host = :host", Failure::Raced)
}

/// A host's room on its code; taken where nobody has it, or had it and its quarantine is over.
fn room(host: &Host, now: Timestamp) -> Op {
    let room = Room {
        code: host.access_code,
        kind: CodeKind::Host,
        reseller: host.reseller,
        company: host.company,
        host: host.id,
        conference: None,
        live: None,
        retired: None,
        closed: None,
        version: 0,
    };
    Op::put(keys::room(host.access_code), &room)
        .value(":now", &now.as_second())
        .when(
            "attribute_not_exists(#pk) OR #ttl <= :now",
            Failure::Taken(Unique::AccessCode),
        )
}

/// Takes a host's code from it and puts it into quarantine. `how` is `retired`, where what is planned on it still opens,
/// or `closed`.
fn quarantined(host: &Host, how: &str, now: Timestamp) -> Op {
    let until = domain::conference::later(now, QUARANTINE);
    Op::update(keys::room(host.access_code), &format!("SET #{how} = :now, #ttl = :ttl"))
        .value(":now", &now.as_millisecond())
        .value(":ttl", &until.as_second())
        .value(":host", &host.id)
        .when("#host = :host AND attribute_not_exists(#closed)", Failure::Raced)
}

/// A host that was read, if the caller reaches it and it is there for anybody.
pub(crate) fn host_in(scope: &Scope, item: Option<&Item>) -> Result<Host> {
    let host: Host = from_item("host", item.ok_or(Error::NotFound("host"))?)?;
    scope.check(host.company, Some(host.id))?;
    match host.deleting {
        None => Ok(host),
        Some(_) => Err(Error::NotFound("host")),
    }
}

impl Store {
    /// Makes a host, its room, and its own entry in its address book. Mail address, access code and OpenID subject must be
    /// unique; the company must exist.
    pub async fn host_create(&self, host: &Host, write: &Write<'_>) -> Result<()> {
        self.host_create_then(host, None, write).await
    }

    /// The same, and leaves this job, such as the mail to it.
    pub async fn host_create_then(&self, host: &Host, then: Option<Work>, write: &Write<'_>) -> Result<()> {
        let Host {
            id, reseller, company, ..
        } = *host;
        let counted = Op::update(keys::company(reseller, company), "ADD #hosts :one")
            .value(":one", &1)
            .when(
                "attribute_exists(#pk) AND attribute_not_exists(#deleting)",
                Failure::NotFound("company"),
            );
        let mut ops = vec![
            counted,
            email_guard(host),
            room(host, write.at),
            Op::put(keys::host(reseller, id), host)
                .indexed(keys::host_list(reseller, company, host.created, id))
                .when_new(Failure::Raced),
        ];
        ops.extend(host.openid_sub.as_ref().map(|sub| openid_guard(host, sub)));
        ops.extend(password::link_op(host));
        ops.extend(contact_ops(reseller, &host.contact(), Failure::Raced));
        ops.extend(then.map(|work| Job::new(reseller, company, work, write.at).create()));
        ops.push(happened(host, Happening::HostCreated, write.at));
        ops.extend(write.ops(
            Some(reseller),
            Some(company),
            Change::created(format!("host/{id}"), host).about(id),
            &id,
        ));
        self.commit(ops).await
    }

    /// A host in the caller's scope.
    pub async fn host(&self, scope: &Scope, id: HostId) -> Result<Host> {
        host_in(scope, self.get(keys::host(scope.reseller, id)).await?.as_ref())
    }

    /// A host and its company, which is known to be this one, both in the caller's scope. One read.
    pub async fn host_of_company(&self, scope: &Scope, id: HostId, company: CompanyId) -> Result<(Host, Company)> {
        let wanted = [keys::host(scope.reseller, id), keys::company(scope.reseller, company)];
        let found = self.get_many(&wanted).await?;
        Ok((
            host_in(scope, found[0].as_ref())?,
            company_in(scope, found[1].as_ref())?,
        ))
    }

    /// The host of this mail address in this reseller, if there is one. Two sequential reads.
    pub async fn host_by_email(&self, reseller: ResellerId, email: &Email) -> Result<Option<Host>> {
        let Some(guard) = self.get(keys::host_email(reseller, email)).await? else {
            return Ok(None);
        };
        let Guard { host, .. } = from_item("mail address", &guard)?;
        self.get(keys::host(reseller, host))
            .await?
            .map(|item| from_item("host", &item))
            .transpose()
    }

    /// The account that this mail address signs in as: one that is there, of a company that is not being deleted. Two
    /// sequential reads, whether there is one or not.
    pub async fn host_signing_in(&self, reseller: ResellerId, email: &Email) -> Result<Option<Host>> {
        self.account_behind(reseller, keys::host_email(reseller, email)).await
    }

    /// The same for an OpenID subject.
    pub async fn host_by_openid(&self, reseller: ResellerId, sub: &str) -> Result<Option<Host>> {
        self.account_behind(reseller, keys::host_openid(reseller, sub)).await
    }

    async fn account_behind(&self, reseller: ResellerId, guard: keys::Key) -> Result<Option<Host>> {
        let guard: Option<Guard> = self
            .get(guard)
            .await?
            .map(|item| from_item("guard of an account", &item))
            .transpose()?;
        let guard = guard.unwrap_or_else(Guard::nobody);
        let wanted = [keys::host(reseller, guard.host), keys::company(reseller, guard.company)];
        let found = self.get_many(&wanted).await?;
        let (Some(host), Some(company)) = (&found[0], &found[1]) else {
            return Ok(None);
        };
        let (host, company): (Host, Company) = (from_item("host", host)?, from_item("company", company)?);
        let stands = host.deleting.is_none() && company.deleting.is_none();
        Ok(Some(host).filter(|_| stands))
    }

    /// A page of a company's hosts, oldest first. Up to two sequential reads.
    pub async fn hosts(&self, scope: &Scope, company: CompanyId, paging: Paging<HostId>) -> Result<Page<Host>> {
        scope.check(company, None)?;
        let after = match paging.after {
            Some(id) => {
                let listed = self.host_remains(scope, id).await.map_err(Error::of_list)?;
                if listed.company() != company {
                    return Err(Error::NotListed);
                }
                Some((listed.created(), id.value()))
            }
            None => None,
        };
        let span = Span {
            pk: keys::host_list_of(scope.reseller, company),
            after,
            newest_first: false,
            limit: paging.limit,
        };
        self.list(span).await?.try_map(|item| from_item("host", &item))
    }

    /// A page of all hosts of a reseller with their companies, oldest first, and behind which the next one comes where there
    /// is more: who was deleted lately, or is with its company, is passed over. Two sequential reads; three behind a host
    /// that this process has not answered at the end of a page.
    pub async fn hosts_all(
        &self,
        reseller: ResellerId,
        paging: Paging<HostId>,
    ) -> Result<(Vec<(Host, Company)>, Option<HostId>)> {
        let after = match paging.after {
            Some(id) => Some((self.host_created(reseller, id).await?, id.value())),
            None => None,
        };
        let span = Span {
            pk: keys::host_list_all_of(reseller),
            after,
            newest_first: false,
            limit: paging.limit,
        };
        let guards: Page<Guard> = self
            .list(span)
            .await?
            .try_map(|item| from_item("mail address", &item))?;
        let hosts = guards.items.iter().map(|guard| keys::host(reseller, guard.host));
        let companies = guards.items.iter().map(|guard| keys::company(reseller, guard.company));
        let found = self.get_many(&hosts.chain(companies).collect::<Vec<_>>()).await?;
        let (hosts, companies) = found.split_at(guards.items.len());
        let mut known: HashMap<CompanyId, Company> = HashMap::new();
        for item in companies.iter().flatten() {
            let company: Company = from_item("company", item)?;
            known.insert(company.id, company);
        }
        let mut items = Vec::with_capacity(hosts.len());
        let next = guards.items.last().map(|guard| guard.host).filter(|_| guards.more);
        for item in hosts.iter().flatten() {
            let host: Host = from_item("host", item)?;
            if Some(host.id) == next {
                self.ends.keep((reseller, host.id), host.created);
            }
            let stands = |company: &&Company| host.deleting.is_none() && company.deleting.is_none();
            if let Some(company) = known.get(&host.company).filter(stands) {
                items.push((host, company.clone()));
            }
        }
        Ok((items, next))
    }

    /// When a host was made that a page shall come behind.
    async fn host_created(&self, reseller: ResellerId, id: HostId) -> Result<Timestamp> {
        match self.ends.known((reseller, id)) {
            Some(created) => Ok(created),
            None => {
                let listed = self.host_remains(&Scope::reseller(reseller), id).await;
                Ok(listed.map_err(Error::of_list)?.created())
            }
        }
    }

    /// Changes a host, if nobody else has since it was read. Its new mail address, access code and OpenID subject must be
    /// unique; its former ones are free at once, but for the code, which nobody gets for 12 months and on which only what
    /// is planned there already still opens. Its own entry in its address book follows; `known` is the entry that its new
    /// mail address has there, which goes.
    pub async fn host_update(
        &self,
        before: &Host,
        after: &Host,
        known: Option<ContactId>,
        write: &Write<'_>,
    ) -> Result<()> {
        let (id, reseller) = (before.id, before.reseller);
        let next = Host {
            version: before.version + 1,
            ..after.clone()
        };
        let mut ops = vec![
            Op::change(keys::host(reseller, id), before, &next)
                .value(":version", &before.version)
                .when(
                    "#version = :version AND attribute_not_exists(#deleting)",
                    Failure::Raced,
                ),
        ];
        if before.email.folded() != after.email.folded() {
            ops.push(freed(keys::host_email(reseller, &before.email), id));
            ops.push(email_guard(after));
        }
        if before.openid_sub != after.openid_sub {
            ops.extend(
                before
                    .openid_sub
                    .as_ref()
                    .map(|sub| freed(keys::host_openid(reseller, sub), id)),
            );
            ops.extend(after.openid_sub.as_ref().map(|sub| openid_guard(after, sub)));
        }
        if before.access_code != after.access_code {
            ops.push(quarantined(before, "retired", write.at));
            ops.push(room(after, write.at));
        }
        ops.extend(crate::contact::own_contact_ops(before, after, known));
        ops.push(happened(after, Happening::HostUpdated, write.at));
        let change = Change::difference(format!("host/{id}"), before, &next).about(id);
        ops.extend(write.ops(Some(reseller), Some(before.company), change, &id));
        self.commit(ops).await
    }

    /// Begins to delete a host, if nobody has changed it since it was read: from now on nobody signs in as it, its sessions
    /// are over, its code opens nothing and is nobody's for 12 months, its mail address and OpenID subject are free. The
    /// rest is a job, written in the same transaction.
    pub async fn host_delete(&self, host: &Host, write: &Write<'_>) -> Result<()> {
        let work = Work::HostDelete {
            host: host.id,
            pass: 1,
            after: None,
        };
        let mut ops = going_ops(host, work, None, write.at);
        let change = Change::removed(format!("host/{}", host.id), host).about(host.id);
        ops.extend(write.ops(Some(host.reseller), Some(host.company), change, &host.id));
        self.commit(ops).await
    }

    /// Ends the deletion of a host: what is left is that its id was given. Harmless when repeated.
    pub async fn host_forget(&self, reseller: ResellerId, id: HostId) -> Result<()> {
        self.commit(vec![forgotten(reseller, id)]).await
    }
}

/// The write that lets webhooks hear of a host.
fn happened(host: &Host, happening: Happening, now: Timestamp) -> Op {
    News::of_host((host.reseller, host.company, host.id), happening, now)
}

/// The item of a deleted host goes.
pub(crate) fn forgotten(reseller: ResellerId, id: HostId) -> Op {
    Op::delete(keys::host(reseller, id)).when(
        "attribute_not_exists(#pk) OR attribute_exists(#deleting)",
        Failure::Raced,
    )
}

/// What begins the deletion of a host, with the work that does the rest.
pub(crate) fn going_ops(host: &Host, work: Work, erasing: Option<Timestamp>, now: Timestamp) -> Vec<Op> {
    let Host {
        id, reseller, company, ..
    } = *host;
    let marked = Op::update(
        keys::host(reseller, id),
        "SET #deleting = :now, #signed_out = :now, #version = :next REMOVE #gs1pk, #gs1sk",
    )
    .value(":now", &now.as_millisecond())
    .value(":next", &(host.version + 1))
    .value(":version", &host.version)
    .when(
        "#version = :version AND attribute_not_exists(#deleting)",
        Failure::Raced,
    );
    let counted = Op::update(keys::company(reseller, company), "ADD #hosts :one").value(":one", &-1);
    let job = Job::new(reseller, company, work, now);
    let gone = GoneHost {
        id,
        company,
        role: host.role,
        created: host.created,
        deleted: now,
        erasing,
        erased: None,
    };
    let mut ops = vec![
        marked,
        counted,
        freed(keys::host_email(reseller, &host.email), id),
        quarantined(host, "closed", now),
        Op::put(keys::host_gone(reseller, id), &gone),
        job.create(),
        happened(host, Happening::HostDeleted, now),
    ];
    ops.extend(
        host.openid_sub
            .as_ref()
            .map(|sub| freed(keys::host_openid(reseller, sub), id)),
    );
    ops
}
