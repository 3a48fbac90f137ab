//! Small pictures as PNG files within a page.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// How a pixel is stored, and PNG's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pixels {
    Gray = 0,
    Rgb = 2,
    Rgba = 6,
}

impl Pixels {
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A picture as the address of an image. `bytes` is row-major.
///
/// # Panics
/// If there are not as many bytes as the size says.
#[expect(
    clippy::cast_possible_truncation,
    reason = "pictures are smaller than 2^32 pixels wide"
)]
pub(crate) fn address(width: usize, height: usize, pixels: Pixels, bytes: &[u8]) -> String {
    let row = width * pixels.bytes();
    assert_eq!(
        bytes.len(),
        row * height,
        "a picture of {width} by {height}"
    );
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    for row in bytes.chunks_exact(row) {
        // No filter.
        packed
            .write_all(&[0])
            .and_then(|()| packed.write_all(row))
            .expect("memory can be written");
    }
    let packed = packed.finish().expect("memory can be written");
    let mut header = [(width as u32).to_be_bytes(), (height as u32).to_be_bytes()].concat();
    header.extend([8, pixels as u8, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", &header),
        (b"IDAT", &packed),
        (b"IEND", &Vec::new()),
    ] {
        file.extend((data.len() as u32).to_be_bytes());
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(data);
        file.extend(kind);
        file.extend(data);
        file.extend(sum.sum().to_be_bytes());
    }
    format!("data:image/png;base64,{}", base64(&file))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let of = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = of(0) << 16 | of(1) << 8 | of(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= three.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_its_rfc() {
        let found = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(found, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    #[test]
    fn a_picture_has_a_header_and_an_end() {
        let found = address(2, 1, Pixels::Rgb, &[1, 2, 3, 4, 5, 6]);
        assert!(
            found.starts_with("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjd"),
            "{found}"
        );
    }
}
