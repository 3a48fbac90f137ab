//! Products of matrices that end, or begin, where memory does: whoever reads beyond them is killed, even if nothing comes
//! of what was read.

use std::ffi::c_void;
use std::ptr;

use super::{Plain, Store, TRANSPOSED, Vectors, bits, matrix, numbers, product_with, run, threads};

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        len: usize,
        access: i32,
        flags: i32,
        file: i32,
        from: i64,
    ) -> *mut c_void;
    fn mprotect(at: *mut c_void, len: usize, access: i32) -> i32;
    fn munmap(at: *mut c_void, len: usize) -> i32;
}

/// As in `sys/mman.h`.
const READ_AND_WRITE: i32 = 3;
const PRIVATE_AND_ANONYMOUS: i32 = 0x22;

/// At least a page of any machine.
const PAGE: usize = 1 << 16;

/// Numbers between two pages that cannot be touched, next to one of them.
struct Walled {
    start: *mut c_void,
    bytes: usize,
    numbers: *mut f32,
    len: usize,
}

impl Walled {
    fn new(values: &[f32], at_end: bool) -> Self {
        let (len, taken) = (values.len(), size_of_val(values));
        let room = taken.next_multiple_of(PAGE);
        let bytes = room + 2 * PAGE;
        // SAFETY: new memory, of which only what lies between its first page and its last is used.
        unsafe {
            let start = mmap(ptr::null_mut(), bytes, 0, PRIVATE_AND_ANONYMOUS, -1, 0);
            assert_ne!(start as isize, -1, "no memory");
            let inside = start.byte_add(PAGE);
            assert_eq!(mprotect(inside, room, READ_AND_WRITE), 0, "no access");
            let skipped = if at_end { room - taken } else { 0 };
            let numbers = inside.byte_add(skipped).cast::<f32>();
            numbers.copy_from_nonoverlapping(values.as_ptr(), len);
            Self {
                start,
                bytes,
                numbers,
                len,
            }
        }
    }

    fn get(&mut self) -> &mut [f32] {
        // SAFETY: `new` has written them all, and nobody else knows them.
        unsafe { std::slice::from_raw_parts_mut(self.numbers, self.len) }
    }
}

impl Drop for Walled {
    fn drop(&mut self) {
        // SAFETY: `new` got it, and it ends with this.
        unsafe { munmap(self.start, self.bytes) };
    }
}

#[test]
fn nothing_is_read_or_written_beyond_the_matrices() {
    let threads = threads();
    for (m, n, k) in [
        (1, 1, 1),
        (1, 50, 9),
        (7, 15, 33),
        (9, 49, 17),
        (17, 97, 65),
        (29, 129, 513),
        (33, 203, 130),
        (33, 244, 132),
        (40, 250, 1100),
        (520, 250, 100),
    ] {
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        for (ta, tb) in TRANSPOSED {
            for vectors in Vectors::available().filter(|&vectors| vectors != Vectors::Other) {
                let factors = (matrix(&a, m, k, ta), matrix(&b, k, n, tb));
                let expected = run(vectors, &threads[0], factors.0, factors.1, Plain);
                for at_end in [false, true] {
                    let [mut a, mut b] = [&a, &b].map(|x| Walled::new(x, at_end));
                    let mut y = Walled::new(&vec![f32::NAN; m * n], at_end);
                    product_with(
                        vectors,
                        (&threads[1], 2),
                        (y.get(), Store::Set),
                        (matrix(a.get(), m, k, ta), matrix(b.get(), k, n, tb)),
                        Plain,
                    );
                    let what = format!("{vectors:?} {m}x{n}x{k}, transposed: {ta}, {tb}");
                    assert!(bits(y.get()) == bits(&expected), "{what}");
                }
            }
        }
    }
}
