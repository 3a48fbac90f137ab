//! NPY, `NumPy`'s format of one array: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::{self, Read};

use super::error::{DataError, quote};
use super::numbers::{Numbers, is_exact, rounded};
use super::read::{CHUNK, make_room, read_full, read_up_to};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// `NumPy` itself refuses to read longer headers unless told otherwise.
const LONGEST_HEADER: usize = 10_000;
const MOST_DIMENSIONS: usize = 32;

/// An array's elements, row-major.
#[derive(Debug, PartialEq)]
pub(super) enum Elements {
    U8(Vec<u8>),
    Numbers(Numbers),
}

impl Elements {
    pub(super) fn into_numbers(self) -> Numbers {
        match self {
            Self::U8(values) => Numbers::F32(values.into_iter().map(f32::from).collect()),
            Self::Numbers(values) => values,
        }
    }
}

/// An element's type; all but `U8` are made f32, or f64 if some element is not exact in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Type {
    const fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The element in `bytes`, which are [`size`](Self::size) many and in the order of this program's integers.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an element has as many bits as its type"
    )]
    fn number(self, bytes: u64) -> f64 {
        match self {
            Self::Bool => f64::from(u8::from(bytes != 0)),
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => bytes as f64,
            Self::I8 => f64::from(bytes as i8),
            Self::I16 => f64::from(bytes as i16),
            Self::I32 => f64::from(bytes as i32),
            Self::I64 => bytes as i64 as f64,
            Self::F32 => f32::from_bits(bytes as u32).into(),
            Self::F64 => f64::from_bits(bytes),
        }
    }
}

/// What stands before the elements.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) shape: Vec<usize>,
    elements: usize,
    kind: Type,
    big_endian: bool,
    column_major: bool,
    at: String,
}

