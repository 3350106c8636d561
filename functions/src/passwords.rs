//! Passwords: hashed with Argon2id off the async threads, a few at a time, and compared in the same time whether or
//! not anybody has the email.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;

use crate::error::Error;

/// How many passwords are worked on at a time: each takes 19 MiB.
const AT_A_TIME: usize = 4;

/// How hard a password is to try: Argon2id with the crate's defaults (19 MiB, two passes), or less in tests.
#[derive(Clone, Debug)]
pub struct Passwords {
    argon2: Argon2<'static>,
    /// The hash of no password in the form of one: what an unknown email is compared with, so that it takes as long.
    nobody: String,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// The strength of production.
    ///
    /// # Errors
    ///
    /// None in practice: the form of a hash.
    pub fn strong(salt: [u8; 16]) -> Result<Self, Error> {
        Self::with(Argon2::default(), salt)
    }

    /// A weak one for tests, where hundreds of hosts are made.
    ///
    /// # Errors
    ///
    /// As [`Passwords::strong`].
    pub fn weak(salt: [u8; 16]) -> Result<Self, Error> {
        let params = argon2::Params::new(8, 1, 1, None).map_err(|_| Error::Password)?;
        Self::with(
            Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params),
            salt,
        )
    }

    fn with(argon2: Argon2<'static>, salt: [u8; 16]) -> Result<Self, Error> {
        // Made without hashing: every function starts with this, and few ever look at a password.
        let params = argon2.params();
        let nobody = format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            params.m_cost(),
            params.t_cost(),
            params.p_cost(),
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode([0; 32]),
        );
        PasswordHash::new(&nobody).map_err(|_| Error::Password)?;
        Ok(Self {
            argon2,
            nobody,
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
        })
    }

    /// Hashes off the async threads. The salt is 16 fresh random bytes.
    ///
    /// # Errors
    ///
    /// The work was cancelled at shutdown.
    pub async fn hash(&self, password: String, salt: [u8; 16]) -> Result<String, Error> {
        let argon2 = self.argon2.clone();
        self.work(move || hash(&argon2, password.as_bytes(), salt)).await?
    }

    /// Whether `password` is the one behind `hash`. Without a hash (nobody has this email, or has no password yet) the
    /// answer is no and takes as long.
    ///
    /// # Errors
    ///
    /// The work was cancelled at shutdown.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let argon2 = self.argon2.clone();
        let known = hash.is_some();
        let against = hash.unwrap_or_else(|| self.nobody.clone());
        let fits = self
            .work(move || {
                PasswordHash::new(&against)
                    .is_ok_and(|parsed| argon2.verify_password(password.as_bytes(), &parsed).is_ok())
            })
            .await?;
        Ok(fits && known)
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| Error::Password)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| Error::Password)
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8], salt: [u8; 16]) -> Result<String, Error> {
    let hash = argon2
        .hash_password_with_salt(password, &salt)
        .map_err(|_| Error::Password)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_verify_and_nobody_has_none() {
        let passwords = Passwords::weak([0; 16]).expect("made");
        let hash = passwords
            .hash("Sup3rSecret!".to_owned(), [1; 16])
            .await
            .expect("hashed");
        assert!(
            passwords
                .verify("Sup3rSecret!".to_owned(), Some(hash.clone()))
                .await
                .expect("ran")
        );
        assert!(
            !passwords
                .verify("Sup3rSecret?".to_owned(), Some(hash))
                .await
                .expect("ran")
        );
        assert!(!passwords.verify(String::new(), None).await.expect("ran"));
    }

    #[test]
    fn nobodys_hash_is_as_hard_as_anybodys() {
        let passwords = Passwords::weak([3; 16]).expect("made");
        let real = hash(&passwords.argon2, b"Sup3rSecret!", [4; 16]).expect("hashed");
        let parts = |hash: &str| hash.split('$').map(str::to_owned).collect::<Vec<_>>();
        let (nobody, real) = (parts(&passwords.nobody), parts(&real));
        assert_eq!(nobody[..4], real[..4]);
        let lengths = |parts: &[String]| parts[4..].iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(&nobody), lengths(&real));
    }
}
