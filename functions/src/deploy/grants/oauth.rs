//! Grants of OAuth. In alphabetical order.

use store::Partition::{Company, Fqdn, Host, OauthAttempt, Rate, Session};

use super::Action::{BatchGet, Check, Delete, Get, Put, Query, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "oauth_app_revoke",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[Put], &[Company]),
            (&[Query, Delete], &[Host]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "oauth_client_create",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[Query, Put, Check], &[Company]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "oauth_client_delete",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put, Delete], &[Company]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "oauth_client_rotate",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put], &[Company]),
            (&[Update], &[Company, Session]),
        ],
    ),
    (
        "oauth_consent",
        &[
            (&[Get], &[Fqdn, Company, Host]),
            (&[Put, Check], &[Company, Host]),
            (&[Query], &[Host]),
            (&[Delete], &[Host]),
            (&[Update], &[Session]),
        ],
    ),
    (
        "oauth_introspect",
        &[
            (&[Get], &[Fqdn, Session]),
            (&[BatchGet], &[Company, Host, OauthAttempt]),
            (&[Update], &[OauthAttempt, Rate]),
        ],
    ),
    ("oauth_metadata", &[(&[Get], &[Fqdn])]),
    (
        "oauth_revoke",
        &[
            (&[Get], &[Fqdn, Session]),
            (&[Put], &[Company]),
            (&[BatchGet], &[Company, Host, OauthAttempt]),
            (&[Delete], &[Host, Session]),
            (&[Update], &[OauthAttempt, Rate]),
        ],
    ),
    (
        "oauth_token",
        &[
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host, OauthAttempt]),
            (&[Put], &[Company, Session]),
            (&[Delete], &[Host]),
            (&[Update], &[Host, OauthAttempt, Rate]),
        ],
    ),
];
