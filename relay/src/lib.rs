//! The media relay: sockets, HTTP and transports around relay-core.

pub mod engine;
pub mod transport;
