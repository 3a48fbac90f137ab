// A product with the sums of the rows of op(a) beside it: of dw = dyᵀ x, the gradient of the bias. Joined to the
// `matmul_*` files, after one that says which binding y has.
//
//   sums: [groups, m]
//
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const ROW_SUMS: bool = true;
@group(0) @binding(Y + 1u) var<storage, read_write> sums: array<f32>;

fn store_row_sum(at: u32, sum: f32) {
    sums[at] = sum;
}
