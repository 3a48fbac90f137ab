//! What all readers share: what a file is, and reading that never trusts a size before the bytes are there.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::DataError;

/// Deflate packs at most 1032 bytes into one; a header that claims more lies.
const MOST_PER_PACKED_BYTE: u64 = 1032;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Zip,
    Npy,
    Idx,
    Picture,
    Parquet,
    /// CSV or TSV, gzipped or not.
    Text,
}

impl Format {
    pub(super) fn detect(path: &Path) -> Result<Self, DataError> {
        let at = path.display().to_string();
        let mut file = Stream::open(path)?;
        let start = file.read_up_to(8).map_err(|error| broken(path, &error))?;
        Ok(match start.as_slice() {
            [] => {
                let hint = "check that it was written to the end";
                return Err(DataError::malformed(at, "an empty file", "data", hint));
            }
            // A text file has no zero bytes, so two of them, or a name that says so, make it IDX.
            [0, 0, ..] => Self::Idx,
            _ if says_idx(path) => Self::Idx,
            [b'P', b'K', 3 | 5, ..] | [0x93, b'N', b'U', b'M', b'P', b'Y', ..] if file.packed => {
                let found = "a gzipped .npz or .npy file";
                let expected = "one that is not gzipped";
                return Err(DataError::malformed(
                    at,
                    found,
                    expected,
                    "unpack it with gunzip",
                ));
            }
            start if is_parquet(start) && file.packed => {
                let (found, expected) = ("a gzipped Parquet file", "one that is not gzipped");
                let hint = "unpack it with gunzip";
                return Err(DataError::malformed(at, found, expected, hint));
            }
            start if is_parquet(start) => Self::Parquet,
            [b'P', b'A', b'R', b'E', ..] => {
                let (found, expected) = ("an encrypted Parquet file", "one that is not encrypted");
                let hint = "write it again without encryption";
                return Err(DataError::malformed(at, found, expected, hint));
            }
            start if is_picture(start) => Self::Picture,
            [b'P', b'K', 3 | 5, ..] => Self::Zip,
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Self::Npy,
            _ => match path.extension().and_then(|extension| extension.to_str()) {
                Some("npz") => Self::Zip,
                Some("npy") => Self::Npy,
                Some("parquet") => Self::Parquet,
                _ => Self::Text,
            },
        })
    }
}

/// Whether a file that starts so is PNG or JPEG.
pub(super) fn is_picture(start: &[u8]) -> bool {
    start.starts_with(b"\x89PNG") || start.starts_with(b"\xff\xd8\xff")
}

/// Whether a file that starts so is Parquet.
pub(super) fn is_parquet(start: &[u8]) -> bool {
    start.starts_with(b"PAR1")
}

fn says_idx(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    [
        "idx1-ubyte",
        "idx2-ubyte",
        "idx3-ubyte",
        "idx4-ubyte",
        ".idx",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// A file, unpacked as it is read if it is gzipped.
pub(super) struct Stream {
    reader: Box<dyn Read>,
    /// Whether it is gzipped.
    pub(super) packed: bool,
    /// The length of the file itself, in bytes.
    pub(super) len: u64,
}

impl Stream {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let io = |source| DataError::io(path, source);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Err(DataError::mismatch(
                path.display().to_string(),
                "a folder",
                "a file",
            ));
        }
        let mut file = BufReader::new(file);
        let mut start = Vec::new();
        file.by_ref().take(2).read_to_end(&mut start).map_err(io)?;
        let packed = start == GZIP;
        let whole = io::Cursor::new(start).chain(file);
        let reader: Box<dyn Read> = if packed {
            Box::new(MultiGzDecoder::new(whole))
        } else {
            Box::new(whole)
        };
        Ok(Self {
            reader,
            packed,
            len: metadata.len(),
        })
    }

    /// What comes from elsewhere, as it comes.
    pub(super) fn of(reader: Box<dyn Read>) -> Self {
        Self {
            reader,
            packed: false,
            len: 0,
        }
    }

    /// At most `len` bytes, fewer at the end.
    pub(super) fn read_up_to(&mut self, len: usize) -> io::Result<Vec<u8>> {
        read_up_to(&mut self.reader, len)
    }

    /// The most bytes that can still come when `taken` were read.
    pub(super) fn most_left(&self, taken: u64) -> u64 {
        let most = if self.packed {
            most_unpacked(self.len)
        } else {
            self.len
        };
        most.saturating_sub(taken)
    }
}

/// What comes as it comes, unpacked if its first bytes say that it is gzipped. Those are waited for at the first read.
pub(super) struct Unpacking<R> {
    from: Option<R>,
    reader: Box<dyn Read + Send>,
}

impl<R: Read + Send + 'static> Unpacking<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from: Some(from),
            reader: Box::new(io::empty()),
        }
    }
}

impl<R: Read + Send + 'static> Read for Unpacking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(from) = &mut self.from {
            // All that is there, so that who looks at the first block sees more of a header than two bytes.
            let mut start = vec![0; CHUNK];
            let mut count = from.read(&mut start)?;
            if count == 1 {
                count += read_full(from, &mut start[1..2])?;
            }
            start.truncate(count);
            let packed = start.starts_with(&GZIP);
            let whole = io::Cursor::new(start).chain(self.from.take().expect("it is there"));
            self.reader = if packed {
                Box::new(MultiGzDecoder::new(whole))
            } else {
                Box::new(whole)
            };
        }
        self.reader.read(buffer)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// The most bytes that `packed` bytes of deflate can stand for.
pub(super) fn most_unpacked(packed: u64) -> u64 {
    packed.saturating_mul(MOST_PER_PACKED_BYTE)
}

/// At most `len` bytes, fewer where the data ends; memory grows as they arrive.
pub(super) fn read_up_to(reader: &mut dyn Read, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; len.min(CHUNK)];
    while bytes.len() < len {
        let wanted = chunk.len().min(len - bytes.len());
        let count = read_full(reader, &mut chunk[..wanted])?;
        make_room(&mut bytes, count, len);
        bytes.extend_from_slice(&chunk[..count]);
        if count < wanted {
            break;
        }
    }
    Ok(bytes)
}

/// Bytes that are read at a time.
pub(super) const CHUNK: usize = 1 << 16;

/// Fills `buffer` as far as the data goes, and says how far that was.
pub(super) fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Makes room for `more` items, in steps of at most 16 MiB beyond what is there, and for `most` in all.
pub(super) fn make_room<T>(values: &mut Vec<T>, more: usize, most: usize) {
    if values.capacity() - values.len() < more {
        let step = values.len().min((16 << 20) / size_of::<T>()).max(more);
        values.reserve_exact(step.min(most.saturating_sub(values.len()).max(more)));
    }
}

/// What an error while reading a file means: a file that was cut off, a damaged one, or the system's refusal.
pub(super) fn broken(path: &Path, error: &io::Error) -> DataError {
    let at = path.display().to_string();
    let hint = "fetch or write the file again";
    match error.kind() {
        ErrorKind::UnexpectedEof => DataError::malformed(
            at,
            "an end in the middle of compressed data",
            "a whole file",
            hint,
        ),
        ErrorKind::InvalidData | ErrorKind::InvalidInput => DataError::malformed(
            at,
            format!("damaged compressed data ({error})"),
            "an intact file",
            hint,
        ),
        _ => DataError::io(path, io::Error::new(error.kind(), error.to_string())),
    }
}
