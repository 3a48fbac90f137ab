//! Pipelines: made once for a shader file and its constants, and shared by all plans.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::device::{Device, Fault};
use crate::executor::ExecutorError;
use crate::kernel::{Access, Binding, Constant, Kernel, Shader, SourceError, parts, source};

/// Changes the text of a shader.
type Edit = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A pipeline, and the layout of what it binds.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) bindings: wgpu::BindGroupLayout,
}

/// What a pipeline is made of: the files, and the constants in them.
type Key = (Vec<&'static str>, Vec<Constant>);

/// All pipelines of a device.
#[derive(Default)]
pub(super) struct Pipelines {
    checked: bool,
    made: Vec<Pipeline>,
    known: HashMap<Key, usize>,
    edits: HashMap<String, Edit>,
}

impl Pipelines {
    /// No pipelines yet. The shaders are `checked` if every access is to be held against the bounds.
    pub(super) fn new(checked: bool) -> Self {
        Self {
            checked,
            ..Self::default()
        }
    }

    /// Changes a file's text, its constants already in place, in the pipelines that are made from now on.
    pub(super) fn edit(&mut self, file: &str, edit: Edit) {
        self.edits.insert(file.to_owned(), edit);
        self.known.retain(|(parts, _), _| !parts.contains(&file));
    }

    /// A pipeline by its number.
    pub(super) fn get(&self, index: usize) -> &Pipeline {
        &self.made[index]
    }

    /// The number of the pipeline that does a kernel's work.
    pub(super) fn of(
        &mut self,
        device: &Device,
        kernel: &Kernel,
        shader: &Shader,
    ) -> Result<usize, ExecutorError> {
        let refused = |cause: SourceError| ExecutorError::Shader {
            file: shader.file.to_owned(),
            cause: cause.to_string(),
        };
        let parts = parts(shader).map_err(refused)?;
        let edits: Vec<_> = parts
            .iter()
            .filter_map(|&part| self.edits.get(part))
            .collect();
        let key = (parts, shader.constants.clone());
        if let Some(&index) = self.known.get(&key) {
            return Ok(index);
        }
        let text = source(shader).map_err(refused)?;
        let text = edits.into_iter().fold(text, |text, edit| edit(&text));
        let pipeline = make(
            device,
            shader.file,
            text,
            &read_only(&kernel.bindings()),
            size_of_val(kernel.spec().parameters().words()),
            self.checked,
        )?;
        self.made.push(pipeline);
        self.known.insert(key, self.made.len() - 1);
        Ok(self.made.len() - 1)
    }
}

impl fmt::Debug for Pipelines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipelines")
            .field("checked", &self.checked)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

/// Which bindings are only read.
fn read_only(bindings: &[Binding]) -> Vec<bool> {
    bindings.iter().map(|b| b.access == Access::Read).collect()
}

/// Makes a pipeline whose bindings are only read where `read_only` says so, and which gets `immediates` bytes.
pub(super) fn make(
    device: &Device,
    file: &str,
    text: String,
    read_only: &[bool],
    immediates: usize,
    checked: bool,
) -> Result<Pipeline, ExecutorError> {
    let check = || -> Result<(), ExecutorError> {
        match device.fault()? {
            Some(Fault::OutOfMemory(cause) | Fault::Other(cause)) => Err(ExecutorError::Shader {
                file: file.to_owned(),
                cause,
            }),
            None => Ok(()),
        }
    };
    let checks = if checked {
        wgpu::ShaderRuntimeChecks::checked()
    } else {
        wgpu::ShaderRuntimeChecks::unchecked()
    };
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(file),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    };
    #[expect(
        unsafe_code,
        reason = "trusted modules are not checked at run time; the kernels guard themselves"
    )]
    // SAFETY: every shader of this crate guards its own loads, stores, divisions and loops. The tests hold that by running
    // all kernels at the edges of their tiles, with guards behind the outputs and NaN behind the inputs. Checked modules
    // are no proof of it: where a driver has robust buffer access, wgpu leaves buffers to the driver.
    let module = unsafe { device.wgpu.create_shader_module_trusted(descriptor, checks) };
    check()?;

    let entry = |(binding, &read_only): (u32, &bool)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = (0..).zip(read_only).map(entry).collect();
    let bindings = device
        .wgpu
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(file),
            entries: &entries,
        });
    let layout = device
        .wgpu
        .create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(file),
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: u32::try_from(immediates).unwrap_or(u32::MAX),
        });
    let pipeline = device
        .wgpu
        .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(file),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: None,
        });
    check()?;
    Ok(Pipeline { pipeline, bindings })
}

/// Binds ranges of buffers, each a first byte and a number of bytes, in order.
pub(super) fn bind<'a>(
    device: &Device,
    pipeline: &Pipeline,
    ranges: &[(&'a wgpu::Buffer, u64, u64)],
) -> Result<wgpu::BindGroup, ExecutorError> {
    let entry = |(binding, range): (u32, &(&'a wgpu::Buffer, u64, u64))| {
        let &(buffer, offset, size) = range;
        let size = wgpu::BufferSize::new(size);
        wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset,
                size,
            }),
        }
    };
    let entries: Vec<_> = (0..).zip(ranges).map(entry).collect();
    let group = device.wgpu.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.bindings,
        entries: &entries,
    });
    device.check()?;
    Ok(group)
}
