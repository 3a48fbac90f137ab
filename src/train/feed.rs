//! Rows that stream: a thread reads the next chunk while the device computes on the one before.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::Scope;

use super::chunk::Chunk;
use super::ring::Ring;
use super::session::Position;
use super::tables::Tables;
use super::{Session, TrainError};
use crate::data::{DataError, Dataset, Order, Reader};

/// Chunks in memory on the host: one is written to the device while the next is read.
pub(super) const CHUNKS: u64 = 2;

type Filled = Result<Chunk, DataError>;

/// What reads the rows of a data set, epoch by epoch, and keeps the two halves of a ring filled.
pub(super) struct Feed {
    tables: Tables,
    ring: Ring,
    filled: Receiver<Filled>,
    empty: Sender<Chunk>,
    /// The chunk that is in use: epoch and first position. It is in half `half` of the ring.
    current: Option<(u64, usize)>,
    half: usize,
    /// The chunk in the other half, which comes next.
    next: Option<(u64, usize)>,
    /// Why no more rows come.
    broken: Option<DataError>,
}

impl Feed {
    /// Begins to read the first `total` rows in the order of the epochs, from the chunk of a position of an epoch on; nothing
    /// if the tables hold all rows.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        data: &'scope Dataset,
        tables: &Tables,
        order: Order,
        from: (u64, usize),
        total: u64,
    ) -> Option<Self> {
        let ring = tables.streamed()?;
        let (filled, chunks) = channel();
        let (empty, used) = channel();
        for _ in 0..CHUNKS {
            let room = Chunk::new(tables, data);
            empty.send(room).expect("the receiver is still here");
        }
        let tables = tables.clone();
        let of_thread = tables.clone();
        scope.spawn(move || read(data, &of_thread, (order, from), total, &filled, &used));
        Some(Self {
            tables,
            ring,
            filled: chunks,
            empty,
            current: None,
            half: 1,
            next: None,
            broken: None,
        })
    }

    /// Makes sure that the chunk of a position is on the device, and gives how many rows of it are left from there on. The
    /// chunk before is not needed any more.
    ///
    /// # Errors
    /// If the rows could not be read, or the device failed.
    pub(super) fn enter(
        &mut self,
        session: &mut Session,
        epoch: u64,
        position: Position,
    ) -> Result<usize, TrainError> {
        let first = self.first_of(position);
        let wanted = (epoch, first);
        if self.current != Some(wanted) {
            while self.next != Some(wanted) {
                if let Some(error) = self.broken.take() {
                    return Err(error.into());
                }
                let filled = self.filled.recv();
                self.put(filled.expect("as many rows are read as are used"), session)?;
            }
            self.half = 1 - self.half;
            self.current = self.next.take();
        }
        Ok(first + self.ring.chunk - position.start as usize)
    }

    /// Where the rows from a position on lie in the tables; its chunk was entered.
    pub(super) fn place(&self, position: Position) -> u32 {
        let within = position.start as usize - self.first_of(position);
        let row = self.half * self.ring.chunk + within;
        u32::try_from(row).expect("a ring has fewer rows than its data set")
    }

    /// Whether a chunk begins at a position: once it is entered, the chunk before may be overwritten.
    pub(super) const fn begins(&self, position: Position) -> bool {
        (position.start as usize).is_multiple_of(self.ring.chunk)
    }

    /// Whether a position lies in the chunk that is in use.
    pub(super) fn is_at(&self, epoch: u64, position: Position) -> bool {
        self.current == Some((epoch, self.first_of(position)))
    }

    /// The first position of the chunk in which a position lies.
    const fn first_of(&self, position: Position) -> usize {
        let start = position.start as usize;
        start - start % self.ring.chunk
    }

    /// Writes the next chunk to the half that is not in use, if it was read meanwhile. To be called while the device works.
    ///
    /// # Errors
    /// If the device failed.
    pub(super) fn prefetch(&mut self, session: &mut Session) -> Result<(), TrainError> {
        if self.next.is_some() || self.broken.is_some() {
            return Ok(());
        }
        match self.filled.try_recv() {
            Ok(filled) => self.put(filled, session),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Ok(()),
        }
    }

    fn put(&mut self, filled: Filled, session: &mut Session) -> Result<(), TrainError> {
        match filled {
            Ok(chunk) => {
                let row = (1 - self.half) * self.ring.chunk;
                let Session {
                    executor, store, ..
                } = session;
                chunk.write(row, &self.tables, store, executor.as_mut())?;
                self.next = Some((chunk.epoch, chunk.first));
                // The reader may have read all it has to, and be gone.
                let _ = self.empty.send(chunk);
            }
            Err(error) => self.broken = Some(error),
        }
        Ok(())
    }
}

/// The thread: reads until the last of `total` rows, counted from the first epoch on, was read, or nobody wants more.
fn read(
    data: &Dataset,
    tables: &Tables,
    (order, (mut epoch, position)): (Order, (u64, usize)),
    total: u64,
    filled: &Sender<Filled>,
    used: &Receiver<Chunk>,
) {
    let all = data.rows() as u64;
    let chunk_rows = tables.streamed().map_or(data.rows(), |ring| ring.chunk);
    let mut begin = position - position % chunk_rows;
    let mut reader = Reader::new(data, order.of(data), epoch, total.div_ceil(all));
    if let Err(error) = reader.skip(begin) {
        // Whoever waits for the first chunk is told.
        let _ = filled.send(Err(error));
        return;
    }
    let mut left = total.saturating_sub((epoch - 1).saturating_mul(all) + begin as u64);
    while left > 0 {
        let rest = data.rows() - begin;
        let rows = usize::try_from(left).map_or(rest, |left| left.min(rest));
        left -= rows as u64;
        let end = begin + rows;
        for first in (begin..end).step_by(chunk_rows) {
            let Ok(mut chunk) = used.recv() else { return };
            (chunk.epoch, chunk.first) = (epoch, first);
            let count = chunk_rows.min(end - first);
            let result = chunk.fill(count, &mut reader, tables, data);
            let failed = result.is_err();
            if filled.send(result.map(|()| chunk)).is_err() || failed {
                return;
            }
        }
        epoch += 1;
        begin = 0;
    }
}
