//! Pictures of companies' brandings, kept under the hash of their bytes with their company.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::company::{Company, ImageName};
use domain::id::{CompanyId, ResellerId};
use serde::{Deserialize, Serialize};

use crate::op::Op;
use crate::value::from_item;
use crate::{Error, Result, Store, keys};

/// The most bytes of a picture: as text, in an item of at most 400 KB.
pub const LARGEST_IMAGE: usize = 256 * 1_024;

/// A picture to be kept: a PNG of at most [`LARGEST_IMAGE`] bytes.
#[derive(Debug, Clone)]
pub struct Image {
    /// The hash of its bytes.
    pub name: ImageName,
    png: Vec<u8>,
}

impl Image {
    /// From the bytes of a PNG.
    #[must_use]
    pub fn new(png: Vec<u8>) -> Self {
        Self {
            name: ImageName::of(&png),
            png,
        }
    }

    /// Keeps it. What a name stands for is the same whenever it is written.
    pub(crate) fn keep(&self, company: &Company) -> Op {
        let kept = Kept {
            png: STANDARD.encode(&self.png),
        };
        Op::put(keys::image(company.reseller, company.id, &self.name), &kept)
    }
}

/// Drops the pictures that a company had and has no more.
pub(crate) fn drop_former(before: &Company, after: Option<&Company>) -> Vec<Op> {
    let stays = |name: &&ImageName| after.is_some_and(|after| after.images.names().any(|kept| kept == *name));
    let gone = before.images.names().filter(|name| !stays(name));
    gone.map(|name| Op::delete(keys::image(before.reseller, before.id, name)))
        .collect()
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Base64.
    png: String,
}

impl Store {
    /// The bytes of a company's picture, a PNG. One read.
    pub async fn image(&self, reseller: ResellerId, company: CompanyId, name: &ImageName) -> Result<Option<Vec<u8>>> {
        let Some(item) = self.get(keys::image(reseller, company, name)).await? else {
            return Ok(None);
        };
        let kept: Kept = from_item("image", &item)?;
        let png = STANDARD.decode(kept.png);
        png.map(Some).map_err(|_| Error::Corrupt {
            kind: "image",
            source: serde::de::Error::custom("no base64"),
        })
    }
}
