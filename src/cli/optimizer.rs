//! The flags of what stands between a gradient and the new weights: the optimizer and its numbers.

use clap::Args;

use super::exit::Exit;
use super::flags::{count, fraction, positive, within};
use crate::graph::ops::Update;
use crate::kernel::{Adamax, Nadam, Radam};
use crate::train::{Group, Optimizer, Rules};

/// The flags that only some optimizers have.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct UpdateFlags {
    /// The decay of the mean of adam, adamw, adamax, nadam, radam and lion [default: 0.9]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) beta1: Option<f64>,
    /// The decay of the mean square of the same [default: 0.999; lion 0.99]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) beta2: Option<f64>,
    /// What keeps the divisor from 0, of all but sgd, momentum, nesterov and lion [default: PyTorch's: 1e-8; adagrad 1e-10, adadelta 1e-6]
    #[arg(long, visible_alias = "eps", value_name = "NUMBER", value_parser = divisor, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) epsilon: Option<f64>,
    /// The decay of the mean square of rmsprop [default: 0.99]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) alpha: Option<f64>,
    /// Take the mean out of the mean square of rmsprop [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Training")]
    pub(super) centered: Option<bool>,
    /// The decay of both mean squares of adadelta [default: 0.9]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) rho: Option<f64>,
    /// How fast the momentum of nadam nears its full strength [default: 0.004]
    #[arg(long, value_name = "DECAY", value_parser = positive, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) momentum_decay: Option<f64>,
    /// Scale the gradient down where its norm, over all parameters, is more
    #[arg(long, value_name = "NORM", value_parser = limit, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) clip_norm: Option<f64>,
    /// Limit each element of the gradient to this magnitude
    #[arg(long, value_name = "LIMIT", value_parser = limit, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) clip_value: Option<f64>,
    /// A penalty of the magnitudes: adds so much times the sign of each parameter to its gradient [default: 0]
    #[arg(long, value_name = "PENALTY", value_parser = positive, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) l1: Option<f64>,
    /// Scale each row of a weight (what leads to one unit) down to this norm after each update; biases are left
    #[arg(long, value_name = "NORM", value_parser = limit, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) max_norm: Option<f64>,
    /// Update after so many batches, by the mean gradient over all their rows; steps then count updates [default: 1]
    #[arg(long, value_name = "BATCHES", value_parser = count, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) accumulate: Option<u64>,
    /// Evaluate and save an exponential moving average of the parameters, of this decay
    #[arg(long, value_name = "DECAY", value_parser = fraction, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) ema: Option<f64>,
    /// Multiply the learning rate of parameters by lr and give them a weight decay of their own, as in *.bias:lr=0.1,weight-decay=0 (* is any text; may be repeated: the last that matches counts)
    #[arg(long, value_name = "PATTERN:lr=…,weight-decay=…", value_parser = str::parse::<Group>, help_heading = "Training")]
    pub(super) group: Vec<Group>,
}

impl UpdateFlags {
    /// These flags, and where one is not given, that of `file`.
    pub(super) fn or(self, file: Self) -> Self {
        Self {
            beta1: self.beta1.or(file.beta1),
            beta2: self.beta2.or(file.beta2),
            epsilon: self.epsilon.or(file.epsilon),
            alpha: self.alpha.or(file.alpha),
            centered: self.centered.or(file.centered),
            rho: self.rho.or(file.rho),
            momentum_decay: self.momentum_decay.or(file.momentum_decay),
            clip_norm: self.clip_norm.or(file.clip_norm),
            clip_value: self.clip_value.or(file.clip_value),
            l1: self.l1.or(file.l1),
            max_norm: self.max_norm.or(file.max_norm),
            accumulate: self.accumulate.or(file.accumulate),
            ema: self.ema.or(file.ema),
            group: if self.group.is_empty() {
                file.group
            } else {
                self.group
            },
        }
    }

    /// What is done to gradients and weights beside the update.
    pub(super) fn rules(&self) -> Rules {
        Rules {
            clip_norm: self.clip_norm,
            clip_value: self.clip_value,
            l1: self.l1.unwrap_or(0.0),
            max_norm: self.max_norm,
            groups: self.group.clone(),
            ema: self.ema,
            accumulate: self
                .accumulate
                .map(|batches| usize::try_from(batches).unwrap_or(usize::MAX)),
        }
    }
}

/// A limit of 0 would leave nothing.
fn limit(text: &str) -> Result<f64, String> {
    divisor(text).map_err(|_| "expected a finite number of more than 0".to_owned())
}

/// The lines of a configuration that say the rules.
pub(super) fn lines(rules: &Rules) -> [(&'static str, Option<String>); 7] {
    let number = |x: Option<f64>| x.map(|x| format!("{x:?}"));
    let quoted = |group: &Group| toml::Value::String(group.to_string()).to_string();
    let groups: Vec<_> = rules.groups.iter().map(quoted).collect();
    [
        ("clip-norm", number(rules.clip_norm)),
        ("clip-value", number(rules.clip_value)),
        ("l1", number(Some(rules.l1))),
        ("max-norm", number(rules.max_norm)),
        ("ema", number(rules.ema)),
        (
            "accumulate",
            rules.accumulate.map(|batches| batches.to_string()),
        ),
        (
            "group",
            (!groups.is_empty()).then(|| format!("[{}]", groups.join(", "))),
        ),
    ]
}

/// A divisor of 0, which a gradient of 0 would meet, is refused.
fn divisor(text: &str) -> Result<f64, String> {
    let smallest = f64::from(f32::MIN_POSITIVE);
    within(
        text,
        |x| x.is_finite() && x >= smallest,
        "a finite number that is more than 0 in f32",
    )
}

/// What the flags say of an optimizer: its learning rate, momentum and weight decay, if they are given.
pub(super) struct Given<'a> {
    pub(super) lr: Option<f64>,
    pub(super) momentum: Option<f64>,
    pub(super) weight_decay: Option<f64>,
    pub(super) flags: &'a UpdateFlags,
}

