//! The pages of one column within one group of rows, read one after the other.
//!
//! The `parquet` crate has a reader of pages, which this replaces: that one makes room for whatever size a header claims,
//! and unpacks gzip without an end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

use super::thrift::{
    DATA_PAGE, DATA_PAGE_V2, DICTIONARY_PAGE, Found, INDEX_PAGE, PageHeader, Thrift,
};
use super::unpack::{Budget, Held, unpack};
use crate::data::read::read_up_to;

/// Bytes in which a header is looked for; one with long statistics takes more.
const HEADER: u64 = 1 << 10;
const LONGEST_HEADER: u64 = 1 << 20;
/// Pages of text whose values share their beginnings are not larger: a row can be as long as all of them together.
const MOST_SHARED: usize = 16 << 20;
/// Bytes that a value of a dictionary takes beside its own.
const DICTIONARY_VALUE: u64 = 40;

const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const RLE: i64 = 3;
const DELTA_BINARY_PACKED: i64 = 5;
const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
const DELTA_BYTE_ARRAY: i64 = 7;
const RLE_DICTIONARY: i64 = 8;
const BYTE_STREAM_SPLIT: i64 = 9;

/// What the pages of a column have in common.
pub(super) struct Chunk {
    pub(super) file: Arc<Mutex<File>>,
    /// The place of the next page, and how many bytes of the column follow.
    pub(super) at: u64,
    pub(super) left: u64,
    pub(super) codec: Compression,
    /// Whether rows may have no value.
    pub(super) optional: bool,
    /// The least bytes that a plain value takes; 0 if it is a bit.
    pub(super) value: u64,
    pub(super) budget: Arc<Budget>,
}

pub(super) struct Pages {
    chunk: Chunk,
    has_dictionary: bool,
    /// What the dictionary and the last page take.
    dictionary: Option<Held>,
    page: Option<Held>,
}

impl Pages {
    pub(super) const fn new(chunk: Chunk) -> Self {
        Self {
            chunk,
            has_dictionary: false,
            dictionary: None,
            page: None,
        }
    }

    fn read_at(&self, at: u64, count: u64) -> std::result::Result<Vec<u8>, Found> {
        let io = |error: std::io::Error| error.to_string();
        let mut file = self
            .chunk
            .file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        let count = usize::try_from(count).map_err(|_| "a page beyond memory")?;
        read_up_to(&mut file.by_ref(), count).map_err(io)
    }

    fn header(&self) -> std::result::Result<PageHeader, Found> {
        let mut most = HEADER.min(self.chunk.left);
        loop {
            let bytes = self.read_at(self.chunk.at, most)?;
            if let Some(header) = PageHeader::read(&bytes) {
                return Ok(header);
            }
            let longer = (most * 32).min(LONGEST_HEADER).min(self.chunk.left);
            if longer == most {
                return Err("what is no header of a page".to_owned());
            }
            most = longer;
        }
    }

    fn next_page(&mut self) -> std::result::Result<Option<Page>, Found> {
        while self.chunk.left > 0 {
            let header = self.header()?;
            let len = header.len as u64;
            let left = self.chunk.left - len.min(self.chunk.left);
            let packed = u64::try_from(header.packed)
                .ok()
                .filter(|packed| *packed <= left)
                .ok_or_else(|| format!("a page of {} bytes of {left}", header.packed))?;
            let body = self.chunk.at + len;
            self.chunk.at = body + packed;
            self.chunk.left = left - packed;
            if header.kind != INDEX_PAGE {
                return self.page(&header, body, packed).map(Some);
            }
        }
        Ok(None)
    }

