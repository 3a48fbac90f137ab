//! Targets: which task they make, classes and their order, and numbers that go back to their own units.

use super::preparation::{csv, fit};
use thalweg::data::{Normalize, Preparation, Table, TableInputs, TableTarget, Targets, Task};

#[test]
fn the_task_is_guessed() {
    let task = |targets: &[String]| {
        let rows: String = targets.iter().map(|y| format!("1,{y}\n")).collect();
        fit(&csv(&format!("a,y\n{rows}")), Task::Auto, Normalize::Auto)
            .map(|preparation| preparation.task())
            .unwrap()
    };
    let integers = |n: i32| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
    assert_eq!(task(&integers(20)), Task::Classification);
    assert_eq!(task(&integers(21)), Task::Regression);
    assert_eq!(
        task(&["-3".to_owned(), "7.0".to_owned()]),
        Task::Classification
    );
    assert_eq!(task(&["0".to_owned(), "0.5".to_owned()]), Task::Regression);
    assert_eq!(
        task(&["a".to_owned(), "b".to_owned(), "3".to_owned()]),
        Task::Classification
    );
    // Labels are classes, however many they are.
    let pixels = TableInputs::Pixels {
        values: vec![0; 47],
        shape: vec![1],
    };
    let table = Table::new("t", pixels, TableTarget::Labels((0..47).collect())).unwrap();
    let preparation = fit(&table, Task::Auto, Normalize::Auto).unwrap();
    assert_eq!(
        (preparation.task(), preparation.outputs()),
        (Task::Classification, 47)
    );
}

#[test]
fn classes_are_in_numerical_order() {
    let table = csv("a,y\n1,10\n2,9\n3,-1\n4,9.0\n5,-0\n6,0\n");
    let preparation = fit(&table, Task::Auto, Normalize::Auto).unwrap();
    assert_eq!(preparation.class_names().unwrap(), ["-1", "0", "9", "10"]);
    let data = preparation.prepare(&table).unwrap();
    assert_eq!(
        data.targets(),
        &Targets::Classes {
            labels: vec![3, 2, 0, 2, 1, 1],
            classes: 4
        }
    );
}

#[test]
fn classes_that_f64_cannot_tell_apart_are_refused() {
    let table = csv("a,y\n1,9007199254740993\n2,9007199254740992\n3,1\n");
    let message = fit(&table, Task::Classification, Normalize::Auto)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("9007199254740992") && message.contains("as text"),
        "{message}"
    );
    let table = csv("a,y\n1,16777216\n2,16777217\n3,-9007199254740991\n4,16777217\n");
    let preparation = fit(&table, Task::Auto, Normalize::Auto).unwrap();
    assert_eq!(
        preparation.class_names().unwrap(),
        ["-9007199254740991", "16777216", "16777217"]
    );
    let data = preparation.prepare(&table).unwrap();
    assert_eq!(
        data.targets(),
        &Targets::Classes {
            labels: vec![1, 2, 0, 2],
            classes: 3
        }
    );
    let pixels = TableInputs::Pixels {
        values: vec![0; 3],
        shape: vec![1],
    };
    let labels = TableTarget::Labels(vec![16_777_216, 16_777_217, u32::MAX]);
    let table = Table::new("t", pixels, labels).unwrap();
    let preparation = fit(&table, Task::Auto, Normalize::Auto).unwrap();
    assert_eq!(preparation.outputs(), 3);
}

#[test]
fn a_regression_goes_back_to_its_units() {
    let table = csv("a,y\n1,100.5\n2,300.5\n");
    let preparation = fit(&table, Task::Auto, Normalize::Auto).unwrap();
    let data = preparation.prepare(&table).unwrap();
    assert_eq!(
        data.targets(),
        &Targets::Numbers {
            values: vec![-1.0, 1.0],
            outputs: 1
        }
    );
    let scale = preparation.target_scale().unwrap();
    assert_eq!((scale.offset, scale.scale), (&[200.5][..], &[100.0][..]));
    // Several targets, each with its own scale.
    let inputs = TableInputs::Matrix {
        values: vec![0.0_f32, 1.0].into(),
        shape: vec![1],
    };
    let target = TableTarget::Matrix {
        values: vec![0.0_f32, 10.0, 2.0, 30.0].into(),
        outputs: 2,
    };
    let table = Table::new("t", inputs, target).unwrap();
    let preparation = fit(&table, Task::Auto, Normalize::Auto).unwrap();
    let data = preparation.prepare(&table).unwrap();
    assert_eq!(
        data.targets(),
        &Targets::Numbers {
            values: vec![-1.0, -1.0, 1.0, 1.0],
            outputs: 2
        }
    );
    assert_eq!(preparation.target_scale().unwrap().offset, [1.0, 20.0]);
    let message = fit(&table, Task::Classification, Normalize::Auto)
        .unwrap_err()
        .to_string();
    assert!(message.contains("argmax"), "{message}");
}

#[test]
fn text_is_no_regression_and_one_class_no_classification() {
    let message = |table: &Table, task| fit(table, task, Normalize::Auto).unwrap_err().to_string();
    let text = message(&csv("a,y\n1,red\n2,blue\n"), Task::Regression);
    assert!(
        text.contains("target \"y\"") && text.contains("numbers for a regression"),
        "{text}"
    );
    for y in ["red", "7"] {
        let one = message(&csv(&format!("a,y\n1,{y}\n2,{y}\n")), Task::Auto);
        assert!(
            one.contains("all 2 training rows") && one.contains(&format!("{y:?}")),
            "{one}"
        );
    }
    let table = csv("a,y\n1,red\n2,red\n3,blue\n");
    let one = Preparation::fit(&table, &[0, 1], Task::Auto, Normalize::Auto)
        .unwrap_err()
        .to_string();
    assert!(one.contains("shuffle"), "{one}");
    assert!(Preparation::fit(&table, &[], Task::Auto, Normalize::Auto).is_err());
}
