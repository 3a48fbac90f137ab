//! NPZ and NPY files of all element types and both orders.

use std::time::{Duration, Instant};

use thalweg::data::{Numbers, Table, TableInputs, TableOptions, TableTarget};
use zip::CompressionMethod::{Deflated, Stored};

use super::{Folder, f4, inputs, load, load_with, npy_bytes, npz_bytes, refuses_file};

fn read_npy(bytes: &[u8]) -> Table {
    let folder = Folder::new(&[("t.npy", bytes)]);
    load_with(&folder.spec("t.npy"), &inputs()).unwrap()
}

fn read_npz(bytes: &[u8]) -> Table {
    let folder = Folder::new(&[("t.npz", bytes)]);
    load(&folder.spec("t.npz")).unwrap()
}

fn matrix(values: &[f32], shape: &[usize]) -> TableInputs {
    TableInputs::Matrix {
        values: values.to_vec().into(),
        shape: shape.to_vec(),
    }
}

#[track_caller]
fn refused_npy(bytes: &[u8], parts: &[&str]) {
    refuses_file("t.npy", bytes, &inputs(), parts);
}

#[track_caller]
fn refused_npz(bytes: &[u8], parts: &[&str]) {
    refuses_file("t.npz", bytes, &TableOptions::default(), parts);
}

#[test]
fn all_element_types_of_both_byte_orders_are_read() {
    macro_rules! check {
        ($code:literal, $type:ty, $values:expr) => {{
            let values: [$type; 6] = $values;
            let expected: Vec<f64> = values.iter().map(|&x| x as f64).collect();
            let little: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            let big: Vec<u8> = values.iter().flat_map(|x| x.to_be_bytes()).collect();
            for (mark, bytes) in [("<", &little), (">", &big)] {
                let table = read_npy(&npy_bytes(
                    &format!("'{mark}{}'", $code),
                    false,
                    "(3, 2)",
                    bytes,
                ));
                let TableInputs::Matrix { values, shape } = table.inputs() else {
                    panic!("no numbers")
                };
                let found: Vec<f64> = values.iter().collect();
                assert_eq!(
                    (found, &shape[..]),
                    (expected.clone(), &[2][..]),
                    "{mark}{}",
                    $code
                );
                let wide = expected
                    .iter()
                    .any(|x| f64::from(x.to_string().parse::<f32>().unwrap()) != *x);
                assert_eq!(wide, matches!(values, Numbers::F64(_)), "{mark}{}", $code);
            }
        }};
    }
    check!("f4", f32, [0.0, -1.5, 1e30, 1e-40, 3.25, -0.0]);
    check!("f8", f64, [0.0, -1.5, 1e30, 1e-40, 0.1, -0.0]);
    check!("i1", i8, [0, -1, 127, -128, 5, 6]);
    check!("i2", i16, [0, -1, i16::MAX, i16::MIN, 5, 6]);
    check!("i4", i32, [0, -1, i32::MAX, i32::MIN, 5, 6]);
    check!("i8", i64, [0, -1, i64::MAX, i64::MIN, 5, 6]);
    check!("u2", u16, [0, 1, u16::MAX, 300, 5, 6]);
    check!("u4", u32, [0, 1, u32::MAX, 300, 5, 6]);
    check!("u8", u64, [0, 1, u64::MAX, 300, 5, 6]);
    let table = read_npy(&npy_bytes("'|b1'", false, "(3, 2)", &[0, 1, 1, 0, 0, 1]));
    assert_eq!(
        table.inputs(),
        &matrix(&[0.0, 1.0, 1.0, 0.0, 0.0, 1.0], &[2])
    );
    let table = read_npy(&npy_bytes("'|u1'", false, "(3, 2)", &[0, 1, 2, 3, 4, 255]));
    let values = vec![0, 1, 2, 3, 4, 255];
    assert_eq!(
        table.inputs(),
        &TableInputs::Pixels {
            values,
            shape: vec![2]
        }
    );
}

/// Column-major arrays are turned, in two dimensions and in three, for one type that is kept and one that is converted.
#[test]
fn fortran_order_is_turned() {
    let table = read_npy(&npy_bytes(
        "'<f4'",
        true,
        "(2, 3)",
        &f4(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
    ));
    assert_eq!(
        table.inputs(),
        &matrix(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3])
    );
    // numpy.arange(24).reshape(2, 3, 4) stored column-major: element (i, j, k) = 12 i + 4 j + k.
    let mut stored = Vec::new();
    for k in 0..4 {
        for j in 0..3 {
            stored.extend((0..2).map(|i| 12 * i + 4 * j + k));
        }
    }
    let table = read_npy(&npy_bytes("'|u1'", true, "(2, 3, 4)", &stored));
    let values = (0..24).collect();
    assert_eq!(
        table.inputs(),
        &TableInputs::Pixels {
            values,
            shape: vec![3, 4]
        }
    );
    let packed = npz_bytes(
        Deflated,
        &[
            ("x.npy", &npy_bytes("'|u1'", true, "(2, 3, 4)", &stored)),
            ("y.npy", &npy_bytes("'|u1'", true, "(2,)", &[3, 4])),
        ],
    );
    let table = read_npz(&packed);
    assert_eq!(
        table.inputs(),
        &TableInputs::Pixels {
            values: (0..24).collect(),
            shape: vec![3, 4]
        }
    );
    assert_eq!(
        table.target(),
        &TableTarget::Matrix {
            values: Numbers::F32(vec![3.0, 4.0]),
            outputs: 1
        }
    );
}

