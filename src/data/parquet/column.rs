//! One column: what its values are, and the text of each.

use half::f16;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::data_type::{AsBytes, ByteArray, FixedLenByteArray, Int96};
use parquet::schema::types::{ColumnDescPtr, Type};

use super::text::{Unit, big_endian, date, decimal, put, time, timestamp, uuid};
use super::thrift::Found;

/// Values that are read at once.
const BATCH: usize = 1024;
/// The same of text, each of which may be long.
const BATCH_OF_TEXT: usize = 64;
/// The day of 1970-01-01 in INT96.
const JULIAN: i64 = 2_440_588;

/// How the values of a column become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Truth,
    Signed,
    Unsigned,
    Float,
    Half,
    Decimal { scale: usize },
    Date,
    Time(Unit),
    Timestamp(Unit),
    Text,
    Uuid,
}

impl Kind {
    /// What a field of the schema is, or what it is that cannot be read.
    pub(super) fn of(field: &Type) -> Result<Self, Found> {
        let info = field.get_basic_info();
        if field.is_group() {
            return Err(match info.logical_type_ref() {
                Some(LogicalType::Map) => "a map in each cell".to_owned(),
                Some(LogicalType::List) => "a list in each cell".to_owned(),
                _ => "a group of columns".to_owned(),
            });
        }
        if info.has_repetition() && info.repetition() == Repetition::REPEATED {
            return Err("a list in each cell".to_owned());
        }
        let physical = field.get_physical_type();
        match info.logical_type_ref() {
            Some(logical) => Self::logical(logical, physical, field),
            None => Self::converted(info.converted_type(), physical, field),
        }
    }

    fn logical(logical: &LogicalType, physical: Physical, field: &Type) -> Result<Self, Found> {
        let unit = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => Unit::Milli,
            TimeUnit::MICROS => Unit::Micro,
            TimeUnit::NANOS => Unit::Nano,
        };
        Ok(match (logical, physical) {
            (LogicalType::Decimal(decimal), _) => {
                return Self::decimal(decimal.scale, physical, field);
            }
            (LogicalType::Date, Physical::INT32) => Self::Date,
            (LogicalType::Time(time), Physical::INT32 | Physical::INT64) => {
                Self::Time(unit(&time.unit))
            }
            (LogicalType::Timestamp(stamp), Physical::INT64) => Self::Timestamp(unit(&stamp.unit)),
            (LogicalType::Integer(integer), Physical::INT32 | Physical::INT64) => {
                if integer.is_signed {
                    Self::Signed
                } else {
                    Self::Unsigned
                }
            }
            (LogicalType::String | LogicalType::Enum | LogicalType::Json, Physical::BYTE_ARRAY) => {
                Self::Text
            }
            (LogicalType::Uuid, Physical::FIXED_LEN_BYTE_ARRAY) => Self::Uuid,
            (LogicalType::Float16, Physical::FIXED_LEN_BYTE_ARRAY) => Self::Half,
            // A column without any value has a type without any meaning.
            (LogicalType::Unknown, _) => return Self::physical(physical),
            (other, _) => return Err(format!("values of the type {other:?}")),
        })
    }

    fn converted(
        converted: ConvertedType,
        physical: Physical,
        field: &Type,
    ) -> Result<Self, Found> {
        use ConvertedType as C;
        Ok(match (converted, physical) {
            (C::NONE, _) => return Self::physical(physical),
            (C::UTF8 | C::ENUM | C::JSON, Physical::BYTE_ARRAY) => Self::Text,
            (C::DECIMAL, _) => return Self::decimal(field.get_scale(), physical, field),
            (C::DATE, Physical::INT32) => Self::Date,
            (C::TIME_MILLIS, Physical::INT32) => Self::Time(Unit::Milli),
            (C::TIME_MICROS, Physical::INT64) => Self::Time(Unit::Micro),
            (C::TIMESTAMP_MILLIS, Physical::INT64) => Self::Timestamp(Unit::Milli),
            (C::TIMESTAMP_MICROS, Physical::INT64) => Self::Timestamp(Unit::Micro),
            (C::INT_8 | C::INT_16 | C::INT_32 | C::INT_64, Physical::INT32 | Physical::INT64) => {
                Self::Signed
            }
            (
                C::UINT_8 | C::UINT_16 | C::UINT_32 | C::UINT_64,
                Physical::INT32 | Physical::INT64,
            ) => Self::Unsigned,
            (other, _) => return Err(format!("values of the type {other}")),
        })
    }

    fn physical(physical: Physical) -> Result<Self, Found> {
        Ok(match physical {
            Physical::BOOLEAN => Self::Truth,
            Physical::INT32 | Physical::INT64 => Self::Signed,
            Physical::INT96 => Self::Timestamp(Unit::Nano),
            Physical::FLOAT | Physical::DOUBLE => Self::Float,
            // Older programs do not say that their text is text; what is none is refused where it stands.
            Physical::BYTE_ARRAY => Self::Text,
            Physical::FIXED_LEN_BYTE_ARRAY => return Err("bytes of fixed length".to_owned()),
        })
    }

    fn decimal(scale: i32, physical: Physical, field: &Type) -> Result<Self, Found> {
        let Some(scale) = usize::try_from(scale).ok().filter(|scale| *scale <= 38) else {
            return Err(format!("decimals with {scale} digits behind the point"));
        };
        let fits = match physical {
            Physical::INT32 | Physical::INT64 => true,
            Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY => {
                (0..=38).contains(&field.get_precision())
            }
            _ => false,
        };
        if !fits {
            return Err(format!("decimals of {} digits", field.get_precision()));
        }
        Ok(Self::Decimal { scale })
    }
}

