// The loss scale and the count of updates, in place, and what the update is to do:
//   good = first[0] is 2^32 - 1 and the loss is finite
//   verdict = 1 if good else 0,  1 / scale,  1 / (1 - beta1^t),  sqrt(1 - beta2^t)
//   counts = good steps in a row, updates t, steps skipped:  scale *= growth after `interval` good ones, *= backoff
//   after one that is skipped.
//   first: [1], loss: [1], scale: [1], counts: [3], verdict: [4]
//
// One invocation does it all.
// Traps: the loss is judged on its bits. The scale is a power of two, so its inverse is exact on the bits, and a
// division need not be. beta^t would cancel in 1 - beta^t, so it is e^(t ln beta) - 1, as one function.
// Reference: `reference::scaler`. Host: `kernel/mixed.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;
const LARGEST: f32 = 0x1p126;

struct Params { growth: f32, backoff: f32, interval: u32, log_beta1: f32, log_beta2: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> first: array<u32>;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<f32>;
@group(0) @binding(4) var<storage, read_write> verdict: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
    if lane > 0u { return; }
    let used = scale[0];
    let finite = (bitcast<u32>(loss[0]) & 0x7fffffffu) < 0x7f800000u;
    let good = first[0] == 0xffffffffu && finite;
    var t = counts[1];
    if good {
        t += 1.0;
        let row = counts[0] + 1.0;
        let grows = u32(row) >= p.interval;
        counts[0] = select(row, 0.0, grows);
        counts[1] = t;
        if grows { scale[0] = min(used * p.growth, LARGEST); }
    } else {
        counts[0] = 0.0;
        counts[2] += 1.0;
        scale[0] = used * p.backoff;
    }
    verdict[0] = select(0.0, 1.0, good);
    verdict[1] = bitcast<f32>((254u << 23u) - bitcast<u32>(used));
    // Before the first update there is nothing to correct.
    let updates = max(t, 1.0);
    verdict[2] = 1.0 / -own_expm1(updates * p.log_beta1);
    verdict[3] = sqrt(-own_expm1(updates * p.log_beta2));
}
