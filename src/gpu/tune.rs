//! Which shader does a product's work: the first that the kernel names, or the fastest when timed on this device.
//!
//! Timing is asked for with [`Gpu::autotune`], and bounded in time and memory. A product is timed as what it is: a plan of
//! one step, with all that the executor does around it. What was found is kept in a file, one for an adapter, a driver and
//! the text of the shaders together, and later processes that ask for timing begin with it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Gpu, tuned};
use crate::executor::{Executor, ExecutorError, PlanHandle, Timed, TuningTable};
use crate::graph::Store;
use crate::kernel::{self, Finish, Kernel, Matmul, Shader, Tick};
use crate::plan::Plan;
use crate::tensor::Element;

/// Measurements of one shader, of which the fastest counts: what else the machine does only ever makes it slower.
const REPEATS: u32 = 3;
/// How long one measurement takes at least.
const LONG: Duration = Duration::from_millis(4);

/// How much timing may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// Time in all; what has not been timed by then is chosen without.
    pub time: Duration,
    /// Bytes of a product's operands together; larger ones are chosen without timing.
    pub memory: u64,
    /// The folder in which the results are kept; `None` keeps none.
    pub folder: Option<PathBuf>,
}

/// 2 s and 256 MiB, and nothing kept.
impl Default for Tuning {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(2),
            memory: 256 << 20,
            folder: None,
        }
    }
}

/// The index of the candidate to take for a kernel.
type Choose = dyn Fn(&Kernel, &[Shader]) -> usize + Send + Sync;

/// What a test chooses among the candidates for a kernel: the number of one.
#[derive(Clone)]
pub(super) struct ByTest(pub(super) Arc<Choose>);

impl fmt::Debug for ByTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByTest")
    }
}

/// The choices of a device.
#[derive(Debug, Default)]
pub(super) struct Choices {
    tuning: Option<Tuning>,
    /// Time that is left.
    left: Duration,
    table: TuningTable,
    /// The shader that is being timed, whatever the table says.
    forced: Option<Shader>,
    pub(super) by_test: Option<ByTest>,
    /// What was chosen for the plans that are loaded.
    pub(super) taken: BTreeMap<String, String>,
}

impl Choices {
    /// Whether products may be timed now: not while one is.
    pub(super) const fn is_open(&self) -> bool {
        self.tuning.is_some() && self.forced.is_none()
    }

    /// What is known of the products of the plans that are loaded.
    pub(super) fn timed(&self) -> TuningTable {
        let taken = self.table.iter();
        let taken = taken.filter(|(product, _)| self.taken.contains_key(*product));
        taken.map(|(p, timed)| (p.clone(), timed.clone())).collect()
    }

    /// Takes these for products, whatever was timed.
    pub(super) fn prefer(&mut self, products: &BTreeMap<String, String>) {
        for (product, shader) in products {
            let microseconds = BTreeMap::new();
            let timed = Timed {
                fastest: shader.clone(),
                microseconds,
            };
            self.table.insert(product.clone(), timed);
        }
    }

    /// Whether the table says what to take of these; an entry that names none of them goes, with a warning.
    fn knows(&mut self, product: &str, candidates: &[Shader]) -> bool {
        let Some(Timed { fastest, .. }) = self.table.get(product) else {
            return false;
        };
        let known = candidates.iter().any(|c| label(c) == *fastest);
        if !known {
            log::warn!(
                "product {product}: `{fastest}`, kept as the fastest shader, is none of those there are, and they are \
                 timed anew"
            );
            self.table.remove(product);
        }
        known
    }

    /// The shader for a kernel, and a note of it.
    pub(super) fn of(&mut self, kernel: &Kernel, limits: &kernel::Limits) -> Shader {
        let chosen = self.shader(kernel, limits);
        let noted = self.by_test.is_none() && self.forced.is_none();
        if let (Kernel::Matmul(product), true) = (kernel, noted) {
            self.taken.insert(name(product), label(&chosen));
        }
        chosen
    }

