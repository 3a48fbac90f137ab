//! What is told of a data set.

use thalweg::data::{Description, InFile, Missing, Normalize, TableOptions, Task};

use super::{Folder, load_with};

fn options(missing: Missing, in_file: InFile) -> TableOptions {
    TableOptions {
        missing,
        in_file,
        describe: true,
        drop: vec!["note".to_owned()],
        ..TableOptions::default()
    }
}

const CSV: &str = "a,b,flat,when,note,kind\n1,red,5,2024-05-01,x,no\n3,blue,5,2024-05-02,y,yes\n,red,5,2024-05-03,z,no\n5,,5,2024-05-04,,yes\n1,red,5,2024-05-01,w,no\n";

#[test]
fn columns_are_described() {
    let folder = Folder::new(&[("t.csv", CSV.as_bytes())]);
    let of = |missing, in_file| {
        let table = load_with(&folder.spec("t.csv"), &options(missing, in_file)).unwrap();
        Description::of(&table, Task::Auto, Normalize::Auto).unwrap()
    };
    let found = of(Missing::Error, InFile::Never);
    assert_eq!(
        of(Missing::Error, InFile::Always),
        found,
        "in a temporary file"
    );
    assert_eq!((found.rows, found.left_out, found.duplicates), (5, 0, 1));
    let a = &found.columns[0];
    let range = a.range.unwrap();
    assert_eq!((a.kind, a.missing), ("number", 1));
    assert_eq!((range.smallest, range.largest, range.mean), (1.0, 5.0, 2.5));
    assert!(
        (range.deviation - 2.75_f64.sqrt()).abs() < 1e-12,
        "{range:?}"
    );
    assert!(
        a.training.contains("refused") && a.training.contains("--missing"),
        "{}",
        a.training
    );
    let counts = |names: &[(&str, usize)]| {
        Some(
            names
                .iter()
                .map(|&(name, count)| (name.to_owned(), count))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        found.columns[1].categories,
        counts(&[("blue", 1), ("missing", 1), ("red", 3)])
    );
    assert!(found.columns[2].training.contains("constant"));
    assert!(found.columns[3].training.contains("refused: dates"));
    assert_eq!(
        (found.columns[4].kind, found.columns[4].training.as_str()),
        ("unread", "left out")
    );
    let target = found.target.as_ref().unwrap();
    assert_eq!(target.classes, counts(&[("no", 3), ("yes", 2)]));
    assert_eq!(target.training, "target: 2 classes");
    let mean = of(Missing::Mean, InFile::Never);
    assert_eq!(
        mean.columns[0].training,
        "filled in by the mean, standardised"
    );
    assert_eq!(mean.columns[1].training, "one-hot (3)");
    let drop = of(Missing::Drop, InFile::Never);
    assert_eq!((drop.rows, drop.left_out, drop.duplicates), (3, 2, 1));
    assert_eq!(
        (drop.columns[0].missing, drop.columns[0].training.as_str()),
        (1, "standardised")
    );
}

#[test]
fn other_data_are_described() {
    let of = |spec: &str| {
        let table = load_with(
            spec,
            &TableOptions {
                describe: true,
                ..TableOptions::default()
            },
        )
        .unwrap();
        Description::of(&table, Task::Auto, Normalize::Auto).unwrap()
    };
    let glyphs = of("glyphs:n=50");
    let picture = glyphs.picture.unwrap();
    assert_eq!(
        (picture.width, glyphs.rows, glyphs.columns.len()),
        (16, 50, 0)
    );
    assert_eq!(glyphs.target.unwrap().classes.unwrap().len(), 10);
    assert!(glyphs.values.unwrap().largest > 100.0);
    let xor = of("xor:n=20");
    assert_eq!((xor.duplicates, xor.shape), (16, Some(vec![2])));
}
