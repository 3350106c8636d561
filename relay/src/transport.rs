//! DTLS, SCTP and data channels of all clients, on one thread of their own.

mod identity;

pub use identity::{Identity, IdentityError};
