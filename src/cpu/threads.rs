//! Work cut into pieces of rows, for threads and for vectors.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Error;

/// Elements below which a thread gets no piece of its own, for loops that wait for memory (an addition: 0.11 ns an
/// element in the second-level cache).
///
/// Measured on two Zen 4 cores: a kernel run from outside the pool pays 12 µs for going there, one run from inside
/// pays 0.1 µs for the offer if no thread takes it. So this and [`HEAVY`] are worth 4 to 7 µs of work.
pub(super) const LIGHT: usize = 1 << 16;
/// The same for loops that compute (a sigmoid: 0.5 ns an element).
pub(super) const HEAVY: usize = 1 << 13;

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

    /// Runs on a thread of the pool, while the others stay awake and look for pieces of its work: handing one over then
    /// takes less than a microsecond, where waking a thread takes several.
    pub(super) fn attended<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let Some(pool) = &self.pool else {
            return work();
        };
        pool.install(|| {
            let done = AtomicBool::new(false);
            rayon::scope(|scope| {
                let caller = rayon::current_thread_index();
                let done = &done;
                scope.spawn_broadcast(move |_, thread| {
                    if Some(thread.index()) != caller {
                        wait_for(done);
                    }
                });
                let _done = Done(done);
                work()
            })
        })
    }

    /// Calls `body(part)` for each part below `count`, each on a thread of its own if there are so many.
    pub(super) fn parts(&self, count: usize, body: impl Fn(usize) + Copy + Send + Sync) {
        if count > 1 {
            self.enter(|| parts((0, count), body));
        } else {
            body(0);
        }
    }

    /// Calls `body(first row, piece, parameters)` on pieces of `rows` rows, with `elements` elements in all and at
    /// least `grain` of them to a thread.
    ///
    /// Where the pieces begin depends on the number of threads, so a body's result for a row must not depend on the
    /// other rows of its piece.
    pub(super) fn rows<C: Cut, P: Copy + Send + Sync, B: Body<C, P>>(
        &self,
        rows: usize,
        (elements, grain): (usize, usize),
        pieces: C,
        parameters: P,
        body: B,
    ) {
        let parts = (elements / grain).clamp(1, self.count);
        if parts == 1 {
            vectorised(0, pieces, parameters, body);
        } else {
            self.enter(|| divide(parts, (0, rows), pieces, parameters, body));
        }
    }
}

/// Is told when dropped, so that nobody waits for a thread that panicked.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Does what work the pool has, and stays awake, until `done`.
fn wait_for(done: &AtomicBool) {
    const PATIENCE: u32 = 1 << 10;
    let mut idle = 0_u32;
    while !done.load(Ordering::Acquire) {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            idle = 0;
        } else if idle < PATIENCE {
            idle += 1;
            std::hint::spin_loop();
        } else {
            // Others may need this core, not least the thread that is waited for.
            std::thread::yield_now();
        }
    }
}

/// Runs both, on two threads if another is free. `rayon::join` goes to sleep when it waits for more than a few
/// microseconds, and takes longer than that to wake.
fn both(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    let done = AtomicBool::new(false);
    rayon::join(
        || {
            a();
            wait_for(&done);
        },
        || {
            let _done = Done(&done);
            b();
        },
    );
}

fn parts((first, count): (usize, usize), body: impl Fn(usize) + Copy + Send + Sync) {
    if count == 1 {
        return body(first);
    }
    let left = count / 2;
    both(
        || parts((first, left), body),
        || parts((first + left, count - left), body),
    );
}

fn divide<C: Cut, P: Copy + Send + Sync, B: Body<C, P>>(
    parts: usize,
    (first, rows): (usize, usize),
    pieces: C,
    parameters: P,
    body: B,
) {
    if parts == 1 || rows < 2 {
        return vectorised(first, pieces, parameters, body);
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
    both(
        || divide(left, (first, at), a, parameters, body),
        || divide(parts - left, (first + at, rows - at), b, parameters, body),
    );
}

/// A loop over the rows of a piece.
///
/// A type, not a closure or a function passed as a value, since those may be left out of line (measured: the longer
/// functions of one number were), and then have the vectors of the oldest machine. What implements this marks the
/// method `#[inline(always)]`, and so does all that it calls.
pub(super) trait Body<C, P>: Copy + Send + Sync {
    /// Works on one piece, which begins at row `first` of the whole.
    fn run(self, first: usize, piece: C, parameters: P);
}

/// Turns functions of a first row, a piece and parameters into types that are a [`Body`].
macro_rules! bodies {
    ($($(#[$doc:meta])* fn $name:ident($first:ident, $piece:tt: $pieces:ty, $p:tt: $parameters:ty) $body:block)+) => {$(
        $(#[$doc])*
        #[expect(non_camel_case_types, reason = "a function that is a type")]
        #[derive(Clone, Copy)]
        struct $name;

        impl $crate::cpu::threads::Body<$pieces, $parameters> for $name {
            #[inline(always)]
            fn run(self, $first: usize, $piece: $pieces, $p: $parameters) $body
        }
    )+};
}

pub(super) use bodies;

struct Work<C, P, B> {
    first: usize,
    piece: C,
    parameters: P,
    body: B,
}

impl<C, P, B: Body<C, P>> pulp::NullaryFnOnce for Work<C, P, B> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.body.run(self.first, self.piece, self.parameters);
    }
}

/// Runs `body`, compiled for the widest vectors that this machine has.
fn vectorised<C, P, B: Body<C, P>>(first: usize, piece: C, parameters: P, body: B) {
    pulp::Arch::new().dispatch(Work {
        first,
        piece,
        parameters,
        body,
    });
}
