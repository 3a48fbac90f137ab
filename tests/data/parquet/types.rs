//! Every type, and what is none that can be read.

use std::sync::Arc;

use parquet::data_type::Int32Type;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use thalweg::data::{Missing, TableInputs, TableOptions, TableTarget, Values};

use super::super::{gz, inputs, refuses_file};
use super::{Cells, column, load_bytes, parquet, plain, table, texts};

/// The categories of a column of text, or its numbers.
fn seen(schema: &str, cells: Cells) -> Vec<String> {
    let bytes = parquet(&format!("{schema};"), &[vec![cells]], plain());
    let table = load_bytes(&bytes, &inputs());
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
fn every_number_has_its_text() {
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
    ] {
        assert_eq!(seen(schema, cells), expected, "{schema}");
    }
}

#[test]
fn every_text_has_its_text() {
    let bytes = |rows: &[&[u8]]| rows.iter().map(|x| Some(x.to_vec())).collect::<Vec<_>>();
    for (schema, cells, expected) in [
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
}

#[test]
fn what_is_no_number_is_what_it_is_in_csv() {
    // Not a number, nothing and infinity are what they are in CSV.
    let cells = Cells::Double(vec![Some(1.0), Some(f64::NAN), None, Some(f64::INFINITY)]);
    let bytes = parquet("optional double a; ", &[vec![cells]], plain());
    let missing = ["t.parquet, row 2, column \"a\"", "NaN", "--missing"];
    refuses_file("t.parquet", &bytes, &inputs(), &missing);
    let mean = TableOptions {
        missing: Missing::Mean,
        ..inputs()
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
            &inputs(),
            &[place, text, "--drop a", "days"],
        );
        let drop = TableOptions {
            drop: vec!["a".to_owned()],
            ..inputs()
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
        refuses_file("t.parquet", &bytes, &inputs(), &parts);
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
            &inputs(),
            &["column \"a\"", found, "--drop a"],
        );
    }
    let cells = Cells::Bytes(vec![Some(b"x".to_vec()), Some(vec![0xff, 0xfe])]);
    let bytes = parquet("required binary a;", &[vec![cells]], plain());
    let parts = ["row 2, column \"a\"", "UTF-8", "--drop a"];
    refuses_file("t.parquet", &bytes, &inputs(), &parts);
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
