// An update by a gradient that is as it is. Joined to the updates, and to what limits gradients.
// Reference: `reference::sgd_update`. Reference: `reference::adam_update`. Reference: `reference::rmsprop_update`.
// Reference: `reference::adagrad_update`. Reference: `reference::adadelta_update`.
// Reference: `reference::adamax_update`. Reference: `reference::nadam_update`. Reference: `reference::radam_update`.
// Reference: `reference::lion_update`. Reference: `reference::l1_gradient`. Reference: `reference::clip_norm`.
// Reference: `reference::clip_value`.
// Host: `kernel/optimizer/mod.rs`.

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
