//! Answers as they are kept for repeats of an idempotency key: sealed, and large ones packed, since an item of the table
//! holds 400 KB.

use std::io::{self, Read as _, Write as _};

use domain::sealed::Sealed;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::app::App;
use crate::error::Error;

/// Larger answers are packed, in bytes.
const PLAIN: usize = 16 * 1024;
/// The longest sealed text that is kept, in bytes: what else is in its item takes up less than the rest.
const LARGEST: usize = 400 * 1024 - 4 * 1024;

/// Seals an answer for its place; none where it is too large to be kept.
pub(crate) fn seal(app: &App, place: &str, answer: &str) -> Option<Sealed> {
    let sealed = app.keys.sealing.seal(place, &packed(answer), app.random());
    (sealed.as_str().len() <= LARGEST).then_some(sealed)
}

/// The answer that was sealed for this place.
pub(crate) fn open(app: &App, place: &str, sealed: &Sealed) -> Result<Vec<u8>, Error> {
    let bytes = app.keys.sealing.open(place, sealed)?;
    unpacked(bytes).map_err(|_| Error::Broken("a kept answer does not unpack"))
}

/// An answer is the JSON of an object or a list; what begins otherwise is packed.
fn packed(answer: &str) -> Vec<u8> {
    if answer.len() <= PLAIN {
        return answer.as_bytes().to_vec();
    }
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    let done = packer.write_all(answer.as_bytes()).and_then(|()| packer.finish());
    done.expect("writing to memory does not fail")
}

fn unpacked(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if matches!(bytes.first(), Some(b'{' | b'[')) {
        return Ok(bytes);
    }
    let mut answer = Vec::new();
    ZlibDecoder::new(bytes.as_slice()).read_to_end(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_and_large_ones_take_little() {
        let large = format!("[{}]", vec![r#"{"start":"2026-06-01 12:05:00"}"#; 20_000].join(","));
        for answer in ["{}", "[]", "{\"a\":1}", &large] {
            assert_eq!(unpacked(packed(answer)).expect("unpacked"), answer.as_bytes());
        }
        assert_eq!(packed("{\"a\":1}"), b"{\"a\":1}");
        assert!(packed(&large).len() < large.len() / 20);
        assert!(unpacked(b"no answer".to_vec()).is_err());
    }
}
