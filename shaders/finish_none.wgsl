// The end of a product into which nothing is fused: y = s. Joined to the `matmul_*` files.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

alias Value = f32; // or a vec4 of four neighbours in a row
const Y: u32 = 2u; // the binding of y

fn column_term(at: u32) -> Value {
    return Value();
}

fn finish(s: Value, term: Value, at: u32) -> Value {
    return s;
}
