// RMSprop without momentum. Joined to `rmsprop_update`.
// Reference: `reference::rmsprop_update`. Host: `kernel/optimizer/adaptive.rs`.

fn quicken(i: u32, step: Value) -> Value {
    return step;
}