#[test]
fn archives_have_inputs_and_targets() {
    let x = npy_bytes(
        "'<f4'",
        false,
        "(3, 1, 2)",
        &f4(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    );
    for method in [Stored, Deflated] {
        for (shape, values, outputs) in [
            ("(3,)", vec![7.0, 8.0, 9.0], 1),
            ("(3, 1)", vec![7.0, 8.0, 9.0], 1),
            ("(3, 2)", vec![7.0, 8.0, 9.0, 10.0, 11.0, 12.0], 2),
        ] {
            let y = npy_bytes("'<f4'", false, shape, &f4(&values));
            let table = read_npz(&npz_bytes(method, &[("y.npy", &y), ("x.npy", &x)]));
            assert_eq!(
                table.inputs(),
                &matrix(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1, 2])
            );
            let values = Numbers::F32(values);
            assert_eq!(table.target(), &TableTarget::Matrix { values, outputs });
        }
    }
    let alone = npz_bytes(Stored, &[("x.npy", &x)]);
    let folder = Folder::new(&[("t.npz", &alone)]);
    assert_eq!(
        load_with(&folder.spec("t.npz"), &inputs())
            .unwrap()
            .target(),
        &TableTarget::None
    );
    refused_npz(&alone, &["the arrays \"x\"", "an array y", "numpy.savez"]);
}

#[test]
fn a_large_array_comes_through() {
    let values: Vec<f32> = (0..300_000_u32).map(|i| i as f32).collect();
    let x = npy_bytes("'<f4'", false, "(100000, 3)", &f4(&values));
    let y = npy_bytes("'<f4'", false, "(100000,)", &f4(&values[..100_000]));
    let table = read_npz(&npz_bytes(Deflated, &[("x.npy", &x), ("y.npy", &y)]));
    assert_eq!(table.inputs(), &matrix(&values, &[3]));
}

/// The first number that f32 would round comes late, in both orders, alone and packed: all are read again.
#[test]
fn digits_are_kept_from_the_first_to_the_last() {
    let mut values: Vec<f64> = (0..60_000).map(f64::from).collect();
    values[59_999] = 1_700_000_000.5;
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    for (fortran, shape) in [(false, "(60000,)"), (true, "(60000, 1)")] {
        let array = npy_bytes("'<f8'", fortran, shape, &bytes);
        let expected = Numbers::F64(values.clone());
        let table = read_npy(&array);
        let TableInputs::Matrix { values: found, .. } = table.inputs() else {
            panic!("no numbers")
        };
        assert!(found == &expected, "{shape}");
        let table = read_npz(&npz_bytes(
            Deflated,
            &[("x.npy", &array), ("y.npy", &array)],
        ));
        let TableTarget::Matrix { values: found, .. } = table.target() else {
            panic!("no numbers")
        };
        assert!(found == &expected, "{shape}");
    }
}

#[test]
fn bad_arrays_are_refused() {
    let four = f4(&[1.0, 2.0, 3.0, 4.0]);
    refused_npy(
        &npy_bytes("'|O'", false, "(4,)", &four),
        &["Python objects", "astype"],
    );
    refused_npy(
        &npy_bytes("'<U5'", false, "(4,)", &[0; 80]),
        &["text", "unique"],
    );
    refused_npy(
        &npy_bytes("'<f2'", false, "(4,)", &[0; 8]),
        &["<f2", "astype"],
    );
    refused_npy(&npy_bytes("'<c8'", false, "(4,)", &[0; 32]), &["<c8"]);
    refused_npy(
        &npy_bytes("[('a', '<f4')]", false, "(4,)", &four),
        &["structured"],
    );
    refused_npy(
        &npy_bytes("'<f4'", false, "(5,)", &four),
        &["[5]", "16 bytes", "20 bytes"],
    );
    refused_npy(
        &npy_bytes("'<f4'", false, "(3,)", &four),
        &["[3]", "16 bytes"],
    );
    refused_npy(
        &npy_bytes("'<f4'", false, "()", &four[..4]),
        &["the shape []"],
    );
    refused_npy(
        &npy_bytes("'<f4'", false, "(0, 3)", &[]),
        &["[0, 3]", "at least 1"],
    );
    refused_npy(&npy_bytes("'<f4'", false, "(-1,)", &four), &["the header"]);
    refused_npy(&npy_bytes("'<f4'", false, "(2, 2", &four), &["the header"]);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        refused_npy(
            &npy_bytes("'<f4'", false, "(2, 2)", &f4(&[1.0, 2.0, 3.0, bad])),
            &["row 1", "[1, 1]", "finite"],
        );
    }
    refused_npy(
        &npy_bytes("'<f8'", false, "(1,)", &1e300_f64.to_le_bytes()),
        &["row 0", "range of f32"],
    );
    refused_npy(b"\x93NUMPY", &["first bytes"]);
    refused_npy(b"\x93NUMPY\x01\x00\xff\xff{", &["header of 65535 bytes"]);
    refused_npy(b"\x93NUMPY\x01\x00\x20\x00{'descr'", &["end after 8"]);
    refused_npy(b"\x93NUMPY\x09\x00\x20\x00{'descr'", &["version 9"]);
    let whole = npy_bytes("'<f4'", false, "(4,)", &four);
    refuses_file(
        "t.npy",
        &whole,
        &TableOptions::default(),
        &["single array", ".npz"],
    );
    refused_npz(&whole, &["single array"]);
}

