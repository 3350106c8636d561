//! Load: clients with real ICE, DTLS and SRTP that publish recorded media or count what they receive.
//!
//! Everything runs on one thread. Media comes from the files in `tests/media`; every received packet is decrypted and
//! authenticated by `rtc`, and counted once, whatever is sent again.

pub mod bench;
pub mod client;
mod flood;
pub mod media;
pub mod meeting;
mod peer;
pub mod process;
mod signal;
pub mod soak;
pub mod tally;
pub mod token;
