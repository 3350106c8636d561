//! Grants of what an operator, a schedule or the table's stream wakes. In alphabetical order.

use store::Partition::{
    Active, Audit, Code, Company, Conference, Contact, Counter, Delivery, Due, Email, Fqdn, Handoff, Hook, Host, Image,
    Job, JobList, Line, LineList, Mails, News, NewsList, OpenId, OwnDomainList, Relay, RelayList, Reseller,
    ResellerAudit, Session, Suppressed, Text, Told, Uid, Usage,
};

use super::Action::{BatchGet, Check, Delete, Get, Put, Query, QueryIndex, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "dispatch",
        &[
            (&[Put], &[News]),
            (&[Get, Query, Delete], &[Hook]),
            (
                &[Delete],
                &[
                    Fqdn, Company, Host, Contact, Email, OpenId, Conference, Uid, Active, Code, Session, Job, Image,
                    Handoff, Text, Suppressed,
                ],
            ),
            (&[Update], &[Company, Host, Conference, Code, Job, Text, Mails]),
            (&[Put], &[Fqdn, Company, Host, Conference, Handoff, Job, Text]),
            (&[QueryIndex], &[Company, Host, JobList, Suppressed]),
            (&[Get], &[Fqdn, Company, Reseller, Conference, Email, Job, Suppressed]),
            (&[Query], &[Company, Host, Conference, Active]),
            (&[Check], &[Conference, Text]),
            (
                &[BatchGet],
                &[
                    Company, Host, Contact, Conference, Code, Relay, Reseller, Suppressed, Mails,
                ],
            ),
        ],
    ),
    (
        "domain_advance",
        &[
            (&[QueryIndex], &[OwnDomainList]),
            (&[Get, Put], &[Fqdn, Company]),
            (&[Update], &[Company]),
            (&[Delete], &[Fqdn]),
        ],
    ),
    ("mail_feedback", &[(&[Get], &[Fqdn, Reseller]), (&[Put], &[Suppressed])]),
    (
        "mail_receive",
        &[
            (&[Get], &[Fqdn, Reseller, Uid, Conference, Host]),
            (&[Put, Check], &[Conference]),
        ],
    ),
    (
        "operator_domain",
        &[
            (&[Get, Put], &[Fqdn, Company]),
            (&[BatchGet, Delete], &[Fqdn]),
            (&[Update], &[Company]),
        ],
    ),
    (
        "operator_init",
        &[
            (&[Put], &[News]),
            (&[Update], &[Reseller, Counter, Company, Relay]),
            (&[Query, Check], &[Reseller]),
            (
                &[Put],
                &[
                    Reseller,
                    Fqdn,
                    Company,
                    Host,
                    Contact,
                    Email,
                    Code,
                    ResellerAudit,
                    Audit,
                ],
            ),
            (&[Get], &[Reseller, Fqdn, Company, Host, Email]),
        ],
    ),
    (
        "sweep",
        &[
            (&[Put], &[News]),
            (&[Update], &[Code, Relay, Usage]),
            (&[Get], &[Conference, Code, Relay, RelayList]),
            (&[BatchGet], &[Conference, Code, Relay]),
            (&[Put], &[Conference, Code, Relay, RelayList]),
            (&[Query], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[QueryIndex], &[RelayList, Due]),
        ],
    ),
    (
        "tell_webhooks",
        &[
            (&[QueryIndex], &[NewsList, LineList]),
            (&[Query], &[Conference, Hook, News, Told]),
            (&[Get], &[Conference, Hook, Told, Delivery]),
            (&[BatchGet], &[Company, Host]),
            (&[Put], &[Company, Job, Hook, Told, Line, Delivery]),
            (&[Update], &[Hook, Line]),
            (&[Delete], &[News, Line]),
        ],
    ),
];
