//! The product over a table of shapes, against a naive one in double precision, with each kind of vectors.

#[cfg(target_os = "linux")]
mod walls;

use super::super::threads::Threads;
use super::{Finish, Matrix, Plain, Store, Vectors, product_with};

/// Numbers that look random, in -1..1.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 * 2_f32.powi(-23) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn threads() -> [Threads; 3] {
    [1, 2, 3].map(|count| Threads::new(Some(count)).unwrap())
}

/// Rows, columns, terms.
type Shape = (usize, usize, usize);

/// Around the tiles (8 x 48, 6 x 16) and their halves, the blocks of rows and of terms (512), and the shapes of training.
fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for m in [1, 5, 6, 7, 8, 9, 15, 31] {
        for n in [1, 7, 8, 15, 16, 17, 33, 47, 48, 49, 97] {
            for k in [1, 2, 17] {
                shapes.push((m, n, k));
            }
        }
    }
    shapes.extend([
        (8, 48, 0),
        (64, 500, 70),
        (70, 145, 1030),
        (3, 5, 5000),
        (1, 300, 200),
        (300, 1, 200),
        (29, 129, 511),
        (29, 129, 512),
        (29, 260, 513),
        (511, 33, 20),
        (513, 130, 20),
        (1100, 140, 33),
        (128, 256, 784),
        (128, 10, 128),
        (10, 128, 128),
        (128, 128, 10),
        (64, 256, 32),
        (40, 200, 512),
        (33, 203, 130),
        (33, 244, 132),
        (520, 250, 200),
        (40, 200, 1100),
    ]);
    shapes
}

const TRANSPOSED: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

/// What follows the product in memory.
const GUARD: f32 = 1234.5;
const GUARDS: usize = 64;

fn matrix(values: &[f32], rows: usize, columns: usize, transposed: bool) -> Matrix<'_> {
    Matrix {
        values,
        rows,
        columns,
        transposed,
    }
}

fn at(x: &Matrix<'_>, row: usize, column: usize) -> f32 {
    let (by_row, by_column) = x.strides();
    x.values[row * by_row + column * by_column]
}

/// The product, from memory full of NaN.
fn run(
    vectors: Vectors,
    threads: &Threads,
    a: Matrix<'_>,
    b: Matrix<'_>,
    finish: impl Finish,
) -> Vec<f32> {
    let y = vec![f32::NAN; a.rows * b.columns];
    run_on((y, Store::Set), (vectors, threads), (a, b), finish)
}

/// What becomes of `y`.
fn run_on(
    (mut y, store): (Vec<f32>, Store),
    (vectors, threads): (Vectors, &Threads),
    factors: (Matrix<'_>, Matrix<'_>),
    finish: impl Finish,
) -> Vec<f32> {
    let len = y.len();
    y.resize(len + GUARDS, GUARD);
    product_with(
        vectors,
        (threads, threads.count()),
        (&mut y[..len], store),
        factors,
        finish,
    );
    assert!(
        y[len..].iter().all(|&y| y == GUARD),
        "wrote behind its result"
    );
    y.truncate(len);
    y
}

fn bits(y: &[f32]) -> Vec<u32> {
    y.iter().map(|y| y.to_bits()).collect()
}

/// Holds a product against sums in double precision; `|error| <= (k + 2) epsilon sum of |terms|`.
fn check(y: &[f32], a: &Matrix<'_>, b: &Matrix<'_>, what: &str) {
    for row in 0..a.rows {
        for column in 0..b.columns {
            let (mut sum, mut size) = (0.0, 0.0);
            for i in 0..a.columns {
                let term = f64::from(at(a, row, i)) * f64::from(at(b, i, column));
                sum += term;
                size += term.abs();
            }
            let found = f64::from(y[row * b.columns + column]);
            let allowed = (a.columns + 2) as f64 * f64::from(f32::EPSILON) * size;
            assert!(
                (found - sum).abs() <= allowed,
                "{what}: [{row}, {column}] is {found}, not {sum}"
            );
        }
    }
}

#[test]
fn products_are_right_with_every_kind_of_vectors() {
    let threads = threads();
    for (m, n, k) in shapes() {
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        for (ta, tb) in TRANSPOSED {
            let (a, b) = (matrix(&a, m, k, ta), matrix(&b, k, n, tb));
            let mut own = None;
            for vectors in Vectors::available() {
                let what = format!("{vectors:?} {m}x{n}x{k}, transposed: {ta}, {tb}");
                let y = run(vectors, &threads[0], a, b, Plain);
                check(&y, &a, &b, &what);
                for threads in &threads[1..] {
                    let more = run(vectors, threads, a, b, Plain);
                    assert!(
                        bits(&more) == bits(&y),
                        "{what}: {} threads",
                        threads.count()
                    );
                }
                if vectors != Vectors::Other {
                    let own = own.get_or_insert_with(|| y.clone());
                    assert!(bits(own) == bits(&y), "{what}: differs from wider vectors");
                }
            }
        }
    }
}

