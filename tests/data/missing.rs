//! Missing values, columns that are left out, dates and identifiers.

use thalweg::data::{
    Dataset, InFile, Missing, Normalize, Preparation, Table, TableOptions, Targets, Task,
};

use super::{Folder, load_with, refuses, refuses_file};

fn how(missing: Missing) -> TableOptions {
    TableOptions {
        missing,
        ..TableOptions::default()
    }
}

fn read(csv: &str, options: &TableOptions) -> Table {
    let folder = Folder::new(&[("t.csv", csv.as_bytes())]);
    load_with(&folder.spec("t.csv"), options).unwrap()
}

fn fit(table: &Table, rows: &[u32], normalize: Normalize) -> Preparation {
    Preparation::fit(table, rows, Task::Auto, normalize).unwrap()
}

fn rows(data: &Dataset) -> Vec<Vec<f32>> {
    (0..data.rows()).map(|row| data.row(row)).collect()
}

const GAPS: &str = "a,b,y\n1,red,0\n,blue,1\n5,,0\nNA,red,1\n12,?,0\n";

#[test]
fn the_mean_is_that_of_the_training_rows() {
    let table = read(GAPS, &how(Missing::Mean));
    assert_eq!(table.rows(), 5);
    let fitted = fit(&table, &[0, 1, 2, 3], Normalize::None);
    assert_eq!(
        fitted.feature_names(),
        ["a", "b=blue", "b=missing", "b=red"]
    );
    let expected = [
        [1.0, 0.0, 0.0, 1.0],
        [3.0, 1.0, 0.0, 0.0],
        [5.0, 0.0, 1.0, 0.0],
        [3.0, 0.0, 0.0, 1.0],
        [12.0, 0.0, 1.0, 0.0],
    ];
    assert_eq!(rows(&fitted.prepare(&table).unwrap()), expected);
    let notes = table.notes().join("\n");
    for part in [
        "2 cells of \"a\"",
        "2 cells of \"b\"",
        "mean",
        "\"missing\"",
        "t.csv",
    ] {
        assert!(notes.contains(part), "{notes}, without {part:?}");
    }
    // Filled in first, scaled then, as scikit-learn's SimpleImputer and StandardScaler in a row do.
    let standard = fit(&table, &[0, 1, 2, 3], Normalize::Standard);
    let deviation = 2.0_f32.sqrt();
    let first: Vec<f32> = rows(&standard.prepare(&table).unwrap())
        .iter()
        .map(|row| row[0])
        .collect();
    let expected = [-2.0, 0.0, 2.0, 0.0, 9.0].map(|x: f32| x / deviation);
    for (found, expected) in first.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{first:?}");
    }
}

/// The model keeps the mean, also of a column that had no gap in training.
#[test]
fn the_mean_is_kept() {
    let table = read("a,b,y\n1,10,0\n3,30,1\n", &how(Missing::Mean));
    let fitted = fit(&table, &[0, 1], Normalize::None);
    let text = serde_json::to_string(&fitted).unwrap();
    let fitted: Preparation = serde_json::from_str(&text).unwrap();
    assert_eq!(fitted.missing(), Missing::Mean);
    for require_target in [false, true] {
        let options = fitted.table_options(require_target);
        let table = read("b,a,y\n,?,1\n", &options);
        assert_eq!(rows(&fitted.prepare(&table).unwrap()), [[2.0, 20.0]]);
    }
    // A model from before there were missing values.
    let old = fit(
        &read("a,y\n1,0\n3,1\n", &how(Missing::Error)),
        &[0, 1],
        Normalize::None,
    );
    let text = serde_json::to_string(&old).unwrap();
    assert!(
        !text.contains("missing") && !text.contains("fill") && !text.contains("drop"),
        "{text}"
    );
}

#[test]
fn rows_are_dropped() {
    let table = read(GAPS, &how(Missing::Drop));
    assert_eq!(table.rows(), 1);
    let notes = table.notes().join("\n");
    for part in ["4 of 5 rows", "2 cells of \"a\"", "2 cells of \"b\""] {
        assert!(notes.contains(part), "{notes}, without {part:?}");
    }
    let table = read("a,y\n1,0\n,1\n3,\n4,1\nx,\n5,0\n", &how(Missing::Drop));
    assert_eq!(table.rows(), 3);
    assert!(table.place(1).ends_with("t.csv:5"), "{}", table.place(1));
    let fitted = fit(&table, &[0, 1, 2], Normalize::None);
    let data = fitted.prepare(&table).unwrap();
    assert_eq!(rows(&data), [[1.0], [4.0], [5.0]]);
    let labels = vec![0, 1, 0];
    assert_eq!(data.targets(), &Targets::Classes { labels, classes: 2 });
    // Rows are dropped where there are targets to compare with, and refused where they are to be predicted.
    assert_eq!(
        read("a,y\n1,0\n,1\n", &fitted.table_options(true)).rows(),
        1
    );
    refuses_file(
        "t.csv",
        b"a\n1\n\n\"\"\n",
        &fitted.table_options(false),
        &["t.csv:4, column \"a\"", "nothing", "fill in a value"],
    );
    refuses_file(
        "t.csv",
        b"a,y\n,1\n1,\n",
        &how(Missing::Drop),
        &["each of the 2 rows"],
    );
}

