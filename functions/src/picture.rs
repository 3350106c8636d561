//! Pictures that tenants give: decoded within bounds and drawn anew, so that nothing of what was sent is passed on but its
//! pixels.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::imageops::FilterType::Lanczos3;
use image::{DynamicImage, ExtendedColorType, ImageDecoder as _, ImageEncoder as _, ImageFormat, ImageReader, Limits};

/// The longest side that is decoded.
const LONGEST: u32 = 4_096;
/// The most pixels that are decoded: some 32 MiB in the largest of the formats.
const MOST_PIXELS: u64 = 4_194_304;
/// The most bytes that a decoder may take.
const MOST_BYTES: u64 = 64 * 1_024 * 1_024;
/// How far a picture is made smaller that does not fit otherwise; one of this size always does.
const SMALLEST: u32 = 128;

const NO_PICTURE: &str = "must lead to a PNG, JPEG or WebP picture";

/// Draws a picture anew, within `side` by `side` pixels: a PNG of at most `most` bytes, which must be enough for 128 by 128
/// pixels. Of one that moves, the first frame. A small one is not enlarged.
///
/// # Errors
///
/// What is wrong with it, for whoever gave its address.
pub(crate) fn redrawn(bytes: &[u8], side: u32, most: usize) -> Result<Vec<u8>, &'static str> {
    let decoded = decoded(bytes)?;
    let mut side = side;
    loop {
        let fits = decoded.width() <= side && decoded.height() <= side;
        let drawn = match fits {
            true => decoded.to_rgba8(),
            false => decoded.resize(side, side, Lanczos3).into_rgba8(),
        };
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive)
            .write_image(&drawn, drawn.width(), drawn.height(), ExtendedColorType::Rgba8)
            .map_err(|_| NO_PICTURE)?;
        if png.len() <= most || side <= SMALLEST {
            return Ok(png);
        }
        side = (side / 2).max(SMALLEST);
    }
}

fn decoded(bytes: &[u8]) -> Result<DynamicImage, &'static str> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|_| NO_PICTURE)?;
    if !matches!(
        reader.format(),
        Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)
    ) {
        return Err("must lead to a PNG, JPEG or WebP picture; SVG and others are not taken");
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST);
    limits.max_image_height = Some(LONGEST);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let refused = |error| match error {
        image::ImageError::Limits(_) => "must lead to a picture of at most 4096 pixels on a side",
        _ => NO_PICTURE,
    };
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    if width > LONGEST || height > LONGEST {
        return Err("must lead to a picture of at most 4096 pixels on a side");
    }
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err("must lead to a picture of at most 4194304 pixels");
    }
    let orientation = decoder.orientation().map_err(refused)?;
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(refused)?;
    decoded.apply_orientation(orientation);
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;

    fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("written");
        bytes.into_inner()
    }

    fn sample(width: u32, height: u32) -> DynamicImage {
        RgbaImage::from_fn(width, height, |x, y| Rgba([x as u8, y as u8, 90, 255])).into()
    }

    fn size(png: &[u8]) -> (u32, u32) {
        let read = image::load_from_memory_with_format(png, ImageFormat::Png).expect("a PNG");
        (read.width(), read.height())
    }

    #[test]
    fn each_format_is_drawn_anew_within_bounds() {
        let wide = sample(1_000, 500);
        let opaque = DynamicImage::from(wide.to_rgb8());
        for (picture, format) in [
            (&wide, ImageFormat::Png),
            (&opaque, ImageFormat::Jpeg),
            (&wide, ImageFormat::WebP),
        ] {
            let png = redrawn(&written(picture, format), 512, 400_000).expect("drawn");
            assert_eq!(size(&png), (512, 256), "{format:?}");
        }
        let small = redrawn(&written(&sample(20, 10), ImageFormat::Png), 512, 400_000).expect("drawn");
        assert_eq!(size(&small), (20, 10), "what is small is not enlarged");
    }

    #[test]
    fn a_small_picture_keeps_its_pixels_and_loses_all_else() {
        let mut sent = written(&sample(3, 2), ImageFormat::Png);
        // A text behind the pixels, as PNG allows: its length, its kind, its bytes, and a check that decoders skip there.
        let end = sent.len() - 12;
        let text = b"\0\0\0\x0dtEXtComment\0hello\x20\xc8\x9e\x0b";
        sent.splice(end..end, text.iter().copied());
        let png = redrawn(&sent, 512, 400_000).expect("drawn");
        assert!(!png.windows(5).any(|part| part == b"hello"));
        let read = image::load_from_memory(&png).expect("a PNG").into_rgba8();
        assert_eq!(read, sample(3, 2).into_rgba8());
    }

    #[test]
    fn a_noisy_picture_is_made_smaller_until_it_fits() {
        let mut seed = 1_u32;
        let noise = RgbaImage::from_fn(512, 512, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgba(seed.to_be_bytes())
        });
        let png = redrawn(&written(&noise.into(), ImageFormat::Png), 512, 256 * 1_024).expect("drawn");
        assert!(png.len() <= 256 * 1_024 && size(&png).0 < 512, "{} bytes", png.len());
    }

    #[test]
    fn bombs_and_what_is_no_picture_are_refused() {
        // 16 million equal pixels take some kilobytes.
        let bomb = written(&DynamicImage::new_luma8(4_096, 4_096), ImageFormat::Png);
        assert!(bomb.len() < 100_000);
        assert!(redrawn(&bomb, 512, 400_000).expect_err("refused").contains("4194304"));
        let long = written(&DynamicImage::new_luma8(4_097, 1), ImageFormat::Png);
        assert!(redrawn(&long, 512, 400_000).expect_err("refused").contains("4096"));
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        assert!(redrawn(svg, 512, 400_000).expect_err("refused").contains("SVG"));
        for bytes in [&b""[..], b"GIF89a\x01\0\x01\0", b"<html>", b"\x89PNG\r\n\x1a\n"] {
            assert!(redrawn(bytes, 512, 400_000).is_err());
        }
        let whole = written(&sample(64, 64), ImageFormat::Png);
        assert!(redrawn(&whole[..whole.len() / 2], 512, 400_000).is_err());
    }

    proptest! {
        #[test]
        fn damaged_pictures_are_drawn_or_refused(at in 0_usize..4_000, byte: u8, kind in 0_usize..3) {
            let picture = DynamicImage::from(sample(40, 30).to_rgb8());
            let format = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP][kind];
            let mut bytes = written(&picture, format);
            let at = at % bytes.len();
            bytes[at] ^= byte;
            if let Ok(png) = redrawn(&bytes, 512, 400_000) {
                prop_assert!(size(&png).0 <= 512);
            }
        }
    }
}
