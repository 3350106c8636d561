//! The data folder of an installation on one machine: the table's file and the keys, made at the first start.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

/// A data folder with everything in it that must survive a restart.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// Opens the folder, which is made when it is not there.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot make the data folder {}", path.display()))?;
        let path = fs::canonicalize(path)?;
        Ok(Self { path })
    }

    /// The file of the table.
    pub(crate) fn table(&self) -> PathBuf {
        self.path.join("table.sqlite")
    }

    /// A file of this name in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// 32 random bytes kept under this name.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<[u8; 32]> {
        let bytes = self.kept(name, || {
            ring::rand::generate::<[u8; 32]>(&SystemRandom::new())
                .map(|random| random.expose().to_vec())
                .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))
        })?;
        bytes
            .try_into()
            .map_err(|_| anyhow::anyhow!("the file {name} in the data folder is damaged: it must hold 32 bytes"))
    }

    /// An ES256 key (PKCS#8) kept under this name.
    pub(crate) fn signing_key(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        self.kept(name, || {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map(|key| key.as_ref().to_vec())
                .map_err(|_| anyhow::anyhow!("no key could be made"))
        })
    }

    /// The content of the file of this name; made, and readable by its owner only, the first time.
    pub(crate) fn kept(&self, name: &str, make: impl FnOnce() -> anyhow::Result<Vec<u8>>) -> anyhow::Result<Vec<u8>> {
        let path = self.file(name);
        match fs::read(&path) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
        let bytes = make()?;
        write_private(&path, &bytes)?;
        Ok(bytes)
    }
}

/// Writes a file that only its owner may read, whole or not at all: whoever is killed meanwhile leaves no half key behind.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::DataFolder;

    #[test]
    fn a_secret_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().expect("temp dir");
        let data = DataFolder::open(&folder.path().join("new")).expect("made");
        let first = data.secret("a").expect("made");
        assert_eq!(first, data.secret("a").expect("read"));
        assert_ne!(first, data.secret("b").expect("another"));
    }

    #[test]
    fn a_damaged_secret_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("temp dir");
        let data = DataFolder::open(folder.path()).expect("opened");
        std::fs::write(data.file("a"), b"short").expect("written");
        assert!(data.secret("a").is_err());
        assert_eq!(std::fs::read(data.file("a")).expect("read"), b"short");
    }
}
