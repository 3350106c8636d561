//! Grants of pages. In alphabetical order.

use store::Partition::{
    Code, CodeAttempt, Company, Conference, Delivery, Fqdn, Handoff, Hook, Host, Image, Reseller, Session,
};

use super::Action::{BatchGet, Get, Query, QueryIndex, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    ("branding_image", &[(&[Get], &[Fqdn, Image])]),
    (
        "page_api_tokens",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company]),
            (&[Query], &[Host]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "page_calendar",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Host, Code]),
            (&[BatchGet], &[Company]),
            (&[Query], &[Code, Conference]),
            (&[Update], &[CodeAttempt, Session]),
        ],
    ),
    (
        "page_home",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Host]),
            (&[BatchGet], &[Company]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "page_login",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Host]),
            (&[BatchGet], &[Company]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "page_oauth_apps",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company]),
            (&[Query], &[Company, Host]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "page_oauth_clients",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet, Query], &[Company]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "page_oauth_consent",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "page_password",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Host, Handoff]),
            (&[BatchGet], &[Company]),
        ],
    ),
    (
        "page_register",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Conference]),
            (&[Update], &[CodeAttempt]),
        ],
    ),
    (
        "page_room",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Host, Code]),
            (&[BatchGet], &[Company]),
            (&[Query], &[Conference, Code]),
            (&[Update], &[Session, CodeAttempt]),
        ],
    ),
    (
        "page_webhooks",
        &[
            (&[Get], &[Fqdn, Company, Host, Hook]),
            (&[BatchGet], &[Company]),
            (&[Query], &[Hook]),
            (&[QueryIndex], &[Delivery]),
            (&[Update], &[Session]),
        ],
    ),
];
