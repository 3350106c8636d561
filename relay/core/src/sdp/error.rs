//! Why a description is refused.

use thiserror::Error;

/// Why a description is refused. The negotiator is then as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SdpError {
    /// Longer than [`super::MAX_TEXT`].
    #[error("the description is too long")]
    TooLong,
    /// More m-sections than [`super::MAX_SECTIONS`].
    #[error("the description has too many sections")]
    TooManySections,
    /// A line that is not SDP, or an attribute that we need and cannot read.
    #[error("line {0} of the description cannot be read")]
    Line(usize),
    /// An m-section without `a=mid`, or with the mid of another.
    #[error("section {0} has no mid of its own")]
    Mid(usize),
    /// No section that could carry anything, or no ICE credentials in it.
    #[error("the description has no ICE credentials")]
    NoIce,
    /// No SHA-256 fingerprint for the section that carries the bundle.
    #[error("the description has no SHA-256 fingerprint")]
    NoFingerprint,
    /// The other side wants to be the DTLS server, which is our part.
    #[error("the other side must be the DTLS client")]
    Setup,
    /// Fewer sections than before (an offer), or not as many as we offered (an answer).
    #[error("the sections do not match those negotiated before")]
    SectionsChanged,
    /// An answer that we did not ask for, or an offer where we make them.
    #[error("a description of this kind is not awaited")]
    Unexpected,
}
