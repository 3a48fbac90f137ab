//! An adapter as plain data, and which of several is taken.

use std::fmt;

use crate::executor::ExecutorError;
use crate::kernel::{Limits, Parameters};

/// What an adapter must have for this engine's shaders.
const STORAGE_BUFFERS: u32 = 5;
const INVOCATIONS: u32 = 256;
const IMMEDIATES: u32 = 64;
const _: () = assert!(
    IMMEDIATES as usize == 4 * Parameters::MAX,
    "one word a parameter"
);

/// What kind of device an adapter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A GPU with its own memory.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU of a virtual machine.
    Virtual,
    /// Unknown.
    Other,
    /// A driver that runs shaders on the processor: lavapipe, `SwiftShader`, WARP.
    Software,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Other => "other",
            Self::Software => "software",
        })
    }
}

/// The limits of an adapter that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct AdapterLimits {
    /// Most workgroups in one dimension of a dispatch.
    pub workgroups: u32,
    /// Most invocations in a workgroup.
    pub invocations: u32,
    /// Memory of a workgroup, in bytes.
    pub workgroup_memory: u32,
    /// Largest storage binding, in bytes.
    pub binding: u64,
    /// Largest buffer, in bytes.
    pub buffer: u64,
    /// Most storage buffers that a shader can bind.
    pub storage_buffers: u32,
    /// Most texels in each direction of an image.
    pub image: u32,
    /// Largest immediate data of a dispatch, in bytes; 0 if there are none.
    pub immediates: u32,
}

/// The features of an adapter that matter here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AdapterFeatures {
    /// The smallest and the largest subgroup, where there are subgroups.
    pub subgroups: Option<[u32; 2]>,
    /// Half-precision numbers in shaders.
    pub f16: bool,
    /// Timestamps around compute passes.
    pub timestamps: bool,
    /// Small parameters sent with a dispatch, which the engine needs.
    pub immediates: bool,
    /// The kinds of cooperative matrices, as `m x n x k inputs accumulator`.
    pub cooperative_matrices: Vec<String>,
    /// Compiled pipelines can be kept between processes.
    pub pipeline_cache: bool,
}

/// An adapter, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AdapterInfo {
    /// Its number, for [`Wanted::Index`].
    pub index: usize,
    /// Its name.
    pub name: String,
    /// The interface it is reached by, such as `Vulkan`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// The vendor's name, or its number where the name is not known here.
    pub vendor: String,
    /// What kind of device it is.
    pub kind: DeviceKind,
    /// Its limits.
    pub limits: AdapterLimits,
    /// Its features.
    pub features: AdapterFeatures,
    /// What it lacks to run this engine; nothing for an adapter that can.
    pub lacks: Option<String>,
}

/// Whether a driver that runs shaders on the processor compiles a load from an image into the shader, as Mesa 22 does. Mesa
/// 25 calls a function for each, and a product by images then has a fifth of the speed (see `benches/NOTES.md`); what lies
/// between was not measured.
fn loads_images_inline(driver: &str) -> bool {
    let version = driver.split_once("Mesa ").map(|(_, version)| version);
    let major = version.and_then(|version| version.split('.').next());
    major
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major <= 22)
}

impl AdapterInfo {
    /// Whether shaders run on the processor.
    pub fn is_software(&self) -> bool {
        self.kind == DeviceKind::Software
    }

    /// Whether it has the cooperative matrices that a product of f16 wants: 16 x 16 x 16, with sums in f32, on subgroups of
    /// 32.
    pub fn has_cooperative_products(&self) -> bool {
        let kinds = &self.features.cooperative_matrices;
        self.features.f16
            && self.features.subgroups == Some([32, 32])
            && kinds.iter().any(|kind| kind == "16x16x16 f16 f32")
    }

