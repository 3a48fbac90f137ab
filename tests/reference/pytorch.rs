//! The reference in f64 against `PyTorch` 2.15 in f64, to 1e-12.

use thalweg::kernel::{
    Activation, ActivationGrad, ActivationKind, AdamUpdate, Kernel, PointwiseLoss,
    PointwiseLossGrad, PointwiseLossKind, SgdUpdate, Softmax, SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGrad, SoftmaxGrad, Tick,
};
use thalweg::reference;

fn assert_close(what: &str, actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (a, e) in actual.iter().zip(expected) {
        assert!(
            (a - e).abs() <= 1e-12 * e.abs().max(1e-3),
            "{what}: {a:e} is not {e:e}"
        );
    }
}

/// `F.sigmoid` and so on, with 0.3 for `negative_slope` and `alpha`: the output and the gradient.
#[rustfmt::skip] // A row a line.
const ACTIVATIONS: [(ActivationKind, [f64; 6], [f64; 6]); 9] = [
    (ActivationKind::Sigmoid, [0.0066928509242848554, 0.22270013882530884, 0.49750002083312506, 0.6224593312018546, 0.8807970779778823, 0.9990889488055994], [0.006648056670790155, -0.346209573984994, 0.1249968750520826, 0.7050111366047834, -0.026248396350876654, 0.0013653317701826761]),
    (ActivationKind::Tanh, [-0.9999092042625951, -0.8482836399575129, -0.00999966667999946, 0.46211715726000974, 0.9640275800758169, 0.9999983369439447], [0.00018158323094385266, -0.5608297323608653, 0.49995000333314443, 2.359343198897782, -0.017662706213291107, 4.9891640173032546e-06]),
    (ActivationKind::Relu, [0.0, 0.0, 0.0, 0.5, 2.0, 7.0], [0.0, 0.0, 0.0, 3.0, -0.25, 1.5]),
    (ActivationKind::LeakyRelu, [-1.5, -0.375, -0.003, 0.5, 2.0, 7.0], [0.3, -0.6, 0.15, 3.0, -0.25, 1.5]),
    (ActivationKind::Elu, [-0.29797861590027436, -0.21404856094194294, -0.002985049875249584, 0.5, 2.0, 7.0], [0.00202138409972564, -0.17190287811611404, 0.14850747506237522, 3.0, -0.25, 1.5]),
    (ActivationKind::Gelu, [-1.4332578593401202e-06, -0.13206221708356905, -0.004960106436853684, 0.34573123063700656, 1.9544997361036416, 6.999999999991041], [-7.1469460018034646e-06, 0.2453231661388443, 0.24601071017375378, 2.602485373968489, -0.27130795026954924, 1.5000000000939948]),
    (ActivationKind::GeluTanh, [-2.2917961972623857e-07, -0.13228579703028542, -0.0049601064401444276, 0.34571400982514394, 1.954597694087775, 6.999999999999997], [-1.5463619879596227e-06, 0.2449852644992973, 0.24601071083187961, 2.6021097106039273, -0.27152481415590457, 1.5000000000000417]),
    (ActivationKind::Silu, [-0.03346425462142428, -0.27837517353163604, -0.00497500020833125, 0.3112296656009273, 1.7615941559557646, 6.993622641639196], [-0.026547432429665917, -0.01263831016937514, 0.24750004166604173, 2.2198835619079555, -0.2726960621962239, 1.508190745599678]),
    (ActivationKind::Softplus, [0.006715348489118068, 0.2519290813453729, 0.6881596805078624, 0.9740769841801067, 2.1269280110429727, 7.000911466453774], [0.006692850924284856, -0.4454002776506177, 0.2487500104165625, 1.8673779936055637, -0.2201992694944706, 1.498633423208399]),
];

#[test]
fn activations() {
    let x = [-5.0, -1.25, -0.01, 0.5, 2.0, 7.0];
    let dy = [1.0, -2.0, 0.5, 3.0, -0.25, 1.5];
    let (count, alpha) = (6, 0.3);
    for (kind, expected_y, expected_dx) in ACTIVATIONS {
        let (mut y, mut dx) = ([f64::NAN; 6], [f64::NAN; 6]);
        reference::activation(&Activation { kind, count, alpha }, &x, &mut y);
        assert_close(&format!("{kind:?}"), &y, &expected_y);
        let saved = if kind.saves_output() { y } else { x };
        reference::activation_grad(&ActivationGrad { kind, count, alpha }, &saved, &dy, &mut dx);
        assert_close(&format!("gradient of {kind:?}"), &dx, &expected_dx);
    }
}

#[test]
fn softmax() {
    let (rows, columns) = (2, 3);
    let x = [1.0, -0.5, 2.0, 0.0, 3.0, -1.0];
    let dy = [1.0, 2.0, 3.0, -1.0, 0.5, 2.0];
    let (mut y, mut dx) = ([f64::NAN; 6], [f64::NAN; 6]);
    reference::softmax(&Softmax { rows, columns }, &x, &mut y);
    assert_close(
        "softmax",
        &y,
        &[
            0.25371618163502524,
            0.056611732240471294,
            0.6896720861245036,
            0.0466126225779739,
            0.9362395518765058,
            0.017147825545520388,
        ],
    );
    reference::softmax_grad(&SoftmaxGrad { rows, columns }, &y, &dy, &mut dx);
    assert_close(
        "its gradient",
        &dx,
        &[
            -0.3643252490833394,
            -0.02468021893361082,
            0.38900546801695024,
            -0.0678587866718453,
            0.041379162554694676,
            0.0264796241171506,
        ],
    );
}