impl Header {
    /// Reads the header of an array of which `size` bytes, header included, are there. An array that would need another
    /// number of bytes is refused, so that what it claims can be believed as far as `size` can.
    pub(super) fn read(reader: &mut dyn Read, size: u64, at: &str) -> Result<Self, DataError> {
        let io = |error: io::Error| damaged(at, &error);
        let wrong = |found: String| {
            DataError::malformed(
                at,
                found,
                "an array written by numpy.save or numpy.savez",
                "write it again",
            )
        };
        let start = read_up_to(reader, 8).map_err(io)?;
        if start.len() < 8 || start[..6] != MAGIC[..] {
            return Err(wrong(format!(
                "the first bytes {:?}",
                String::from_utf8_lossy(&start)
            )));
        }
        let width = match start[6] {
            1 => 2,
            2 | 3 => 4,
            version => return Err(wrong(format!("version {version} of the format"))),
        };
        let digits = read_up_to(reader, width).map_err(io)?;
        let len = digits
            .iter()
            .rev()
            .fold(0, |len, &digit| len << 8 | usize::from(digit));
        if digits.len() < width || len > LONGEST_HEADER {
            return Err(wrong(format!("a header of {len} bytes")));
        }
        let text = read_up_to(reader, len).map_err(io)?;
        if text.len() < len {
            return Err(wrong(format!(
                "an end after {} of the header's {len} bytes",
                text.len()
            )));
        }
        let header = Self::parse(&String::from_utf8_lossy(&text), at)?;
        let taken = (8 + width + len) as u64;
        let needed = (header.elements as u64).checked_mul(header.kind.size() as u64);
        if needed.and_then(|needed| needed.checked_add(taken)) != Some(size) {
            return Err(DataError::malformed(
                at,
                format!(
                    "the shape {:?} but {} bytes of elements",
                    header.shape,
                    size.saturating_sub(taken)
                ),
                format!(
                    "{} bytes, {} an element",
                    needed.map_or_else(|| "more than 2^64".to_owned(), |needed| needed.to_string()),
                    header.kind.size()
                ),
                "write the array again",
            ));
        }
        Ok(header)
    }

    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`
    fn parse(text: &str, at: &str) -> Result<Self, DataError> {
        let wrong = || {
            let expected = "{'descr': …, 'fortran_order': …, 'shape': …}";
            DataError::malformed(
                at,
                format!("the header {}", quote(text.trim())),
                expected,
                "write the array again",
            )
        };
        let (kind, big_endian) = element_type(value(text, "descr").ok_or_else(wrong)?, at)?;
        let order = value(text, "fortran_order").ok_or_else(wrong)?;
        let column_major = match order.split([',', '}']).next().map(str::trim) {
            Some("True") => true,
            Some("False") => false,
            _ => return Err(wrong()),
        };
        let tuple = value(text, "shape")
            .and_then(|rest| rest.strip_prefix('(')?.split_once(')'))
            .ok_or_else(wrong)?;
        let sizes = tuple
            .0
            .split(',')
            .map(str::trim)
            .filter(|size| !size.is_empty());
        let shape: Vec<usize> = sizes
            .map(|size| size.parse().ok())
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let elements = shape
            .iter()
            .try_fold(1_usize, |product, &size| product.checked_mul(size));
        match elements {
            Some(elements) if elements > 0 && (1..=MOST_DIMENSIONS).contains(&shape.len()) => {
                Ok(Self {
                    shape,
                    elements,
                    kind,
                    big_endian,
                    column_major,
                    at: at.to_owned(),
                })
            }
            _ => Err(DataError::malformed(
                at,
                format!("the shape {shape:?}"),
                "1 to 32 dimensions, each at least 1, that fit into memory",
                "store an array that has rows",
            )),
        }
    }

    /// Whether elements arrive in another order than they are kept, so that room for all is wanted from the start.
    pub(super) fn is_permuted(&self) -> bool {
        self.column_major && self.shape.len() > 1
    }

    /// Refuses a stream that holds another number of elements than the header says, and keeps none.
    pub(super) fn check_length(&self, reader: &mut dyn Read) -> Result<(), DataError> {
        let count = io::copy(reader, &mut io::sink()).map_err(|error| damaged(&self.at, &error))?;
        let wanted = self.elements as u64 * self.kind.size() as u64;
        if count == wanted {
            Ok(())
        } else {
            Err(self.short(count))
        }
    }

    fn short(&self, count: u64) -> DataError {
        DataError::malformed(
            &self.at,
            format!("{count} bytes of elements"),
            format!(
                "{} elements of {} bytes, by the shape {:?}",
                self.elements,
                self.kind.size(),
                self.shape
            ),
            "write the array again",
        )
    }

    /// The elements, row-major, in f32 (or bytes); none if f32 would round one. Then the caller reads again, from the
    /// start, into [`wide_elements`](Self::wide_elements), so that there is never room for both.
    pub(super) fn elements(&self, reader: &mut dyn Read) -> Result<Option<Elements>, DataError> {
        if self.kind == Type::U8 {
            let values = self.fill(reader, |word| Some((word & 0xff) as u8))?;
            return Ok(values.map(Elements::U8));
        }
        let narrow = |word| {
            let value = self.kind.number(word);
            is_exact(value).then(|| rounded(value))
        };
        self.fill(reader, narrow)?
            .map(|values| self.checked(Numbers::F32(values)))
            .transpose()
    }

    /// The elements, row-major, in f64.
    pub(super) fn wide_elements(&self, reader: &mut dyn Read) -> Result<Elements, DataError> {
        let values = self.fill(reader, |word| Some(self.kind.number(word)))?;
        self.checked(Numbers::F64(
            values.expect("f64 takes every element there is"),
        ))
    }

    fn checked(&self, values: Numbers) -> Result<Elements, DataError> {
        match values.first_bad() {
            None => Ok(Elements::Numbers(values)),
            Some(at) => {
                let row = at / (self.elements / self.shape[0]);
                Err(DataError::malformed(
                    format!("{}, row {row}", self.at),
                    format!("{} at {:?}", values.get(at), unravel(at, &self.shape)),
                    "finite numbers within the range of f32",
                    "remove the row or fill in a value",
                ))
            }
        }
    }

    /// All elements, or none once `make` has made none.
    fn fill<T: Copy + Default>(
        &self,
        reader: &mut dyn Read,
        make: impl Fn(u64) -> Option<T>,
    ) -> Result<Option<Vec<T>>, DataError> {
        let io = |error: io::Error| damaged(&self.at, &error);
        let size = self.kind.size();
        let mut values = Vec::new();
        let mut order = self.is_permuted().then(|| ColumnMajor::new(&self.shape));
        if order.is_some() {
            values = vec![T::default(); self.elements];
        }
        let mut chunk = vec![0; CHUNK.min(self.elements * size)];
        let mut done = 0;
        while done < self.elements {
            let wanted = chunk.len().min((self.elements - done) * size);
            let count = read_full(reader, &mut chunk[..wanted]).map_err(io)?;
            if count < wanted {
                return Err(self.short((done * size + count) as u64));
            }
            let words = chunk[..wanted]
                .chunks_exact(size)
                .map(|bytes| make(word(bytes, self.big_endian)));
            if order.is_none() {
                make_room(&mut values, wanted / size, self.elements);
            }
            for value in words {
                let Some(value) = value else {
                    return Ok(None);
                };
                match &mut order {
                    None => values.push(value),
                    Some(order) => values[order.next()] = value,
                }
            }
            done += wanted / size;
        }
        // The end of the data also checks the sum of a member of an archive.
        if read_full(reader, &mut [0]).map_err(io)? > 0 {
            return Err(self.short((self.elements * size + 1) as u64));
        }
        Ok(Some(values))
    }
}

/// What follows `'key':` in a header.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text
        .split_once(&format!("'{key}'"))
        .or_else(|| text.split_once(&format!("\"{key}\"")))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn element_type(text: &str, at: &str) -> Result<(Type, bool), DataError> {
    let wrong = |found: String, hint: &str| {
        let expected = "elements of type bool, int8 to int64, uint8 to uint64, float32 or float64";
        Err(DataError::malformed(at, found, expected, hint))
    };
    let code = match text.chars().next() {
        Some(mark @ ('\'' | '"')) => text[1..].split(mark).next().unwrap_or(""),
        _ => {
            return wrong(
                "a structured type".to_owned(),
                "store each field as an array of its own",
            );
        }
    };
    let big_endian = code.starts_with('>');
    let kind = match code.trim_start_matches(['<', '>', '|', '=']) {
        "b1" | "?" => Type::Bool,
        "u1" => Type::U8,
        "u2" => Type::U16,
        "u4" => Type::U32,
        "u8" => Type::U64,
        "i1" => Type::I8,
        "i2" => Type::I16,
        "i4" => Type::I32,
        "i8" => Type::I64,
        "f4" => Type::F32,
        "f8" => Type::F64,
        "O" => {
            return wrong(
                "Python objects ('O')".to_owned(),
                "objects are never loaded; store a.astype(numpy.float32)",
            );
        }
        other if other.starts_with(['U', 'S']) => {
            let hint = "store class numbers: names, y = numpy.unique(y, return_inverse=True)";
            return wrong(format!("text ({})", quote(code)), hint);
        }
        _ => {
            return wrong(
                format!("the type {}", quote(code)),
                "convert with a.astype(numpy.float32)",
            );
        }
    };
    Ok((kind, big_endian))
}

/// Bytes as an integer of their own width.
fn word(bytes: &[u8], big_endian: bool) -> u64 {
    let add = |word: u64, &byte: &u8| word << 8 | u64::from(byte);
    if big_endian {
        bytes.iter().fold(0, add)
    } else {
        bytes.iter().rev().fold(0, add)
    }
}

/// Goes through a row-major array in column-major order: the first index runs fastest.
struct ColumnMajor {
    shape: Vec<usize>,
    strides: Vec<usize>,
    index: Vec<usize>,
    at: usize,
}

impl ColumnMajor {
    fn new(shape: &[usize]) -> Self {
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        Self {
            shape: shape.to_vec(),
            strides,
            index: vec![0; shape.len()],
            at: 0,
        }
    }

    /// The place of the next element.
    fn next(&mut self) -> usize {
        let place = self.at;
        for axis in 0..self.shape.len() {
            self.index[axis] += 1;
            self.at += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.at -= self.strides[axis] * self.shape[axis];
            self.index[axis] = 0;
        }
        place
    }
}

fn unravel(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &size) in index.iter_mut().zip(shape).rev() {
        *place = at % size;
        at /= size;
    }
    index
}

fn damaged(at: &str, error: &io::Error) -> DataError {
    DataError::malformed(
        at,
        format!("data that cannot be read ({error})"),
        "an intact file",
        "write or fetch it again",
    )
}
