//! Grants of what relays call. In alphabetical order.

use store::Partition::{Active, Code, Company, Conference, News, Relay, Usage};

use super::Action::{BatchGet, Delete, Get, Put, Query, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "relay_enter",
        &[
            (&[Query], &[Conference]),
            (&[Put], &[News]),
            (&[Update], &[Code, Relay, Usage]),
            (&[Put], &[Conference, Active, Relay]),
            (&[BatchGet], &[Conference, Relay]),
            (&[Get], &[Company, Code, Relay]),
        ],
    ),
    (
        "relay_events",
        &[
            (&[Put], &[News]),
            (&[Update], &[Code, Usage]),
            (&[BatchGet], &[Conference, Code, Relay]),
            (&[Put, Update], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[Get], &[Relay]),
        ],
    ),
    (
        "relay_heartbeat",
        &[
            (&[Query], &[Conference]),
            (&[Put], &[Conference, Active, Relay]),
            (&[BatchGet], &[Conference, Relay]),
            (&[Get], &[Company, Code, Relay]),
            (&[Update], &[Code, Relay]),
        ],
    ),
    (
        "relay_leave",
        &[
            (&[Put], &[News]),
            (&[BatchGet, Put], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[Get, Update], &[Code, Relay]),
        ],
    ),
    (
        "relay_quality",
        &[
            (&[Get, Update], &[Relay]),
            (&[BatchGet], &[Conference, Relay]),
            (&[Put], &[Conference]),
        ],
    ),
    ("relay_register", &[(&[Get, Update], &[Relay])]),
];
