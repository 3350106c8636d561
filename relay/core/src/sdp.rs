//! Session descriptions: a [`Negotiator`] per peer connection turns offers into answers and tracks into offers.
//!
//! It speaks the subset of SDP (RFC 8866) that WebRTC needs: JSEP (RFC 9429), ICE (RFC 8839), DTLS (RFC 8842), BUNDLE
//! (RFC 8843), RIDs and simulcast (RFC 8851, 8853), SSRCs (RFC 5576). The relay is ICE-lite and always the DTLS
//! server; it answers and offers one bundle with rtcp-mux. Texts from outside are bounded ([`MAX_TEXT`],
//! [`MAX_SECTIONS`]); a text that is refused leaves the negotiator as it was.

mod api;
mod client_offers;
mod error;
mod format;
mod negotiator;
mod parse;
mod server_offers;
mod slot;
mod write;

#[cfg(test)]
mod tests;

pub use api::{
    Candidate, CandidateProtocol, Local, PublishHints, Receiving, ReceivingSsrc, Remote, Role, Sections, SendKey,
    SendState, SendTrack, Sending,
};
pub use error::SdpError;
pub use negotiator::Negotiator;

/// Longest description that is read, in bytes: as many m-sections of sound as there may be, or some 170 of pictures, as browsers write
/// them. The message that brings it is no longer than 1 MiB.
pub const MAX_TEXT: usize = 1000 * 1024;

/// Most m-sections that a description may have.
pub const MAX_SECTIONS: usize = 1000;

/// Largest message that we take on a data channel, in bytes; browsers then refuse to send larger ones.
pub const MAX_MESSAGE: usize = 65_536;
