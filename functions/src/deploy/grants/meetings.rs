//! Grants of what is done to meetings, and of joining them. In alphabetical order.

use store::Partition::{
    Active, Code, CodeAttempt, Company, Conference, Contact, Counter, Fqdn, Host, Job, ModeratorAttempt, News,
    PinAttempt, Rate, RegistrationAttempt, Relay, RelayList, Session, Uid,
};

use super::Action::{BatchGet, Check, Delete, Get, Put, Query, QueryIndex, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "conference_control",
        &[
            (&[Get], &[Fqdn, Host]),
            (&[Put], &[Company]),
            (&[BatchGet], &[Company, Host, Conference, Code, Relay]),
            (&[Delete], &[Host]),
            (&[Update], &[Host, Session, Rate]),
            (&[Query], &[Conference]),
        ],
    ),
    (
        "conference_create",
        &[
            (&[Put], &[News]),
            (&[Update], &[Counter, Host, Job, Session, Rate]),
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host, Contact]),
            (&[Put], &[Company, Host, Contact, Conference, Uid, Code, Job]),
            (&[Delete], &[Host]),
            (&[Check], &[Host, Code]),
        ],
    ),
    (
        "conference_create_reservationless",
        &[
            (&[Put], &[News]),
            (&[Update], &[Counter, Host, Job, Session, Rate]),
            (&[Get], &[Fqdn, Company, Host]),
            (&[BatchGet], &[Company, Host, Contact]),
            (&[Put], &[Company, Host, Contact, Conference, Uid, Active, Code, Job]),
            (&[Delete], &[Host]),
            (&[Check], &[Host, Code]),
        ],
    ),
    (
        "conference_delete",
        &[
            (&[Put], &[News]),
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host, Code, Relay]),
            (&[Put], &[Company, Conference, Code, Job]),
            (&[Delete], &[Host, Conference, Uid, Code, Job]),
            (&[Update], &[Host, Code, Job, Session, Rate]),
            (&[Query, Check], &[Conference]),
        ],
    ),
    (
        "conference_end",
        &[
            (&[Put], &[News]),
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host, Code, Relay]),
            (&[Put], &[Company, Conference]),
            (&[Delete], &[Host, Active]),
            (&[Update], &[Host, Code, Session, Rate]),
            (&[Query], &[Conference]),
        ],
    ),
    (
        "conference_fetch",
        &[
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Conference]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "conference_fetch_all",
        &[
            (&[Get], &[Fqdn, Company, Host, Conference]),
            (&[BatchGet], &[Company, Host]),
            (&[QueryIndex], &[Host]),
            (&[Query], &[Active]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "conference_join",
        &[
            (&[Put], &[News]),
            (
                &[Update],
                &[
                    Counter,
                    Conference,
                    Code,
                    Session,
                    PinAttempt,
                    ModeratorAttempt,
                    CodeAttempt,
                ],
            ),
            (&[Get], &[Fqdn, Company, Host, Conference, Code]),
            (&[Query, Put], &[Conference, Code]),
            (&[Delete], &[Active]),
            (&[BatchGet], &[PinAttempt, ModeratorAttempt]),
            (&[QueryIndex], &[RelayList]),
        ],
    ),
    (
        "conference_join_token",
        &[
            (&[Put], &[News]),
            (&[Update], &[Counter, Conference, Code, Session, Rate]),
            (&[Get], &[Fqdn, Conference, Code]),
            (&[BatchGet], &[Company, Host, Code]),
            (&[Query, Put], &[Conference, Code]),
            (&[Delete], &[Active]),
            (&[QueryIndex], &[RelayList]),
        ],
    ),
    (
        "conference_participants",
        &[
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Conference]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "conference_quality",
        &[
            (&[Get], &[Fqdn]),
            (&[BatchGet], &[Company, Host]),
            (&[Query], &[Conference]),
            (&[Update], &[Session, Rate]),
        ],
    ),
    (
        "conference_register",
        &[
            (&[Update], &[Counter, Code, CodeAttempt, RegistrationAttempt]),
            (&[Get], &[Fqdn]),
            (&[Put], &[Company, Host, Contact, Conference, Code, Job, News]),
            (&[BatchGet], &[Company, Host, Code]),
            (&[Query, Check], &[Conference]),
        ],
    ),
    (
        "conference_update",
        &[
            (&[Put], &[News]),
            (&[Update], &[Counter, Host, Code, Job, Session, Rate]),
            (&[Get], &[Fqdn]),
            (&[Put], &[Company, Host, Contact, Conference, Code, Job]),
            (&[BatchGet], &[Company, Host, Contact, Code, Relay]),
            (&[Delete], &[Host, Conference, Code, Job]),
            (&[Query], &[Conference]),
            (&[Check], &[Conference, Code]),
        ],
    ),
];
