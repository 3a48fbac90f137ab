//! Weights of rows and several targets, in memory and beside rows in a temporary file, with gaps.

use thalweg::data::{
    Description, InFile, Inputs, Missing, Normalize, Preparation, Table, TableInputs, TableOptions,
    TableTarget, Targets, Task,
};
use thalweg::run::fingerprint;

use super::{Folder, load_with, refuses_file};

fn options(missing: Missing, in_file: InFile) -> TableOptions {
    TableOptions {
        target: Some("price,age".to_owned()),
        weights: Some("share".to_owned()),
        missing,
        in_file,
        ..TableOptions::default()
    }
}

/// The roles stand between the inputs, and each kind of column has gaps.
const CSV: &str = "share,a,age,colour,price,note\n\
    1,1,10,red,100,x\n\
    0.5,,20,blue,200.25,y\n\
    ,3,30,red,300,x\n\
    2,4,,red,400,y\n\
    0,5,50,,500,x\n\
    3,6,60,blue,NA,y\n\
    1,7,70.5,blue,700,x\n";

fn both(csv: &str, options: impl Fn(InFile) -> TableOptions) -> [Table; 2] {
    let folder = Folder::new(&[("t.csv", csv.as_bytes())]);
    [InFile::Always, InFile::Never]
        .map(|in_file| load_with(&folder.spec("t.csv"), &options(in_file)).unwrap())
}

#[test]
fn rows_in_a_file_have_weights_and_targets() {
    let tables = both(CSV, |in_file| options(Missing::Drop, in_file));
    assert!(matches!(tables[0].inputs(), TableInputs::StoredColumns(_)));
    let prepared = tables.each_ref().map(|table| {
        // Lines 2 and 8 are whole: of the others each lacks something.
        assert_eq!(table.rows(), 2);
        assert!(table.place(1).ends_with(":8"), "{}", table.place(1));
        let notes = table.notes().join("\n");
        for part in ["5 of 7 rows", "\"share\"", "\"age\"", "\"price\""] {
            assert!(notes.contains(part), "no {part:?} in {notes}");
        }
        assert!(
            matches!(table.target(), TableTarget::Columns(columns) if columns.len() == 2),
            "{:?}",
            table.target()
        );
        let fitted = Preparation::fit(table, &[0, 1], Task::Auto, Normalize::None).unwrap();
        assert_eq!(fitted.target_names().unwrap(), ["price", "age"]);
        let names = ["a", "colour=blue", "colour=red", "note=x"];
        assert_eq!(fitted.feature_names(), names, "no role is an input");
        fitted.prepare_owned(table.clone()).unwrap()
    });
    for data in &prepared {
        assert_eq!(data.weights(), Some(&[1.0, 1.0][..]));
        let values = vec![100.0, 10.0, 700.0, 70.5];
        assert_eq!(data.targets(), &Targets::Numbers { values, outputs: 2 });
        assert_eq!(data.row(1), [7.0, 1.0, 0.0, 1.0]);
    }
    assert!(matches!(prepared[0].inputs(), Inputs::StoredF32(_)));
    let part = |at: usize| {
        let (first, second) = prepared[at].clone().into_parts(&[1], &[0]);
        [first, second].map(|data| fingerprint(&data).unwrap())
    };
    assert_eq!(part(0), part(1));
}

/// The hash that `resume` compares is that of the rows, wherever they are, and each cell and weight counts.
#[test]
fn a_fingerprint_covers_rows_in_a_file() {
    let whole = CSV
        .replace("\n,", "\n4,")
        .replace(",,", ",9,")
        .replace("NA", "600");
    let of = |csv: &str| {
        both(csv, |in_file| options(Missing::Error, in_file)).map(|table| {
            let rows: Vec<u32> = (0..).take(table.rows()).collect();
            let fitted = Preparation::fit(&table, &rows, Task::Auto, Normalize::None).unwrap();
            fingerprint(&fitted.prepare(&table).unwrap()).unwrap()
        })
    };
    let [file, memory] = of(&whole);
    assert_eq!(file, memory);
    for (old, new) in [
        ("\n1,7,", "\n1,8,"),
        ("\n3,6", "\n2,6"),
        ("70.5", "70"),
        ("red,400,y", "blue,400,y"),
    ] {
        let changed = whole.replacen(old, new, 1);
        assert_ne!(changed, whole);
        let [file, memory] = of(&changed);
        assert_eq!(file, memory);
        assert_ne!(file, of(&whole)[0], "{old:?} for {new:?}");
    }
}

