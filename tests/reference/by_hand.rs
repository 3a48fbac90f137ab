//! Kernels that are mostly indices, on inputs small enough to do by hand.

use thalweg::executor::{View, ViewMut};
use thalweg::kernel::*;
use thalweg::random::{Random, stream};
use thalweg::reference;
use thalweg::tensor::Element;

/// `[1 2; 3 4] [5 6; 7 8]`, with each operand stored either way.
#[test]
fn matmul() {
    let stored = |transpose: bool, [a, b, c, d]: [f64; 4]| {
        if transpose {
            [a, c, b, d]
        } else {
            [a, b, c, d]
        }
    };
    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
        let p = Matmul {
            groups: 1,
            m: 2,
            n: 2,
            k: 2,
            transpose_a,
            transpose_b,
            ..Matmul::default()
        };
        let a = stored(transpose_a, [1.0, 2.0, 3.0, 4.0]);
        let b = stored(transpose_b, [5.0, 6.0, 7.0, 8.0]);
        let mut y = [f64::NAN; 4];
        reference::matmul(&p, (&a, &b), None, &mut y, None);
        assert_eq!(y, [19.0, 22.0, 43.0, 50.0]);
    }
}

#[test]
fn matmul_with_what_is_fused() {
    let relu = Function {
        kind: ActivationKind::Relu,
        alpha: 0.0,
    };
    let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, -6.0, 7.0, -8.0]);
    let run = |transpose_a: bool, finish: Finish, fused: &[f64]| {
        let p = Matmul {
            groups: 1,
            m: 2,
            n: 2,
            k: 2,
            transpose_a,
            finish,
            row_sums: true,
            ..Matmul::default()
        };
        let (mut y, mut sums) = ([f64::NAN; 4], [f64::NAN; 2]);
        reference::matmul(&p, (&a, &b), Some(fused), &mut y, Some(&mut sums));
        (y, sums)
    };
    // The product is [[19, -22], [43, -50]].
    let bias = run(false, Finish::Bias(Function::IDENTITY), &[1.0, 2.0]);
    assert_eq!(bias, ([20.0, -20.0, 44.0, -48.0], [3.0, 7.0]));
    let forward = run(false, Finish::Bias(relu), &[-20.0, 30.0]);
    assert_eq!(forward.0, [0.0, 8.0, 23.0, 0.0]);
    let backward = run(false, Finish::Gradient(relu), &[0.0, 3.0, 0.5, -1.0]);
    assert_eq!(backward.0, [0.0, -22.0, 43.0, 0.0]);
    let (y, sums) = run(true, Finish::Bias(Function::IDENTITY), &[0.0, 0.0]);
    assert_eq!((y, sums), ([26.0, -30.0, 38.0, -44.0], [4.0, 6.0]), "aᵀ");
}

#[test]
fn a_row_of_no_class_and_ties() {
    let (rows, columns) = (2, 3);
    let x = [1.0, 4.0, 4.0, 1.0, 4.0, 4.0];
    let mut y = [f64::NAN; 2];
    let correct = Correct { rows, columns };
    reference::correct(&correct, &x, &[1, 2], &mut y);
    assert_eq!(y, [1.0, 0.0], "the first of two largest counts");
    reference::correct(&correct, &x, &[3, u32::MAX], &mut y);
    assert_eq!(y, [0.0, 0.0]);
    let loss = SoftmaxCrossEntropy { rows, columns };
    reference::softmax_cross_entropy(&loss, &x, &[3, u32::MAX], &mut y);
    assert_eq!(y, [0.0, 0.0]);
}

#[test]
fn bias_add() {
    let p = BiasAdd {
        groups: 2,
        rows: 2,
        columns: 3,
    };
    let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0];
    let b = [10.0, 20.0, 30.0, 100.0, 200.0, 300.0];
    let mut y = [f64::NAN; 12];
    reference::bias_add(&p, &x, &b, &mut y);
    let first = [10.0, 21.0, 32.0, 13.0, 24.0, 35.0];
    let second = [106.0, 207.0, 308.0, 109.0, 210.0, 311.0];
    assert_eq!(y[..6], first);
    assert_eq!(y[6..], second);
}

#[test]
fn sum_and_broadcast() {
    let (outer, axis, inner, factor) = (2, 3, 2, 0.5);
    let p = Sum {
        outer,
        axis,
        inner,
        factor,
    };
    let x = [
        1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0,
    ];
    let mut y = [f64::NAN; 4];
    reference::sum(&p, &x, &mut y);
    assert_eq!(y, [4.5, 6.0, 45.0, 60.0]);
    let p = Broadcast {
        outer,
        axis,
        inner,
        factor,
    };
    let mut dx = [f64::NAN; 12];
    reference::broadcast(&p, &[2.0, 4.0, 6.0, 8.0], &mut dx);
    assert_eq!(
        dx,
        [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0]
    );
}

