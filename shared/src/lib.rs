//! The domain and the words on the wire: types that are valid once they exist, the rules between them, and the
//! messages that the parts of the platform exchange. No AWS, no HTTP, no sockets, no clock: time, random bytes and new
//! ids are arguments.

pub mod code;
pub mod company;
pub mod conference;
pub mod error;
pub mod given;
pub mod hook;
pub mod host;
pub mod id;
pub mod join;
pub mod join_token;
pub mod jws;
pub mod media;
pub mod network;
pub mod number;
pub mod oauth;
pub mod own_domain;
pub mod plan;
pub mod quality;
pub mod reason;
pub mod relay;
pub mod role;
pub mod room;
pub mod sealed;
pub mod text;
pub mod time;

pub use error::{Code, Error};
pub use reason::Reason;
pub use role::Role;
