//! Looks for the adapters of this machine and describes them.

use super::adapter::{AdapterFeatures, AdapterInfo, AdapterLimits, DeviceKind};

/// The adapters of this machine. A GPU that is reached through several interfaces is listed once.
pub fn adapters() -> Vec<AdapterInfo> {
    let found = find(wgpu::InstanceFlags::empty());
    found.into_iter().map(|(info, _)| info).collect()
}

/// Keeps Mesa's device-select layer out, which has nothing to select here and complains on standard error where there is
/// no desktop session. A variable that is set already stays as it is. To be called by `main` before all else.
#[cfg(feature = "cli")]
#[expect(
    unsafe_code,
    reason = "the layer knows no other switch than its variable"
)]
pub(crate) fn quiet_device_selection() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none()
        && std::env::var_os("NODEVICE_SELECT").is_none()
    {
        // SAFETY: `main` has started no thread yet, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// All adapters, each device once, numbered.
pub(super) fn find(flags: wgpu::InstanceFlags) -> Vec<(AdapterInfo, wgpu::Adapter)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        flags,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let mut kept: Vec<(AdapterInfo, wgpu::Adapter)> = Vec::new();
    let mut adapters: Vec<_> = adapters
        .into_iter()
        .map(|adapter| (describe(0, &adapter), adapter))
        .collect();
    adapters.sort_by_key(|(_, adapter)| preference(adapter.get_info().backend));
    for (info, adapter) in adapters {
        if kept.iter().any(|(other, _)| info.duplicates(other)) {
            continue;
        }
        let index = kept.len();
        kept.push((AdapterInfo { index, ..info }, adapter));
    }
    kept
}

fn describe(index: usize, adapter: &wgpu::Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    let mut found = AdapterInfo {
        index,
        name: info.name.clone(),
        backend: backend_name(info.backend).to_owned(),
        driver: format!("{} {}", info.driver, info.driver_info)
            .trim()
            .to_owned(),
        vendor: vendor_name(info.vendor),
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
            wgpu::DeviceType::VirtualGpu => DeviceKind::Virtual,
            wgpu::DeviceType::Cpu => DeviceKind::Software,
            wgpu::DeviceType::Other => DeviceKind::Other,
        },
        limits: limits(&adapter.limits()),
        features: features(adapter, &info),
        lacks: None,
    };
    found.lacks = found.lacking();
    found
}

/// The interface that a device is reached by if there are several: the smallest.
const fn preference(backend: wgpu::Backend) -> u8 {
    match backend {
        wgpu::Backend::Vulkan => 0,
        wgpu::Backend::Metal => 1,
        wgpu::Backend::Dx12 => 2,
        _ => 3,
    }
}

const fn backend_name(backend: wgpu::Backend) -> &'static str {
    match backend {
        wgpu::Backend::Vulkan => "Vulkan",
        wgpu::Backend::Metal => "Metal",
        wgpu::Backend::Dx12 => "DirectX 12",
        wgpu::Backend::Gl => "OpenGL",
        wgpu::Backend::BrowserWebGpu => "WebGPU",
        wgpu::Backend::Noop => "none",
    }
}

/// PCI's numbers of vendors, and Khronos' number of Mesa.
fn vendor_name(vendor: u32) -> String {
    match vendor {
        0x1002 | 0x1022 => "AMD".to_owned(),
        0x106b => "Apple".to_owned(),
        0x10de => "NVIDIA".to_owned(),
        0x13b5 => "Arm".to_owned(),
        0x1414 => "Microsoft".to_owned(),
        0x1ae0 => "Google".to_owned(),
        0x5143 => "Qualcomm".to_owned(),
        0x8086 => "Intel".to_owned(),
        0x1_0005 => "Mesa".to_owned(),
        0 => "unknown".to_owned(),
        _ => format!("{vendor:#06x}"),
    }
}

const fn limits(limits: &wgpu::Limits) -> AdapterLimits {
    AdapterLimits {
        workgroups: limits.max_compute_workgroups_per_dimension,
        invocations: limits.max_compute_invocations_per_workgroup,
        workgroup_memory: limits.max_compute_workgroup_storage_size,
        binding: limits.max_storage_buffer_binding_size,
        buffer: limits.max_buffer_size,
        image: limits.max_texture_dimension_2d,
        storage_buffers: limits.max_storage_buffers_per_shader_stage,
        immediates: limits.max_immediate_size,
    }
}

fn features(adapter: &wgpu::Adapter, info: &wgpu::AdapterInfo) -> AdapterFeatures {
    use wgpu::Features;
    let features = adapter.features();
    let matrices = adapter.cooperative_matrix_properties();
    let kind = |p: &wgpu::CooperativeMatrixProperties| {
        format!(
            "{}x{}x{} {:?} {:?}",
            p.m_size, p.n_size, p.k_size, p.ab_type, p.cr_type
        )
        .to_lowercase()
    };
    AdapterFeatures {
        subgroups: features
            .contains(Features::SUBGROUP)
            .then_some([info.subgroup_min_size, info.subgroup_max_size]),
        f16: features.contains(Features::SHADER_F16),
        timestamps: features.contains(Features::TIMESTAMP_QUERY),
        immediates: features.contains(Features::IMMEDIATES),
        cooperative_matrices: if features.contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
            matrices.iter().map(kind).collect()
        } else {
            Vec::new()
        },
        pipeline_cache: features.contains(Features::PIPELINE_CACHE),
    }
}
