//! The bytes of a page as they are needed, from those that are in the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;

use super::thrift::Found;
use crate::data::read::read_up_to;

/// So many bytes the pages of a small file may take at once, and this many times its size those of a larger one.
const ALWAYS: u64 = 256 << 20;
const MOST_TIMES: u64 = 200;

/// Bytes that pages may still take, all columns together.
pub(super) struct Budget {
    left: AtomicU64,
    most: u64,
}

/// Bytes taken from a budget, given back when dropped.
pub(super) struct Held(Arc<Budget>, u64);

impl Budget {
    pub(super) fn of_file(len: u64) -> Arc<Self> {
        let room = crate::executor::available().map_or(u64::MAX, |available| available / 2);
        let most = room.min(ALWAYS.max(len.saturating_mul(MOST_TIMES)));
        Arc::new(Self {
            left: AtomicU64::new(most),
            most,
        })
    }

    pub(super) fn take(self: &Arc<Self>, bytes: u64) -> Result<Held, Found> {
        let less = |left: u64| left.checked_sub(bytes);
        match self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        {
            Ok(_) => Ok(Held(Arc::clone(self), bytes)),
            Err(left) => Err(format!(
                "a page that takes {bytes} bytes where {left} of {} are left for pages",
                self.most
            )),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.left.fetch_add(self.1, Ordering::Relaxed);
    }
}

/// Unpacks what must become exactly `size` bytes. Room is made only for what the packed bytes can stand for.
pub(super) fn unpack(codec: Compression, packed: &[u8], size: usize) -> Result<Vec<u8>, Found> {
    let damaged = |error: &dyn std::fmt::Display| format!("damaged compressed data ({error})");
    let within = |most: usize| {
        let most = packed.len().saturating_mul(most).saturating_add(64);
        let claim = format!("{size} bytes claimed of {} packed ones", packed.len());
        (size <= most).then_some(()).ok_or(claim)
    };
    let bytes = match codec {
        Compression::UNCOMPRESSED => packed.to_vec(),
        Compression::GZIP(_) => {
            read_up_to(&mut MultiGzDecoder::new(packed), size + 1).map_err(|e| damaged(&e))?
        }
        Compression::SNAPPY => {
            // A copy of 64 bytes takes at least two.
            within(32)?;
            let len = snap::raw::decompress_len(packed).map_err(|e| damaged(&e))?;
            if len != size {
                return Err(format!("{len} bytes in a page of {size}"));
            }
            let mut decoder = snap::raw::Decoder::new();
            decoder.decompress_vec(packed).map_err(|e| damaged(&e))?
        }
        Compression::LZ4_RAW => {
            within(255)?;
            lz4_flex::block::decompress(packed, size).map_err(|e| damaged(&e))?
        }
        Compression::ZSTD(_) => {
            // A block of 128 KiB that is one byte again and again takes four.
            within(1 << 15)?;
            zstd::bulk::decompress(packed, size).map_err(|e| damaged(&e))?
        }
        other => return Err(name(other).to_owned()),
    };
    if bytes.len() == size {
        Ok(bytes)
    } else {
        Err(format!("more or fewer than {size} bytes in a page"))
    }
}

/// What a codec is called if it is one that is not read.
pub(super) fn unread(codec: Compression) -> Option<&'static str> {
    match codec {
        Compression::UNCOMPRESSED
        | Compression::GZIP(_)
        | Compression::SNAPPY
        | Compression::LZ4_RAW
        | Compression::ZSTD(_) => None,
        other => Some(name(other)),
    }
}

const fn name(codec: Compression) -> &'static str {
    match codec {
        Compression::BROTLI(_) => "Brotli",
        Compression::LZO => "LZO",
        Compression::LZ4 => "LZ4 in Hadoop's framing",
        _ => "an unknown codec",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression as Level;
    use flate2::write::GzEncoder;
    use parquet::basic::{GzipLevel, ZstdLevel};

    use super::*;

    #[test]
    fn what_a_page_claims_is_not_believed() {
        let mut gzip = GzEncoder::new(Vec::new(), Level::best());
        let zeros = vec![0; 64 << 20];
        gzip.write_all(&zeros).expect("memory takes all");
        let gzip = gzip.finish().expect("memory takes all");
        let zstd = zstd::bulk::compress(&zeros, 1).expect("memory takes all");
        let lz4 = lz4_flex::block::compress(&zeros);
        let mut snappy = snap::raw::Encoder::new();
        let snappy = snappy.compress_vec(&zeros).expect("memory takes all");
        for (codec, packed) in [
            (Compression::GZIP(GzipLevel::default()), &gzip),
            (Compression::ZSTD(ZstdLevel::default()), &zstd),
            (Compression::LZ4_RAW, &lz4),
            (Compression::SNAPPY, &snappy),
        ] {
            assert!(
                unpack(codec, packed, zeros.len()).as_ref() == Ok(&zeros),
                "{codec:?}"
            );
            for size in [0, 1000, zeros.len() - 1, zeros.len() + 1] {
                assert!(unpack(codec, packed, size).is_err(), "{codec:?} as {size}");
            }
            // 20 bytes that claim two gigabytes, which no decoder shall make room for.
            let error =
                unpack(codec, &packed[..20], i32::MAX as usize).expect_err("they cannot be there");
            assert!(
                error.contains("claimed") || matches!(codec, Compression::GZIP(_)),
                "{codec:?}: {error}"
            );
        }
    }

    #[test]
    fn pages_share_a_budget() {
        let budget = Budget::of_file(100);
        let first = budget.take(ALWAYS / 2);
        assert!(first.is_ok() && budget.take(ALWAYS).is_err());
        drop(first);
        assert!(budget.take(ALWAYS / 2).is_ok());
    }
}
