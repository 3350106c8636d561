//! Who calls, and what they may touch: the tenant of a host name, the account behind a token, the rank rule.

use domain::id::{CompanyId, HostId, ResellerId};
use domain::{Code, Error as Refusal, Role};
use store::{Scope, Tenant};

use crate::app::App;
use crate::endpoint::{Access, Route};
use crate::error::Error;
use crate::request::Request;

/// The account behind a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub host: HostId,
    /// Its company.
    pub company: CompanyId,
    /// The reseller of all it can reach.
    pub reseller: ResellerId,
    /// What it acts as: a session of single sign-on acts as HOST whatever the account's role.
    pub role: Role,
}

/// Something that a caller wants to reach: a company, an account, or what belongs to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its reseller.
    pub reseller: ResellerId,
    /// Its company.
    pub company: CompanyId,
    /// The account that owns it, where one does.
    pub host: Option<HostId>,
}

impl Caller {
    /// What the store may show and change for this caller.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self.role {
            Role::ResellerAdmin => Scope::reseller(self.reseller),
            Role::CompanyAdmin => Scope::company(self.reseller, self.company),
            Role::Host => Scope::host(self.reseller, self.company, self.host),
        }
    }

    /// Whether this caller may reach `object`.
    ///
    /// # Errors
    ///
    /// 404 for an object of another reseller, whose existence is not disclosed; 403 for one of the same reseller
    /// outside the caller's company or account.
    pub fn reach(&self, object: Object) -> Result<(), Refusal> {
        if object.reseller != self.reseller {
            return Err(not_found());
        }
        let inside = match self.role {
            Role::ResellerAdmin => true,
            Role::CompanyAdmin => object.company == self.company,
            Role::Host => object.host == Some(self.host),
        };
        if inside { Ok(()) } else { Err(forbidden()) }
    }

    /// The rank rule for reading: secrets of an account ranked above the caller are not shown.
    #[must_use]
    pub fn sees_secrets_of(&self, role: Role) -> bool {
        role <= self.role
    }

    /// The rank rule for changing.
    ///
    /// # Errors
    ///
    /// 403 for an account ranked above the caller.
    pub fn outranked_by_none(&self, role: Role) -> Result<(), Refusal> {
        if role <= self.role {
            Ok(())
        } else {
            Err(Refusal::new(Code::Forbidden, "the account is ranked above yours"))
        }
    }
}

/// 404: no such object, or one of another reseller.
#[must_use]
pub fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "no such object")
}

/// 403: outside the caller's company or account.
#[must_use]
pub fn forbidden() -> Refusal {
    Refusal::new(Code::Forbidden, "outside of what your account may reach")
}

fn unauthenticated(message: &'static str) -> Error {
    Refusal::new(Code::Unauthenticated, message).into()
}
