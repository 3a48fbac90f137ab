//! Which flags go with which method, and what their numbers may be.

use std::path::Path;

use clap::ValueEnum;

use super::{Explain, Kind, Method};
use crate::cli::exit::Exit;
use crate::explain::ExplainError;
use crate::run::RunError;

/// Questions of a tree, one after the other, at most.
pub(super) const DEEPEST: u64 = 16;
/// Rows that a surrogate learns from, and is held against.
pub(super) const SAMPLES: [u64; 2] = [20, 1_000_000];
/// Gradients that integrated gradients begin with, and steps of an ascent, at most.
const STEPS: [u64; 2] = [8192, 100_000];

/// The words of a value of a flag.
pub(super) fn word(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

impl Explain {
    /// Refuses flags that the method, or the kind of surrogate, does not take, and numbers that make no sense.
    pub(super) fn check(&self) -> Result<(), Exit> {
        self.check_methods()?;
        self.check_kinds()?;
        let steps = STEPS[usize::from(self.method == Method::Activation)];
        for (flag, given, [least, most]) in [
            ("--steps", self.steps, [1, steps]),
            ("--depth", self.depth, [1, DEEPEST]),
            ("--samples", self.samples, SAMPLES),
        ] {
            if let Some(given) = given.filter(|given| !(least..=most).contains(given)) {
                return Err(Exit::usage(format!(
                    "{flag} is {given}; expected a number from {least} to {most}"
                )));
            }
        }
        self.out
            .as_ref()
            .map_or(Ok(()), |out| check_place(out, self.force))
    }

    fn check_methods(&self) -> Result<(), Exit> {
        use Method::{Activation, IntegratedGradients, Occlusion, Perturbation, Surrogate, Units};
        let gradients = [
            Method::Saliency,
            Method::GradientTimesInput,
            IntegratedGradients,
            Perturbation,
        ];
        let of = [&gradients[..], &[Occlusion, Surrogate]].concat();
        let rows = [&of[..], &[Units]].concat();
        let flags: [(bool, &str, &[Method]); 19] = [
            (self.rows.is_some(), "--rows", &rows),
            (self.class.is_some(), "--class", &of),
            (self.of.is_some(), "--of", &of),
            (
                self.baseline.is_some(),
                "--baseline",
                &[IntegratedGradients],
            ),
            (
                self.steps.is_some(),
                "--steps",
                &[IntegratedGradients, Activation],
            ),
            (self.step.is_some(), "--step", &[Perturbation]),
            (self.patch.is_some(), "--patch", &[Occlusion, Surrogate]),
            (self.stride.is_some(), "--stride", &[Occlusion]),
            (self.grey.is_some(), "--grey", &[Occlusion, Surrogate]),
            (self.layer.is_some(), "--layer", &[Activation]),
            (self.units.is_some(), "--units", &[Activation]),
            (self.l2.is_some(), "--l2", &[Activation]),
            (self.top.is_some(), "--top", &[Activation]),
            (self.kind.is_some(), "--kind", &[Surrogate]),
            (self.depth.is_some(), "--depth", &[Surrogate]),
            (self.samples.is_some(), "--samples", &[Surrogate]),
            (self.width.is_some(), "--width", &[Surrogate]),
            (self.ridge.is_some(), "--ridge", &[Surrogate]),
            (self.seed.is_some(), "--seed", &[Surrogate]),
        ];
        refuse("method", &flags, &self.method)
    }

    /// Of a surrogate of one kind.
    fn check_kinds(&self) -> Result<(), Exit> {
        use Kind::{Linear, Local, Tree};
        let Some(kind) = self.kind else { return Ok(()) };
        let flags: [(bool, &str, &[Kind]); 9] = [
            (self.rows.is_some(), "--rows", &[Local]),
            (self.class.is_some(), "--class", &[Local, Tree]),
            (self.of.is_some(), "--of", &[Linear, Local]),
            (self.patch.is_some(), "--patch", &[Local]),
            (self.grey.is_some(), "--grey", &[Local]),
            (self.depth.is_some(), "--depth", &[Tree]),
            (self.width.is_some(), "--width", &[Local]),
            (self.ridge.is_some(), "--ridge", &[Linear, Local]),
            (
                self.samples.is_some() || self.seed.is_some(),
                "--samples or --seed",
                &[Linear, Local, Tree],
            ),
        ];
        refuse("kind", &flags, &kind)
    }
}

/// Refuses the first flag that is given and is not for what is chosen.
fn refuse<T: ValueEnum + PartialEq>(
    what: &str,
    flags: &[(bool, &str, &[T])],
    chosen: &T,
) -> Result<(), Exit> {
    let wrong = flags
        .iter()
        .find(|(given, _, takers)| *given && !takers.contains(chosen));
    let Some((_, flag, takers)) = wrong else {
        return Ok(());
    };
    let known: Vec<_> = takers.iter().map(word).collect();
    Err(Exit::usage(format!(
        "{flag} is for the {what} {}, and the {what} is {}; leave it out",
        known.join(", "),
        word(chosen)
    )))
}

/// Where a page may go. Nothing that is there is replaced unasked.
fn check_place(out: &Path, force: bool) -> Result<(), Exit> {
    let shown = out.display();
    if out.is_dir() || out.file_name().is_none() {
        return Err(Exit::usage(format!(
            "--out {shown}: is no file's name; expected one, such as why.html"
        )));
    }
    if out.symlink_metadata().is_ok() && !force {
        let hint = "; choose another page, or replace this one by `--force`";
        let path = out.to_owned();
        return Err(RunError::Exists { path, hint }.into());
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => Err(Exit::usage(format!(
            "--out {shown}: there is no folder {}; make it first, or choose another place",
            folder.display()
        ))),
    }
}

/// The flags that give the numbers of which errors speak.
const FLAGS: [(&str, &str); 12] = [
    ("the step", "--step"),
    ("steps", "--steps"),
    ("samples", "--samples"),
    ("a linear model's data", "--samples"),
    ("the kernel's width", "--width"),
    ("the ridge", "--ridge"),
    ("the size of the patch", "--patch"),
    ("the stride", "--stride"),
    ("the grey", "--grey"),
    ("l2", "--l2"),
    ("units", "--units"),
    ("the depth of the tree", "--depth"),
];

/// An error that names the flag.
pub(super) fn by_flag(error: ExplainError) -> Exit {
    if let ExplainError::Value {
        what,
        found,
        expected,
    } = &error
        && let Some((_, flag)) = FLAGS.iter().find(|(known, _)| known == what)
    {
        return Exit::usage(format!("{flag} is {found}; expected {expected}"));
    }
    error.into()
}

/// The same for a row, whose inputs have names.
pub(super) fn at_row(error: ExplainError, row: usize, names: &[String]) -> Exit {
    match error {
        ExplainError::Step {
            step,
            feature,
            value,
            ..
        } => {
            let name = names.get(feature).map_or("?", String::as_str);
            Exit::usage(format!(
                "--step is {step}; expected one that changes the input {name} of row {row}, which is {value} as the network \
                 sees it, to another finite number"
            ))
        }
        other => by_flag(other),
    }
}
