// RMSprop by the variance: what rounding makes of it is at least 0. Joined to `rmsprop_update`.
// Reference: `reference::rmsprop_update`. Host: `kernel/optimizer/adaptive.rs`.

const V: u32 = W + 3u; // the binding of the velocity
@group(0) @binding(W + 2u) var<storage, read_write> average: array<Value>;

fn centre(i: u32, g: Value, s: Value) -> Value {
    let a = fma(Value(p.one_minus_alpha), g - average[i], average[i]);
    average[i] = a;
    return max(fma(-a, a, s), Value());
}
