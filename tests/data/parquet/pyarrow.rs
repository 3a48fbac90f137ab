//! A file that pyarrow wrote (see `tests/fixtures/parquet.py`).

use std::fmt::Write;

use thalweg::data::{InFile, Missing};

use super::super::{Folder, load_with};
use super::options;

const FILE: &[u8] = include_bytes!("../../fixtures/parquet.parquet");

fn csv() -> String {
    let mut text = "width,count,colour,ripe,kind\n".to_owned();
    for i in 0..40_u32 {
        let width = if i % 7 == 3 {
            String::new()
        } else {
            (f64::from(i) / 8.0).to_string()
        };
        let colour = if i % 9 == 5 {
            ""
        } else {
            ["red", "green", "blue"][i as usize % 3]
        };
        let kind = if i % 3 > 0 { "oak" } else { "elm" };
        let _ = writeln!(text, "{width},{},{colour},{},{kind}", i * i, i % 2 == 0);
    }
    text
}

#[test]
fn a_file_of_pyarrow_is_the_csv_of_the_same_table() {
    let folder = Folder::new(&[("t.csv", csv().as_bytes()), ("t.parquet", FILE)]);
    let drop = options(Missing::Drop, InFile::Never);
    let load = |name: &str| load_with(&folder.spec(name), &drop).unwrap();
    let (found, expected) = (load("t.parquet"), load("t.csv"));
    assert!(expected.rows() > 25, "most rows are whole");
    assert_eq!(found.inputs(), expected.inputs());
    assert_eq!(found.target(), expected.target());
}

/// Each page has a checksum of its packed bytes, so whatever is changed in one is found.
#[test]
fn a_page_that_its_checksum_does_not_fit_is_refused() {
    let folder = Folder::new(&[]);
    let drop = options(Missing::Drop, InFile::Never);
    let mut by_checksum = 0;
    let footer = 1900;
    for at in 4..FILE.len() - footer {
        let mut bytes = FILE.to_vec();
        bytes[at] ^= 1;
        std::fs::write(folder.path("t.parquet"), &bytes).unwrap();
        if let Err(error) = load_with(&folder.spec("t.parquet"), &drop) {
            by_checksum += usize::from(error.to_string().contains("checksum"));
        }
    }
    assert!(by_checksum > 400, "only {by_checksum} bytes");
}
