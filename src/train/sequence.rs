//! Rows that batches go through in one order after the other, where one that begins in one order may end in the next.

use crate::data::Order;

/// An endless sequence of row numbers.
#[derive(Debug)]
pub(super) struct Sequence {
    /// Which rows; the first `count` if they are not named.
    rows: Option<Vec<u32>>,
    count: usize,
    order: Order,
    epoch: u64,
    /// The order of the present epoch, and how far it is through.
    places: Vec<u32>,
    at: usize,
}

impl Sequence {
    /// That of these rows, or of so many if they are not named, shuffled by a seed as a run's are, or as they are; behind the
    /// first `seen` of them.
    pub(super) fn new(
        seed: u64,
        rows: Option<Vec<u32>>,
        count: usize,
        shuffle: bool,
        seen: u64,
    ) -> Self {
        let order = Order {
            seed,
            shuffle,
            window: None,
        };
        let count = rows.as_ref().map_or(count, Vec::len);
        let epoch = 1 + seen / count as u64;
        Self {
            places: order.epoch(count, epoch),
            at: usize::try_from(seen % count as u64).expect("it is less than the rows"),
            rows,
            count,
            order,
            epoch,
        }
    }

    /// The next row.
    pub(super) fn next(&mut self) -> u32 {
        if self.at == self.places.len() {
            self.epoch += 1;
            self.places = self.order.epoch(self.count, self.epoch);
            self.at = 0;
        }
        self.at += 1;
        let place = self.places[self.at - 1];
        (self.rows.as_ref()).map_or(place, |rows| rows[place as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_go_on_from_one_order_into_the_next() {
        let take = |sequence: &mut Sequence, n: usize| -> Vec<u32> {
            (0..n).map(|_| sequence.next()).collect()
        };
        let mut whole = Sequence::new(3, None, 10, true, 0);
        let all = take(&mut whole, 40);
        for epoch in all.chunks(10) {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<u32>>(), "each row once");
        }
        assert_ne!(all[..10], all[10..20], "another order");
        for seen in [0, 3, 10, 27] {
            let mut behind = Sequence::new(3, None, 10, true, seen as u64);
            assert_eq!(take(&mut behind, 13), all[seen..seen + 13], "{seen}");
        }
        let mut named = Sequence::new(3, Some((20..30).collect()), 0, true, 0);
        let expected: Vec<u32> = all.iter().map(|row| row + 20).collect();
        assert_eq!(take(&mut named, 40), expected);
        let mut plain = Sequence::new(3, None, 3, false, 0);
        assert_eq!(take(&mut plain, 7), [0, 1, 2, 0, 1, 2, 0]);
    }
}
