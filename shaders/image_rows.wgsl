// image = x, row by row: x is [rows, columns], and in the image a row begins with a whole texel of four elements and ends
// with zeros. A line of the image holds `per_line` rows.
//
// No kernel: it brings a matrix whose rows do not divide by 4 into the image that a kernel reads; others are copied.
// An invocation writes every texel whose number is its own modulo the size of the grid.
// Host: `gpu/image.rs`.

const WORKGROUP: u32 = 256u;

struct Params { rows: u32, columns: u32, per_line: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var image: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let texels = (p.columns + 3u) / 4u;
    for (var e = id.x; e < p.rows * texels; e += workgroups.x * WORKGROUP) {
        let row = e / texels;
        let column = e - row * texels;
        let left = p.columns - 4u * column;
        let at = row * p.columns + 4u * column;
        var value = vec4<f32>(x[at], 0.0, 0.0, 0.0);
        if left > 1u { value.y = x[at + 1u]; }
        if left > 2u { value.z = x[at + 2u]; }
        if left > 3u { value.w = x[at + 3u]; }
        let line = row / p.per_line;
        textureStore(image, vec2((row - line * p.per_line) * texels + column, line), value);
    }
}
