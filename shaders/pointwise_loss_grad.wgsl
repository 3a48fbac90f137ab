// dx[i] = dloss[i] ∂f/∂x (x[i], t[i]), or ∂f/∂t if AT_TARGET: all are [count], f as in `pointwise_loss`.
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: for x > 0, sigmoid(x) - t is written as (1 - t) - sigmoid(-x): nothing cancels where a target of 0 or 1 is
// almost met. Where both are equal, an absolute error has slope 0: that of d = 0 itself, and NaN stays as well.
// Reference: `reference::pointwise_loss_grad`. Host: `kernel/loss.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;
const SQUARED_ERROR: u32 = 0u;
const SIGMOID_CROSS_ENTROPY: u32 = 1u;
const ABSOLUTE_ERROR: u32 = 2u;
const HUBER: u32 = 3u;
const SMOOTH_L1: u32 = 4u;
const DIVERGENCE: u32 = 5u;
const KIND: u32 = SQUARED_ERROR;
const AT_TARGET: bool = false;

struct Params { count: u32, knee: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read> dloss: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

// v between -end and end; NaN stays.
fn held(v: f32, end: f32) -> f32 {
    return select(select(v, end, v > end), -end, v < -end);
}

fn slope(x: f32, t: f32) -> f32 {
    let d = select(x - t, t - x, AT_TARGET);
    switch KIND {
        case ABSOLUTE_ERROR: { return select(select(d, 1.0, d > 0.0), -1.0, d < 0.0); }
        case HUBER: { return held(d, p.knee); }
        case SMOOTH_L1: { return held(d / p.knee, 1.0); }
        case DIVERGENCE: {
            if AT_TARGET { return select(own_log(t) + 1.0 - x, 0.0, t == 0.0); }
            return -t;
        }
        case SIGMOID_CROSS_ENTROPY: {
            if AT_TARGET { return -x; }
            let s = own_sigmoid(-abs(x));
            return select(s - t, (1.0 - t) - s, x > 0.0);
        }
        default: { return select(2.0, -2.0, AT_TARGET) * (x - t); }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        dx[i] = dloss[i] * slope(x[i], t[i]);
    }
}
