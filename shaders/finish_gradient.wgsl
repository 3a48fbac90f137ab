// The end of a product that is a layer's backward pass: y = f'(saved) s. Joined to the `matmul_*` files.
//
//   saved: [groups, m, n], the function's output or input, as in `activation_grad`
//
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.
// uses: activations

const Y: u32 = 3u; // the binding of y
@group(0) @binding(2) var<storage, read> saved: array<f32>;

fn column_term(at: u32) -> f32 {
    return 0.0;
}

fn finish(s: f32, term: f32, at: u32) -> f32 {
    return activate_grad(saved[at], s, p.alpha);
}
