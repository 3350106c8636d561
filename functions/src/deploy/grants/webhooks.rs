//! Grants of webhooks' methods. In alphabetical order.

use store::Partition::{Company, Counter, Delivery, Fqdn, Hook, Host, Line, Rate, Session};

use super::Action::{BatchGet, Check, Delete, Get, Put, Query, QueryIndex, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "admin_webhook_create",
        &[
            (&[Get], &[Fqdn, Company, Host, Hook]),
            (&[Query], &[Hook]),
            (&[Check], &[Company]),
            (&[Put], &[Company, Hook]),
            (&[Update], &[Counter, Session]),
        ],
    ),
    (
        "admin_webhook_delete",
        &[
            (&[Get], &[Fqdn, Company, Host, Hook]),
            (&[Put], &[Company]),
            (&[Delete], &[Hook]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "admin_webhook_deliveries",
        &[
            (&[Get], &[Fqdn, Company, Host, Hook, Delivery]),
            (&[QueryIndex], &[Delivery]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "admin_webhook_redeliver",
        &[
            (&[Get], &[Fqdn, Company, Host, Hook, Delivery]),
            (&[Check], &[Hook]),
            (&[Put], &[Company, Line, Delivery]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "admin_webhook_update",
        &[
            (&[Get], &[Fqdn, Company, Host, Hook]),
            (&[Put], &[Company, Hook]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "webhook_create",
        &[
            (&[Get], &[Fqdn, Company, Hook]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Hook]),
            (&[Check], &[Company]),
            (&[Put], &[Company, Hook]),
            (&[Update], &[Counter, Host, Session, Rate]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "webhook_delete",
        &[
            (&[Get], &[Fqdn, Company, Hook]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company]),
            (&[Update], &[Host, Session, Rate]),
            (&[Delete], &[Host, Hook]),
        ],
    ),
    (
        "webhook_deliveries",
        &[
            (&[Get], &[Fqdn, Company, Hook, Delivery]),
            (&[BatchGet], &[Company, Host]),
            (&[QueryIndex], &[Delivery]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "webhook_fetch_all",
        &[
            (&[Get], &[Fqdn, Company, Hook]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Hook]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "webhook_redeliver",
        &[
            (&[Get], &[Fqdn, Company, Hook, Delivery]),
            (&[BatchGet], &[Company, Host]),
            (&[Check], &[Hook]),
            (&[Put], &[Company, Line, Delivery]),
            (&[Update], &[Host, Session, Rate]),
            (&[Delete], &[Host]),
        ],
    ),
    (
        "webhook_update",
        &[
            (&[Get], &[Fqdn, Company, Hook]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Hook]),
            (&[Update], &[Host, Session, Rate]),
            (&[Delete], &[Host]),
        ],
    ),
];
