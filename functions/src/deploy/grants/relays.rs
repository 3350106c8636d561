//! Grants of what relays call. In alphabetical order.

use store::Partition::{Active, Code, Company, Conference, News, Relay, Usage};

use super::Action::{BatchGet, Delete, Get, Put, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "relay_enter",
        &[
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
            (&[Update], &[Code, Relay, Usage]),
            (&[BatchGet], &[Conference, Code, Relay]),
            (&[Put], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[Get], &[Relay]),
        ],
    ),
    (
        "relay_heartbeat",
        &[
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
