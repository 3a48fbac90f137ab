//! The order of rows: all of them, once, and in windows where these are asked for.

use proptest::prelude::*;
use thalweg::data::Order;
use thalweg::random::{Random, stream};

proptest! {
    /// Each window is one stretch of rows, shuffled, and all rows come once.
    #[test]
    fn windows_hold_all_rows(
        rows in 1_usize..2000,
        window in 1_usize..2500,
        seed: u64,
        epoch in 1_u64..50,
    ) {
        let order = Order { seed, shuffle: true, window: Some(window) };
        let found = order.epoch(rows, epoch);
        let mut sorted = found.clone();
        sorted.sort_unstable();
        prop_assert!(sorted.iter().copied().eq(0..u32::try_from(rows).unwrap()));
        let windows = order.windows(rows, epoch);
        let mut at = found.as_slice();
        for range in &windows {
            let (here, rest) = at.split_at(range.len());
            prop_assert!(here.iter().all(|row| range.contains(&(*row as usize))));
            at = rest;
        }
        prop_assert_eq!(windows.len(), rows.div_ceil(window));
        prop_assert_eq!(order.epoch(rows, epoch), found, "the same again");
    }

    /// A window that holds all rows is no window.
    #[test]
    fn one_window_is_a_shuffle(rows in 1_usize..2000, more in 0_usize..100, seed: u64, epoch in 1_u32..50) {
        let plain = Random::new(seed, stream::SHUFFLE, epoch).permutation(rows);
        for window in [None, Some(rows + more)] {
            let order = Order { seed, shuffle: true, window };
            prop_assert_eq!(&order.epoch(rows, epoch.into()), &plain);
        }
    }
}

#[test]
fn windows_are_shuffled_apart() {
    let order = |seed| Order {
        seed,
        shuffle: true,
        window: Some(1000),
    };
    let (one, two) = (order(1).windows(50_000, 1), order(1).windows(50_000, 2));
    assert_ne!(one, two, "another epoch, another order of windows");
    assert_ne!(one, order(2).windows(50_000, 1), "another seed too");
    let within = |window: usize| order(1).within(&(window * 1000..(window + 1) * 1000), 50_000, 1);
    assert_ne!(within(0), within(1), "no two windows have the same order");
    assert_ne!(within(0), order(1).within(&(0..1000), 50_000, 2));
}

#[test]
fn unshuffled_rows_stay() {
    for window in [None, Some(10)] {
        let order = Order {
            seed: 3,
            shuffle: false,
            window,
        };
        assert!(order.epoch(200_000, 4).into_iter().eq(0..200_000));
    }
}