/// Three rows from position 1 of the index; the last row is outside the table.
#[test]
fn gather() {
    let reals = Gather {
        element: Element::F32,
        first_row: 0,
        table_rows: 3,
        rows: 3,
        columns: 2,
        indices: 4,
        start: 1,
        batch: true,
        skip: 0,
        factor: 0.5,
    };
    let integers = Gather {
        element: Element::U32,
        ..reals
    };
    let bytes = Gather {
        element: Element::U8,
        ..reals
    };
    let index = [1, 2, 0, 3];
    let table = [1_u8, 2, 3, 4, 5, 255];
    let mut y = [f64::NAN; 6];
    let mut y_integers = [9; 6];
    let as_reals = table.map(f64::from);
    let view = View::Real(&as_reals);
    reference::gather(&reals, view, &index, &mut ViewMut::Real(&mut y));
    assert_eq!(y, [5.0, 255.0, 1.0, 2.0, 0.0, 0.0]);
    let as_integers = table.map(u32::from);
    let view: View<'_, f64> = View::U32(&as_integers);
    reference::gather(&integers, view, &index, &mut ViewMut::U32(&mut y_integers));
    assert_eq!(y_integers, [5, 255, 1, 2, 0, 0]);
    reference::gather(&bytes, View::U8(&table), &index, &mut ViewMut::Real(&mut y));
    assert_eq!(y, [2.5, 127.5, 0.5, 1.0, 0.0, 0.0]);
    // Rows 2 and 3 of a larger table, behind a piece that had the others.
    let rest = Gather {
        first_row: 2,
        table_rows: 2,
        ..bytes
    };
    let mut y = [9.0; 6];
    let view = View::U8(&table[..4]);
    reference::gather(&rest, view, &index, &mut ViewMut::Real(&mut y));
    assert_eq!(y, [0.5, 1.0, 9.0, 9.0, 1.5, 2.0]);
}

/// Row 1 was gathered twice, row 0 never, and one row number was outside the table.
#[test]
fn gather_grad() {
    let p = GatherGrad {
        first_row: 0,
        table_rows: 3,
        rows: 4,
        columns: 2,
    };
    let dy = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    let mut dtable = [f64::NAN; 6];
    reference::gather_grad(&p, &dy, &[1, 2, 1, 3], &mut dtable);
    assert_eq!(dtable, [0.0, 0.0, 6.0, 8.0, 3.0, 4.0]);
    let p = GatherGrad {
        first_row: 2,
        table_rows: 2,
        ..p
    };
    reference::gather_grad(&p, &dy, &[1, 2, 1, 3], &mut dtable[..4]);
    assert_eq!(dtable[..4], [3.0, 4.0, 7.0, 8.0], "of rows 2 and 3");
}

#[test]
fn slice_pad_and_concat() {
    let (outer, axis, inner, start, len) = (2, 3, 2, 1, 2);
    let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0];
    let part = [2.0, 3.0, 4.0, 5.0, 8.0, 9.0, 10.0, 11.0];
    let mut y = [f64::NAN; 8];
    let p = Slice {
        outer,
        axis,
        inner,
        start,
        len,
    };
    reference::slice(&p, &x, &mut y);
    assert_eq!(y, part);
    let mut dx = [f64::NAN; 12];
    let p = Pad {
        outer,
        axis,
        inner,
        start,
        len,
    };
    reference::pad(&p, &part, &mut dx);
    assert_eq!(
        dx,
        [0.0, 0.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0, 8.0, 9.0, 10.0, 11.0]
    );
    let p = Concat {
        outer,
        axis_a: 1,
        axis_b: 2,
        inner,
    };
    reference::concat(&p, &[0.0, 1.0, 6.0, 7.0], &part, &mut dx);
    assert_eq!(dx, x);
}

/// The same elements are kept of a gradient, and about a quarter is dropped.
#[test]
fn dropout() {
    let p = Dropout {
        count: 4000,
        offset: 0,
        threshold: 1 << 30,
        factor: 4.0 / 3.0,
        seed: 3,
        stream: stream::DROPOUT | 1,
        step: 2,
    };
    let mut y = [f64::NAN; 4000];
    reference::dropout(&p, &[3.0; 4000], &mut y);
    let random = Random::new(3, stream::DROPOUT | 1, 2);
    for (i, y) in (0..).zip(y) {
        let expected = if random.bits(i) < 1 << 30 { 0.0 } else { 4.0 };
        assert_eq!(y, expected, "element {i}");
    }
    let dropped = y.iter().filter(|y| **y == 0.0).count();
    assert!(dropped.abs_diff(1000) < 150, "{dropped} of 4000");
    let rest = Dropout {
        count: 3000,
        offset: 1000,
        ..p
    };
    let mut piece = [f64::NAN; 3000];
    reference::dropout(&rest, &[3.0; 3000], &mut piece);
    assert_eq!(piece, y[1000..], "a piece has the bits of the whole");
}

#[test]
fn record_and_nonfinite() {
    let mut log = [0.0; 6];
    let (slots, columns) = (3, 2);
    for slot in [1, 3] {
        let p = Record {
            slots,
            columns,
            slot,
            first_slot: 0,
        };
        reference::record(&p, &[5.0, 6.0], &mut log);
        assert_eq!(log, [0.0, 0.0, 5.0, 6.0, 0.0, 0.0], "slot {slot}");
    }
    let mut first = [0];
    let x = [1.0, 2.0, f32::NEG_INFINITY, f32::NAN];
    for (count, expected) in [(2, u32::MAX), (4, 2)] {
        reference::nonfinite(&Nonfinite { count, offset: 0 }, &x, &mut first);
        assert_eq!(first, [expected], "of the first {count}");
    }
    // Behind a piece: what was found there stays, and numbers go on.
    for (before, expected) in [(u32::MAX, 66), (7, 7)] {
        first = [before];
        let p = Nonfinite {
            count: 4,
            offset: 64,
        };
        reference::nonfinite(&p, &x, &mut first);
        assert_eq!(first, [expected], "behind {before}");
    }
}
