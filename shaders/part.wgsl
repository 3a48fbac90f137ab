// Of four neighbours in a row, one: for the `matmul_*` files that store y element by element.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

fn part(four: vec4<f32>, c: u32) -> f32 {
    return four[c];
}
