//! Grants of what is done to companies, their plans and subscriptions, and of the audit. In alphabetical order.

use store::Partition::{
    Company, CompanyList, Counter, Fqdn, Host, Image, Job, Rate, Reseller, ResellerAudit, Session, Usage,
};

use super::Action::{BatchGet, Check, Delete, Get, Put, Query, QueryIndex, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "audit_fetch_all",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Company, ResellerAudit]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "company_create",
        &[
            (&[Update], &[Counter, Host, Session, Rate]),
            (&[Query, Check], &[Reseller]),
            (&[Get], &[Reseller, Fqdn]),
            (&[Put], &[Fqdn, Company, Image]),
            (&[BatchGet], &[Company, Host]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "company_delete",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Company, Host, Session, Rate]),
            (&[Put], &[Company, Job]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "company_fetch",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "company_fetch_all",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
            (&[QueryIndex], &[CompanyList]),
        ],
    ),
    (
        "company_update",
        &[
            (&[Update], &[Counter, Fqdn, Company, Host, Session, Rate]),
            (&[Query], &[Reseller]),
            (&[Get], &[Reseller, Fqdn, Company]),
            (&[Put], &[Fqdn, Company, Image]),
            (&[BatchGet], &[Company, Host]),
            (&[Delete], &[Host, Image]),
        ],
    ),
    (
        "plan_fetch_all",
        &[
            (&[Query], &[Reseller]),
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "report_usage",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Usage]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "subscription_fetch_all",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
];