    /// What plans and kernels need to know of it.
    pub fn limits(&self) -> Limits {
        let only = |[smallest, largest]: [u32; 2]| (smallest == largest).then_some(largest);
        Limits {
            workgroups: self.limits.workgroups,
            // Shaders count in 32 bits, bytes of pixels too. Metal's limit is larger.
            binding: self.limits.binding.min((1 << 32) - 16),
            buffer: self.limits.buffer,
            subgroup: self.features.subgroups.and_then(only),
            turns: if self.is_software() { 65_535 } else { u64::MAX },
            software: self.is_software(),
            half: self.features.f16,
            // Not before they have passed the self-test.
            cooperative: false,
            image: if self.is_software() && !loads_images_inline(&self.driver) {
                0
            } else {
                self.limits.image
            },
            invocations: self.limits.invocations,
            workgroup_memory: self.limits.workgroup_memory,
            fill: if self.is_software() { 1 } else { Limits::FILL },
        }
    }

    pub(super) fn lacking(&self) -> Option<String> {
        let enough = |what: &str, has: u32, needed: u32| {
            (has < needed).then(|| format!("{what}: it has {has}, {needed} are needed"))
        };
        if !self.features.immediates {
            return Some("immediate data".to_owned());
        }
        enough(
            "bytes of immediate data",
            self.limits.immediates,
            IMMEDIATES,
        )
        .or_else(|| {
            enough(
                "storage buffers in a shader",
                self.limits.storage_buffers,
                STORAGE_BUFFERS,
            )
        })
        .or_else(|| {
            enough(
                "invocations in a workgroup",
                self.limits.invocations,
                INVOCATIONS,
            )
        })
    }

    /// Whether this is the device that `other` is, reached by another interface.
    pub(super) fn duplicates(&self, other: &Self) -> bool {
        self.backend != other.backend && self.name.eq_ignore_ascii_case(&other.name)
    }
}

/// One line, as in a list of devices.
impl fmt::Display for AdapterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({}, {})",
            self.index, self.name, self.backend, self.kind
        )
    }
}

