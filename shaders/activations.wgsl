// f(x) and f'(x) dy for the activations, PyTorch's formulas: shared by `activation`, `activation_grad`, and whatever
// fuses them. KIND chooses f; alpha is the slope of leaky ReLU or the scale of ELU.
//
// Traps: NaN must come out as NaN, which `max(x, 0)` would lose. An infinite x may give NaN.
// Reference: `reference::activation` and `activation_grad`. Host: `ActivationKind` in `kernel/elementwise.rs`.
// uses: functions

const IDENTITY: u32 = 0u;
const SIGMOID: u32 = 1u;
const TANH: u32 = 2u;
const RELU: u32 = 3u;
const LEAKY_RELU: u32 = 4u;
const ELU: u32 = 5u;
const GELU: u32 = 6u;
const GELU_TANH: u32 = 7u;
const SILU: u32 = 8u;
const SOFTPLUS: u32 = 9u;
const RELU_OR_IDENTITY: u32 = 10u; // identity if alpha is 1: so that a last layer takes the others' shader
const KIND: u32 = IDENTITY;

const TWO_SQRT_TWO_OVER_PI: f32 = 1.59576912;
const CUBIC: f32 = 0.044715;

// On the bits, all from -0 to minus infinity, and no NaN, whatever its sign.
fn relu(x: f32) -> f32 {
    return select(x, 0.0, bitcast<u32>(x) - 0x80000000u <= 0x7f800000u);
}

// 0.5 (1 + tanh(v / 2)) is sigmoid(v). Beyond |x| = 12 the sigmoid is 0 or 1, and the cube is not let grow.
fn gelu_tanh_argument(x: f32) -> f32 {
    let c = clamp(x, -12.0, 12.0);
    return TWO_SQRT_TWO_OVER_PI * c * fma(CUBIC * c, c, 1.0);
}

fn gelu_tanh_slope(x: f32) -> f32 {
    let c = clamp(x, -12.0, 12.0);
    let v = gelu_tanh_argument(x);
    let dv = TWO_SQRT_TWO_OVER_PI * fma(3.0 * CUBIC * c, c, 1.0);
    let s = own_sigmoid(v);
    return select(fma(c * dv, s * own_sigmoid(-v), s), x, is_nan(x));
}

// 1 - y², near ±1 by the product, where the difference would cancel.
fn tanh_slope(y: f32) -> f32 {
    return select(1.0 - y * y, (1.0 - y) * (1.0 + y), y * y > 0.5);
}

fn activate(x: f32, alpha: f32) -> f32 {
    switch KIND {
        case SIGMOID: { return own_sigmoid(x); }
        case TANH: { return own_tanh(x); }
        case RELU: { return relu(x); }
        case LEAKY_RELU: { return select(alpha * x, x, x > 0.0); }
        case ELU: { return select(alpha * own_expm1(min(x, 0.0)), x, x > 0.0 || is_nan(x)); }
        case GELU: { return x * normal_cdf(x); }
        case GELU_TANH: { return x * own_sigmoid(gelu_tanh_argument(x)); }
        case SILU: { return x * own_sigmoid(x); }
        case SOFTPLUS: { return own_softplus(x); }
        case RELU_OR_IDENTITY: { return select(relu(x), x, alpha == 1.0); }
        default: { return x; }
    }
}

// f'(x) dy, from `saved`: the output y for sigmoid, tanh and ReLU, else the input x. Where f' is 0 or 1, dy is not
// multiplied, so that 0 stays 0 beside a dy that is not finite.
fn activate_grad(saved: f32, dy: f32, alpha: f32) -> f32 {
    let x = saved;
    switch KIND {
        case SIGMOID: { return saved * (1.0 - saved) * dy; }
        case TANH: { return tanh_slope(saved) * dy; }
        case RELU: { return select(dy, 0.0, relu(saved) == 0.0); }
        case LEAKY_RELU: { return select(alpha * dy, dy, x > 0.0); }
        case ELU: { return select(alpha * own_exp(x) * dy, dy, x > 0.0); }
        case GELU: { return fma(x * INV_SQRT_TWO_PI, bell(x), normal_cdf(x)) * dy; }
        case GELU_TANH: { return gelu_tanh_slope(x) * dy; }
        case SILU: { return own_sigmoid(x) * fma(x, own_sigmoid(-x), 1.0) * dy; }
        case SOFTPLUS: { return own_sigmoid(x) * dy; }
        default: { return dy; }
    }
}