    /// The shader for a kernel, as it would be chosen now.
    pub(super) fn shader(&self, kernel: &Kernel, limits: &kernel::Limits) -> Shader {
        if let Some(by_test) = &self.by_test {
            let mut candidates = kernel.spec().candidates(limits);
            let chosen = (by_test.0)(kernel, &candidates);
            return candidates.swap_remove(chosen);
        }
        let Kernel::Matmul(product) = kernel else {
            return kernel.spec().shader(limits);
        };
        if let Some(forced) = &self.forced {
            return forced.clone();
        }
        let name = name(product);
        let mut candidates = kernel.spec().candidates(limits);
        let fastest = self.table.get(&name).map(|timed| &timed.fastest);
        let known = candidates.iter().position(|c| Some(&label(c)) == fastest);
        candidates.swap_remove(known.unwrap_or(0))
    }
}

/// A product in words: its sizes, which operands are transposed, and what is fused into it.
fn name(product: &Matmul) -> String {
    let &Matmul {
        groups, m, n, k, ..
    } = product;
    let stored = |transposed: bool| if transposed { 'T' } else { 'N' };
    let [a, b] = [product.transpose_a, product.transpose_b].map(stored);
    let finish = match product.finish {
        Finish::None => "",
        Finish::Bias(_) => " bias",
        Finish::Gradient(_) => " gradient",
        Finish::Sgd { .. } => " sgd",
    };
    let sums = if product.row_sums { " sums" } else { "" };
    let groups = if groups > 1 {
        format!("{groups} x ")
    } else {
        String::new()
    };
    let half = match product.operands {
        Element::F16 => " f16",
        _ => "",
    };
    format!("{groups}{m}x{n}x{k} {a}{b}{finish}{sums}{half}")
}

/// Constants that follow from the product, so that they tell no two of its shaders apart.
const IMPLIED: [&str; 16] = [
    "KIND",
    "Value",
    "TRANSPOSE_A",
    "TRANSPOSE_B",
    "WIDE_A",
    "WIDE_B",
    "PartA",
    "PartB",
    "PartY",
    "WIDTH",
    "ROWS",
    "COLUMNS",
    "SWAP",
    "LANES_N",
    "LANES_K",
    "ROLLED",
];

/// A shader in words: its file, and the constants that tell it from others of the same file.
fn label(shader: &Shader) -> String {
    let mut text = shader.file.to_owned();
    for constant in &shader.constants {
        if !IMPLIED.contains(&constant.name) {
            let value = constant.value.trim_end_matches('u');
            text.push_str(&format!(" {}={value}", constant.name));
        }
    }
    text
}

impl Gpu {
    /// Times the shaders that can do a product's work, for the products of all plans that are loaded from now on, and takes
    /// the fastest. Begins with what earlier processes found, if a folder is given; a file there that cannot be read is
    /// ignored with a warning in the log.
    pub fn autotune(&mut self, tuning: Tuning) {
        let table = tuning.folder.as_deref();
        let table = table.map(|folder| tuned::read(folder, &self.adapter));
        self.choices.table = table.unwrap_or_default();
        self.choices.left = tuning.time;
        self.choices.tuning = Some(tuning);
    }

    /// Times the products of a plan that are not in the table yet, as far as time and memory allow.
    pub(super) fn tune(&mut self, plan: &Plan) -> Result<(), ExecutorError> {
        let Some(tuning) = self.choices.tuning.clone() else {
            return Ok(());
        };
        let mut changed = false;
        for step in &plan.steps {
            let Kernel::Matmul(product) = step.kernel else {
                continue;
            };
            let bytes: u64 = (step.kernel.bindings().iter())
                .map(|b| (b.len * b.element.size()) as u64)
                .sum();
            let candidates = step.kernel.spec().candidates(&self.limits);
            let name = name(&product);
            let known = self.choices.knows(&name, &candidates);
            if known || bytes > tuning.memory || self.choices.left.is_zero() {
                continue;
            }
            let started = Instant::now();
            let timed = self.time_candidates(&step.kernel, candidates);
            self.choices.forced = None;
            self.choices.left = self.choices.left.saturating_sub(started.elapsed());
            if let Some(timed) = timed? {
                let (fastest, among) = (&timed.fastest, timed.microseconds.len());
                log::info!(
                    "product {name}: timed {among} shaders, of which {fastest} is the fastest"
                );
                self.choices.table.insert(name, timed);
                changed = true;
            }
        }
        if let (Some(folder), true) = (tuning.folder, changed) {
            tuned::write(&folder, &self.adapter, &self.choices.table);
        }
        Ok(())
    }

