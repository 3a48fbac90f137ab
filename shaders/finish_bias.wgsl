// The end of a product that is a layer's forward pass: y = f(s + bias). Joined to the `matmul_*` files.
//
//   bias: [groups, n], a row of it to each row of y
//
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.
// uses: activations

const Y: u32 = 3u; // the binding of y
@group(0) @binding(2) var<storage, read> bias: array<f32>;

// What all rows of column `at` of [groups, n] have in common.
fn column_term(at: u32) -> f32 {
    return bias[at];
}

fn finish(s: f32, term: f32, at: u32) -> f32 {
    return activate(s + term, p.alpha);
}
