//! Scales, categories and classes: learnt from the training rows, kept, and applied to other tables.

use thalweg::data::{
    DataError, Dataset, Inputs, Normalize, Numbers, Preparation, Table, TableInputs, TableTarget,
    Targets, Task,
};

use super::{Folder, load, load_with};

fn all(table: &Table) -> Vec<u32> {
    (0..u32::try_from(table.rows()).unwrap()).collect()
}

pub(super) fn fit(
    table: &Table,
    task: Task,
    normalize: Normalize,
) -> Result<Preparation, DataError> {
    Preparation::fit(table, &all(table), task, normalize)
}

pub(super) fn csv(text: &str) -> Table {
    let folder = Folder::new(&[("t.csv", text.as_bytes())]);
    load(&folder.spec("t.csv")).unwrap()
}

/// Reads `text` as the preparation wants it, and prepares it.
fn again(
    preparation: &Preparation,
    text: &str,
    require_target: bool,
) -> Result<Dataset, DataError> {
    let folder = Folder::new(&[("new.csv", text.as_bytes())]);
    let table = load_with(
        &folder.spec("new.csv"),
        &preparation.table_options(require_target),
    )?;
    preparation.prepare(&table)
}

fn numbers(dataset: &Dataset) -> &[f32] {
    match dataset.inputs() {
        Inputs::F32(values) => values,
        other => panic!("not numbers in memory: {other:?}"),
    }
}

#[track_caller]
fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= 1e-6, "{found:?} is not {expected:?}");
    }
}

#[test]
fn columns_are_standardised_and_categories_one_hot() {
    let table = csv("a,colour,same,y\n1,red,0.1,no\n3,blue,0.1,yes\n5,red,0.1,no\n");
    let preparation = fit(&table, Task::Auto, Normalize::Auto).unwrap();
    let data = preparation.prepare(&table).unwrap();
    // Population standard deviation of 1, 3, 5: sqrt(8/3). A constant column becomes 0.
    let d = (8.0_f32 / 3.0).sqrt();
    close(
        numbers(&data),
        &[
            -2.0 / d,
            0.0,
            1.0,
            0.0,
            0.0,
            1.0,
            0.0,
            0.0,
            2.0 / d,
            0.0,
            1.0,
            0.0,
        ],
    );
    assert_eq!(
        preparation.feature_names(),
        ["a", "colour=blue", "colour=red", "same"]
    );
    assert_eq!(
        data.targets(),
        &Targets::Classes {
            labels: vec![0, 1, 0],
            classes: 2
        }
    );
    assert_eq!(preparation.class_names().unwrap(), ["no", "yes"]);
    assert_eq!(
        (preparation.task(), preparation.outputs()),
        (Task::Classification, 2)
    );
}

#[test]
fn scales_come_from_training_rows_alone() {
    let table = csv("a,y\n0,0\n2,1\n1000,2\n");
    let preparation = Preparation::fit(&table, &[0, 1], Task::Auto, Normalize::Auto).unwrap();
    let data = preparation.prepare(&table).unwrap();
    close(numbers(&data), &[-1.0, 1.0, 999.0]);
    assert_eq!(data.outputs(), 3, "classes come from all rows");
}

#[test]
fn normalisations_differ() {
    let table = csv("a,y\n-1,0.5\n1,2.5\n3,1.5\n");
    let inputs = |normalize| {
        let preparation = fit(&table, Task::Auto, normalize).unwrap();
        numbers(&preparation.prepare(&table).unwrap()).to_vec()
    };
    let s = 1.5_f32.sqrt();
    close(&inputs(Normalize::Standard), &[-s, 0.0, s]);
    close(&inputs(Normalize::MinMax), &[0.0, 0.5, 1.0]);
    close(&inputs(Normalize::None), &[-1.0, 1.0, 3.0]);
}

