//! Whatever happens to a file's bytes: it is read or refused, and nothing panics.

use proptest::prelude::*;
use thalweg::data::{InFile, Missing, Normalize, Preparation, TableOptions, Task};
use zip::CompressionMethod::{Deflated, Stored};

use super::{Folder, f4, gz, idx_bytes, inputs, load_with, npy_bytes, npz_bytes};

/// One change of a file: where (as a share of its length), what, and how many bytes.
type Change = (f64, u8, Vec<u8>, usize);

fn change(bytes: &mut Vec<u8>, (place, what, new, count): &Change) {
    #[expect(clippy::cast_possible_truncation, reason = "a place in a small file")]
    let at = (place * bytes.len() as f64) as usize;
    let end = (at + count).min(bytes.len());
    match what {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..at, new.iter().copied())),
        _ => drop(bytes.splice(at..(at + new.len()).min(bytes.len()), new.iter().copied())),
    }
}

/// Reads the file as for training and as for prediction, and prepares what could be read.
fn try_all(name: &str, bytes: &[u8], second: Option<&[u8]>) {
    try_with(name, bytes, second, &[TableOptions::default(), inputs()]);
}

fn try_with(name: &str, bytes: &[u8], second: Option<&[u8]>, options: &[TableOptions]) {
    let folder = Folder::new(&[(name, bytes), ("labels", second.unwrap_or(&[]))]);
    let pair = format!("{},{}", folder.spec(name), folder.spec("labels"));
    let spec = if second.is_some() {
        pair
    } else {
        folder.spec(name)
    };
    for options in options {
        let Ok(table) = load_with(&spec, options) else {
            continue;
        };
        let rows: Vec<u32> = (0..u32::try_from(table.rows()).unwrap()).collect();
        for normalize in [Normalize::Auto, Normalize::MinMax] {
            if let Ok(preparation) = Preparation::fit(&table, &rows, Task::Auto, normalize) {
                drop(preparation.prepare(&table));
            }
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let byte = prop_oneof![
        any::<u8>(),
        Just(b'"'),
        Just(b','),
        Just(b'\n'),
        Just(0),
        Just(255),
        Just(b'9')
    ];
    let change = (
        0.0..1.0,
        0..5_u8,
        prop::collection::vec(byte, 1..6),
        1..20_usize,
    );
    prop::collection::vec(change, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn csv(changes in changes()) {
        let mut bytes = b"\xef\xbb\xbfa,b,\"c\"\r\n1,red,0.5\r\n2,\"gr,een\",1\n-3e2,red,nan\n4,blue,2\n".to_vec();
        changes.iter().for_each(|each| change(&mut bytes, each));
        try_all("t.csv", &bytes, None);
    }

    #[test]
    fn tsv(changes in changes(), packed: bool, inside: bool, missing in 0..3_usize) {
        let mut bytes = b"a\tb\t\"c\"\r\n1\tred\t0.5\r\n\t\"gr\teen\"\t1\n-3e2\tNA\t2\n4\tblue\t?\n".to_vec();
        if inside || !packed {
            changes.iter().for_each(|each| change(&mut bytes, each));
        }
        let mut bytes = if packed { gz(&bytes) } else { bytes };
        if packed && !inside {
            changes.iter().for_each(|each| change(&mut bytes, each));
        }
        try_all("t.tsv", &bytes, None);
        let missing = [Missing::Error, Missing::Mean, Missing::Drop][missing];
        for (describe, in_file) in [(false, InFile::Always), (true, InFile::Never)] {
            let options = TableOptions { missing, describe, in_file, ..TableOptions::default() };
            try_with("t.tsv", &bytes, None, &[options]);
        }
    }

    #[test]
    fn npz(changes in changes(), deflate: bool, fortran: bool, in_member: bool) {
        let mut x = npy_bytes("'<f4'", fortran, "(3, 2)", &f4(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let y = npy_bytes("'<i8'", false, "(3,)", &[0_i64, 1, 1].map(i64::to_le_bytes).concat());
        if in_member {
            changes.iter().for_each(|each| change(&mut x, each));
        }
        let mut bytes = npz_bytes(if deflate { Deflated } else { Stored }, &[("x.npy", &x), ("y.npy", &y)]);
        if !in_member {
            changes.iter().for_each(|each| change(&mut bytes, each));
        }
        try_all("t.npz", &bytes, None);
        try_all("t.npy", &x, None);
    }

    #[test]
    fn pictures(changes in changes(), jpeg: bool, name in "[a-z]\\.(png|jpg|JPEG|PNG)") {
        let picture = super::pictures::picture(5, 4, 1);
        let mut bytes = if jpeg { super::pictures::jpeg(&picture) } else { super::pictures::png(&picture) };
        changes.iter().for_each(|each| change(&mut bytes, each));
        let folder = Folder::new(&[]);
        for class in ["a", "b"] {
            std::fs::create_dir(folder.path(class)).unwrap();
            std::fs::write(folder.path(class).join("whole.png"), super::pictures::png(&picture)).unwrap();
        }
        std::fs::write(folder.path("b").join(name), &bytes).unwrap();
        let spec = folder.0.path().display().to_string();
        for options in ["", ":size=3x3", ":grey", ":rgb,size=7x2"] {
            if let Ok(table) = load_with(&format!("{spec}{options}"), &TableOptions::default()) {
                let rows: Vec<u32> = (0..u32::try_from(table.rows()).unwrap()).collect();
                let fitted = Preparation::fit(&table, &rows, Task::Auto, Normalize::Auto).unwrap();
                drop(fitted.prepare_owned(table).unwrap());
            }
        }
    }

    #[test]
    fn idx(changes in changes(), packed: bool, inside: bool) {
        let mut images = idx_bytes(&[3, 2, 2], &(0..12).collect::<Vec<u8>>());
        if inside || !packed {
            changes.iter().for_each(|each| change(&mut images, each));
        }
        let mut bytes = if packed { gz(&images) } else { images };
        if packed && !inside {
            changes.iter().for_each(|each| change(&mut bytes, each));
        }
        try_all("t.idx", &bytes, Some(&idx_bytes(&[3], &[7, 0, 1])));
    }

    #[test]
    fn specifications(text in "(glyphs|xor|parity|blobs|moons)?:?[a-z0-9=,.:-]{0,20}") {
        // Only reads the words: what they name may be large.
        drop(text.parse::<thalweg::data::Spec>());
    }
}