    /// Times every shader for one kernel; nothing if there is no time for all of them.
    fn time_candidates(
        &mut self,
        kernel: &Kernel,
        candidates: Vec<Shader>,
    ) -> Result<Option<Timed>, ExecutorError> {
        let started = Instant::now();
        let mut microseconds = BTreeMap::new();
        let mut fastest: Option<(Duration, String)> = None;
        if candidates.len() < 2 {
            return Ok(None);
        }
        for shader in candidates {
            if started.elapsed() >= self.choices.left {
                return Ok(None);
            }
            let label = label(&shader);
            self.choices.forced = Some(shader);
            let time = self.time_alone(kernel)?;
            microseconds.insert(label.clone(), time.as_secs_f64() * 1e6);
            if fastest.as_ref().is_none_or(|(least, _)| time < *least) {
                fastest = Some((time, label));
            }
        }
        Ok(fastest.map(|(_, fastest)| Timed {
            fastest,
            microseconds,
        }))
    }

    /// The time of one step, all else left out.
    fn time_alone(&mut self, kernel: &Kernel) -> Result<Duration, ExecutorError> {
        let plan = Plan::alone(*kernel, &self.limits).map_err(|cause| ExecutorError::Shader {
            file: kernel.name().to_owned(),
            cause: cause.to_string(),
        })?;
        let handle = self.load(Arc::new(plan), &Store::new())?;
        let result = self.time_plan(handle);
        self.unload_behind(handle.0);
        result
    }

    fn time_plan(&mut self, handle: PlanHandle) -> Result<Duration, ExecutorError> {
        let run = |gpu: &mut Self, times: u32| -> Result<Duration, ExecutorError> {
            let ticks = vec![Tick::default(); times as usize];
            let started = Instant::now();
            gpu.run(handle, &ticks)?;
            gpu.device.settle()?;
            Ok(started.elapsed())
        };
        // The first run compiles, with some drivers.
        run(self, 1)?;
        let once = run(self, 1)?.max(Duration::from_micros(1));
        let times = u32::try_from(LONG.as_nanos() / once.as_nanos()).map_or(64, |n| n.clamp(1, 64));
        let mut least = Duration::MAX;
        for _ in 0..REPEATS {
            least = least.min(run(self, times)? / times);
        }
        Ok(least)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kernel::Limits;

    /// A shader is found again by its words, so no two that a product can choose among may share them.
    #[test]
    fn no_two_candidates_are_called_the_same() {
        let devices = [(true, Some(8)), (false, Some(32))].map(|(software, subgroup)| Limits {
            software,
            subgroup,
            half: true,
            cooperative: !software,
            workgroup_memory: 48 << 10,
            invocations: 1024,
            image: 16_384,
            ..Limits::SMALLEST
        });
        for limits in &devices {
            for [m, n, k] in [[1, 1, 1], [4, 512, 64], [300, 8, 40], [640, 1024, 768]] {
                for (at, operands) in [Element::F32, Element::F16]
                    .into_iter()
                    .cycle()
                    .enumerate()
                    .take(8)
                {
                    let product = Matmul {
                        groups: 1,
                        m,
                        n,
                        k,
                        transpose_a: at & 2 != 0,
                        transpose_b: at & 4 != 0,
                        operands,
                        ..Matmul::default()
                    };
                    let candidates = kernel::Spec::candidates(&product, limits);
                    let names: BTreeSet<String> = candidates.iter().map(label).collect();
                    assert_eq!(names.len(), candidates.len(), "{product:?}: {names:?}");
                }
            }
        }
    }
}
