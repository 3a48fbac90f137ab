// A product of operands in single precision. Joined to the `matmul_*` files.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

alias Operand = f32;
alias Operands = vec4<f32>; // four neighbours in a row

// How many rows or columns of an operand there are in memory.
fn padded(extent: u32) -> u32 {
    return extent;
}