#[test]
fn missing_values_are_refused_unless_it_is_said() {
    for (csv, line) in [
        ("a,y\n1,0\n,1\n2,0\n", 3),
        ("a,y\n1,0\n2,1\n NA ,0\n", 4),
        ("a,y\n1,0\nnull,1\n", 3),
        ("a,y\n1,0\n?,1\n", 3),
        ("a,y\n1,0\nnan,1\n", 3),
        ("a,y\n1,0\nN/A,1\n", 3),
        ("a,y\n,0\n,1\n", 2),
        ("a,y\nred,0\n,1\n", 3),
    ] {
        let place = format!("t.csv:{line}, column \"a\"");
        let hints = ["`--missing mean`", "`--missing drop`"];
        refuses_file(
            "t.csv",
            csv.as_bytes(),
            &how(Missing::Error),
            &[&[place.as_str()][..], &hints].concat(),
        );
    }
    // A target is never filled in.
    for missing in [Missing::Error, Missing::Mean] {
        refuses_file(
            "t.csv",
            b"a,y\n1,0\n2,\n",
            &how(missing),
            &["t.csv:3, column \"y\"", "`--missing drop`", "never made up"],
        );
    }
    // In a column of text a word is a category, which is told.
    let table = read("a,y\nred,0\nNA,1\nblue,1\n", &how(Missing::Error));
    assert_eq!(
        fit(&table, &[0, 1, 2], Normalize::None).feature_names(),
        ["a=NA", "a=blue", "a=red"]
    );
    assert!(
        table.notes()[0].contains("1 cell of \"a\""),
        "{:?}",
        table.notes()
    );
    // No value at all.
    let table = read("a,b,y\n,1,0\n,2,1\n3,3,1\n", &how(Missing::Mean));
    let error = Preparation::fit(&table, &[0, 1], Task::Auto, Normalize::Auto).unwrap_err();
    assert!(error.to_string().contains("`--drop a`"), "{error}");
}

#[test]
fn columns_are_left_out() {
    let drop = |names: &[&str]| TableOptions {
        drop: names.iter().map(|&name| name.to_owned()).collect(),
        ..TableOptions::default()
    };
    let csv = "id,a,y,when\nx1,1,0,2024-01-05\nx2,2,1,2024-01-06\n";
    let table = read(csv, &drop(&["when", "id"]));
    let fitted = fit(&table, &[0, 1], Normalize::None);
    assert_eq!(fitted.feature_names(), ["a"]);
    assert_eq!(
        fitted.target_name(),
        Some("y"),
        "the last column that is left"
    );
    assert_eq!(fitted.left_out(), ["when", "id"]);
    // What is left out need not be there, nor be whole.
    let table = read("when,a\n,7\n", &fitted.table_options(false));
    assert_eq!(rows(&fitted.prepare(&table).unwrap()), [[7.0]]);
    let unknown = ["no column \"i\"", "\"id\""];
    refuses_file("t.csv", csv.as_bytes(), &drop(&["i"]), &unknown);
    let target = TableOptions {
        target: Some("y".to_owned()),
        ..drop(&["y"])
    };
    refuses_file(
        "t.csv",
        csv.as_bytes(),
        &target,
        &["\"y\"", "another target"],
    );
    refuses("xor", &drop(&["a"]), &["\"a\"", "without named columns"]);
    refuses_file(
        "t.csv",
        b"a,y\n1,2\n",
        &drop(&["a"]),
        &["at least one input"],
    );
}

#[test]
fn dates_are_refused() {
    let refused = |csv: &str, parts: &[&str]| {
        refuses_file("t.csv", csv.as_bytes(), &TableOptions::default(), parts);
    };
    for date in ["2024-05-31", "31/5/2024", "2024-05-31T10:00:00Z"] {
        let csv = format!("a,when,y\n1,2024-05-30,0\n2,{date},1\n");
        refused(
            &csv,
            &[
                "t.csv:2, column \"when\"",
                "2024-05-30",
                "days since",
                "`--drop when`",
            ],
        );
        let csv = format!("a,when\n1,{date}\n2,{date}\n");
        refused(&csv, &["t.csv:2, column \"when\"", "another target"]);
    }
    // One date among words is a word.
    let csv = "a,when,y\n1,soon,0\n2,2024-05-31,1\n3,soon,1\n";
    assert_eq!(read(csv, &TableOptions::default()).rows(), 3);
}

/// What training would refuse is read where it is only to be described.
#[test]
fn what_is_refused_can_be_described() {
    let names = (0..1200)
        .map(|i| format!("n{i},2024-05-31,{}\n", i % 2))
        .collect::<String>();
    let csv = format!("id,when,y\n,2024-05-30,\n{names}");
    for in_file in [InFile::Never, InFile::Always] {
        let options = TableOptions {
            describe: true,
            in_file,
            ..TableOptions::default()
        };
        assert_eq!(
            read(&csv, &options).rows(),
            1200,
            "but for the row without a target"
        );
    }
}
