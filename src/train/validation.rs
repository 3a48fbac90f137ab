//! Loss and metrics over all validation rows.

use super::evaluation::Totals;
use super::feed::Feed;
use super::ring::Share;
use super::session::{Position, Purpose, Session, batches};
use super::tables::{SLOTS, Tables};
use super::{Evaluation, TrainError};
use crate::data::{Dataset, Order};
use crate::kernel::Tick;

impl Session {
    /// Makes room for rows that are evaluated in batches of `batch_size`: for all of them, or for a part through which they
    /// stream, if a tensor of them is larger than one binding of the device or there is no memory for all. They are read by
    /// [`Session::evaluate_rows`].
    ///
    /// # Errors
    /// If they do not fit the network or the loss, or not even two batches fit the device.
    pub fn set_validation_rows(
        &mut self,
        data: &Dataset,
        batch_size: usize,
    ) -> Result<(), TrainError> {
        let available = self.executor.available_memory().unwrap_or(u64::MAX);
        let mut fitting = None;
        for share in Share::all(None, self.executor.limits()) {
            let ring = Tables::ring(data, &self.recipe.objective, batch_size, share);
            let needed = Tables::bytes(data, &self.recipe.objective, ring);
            fitting = Some((ring, needed));
            if needed <= available {
                break;
            }
        }
        let (ring, needed) = fitting.expect("something is tried");
        self.require(needed, "the rows")?;
        let (network, objective) = (&self.recipe.network, &self.recipe.objective);
        let by = (network, objective);
        let tables = Tables::declare_within("validation", data, by, ring, &mut self.store)?;
        self.validation = Some(tables);
        self.fill_validation(data)
    }

    /// Loss and metrics over all validation rows, of which perhaps not all are on the device.
    ///
    /// # Errors
    /// If the rows cannot be read, or the device failed.
    ///
    /// # Panics
    /// If no room was made for the rows, or for batches of another size.
    pub fn evaluate_rows(
        &mut self,
        data: &Dataset,
        batch_size: usize,
        units: Option<&[f64]>,
    ) -> Result<Evaluation, TrainError> {
        let tables = self.validated();
        let whole = tables
            .streamed()
            .is_none_or(|ring| ring.chunk.is_multiple_of(batch_size));
        assert!(whole, "chunks are whole batches of {batch_size} rows");
        let order = Order::AS_THEY_ARE;
        std::thread::scope(|scope| {
            let feed = Feed::start(scope, data, &tables, order, (1, 0), data.rows() as u64);
            self.evaluate_batches(batch_size, units, feed)
        })
    }

    fn validated(&self) -> Tables {
        let tables = self.validation.clone();
        tables.expect("the validation rows are set before they are evaluated")
    }

    fn evaluate_batches(
        &mut self,
        batch_size: usize,
        units: Option<&[f64]>,
        mut feed: Option<Feed>,
    ) -> Result<Evaluation, TrainError> {
        let tables = self.validated();
        let mut totals = Totals::new(tables.metric());
        let batches = batches(tables.rows(), batch_size);
        let mut left = batches.as_slice();
        while let Some(&first) = left.first() {
            let rows = first.rows;
            let here = match &mut feed {
                Some(feed) => feed.enter(self, 1, first)?.div_ceil(rows),
                None => usize::MAX,
            };
            let same = left.iter().take_while(|b| b.rows == rows).count();
            let (now, rest) = left.split_at(same.min(SLOTS as usize).min(here));
            let ready = self.plan(Purpose::Validation(rows))?;
            let place = |&b: &Position| feed.as_ref().map_or(b.start, |feed| feed.place(b));
            let ticks: Vec<_> = (0..)
                .zip(now)
                .map(|(slot, b)| Tick {
                    start: place(b),
                    slot,
                    ..Tick::default()
                })
                .collect();
            self.executor.run(ready.handle, &ticks)?;
            if let Some(feed) = &mut feed {
                feed.prefetch(self)?;
            }
            let logged = self.read_logs(&tables, now.len())?;
            totals.add(&logged, rows);
            left = rest;
        }
        let squared = self.recipe.objective.is_squared_error();
        Ok(totals.evaluation(squared, units))
    }
}
