//! Grants of what is done to hosts and their contacts. In alphabetical order.

use store::Partition::{
    Code, Company, Conference, Contact, Counter, Email, Fqdn, Handoff, Host, HostList, Job, News, OpenId, Rate,
    Session, Suppressed,
};

use super::Action::{BatchGet, Check, Delete, Get, Put, Query, QueryIndex, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "contact_create",
        &[
            (&[Update], &[Counter, Host, Session, Rate]),
            (&[Get], &[Fqdn, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Host, Contact]),
            (&[Delete, Check], &[Host]),
            (&[Query], &[Suppressed]),
        ],
    ),
    (
        "contact_delete",
        &[
            (&[Get], &[Fqdn, Host, Contact]),
            (&[Put], &[Company, Contact]),
            (&[BatchGet], &[Company, Host]),
            (&[Delete], &[Host, Contact]),
            (&[Update], &[Host, Session, Rate]),
        ],
    ),
    (
        "contact_fetch",
        &[
            (&[Get], &[Fqdn, Host, Contact]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Suppressed]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "contact_fetch_all",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[BatchGet], &[Company, Host, Contact, Suppressed]),
            (&[QueryIndex], &[Host, Suppressed]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "contact_update",
        &[
            (&[Get], &[Fqdn, Host, Contact]),
            (&[BatchGet, Put], &[Company, Host]),
            (&[Delete], &[Host, Suppressed]),
            (&[Query], &[Suppressed]),
            (&[Update], &[Host, Contact, Session, Rate]),
        ],
    ),
    (
        "host_create",
        &[
            (&[Put], &[News]),
            (&[Update], &[Counter, Company, Host, Session, Rate]),
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Host, Contact, Email, OpenId, Code, Handoff, Job]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "host_delete",
        &[
            (&[Put], &[News]),
            (&[Get], &[Fqdn, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Company, Host, Code, Session, Rate]),
            (&[Put], &[Company, Host, Job]),
            (&[Delete], &[Host, Email, OpenId]),
        ],
    ),
    (
        "host_erase",
        &[
            (&[Put], &[News]),
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Company, Host, Code, Session, Rate]),
            (&[Put], &[Company, Host, Job]),
            (&[Delete], &[Host, Email, OpenId]),
        ],
    ),
    (
        "host_export",
        &[
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host, Contact, Suppressed]),
            (&[QueryIndex], &[Host, Suppressed]),
            (&[Query], &[Host, Conference]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "host_fetch",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "host_fetch_all",
        &[
            (&[Get], &[Fqdn, Company]),
            (&[BatchGet], &[Company, Host]),
            (&[QueryIndex], &[Company, HostList]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "host_reset_login_token",
        &[
            (&[Put], &[News]),
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put], &[Company]),
            (&[BatchGet], &[Company, Host]),
            (&[Delete], &[Host]),
            (&[Update], &[Host, Session, Rate]),
        ],
    ),
    (
        "host_sso_ticket",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Handoff]),
            (&[Delete, Check], &[Host]),
            (&[Update], &[Host, Session, Rate]),
        ],
    ),
    (
        "host_update",
        &[
            (&[Put], &[News]),
            (&[Update], &[Counter, Host, Contact, Code, Session, Rate]),
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Host, Email, OpenId, Code]),
            (&[Delete], &[Host, Contact, Email, OpenId]),
        ],
    ),
];
