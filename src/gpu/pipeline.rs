//! Pipelines: made once for a shader file and its constants, and shared by all plans.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cache::PipelineCache;
use super::device::Device;
use super::image;
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
    /// What fills images that nothing can be copied to, once one is wanted.
    filler: Option<Pipeline>,
    cache: Option<PipelineCache>,
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
        self.filler = None;
    }

    /// Takes pipelines from a cache where it has them, and adds what is made.
    pub(super) fn keep(&mut self, cache: PipelineCache) {
        self.cache = Some(cache);
    }

    /// Makes the pipeline that fills images, unless it is there.
    pub(super) fn make_filler(&mut self, device: &Device) -> Result<(), ExecutorError> {
        if self.filler.is_none() {
            let edit = self.edits.get(image::FILLER);
            let text = edit.map_or(image::TEXT.to_owned(), |edit| edit(image::TEXT));
            let slots = [Slot::Read, Slot::WrittenImage];
            let with = (self.checked, self.cache.as_ref());
            let made = make(device, image::FILLER, text, &slots, image::IMMEDIATES, with)?;
            self.filler = Some(made);
        }
        Ok(())
    }

    /// The pipeline that fills images, if one was wanted.
    pub(super) const fn filler(&self) -> Option<&Pipeline> {
        self.filler.as_ref()
    }

    /// A pipeline by its number.
    pub(super) fn get(&self, index: usize) -> &Pipeline {
        &self.made[index]
    }

    /// The numbers of the pipelines that do these kernels' work, each with the shader it chose. Those that are not there
    /// yet are made side by side: a driver takes some 10 ms for one.
    pub(super) fn of(
        &mut self,
        device: &Device,
        wanted: &[(Kernel, Shader)],
    ) -> Result<Vec<usize>, ExecutorError> {
        let keys = wanted.iter().map(|(_, shader)| key(shader));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let mut missing: Vec<usize> = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            if !self.known.contains_key(key) && !missing.iter().any(|&other| keys[other] == *key) {
                missing.push(at);
            }
        }
        let made = side_by_side(&missing, |&at| self.make(device, &wanted[at], &keys[at]));
        for (at, pipeline) in missing.into_iter().zip(made) {
            self.made.push(pipeline?);
            self.known.insert(keys[at].clone(), self.made.len() - 1);
        }
        Ok(keys.iter().map(|key| self.known[key]).collect())
    }

    fn make(
        &self,
        device: &Device,
        (kernel, shader): &(Kernel, Shader),
        (parts, _): &Key,
    ) -> Result<Pipeline, ExecutorError> {
        let edits = parts.iter().filter_map(|&part| self.edits.get(part));
        let text = source(shader).map_err(|cause| refused(shader, &cause))?;
        make(
            device,
            shader.file,
            edits.fold(text, |text, edit| edit(&text)),
            &slots(&kernel.bindings(), shader),
            size_of_val(kernel.spec().parameters().words()),
            (self.checked, self.cache.as_ref()),
        )
    }
}

fn key(shader: &Shader) -> Result<Key, ExecutorError> {
    let parts = parts(shader).map_err(|cause| refused(shader, &cause))?;
    Ok((parts, shader.constants.clone()))
}

fn refused(shader: &Shader, cause: &SourceError) -> ExecutorError {
    ExecutorError::Shader {
        file: shader.file.to_owned(),
        cause: cause.to_string(),
    }
}

/// `work` on each of the items, on as many threads as there are cores, in the order of the items.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let worker = || -> Vec<(usize, R)> {
        let mut done = Vec::new();
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(at)
        {
            done.push((at, work(item)));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(items.len()))
            .map(|_| scope.spawn(worker))
            .collect();
        let mut done = worker();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|&(at, _)| at);
    done.into_iter().map(|(_, result)| result).collect()
}

impl fmt::Debug for Pipelines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipelines")
            .field("checked", &self.checked)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

