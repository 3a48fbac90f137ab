//! TSV, and tables that are gzipped.

use thalweg::data::{TableInputs, TableOptions};

use super::{Folder, gz, load, refuses_file};

/// Reads what must be one and the same table.
#[track_caller]
fn same(name: &str, bytes: &[u8]) {
    let comma = b"a,b,c\n1,\"red, or so\",0.5\n2,\"x\"\"y\",1\n3,z,2\n";
    let folder = Folder::new(&[("t.csv", comma), (name, bytes)]);
    let (expected, found) = (
        load(&folder.spec("t.csv")).unwrap(),
        load(&folder.spec(name)).unwrap(),
    );
    assert!(matches!(found.inputs(), TableInputs::Columns(_)), "{name}");
    assert_eq!(found.inputs(), expected.inputs(), "{name}");
    assert_eq!(found.target(), expected.target(), "{name}");
}

#[test]
fn tabs_part_columns_too() {
    let tabs = b"a\tb\tc\n1\tred, or so\t0.5\n2\t\"x\"\"y\"\t1\n3\tz\t2\n";
    for name in ["t.tsv", "t.TAB", "t.txt", "t", "t.csv.tsv"] {
        same(name, tabs);
    }
    for name in ["t.tsv.gz", "t.tsv", "T.TSV.GZ", "t.txt.gz", "t.gz"] {
        same(name, &gz(tabs));
    }
    let commas = b"a,b,c\n1,\"red, or so\",0.5\n2,\"x\"\"y\",1\n3,z,2\n";
    for name in ["t.csv.gz", "t.csv", "t.txt", "t.gz"] {
        same(name, &gz(commas));
    }
    // A tab within quotes is a character like any other, and lines are counted behind it.
    let quoted = b"a\tb\n1\t\"x\ty\nz\"\nbad\tw\n2\tw\n";
    refuses_file(
        "t.tsv",
        quoted,
        &TableOptions::default(),
        &["t.tsv:4, column \"a\"", "\"bad\""],
    );
}

#[test]
fn other_marks_are_told() {
    let refused = |name: &str, bytes: &[u8], parts: &[&str]| {
        refuses_file(name, bytes, &TableOptions::default(), parts);
    };
    refused("t.tsv", b"a,b\n1,2\n", &["t.tsv:1", "','", "tabs"]);
    refused("t.tsv", b"a;b\n1;2\n", &["t.tsv:1", "';'", "tabs"]);
    refused("t.csv", b"a\tb\n1\t2\n", &["t.csv:1", "commas", ".tsv"]);
    let long = b"a\tb\n1\t2\n3\t4\t5\n";
    refused("t.tsv", long, &["t.tsv:3", "3 fields", "a tab in it"]);
    refused("t.tsv", b"a\tb\n1\t\"2\n", &["t.tsv:2", "never closes"]);
}

#[test]
fn damaged_and_endless_gzip_is_refused() {
    let refused = |bytes: &[u8], parts: &[&str]| {
        refuses_file("t.csv.gz", bytes, &TableOptions::default(), parts);
    };
    let text: Vec<u8> = (0..2000)
        .flat_map(|i| format!("{i},{}\n", i % 3).into_bytes())
        .collect();
    let whole = gz(&[b"a,b\n", text.as_slice()].concat());
    refused(&whole[..whole.len() - 20], &["t.csv.gz", "end", "again"]);
    let mut damaged = whole.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    refused(&damaged, &["t.csv.gz", "damaged"]);
    refused(&gz(b""), &["empty"]);
    refused(&gz(b"a,b\n1,\"2\n"), &["t.csv.gz:2", "never closes"]);
    // A small file that would fill memory and disk.
    let row = [&[b'1'; 30_000][..], b"e-30000,1\n"].concat();
    let bomb = gz(&[b"a,b\n", row.repeat(2300).as_slice()].concat());
    assert!(bomb.len() < 335_000, "{} bytes", bomb.len());
    refused(&bomb, &["t.csv.gz", "67108864 bytes", "gunzip"]);
}
