// As `finish_gradient`, four neighbours in a row at a time, for n that divides by 4.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.
// uses: activations

const Y: u32 = 3u; // the binding of y
@group(0) @binding(2) var<storage, read> saved: array<vec4<f32>>;

fn column_term(at: u32) -> vec4<f32> {
    return vec4<f32>();
}

fn finish(s: vec4<f32>, term: vec4<f32>, at: u32) -> vec4<f32> {
    let v = saved[at];
    return vec4<f32>(
        activate_grad(v.x, s.x, p.alpha),
        activate_grad(v.y, s.y, p.alpha),
        activate_grad(v.z, s.z, p.alpha),
        activate_grad(v.w, s.w, p.alpha),
    );
}
