//! CSV files: what is accepted, and what is refused with its line.

use thalweg::data::{
    Column, ColumnKind, Numbers, Table, TableInputs, TableOptions, TableTarget, Values,
};

use super::{Folder, gz, inputs, load, load_with, refuses, refuses_file};

fn numbers(name: &str, values: &[f32]) -> Column {
    Column {
        name: name.to_owned(),
        values: Values::Numbers(values.to_vec().into()),
    }
}

fn text(name: &str, codes: &[u32], names: &[&str]) -> Column {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Column {
        name: name.to_owned(),
        values: Values::Text {
            codes: codes.to_vec(),
            names,
        },
    }
}

fn read(bytes: &[u8], options: &TableOptions) -> Table {
    let folder = Folder::new(&[("t.csv", bytes)]);
    load_with(&folder.spec("t.csv"), options).unwrap()
}

fn target(name: &str) -> TableOptions {
    TableOptions {
        target: Some(name.to_owned()),
        ..TableOptions::default()
    }
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, parts: &[&str]) {
    refuses_file("t.csv", bytes.as_ref(), &TableOptions::default(), parts);
}

#[test]
fn columns_have_their_kinds() {
    let table = read(
        b"a,b,c\n1,red,0.5\n-2e3,green,1\n +7 ,\"red\",2\n",
        &TableOptions::default(),
    );
    let columns = vec![
        numbers("a", &[1.0, -2000.0, 7.0]),
        text("b", &[0, 1, 0], &["red", "green"]),
    ];
    assert_eq!(table.inputs(), &TableInputs::Columns(columns));
    assert_eq!(
        table.target(),
        &TableTarget::Column(numbers("c", &[0.5, 1.0, 2.0]))
    );
}

/// A column is in f32 only while that rounds nothing, whatever row the first long number is in.
#[test]
fn numbers_keep_their_digits() {
    let table = read(
        b"time,count,y\n1700000000,16777216,2\n1700000001.5,3,0.1\n",
        &TableOptions::default(),
    );
    let wide = |name: &str, values: &[f64]| Column {
        name: name.to_owned(),
        values: Values::Numbers(Numbers::F64(values.to_vec())),
    };
    let columns = vec![
        wide("time", &[1_700_000_000.0, 1_700_000_001.5]),
        numbers("count", &[16_777_216.0, 3.0]),
    ];
    assert_eq!(table.inputs(), &TableInputs::Columns(columns));
    assert_eq!(table.target(), &TableTarget::Column(wide("y", &[2.0, 0.1])));
    // The same when the kinds are known, and the first reading need not guess them.
    let schema = vec![("time".to_owned(), ColumnKind::Number)];
    let options = TableOptions {
        schema: Some(schema),
        ..inputs()
    };
    let columns = vec![wide("time", &[1_700_000_001.0])];
    assert_eq!(
        read(b"time\n1700000001\n", &options).inputs(),
        &TableInputs::Columns(columns)
    );
}

#[test]
fn the_target_is_found_by_name() {
    let csv = b"a,b,c\n1,2,3\n4,5,6\n";
    let table = read(csv, &target("a"));
    assert_eq!(
        table.target(),
        &TableTarget::Column(numbers("a", &[1.0, 4.0]))
    );
    let columns = vec![numbers("b", &[2.0, 5.0]), numbers("c", &[3.0, 6.0])];
    assert_eq!(table.inputs(), &TableInputs::Columns(columns));
    assert_eq!(read(csv, &inputs()).target(), &TableTarget::None);
    let absent = TableOptions {
        require_target: false,
        ..target("d")
    };
    assert_eq!(read(csv, &absent).target(), &TableTarget::None);
    refuses_file(
        "t.csv",
        csv,
        &target("d"),
        &["no column \"d\"", "\"a\", \"b\", \"c\""],
    );
    refuses_file(
        "t.csv",
        b"width,height\n1,2\n",
        &target("heigth"),
        &["did you mean \"height\""],
    );
}

