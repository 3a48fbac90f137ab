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
use proptest::prelude::*;
use thalweg::data::{
    InFile, Missing, Normalize, Preparation, Table, TableInputs, TableOptions, TableTarget, Task,
    Values,
};

use super::{Folder, gz, load_with, refuses_file};

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

/// The categories of a column of text, or its numbers.
fn seen(schema: &str, cells: Cells) -> Vec<String> {
    let bytes = parquet(&format!("{schema};"), &[vec![cells]], plain());
    let table = load_bytes(&bytes, &super::inputs());
    let TableInputs::Columns(columns) = table.inputs() else {
        panic!("{table:?}")
    };
    match &columns[0].values {
        Values::Numbers(numbers) => numbers.iter().map(|x| format!("{x:?}")).collect(),
        Values::Text { codes, names } => codes
            .iter()
            .map(|&code| names[code as usize].clone())
            .collect(),
    }
}

#[test]
fn every_type_has_its_text() {
    let bytes = |rows: &[&[u8]]| rows.iter().map(|x| Some(x.to_vec())).collect::<Vec<_>>();
    let half = |x: f32| half::f16::from_f32(x).to_le_bytes();
    for (schema, cells, expected) in [
        (
            "required boolean a",
            Cells::Bool(vec![Some(true), Some(false)]),
            ["true", "false"],
        ),
        (
            "required int32 a",
            Cells::Int32(vec![Some(i32::MIN), Some(7)]),
            ["-2147483648.0", "7.0"],
        ),
        (
            "required int32 a (INTEGER(8, true))",
            Cells::Int32(vec![Some(-8), Some(7)]),
            ["-8.0", "7.0"],
        ),
        (
            "required int32 a (UINT_32)",
            Cells::Int32(vec![Some(-1), Some(7)]),
            ["4294967295.0", "7.0"],
        ),
        (
            "required int64 a",
            Cells::Int64(vec![Some(1 << 60), Some(-7)]),
            ["1.152921504606847e18", "-7.0"],
        ),
        (
            "required int64 a (UINT_64)",
            Cells::Int64(vec![Some(-1), Some(7)]),
            ["1.8446744073709552e19", "7.0"],
        ),
        (
            "required float a",
            Cells::Float(vec![Some(0.1), Some(-0.0)]),
            ["0.10000000149011612", "-0.0"],
        ),
        (
            "required double a",
            Cells::Double(vec![Some(0.1), Some(1e-300)]),
            ["0.1", "1e-300"],
        ),
        (
            "required int32 a (DECIMAL(9, 2))",
            Cells::Int32(vec![Some(-5), Some(12_345)]),
            ["-0.05", "123.45"],
        ),
        (
            "required int64 a (DECIMAL(18, 3))",
            Cells::Int64(vec![Some(-5), Some(12_345)]),
            ["-0.005", "12.345"],
        ),
        (
            "required binary a (DECIMAL(20, 1))",
            Cells::Bytes(bytes(&[&[0xff], &[1, 0]])),
            ["-0.1", "25.6"],
        ),
        (
            "required fixed_len_byte_array(2) a (DECIMAL(4, 1))",
            Cells::Fixed(bytes(&[&[0xff, 0xff], &[1, 0]])),
            ["-0.1", "25.6"],
        ),
        (
            "required fixed_len_byte_array(2) a (FLOAT16)",
            Cells::Fixed(bytes(&[&half(0.5), &half(-2.25)])),
            ["0.5", "-2.25"],
        ),
        ("required binary a (UTF8)", texts(&["x", " y "]), ["x", "y"]),
        ("required binary a (ENUM)", texts(&["x", "y"]), ["x", "y"]),
        (
            "required binary a (JSON)",
            texts(&["{}", "[]"]),
            ["{}", "[]"],
        ),
        ("required binary a", texts(&["x", "y"]), ["x", "y"]),
        (
            "required int32 a (TIME_MILLIS)",
            Cells::Int32(vec![Some(1), Some(3_600_000)]),
            ["00:00:00.001", "01:00:00"],
        ),
        (
            "required int64 a (TIME(NANOS, true))",
            Cells::Int64(vec![Some(1), Some(1_000_000_000)]),
            ["00:00:00.000000001", "00:00:01"],
        ),
        (
            "required fixed_len_byte_array(16) a (UUID)",
            Cells::Fixed(bytes(&[&[0x12; 16], &[0xab; 16]])),
            [
                "12121212-1212-1212-1212-121212121212",
                "abababab-abab-abab-abab-abababababab",
            ],
        ),
    ] {
        assert_eq!(seen(schema, cells), expected, "{schema}");
    }
    // Not a number, nothing and infinity are what they are in CSV.
    let cells = Cells::Double(vec![Some(1.0), Some(f64::NAN), None, Some(f64::INFINITY)]);
    let bytes = parquet("optional double a; ", &[vec![cells]], plain());
    let missing = ["t.parquet, row 2, column \"a\"", "NaN", "--missing"];
    refuses_file("t.parquet", &bytes, &super::inputs(), &missing);
    let mean = TableOptions {
        missing: Missing::Mean,
        ..super::inputs()
    };
    refuses_file(
        "t.parquet",
        &bytes,
        &mean,
        &["t.parquet, row 4, column \"a\"", "inf", "finite"],
    );
}