#[test]
fn targets_and_weights_are_never_made_up() {
    let one = |cell: &str, missing| {
        let csv = format!("a,price,share,age\n1,2,{cell},3\n2,3,1,4\n,4,1,5\n");
        (csv, options(missing, InFile::Never))
    };
    for missing in [Missing::Error, Missing::Mean] {
        for cell in ["", "NA", "?"] {
            let (csv, options) = one(cell, missing);
            let parts = [
                "t.csv:2, column \"share\"",
                "`--missing drop`",
                "a weight is never made up",
            ];
            refuses_file("t.csv", csv.as_bytes(), &options, &parts);
            let csv = csv.replace("share", "s").replace("age", "share");
            let csv = csv.replace("a,price,s,", "a,price,age,");
            let parts = [
                "t.csv:2, column \"age\"",
                "`--missing drop`",
                "a target is never made up",
            ];
            refuses_file("t.csv", csv.as_bytes(), &options, &parts);
        }
    }
    let (csv, options) = one("", Missing::Drop);
    let folder = Folder::new(&[("t.csv", csv.as_bytes())]);
    let table = load_with(&folder.spec("t.csv"), &options).unwrap();
    assert_eq!(table.rows(), 1);
    let dates = csv.replace(",1,", ",2024-05-31,");
    let parts = ["t.csv:3, column \"share\"", "another column of weights"];
    refuses_file("t.csv", dates.as_bytes(), &options, &parts);
}

#[test]
fn a_column_with_a_role_cannot_be_left_out() {
    for (drop, parts) in [
        ("share", ["\"share\"", "another column of weights"]),
        ("age", ["\"age\"", "another target"]),
        ("price", ["\"price\"", "another target"]),
    ] {
        let options = TableOptions {
            drop: vec![drop.to_owned()],
            ..options(Missing::Drop, InFile::Never)
        };
        refuses_file("t.csv", CSV.as_bytes(), &options, &parts);
    }
    // The last column that has no other role, and is read, is the target.
    let options = TableOptions {
        target: None,
        weights: Some("price".to_owned()),
        drop: vec!["note".to_owned()],
        ..options(Missing::Drop, InFile::Never)
    };
    let folder = Folder::new(&[("t.csv", CSV.as_bytes())]);
    let table = load_with(&folder.spec("t.csv"), &options).unwrap();
    assert!(
        matches!(table.target(), TableTarget::Column(column) if column.name == "colour"),
        "{:?}",
        table.target()
    );
}

#[test]
fn what_is_to_be_predicted_needs_no_weights() {
    let folder = Folder::new(&[
        ("t.csv", CSV.as_bytes()),
        ("new.csv", b"share,a,colour,note\n,1,red,x\n"),
    ]);
    let options = options(Missing::Drop, InFile::Never);
    let table = load_with(&folder.spec("t.csv"), &options).unwrap();
    let fitted = Preparation::fit(&table, &[0, 1], Task::Auto, Normalize::None).unwrap();
    let new = load_with(&folder.spec("new.csv"), &fitted.table_options(false)).unwrap();
    assert_eq!(fitted.prepare(&new).unwrap().weights(), None);
    let again = load_with(&folder.spec("t.csv"), &fitted.table_options(true)).unwrap();
    assert_eq!(
        fitted.prepare(&again).unwrap().weights(),
        Some(&[1.0, 1.0][..])
    );
}

#[test]
fn roles_are_described() {
    let of = |csv: &str, missing| {
        let described = both(csv, |in_file| TableOptions {
            describe: true,
            ..options(missing, in_file)
        });
        let [file, memory] =
            described.map(|table| Description::of(&table, Task::Auto, Normalize::Auto).unwrap());
        assert_eq!(file, memory);
        memory
    };
    let found = of(CSV, Missing::Error);
    let names: Vec<&str> = found
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["a", "colour", "note"]);
    assert_eq!((found.rows, found.left_out), (4, 3));
    let weights = found.weights.unwrap();
    let range = weights.range.unwrap();
    assert_eq!((weights.name.as_str(), weights.missing), ("share", 1));
    assert_eq!((range.smallest, range.largest), (0.0, 1.0));
    assert!(
        weights
            .training
            .contains("refused while values are missing"),
        "{}",
        weights.training
    );
    let target = found.target.unwrap();
    assert_eq!(
        (&target.name, target.task, target.missing),
        (&None, Task::Regression, 2)
    );
    assert!(
        target.training.contains("2 numbers, standardised; refused"),
        "{}",
        target.training
    );
    let [price, age] = target.columns.as_slice() else {
        panic!("{:?}", target.columns);
    };
    assert_eq!((price.name.as_str(), price.missing), ("price", 1));
    assert_eq!((age.name.as_str(), age.missing), ("age", 1));
    assert_eq!(age.range.unwrap().largest, 70.5);
    let found = of(CSV, Missing::Drop);
    assert_eq!((found.rows, found.left_out), (2, 5));
    let weights = found.weights.unwrap();
    assert_eq!(weights.training, "weights of the rows in the loss");
    for (old, new, why) in [
        ("\n1,7", "\n-1,7", "below 0"),
        ("\n1,", "\n0,", "all are 0"),
    ] {
        let found = of(&CSV.replace(old, new), Missing::Drop).weights.unwrap();
        assert!(found.training.contains(why), "{}", found.training);
    }
    // The same inputs with another second target are not the same row; with another weight they are.
    let csv = "share,a,price,age\n1,1,2,3\n1,1,2,4\n2,1,2,3\n";
    assert_eq!(of(csv, Missing::Error).duplicates, 1);
}
