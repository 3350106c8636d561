//! DTLS, SCTP and data channels of all clients, on one thread of their own.
//!
//! Everything but the thread's loop is sans-IO. A client is the DTLS client and the SCTP initiator; we never start.

mod channels;
mod dtls;
mod identity;
mod peer;
mod thread;

pub use identity::{Identity, IdentityError};

pub(crate) use dtls::DtlsConfig;
pub(crate) use thread::{TransportInput, TransportParts, TransportThread};