#[test]
fn pixels_stay_bytes_unless_each_has_its_own_scale() {
    let values = vec![0, 51, 255, 51];
    let pixels = TableInputs::Pixels {
        values: values.clone(),
        shape: vec![1, 2],
    };
    let table = Table::new("t", pixels, TableTarget::Labels(vec![0, 1])).unwrap();
    let prepared = |normalize| {
        fit(&table, Task::Auto, normalize)
            .unwrap()
            .prepare(&table)
            .unwrap()
    };
    let auto = prepared(Normalize::Auto);
    assert_eq!(
        auto.inputs(),
        &Inputs::U8 {
            pixels: values.clone(),
            scale: 1.0 / 255.0
        }
    );
    assert_eq!(auto.sample_shape(), [1, 2]);
    close(&auto.row(1), &[1.0, 0.2]);
    assert_eq!(
        prepared(Normalize::None).inputs(),
        &Inputs::U8 {
            pixels: values,
            scale: 1.0
        }
    );
    close(
        numbers(&prepared(Normalize::Standard)),
        &[-1.0, 0.0, 1.0, 0.0],
    );
    close(numbers(&prepared(Normalize::MinMax)), &[0.0, 0.0, 1.0, 0.0]);

    let bits = TableInputs::Pixels {
        values: vec![0, 1, 1, 0],
        shape: vec![2],
    };
    let table = Table::new("t", bits, TableTarget::Labels(vec![0, 1])).unwrap();
    let data = fit(&table, Task::Auto, Normalize::Auto)
        .unwrap()
        .prepare(&table)
        .unwrap();
    close(&data.row(0), &[0.0, 1.0]);
}

#[test]
fn generators_are_left_as_they_are() {
    let table = load("moons").unwrap();
    let data = fit(&table, Task::Auto, Normalize::Auto)
        .unwrap()
        .prepare(&table)
        .unwrap();
    let TableInputs::Matrix { values, .. } = table.inputs() else {
        panic!("no points")
    };
    assert_eq!(&Numbers::F32(numbers(&data).to_vec()), values);
    let standard = fit(&table, Task::Auto, Normalize::Standard)
        .unwrap()
        .prepare(&table)
        .unwrap();
    assert_ne!(&Numbers::F32(numbers(&standard).to_vec()), values);
}

/// Times in seconds: what differs between rows is far below what f32 keeps of 1.7e9.
#[test]
fn a_large_offset_takes_no_digits() {
    let table = csv("t,y\n1700000001,1700000050.25\n1700000003,1700000050.75\n");
    let preparation = fit(&table, Task::Regression, Normalize::Auto).unwrap();
    let data = preparation.prepare(&table).unwrap();
    assert_eq!(numbers(&data), [-1.0, 1.0]);
    assert_eq!(
        data.targets(),
        &Targets::Numbers {
            values: vec![-1.0, 1.0],
            outputs: 1
        }
    );
    let scale = preparation.target_scale().unwrap();
    assert_eq!(
        (scale.offset, scale.scale),
        (&[1_700_000_050.5][..], &[0.25][..])
    );
    // Many rows of a larger offset: the sum must not take the digits either.
    let values: Vec<f64> = (0..10_000).map(|i| 1e15 + f64::from(i % 2)).collect();
    let matrix = TableInputs::Matrix {
        values: values.into(),
        shape: vec![1],
    };
    let table = Table::new("t", matrix, TableTarget::None).unwrap();
    let data = fit(&table, Task::Auto, Normalize::Auto)
        .unwrap()
        .prepare(&table)
        .unwrap();
    assert_eq!(numbers(&data)[..2], [-1.0, 1.0]);
    // So small that a square is 0 even in f64: constant.
    let table = csv("t,y\n1e-200,a\n2e-200,b\n");
    let preparation = fit(&table, Task::Auto, Normalize::Auto).unwrap();
    assert_eq!(numbers(&preparation.prepare(&table).unwrap()), [0.0, 0.0]);
}