    fn page(
        &mut self,
        header: &PageHeader,
        body: u64,
        packed: u64,
    ) -> std::result::Result<Page, Found> {
        let size =
            u64::try_from(header.unpacked).map_err(|_| format!("{} bytes", header.unpacked))?;
        let values =
            u32::try_from(header.values).map_err(|_| format!("{} values", header.values))?;
        // Before its room is taken, that of the page before is given back.
        self.page = None;
        let mut takes = size + packed;
        if header.kind == DICTIONARY_PAGE {
            takes += u64::from(values) * DICTIONARY_VALUE;
            self.check_dictionary(header, u64::from(values), size)?;
        }
        let held = self.chunk.budget.take(takes)?;
        let bytes = self.read_at(body, packed)?;
        if bytes.len() as u64 != packed {
            return Err("an end of the file within a page".to_owned());
        }
        if let Some(check) = header.check {
            let mut hasher = flate2::Crc::new();
            hasher.update(&bytes);
            if i64::from(hasher.sum().cast_signed()) != check {
                return Err("a page whose checksum is another".to_owned());
            }
        }
        let bytes = self.unpacked(header, bytes, size)?;
        if header.kind == DICTIONARY_PAGE {
            self.has_dictionary = true;
            self.dictionary = Some(held);
            return Ok(Page::DictionaryPage {
                buf: bytes.into(),
                num_values: values,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            });
        }
        self.page = Some(held);
        self.data(header, bytes, values)
    }

    fn check_dictionary(
        &self,
        header: &PageHeader,
        values: u64,
        size: u64,
    ) -> std::result::Result<(), Found> {
        if self.has_dictionary {
            return Err("a second dictionary".to_owned());
        }
        if !matches!(header.encoding, PLAIN | PLAIN_DICTIONARY) {
            return Err(format!("a dictionary in encoding {}", header.encoding));
        }
        // Dictionaries of truth values there are none.
        if self.chunk.value == 0 || values * self.chunk.value > size {
            return Err(format!("{values} values in a dictionary of {size} bytes"));
        }
        Ok(())
    }

    fn unpacked(
        &self,
        header: &PageHeader,
        bytes: Vec<u8>,
        size: u64,
    ) -> std::result::Result<Vec<u8>, Found> {
        let size = usize::try_from(size).map_err(|_| "a page beyond memory")?;
        if self.chunk.codec == Compression::UNCOMPRESSED {
            return Ok(bytes);
        }
        if header.kind != DATA_PAGE_V2 {
            return unpack(self.chunk.codec, &bytes, size);
        }
        if !header.is_packed {
            return Ok(bytes);
        }
        // The levels stand before the values, as they are.
        let levels = levels_bytes(header)?;
        if levels > bytes.len() || levels > size {
            return Err(format!("{levels} bytes of levels"));
        }
        let mut whole = bytes[..levels].to_vec();
        if size > levels {
            whole.extend(unpack(self.chunk.codec, &bytes[levels..], size - levels)?);
        }
        Ok(whole)
    }

    fn data(
        &self,
        header: &PageHeader,
        bytes: Vec<u8>,
        values: u32,
    ) -> std::result::Result<Page, Found> {
        let start = match header.kind {
            DATA_PAGE if !self.chunk.optional => 0,
            DATA_PAGE if header.levels != RLE => {
                return Err(format!("levels in encoding {}", header.levels));
            }
            DATA_PAGE => {
                let len = bytes.first_chunk().map(|len| u32::from_le_bytes(*len));
                len.map_or(usize::MAX, |len| (len as usize).saturating_add(4))
            }
            DATA_PAGE_V2 => levels_bytes(header)?,
            other => return Err(format!("a page of the kind {other}")),
        };
        let Some(data) = bytes.get(start..) else {
            return Err(format!("levels beyond a page of {} bytes", bytes.len()));
        };
        let encoding = self.encoding(header.encoding, data, values.into())?;
        if header.kind == DATA_PAGE {
            return Ok(Page::DataPage {
                buf: bytes.into(),
                num_values: values,
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            });
        }
        let narrow = |n: i64| u32::try_from(n).map_err(|_| format!("{n} in a page's header"));
        Ok(Page::DataPageV2 {
            buf: bytes.into(),
            num_values: values,
            encoding,
            num_nulls: narrow(header.nulls)?,
            num_rows: values,
            def_levels_byte_len: narrow(header.definition_bytes)?,
            rep_levels_byte_len: narrow(header.repetition_bytes)?,
            is_compressed: false,
            statistics: None,
        })
    }