/// Which adapter is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The best GPU; never a software adapter.
    Best,
    /// The best GPU, or a software adapter if there is no GPU.
    Any,
    /// The adapter of this number.
    Index(usize),
    /// The first adapter whose name contains this, in lower or upper case.
    Name(String),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("a GPU that is not software"),
            Self::Any => f.write_str("gpu"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Which of these adapters is taken: its place in the list. Of several that fit, a discrete GPU comes before an
/// integrated one, and what lacks something that is needed is not taken.
///
/// # Errors
/// If none fits, with a list of those there are; or if the one that was named cannot run this engine.
pub fn choose(adapters: &[AdapterInfo], wanted: &Wanted) -> Result<usize, ExecutorError> {
    let best = |software: bool| {
        let able = |a: &&AdapterInfo| a.lacks.is_none() && (software || !a.is_software());
        adapters
            .iter()
            .filter(able)
            .min_by_key(|a| (a.kind as u8, a.index))
    };
    let named = |name: &str| {
        let name = name.to_lowercase();
        adapters
            .iter()
            .find(|a| a.name.to_lowercase().contains(&name))
    };
    let found = match wanted {
        Wanted::Best => best(false),
        Wanted::Any => best(true),
        Wanted::Index(index) => adapters.iter().find(|a| a.index == *index),
        Wanted::Name(name) => named(name),
    };
    let found = found.ok_or_else(|| ExecutorError::NoDevice {
        wanted: wanted.to_string(),
        known: list(adapters),
    })?;
    match &found.lacks {
        Some(lacks) => Err(ExecutorError::Device {
            device: found.name.clone(),
            cause: format!("this adapter lacks {lacks}; use another, or `--device cpu`"),
        }),
        None => Ok(adapters
            .iter()
            .position(|a| a.index == found.index)
            .expect("it was found in this list")),
    }
}

fn list(adapters: &[AdapterInfo]) -> String {
    if adapters.is_empty() {
        return "none (no driver for Vulkan, Metal or DirectX 12 was found; \
                on Linux install the GPU's Vulkan driver, or mesa-vulkan-drivers)"
            .to_owned();
    }
    let line = |a: &AdapterInfo| match &a.lacks {
        Some(lacks) => format!("{a}, which lacks {lacks}"),
        None => a.to_string(),
    };
    adapters.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(index: usize, name: &str, kind: DeviceKind) -> AdapterInfo {
        AdapterInfo {
            index,
            name: name.to_owned(),
            backend: "Vulkan".to_owned(),
            driver: String::new(),
            vendor: String::new(),
            kind,
            limits: AdapterLimits {
                workgroups: 65_535,
                invocations: 1024,
                workgroup_memory: 32 << 10,
                binding: 1 << 30,
                buffer: 1 << 30,
                storage_buffers: 8,
                image: 8192,
                immediates: 128,
            },
            features: AdapterFeatures {
                subgroups: Some([8, 8]),
                f16: false,
                timestamps: true,
                immediates: true,
                cooperative_matrices: Vec::new(),
                pipeline_cache: true,
            },
            lacks: None,
        }
    }

    #[test]
    fn images_are_for_software_that_loads_them_inline() {
        let image = |kind, driver: &str| {
            let mut adapter = adapter(0, "one", kind);
            driver.clone_into(&mut adapter.driver);
            adapter.limits().image
        };
        assert_eq!(
            image(DeviceKind::Software, "llvmpipe Mesa 22.3.6 (LLVM 15.0.6)"),
            8192
        );
        for newer in [
            "llvmpipe Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)",
            "Mesa next",
            "SwiftShader 5.0",
            "",
        ] {
            assert_eq!(image(DeviceKind::Software, newer), 0, "{newer}");
        }
        assert_eq!(image(DeviceKind::Discrete, "radv Mesa 25.0.7"), 8192);
    }

    fn machine() -> Vec<AdapterInfo> {
        vec![
            adapter(0, "llvmpipe", DeviceKind::Software),
            adapter(1, "Small Graphics", DeviceKind::Integrated),
            adapter(2, "Large Graphics", DeviceKind::Discrete),
        ]
    }

    #[test]
    fn a_discrete_gpu_comes_first_and_software_last() {
        let mut adapters = machine();
        for expected in [2, 1, 0] {
            let found = choose(&adapters, &Wanted::Any).expect("there is one");
            assert_eq!(adapters[found].index, expected, "of {adapters:?}");
            adapters.remove(found);
        }
        let error = choose(&adapters, &Wanted::Any).expect_err("none is left");
        assert!(
            matches!(&error, ExecutorError::NoDevice { known, .. } if known.contains("none")),
            "found {error}"
        );
    }

    #[test]
    fn software_is_never_the_best() {
        let error = choose(&machine()[..1], &Wanted::Best).expect_err("only software is there");
        assert!(
            error.to_string().contains("0: llvmpipe (Vulkan, software)"),
            "the list is missing: {error}"
        );
    }

    #[test]
    fn names_are_found_by_a_part_in_any_case() {
        let name = |name: &str| choose(&machine(), &Wanted::Name(name.to_owned()));
        assert_eq!(name("LARGE").expect("a name"), 2, "in another case");
        assert_eq!(name("graphics").expect("two names"), 1, "the first of two");
        assert!(
            matches!(name("medium"), Err(ExecutorError::NoDevice { .. })),
            "no such name"
        );
        assert!(
            matches!(
                choose(&machine(), &Wanted::Index(3)),
                Err(ExecutorError::NoDevice { .. })
            ),
            "no such number"
        );
    }

    #[test]
    fn an_adapter_that_lacks_something_is_passed_over_and_refused_by_name() {
        let mut adapters = machine();
        adapters[2].limits.immediates = 32;
        adapters[2].lacks = adapters[2].lacking();
        assert_eq!(choose(&adapters, &Wanted::Best).expect("another"), 1);
        let error = choose(&adapters, &Wanted::Index(2)).expect_err("it lacks immediates");
        assert!(error.to_string().contains("32, 64 are needed"), "{error}");
    }

    #[test]
    fn kernels_hear_of_a_subgroup_only_if_it_has_one_size() {
        let mut adapter = adapter(0, "one", DeviceKind::Discrete);
        assert_eq!(adapter.limits().subgroup, Some(8));
        adapter.features.subgroups = Some([8, 32]);
        assert_eq!(adapter.limits().subgroup, None);
    }

    /// Metal's largest binding is all of its memory.
    #[test]
    fn kernels_never_count_beyond_32_bits() {
        let mut adapter = adapter(0, "one", DeviceKind::Integrated);
        adapter.limits.binding = 96 << 30;
        assert_eq!(adapter.limits().binding, (1 << 32) - 16);
    }
}
