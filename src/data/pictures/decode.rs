//! One picture: from the bytes of its file to pixels of the size and the channels that are wanted.

use std::io::{Cursor, Read};
use std::path::Path;

use image::codecs::png::PngDecoder;
use image::imageops::{FilterType, resize};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageError, Limits, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Picture, PictureOptions};
use crate::data::error::DataError;

/// A larger file, or one with more pixels, is refused before it is read or unpacked.
const MOST_BYTES: u64 = 256 << 20;
const MOST_PIXELS: u64 = 1 << 26;
const MOST_SIDE: u32 = 1 << 15;

/// A picture.
pub(super) struct Decoded {
    pub(super) pixels: Vec<u8>,
    pub(super) picture: Picture,
    /// Whether it had an alpha channel, 16 bits, another size, and whether its camera says that it lies on its side.
    pub(super) alpha: bool,
    pub(super) deep: bool,
    pub(super) resized: bool,
    pub(super) turned: bool,
}

/// What can be wrong with a file, before its path is known to the message.
enum Wrong {
    Damaged(String),
    Large(String),
}

pub(super) fn decode(file: &Path, how: PictureOptions) -> Result<Decoded, DataError> {
    let bytes = bytes(file)?;
    let at = || file.display().to_string();
    let unpacked = if bytes.starts_with(b"\x89PNG") {
        png(&bytes).map(|image| (image, false))
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        jpeg(&bytes)
    } else {
        Err(Wrong::Damaged("neither PNG nor JPEG".to_owned()))
    };
    let (image, turned) = unpacked.map_err(|wrong| match wrong {
        Wrong::Damaged(what) => DataError::malformed(
            at(),
            format!("a damaged picture: {what}"),
            "a whole PNG or JPEG file",
            "write the file again, or remove it",
        ),
        Wrong::Large(what) => DataError::malformed(
            at(),
            what,
            format!("at most {MOST_PIXELS} pixels and {MOST_SIDE} of a side"),
            "make the picture smaller",
        ),
    })?;
    let colour = image.color();
    let channels = match how.channels {
        Some(channels) => channels,
        None if colour.has_color() => 3,
        None => 1,
    };
    let (width, height) = (image.width(), image.height());
    let wanted = how.size.map(|(w, h)| (side(w), side(h)));
    let new = wanted.filter(|wanted| *wanted != (width, height));
    let pixels = if channels == 1 {
        scaled(image.into_luma8(), new, |image, (w, h)| {
            resize(image, w, h, FilterType::Triangle)
        })
        .into_raw()
    } else {
        scaled(image.into_rgb8(), new, |image, (w, h)| {
            resize(image, w, h, FilterType::Triangle)
        })
        .into_raw()
    };
    let (width, height) = new.unwrap_or((width, height));
    Ok(Decoded {
        pixels,
        picture: Picture {
            width: width as usize,
            height: height as usize,
            channels,
        },
        alpha: colour.has_alpha(),
        deep: colour.bytes_per_pixel() > colour.channel_count(),
        resized: new.is_some(),
        turned,
    })
}

/// A side that was checked to be small.
fn side(side: usize) -> u32 {
    u32::try_from(side).unwrap_or(MOST_SIDE)
}

fn scaled<I>(image: I, new: Option<(u32, u32)>, resize: impl Fn(&I, (u32, u32)) -> I) -> I {
    match new {
        Some(size) => resize(&image, size),
        None => image,
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>, DataError> {
    let io = |source| DataError::io(file, source);
    let open = std::fs::File::open(file).map_err(io)?;
    let len = open.metadata().map_err(io)?.len();
    if len > MOST_BYTES {
        return Err(DataError::malformed(
            file.display().to_string(),
            format!("a file of {len} bytes"),
            format!("a picture of at most {MOST_BYTES} bytes"),
            "make the picture smaller",
        ));
    }
    let mut bytes = Vec::new();
    open.take(MOST_BYTES).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Refuses sizes before anything is allocated for them.
fn check_size(width: u64, height: u64) -> Result<(), Wrong> {
    let most = u64::from(MOST_SIDE);
    if width > most || height > most || width * height > MOST_PIXELS {
        return Err(Wrong::Large(format!("{width} x {height} pixels")));
    }
    Ok(())
}

fn png(bytes: &[u8]) -> Result<DynamicImage, Wrong> {
    let wrong = |error: ImageError| match error {
        ImageError::Limits(error) => Wrong::Large(error.to_string()),
        error => Wrong::Damaged(error.to_string()),
    };
    let mut limits = Limits::default();
    // Eight bytes a pixel, and as much again while it is unpacked.
    limits.max_alloc = Some(16 * MOST_PIXELS);
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    DynamicImage::from_decoder(decoder).map_err(wrong)
}

/// The picture as it is to be looked at, and whether it had to be turned or mirrored for that.
fn jpeg(bytes: &[u8]) -> Result<(DynamicImage, bool), Wrong> {
    let damaged = |error: &dyn std::fmt::Debug| Wrong::Damaged(format!("{error:?}"));
    let side = MOST_SIDE as usize;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(side)
        .set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| damaged(&error))?;
    let info = decoder.info().ok_or_else(|| damaged(&"no header"))?;
    check_size(info.width.into(), info.height.into())?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colours = if grey {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    let pixels = decoder.decode().map_err(|error| damaged(&error))?;
    // The decoder takes what is missing at the end for zeros.
    let find = |mark: [u8; 2], from: usize| bytes[from..].windows(2).rposition(|pair| pair == mark);
    if find([0xff, 0xda], 0).is_none_or(|scan| find([0xff, 0xd9], scan).is_none()) {
        return Err(damaged(&"an end before the picture's"));
    }
    let (width, height) = (info.width.into(), info.height.into());
    let image = if grey {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    let mut image = image.ok_or_else(|| damaged(&"fewer pixels than its size says"))?;
    let exif = decoder.exif().map(Vec::as_slice).unwrap_or_default();
    // What is no orientation is none: programs that show the picture take it so.
    let orientation = Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms);
    image.apply_orientation(orientation);
    Ok((image, orientation != Orientation::NoTransforms))
}
