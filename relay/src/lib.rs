//! The media relay: sockets, HTTP and transports around relay-core.
//!
//! [`Relay::start`] runs one inside a process; the binary `relay` is a thin main around it.

pub mod access;
mod call;
pub mod config;
mod control;
mod drain;
pub mod engine;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod http;
mod key;
mod limit;
mod metrics;
mod operator;
mod orders;
mod relay;
mod report;
pub mod secret;
mod service;
mod signal;
mod sockets;
mod tokens;
pub mod transport;
mod vital;
mod whip;

pub use config::Config;
pub use key::{KeyError, public_key};
pub use relay::{Relay, StartError, raise_descriptors};
