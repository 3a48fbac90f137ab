// loss[i] = f(x[i], t[i]): all are [count]. f is (x - t)², or max(x, 0) - x t + log(1 + e^-|x|), or of
// d = |x - t| d itself, or d² / 2 below the knee and knee (d - knee / 2) from there on, or that divided by the knee, or
// t (log t - x), as KIND says.
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: the logarithm is right also where it is almost 0, and for a target of 0 or 1 the rest is then exactly 0.
// Reference: `reference::pointwise_loss`. Host: `kernel/loss.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;
const SQUARED_ERROR: u32 = 0u;
const SIGMOID_CROSS_ENTROPY: u32 = 1u;
const ABSOLUTE_ERROR: u32 = 2u;
const HUBER: u32 = 3u;
const SMOOTH_L1: u32 = 4u;
const DIVERGENCE: u32 = 5u;
const KIND: u32 = SQUARED_ERROR;

struct Params { count: u32, knee: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

fn f(x: f32, t: f32) -> f32 {
    switch KIND {
        case SIGMOID_CROSS_ENTROPY: {
            return select(-x * t, x * (1.0 - t), x > 0.0) + own_log1p(own_exp(-abs(x)));
        }
        case ABSOLUTE_ERROR: { return abs(x - t); }
        case HUBER: {
            let d = abs(x - t);
            return select(p.knee * (d - 0.5 * p.knee), 0.5 * d * d, d < p.knee);
        }
        case SMOOTH_L1: {
            let d = abs(x - t);
            return select(d - 0.5 * p.knee, 0.5 * d * (d / p.knee), d < p.knee);
        }
        case DIVERGENCE: {
            return select(t * (own_log(t) - x), 0.0 * x, t == 0.0);
        }
        default: { return (x - t) * (x - t); }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        loss[i] = f(x[i], t[i]);
    }
}
