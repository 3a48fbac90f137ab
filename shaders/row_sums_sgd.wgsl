// A product that updates a weight, with the update of the bias beside it: the sums of the rows of op(a) are the
// bias's gradient. Joined to the `matmul_*` files, after `finish_sgd`.
//
//   sums: [groups, m], the bias, in place
//
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const ROW_SUMS: bool = true;
@group(0) @binding(Y + 1u) var<storage, read_write> sums: array<f32>;

fn store_row_sum(at: u32, sum: f32) {
    let w = sums[at];
    sums[at] = fma(-p.learning_rate, fma(p.weight_decay, w, sum), w);
}