#[test]
fn dates_are_refused_with_a_hint() {
    for (schema, cells, text) in [
        (
            "required int32 a (DATE)",
            Cells::Int32(vec![Some(19_874); 2]),
            "2024-05-31",
        ),
        (
            "required int64 a (TIMESTAMP_MILLIS)",
            Cells::Int64(vec![Some(1_717_151_400_500); 2]),
            "2024-05-31T10:30:00.5",
        ),
        (
            "required int64 a (TIMESTAMP(MICROS, true))",
            Cells::Int64(vec![Some(-1); 2]),
            "1969-12-31T23:59:59.999999",
        ),
        (
            "required int64 a (TIMESTAMP(NANOS, false))",
            Cells::Int64(vec![Some(1); 2]),
            "1970-01-01T00:00:00.000000001",
        ),
        (
            "required int96 a",
            Cells::Int96(vec![Some([1_000_000_000, 0, 2_440_589]); 2]),
            "1970-01-02T00:00:01",
        ),
    ] {
        let other = Cells::Int32(vec![Some(1); 2]);
        let bytes = parquet(
            &format!("{schema}; required int32 b;"),
            &[vec![cells, other]],
            plain(),
        );
        let place = "t.parquet, row 1, column \"a\"";
        refuses_file(
            "t.parquet",
            &bytes,
            &super::inputs(),
            &[place, text, "--drop a", "days"],
        );
        let drop = TableOptions {
            drop: vec!["a".to_owned()],
            ..super::inputs()
        };
        assert_eq!(load_bytes(&bytes, &drop).rows(), 2);
    }
}

#[test]
fn what_is_no_plain_column_is_refused_and_can_be_dropped() {
    // Two values in the first row and one in the second, below what the schema says.
    let nested = |schema: &str| {
        let schema = format!("message m {{ required int32 b; {schema} required int32 c; }}");
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let mut writer =
            SerializedFileWriter::new(Vec::new(), schema, Arc::new(plain().build())).unwrap();
        let mut group = writer.next_row_group().unwrap();
        column::<Int32Type, i32>(&mut group, &[Some(1), Some(2)], |x| *x);
        let mut inner = group.next_column().unwrap().unwrap();
        let typed = inner.typed::<Int32Type>();
        typed
            .write_batch(&[1, 2, 3], Some(&[1, 1, 1]), Some(&[0, 1, 0]))
            .unwrap();
        inner.close().unwrap();
        column::<Int32Type, i32>(&mut group, &[Some(5), Some(6)], |x| *x);
        group.close().unwrap();
        writer.into_inner().unwrap()
    };
    for (schema, found) in [
        ("repeated int32 a;", "a list in each cell"),
        (
            "required group a (LIST) { repeated group list { required int32 element; } }",
            "a list in each cell",
        ),
        (
            "required group a { repeated int32 b; }",
            "a group of columns",
        ),
    ] {
        let bytes = nested(schema);
        let parts = ["column \"a\"", found, "--drop a"];
        refuses_file("t.parquet", &bytes, &super::inputs(), &parts);
        let drop = TableOptions {
            drop: vec!["a".to_owned()],
            ..TableOptions::default()
        };
        let table = load_bytes(&bytes, &drop);
        let TableTarget::Column(target) = table.target() else {
            panic!("{table:?}")
        };
        assert_eq!((target.name.as_str(), table.rows()), ("c", 2), "{schema}");
        assert_eq!(
            target.values,
            Values::Numbers(vec![5.0_f32, 6.0].into()),
            "{schema}"
        );
    }
    for (schema, found) in [
        ("required fixed_len_byte_array(3) a;", "fixed length"),
        (
            "required fixed_len_byte_array(12) a (INTERVAL);",
            "INTERVAL",
        ),
        ("required binary a (BSON);", "Bson"),
        ("required binary a (DECIMAL(60, 2));", "60 digits"),
    ] {
        let cells = match schema {
            schema if schema.contains("(3)") => Cells::Fixed(vec![Some(vec![1; 3])]),
            schema if schema.contains("(12)") => Cells::Fixed(vec![Some(vec![1; 12])]),
            _ => Cells::Bytes(vec![Some(vec![1])]),
        };
        let bytes = parquet(schema, &[vec![cells]], plain());
        refuses_file(
            "t.parquet",
            &bytes,
            &super::inputs(),
            &["column \"a\"", found, "--drop a"],
        );
    }
    let cells = Cells::Bytes(vec![Some(b"x".to_vec()), Some(vec![0xff, 0xfe])]);
    let bytes = parquet("required binary a;", &[vec![cells]], plain());
    let parts = ["row 2, column \"a\"", "UTF-8", "--drop a"];
    refuses_file("t.parquet", &bytes, &super::inputs(), &parts);
}

