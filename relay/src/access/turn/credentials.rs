//! What a client shows to our TURN server: credentials that name its session and end by themselves, and nonces that name
//! its address. Nothing of them is stored.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{digest, hmac};

/// Longest life of a nonce, in seconds (RFC 8489 §9.2 suggests an hour at most).
const NONCE_SECONDS: i64 = 3_600;
/// Bytes of the signature that a nonce carries.
const NONCE_TAG: usize = 16;

/// Makes and checks credentials and nonces by a secret of this process: whoever restarts a relay ends its allocations.
#[derive(Debug)]
pub(in crate::access) struct Credentials(hmac::Key);

impl Credentials {
    /// By this secret.
    pub(in crate::access) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// User name and password for a session, good until Unix second `until`. The name tells neither who it is nor the
    /// session's own name.
    pub(in crate::access) fn issue(&self, session: &str, until: i64) -> (String, String) {
        let session = digest::digest(&digest::SHA256, session.as_bytes());
        let user = format!("{until}:{}", hex::encode(&session.as_ref()[..12]));
        let password = self.password(&user);
        (user, password)
    }

    /// The password of a user name that is good at Unix second `now`; of another's making, the password fits nobody.
    pub(super) fn password_at(&self, now: i64, user: &str) -> Option<String> {
        let (until, _) = user.split_once(':')?;
        let until: i64 = until.parse().ok()?;
        (now < until).then(|| self.password(user))
    }

    pub(super) fn password(&self, user: &str) -> String {
        STANDARD.encode(self.sign(b"password", user.as_bytes()))
    }

    /// A nonce for a client at this address.
    pub(super) fn nonce(&self, now: i64, client: SocketAddr) -> String {
        let tag = self.sign(b"nonce", format!("{now} {client}").as_bytes());
        format!("{now:x}-{}", hex::encode(&tag.as_ref()[..NONCE_TAG]))
    }

    /// Whether a nonce is ours, for this address, and young enough.
    pub(super) fn is_fresh(&self, now: i64, client: SocketAddr, nonce: &[u8]) -> bool {
        let Ok(nonce) = std::str::from_utf8(nonce) else {
            return false;
        };
        let made = nonce
            .split_once('-')
            .and_then(|(made, _)| i64::from_str_radix(made, 16).ok());
        made.is_some_and(|made| {
            (0..NONCE_SECONDS).contains(&now.saturating_sub(made)) && self.nonce(made, client) == nonce
        })
    }

    fn sign(&self, purpose: &[u8], text: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose);
        context.update(&[0]);
        context.update(text);
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::new(&[7; 32])
    }

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn credentials_end_when_they_say_and_cannot_be_prolonged() {
        let (user, password) = credentials().issue("a session", 1_000);
        assert_eq!(credentials().password_at(999, &user), Some(password.clone()));
        assert_eq!(credentials().password_at(1_000, &user), None);
        let prolonged = user.replace("1000:", "2000:");
        assert_ne!(credentials().password_at(1_000, &prolonged), Some(password));
        for user in ["", "x", ":x", "x:y", "99999999999999999999:x"] {
            assert_eq!(credentials().password_at(0, user), None, "{user:?}");
        }
    }

    #[test]
    fn sessions_have_names_of_their_own_that_do_not_tell_them() {
        let (one, _) = credentials().issue("ann@example.test", 1_000);
        let (other, _) = credentials().issue("bob@example.test", 1_000);
        assert_ne!(one, other);
        assert!(!one.contains("ann"));
        let elsewhere = Credentials::new(&[8; 32]).issue("ann@example.test", 1_000);
        assert_ne!(credentials().password_at(0, &elsewhere.0), Some(elsewhere.1));
    }

    #[test]
    fn a_nonce_is_good_for_an_hour_and_for_one_address() {
        let credentials = credentials();
        let nonce = credentials.nonce(1_000, client(1));
        assert!(credentials.is_fresh(1_000, client(1), nonce.as_bytes()));
        assert!(credentials.is_fresh(4_599, client(1), nonce.as_bytes()));
        assert!(!credentials.is_fresh(4_600, client(1), nonce.as_bytes()));
        assert!(!credentials.is_fresh(999, client(1), nonce.as_bytes()));
        assert!(!credentials.is_fresh(1_000, client(2), nonce.as_bytes()));
        assert!(!credentials.is_fresh(1_000, client(1), nonce.replace("3e8", "3e9").as_bytes()));
        for nonce in [&b""[..], b"-", b"3e8", b"\xff", b"ffffffffffffffffffff-00"] {
            assert!(!credentials.is_fresh(1_000, client(1), nonce));
        }
    }
}
