//! The GPU executor: runs plans through wgpu, on Vulkan, Metal or DirectX 12.
//!
//! [`adapters`] lists what this machine has, [`Gpu::new`] opens one of them. Everything a plan needs is made when it is
//! loaded: buffers, pipelines, bind groups. A run then only records dispatches, all ticks in one pass and one submission,
//! and returns without waiting; reading waits. No type of wgpu's is seen outside of this module.
//!
//! Nothing here panics on a device that fails: what goes wrong comes back as an [`ExecutorError`] from the call in which
//! it was noticed. A lost device stays lost, and every later call says so.

mod adapter;
mod cache;
mod cooperative;
mod copies;
mod device;
mod executor;
mod image;
mod memory;
mod pipeline;
mod probe;
mod rate;
mod timing;
mod tune;
mod tuned;

pub use adapter::{AdapterFeatures, AdapterInfo, AdapterLimits, DeviceKind, Wanted, choose};
pub use probe::adapters;
#[cfg(feature = "cli")]
pub(crate) use probe::quiet_device_selection;
pub use tune::Tuning;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::executor::{DeviceInfo, ExecutorError};
use crate::kernel::{Kernel, Limits, Shader};
use crate::tensor::Element;
use cache::PipelineCache;
use device::Device;
use executor::Loaded;
use memory::{Memory, Transfer};
use pipeline::Pipelines;
use tune::{ByTest, Choices};

/// How a device is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Holds every access of every shader against the bounds, and switches the validation of the interface below on
    /// where it is installed. Slow, for tests.
    pub checked: bool,
}

/// Unchecked, unless the environment variable `THALWEG_CHECKED` is set and not `0`.
impl Default for Options {
    fn default() -> Self {
        let set = std::env::var_os("THALWEG_CHECKED");
        Self {
            checked: set.is_some_and(|value| !value.is_empty() && value != "0"),
        }
    }
}

/// How many things wgpu holds for a device, by its own count. All are zero unless this crate is built with wgpu's
/// feature `counters`, as it is for the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Buffers, those for copying included.
    pub buffers: usize,
    /// Bytes in them.
    pub buffer_bytes: usize,
    /// Allocations of memory.
    pub allocations: usize,
    /// Bind groups.
    pub bind_groups: usize,
    /// Their layouts.
    pub bind_group_layouts: usize,
    /// Compute pipelines.
    pub pipelines: usize,
    /// Their layouts.
    pub pipeline_layouts: usize,
    /// Shader modules.
    pub shader_modules: usize,
}

/// The executor on a GPU.
#[derive(Debug)]
pub struct Gpu {
    info: DeviceInfo,
    adapter: AdapterInfo,
    limits: Limits,
    checked: bool,
    plans: Vec<Loaded>,
    store: Vec<Memory>,
    pipelines: Pipelines,
    choices: Choices,
    transfer: Transfer,
    /// Values on their way back, by number: their type, and how many.
    readings: HashMap<u64, (Element, usize, memory::Reading)>,
    /// The number of the last of them.
    begun: u64,
    /// Whether the cooperative matrices have been put to the test, if there are any.
    tested: bool,
    device: Device,
}

impl Gpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// If there is none that fits, if it lacks something that the shaders need, or if its driver refuses.
    pub fn new(wanted: &Wanted, options: Options) -> Result<Self, ExecutorError> {
        let flags = if options.checked {
            wgpu::InstanceFlags::DEBUG | wgpu::InstanceFlags::VALIDATION
        } else {
            wgpu::InstanceFlags::empty()
        };
        let (infos, mut found): (Vec<_>, Vec<_>) = probe::find(flags).into_iter().unzip();
        let chosen = choose(&infos, wanted)?;
        let (adapter, wgpu) = (infos[chosen].clone(), found.swap_remove(chosen));
        let device = Device::open(&adapter, &wgpu)?;
        Ok(Self {
            info: DeviceInfo {
                executor: "gpu",
                name: adapter.name.clone(),
                backend: adapter.backend.clone(),
                driver: adapter.driver.clone(),
            },
            limits: adapter.limits(),
            adapter,
            checked: options.checked,
            plans: Vec::new(),
            store: Vec::new(),
            pipelines: Pipelines::new(options.checked),
            choices: Choices::default(),
            transfer: Transfer::default(),
            readings: HashMap::new(),
            begun: 0,
            tested: false,
            device,
        })
    }

    /// Takes compiled pipelines from a folder where earlier processes kept them, and keeps them there when this is dropped,
    /// if the adapter supports it. What goes wrong with the folder is a warning in the log: pipelines are made anew then.
    pub fn keep_pipelines_in(&mut self, folder: &Path) {
        let info = self.device.wgpu.adapter_info();
        if let Some(cache) = PipelineCache::open(&self.device, &info, folder) {
            self.pipelines.keep(cache);
        }
    }

    /// The adapter it runs on.
    pub const fn adapter(&self) -> &AdapterInfo {
        &self.adapter
    }

    /// Bytes of the buffers made for stores and plans.
    pub fn allocated(&self) -> u64 {
        let plans = self.plans.iter().map(Loaded::bytes).sum::<u64>();
        self.store.iter().map(Memory::bytes).sum::<u64>() + plans
    }

    /// How many things wgpu holds for this device.
    pub fn counters(&self) -> Counters {
        let counters = self.device.wgpu.get_internal_counters().hal;
        let count = |found: isize| usize::try_from(found).unwrap_or(0);
        Counters {
            buffers: count(counters.buffers.read()),
            buffer_bytes: count(counters.buffer_memory.read()),
            allocations: count(counters.memory_allocations.read()),
            bind_groups: count(counters.bind_groups.read()),
            bind_group_layouts: count(counters.bind_group_layouts.read()),
            pipelines: count(counters.compute_pipelines.read()),
            pipeline_layouts: count(counters.pipeline_layouts.read()),
            shader_modules: count(counters.shader_modules.read()),
        }
    }

    /// For tests: puts the text of a shader, joined and with its constants in place, through `edit` in all plans that are
    /// loaded from now on. So a test can break one line of a kernel, or replace all of it. What `edit` returns must stay
    /// within the shader's bindings, as nothing else guards them.
    #[doc(hidden)]
    pub fn replace_shader(
        &mut self,
        file: &str,
        edit: impl Fn(&str) -> String + Send + Sync + 'static,
    ) {
        self.pipelines.edit(file, Arc::new(edit));
    }

    /// For tests: lets the kernels of plans that are loaded from now on choose their shaders and grids as on a device with
    /// these limits, which must not be more than this one has. So one adapter can show what others would run.
    #[doc(hidden)]
    pub fn choose_as(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Of the candidates for a kernel, which are shaders that all do its work, takes the one of this index in plans that
    /// are loaded from now on. Without this, the first.
    pub fn choose(&mut self, choose: impl Fn(&Kernel, &[Shader]) -> usize + Send + Sync + 'static) {
        self.choices.by_test = Some(ByTest(Arc::new(choose)));
    }

    /// For tests: destroys the device, as if it had been lost. Later calls return [`ExecutorError::DeviceLost`].
    #[doc(hidden)]
    pub fn destroy(&self) {
        self.device.wgpu.destroy();
    }
}