#[test]
fn a_schema_reads_only_its_columns_as_its_kinds() {
    let schema = vec![
        ("b".to_owned(), ColumnKind::Category),
        ("a".to_owned(), ColumnKind::Number),
    ];
    let options = TableOptions {
        schema: Some(schema),
        ..inputs()
    };
    let table = read(b"id,a,b\n,1,007\n,2,8\n", &options);
    let columns = vec![text("b", &[0, 1], &["007", "8"]), numbers("a", &[1.0, 2.0])];
    assert_eq!(table.inputs(), &TableInputs::Columns(columns));
    refuses_file("t.csv", b"id,a\n1,2\n", &options, &["no column \"b\""]);
    refuses_file(
        "t.csv",
        b"a,b\nx,y\n",
        &options,
        &["t.csv:2, column \"a\"", "\"x\"", "number"],
    );
}

#[test]
fn marks_line_ends_and_quotes_of_other_programs_are_accepted() {
    let plain = read(b"a,b\n1,x\n2,y\n", &TableOptions::default());
    for other in [
        &b"\xef\xbb\xbfa,b\n1,x\n2,y\n"[..],
        b"\xef\xbb\xbf\"a\",\"b\"\r\n1,x\r\n2,y",
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"a,b\n\n1,x\n\n2,y\n\n",
        b"a,b\r1,x\r2,y\r",
        b"a , b\n\"1\",x\n2,\"y\"\n",
    ] {
        let table = read(other, &TableOptions::default());
        assert_eq!(
            (table.inputs(), table.target()),
            (plain.inputs(), plain.target()),
            "{other:?}"
        );
    }
    let table = read(
        b"a,b\n1,\"x, \"\"y\"\"\nz\"\n2,w\n",
        &TableOptions::default(),
    );
    assert_eq!(
        table.target(),
        &TableTarget::Column(text("b", &[0, 1], &["x, \"y\"\nz", "w"]))
    );
}

#[test]
fn errors_name_the_line() {
    for (csv, line) in [
        ("a,b\n1,2\n3,4\nx,5\n", 4),
        ("a,b\r\n1,2\r\n3,4\r\nx,5\r\n", 4),
        ("a,b\n\n1,2\n\n\n3,4\nx,5\n", 7),
        ("\u{feff}a,b\r\n\r\n1,2\r\n3,4\r\n\r\nx,5\r\n", 6),
        ("a,b\r1,2\r3,4\rx,5\r", 4),
        ("a,b\n1,\"p\nq\"\n3,\"r\"\nx,s\n", 5),
    ] {
        refused(
            csv,
            &[&format!("t.csv:{line}, column \"a\""), "\"x\"", "a number"],
        );
    }
    let table = read(b"a,b\n1,2\n\n3,4\n", &TableOptions::default());
    assert!(table.place(0).ends_with("t.csv:2") && table.place(1).ends_with("t.csv:4"));
}

#[test]
fn bad_files_are_refused() {
    refused("", &["empty"]);
    refused("a,b\n", &["0 rows"]);
    refused("a\n1\n", &["at least one input"]);
    refused(
        "a,b,c\n1,2,3\n4,5\n",
        &["t.csv:3", "2 fields", "3, as in the header"],
    );
    refused("a,b\n1,2\n4,5,6\n", &["t.csv:3", "3 fields"]);
    refused("a,b\n1,2\n,5\n", &["t.csv:3", "column \"a\"", "nothing"]);
    refused(
        "a,b\n1,2\n \t ,5\n",
        &["t.csv:3", "column \"a\"", "nothing"],
    );
    refused("a,b\n1,red\n2,\n", &["t.csv:3", "column \"b\"", "nothing"]);
    refused("a,b,a\n1,2,3\n", &["t.csv:1", "\"a\" again", "column 3"]);
    refused("a,,b\n1,2,3\n", &["t.csv:1", "column 2"]);
    refused("5.1,3.5,1.4\n1,2,3\n", &["t.csv:1", "header"]);
    for row in [
        "1.234,0.3,yes",
        "1.234,1,yes",
        "7,1,yes",
        "-1,x,yes",
        "7,1e0,z",
    ] {
        let csv = format!("{row}\n1,2,yes\n2,3,no\n3,4,yes\n");
        refused(
            csv,
            &["t.csv:1", "column", "a header", "first line with the names"],
        );
    }
    refused("\n\n7,yes\n1,yes\n2,no\n", &["t.csv:3, column 1", "\"7\""]);
    refused("a;b\n1;2\n", &["';'", "commas"]);
    for value in ["nan", "NaN", "inf", "-Infinity", "1e39", "1e400"] {
        refused(
            format!("a,b\n1,2\n{value},5\n"),
            &["t.csv:3", "column \"a\"", value, "finite"],
        );
        refused(
            format!("a,b\n1,2\n3,{value}\n"),
            &["t.csv:3", "column \"b\"", value, "finite"],
        );
    }
    refused(b"a,b\n1,caf\xe9\n", &["t.csv:2", "column \"b\"", "UTF-8"]);
    refused(b"a,caf\xe9\n1,2\n", &["t.csv:1", "UTF-8"]);
}

