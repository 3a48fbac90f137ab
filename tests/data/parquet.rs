//! Parquet: read as the CSV of the same table, whatever its types, codecs and groups; and damaged files.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use thalweg::data::{
    InFile, Missing, Normalize, Preparation, Table, TableInputs, TableOptions, Task, Values,
};

use super::{Folder, load_with, refuses_file};

mod damaged;
mod pyarrow;
mod types;

/// A column of cells, some of them perhaps null.
#[derive(Clone)]
pub(crate) enum Cells {
    Bool(Vec<Option<bool>>),
    Int32(Vec<Option<i32>>),
    Int64(Vec<Option<i64>>),
    Int96(Vec<Option<[u32; 3]>>),
    Float(Vec<Option<f32>>),
    Double(Vec<Option<f64>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Fixed(Vec<Option<Vec<u8>>>),
}

pub(crate) fn texts(values: &[&str]) -> Cells {
    Cells::Bytes(
        values
            .iter()
            .map(|text| Some(text.as_bytes().to_vec()))
            .collect(),
    )
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// Writes cells, which the schema says to be optional if one is null.
fn column<T: DataType, C>(group: &mut Group<'_>, cells: &[Option<C>], make: impl Fn(&C) -> T::T) {
    let mut writer = group.next_column().unwrap().unwrap();
    let values: Vec<T::T> = cells.iter().flatten().map(make).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let typed = writer.typed::<T>();
    typed.write_batch(&values, Some(&levels), None).unwrap();
    writer.close().unwrap();
}

fn write_cells(group: &mut Group<'_>, cells: &Cells) {
    let bytes = |x: &Vec<u8>| ByteArray::from(x.clone());
    match cells {
        Cells::Bool(cells) => column::<BoolType, _>(group, cells, |x| *x),
        Cells::Int32(cells) => column::<Int32Type, _>(group, cells, |x| *x),
        Cells::Int64(cells) => column::<Int64Type, _>(group, cells, |x| *x),
        Cells::Int96(cells) => {
            column::<Int96Type, _>(group, cells, |x| Int96::from(x.to_vec()));
        }
        Cells::Float(cells) => column::<FloatType, _>(group, cells, |x| *x),
        Cells::Double(cells) => column::<DoubleType, _>(group, cells, |x| *x),
        Cells::Bytes(cells) => column::<ByteArrayType, _>(group, cells, bytes),
        Cells::Fixed(cells) => {
            let fixed = |x: &Vec<u8>| FixedLenByteArray::from(bytes(x));
            column::<FixedLenByteArrayType, _>(group, cells, fixed);
        }
    }
}

/// A file with the columns of a schema, such as `required int64 a; optional double b;`, in groups of rows.
pub(crate) fn parquet(
    schema: &str,
    groups: &[Vec<Cells>],
    properties: WriterPropertiesBuilder,
) -> Vec<u8> {
    let schema = parse_message_type(&format!("message m {{ {schema} }}")).unwrap();
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties).unwrap();
    for cells in groups {
        let mut group = writer.next_row_group().unwrap();
        for cells in cells {
            write_cells(&mut group, cells);
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn plain() -> WriterPropertiesBuilder {
    WriterProperties::builder()
}

fn options(missing: Missing, in_file: InFile) -> TableOptions {
    TableOptions {
        missing,
        in_file,
        ..TableOptions::default()
    }
}

fn load_bytes(bytes: &[u8], options: &TableOptions) -> Table {
    let folder = Folder::new(&[("t.parquet", bytes)]);
    load_with(&folder.spec("t.parquet"), options).unwrap()
}

const SCHEMA: &str = "required int64 count; optional double time; required float ratio; optional binary colour (UTF8); \
                      required boolean flag; optional int32 gap (INTEGER(32, false)); required binary kind (UTF8);";

/// The same table as cells, in groups of rows, and as CSV.
pub(crate) fn both(rows: usize, group: usize) -> (Vec<Vec<Cells>>, String) {
    let count = |i: usize| (i as i64 - 3) * 9_007_199_254_741;
    let time = |i: usize| (i % 11 != 5).then(|| 1.7e9 + (i as f64 * 0.37).sin());
    let ratio = |i: usize| (i as f32 * 0.1).cos();
    let colour = |i: usize| [Some("red"), Some("bl,\"ue"), None, Some(" green ")][i % 4];
    let gap = |i: usize| (i % 7 != 3).then(|| u32::try_from(i % 13).unwrap() * 300_000_000);
    let kind = |i: usize| ["a", "b", "c"][i % 3];
    let mut csv = String::from("count,time,ratio,colour,flag,gap,kind\n");
    let text = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
    for i in 0..rows {
        csv.push_str(&format!(
            "{},{},{},\"{}\",{},{},{}\n",
            count(i),
            text(time(i)),
            f64::from(ratio(i)),
            colour(i).unwrap_or("").replace('"', "\"\""),
            i % 2 == 0,
            text(gap(i).map(f64::from)),
            kind(i)
        ));
    }
    let groups = (0..rows).step_by(group).map(|from| {
        let part = || from..rows.min(from + group);
        vec![
            Cells::Int64(part().map(|i| Some(count(i))).collect()),
            Cells::Double(part().map(time).collect()),
            Cells::Float(part().map(|i| Some(ratio(i))).collect()),
            Cells::Bytes(
                part()
                    .map(|i| colour(i).map(|x| x.as_bytes().to_vec()))
                    .collect(),
            ),
            Cells::Bool(part().map(|i| Some(i % 2 == 0)).collect()),
            Cells::Int32(part().map(|i| gap(i).map(u32::cast_signed)).collect()),
            texts(&part().map(kind).collect::<Vec<_>>()),
        ]
    });
    (groups.collect(), csv)
}

pub(crate) fn table(rows: usize, group: usize, properties: WriterPropertiesBuilder) -> Vec<u8> {
    parquet(SCHEMA, &both(rows, group).0, properties)
}

#[test]
fn it_is_the_csv_of_the_same_table() {
    let rows = 3000;
    let (groups, csv) = both(rows, 700);
    let bytes = parquet(SCHEMA, &groups, plain());
    let folder = Folder::new(&[("t.csv", csv.as_bytes()), ("t", &bytes)]);
    for missing in [Missing::Mean, Missing::Drop] {
        let load = |name: &str, in_file| {
            load_with(&folder.spec(name), &options(missing, in_file)).unwrap()
        };
        let (expected, found) = (load("t.csv", InFile::Never), load("t", InFile::Never));
        assert_eq!(found.rows(), expected.rows());
        if missing == Missing::Drop {
            // Where a number is missing there is NaN, which is not itself.
            assert_eq!(found.inputs(), expected.inputs());
        }
        assert_eq!(found.target(), expected.target());
        let notes = |table: &Table| table.notes().join("\n").replace("t.csv", "t");
        assert_eq!(notes(&found), notes(&expected));
        // A line of the CSV is the row after the header.
        for row in [0, 1, 900] {
            let line: u64 = expected
                .place(row)
                .rsplit(':')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(
                found.place(row),
                format!("{}, row {}", folder.spec("t"), line - 1)
            );
        }
        let stored = load("t", InFile::Always);
        assert!(matches!(stored.inputs(), TableInputs::StoredColumns(_)));
        let all: Vec<u32> = (0..u32::try_from(found.rows()).unwrap()).collect();
        let prepare = |table: &Table| {
            Preparation::fit(table, &all, Task::Auto, Normalize::Auto)
                .and_then(|fitted| fitted.prepare(table))
                .unwrap()
        };
        let (memory, file) = (prepare(&expected), prepare(&stored));
        for row in 0..memory.rows() {
            let bits = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(file.row(row)), bits(memory.row(row)), "row {row}");
        }
    }
}

#[test]
fn codecs_encodings_and_pages_make_no_difference() {
    let expected = load_bytes(
        &table(500, 500, plain()),
        &options(Missing::Drop, InFile::Never),
    );
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for dictionary in [true, false] {
                for rows in [17, 10_000] {
                    let properties = plain()
                        .set_compression(codec)
                        .set_writer_version(version)
                        .set_dictionary_enabled(dictionary)
                        .set_data_page_row_count_limit(rows)
                        .set_write_batch_size(rows);
                    let found = load_bytes(
                        &table(500, 210, properties),
                        &options(Missing::Drop, InFile::Never),
                    );
                    let what = format!("{codec:?}, {version:?}, {dictionary}, {rows}");
                    assert_eq!(found.inputs(), expected.inputs(), "{what}");
                    assert_eq!(found.target(), expected.target(), "{what}");
                }
            }
        }
    }
    // What no version chooses by itself.
    for (schema, cells, encoding) in [
        (
            "required int32 a;",
            Cells::Int32(vec![Some(-5), Some(7), Some(7)]),
            Encoding::DELTA_BINARY_PACKED,
        ),
        (
            "required double a;",
            Cells::Double(vec![Some(-5.0), Some(7.0), Some(7.0)]),
            Encoding::BYTE_STREAM_SPLIT,
        ),
        (
            "required binary a (UTF8);",
            texts(&["-5", "7", "7"]),
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
        ),
        (
            "required binary a (UTF8);",
            texts(&["-5", "7", "7"]),
            Encoding::DELTA_BYTE_ARRAY,
        ),
    ] {
        let properties = plain().set_dictionary_enabled(false).set_encoding(encoding);
        let bytes = parquet(schema, &[vec![cells]], properties);
        let table = load_bytes(&bytes, &super::inputs());
        let TableInputs::Columns(columns) = table.inputs() else {
            panic!("{table:?}")
        };
        let Values::Numbers(numbers) = &columns[0].values else {
            panic!("{table:?}")
        };
        assert_eq!(
            numbers.iter().collect::<Vec<_>>(),
            [-5.0, 7.0, 7.0],
            "{encoding}"
        );
    }
    let refused = |codec, name: &str| {
        let properties = plain().set_compression(codec);
        let bytes = parquet(
            "required int32 a;",
            &[vec![Cells::Int32(vec![Some(1)])]],
            properties,
        );
        refuses_file(
            "t.parquet",
            &bytes,
            &super::inputs(),
            &["row 1, column \"a\"", name, "gzip"],
        );
    };
    refused(Compression::LZ4, "LZ4 in Hadoop's framing");
}