/// `w - rate (a b + decay w)`, and the weight that decays does so once, however many parts the sums have.
#[test]
fn products_that_are_updates() {
    let threads = threads();
    let (rate, decay) = (0.25, 0.5);
    for (m, n, k) in [
        (1, 1, 1),
        (9, 49, 20),
        (70, 145, 1030),
        (64, 96, 512),
        (300, 40, 600),
    ] {
        let (a, b, w) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        for (ta, tb) in TRANSPOSED {
            let (a, b) = (matrix(&a, m, k, ta), matrix(&b, k, n, tb));
            for vectors in Vectors::available() {
                let update = |threads| {
                    let store = Store::Descend { rate, decay };
                    run_on((w.clone(), store), (vectors, threads), (a, b), Plain)
                };
                let y = update(&threads[0]);
                assert!(bits(&y) == bits(&update(&threads[1])), "{vectors:?}");
                // Undone again, it is the product.
                let undone = |(&y, &w): (&f32, &f32)| (w - y) / rate - decay * w;
                let product: Vec<f32> = y.iter().zip(&w).map(undone).collect();
                let what = format!("{vectors:?} {m}x{n}x{k}, transposed: {ta}, {tb}");
                for (at, found) in product.into_iter().enumerate() {
                    let term = |i| at_f64(&a, at / n, i) * at_f64(&b, i, at % n);
                    let sum: f64 = (0..k).map(term).sum();
                    let size: f64 = (0..k).map(|i| term(i).abs()).sum::<f64>() + 8.0;
                    let allowed = (k + 8) as f64 * f64::from(f32::EPSILON) * size;
                    let error = (f64::from(found) - sum).abs();
                    assert!(error <= allowed, "{what}: {at} is {found}, not {sum}");
                }
            }
        }
    }
}

fn at_f64(x: &Matrix<'_>, row: usize, column: usize) -> f64 {
    f64::from(at(x, row, column))
}

/// A number that is not finite reaches the sums that it is a term of, even times 0, and no other.
#[test]
fn what_is_not_finite_reaches_its_own_row_or_column_only() {
    let threads = threads();
    for (m, n, k) in [(15, 33, 20), (14, 10, 17), (31, 140, 600), (3, 200, 512)] {
        for (ta, tb) in TRANSPOSED {
            for wrong in [f32::NAN, f32::INFINITY] {
                let (mut a, mut b) = (numbers(m * k, 1), vec![0.0; k * n]);
                let (row, term) = (m - 1, k - 1);
                a[if ta { term * m + row } else { row * k + term }] = wrong;
                let y = |a: &[f32], b: &[f32], vectors| {
                    run(
                        vectors,
                        &threads[1],
                        matrix(a, m, k, ta),
                        matrix(b, k, n, tb),
                        Plain,
                    )
                };
                for vectors in Vectors::available() {
                    for (i, y) in y(&a, &b, vectors).into_iter().enumerate() {
                        assert_eq!(y.is_nan(), i / n == row, "{vectors:?} {m}x{n}x{k}: {i}");
                    }
                }
                a.fill(0.0);
                let column = n - 1;
                b[if tb {
                    column * k + term
                } else {
                    term * n + column
                }] = wrong;
                for vectors in Vectors::available() {
                    for (i, y) in y(&a, &b, vectors).into_iter().enumerate() {
                        assert_eq!(y.is_nan(), i % n == column, "{vectors:?} {m}x{n}x{k}: {i}");
                    }
                }
            }
        }
    }
}

/// Adds the place, so that it shows whether each element was finished once, and as what.
#[derive(Clone, Copy)]
struct Places {
    columns: usize,
}

impl Finish for Places {
    #[inline(always)]
    fn finish(self, row: usize, column: usize, y: &mut [f32]) {
        for (i, y) in y.iter_mut().enumerate() {
            *y += (row * self.columns + column + i) as f32;
        }
    }
}

#[test]
fn every_element_is_finished_once() {
    let threads = threads();
    for (m, n, k) in shapes() {
        // Small integers, whose sums are exact.
        let integers = |count, seed| -> Vec<f32> {
            numbers(count, seed)
                .iter()
                .map(|x| (x * 2.0).round())
                .collect()
        };
        let (a, b) = (integers(m * k, 1), integers(k * n, 2));
        let (a, b) = (matrix(&a, m, k, false), matrix(&b, k, n, true));
        for vectors in Vectors::available() {
            for threads in &threads {
                let plain = run(vectors, threads, a, b, Plain);
                let finished = run(vectors, threads, a, b, Places { columns: n });
                for (i, (plain, finished)) in plain.iter().zip(finished).enumerate() {
                    assert_eq!(plain + i as f32, finished, "{vectors:?} {m}x{n}x{k}: {i}");
                }
            }
        }
    }
}
