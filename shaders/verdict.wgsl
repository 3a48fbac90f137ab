// An update under mixed precision: the gradient is scaled, and the scaler's verdict says by how much, whether the
// step is skipped, and how the optimiser's own count of its updates corrects it. Joined to the updates, and to what limits gradients.
//
//   verdict: [4], see `scaler`
//
// Reference: `reference::sgd_update`. Reference: `reference::adam_update`. Reference: `reference::rmsprop_update`.
// Reference: `reference::adagrad_update`. Reference: `reference::adadelta_update`.
// Reference: `reference::adamax_update`. Reference: `reference::nadam_update`. Reference: `reference::radam_update`.
// Reference: `reference::lion_update`. Reference: `reference::l1_gradient`. Reference: `reference::clip_norm`.
// Reference: `reference::clip_value`.
// Host: `kernel/optimizer/mod.rs`.

const W: u32 = 2u; // the binding of w
@group(0) @binding(1) var<storage, read> verdict: array<f32>;

fn is_skipped() -> bool {
    return verdict[0] == 0.0;
}

fn inverse_scale() -> f32 {
    return verdict[1];
}

fn correct_step() -> f32 {
    return verdict[2];
}

fn correct_square() -> f32 {
    return verdict[3];
}
