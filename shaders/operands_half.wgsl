// A product of operands in half precision, whose rows and columns are padded with zeros. All else is in single
// precision.
// Joined to the `matmul_*` files.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

enable f16;

alias Operand = f16;
alias Operands = vec4<f16>; // four neighbours in a row

// How many rows or columns of an operand there are in memory.
fn padded(extent: u32) -> u32 {
    return (extent + 15u) & ~15u;
}
