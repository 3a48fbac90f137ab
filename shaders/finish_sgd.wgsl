// The end of a product that is a gradient, and becomes the update of its parameter y in place:
// y -= learning_rate (s + weight_decay y). Joined to the `matmul_*` files.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

alias Value = f32; // or a vec4 of four neighbours in a row
const Y: u32 = 2u; // the binding of y

fn column_term(at: u32) -> Value {
    return Value();
}

fn finish(s: Value, term: Value, at: u32) -> Value {
    let w = y[at];
    return fma(Value(-p.learning_rate), fma(Value(p.weight_decay), w, s), w);
}