#[test]
fn bad_archives_are_refused() {
    let x = npy_bytes("'<f4'", false, "(2,)", &f4(&[1.0, 2.0]));
    let y = npy_bytes("'<f4'", false, "(3,)", &f4(&[1.0, 2.0, 3.0]));
    refused_npz(
        &npz_bytes(Stored, &[("x.npy", &x), ("y.npy", &y)]),
        &["2 rows of inputs but 3 rows of targets"],
    );
    refused_npz(
        &npz_bytes(Stored, &[("arr_0.npy", &x)]),
        &["\"arr_0\"", "an array x"],
    );
    refused_npz(&npz_bytes(Stored, &[]), &["an array x"]);
    let cube = npy_bytes("'<f4'", false, "(2, 1, 1)", &f4(&[1.0, 2.0]));
    refused_npz(
        &npz_bytes(Stored, &[("x.npy", &x), ("y.npy", &cube)]),
        &["[2, 1, 1]", "[rows, outputs]"],
    );
    let object = npy_bytes("'|O'", false, "(2,)", &[0; 16]);
    refused_npz(
        &npz_bytes(Stored, &[("x.npy", &object), ("y.npy", &x)]),
        &[", x:", "Python objects"],
    );
    let whole = npz_bytes(Deflated, &[("x.npy", &x), ("y.npy", &x)]);
    refused_npz(&whole[..whole.len() / 2], &["archive"]);
    refused_npz(b"PK\x03\x04 and nothing else", &["archive"]);
    refused_npz(b"just text", &["archive"]);
    // The end record of a zip64 archive, and its locator, claim 70000 members.
    let mut many = b"PK\x06\x06".to_vec();
    many.resize(32, 0);
    many.extend(70_000_u64.to_le_bytes());
    many.resize(56, 0);
    many.extend(b"PK\x06\x07\0\0\0\0");
    many.extend([0; 12]);
    refused_npz(&many, &["65535 members"]);
    // A member's bytes no longer agree with its sum.
    let mut damaged = npz_bytes(Stored, &[("x.npy", &x), ("y.npy", &x)]);
    let at = damaged
        .windows(4)
        .position(|w| w == 2.0_f32.to_le_bytes())
        .unwrap();
    damaged[at] ^= 1;
    refused_npz(&damaged, &["t.npz, x", "cannot be read"]);
}

/// A header may claim anything; what it claims is not allocated.
#[test]
fn huge_claims_are_refused_at_once() {
    let start = Instant::now();
    for shape in [
        "(1000000000000,)",
        "(1000000, 1000000, 1000000, 1000000)",
        "(4294967296, 4294967296)",
        "(2147483648, 2)",
    ] {
        for fortran in [false, true] {
            let array = npy_bytes("'<f4'", fortran, shape, &[]);
            assert_eq!(array.len(), 128, "as small as NumPy writes it");
            refused_npy(&array, &["shape"]);
            refused_npz(
                &npz_bytes(Deflated, &[("x.npy", &array)]),
                &["t.npz, x", "shape"],
            );
        }
    }
    // An archive whose directory repeats the claim, in both places.
    let array = npy_bytes("'<f4'", true, "(1000000000,)", &[0; 4]);
    let mut archive = npz_bytes(Deflated, &[("x.npy", &array)]);
    let size = u32::try_from(array.len()).unwrap().to_le_bytes();
    let claim = (4_000_000_000_u32 + 128).to_le_bytes();
    for at in 0..archive.len() - 4 {
        if archive[at..at + 4] == size {
            archive[at..at + 4].copy_from_slice(&claim);
        }
    }
    refused_npz(&archive, &["claim to unpack to 4000000128"]);
    assert!(start.elapsed() < Duration::from_secs(2));
}
