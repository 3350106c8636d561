//! DTLS, SCTP and data channels of all clients, on one thread of their own.
//!
//! Everything but the thread's loop is sans-IO. A client is the DTLS client and the SCTP initiator; we never start.

mod channels;
mod dtls;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod guard;
mod identity;
mod peer;
mod thread;

/// Longest datagram that we make, in bytes of UDP payload: it passes every path that IPv6 allows, through tunnels too.
const MTU: usize = 1_200;

pub use identity::{Identity, IdentityError};

pub(crate) use dtls::DtlsConfig;
pub(crate) use thread::{Outgoing, TransportInput, TransportParts, TransportThread};
