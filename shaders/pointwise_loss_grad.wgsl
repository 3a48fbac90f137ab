// dx[i] = dloss[i] ∂f/∂x (x[i], t[i]), or ∂f/∂t if AT_TARGET: all are [count], f as in `pointwise_loss`.
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: for x > 0, sigmoid(x) - t is written as (1 - t) - sigmoid(-x): nothing cancels where a target of 0 or 1 is
// almost met.
// Reference: `reference::pointwise_loss_grad`. Host: `kernel/loss.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;
const SQUARED_ERROR: u32 = 0u;
const SIGMOID_CROSS_ENTROPY: u32 = 1u;
const KIND: u32 = SQUARED_ERROR;
const AT_TARGET: bool = false;

struct Params { count: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read> dloss: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn slope(x: f32, t: f32) -> f32 {
    switch KIND {
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