#[test]
fn files_that_are_none() {
    let bytes = table(30, 30, plain());
    let refused = |name: &str, bytes: &[u8], parts: &[&str]| {
        refuses_file(name, bytes, &TableOptions::default(), parts);
    };
    refused("t.gz", &gz(&bytes), &["gzipped Parquet", "gunzip"]);
    refused(
        "t.parquet",
        b"a,b\n1,2\n3,4\n5,6\n",
        &["none of a Parquet file"],
    );
    refused("t", b"PAR1", &["4 bytes"]);
    refused(
        "t",
        b"PAREsomethingPARE",
        &["encrypted", "without encryption"],
    );
    let empty = parquet("required int32 a; required int32 b;", &[], plain());
    refused("t", &empty, &["0 rows"]);
    refused("t", &parquet("", &[], plain()), &["t"]);
    let two = vec![Cells::Int32(vec![Some(1)]), Cells::Int32(vec![Some(1)])];
    let again = parquet("required int32 a; required int32 a;", &[two], plain());
    refused("t", &again, &["\"a\" again"]);
    // Numbers are names where a format asks for names.
    let two = vec![
        Cells::Int32(vec![Some(1), Some(2)]),
        Cells::Int32(vec![Some(1), Some(2)]),
    ];
    let schema = "required int32 0; required int32 1;";
    let table = load_bytes(&parquet(schema, &[two], plain()), &TableOptions::default());
    assert_eq!(table.rows(), 2);
}

/// Small, with nulls, a dictionary, pages that are packed, and two groups.
fn small(codec: Compression, version: WriterVersion) -> Vec<u8> {
    let schema = "optional binary b (UTF8); optional double c; required int32 a;";
    let group = vec![
        Cells::Bytes(
            (0..20)
                .map(|i| (i % 4 > 0).then(|| vec![b'a' + i % 4; 5]))
                .collect(),
        ),
        Cells::Double(
            (0..20)
                .map(|i| (i % 5 > 0).then(|| f64::from(i) / 3.0))
                .collect(),
        ),
        Cells::Int32((0..20).map(|i| Some(i % 3)).collect()),
    ];
    let properties = plain()
        .set_compression(codec)
        .set_writer_version(version)
        .set_column_dictionary_enabled("c".into(), false);
    parquet(schema, &[group.clone(), group], properties)
}

/// Reads what may be damaged; it need not be refused, but it must end, and without a panic.
fn try_damaged(folder: &Folder, bytes: &[u8]) -> bool {
    std::fs::write(folder.path("t.parquet"), bytes).unwrap();
    let mean = options(Missing::Mean, InFile::Never);
    load_with(&folder.spec("t.parquet"), &mean).is_ok()
}

#[test]
fn every_truncation_is_refused() {
    let folder = Folder::new(&[]);
    let bytes = small(Compression::SNAPPY, WriterVersion::PARQUET_1_0);
    assert!(try_damaged(&folder, &bytes));
    for len in 0..bytes.len() {
        assert!(
            !try_damaged(&folder, &bytes[..len]),
            "{len} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn every_changed_byte_is_read_or_refused() {
    let folder = Folder::new(&[]);
    for (codec, version) in [
        (Compression::UNCOMPRESSED, WriterVersion::PARQUET_1_0),
        (Compression::UNCOMPRESSED, WriterVersion::PARQUET_2_0),
        (
            Compression::ZSTD(ZstdLevel::default()),
            WriterVersion::PARQUET_2_0,
        ),
        (Compression::SNAPPY, WriterVersion::PARQUET_1_0),
    ] {
        let bytes = small(codec, version);
        let mut refused = 0;
        for at in 4..bytes.len() {
            for change in [1, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= change;
                refused += usize::from(!try_damaged(&folder, &damaged));
            }
        }
        assert!(
            2 * refused > bytes.len(),
            "{refused} of {}",
            2 * bytes.len()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changes_are_read_or_refused(
        changes in prop::collection::vec((0.0..1.0, prop::collection::vec(any::<u8>(), 1..6)), 1..8),
        which in 0..4_usize,
    ) {
        let codec = [
            Compression::UNCOMPRESSED,
            Compression::GZIP(GzipLevel::default()),
            Compression::LZ4_RAW,
            Compression::ZSTD(ZstdLevel::default()),
        ][which];
        let mut bytes = small(codec, WriterVersion::PARQUET_2_0);
        for (place, new) in &changes {
            #[expect(clippy::cast_possible_truncation, reason = "a place in a small file")]
            let at = (place * bytes.len() as f64) as usize;
            let end = (at + new.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&new[..end - at]);
        }
        try_damaged(&Folder::new(&[]), &bytes);
    }
}
