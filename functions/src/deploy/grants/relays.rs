//! Grants of what relays call. In alphabetical order.

use store::Partition::{Active, Code, Conference, Relay};

use super::Action::{BatchGet, Delete, Get, Put, Update};
use super::Listed;

pub(super) const LIST: &[(&str, Listed)] = &[
    (
        "relay_enter",
        &[
            (&[Put], &[Conference, Active, Relay]),
            (&[BatchGet], &[Conference, Relay]),
            (&[Get, Update], &[Code, Relay]),
        ],
    ),
    (
        "relay_events",
        &[
            (&[BatchGet], &[Conference, Code, Relay]),
            (&[Put], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[Update], &[Code, Relay]),
            (&[Get], &[Relay]),
        ],
    ),
    (
        "relay_heartbeat",
        &[
            (&[Put], &[Conference, Active, Relay]),
            (&[BatchGet], &[Conference, Relay]),
            (&[Get, Update], &[Code, Relay]),
        ],
    ),
    (
        "relay_leave",
        &[
            (&[BatchGet, Put], &[Conference, Relay]),
            (&[Delete], &[Active]),
            (&[Get, Update], &[Code, Relay]),
        ],
    ),
    ("relay_register", &[(&[Get, Update], &[Relay])]),
];
