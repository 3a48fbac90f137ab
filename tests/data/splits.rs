//! The validation rows are the last of the (shuffled) rows.

use thalweg::data::split;

#[test]
fn every_row_is_on_one_side() {
    for (rows, fraction, validation) in [
        (10, 0.2, 2),
        (1593, 0.2, 319),
        (3, 0.5, 2),
        (7, 0.0, 0),
        (1, 0.0, 0),
    ] {
        for shuffle in [false, true] {
            let (a, b) = split(rows, fraction, 5, shuffle).unwrap();
            assert_eq!(b.len(), validation);
            let mut all = [a, b].concat();
            if !shuffle {
                assert!(all.is_sorted());
            }
            all.sort_unstable();
            assert_eq!(all, (0..u32::try_from(rows).unwrap()).collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_seed_decides() {
    let rows = |seed| split(1000, 0.2, seed, true).unwrap();
    assert_eq!(rows(1), rows(1));
    assert_ne!(rows(1), rows(2));
    assert!(!rows(1).0.is_sorted());
}

#[test]
fn senseless_fractions_are_refused() {
    for (rows, fraction) in [
        (10, -0.1),
        (10, 1.0),
        (10, f64::NAN),
        (10, f64::INFINITY),
        (10, 0.99),
        (2, 0.9),
        (0, 0.0),
        (0, 0.5),
        (10, 0.001),
    ] {
        let message = split(rows, fraction, 0, true).unwrap_err().to_string();
        assert!(message.contains("fraction"), "{message}");
    }
}
