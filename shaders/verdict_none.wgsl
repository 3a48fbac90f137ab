// An update by a gradient that is as it is. Joined to the updates.
// Reference: `reference::sgd_update`. Reference: `reference::adam_update`. Host: `kernel/optimizer/mod.rs`.

const W: u32 = 1u; // the binding of w

fn is_skipped() -> bool {
    return false;
}

fn inverse_scale() -> f32 {
    return 1.0;
}

fn correct_step() -> f32 {
    return 1.0;
}

fn correct_square() -> f32 {
    return 1.0;
}
