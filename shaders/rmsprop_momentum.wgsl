// RMSprop with momentum. Joined to `rmsprop_update`.
// Reference: `reference::rmsprop_update`. Host: `kernel/optimizer/adaptive.rs`.

@group(0) @binding(V) var<storage, read_write> velocity: array<Value>;

fn quicken(i: u32, step: Value) -> Value {
    let v = fma(Value(p.momentum), velocity[i], step);
    velocity[i] = v;
    return v;
}