/// The least bytes that a plain value takes; 0 if it is a bit.
pub(super) fn least_bytes(descriptor: &ColumnDescPtr) -> u64 {
    match descriptor.physical_type() {
        Physical::BOOLEAN => 0,
        Physical::INT32 | Physical::FLOAT | Physical::BYTE_ARRAY => 4,
        Physical::INT64 | Physical::DOUBLE => 8,
        Physical::INT96 => 12,
        Physical::FIXED_LEN_BYTE_ARRAY => u64::try_from(descriptor.type_length()).unwrap_or(1),
    }
}

enum Values {
    Truth(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

/// The values of a column within one group of rows, some of them at a time.
pub(super) struct Column {
    kind: Kind,
    reader: ColumnReader,
    values: Values,
    /// Whether each row has a value, where it may have none: 1 if it has.
    levels: Option<Vec<i16>>,
    /// Rows that were read, and how many of them and of the values were taken.
    rows: usize,
    taken: usize,
    taken_values: usize,
}

impl Column {
    pub(super) fn new(kind: Kind, descriptor: ColumnDescPtr, pages: Box<dyn PageReader>) -> Self {
        let values = match descriptor.physical_type() {
            Physical::BOOLEAN => Values::Truth(Vec::new()),
            Physical::INT32 => Values::Int32(Vec::new()),
            Physical::INT64 => Values::Int64(Vec::new()),
            Physical::INT96 => Values::Int96(Vec::new()),
            Physical::FLOAT => Values::Float(Vec::new()),
            Physical::DOUBLE => Values::Double(Vec::new()),
            Physical::BYTE_ARRAY => Values::Bytes(Vec::new()),
            Physical::FIXED_LEN_BYTE_ARRAY => Values::Fixed(Vec::new()),
        };
        Self {
            kind,
            levels: (descriptor.max_def_level() > 0).then(Vec::new),
            reader: get_column_reader(descriptor, pages),
            values,
            rows: 0,
            taken: 0,
            taken_values: 0,
        }
    }

    /// Whether rows must be read before the next is taken.
    pub(super) const fn is_empty(&self) -> bool {
        self.taken == self.rows
    }

    /// Reads more rows.
    pub(super) fn read(&mut self) -> Result<(), Found> {
        macro_rules! read {
            ($reader:expr, $values:expr, $batch:expr) => {{
                $values.clear();
                let levels = self.levels.as_mut().map(|levels| {
                    levels.clear();
                    levels
                });
                $reader.read_records($batch, levels, None, $values)
            }};
        }
        let read = match (&mut self.reader, &mut self.values) {
            (ColumnReader::BoolColumnReader(from), Values::Truth(to)) => read!(from, to, BATCH),
            (ColumnReader::Int32ColumnReader(from), Values::Int32(to)) => read!(from, to, BATCH),
            (ColumnReader::Int64ColumnReader(from), Values::Int64(to)) => read!(from, to, BATCH),
            (ColumnReader::Int96ColumnReader(from), Values::Int96(to)) => read!(from, to, BATCH),
            (ColumnReader::FloatColumnReader(from), Values::Float(to)) => read!(from, to, BATCH),
            (ColumnReader::DoubleColumnReader(from), Values::Double(to)) => read!(from, to, BATCH),
            (ColumnReader::ByteArrayColumnReader(from), Values::Bytes(to)) => {
                read!(from, to, BATCH_OF_TEXT)
            }
            (ColumnReader::FixedLenByteArrayColumnReader(from), Values::Fixed(to)) => {
                read!(from, to, BATCH_OF_TEXT)
            }
            _ => return Err("values of another type".to_owned()),
        };
        let (rows, values, _) = read.map_err(|error| error.to_string())?;
        (self.rows, self.taken, self.taken_values) = (rows, 0, 0);
        let told = self.levels.as_ref().map_or(rows, |levels| {
            levels.iter().filter(|level| **level == 1).count()
        });
        if rows == 0 {
            Err("fewer values than rows".to_owned())
        } else if told != values {
            Err(format!("{values} values where {told} rows have one"))
        } else {
            Ok(())
        }
    }

    /// Adds the text of the next row's value: none if it has no value.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> Result<(), Found> {
        let row = self.taken;
        self.taken += 1;
        if self.levels.as_ref().is_some_and(|levels| levels[row] == 0) {
            return Ok(());
        }
        let at = self.taken_values;
        self.taken_values += 1;
        match &self.values {
            Values::Truth(values) => put(out, format_args!("{}", values[at])),
            Values::Int32(values) => {
                let value = values[at];
                match self.kind {
                    Kind::Unsigned => put(out, format_args!("{}", value.cast_unsigned())),
                    _ => self.whole(out, value.into()),
                }
            }
            Values::Int64(values) => {
                let value = values[at];
                match self.kind {
                    Kind::Unsigned => put(out, format_args!("{}", value.cast_unsigned())),
                    _ => self.whole(out, value),
                }
            }
            Values::Int96(values) => {
                let data = values[at].data();
                let nanos = (u64::from(data[1]) << 32 | u64::from(data[0])).cast_signed();
                date(out, i64::from(data[2]) - JULIAN);
                out.push(b'T');
                time(out, nanos, Unit::Nano);
            }
            // In f64 they are the same numbers, and the shortest text of these reads as just these.
            Values::Float(values) => put(out, format_args!("{:?}", f64::from(values[at]))),
            Values::Double(values) => put(out, format_args!("{:?}", values[at])),
            Values::Bytes(values) => return self.bytes(out, values[at].as_bytes()),
            Values::Fixed(values) => return self.bytes(out, values[at].as_bytes()),
        }
        Ok(())
    }

    fn whole(&self, out: &mut Vec<u8>, value: i64) {
        match self.kind {
            Kind::Date => date(out, value),
            Kind::Time(unit) => time(out, value, unit),
            Kind::Timestamp(unit) => timestamp(out, value, unit),
            Kind::Decimal { scale } => decimal(out, value.into(), scale),
            _ => put(out, format_args!("{value}")),
        }
    }

    fn bytes(&self, out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Found> {
        match self.kind {
            Kind::Decimal { scale } => {
                let value = big_endian(bytes).ok_or("a decimal of more than 16 bytes")?;
                decimal(out, value, scale);
            }
            Kind::Uuid => uuid(out, bytes),
            Kind::Half => {
                let bytes = *bytes.first_chunk().ok_or("half a number")?;
                put(
                    out,
                    format_args!("{:?}", f16::from_le_bytes(bytes).to_f64()),
                );
            }
            _ => out.extend_from_slice(bytes),
        }
        Ok(())
    }
}
