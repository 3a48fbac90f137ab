//! Parts for cross-validation.

use thalweg::data::{Folds, Targets};

fn classes(labels: &[u32], classes: usize) -> Targets {
    Targets::Classes {
        labels: labels.to_vec(),
        classes,
    }
}

#[test]
fn every_row_validates_once_and_classes_are_shared_out() {
    for shuffle in [false, true] {
        for (rows, folds) in [(10, 2), (11, 3), (23, 5), (7, 7), (100, 10)] {
            // In the order of the classes, so that a stretch of rows has one alone.
            let labels: Vec<u32> = (0..rows)
                .map(|row| [0, 0, 0, 1, 2][5 * row / rows])
                .collect();
            let targets = classes(&labels, 3);
            let divided = Folds::new(rows, &targets, folds, 3, shuffle).expect("it can be divided");
            let mut seen = vec![0; rows];
            let mut sizes = Vec::new();
            let mut by_class = vec![Vec::new(); 3];
            for fold in 0..folds {
                let (training, validation) = divided.rows(fold);
                assert_eq!(training.len() + validation.len(), rows);
                assert!(training.iter().all(|row| !validation.contains(row)));
                validation.iter().for_each(|&row| seen[row as usize] += 1);
                sizes.push(validation.len());
                for (class, counts) in (0..).zip(&mut by_class) {
                    let of = |row: &&u32| labels[**row as usize] == class;
                    counts.push(validation.iter().filter(of).count());
                }
            }
            assert!(
                seen.iter().all(|&times| times == 1),
                "{rows} rows, {folds} folds"
            );
            for counts in by_class.iter().chain([&sizes]) {
                let (least, most) = (counts.iter().min(), counts.iter().max());
                assert!(
                    most.zip(least).is_some_and(|(m, l)| m - l <= 1),
                    "{rows} rows, {folds} folds: {counts:?}"
                );
            }
        }
    }
}

#[test]
fn the_seed_decides_and_no_shuffle_keeps_the_order() {
    let none = Targets::None;
    let with = |seed, shuffle| Folds::new(40, &none, 4, seed, shuffle).expect("it can be divided");
    assert_eq!(with(1, true), with(1, true));
    assert_ne!(with(1, true), with(2, true));
    assert_eq!(with(1, false), with(2, false));
    let (_, validation) = with(1, false).rows(1);
    assert_eq!(
        validation,
        (10..20).collect::<Vec<u32>>(),
        "one stretch of the file"
    );
    let labels: Vec<u32> = (0..12).map(|row| row % 2).collect();
    let divided = Folds::new(12, &classes(&labels, 2), 3, 0, false).expect("it can be divided");
    assert_eq!(divided.rows(0).1, [0, 1, 2, 3]);
}

#[test]
fn what_cannot_be_divided_is_refused_and_rare_classes_are_known() {
    for folds in [0, 1, 6] {
        let refused = Folds::new(5, &Targets::None, folds, 0, true);
        let text = refused.expect_err("it cannot be divided").to_string();
        assert!(
            text.contains(&format!("found {folds}")) && text.contains("2 to 5"),
            "{text}"
        );
    }
    let labels = [0, 0, 0, 0, 0, 1, 1, 3];
    let divided = Folds::new(8, &classes(&labels, 4), 3, 0, true).expect("it can be divided");
    assert_eq!(
        divided.rare(),
        Some((3, 1)),
        "a class without rows is not rare"
    );
    let even = Folds::new(8, &Targets::None, 3, 0, true).expect("it can be divided");
    assert_eq!(even.rare(), None);
}