/// The optimizer of a name.
pub(super) fn build(kind: &str, given: &Given<'_>) -> Result<Optimizer, Exit> {
    let momentum = given.momentum.unwrap_or(0.9);
    let rate = |otherwise: f64| given.lr.unwrap_or(otherwise);
    let mut optimizer = match kind {
        "sgd" => Optimizer::with_momentum(rate(0.001), given.momentum.unwrap_or(0.0), false),
        "momentum" => Optimizer::with_momentum(rate(0.001), momentum, false),
        "nesterov" if momentum == 0.0 => {
            return Err(Exit::usage(
                "--momentum is 0, and the optimizer nesterov needs more than 0",
            ));
        }
        "nesterov" => Optimizer::with_momentum(rate(0.001), momentum, true),
        "adamw" => Optimizer::adamw(rate(0.001)),
        "rmsprop" => Optimizer::rmsprop(rate(0.01)),
        "adagrad" => Optimizer::adagrad(rate(0.01)),
        "adadelta" => Optimizer::adadelta(rate(1.0)),
        "adamax" => Optimizer::adamax(rate(0.002)),
        "nadam" => Optimizer::nadam(rate(0.002)),
        "radam" => Optimizer::radam(rate(0.001)),
        "lion" => Optimizer::lion(rate(0.0001)),
        _ => Optimizer::adam(rate(0.001)),
    };
    let refused = |name: &str, owners: &str| {
        Exit::usage(format!(
            "--{name} is for {owners}, and the optimizer is {kind}"
        ))
    };
    for (name, owners) in NUMBERS {
        let Some(value) = given.number(name) else {
            continue;
        };
        *number(&mut optimizer.update, name).ok_or_else(|| refused(name, owners))? = value;
    }
    if let Some(value) = given.flags.centered {
        *centered(&mut optimizer.update).ok_or_else(|| refused("centered", "rmsprop"))? = value;
    }
    Ok(given
        .weight_decay
        .map_or(optimizer, |decay| optimizer.weight_decay(decay)))
}

/// The numbers that only some optimizers have, and which.
const NUMBERS: [(&str, &str); 7] = [
    ("momentum", "sgd, momentum, nesterov and rmsprop"),
    ("beta1", "adam, adamw, adamax, nadam, radam and lion"),
    ("beta2", "adam, adamw, adamax, nadam, radam and lion"),
    (
        "epsilon",
        "adam, adamw, rmsprop, adagrad, adadelta, adamax, nadam and radam",
    ),
    ("alpha", "rmsprop"),
    ("rho", "adadelta"),
    ("momentum-decay", "nadam"),
];

impl Given<'_> {
    fn number(&self, name: &str) -> Option<f64> {
        match name {
            "momentum" => self.momentum,
            "beta1" => self.flags.beta1,
            "beta2" => self.flags.beta2,
            "epsilon" => self.flags.epsilon,
            "alpha" => self.flags.alpha,
            "rho" => self.flags.rho,
            "momentum-decay" => self.flags.momentum_decay,
            _ => None,
        }
    }
}

/// The lines of a configuration that say the numbers of a rule.
pub(super) fn number_lines(update: &mut Update) -> Vec<(&'static str, Option<String>)> {
    let mut lines: Vec<_> = NUMBERS
        .map(|(name, _)| (name, number(update, name).map(|x| format!("{x:?}"))))
        .into();
    lines.push(("centered", centered(update).map(|flag| flag.to_string())));
    lines
}

/// A number of a rule, where it has it.
fn number<'a>(update: &'a mut Update, name: &str) -> Option<&'a mut f64> {
    match (update, name) {
        (Update::Sgd { momentum, .. }, "momentum") => Some(momentum),
        (Update::Adam { beta1, .. }, "beta1") => Some(beta1),
        (Update::Adam { beta2, .. }, "beta2") => Some(beta2),
        (Update::Adam { epsilon, .. }, "epsilon") => Some(epsilon),
        (Update::Rmsprop(rule), "momentum") => Some(&mut rule.momentum),
        (Update::Rmsprop(rule), "epsilon") => Some(&mut rule.epsilon),
        (Update::Rmsprop(rule), "alpha") => Some(&mut rule.alpha),
        (Update::Adagrad(rule), "epsilon") => Some(&mut rule.epsilon),
        (Update::Adadelta(rule), "epsilon") => Some(&mut rule.epsilon),
        (Update::Adadelta(rule), "rho") => Some(&mut rule.rho),
        (Update::Lion(rule), "beta1") => Some(&mut rule.beta1),
        (Update::Lion(rule), "beta2") => Some(&mut rule.beta2),
        (Update::Nadam(rule), "momentum-decay") => Some(&mut rule.momentum_decay),
        (
            Update::Adamax(Adamax { moments })
            | Update::Nadam(Nadam { moments, .. })
            | Update::Radam(Radam { moments }),
            _,
        ) => match name {
            "beta1" => Some(&mut moments.beta1),
            "beta2" => Some(&mut moments.beta2),
            "epsilon" => Some(&mut moments.epsilon),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a rule takes the mean out of the mean square, where it can.
const fn centered(update: &mut Update) -> Option<&mut bool> {
    match update {
        Update::Rmsprop(rule) => Some(&mut rule.centered),
        _ => None,
    }
}
