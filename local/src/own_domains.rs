//! Companies' own host names on a laptop: its authority certifies them, and its HTTPS listener shows their certificates. They
//! lie in the data folder, below `domains`, as long as the names are there.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use domain::own_domain::OwnName;
use functions::own_domains::{Asked, Certificate, Edge, EdgeError, Place};

use crate::data::DataFolder;
use crate::tls::{Authority, Certificates};

/// How the authority calls the certificate of a name.
const CALLED: &str = "local:";

/// The authority and the listener of this machine.
#[derive(Debug)]
pub(crate) struct LocalEdge {
    authority: Authority,
    certificates: Arc<Certificates>,
    folder: PathBuf,
}

impl LocalEdge {
    /// Over the folder's authority and these certificates, to which those are added that the folder keeps.
    pub(crate) fn open(
        data: &DataFolder,
        authority: Authority,
        certificates: Arc<Certificates>,
    ) -> anyhow::Result<Self> {
        let folder = data.file("domains");
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str());
            let name: Option<OwnName> = name.and_then(|name| name.parse().ok());
            if let (Some(name), Some("pem")) = (name, path.extension().and_then(|ending| ending.to_str())) {
                let pem = std::fs::read_to_string(&path)?;
                let added = certificates.add(name.as_str(), &pem);
                added.with_context(|| format!("{} is damaged", path.display()))?;
            }
        }
        Ok(Self {
            authority,
            certificates,
            folder,
        })
    }

    fn file(&self, name: &OwnName) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    fn make(&self, name: &OwnName) -> anyhow::Result<()> {
        let path = self.file(name);
        if path.exists() {
            return Ok(());
        }
        let pem = self.authority.certify(vec![name.to_string()])?;
        crate::data::write_private(&path, pem.as_bytes())
    }
}

/// The name of a certificate that this authority has made.
fn name_of(certificate: &str) -> Option<OwnName> {
    certificate.strip_prefix(CALLED)?.parse().ok()
}

fn said(error: &anyhow::Error) -> EdgeError {
    EdgeError(format!("{error:#}"))
}

impl Edge for LocalEdge {
    fn request<'a>(&'a self, name: &'a OwnName, _: &'a str) -> Asked<'a, String> {
        let made = self.make(name).map(|()| format!("{CALLED}{name}"));
        Box::pin(std::future::ready(made.map_err(|error| said(&error))))
    }

    fn certificate<'a>(&'a self, certificate: &'a str) -> Asked<'a, Certificate> {
        let there = name_of(certificate).is_some_and(|name| self.file(&name).exists());
        Box::pin(std::future::ready(Ok(match there {
            true => Certificate::Issued,
            false => Certificate::Unknown,
        })))
    }

    fn attach<'a>(&'a self, name: &'a OwnName, _: &'a str) -> Asked<'a, Place> {
        let shown = || {
            let pem = std::fs::read_to_string(self.file(name)).context("the certificate is not there")?;
            self.certificates.add(name.as_str(), &pem)?;
            Ok(Place {
                id: format!("{CALLED}{name}"),
                // Where this machine is reached, it does not know.
                target: None,
            })
        };
        Box::pin(std::future::ready(shown().map_err(|error: anyhow::Error| said(&error))))
    }

    fn detach<'a>(&'a self, name: &'a OwnName) -> Asked<'a, bool> {
        self.certificates.remove(name.as_str());
        Box::pin(std::future::ready(Ok(true)))
    }

    fn forget<'a>(&'a self, certificate: &'a str) -> Asked<'a, bool> {
        let gone = match name_of(certificate).map(|name| std::fs::remove_file(self.file(&name))) {
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => Err(EdgeError(error.to_string())),
            _ => Ok(true),
        };
        Box::pin(std::future::ready(gone))
    }
}
