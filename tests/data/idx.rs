//! IDX files, alone, in pairs and in folders, gzipped or not.

use std::time::{Duration, Instant};

use thalweg::data::{TableInputs, TableOptions, TableTarget};

use super::{Folder, gz, idx_bytes, inputs, load, load_with, refuses, refuses_file};

fn images() -> Vec<u8> {
    idx_bytes(&[3, 2, 2], &(0..12).collect::<Vec<u8>>())
}

fn labels() -> Vec<u8> {
    idx_bytes(&[3], &[7, 0, 255])
}

#[track_caller]
fn is_whole(spec: &str) {
    let table = load(spec).unwrap();
    let values = (0..12).collect();
    let pixels = TableInputs::Pixels {
        values,
        shape: vec![2, 2],
    };
    assert_eq!(table.inputs(), &pixels, "{spec}");
    assert_eq!(
        table.target(),
        &TableTarget::Labels(vec![7, 0, 255]),
        "{spec}"
    );
}

#[test]
fn pairs_and_folders_are_read() {
    let folder = Folder::new(&[
        ("a", &images()),
        ("b.gz", &gz(&labels())),
        ("notes.txt", b"of old"),
    ]);
    is_whole(&format!("{},{}", folder.spec("a"), folder.spec("b.gz")));
    is_whole(&folder.0.path().display().to_string());
    let table = load_with(&folder.spec("a"), &inputs()).unwrap();
    assert_eq!(table.target(), &TableTarget::None);
    // A gzip file may have several members.
    let (head, tail) = (images()[..9].to_vec(), images()[9..].to_vec());
    let folder = Folder::new(&[("a.gz", &[gz(&head), gz(&tail)].concat()), ("b", &labels())]);
    is_whole(&format!("{},{}", folder.spec("a.gz"), folder.spec("b")));
}

#[test]
fn folders_with_other_than_one_pair_are_refused() {
    let any = TableOptions::default();
    let folder = Folder::new(&[
        ("t10k-images-idx3-ubyte", &images()),
        ("t10k-labels-idx1-ubyte", &labels()),
        ("train-images-idx3-ubyte", &images()),
        ("train-labels-idx1-ubyte", &labels()),
    ]);
    let path = folder.0.path().display().to_string();
    let pair = format!(
        "{},{}",
        folder.spec("t10k-images-idx3-ubyte"),
        folder.spec("t10k-labels-idx1-ubyte")
    );
    refuses(&path, &any, &["several", "train-images-idx3-ubyte", &pair]);
    let folder = Folder::new(&[("a", &images())]);
    refuses(
        &folder.0.path().display().to_string(),
        &any,
        &["1 IDX files of inputs and 0 of labels"],
    );
}

#[test]
fn bad_files_are_refused() {
    let bad = |bytes: &[u8], parts: &[&str]| {
        refuses_file("t.idx", bytes, &inputs(), parts);
        refuses_file("t.idx", &gz(bytes), &inputs(), parts);
    };
    let good = images();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    bad(&with(1, 9), &["byte 0", "magic number", "[0, 9, 8, 3]"]);
    bad(&with(2, 0x0d), &["0x0d", "element type"]);
    bad(&with(3, 0), &["magic number"]);
    bad(&with(3, 200), &["magic number"]);
    bad(&with(7, 0), &["[0, 2, 2]", "at least 1"]);
    bad(&good[..10], &["end after 10 bytes"]);
    bad(&good[..3], &["3 bytes"]);
    bad(&[&good[..], &[1]].concat(), &["more than 12 elements"]);
    bad(&labels(), &["one dimension", "images,labels"]);
    refuses_file("t.idx", &good[..27], &inputs(), &["[3, 2, 2]", "27 bytes"]);
    refuses_file(
        "t.idx",
        &gz(&good[..27]),
        &inputs(),
        &["end after 11 elements", "12"],
    );
    refuses_file("t.idx", b"", &inputs(), &["empty"]);
}

#[test]
fn damaged_gzip_is_refused() {
    let whole = gz(&images());
    for cut in 3..whole.len() {
        refuses_file("t.gz", &whole[..cut], &inputs(), &["found"]);
    }
    refuses_file(
        "t.gz",
        &whole[..whole.len() - 4],
        &inputs(),
        &["end in the middle"],
    );
    let mut sum = whole.clone();
    let at = sum.len() - 6;
    sum[at] ^= 1;
    refuses_file("t.gz", &sum, &inputs(), &["damaged"]);
    refuses_file(
        "t.gz",
        &[&whole[..], b"tail"].concat(),
        &inputs(),
        &["found"],
    );
}

#[test]
fn pairs_that_disagree_are_refused() {
    let any = TableOptions::default();
    let folder = Folder::new(&[
        ("a", &images()),
        ("b", &labels()),
        ("c", &idx_bytes(&[4], &[0; 4])),
    ]);
    let pair = |a, b| format!("{},{}", folder.spec(a), folder.spec(b));
    refuses(&pair("a", "c"), &any, &["4 labels", "expected 3"]);
    refuses(&pair("b", "a"), &any, &["one dimension", "in that order"]);
    refuses(&pair("a", "a"), &any, &["3 dimensions", "labels"]);
    refuses(&pair("a", "d"), &any, &["exists"]);
    refuses(&folder.spec("a"), &any, &["images,labels"]);
}

/// A header may claim anything; what it claims is not allocated.
#[test]
fn huge_claims_are_refused_at_once() {
    let start = Instant::now();
    for dims in [
        &[u32::MAX, u32::MAX, u32::MAX][..],
        &[1 << 31, 1 << 31, 4],
        &[1 << 20, 1 << 20, 1],
    ] {
        let bytes = idx_bytes(dims, &[0; 100]);
        refuses_file("t.idx", &bytes, &inputs(), &["at most"]);
        refuses_file("t.gz", &gz(&bytes), &inputs(), &["at most"]);
    }
    assert!(start.elapsed() < Duration::from_secs(2));
}
