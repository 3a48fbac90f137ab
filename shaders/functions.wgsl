// Functions of one variable: exp, expm1, log, log1p, sigmoid, tanh, softplus, and the normal distribution.
//
// The engine's own, because a driver's exp may be off by 3 + 2 |x| ulp, its log by 2^-21 near 1, and its tanh may
// overflow. These are right to a few ulp over all of f32: nothing overflows, nothing cancels near 0 or far out, results
// below 2^-126 may become 0, and NaN gives NaN.
//
// Traps. A driver may assume that NaN does not occur, and `min`, `max` and `select` lose it: so it is found on the
// bits, or gets through by arithmetic. A driver may also rearrange sums: (1 + t) - 1 becomes t, and k a + k b becomes
// k (a + b). So no formula lives on rounding errors; `reduce`, which would, takes its second part in whole numbers.
// The polynomials are minimax fits (Remez) to the functions named beside them.
// Host: `kernel/source.rs`.

const LOG2_E: f32 = 1.44269504;
const LN2: f32 = 0.693147181;
// ln 2 in two parts: the first has 10 bits, so that n times it is exact; the second is a whole number of 2^-35.
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: i32 = -7290945;
const INV_SQRT_TWO_PI: f32 = 0.398942280;

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// 2^n for -126 <= n <= 127.
fn power_of_two(n: i32) -> f32 {
    return bitcast<f32>(u32(n + 127) << 23u);
}

// e^x = 2^n (1 + s), |s| < 0.42, s right to its last bits also near 0.
struct Reduced { n: i32, s: f32 }

// Of x + low, where |low| is much smaller than |x|, for -128 < x < 89. Rearranged it would lose |x| ulp, in Mesa for
// one.
fn reduce(x: f32, low: f32) -> Reduced {
    let k = round((x + low) * LOG2_E);
    let n = i32(k);
    let r = fma(k, -LN2_HIGH, x) - f32(n * LN2_LOW) * 0x1p-35 + low;
    // (e^r - 1 - r) / r², |r| <= 0.3475
    var q = fma(r, 0.000199145463, 0.00139412773);
    q = fma(r, q, 0.0083332723);
    q = fma(r, q, 0.0416663513);
    q = fma(r, q, 0.166666672);
    q = fma(r, q, 0.5);
    return Reduced(n, fma(r * r, q, r));
}

// e^(x + low), where |low| is much smaller than |x|. The power is two factors, as one cannot go below 2^-126.
fn exp_of_sum(x: f32, low: f32) -> f32 {
    let e = reduce(clamp(x, -110.0, 89.0), low);
    let half = e.n >> 1u;
    let y = (1.0 + e.s) * power_of_two(half) * power_of_two(e.n - half);
    return select(y, x, is_nan(x));
}

// e^x
fn own_exp(x: f32) -> f32 {
    return exp_of_sum(x, 0.0);
}

// e^x - 1 for x <= 0.
fn own_expm1(x: f32) -> f32 {
    let e = reduce(max(x, -80.0), 0.0);
    let scale = power_of_two(e.n);
    return select(fma(scale, e.s, scale - 1.0), x, is_nan(x));
}

// log(1 + t) for t >= 0: with 1 + t = 2^k (1 + f), 0 <= f < 1, it is k ln 2 + 2 atanh(f / (2 + f)).
fn own_log1p(t: f32) -> f32 {
    let bits = bitcast<u32>(1.0 + t);
    let small = t < 1.0;
    let k = select(f32(bits >> 23u) - 127.0, 0.0, small);
    let f = select(bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u) - 1.0, t, small);
    let z = f / (2.0 + f);
    let w = z * z;
    // (atanh(z) / z - 1) / z², z <= 1/3
    var q = fma(w, 0.140891671, 0.139803022);
    q = fma(w, q, 0.200124547);
    q = fma(w, q, 0.333331585);
    let y = fma(k, LN2, 2.0 * fma(z * w, q, z));
    return select(y, t, bitcast<u32>(t) >= 0x7f800000u);
}

// log(t) for t > 0: with t = 2^k (1 + f), 0 <= f < 1, it is k ln 2 + log(1 + f). Near 1 it is right to 2^-23, not to its
// last bits.
fn own_log(t: f32) -> f32 {
    let bits = bitcast<u32>(t);
    let k = f32(bits >> 23u) - 127.0;
    let f = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u) - 1.0;
    let y = fma(k, LN2, own_log1p(f));
    return select(y, t, bits >= 0x7f800000u);
}

// 1 / (1 + e^-x)
fn own_sigmoid(x: f32) -> f32 {
    let e = own_exp(-abs(x));
    return select(e, 1.0, x > 0.0) / (1.0 + e);
}

// (e^x - e^-x) / (e^x + e^-x)
fn own_tanh(x: f32) -> f32 {
    let e = own_expm1(-2.0 * abs(x));
    return select(e, -e, x > 0.0) / (2.0 + e);
}

// log(1 + e^x)
fn own_softplus(x: f32) -> f32 {
    return max(x, 0.0) + own_log1p(own_exp(-abs(x)));
}

// e^(-x²/2). The square is taken in two parts, of which the first, of 12 bits, is exact.
fn bell(x: f32) -> f32 {
    let a = min(abs(x), 16.0);
    let high = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
    let y = exp_of_sum(-0.5 * high * high, -0.5 * (a - high) * (a + high));
    return select(y, x, is_nan(x));
}

// The normal distribution function Φ(x), right also in its lower tail, which is bell(x) times Mills' ratio.
fn normal_cdf(x: f32) -> f32 {
    let u = 1.0 / fma(0.3, min(abs(x), 16.0), 1.0);
    // Φ(-a) e^(a²/2) / u, 0 <= a <= 15
    var q = fma(u, -0.020628646, 0.112464719);
    q = fma(u, q, -0.228284627);
    q = fma(u, q, 0.191883087);
    q = fma(u, q, -0.079509005);
    q = fma(u, q, 0.0962048471);
    q = fma(u, q, 0.0783722475);
    q = fma(u, q, 0.110239342);
    q = fma(u, q, 0.119571321);
    q = fma(u, q, 0.119686715);
    let tail = bell(x) * u * q;
    return select(tail, 1.0 - tail, x > 0.0);
}
