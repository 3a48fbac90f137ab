//! Work cut into pieces of rows, for threads and for vectors.

use std::num::NonZero;

use super::Error;

/// Elements below which a thread gets no piece of its own, for loops that wait for memory (an addition, a copy).
pub(super) const LIGHT: usize = 1 << 15;
/// The same for loops that compute (an exponential, a division).
pub(super) const HEAVY: usize = 1 << 12;

/// Pieces begin at multiples of this many rows: whole vectors, and whole blocks of random numbers.
const ALIGNED: usize = 64;

/// Slices that are cut at the same row.
pub(super) trait Cut: Send + Sized {
    /// The first `rows` rows, and the others.
    fn cut(self, rows: usize) -> (Self, Self);
}

impl<T: Sync> Cut for &[T] {
    #[inline]
    fn cut(self, rows: usize) -> (Self, Self) {
        self.split_at(rows)
    }
}

impl<T: Send> Cut for &mut [T] {
    #[inline]
    fn cut(self, rows: usize) -> (Self, Self) {
        self.split_at_mut(rows)
    }
}

/// A slice, or a mutable one, with more than one element to a row; the last row may be shorter.
#[derive(Clone, Copy)]
pub(super) struct Rows<S> {
    pub(super) values: S,
    pub(super) columns: usize,
}

impl<S> Rows<S> {
    pub(super) const fn new(values: S, columns: usize) -> Self {
        Self { values, columns }
    }
}

impl<T: Sync> Cut for Rows<&[T]> {
    #[inline]
    fn cut(self, rows: usize) -> (Self, Self) {
        let columns = self.columns;
        let (a, b) = self
            .values
            .split_at((rows * columns).min(self.values.len()));
        (Self::new(a, columns), Self::new(b, columns))
    }
}

impl<T: Send> Cut for Rows<&mut [T]> {
    #[inline]
    fn cut(self, rows: usize) -> (Self, Self) {
        let columns = self.columns;
        let at = (rows * columns).min(self.values.len());
        let (a, b) = self.values.split_at_mut(at);
        (Self::new(a, columns), Self::new(b, columns))
    }
}

macro_rules! cut_tuples {
    ($(($($name:ident $a:ident $b:ident),+))*) => {$(
        impl<$($name: Cut),+> Cut for ($($name,)+) {
            #[inline]
            fn cut(self, rows: usize) -> (Self, Self) {
                #[expect(non_snake_case, reason = "a value for each type of the tuple")]
                let ($($name,)+) = self;
                $(let ($a, $b) = $name.cut(rows);)+
                (($($a,)+), ($($b,)+))
            }
        }
    )*};
}

cut_tuples! {
    (A a0 a1, B b0 b1)
    (A a0 a1, B b0 b1, C c0 c1)
    (A a0 a1, B b0 b1, C c0 c1, D d0 d1)
}

/// The threads that kernels may use.
#[derive(Debug)]
pub(super) struct Threads {
    count: usize,
    /// None for one thread, which is the caller.
    pool: Option<rayon::ThreadPool>,
}

impl Threads {
    pub(super) fn new(count: Option<usize>) -> Result<Self, Error> {
        let count = match count {
            Some(count) => count,
            None => std::thread::available_parallelism().map_or(1, NonZero::get),
        };
        let pool = match count {
            0 => return Err(Error::NoThreads),
            1 => None,
            _ => Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(count)
                    .thread_name(|i| format!("thalweg-cpu-{i}"))
                    .build()
                    .map_err(|source| Error::Threads { count, source })?,
            ),
        };
        Ok(Self { count, pool })
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Runs on a thread of the pool, if there is one; at once if the caller is such a thread.
    pub(super) fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Calls `body(first row, piece, parameters)` on pieces of `rows` rows, with `elements` elements in all and at
    /// least `grain` of them to a thread.
    ///
    /// Where the pieces begin depends on the number of threads, so a body's result for a row must not depend on the
    /// other rows of its piece. To be compiled for vectors, `body` must be a function marked `#[inline(always)]`, not a
    /// closure: a closure may be left out of line, and then has the vectors of the oldest machine.
    pub(super) fn rows<C: Cut, P: Copy + Send + Sync>(
        &self,
        rows: usize,
        (elements, grain): (usize, usize),
        pieces: C,
        parameters: P,
        body: impl Fn(usize, C, P) + Copy + Send + Sync,
    ) {
        let parts = (elements / grain).clamp(1, self.count);
        if parts == 1 {
            vectorised(body, 0, pieces, parameters);
        } else {
            self.enter(|| divide(parts, (0, rows), pieces, parameters, body));
        }
    }
}

fn divide<C: Cut, P: Copy + Send + Sync>(
    parts: usize,
    (first, rows): (usize, usize),
    pieces: C,
    parameters: P,
    body: impl Fn(usize, C, P) + Copy + Send + Sync,
) {
    if parts == 1 || rows < 2 {
        return vectorised(body, first, pieces, parameters);
    }
    let left = parts / 2;
    let exact = rows * left / parts;
    // Few rows are long ones, and are cut where they fall.
    let at = if rows >= 4 * parts * ALIGNED {
        exact.next_multiple_of(ALIGNED)
    } else {
        exact.max(1)
    };
    let (a, b) = pieces.cut(at);
    rayon::join(
        || divide(left, (first, at), a, parameters, body),
        || divide(parts - left, (first + at, rows - at), b, parameters, body),
    );
}

struct Work<C, P, F> {
    body: F,
    first: usize,
    piece: C,
    parameters: P,
}

impl<C, P, F: FnOnce(usize, C, P)> pulp::NullaryFnOnce for Work<C, P, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        (self.body)(self.first, self.piece, self.parameters);
    }
}

/// Calls `body`, compiled for the widest vectors that this machine has.
fn vectorised<C, P>(body: impl FnOnce(usize, C, P), first: usize, piece: C, parameters: P) {
    pulp::Arch::new().dispatch(Work {
        body,
        first,
        piece,
        parameters,
    });
}