#[test]
fn a_quote_that_never_closes_is_refused_with_its_line() {
    refused("a,b\n1,2\n3,\"4\n5,6\n", &["t.csv:3", "never closes"]);
    refused("a,\"b\n1,2\n", &["t.csv:1", "never closes"]);
    // A long one is refused before it is read to its end; the memory for it stays small.
    let mut long = b"a,b\n1,2\n3,\"4".to_vec();
    long.resize(20 << 20, b'x');
    refused(&long, &["t.csv:3", "never closes"]);
    let mut long = b"a,b\n1,2\n3,4".to_vec();
    long.resize(20 << 20, b'4');
    refused(&long, &["t.csv:3", "4194304 bytes"]);
    // A quote within a field is a character like any other.
    assert_eq!(
        read(b"a,b\n1,2\"\n2,3\"\n", &TableOptions::default()).rows(),
        2
    );
}

/// Names that programs give where there are none, and names of categories that happen to be numbers.
#[test]
fn numbers_may_be_names_beside_words() {
    for csv in [
        "0,1,label\n1,2,yes\n2,3,no\n",
        "0,1,label\n1,2,0\n2,3,1\n",
        "2019,country,2020\n1,fr,1.5\n2,de,2\n",
        "3.5,y\nred,1\nblue,2\n",
    ] {
        assert_eq!(
            read(csv.as_bytes(), &TableOptions::default()).rows(),
            2,
            "{csv}"
        );
    }
}

#[test]
fn identifiers_are_no_categories() {
    let rows = |n: usize| {
        let rows = (0..n).map(|i| format!("name{i},{i}\n")).collect::<String>();
        format!("id,y\n{rows}")
    };
    // Each twice, so that they occur again.
    let twice = format!("{}{}", rows(1000), rows(1000).replace("id,y\n", ""));
    assert_eq!(
        read(twice.as_bytes(), &TableOptions::default()).rows(),
        2000
    );
    let few = [
        "column \"id\"",
        "different texts",
        "identifier",
        "`--drop id`",
    ];
    refused(rows(1000), &few);
    refused(rows(10), &few);
    assert_eq!(read(rows(9).as_bytes(), &TableOptions::default()).rows(), 9);
    refused(
        rows(1001),
        &["t.csv:1002", "column \"id\"", "1000", "identifier"],
    );
}

#[test]
fn a_name_says_nothing_of_the_format() {
    refuses_file(
        "t.csv.gz",
        &gz(b"PK\x03\x04 and so on"),
        &TableOptions::default(),
        &["gzipped", "gunzip"],
    );
    refuses_file(
        "t.csv",
        b"\x89PNG\r\n\x1a\n and so on",
        &TableOptions::default(),
        &["a picture", "a folder"],
    );
    let folder = Folder::new(&[("odd, name", b"a,b\n1,2\n"), ("xor", b"a,b\n1,2\n")]);
    assert_eq!(load(&folder.spec("odd, name")).unwrap().rows(), 1);
    assert_eq!(load(&folder.spec("xor")).unwrap().rows(), 1);
    refuses(
        &folder.0.path().display().to_string(),
        &TableOptions::default(),
        &["0 IDX files"],
    );
}
