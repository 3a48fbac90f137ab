// RMSprop by the mean square alone. Joined to `rmsprop_update`.
// Reference: `reference::rmsprop_update`. Host: `kernel/optimizer/adaptive.rs`.

const V: u32 = W + 2u; // the binding of the velocity

fn centre(i: u32, g: Value, s: Value) -> Value {
    return s;
}