#[test]
fn what_f32_would_blur_must_be_scaled() {
    let refused = |table: &Table, parts: &[&str]| {
        let error = fit(table, Task::Regression, Normalize::None).unwrap_err();
        let message = error.to_string();
        for part in parts {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
    };
    let table = csv("a,t,y\n1,1700000001,1\n2,1700000033,2\n");
    refused(&table, &["t.csv, column \"t\"", "1700000017", "standard"]);
    let table = csv("a,t\n1,1700000001\n2,1700000033\n");
    refused(&table, &["target of", "1700000017", "standard"]);
    let matrix = TableInputs::Matrix {
        values: vec![1.0, 1_700_000_001.0, 0.1, 1_700_000_033.0].into(),
        shape: vec![2],
    };
    let table = Table::new("t", matrix, TableTarget::None).unwrap();
    refused(&table, &["t, inputs, column 1", "1700000017", "standard"]);
    // Exact in f32, or with a spread that survives, or constant: nothing that differs is lost.
    for rows in ["1700000000,1\n1700000128,2\n", "1000.1,1\n1000.2,2\n"] {
        let table = csv(&format!("t,y\n{rows}"));
        fit(&table, Task::Regression, Normalize::None).unwrap();
    }
}

#[test]
fn other_files_are_read_by_name() {
    let preparation = fit(
        &csv("a,colour,y\n1,red,no\n3,blue,yes\n"),
        Task::Auto,
        Normalize::None,
    )
    .unwrap();
    let expected = [4.0, 1.0, 0.0, 5.0, 0.0, 1.0];
    let data = again(
        &preparation,
        "id,y,colour,a\n,yes,blue,4\n,no,red,5\n",
        true,
    )
    .unwrap();
    assert_eq!(numbers(&data), expected);
    assert_eq!(
        data.targets(),
        &Targets::Classes {
            labels: vec![1, 0],
            classes: 2
        }
    );
    let data = again(&preparation, "colour,a\nblue,4\nred,5\n", false).unwrap();
    assert_eq!(
        (numbers(&data), data.targets()),
        (&expected[..], &Targets::None)
    );

    let refused = |text: &str, require_target, parts: &[&str]| {
        let message = again(&preparation, text, require_target)
            .unwrap_err()
            .to_string();
        for part in parts {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
    };
    refused(
        "colour,a\nblue,4\ngreen,5\n",
        false,
        &["new.csv:3", "\"colour\"", "\"green\"", "\"blue\", \"red\""],
    );
    refused(
        "colour,a,y\nblue,4,maybe\n",
        true,
        &["new.csv:2", "\"y\"", "\"maybe\"", "\"no\", \"yes\""],
    );
    refused("colour,a\nblue,4\n", true, &["no column \"y\""]);
    refused(
        "color,a\nblue,4\n",
        false,
        &["no column \"colour\"", "did you mean \"color\""],
    );
    refused(
        "colour,a\nblue,x\n",
        false,
        &["new.csv:2", "\"a\"", "number"],
    );
}

/// A column of digits that was text in training (because other values were) is text again.
#[test]
fn kinds_are_those_of_training() {
    let preparation = fit(
        &csv("zip,y\nA1,0\nB2,1\n007,1\n"),
        Task::Auto,
        Normalize::Auto,
    )
    .unwrap();
    let data = again(&preparation, "zip\n007\n007\n", false).unwrap();
    assert_eq!(numbers(&data), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn points_may_come_from_a_csv() {
    let preparation = fit(&load("moons").unwrap(), Task::Auto, Normalize::Auto).unwrap();
    let data = again(&preparation, "px,py\n0.5,1\n-1,2\n", false).unwrap();
    assert_eq!(numbers(&data), [0.5, 1.0, -1.0, 2.0]);
    let data = again(&preparation, "px,py,class\n0.5,1,1\n-1,2,0\n", true).unwrap();
    assert_eq!(
        data.targets(),
        &Targets::Classes {
            labels: vec![1, 0],
            classes: 2
        }
    );
    let message = again(&preparation, "px,py,pz\n0.5,1,1\n", false)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("3 columns") && message.contains("[2]"),
        "{message}"
    );
    let glyphs = load("glyphs:n=10").unwrap();
    let message = preparation.prepare(&glyphs).unwrap_err().to_string();
    assert!(
        message.contains("[16, 16]") && message.contains("[2]"),
        "{message}"
    );
}

#[test]
fn it_survives_being_written_down() {
    for table in [
        csv("a,colour,y\n0.1,red,1.5\n3,blue,2.7\n4,blue,2\n5,red,3\n"),
        load("glyphs:n=20").unwrap(),
        load("moons").unwrap(),
    ] {
        for normalize in [Normalize::Auto, Normalize::Standard] {
            let preparation = fit(&table, Task::Auto, normalize).unwrap();
            let json = serde_json::to_string(&preparation).unwrap();
            let read: Preparation = serde_json::from_str(&json).unwrap();
            assert_eq!(read, preparation);
            let data = preparation.prepare(&table).unwrap();
            assert_eq!(read.prepare(&table).unwrap(), data);
            assert_eq!(read.prepare_owned(table.clone()).unwrap(), data);
            let parts = (data.select(&[3, 0]), data.select(&[1]));
            assert_eq!(data.into_parts(&[3, 0], &[1]), parts);
            read.check().unwrap();
        }
    }
    let preparation = fit(&csv("a,y\n0,1.5\n2,2.7\n"), Task::Auto, Normalize::Auto).unwrap();
    let json = serde_json::to_string(&preparation).unwrap();
    let broken: Preparation =
        serde_json::from_str(&json.replacen("\"scale\":1.0", "\"scale\":0.0", 1)).unwrap();
    assert!(broken.check().is_err(), "{json}");
}

#[test]
fn words_are_read_and_written() {
    for word in Task::WORDS {
        assert_eq!(word.parse::<Task>().unwrap().to_string(), *word);
    }
    for word in Normalize::WORDS {
        assert_eq!(word.parse::<Normalize>().unwrap().to_string(), *word);
        assert_eq!(
            serde_json::to_string(&word.parse::<Normalize>().unwrap()).unwrap(),
            format!("{word:?}")
        );
    }
    let message = "standart".parse::<Normalize>().unwrap_err().to_string();
    assert!(message.contains("did you mean \"standard\""), "{message}");
}

#[test]
fn data_sets_of_ones_own_are_checked() {
    let x = [0.0, 1.0, 2.0, 3.0];
    assert_eq!(Dataset::classes(&x, 2, &[0, 2]).unwrap().outputs(), 3);
    assert_eq!(Dataset::numbers(&x, 1, &[0.0; 8], 2).unwrap().rows(), 4);
    assert_eq!(
        Dataset::inputs_only(&x, 4).unwrap().targets(),
        &Targets::None
    );
    let selected = Dataset::classes(&x, 1, &[0, 1, 2, 3])
        .unwrap()
        .select(&[3, 0, 3]);
    assert_eq!(
        (numbers(&selected), selected.rows()),
        (&[3.0, 0.0, 3.0][..], 3)
    );
    assert_eq!(
        selected.targets(),
        &Targets::Classes {
            labels: vec![3, 0, 3],
            classes: 4
        }
    );
    for wrong in [
        Dataset::inputs_only(&[], 2),
        Dataset::inputs_only(&x, 0),
        Dataset::inputs_only(&x, 3),
        Dataset::inputs_only(&[0.0, f32::NAN], 1),
        Dataset::inputs_only(&[0.0, f32::INFINITY], 1),
        Dataset::classes(&x, 2, &[0]),
        Dataset::classes(&x, 2, &[0, 0]),
        Dataset::classes(&x, 2, &[0, u32::MAX]),
        Dataset::numbers(&x, 2, &[0.0; 3], 1),
        Dataset::numbers(&x, 2, &[], 0),
        Dataset::numbers(&x, 2, &[0.0, f32::NAN], 1),
        Dataset::new(Inputs::F32(x.to_vec()), &[usize::MAX, 2], Targets::None),
        Dataset::new(
            Inputs::F32(x.to_vec()),
            &[2],
            Targets::Classes {
                labels: vec![0, 2],
                classes: 2,
            },
        ),
    ] {
        assert!(wrong.is_err(), "{wrong:?}");
    }
}
