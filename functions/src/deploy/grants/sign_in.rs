//! Grants of signing in and out. In alphabetical order.

use store::Partition::{
    Company, Email, Fqdn, Handoff, Host, Job, LoginAttempt, OpenId, Reseller, ResetAttempt, Session, SsoAttempt,
};

use super::Action::{BatchGet, Check, Delete, Get, Put, Query, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "api_token_create",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[Query, Check], &[Host]),
            (&[Put], &[Company, Host]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "api_token_revoke",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[Query, Delete], &[Host]),
            (&[Put], &[Company]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "authenticate",
        &[
            (&[Get], &[Fqdn, Email]),
            (&[BatchGet], &[Company, Host, LoginAttempt]),
            (&[Put], &[Session]),
            (&[Update], &[Host, LoginAttempt]),
            (&[Delete], &[LoginAttempt]),
        ],
    ),
    (
        "sign_in",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put], &[Session, Handoff]),
            (&[Update], &[Handoff, SsoAttempt]),
            (&[BatchGet], &[Company, SsoAttempt]),
        ],
    ),
    (
        "sign_in_by_password",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Email]),
            (&[BatchGet], &[Company, Host, LoginAttempt]),
            (&[Put], &[Session]),
            (&[Delete], &[Session, LoginAttempt]),
            (&[Update], &[LoginAttempt]),
        ],
    ),
    (
        "sign_in_forgotten",
        &[
            (&[Get], &[Reseller, Fqdn, Company]),
            (&[Put], &[Job]),
            (&[Update], &[ResetAttempt]),
        ],
    ),
    (
        "sign_in_framed",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put], &[Session, Handoff]),
            (&[Update], &[Handoff, SsoAttempt]),
            (&[BatchGet], &[Company, SsoAttempt]),
        ],
    ),
    (
        "sign_in_handoff",
        &[(&[Get], &[Fqdn, Host]), (&[Put], &[Session]), (&[Update], &[Handoff])],
    ),
    ("sign_in_openid", &[(&[Get], &[Reseller, Fqdn, Company])]),
    (
        "sign_in_openid_back",
        &[
            (&[Get], &[Reseller, Fqdn, Company, OpenId]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Session, Handoff]),
            (&[Delete], &[Session]),
        ],
    ),
    (
        "sign_in_pass_on",
        &[
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session]),
            (&[Put], &[Handoff]),
        ],
    ),
    (
        "sign_in_set_password",
        &[
            (&[Get], &[Reseller, Fqdn, Company, Host, Handoff]),
            (&[Put], &[Company, Session]),
            (&[Update], &[Host]),
            (&[Delete], &[Session, Handoff]),
        ],
    ),
    ("sign_out", &[(&[Get], &[Fqdn]), (&[Update, Delete], &[Session])]),
];