#[test]
fn softmax_cross_entropy() {
    let (rows, columns) = (2, 3);
    let x = [1.0, -0.5, 2.0, 0.0, 3.0, -1.0];
    let (target, dloss) = ([1, 1], [2.0, -1.0]);
    let (mut loss, mut dx) = ([f64::NAN; 2], [f64::NAN; 6]);
    reference::softmax_cross_entropy(
        &SoftmaxCrossEntropy { rows, columns },
        &x,
        &target,
        &mut loss,
    );
    assert_close("loss", &loss, &[2.871539031852683, 0.06588390375742911]);
    let p = SoftmaxCrossEntropyGrad { rows, columns };
    reference::softmax_cross_entropy_grad(&p, &x, &target, &dloss, &mut dx);
    assert_close(
        "gradient",
        &dx,
        &[
            0.5074323632700505,
            -1.8867765355190573,
            1.3793441722490072,
            -0.04661262257797389,
            0.06376044812349424,
            -0.017147825545520388,
        ],
    );
}

/// `F.binary_cross_entropy_with_logits`, with its gradients at the logits and at the targets.
#[test]
fn sigmoid_cross_entropy() {
    let (kind, count) = (PointwiseLossKind::SigmoidCrossEntropy, 3);
    let (x, t, dloss) = ([1.5, -3.0, 0.125], [1.0, 0.25, 0.5], [2.0, -1.0, 0.5]);
    let mut y = [f64::NAN; 3];
    reference::pointwise_loss(&PointwiseLoss { kind, count }, &x, &t, &mut y);
    assert_close(
        "loss",
        &y,
        &[0.2014132779827524, 0.798587351573742, 0.6950990353171691],
    );
    for (at_target, expected) in [
        (
            false,
            [
                -0.3648510476127127,
                0.20257412682243323,
                0.015604686686878144,
            ],
        ),
        (true, [-3.0, -3.0, -0.0625]),
    ] {
        let p = PointwiseLossGrad {
            kind,
            at_target,
            count,
        };
        reference::pointwise_loss_grad(&p, &x, &t, &dloss, &mut y);
        assert_close("gradient", &y, &expected);
    }
}

const WEIGHTS: [f64; 3] = [1.0, -2.0, 0.5];
/// The gradients of three steps.
const GRADIENTS: [[f64; 3]; 3] = [[0.5, -1.0, 0.25], [-0.125, 2.0, 0.0], [1.5, 0.75, -3.0]];

#[test]
fn stochastic_gradient_descent() {
    let plain = SgdUpdate {
        factor: 1.0,
        count: 3,
        learning_rate: 0.1,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.01,
        scaled: false,
    };
    let momentum = SgdUpdate {
        momentum: 0.9,
        ..plain
    };
    let nesterov = SgdUpdate {
        nesterov: true,
        ..momentum
    };
    let table = [
        (plain, [0.8095904489999999, -2.169005898, 0.7735514745]),
        (
            momentum,
            [0.7328222489999999, -2.172969498, 0.7295423744999999],
        ),
        (nesterov, [0.569359333191, -2.324836916382, 0.9802647290955]),
    ];
    for (p, expected) in table {
        let (mut w, mut velocity) = (WEIGHTS, [0.0; 3]);
        for gradient in &GRADIENTS {
            let velocity = (p.momentum != 0.0).then_some(&mut velocity[..]);
            reference::sgd_update(&p, gradient, &mut w, velocity);
        }
        assert_close(&format!("{p:?}"), &w, &expected);
    }
}

#[test]
fn adam() {
    let coupled = AdamUpdate {
        factor: 1.0,
        count: 3,
        learning_rate: 0.0,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        decoupled: false,
        step: 0,
        scaled: false,
    };
    let decoupled = AdamUpdate {
        decoupled: true,
        ..coupled
    };
    let table = [
        (
            coupled,
            [0.7784609629393359, -1.981497137487243, 0.3910227045526159],
        ),
        (
            decoupled,
            [0.7781000967560525, -1.9779340928579598, 0.39112659769877395],
        ),
    ];
    for (p, expected) in table {
        let (mut w, mut mean, mut square) = (WEIGHTS, [0.0; 3], [0.0; 3]);
        for (step, gradient) in (1..).zip(&GRADIENTS) {
            let tick = Tick {
                step,
                learning_rate: 0.1,
                ..Tick::default()
            };
            let Kernel::AdamUpdate(p) = Kernel::from(p).at(&tick) else {
                unreachable!("a tick does not change the kernel")
            };
            reference::adam_update(&p, gradient, &mut w, &mut mean, &mut square);
        }
        assert_close(&format!("{p:?}"), &w, &expected);
    }
}