/// What a shader binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// A buffer that is only read.
    Read,
    /// A buffer that is written.
    Write,
    /// An image that is read.
    Image,
    /// An image that is written.
    WrittenImage,
}

fn slots(bindings: &[Binding], shader: &Shader) -> Vec<Slot> {
    let slot = |(at, binding): (usize, &Binding)| {
        if shader.images.iter().any(|image| image.binding == at) {
            Slot::Image
        } else if binding.access == Access::Read {
            Slot::Read
        } else {
            Slot::Write
        }
    };
    bindings.iter().enumerate().map(slot).collect()
}

impl Slot {
    fn layout(self) -> wgpu::BindingType {
        let image = |access| wgpu::BindingType::StorageTexture {
            access,
            format: wgpu::TextureFormat::Rgba32Float,
            view_dimension: wgpu::TextureViewDimension::D2,
        };
        let read_only = match self {
            Self::Image => return image(wgpu::StorageTextureAccess::ReadOnly),
            Self::WrittenImage => return image(wgpu::StorageTextureAccess::WriteOnly),
            Self::Read => true,
            Self::Write => false,
        };
        wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: None,
        }
    }
}

/// Makes a pipeline that binds `slots` and gets `immediates` bytes.
pub(super) fn make(
    device: &Device,
    file: &str,
    text: String,
    slots: &[Slot],
    immediates: usize,
    (checked, cache): (bool, Option<&PipelineCache>),
) -> Result<Pipeline, ExecutorError> {
    let checks = if checked {
        wgpu::ShaderRuntimeChecks::checked()
    } else {
        wgpu::ShaderRuntimeChecks::unchecked()
    };
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(file),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    };
    let module = device.scoped(file, || {
        #[expect(
            unsafe_code,
            reason = "trusted modules are not checked at run time; the kernels guard themselves"
        )]
        // SAFETY: every shader of this crate guards its own loads, stores, divisions and loops. The tests hold that by
        // running all kernels at the edges of their tiles, with guards behind the outputs and NaN behind the inputs.
        // Checked modules are no proof of it: where a driver has robust buffer access, wgpu leaves buffers to the driver.
        unsafe {
            device.wgpu.create_shader_module_trusted(descriptor, checks)
        }
    })?;
    let entry = |(binding, slot): (u32, &Slot)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: slot.layout(),
        count: None,
    };
    let entries: Vec<_> = (0..).zip(slots).map(entry).collect();
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
    let descriptor = wgpu::ComputePipelineDescriptor {
        label: Some(file),
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..wgpu::PipelineCompilationOptions::default()
        },
        cache: cache.map(PipelineCache::get),
    };
    let pipeline = device.scoped(file, || device.wgpu.create_compute_pipeline(&descriptor))?;
    Ok(Pipeline { pipeline, bindings })
}

/// What is bound to a slot: a range of a buffer, as its first byte and its number of bytes, or an image.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound<'a> {
    Range(&'a wgpu::Buffer, u64, u64),
    Image(&'a wgpu::TextureView),
}

/// Binds buffers and images, in order.
pub(super) fn bind(
    device: &Device,
    pipeline: &Pipeline,
    bound: &[Bound<'_>],
) -> Result<wgpu::BindGroup, ExecutorError> {
    let entries: Vec<_> = (0..)
        .zip(bound)
        .map(|(binding, &bound)| wgpu::BindGroupEntry {
            binding,
            resource: match bound {
                Bound::Image(view) => wgpu::BindingResource::TextureView(view),
                Bound::Range(buffer, offset, size) => {
                    wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer,
                        offset,
                        size: wgpu::BufferSize::new(size),
                    })
                }
            },
        })
        .collect();
    let group = device.wgpu.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.bindings,
        entries: &entries,
    });
    device.check()?;
    Ok(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        let squares = side_by_side(&items, |&i| i * i);
        assert_eq!(squares, items.iter().map(|i| i * i).collect::<Vec<_>>());
        assert_eq!(side_by_side(&[] as &[u8], |_| ()), [], "no item");
    }
}
