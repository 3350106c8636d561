//! Grants of pages. In alphabetical order.

use store::Partition::{Code, CodeAttempt, Company, Conference, Fqdn, Handoff, Host, Reseller, Session};

use super::Action::{Get, Query, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "page_home",
        &[(&[Get], &[Reseller, Fqdn, Company, Host]), (&[Update], &[Session])],
    ),
    (
        "page_login",
        &[(&[Get], &[Fqdn, Company, Host]), (&[Update], &[Session])],
    ),
    ("page_password", &[(&[Get], &[Fqdn, Company, Host, Handoff])]),
    (
        "page_room",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Host, Code]),
            (&[Query], &[Conference, Code]),
            (&[Update], &[Session, CodeAttempt]),
        ],
    ),
];
