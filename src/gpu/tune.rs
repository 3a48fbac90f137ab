//! Which shader does a product's work: the first that the kernel names, or the fastest when timed on this device.
//!
//! Timing is asked for with [`Gpu::autotune`], and bounded in time and memory. A product is timed as what it is: a plan of
//! one step, with all that the executor does around it. What was found is kept in a file, one for an adapter, a driver and
//! the text of the shaders together, and later processes that ask for timing begin with it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Gpu;
use crate::executor::{Executor, ExecutorError};
use crate::graph::{Phase, Store};
use crate::kernel::{self, Access, Finish, Kernel, Matmul, Shader, Tick};
use crate::plan::{Buffer, BufferId, Place, PlacedTensor, Plan, Step};
use crate::tensor::Element;

/// The largest file that is read.
const LARGEST: u64 = 4 << 20;
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

/// What was found for one product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    /// The fastest shader.
    pub fastest: String,
    /// Each shader with its time, in microseconds.
    pub microseconds: BTreeMap<String, f64>,
}

/// What was found, by product.
pub type TuningTable = BTreeMap<String, Timed>;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    adapter: String,
    driver: String,
    products: TuningTable,
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

/// A shader in words: its file, and the constants that tell it from others of the same file.
fn label(shader: &Shader) -> String {
    let mut text = shader.file.to_owned();
    for constant in &shader.constants {
        if !matches!(
            constant.name,
            "KIND" | "Value" | "TRANSPOSE_A" | "TRANSPOSE_B"
        ) {
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
        let table = tuning.folder.as_deref().map(|folder| self.kept(folder));
        self.choices.table = table.unwrap_or_default();
        self.choices.left = tuning.time;
        self.choices.tuning = Some(tuning);
    }

    /// What was timed on this device, in this process or in earlier ones whose results are in the folder of
    /// [`Gpu::autotune`].
    pub const fn tuning_table(&self) -> &TuningTable {
        &self.choices.table
    }

    /// The file in a folder for this adapter, driver, and the text of the shaders.
    fn file(&self, folder: &Path) -> PathBuf {
        let mut crc = flate2::Crc::new();
        for text in [self.adapter.name.as_str(), &self.adapter.driver] {
            crc.update(text.as_bytes());
        }
        let shaders = kernel::checksum();
        folder.join(format!("tuned-{:08x}-{shaders:08x}.json", crc.sum()))
    }

    fn kept(&self, folder: &Path) -> TuningTable {
        let path = self.file(folder);
        match read(&path) {
            Ok(kept) => kept.map_or_else(TuningTable::new, |kept| kept.products),
            Err(cause) => {
                let path = path.display();
                log::warn!("{path} is ignored, and products are timed anew: {cause}");
                TuningTable::new()
            }
        }
    }

    /// Times the products of a plan that are not in the table yet, as far as time and memory allow.
    pub(super) fn tune(&mut self, plan: &Plan) -> Result<(), ExecutorError> {
        let Some(tuning) = self.choices.tuning.clone() else {
            return Ok(());
        };
        let before = self.choices.table.len();
        for step in &plan.steps {
            let Kernel::Matmul(product) = step.kernel else {
                continue;
            };
            let bytes: u64 = (step.kernel.bindings().iter())
                .map(|b| (b.len * b.element.size()) as u64)
                .sum();
            let known = self.choices.table.contains_key(&name(&product));
            if known || bytes > tuning.memory || self.choices.left.is_zero() {
                continue;
            }
            let started = Instant::now();
            let timed = self.time_candidates(&step.kernel);
            self.choices.forced = None;
            self.choices.left = self.choices.left.saturating_sub(started.elapsed());
            if let Some(timed) = timed? {
                self.choices.table.insert(name(&product), timed);
            }
        }
        if let Some(folder) = tuning.folder
            && self.choices.table.len() > before
        {
            self.keep(&folder);
        }
        Ok(())
    }

    /// Times every shader for one kernel; nothing if there is no time for all of them.
    fn time_candidates(&mut self, kernel: &Kernel) -> Result<Option<Timed>, ExecutorError> {
        let started = Instant::now();
        let mut microseconds = BTreeMap::new();
        let mut fastest: Option<(Duration, String)> = None;
        let candidates = kernel.spec().candidates(&self.limits);
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
        let plan = alone(kernel, &self.limits)?;
        let handle = self.load(Arc::new(plan), &Store::new())?;
        let result = self.time_plan(handle);
        self.plans.truncate(handle.0);
        result
    }

    fn time_plan(
        &mut self,
        handle: crate::executor::PlanHandle,
    ) -> Result<Duration, ExecutorError> {
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

    fn keep(&self, folder: &Path) {
        let kept = Kept {
            adapter: self.adapter.name.clone(),
            driver: self.adapter.driver.clone(),
            products: self.choices.table.clone(),
        };
        let path = self.file(folder);
        let written = serde_json::to_vec_pretty(&kept)
            .map_err(std::io::Error::from)
            .and_then(|text| {
                std::fs::create_dir_all(folder)?;
                crate::run::write(&path, &text)
            });
        if let Err(cause) = written {
            let path = path.display();
            log::warn!("what was timed cannot be kept in {path}: {cause}");
        }
    }
}

/// A plan of nothing but this step.
fn alone(kernel: &Kernel, limits: &kernel::Limits) -> Result<Plan, ExecutorError> {
    let bindings = kernel.bindings();
    let reads = bindings.iter().filter(|b| b.access == Access::Read).count();
    let buffers = bindings.iter().map(|b| Buffer {
        element: b.element,
        len: b.len,
        fill: 0.0,
    });
    let tensors = bindings.iter().enumerate().map(|(index, b)| PlacedTensor {
        name: b.name.to_owned(),
        shape: [b.len].into(),
        element: b.element,
        place: Place {
            buffer: BufferId::Plan(index),
            offset: 0,
            len: b.len,
        },
    });
    let step = Step {
        kernel: *kernel,
        inputs: (0..reads).collect(),
        outputs: (reads..bindings.len()).collect(),
        layer: None,
        phase: Phase::Forward,
    };
    let plan = Plan::from_parts(
        "timing",
        buffers.collect(),
        tensors.collect(),
        vec![step],
        limits,
    );
    plan.map_err(|cause| ExecutorError::Shader {
        file: kernel.name().to_owned(),
        cause: cause.to_string(),
    })
}

fn read(path: &Path) -> Result<Option<Kept>, String> {
    let file = match std::fs::File::open(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|cause| cause.to_string())?,
    };
    let mut text = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut text);
    read.map_err(|cause| cause.to_string())?;
    if text.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|cause| format!("it is damaged: {cause}"))
}
