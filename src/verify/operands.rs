//! What a step reads and writes, as the reference holds it.

use crate::executor::{Data, Executor, ExecutorError, PlanHandle, View, ViewMut};
use crate::kernel::{Access, Kernel};
use crate::plan::Plan;
use crate::reference::{self, Bounded, Closeness};

/// What the device had. It may take a number that is subnormal in f32 for 0.
fn exact(value: f64) -> Bounded {
    let subnormal = value.abs() < f64::from(f32::MIN_POSITIVE);
    let error = if subnormal { value.abs() } else { 0.0 };
    Bounded { value, error }
}

/// A tensor as the reference holds it.
#[derive(Clone)]
pub(super) enum Operand {
    Real(Vec<Bounded>),
    U32(Vec<u32>),
    U8(Vec<u8>),
}

impl Operand {
    fn new(data: Data) -> Self {
        match data {
            Data::U32(values) => Self::U32(values),
            Data::U8(values) => Self::U8(values),
            Data::F32(_) | Data::F64(_) | Data::F16(_) => {
                Self::Real(data.to_f64().into_iter().map(exact).collect())
            }
        }
    }

    fn view(&self) -> View<'_, Bounded> {
        match self {
            Self::Real(values) => View::Real(values),
            Self::U32(values) => View::U32(values),
            Self::U8(values) => View::U8(values),
        }
    }

    fn view_mut(&mut self) -> ViewMut<'_, Bounded> {
        match self {
            Self::Real(values) => ViewMut::Real(values),
            Self::U32(values) => ViewMut::U32(values),
            Self::U8(values) => ViewMut::U8(values),
        }
    }

    /// Those elements that the reference can say something of, on both sides; nothing if there is none.
    pub(super) fn finite(&self, actual: &Data) -> Option<(Self, Data)> {
        let known = |e: &Bounded| e.value.is_finite() && e.error.is_finite();
        match (self, actual) {
            (Self::Real(expected), Data::F32(_) | Data::F64(_))
                if expected.len() == actual.len() =>
            {
                let pairs = expected.iter().copied().zip(actual.to_f64());
                let (expected, actual): (Vec<_>, Vec<_>) = pairs.filter(|(e, _)| known(e)).unzip();
                let some = !expected.is_empty();
                some.then_some((Self::Real(expected), Data::F64(actual)))
            }
            _ => Some((self.clone(), actual.clone())),
        }
    }

    /// Holds what the device wrote against what the reference did. Integers must be equal.
    pub(super) fn compare(&self, tensor: &str, actual: &Data) -> Result<Closeness, String> {
        match (self, actual) {
            (Self::Real(expected), Data::F32(actual)) => {
                reference::compare(tensor, actual, expected).map_err(|off| off.to_string())
            }
            (Self::Real(expected), Data::F16(actual)) => {
                reference::compare_half(tensor, actual, expected).map_err(|off| off.to_string())
            }
            (Self::Real(expected), Data::F64(actual)) => {
                reference::compare(tensor, actual, expected).map_err(|off| off.to_string())
            }
            (Self::U32(expected), Data::U32(actual)) => {
                let wrong = expected.iter().zip(actual).position(|(e, a)| e != a);
                match wrong {
                    _ if expected.len() != actual.len() => {
                        Err(format!("{tensor} has {} elements", actual.len()))
                    }
                    None => Ok(Closeness::default()),
                    Some(i) => Err(format!(
                        "{tensor}[{i}] is {}, and the reference has {}",
                        actual[i], expected[i]
                    )),
                }
            }
            _ => Err(format!("{tensor} has another element type")),
        }
    }
}

/// What a step reads and writes.
pub(super) struct Operands {
    inputs: Vec<Operand>,
    pub(super) outputs: Vec<Operand>,
}

impl Operands {
    /// Reads a step's operands before it runs. What it writes without reading first is left zero.
    pub(super) fn read(
        executor: &mut dyn Executor,
        handle: PlanHandle,
        plan: &Plan,
        index: usize,
    ) -> Result<Self, ExecutorError> {
        let step = &plan.steps[index];
        let mut read = |tensor: usize| {
            Ok::<_, ExecutorError>(Operand::new(
                executor.read(handle, plan.tensors[tensor].place)?,
            ))
        };
        let inputs = step
            .inputs
            .iter()
            .map(|&t| read(t))
            .collect::<Result<_, _>>()?;
        let written = step
            .kernel
            .bindings()
            .into_iter()
            .filter(|b| b.access != Access::Read);
        let outputs = written.zip(&step.outputs).map(|(binding, &tensor)| {
            let mut operand = read(tensor)?;
            if let (Access::Write, Operand::Real(values)) = (binding.access, &mut operand) {
                values.fill(Bounded {
                    value: 0.0,
                    error: 0.0,
                });
            }
            Ok::<_, ExecutorError>(operand)
        });
        Ok(Self {
            inputs,
            outputs: outputs.collect::<Result<_, _>>()?,
        })
    }

    /// Whether there is an infinity or NaN in what the step reads, or works on in place.
    pub(super) fn has_overflowed(&self) -> bool {
        let mut all = self.inputs.iter().chain(&self.outputs);
        all.any(|operand| match operand {
            Operand::Real(values) => values.iter().any(|v| !v.value.is_finite()),
            Operand::U32(_) | Operand::U8(_) => false,
        })
    }

    /// Repeats the step.
    pub(super) fn run(&mut self, kernel: &Kernel) {
        let inputs: Vec<_> = self.inputs.iter().map(Operand::view).collect();
        let mut outputs: Vec<_> = self.outputs.iter_mut().map(Operand::view_mut).collect();
        reference::run(kernel, &inputs, &mut outputs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Scale;

    /// A device may take a subnormal number for 0, and so may be off by all of it.
    #[test]
    fn a_flushed_input_is_within_the_bound() {
        let kernel = Kernel::from(Scale {
            count: 1,
            factor: 1e30,
        });
        for data in [Data::F32(vec![1e-40]), Data::F64(vec![1e-40])] {
            let mut operands = Operands {
                inputs: vec![Operand::new(data)],
                outputs: vec![Operand::new(Data::F32(vec![0.0]))],
            };
            operands.run(&kernel);
            let flushed = operands.outputs[0].compare("y", &Data::F32(vec![0.0]));
            assert!(flushed.is_ok(), "{flushed:?}");
            let wrong = operands.outputs[0].compare("y", &Data::F32(vec![1e-9]));
            assert!(wrong.is_err(), "{wrong:?}");
        }
    }
}
