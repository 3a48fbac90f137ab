//! How many rows of a table are on the device at once: all, or two chunks of which one is replaced while the other is used.

use crate::kernel::Limits;

/// Bytes of a ring, if nobody says how many: as many as are on their way to a device at once.
const RING: u64 = 32 << 20;

/// How much of the device a table of rows may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// As many bytes as one binding holds, for its largest tensor; else a ring.
    Binding(u64),
    /// So many bytes in all, or two batches; what is larger becomes a ring.
    Within(u64),
}

impl Share {
    /// What is tried, one after the other, until it fits. `most` is what an option says.
    pub(super) fn all(most: Option<u64>, limits: &Limits) -> Vec<Self> {
        match most {
            Some(most) => vec![Self::Within(most), Self::Within(0)],
            None => {
                let bound = limits.binding.min(limits.buffer);
                vec![Self::Binding(bound), Self::Within(RING), Self::Within(0)]
            }
        }
    }
}

/// What of a table decides how many rows of it are on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    /// Rows of the data set.
    pub(super) rows: usize,
    /// Rows of a batch.
    pub(super) batch: usize,
    /// Bytes of a row in the tensor that has most.
    pub(super) widest: u64,
    /// Bytes of a row in all tensors.
    pub(super) bytes: u64,
    /// Chunks begin at a whole word of the device if their rows are a multiple of this; 1, 2 or 4.
    pub(super) words: usize,
}

/// A table of fewer rows than the data set has. The chunks of an epoch are written to its halves in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    /// Rows of the table. It grows with the batch, so that a run that fits also fits with a smaller batch.
    pub capacity: usize,
    /// Rows of a chunk: whole batches, at most half of the table.
    pub chunk: usize,
}

impl Ring {
    /// The ring for a table, or `None` if the table holds all rows.
    pub(super) fn new(measure: Measure, share: Share) -> Option<Self> {
        let Measure {
            rows,
            batch,
            widest,
            bytes,
            words,
        } = measure;
        let fitting = |most: u64| usize::try_from(most / bytes.max(1)).unwrap_or(usize::MAX);
        let most = match share {
            Share::Binding(bound) if widest.saturating_mul(rows as u64) <= bound => rows,
            Share::Binding(bound) => fitting(RING.min(bound)),
            Share::Within(most) => fitting(most),
        };
        let batch = batch.clamp(1, rows.max(1));
        let capacity = most.max(2 * batch);
        if rows <= capacity {
            return None;
        }
        let half = capacity / 2;
        let unit = if batch * words <= half {
            batch * words
        } else {
            batch
        };
        let chunk = half / unit * unit;
        Some(Self { capacity, chunk })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares() -> impl Strategy<Value = Share> {
        let bytes = 0_u64..1_000_000;
        prop_oneof![
            bytes.clone().prop_map(Share::Binding),
            bytes.prop_map(Share::Within)
        ]
    }

    fn measures() -> impl Strategy<Value = Measure> {
        let words = prop_oneof![Just(1_usize), Just(2), Just(4)];
        let sizes = (1_usize..20_000, 1_usize..3000, 1_u64..500, 0_u64..500);
        (sizes, words).prop_map(|((rows, batch, widest, more), words)| Measure {
            rows,
            batch,
            widest,
            bytes: widest + more,
            words,
        })
    }

    proptest! {
        #[test]
        fn chunks_are_whole_batches_in_halves_that_do_not_overlap(
            measure in measures(),
            share in shares(),
        ) {
            let Some(Ring { capacity, chunk }) = Ring::new(measure, share) else {
                return Ok(());
            };
            prop_assert!(chunk > 0 && chunk % measure.batch == 0);
            prop_assert!(2 * chunk <= capacity && capacity < measure.rows);
            let most = match share {
                Share::Binding(most) | Share::Within(most) => most,
            };
            let bytes = capacity as u64 * measure.bytes;
            prop_assert!(bytes <= most || capacity == 2 * measure.batch);
            if chunk >= measure.batch * measure.words {
                prop_assert_eq!(chunk % measure.words, 0);
            }
        }

        /// So that the search for the largest batch that fits finds it.
        #[test]
        fn a_smaller_batch_takes_no_larger_table(
            measure in measures(),
            share in shares(),
            smaller in 1_usize..3000,
        ) {
            let taken = |batch| {
                let ring = Ring::new(Measure { batch, ..measure }, share);
                ring.map_or(measure.rows, |ring| ring.capacity)
            };
            prop_assert!(taken(smaller.min(measure.batch)) <= taken(measure.batch));
        }
    }

    #[test]
    fn what_fits_is_no_ring() {
        let measure = Measure {
            rows: 1000,
            batch: 10,
            widest: 4,
            bytes: 12,
            words: 1,
        };
        assert_eq!(Ring::new(measure, Share::Binding(4000)), None);
        let ring = |capacity, chunk| Some(Ring { capacity, chunk });
        assert_eq!(Ring::new(measure, Share::Binding(3999)), ring(333, 160));
        assert_eq!(Ring::new(measure, Share::Within(12_000)), None);
        assert_eq!(Ring::new(measure, Share::Within(11_999)), ring(999, 490));
        assert_eq!(Ring::new(measure, Share::Within(0)), ring(20, 10));
        let odd = Measure {
            words: 4,
            ..measure
        };
        assert_eq!(Ring::new(odd, Share::Within(1200)), ring(100, 40));
        let all = Measure {
            batch: 600,
            ..measure
        };
        assert_eq!(
            Ring::new(all, Share::Within(0)),
            None,
            "two batches are all"
        );
    }
}
