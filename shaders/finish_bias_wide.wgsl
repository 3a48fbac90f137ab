// As `finish_bias`, four neighbours in a row at a time, for n that divides by 4.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.
// uses: activations

const Y: u32 = 3u; // the binding of y
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;

fn column_term(at: u32) -> vec4<f32> {
    return bias[at];
}

fn finish(s: vec4<f32>, term: vec4<f32>, at: u32) -> vec4<f32> {
    let x = s + term;
    return vec4<f32>(
        activate(x.x, p.alpha),
        activate(x.y, p.alpha),
        activate(x.z, p.alpha),
        activate(x.w, p.alpha),
    );
}
