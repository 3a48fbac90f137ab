// A product without the sums of the rows of op(a). Joined to the `matmul_*` files.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const ROW_SUMS: bool = false;

fn store_row_sum(at: u32, sum: f32) {
}