    /// Checks what an encoding claims of itself, for which the crate makes room.
    fn encoding(
        &self,
        encoding: i64,
        data: &[u8],
        values: u64,
    ) -> std::result::Result<Encoding, Found> {
        Ok(match encoding {
            PLAIN => Encoding::PLAIN,
            RLE => Encoding::RLE,
            BYTE_STREAM_SPLIT => Encoding::BYTE_STREAM_SPLIT,
            PLAIN_DICTIONARY | RLE_DICTIONARY if self.has_dictionary => Encoding::RLE_DICTIONARY,
            PLAIN_DICTIONARY | RLE_DICTIONARY => {
                return Err("a page of a dictionary that is not there".to_owned());
            }
            DELTA_BINARY_PACKED => {
                deltas(data, values)?;
                Encoding::DELTA_BINARY_PACKED
            }
            DELTA_LENGTH_BYTE_ARRAY => {
                deltas(data, values)?;
                Encoding::DELTA_LENGTH_BYTE_ARRAY
            }
            DELTA_BYTE_ARRAY if data.len() > MOST_SHARED => {
                return Err(format!("a page of {} bytes of shared text", data.len()));
            }
            DELTA_BYTE_ARRAY => {
                let behind = deltas(data, values)?;
                deltas(&data[behind.min(data.len())..], values)?;
                Encoding::DELTA_BYTE_ARRAY
            }
            other => return Err(format!("values in encoding {other}")),
        })
    }
}

fn levels_bytes(header: &PageHeader) -> std::result::Result<usize, Found> {
    let (repeated, defined) = (header.repetition_bytes, header.definition_bytes);
    if repeated < 0 || defined < 0 {
        return Err(format!("{repeated} and {defined} bytes of levels"));
    }
    usize::try_from(repeated + defined).map_err(|_| "levels beyond memory".to_owned())
}

/// Walks along numbers that are written as differences, and gives the place behind them.
fn deltas(data: &[u8], most: u64) -> std::result::Result<usize, Found> {
    let mut thrift = Thrift::new(data);
    let walk = |thrift: &mut Thrift<'_>| -> Option<std::result::Result<(), Found>> {
        let (block, parts) = (thrift.varint()?, thrift.varint()?);
        let values = thrift.varint()?;
        thrift.zigzag()?;
        let whole = parts > 0 && block % parts.max(1) == 0 && (block / parts.max(1)) % 32 == 0;
        if !whole || block == 0 || block > 1 << 20 || values > most {
            let found = format!("{values} differences in blocks of {block} in {parts} parts");
            return Some(Err(found));
        }
        let part = block / parts;
        let mut left = values.saturating_sub(1);
        while left > 0 {
            thrift.zigzag()?;
            let widths = thrift.at;
            thrift.leave_out(usize::try_from(parts).ok()?)?;
            for at in widths..thrift.at {
                let bytes = usize::from(data[at]) * usize::try_from(part).ok()? / 8;
                // Not every program fills up the last part.
                match left {
                    0 => {}
                    left if left <= part => thrift.leave_out(bytes.min(data.len() - thrift.at))?,
                    _ => thrift.leave_out(bytes)?,
                }
                left = left.saturating_sub(part);
            }
        }
        Some(Ok(()))
    };
    walk(&mut thrift).unwrap_or_else(|| Err("differences that end too early".to_owned()))?;
    Ok(thrift.at)
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.next_page().map_err(ParquetError::General)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Err(ParquetError::NYI("pages are read in order".to_owned()))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        Err(ParquetError::NYI("pages are read in order".to_owned()))
    }
}
