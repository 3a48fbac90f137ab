//! The random numbers of [`crate::random`], as many at once as fill vectors.

/// Counters in a block.
const LANES: usize = 16;
/// Elements that a block of random numbers serves: a counter gives four words.
pub(super) const BLOCK: usize = 4 * LANES;

/// The random bits of elements `BLOCK * index ..`, by seed, stream and step.
#[expect(clippy::cast_possible_truncation, reason = "numbers taken in halves")]
#[inline(always)]
pub(super) fn block((seed, stream, step): (u64, u32, u32), index: usize) -> [u32; BLOCK] {
    const MULTIPLIERS: [u64; 2] = [0xd251_1f53, 0xcd9e_8d57];
    const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
    let start = (index * LANES) as u64;
    let mut c0 = [0_u32; LANES];
    let mut c1 = [(start >> 32) as u32; LANES];
    let mut c2 = [step; LANES];
    let mut c3 = [stream; LANES];
    for (lane, c0) in c0.iter_mut().enumerate() {
        // A block begins at a multiple of LANES, so there is no carry.
        *c0 = start as u32 | lane as u32;
    }
    let (mut k0, mut k1) = (seed as u32, (seed >> 32) as u32);
    for _ in 0..10 {
        for l in 0..LANES {
            let p0 = MULTIPLIERS[0] * u64::from(c0[l]);
            let p1 = MULTIPLIERS[1] * u64::from(c2[l]);
            c0[l] = (p1 >> 32) as u32 ^ c1[l] ^ k0;
            c2[l] = (p0 >> 32) as u32 ^ c3[l] ^ k1;
            c1[l] = p1 as u32;
            c3[l] = p0 as u32;
        }
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    let mut bits = [0; BLOCK];
    for (l, bits) in bits.chunks_exact_mut(4).enumerate() {
        bits.copy_from_slice(&[c0[l], c1[l], c2[l], c3[l]]);
    }
    bits
}
