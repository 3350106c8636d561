//! The relay's key pair: brought by who starts it, or made once and kept in the data folder.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use domain::jws::{InvalidKey, Jwk, SigningKey};
use thiserror::Error;

use crate::config::Config;

/// Name of the file in the data folder.
const FILE: &str = "relay.key";

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("key file {0}")]
    File(PathBuf, #[source] io::Error),
    /// It holds something else.
    #[error("key file {0}")]
    Invalid(PathBuf, #[source] InvalidKey),
    /// The key that was brought is none.
    #[error("the key given")]
    Brought(#[source] InvalidKey),
}

/// The key pair of the relay that is configured so; made at the first call.
pub(crate) fn open(config: &Config) -> Result<SigningKey, KeyError> {
    if let Some(key) = &config.key {
        return SigningKey::from_pkcs8(&key.0).map_err(KeyError::Brought);
    }
    let path = config.data.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(&config.data, &path).map_err(|error| KeyError::File(path.clone(), error))?
        }
        Err(error) => return Err(KeyError::File(path, error)),
    };
    SigningKey::from_pkcs8(&bytes).map_err(|error| KeyError::Invalid(path, error))
}

/// The public half of the relay's key, for an operator to register; the key is made at the first call.
///
/// # Errors
/// When it cannot be read or made.
pub fn public_key(config: &Config) -> Result<Jwk, KeyError> {
    Ok(open(config)?.verifying_key().to_jwk())
}

/// Writes a new key that nobody else may read.
fn make(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    fs::create_dir_all(folder)?;
    let bytes = SigningKey::generate();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().join("relay"),
            ..Config::default()
        };
        let first = open(&config).expect("made");
        let second = open(&config).expect("kept");
        assert_eq!(first.verifying_key(), second.verifying_key());
    }
}
