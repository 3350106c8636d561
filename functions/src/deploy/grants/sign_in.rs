//! Grants of signing in and out. In alphabetical order.

use store::Partition::{Company, Email, Fqdn, Handoff, Host, LoginAttempt, Session, SsoAttempt};

use super::Action::{BatchGet, Delete, Get, Put, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "authenticate",
        &[
            (&[Get], &[Fqdn, Email]),
            (&[BatchGet], &[Company, Host, LoginAttempt]),
            (&[Put], &[Session]),
            (&[Update, Delete], &[LoginAttempt]),
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
            (&[Get], &[Fqdn, Email]),
            (&[BatchGet], &[Company, Host, LoginAttempt]),
            (&[Put], &[Session]),
            (&[Delete], &[Session, LoginAttempt]),
            (&[Update], &[LoginAttempt]),
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
            (&[Get], &[Fqdn, Host, Handoff]),
            (&[Put], &[Company, Session]),
            (&[Update], &[Host]),
            (&[Delete], &[Session, Handoff]),
        ],
    ),
    ("sign_out", &[(&[Get], &[Fqdn]), (&[Update, Delete], &[Session])]),
];
