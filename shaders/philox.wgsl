// Philox4x32-10, the counter-based random number generator of Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3" (SC 2011): ten rounds that multiply, exchange and key a counter of four words.
//
// Integers only, so that every device draws the same bits. WGSL has no 64-bit product: the high word is put together
// from products of 16-bit halves, none of which overflows.
// Reference: `random`. Host: `kernel/source.rs`.

const PHILOX_M0: u32 = 0xd2511f53u;
const PHILOX_M1: u32 = 0xcd9e8d57u;
const PHILOX_W0: u32 = 0x9e3779b9u;
const PHILOX_W1: u32 = 0xbb67ae85u;

// The high word of a b.
fn multiply_high(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let middle = a_high * b_low + ((a_low * b_low) >> 16u);
    let carry = (middle & 0xffffu) + a_low * b_high;
    return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        c = vec4<u32>(
            multiply_high(PHILOX_M1, c.z) ^ c.y ^ k.x,
            PHILOX_M1 * c.z,
            multiply_high(PHILOX_M0, c.x) ^ c.w ^ k.y,
            PHILOX_M0 * c.x,
        );
        k += vec2<u32>(PHILOX_W0, PHILOX_W1);
    }
    return c;
}

// The random bits of element i: word i & 3 of block i >> 2. `seed` is the low word and the high word.
fn random_bits(i: u32, stream: u32, step: u32, seed: vec2<u32>) -> u32 {
    let block = philox(vec4<u32>(i >> 2u, 0u, step, stream), seed);
    return block[i & 3u];
}
