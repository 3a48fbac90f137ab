//! Images: copies of tensors that some drivers read faster than the buffers they lie in.

use super::device::Device;
use super::pipeline::{Bound, Pipeline, bind};
use crate::executor::ExecutorError;
use crate::kernel::{self, WORKGROUP};

/// The shader that fills images, its text, and the bytes of its immediates.
pub(super) const FILLER: &str = "image_rows";
pub(super) const TEXT: &str = include_str!("../../shaders/image_rows.wgsl");
pub(super) const IMMEDIATES: usize = 12;

/// Workgroups that fill an image: any device takes so many, and the shader's loop does the rest.
const MOST_GROUPS: u32 = 65_535;

/// Bytes of a texel: four reals.
const TEXEL: u64 = 16;

/// An image of a tensor.
#[derive(Debug)]
pub(super) struct Image {
    texture: wgpu::Texture,
    pub(super) view: wgpu::TextureView,
    pub(super) bytes: u64,
    /// Texels in a row, rows, and rows in a line.
    texels: u32,
    rows: u32,
    per_line: u32,
    fill: Option<Fill>,
}

/// How a tensor comes into its image whose rows are no whole texels, which cannot be copied.
#[derive(Debug)]
struct Fill {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    columns: u32,
}

impl Image {
    /// An image for the tensor of `len` reals that is bound so. If its rows are no whole texels, `filler` brings it there.
    pub(super) fn new(
        device: &Device,
        image: &kernel::Image,
        len: usize,
        (filler, tensor): (Option<&Pipeline>, Bound<'_>),
    ) -> Result<Self, ExecutorError> {
        let [width, height] = image.size(len);
        let texture = device.wgpu.create_texture(&wgpu::TextureDescriptor {
            label: Some("image"),
            size: wgpu::Extent3d {
                width,
                height,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba32Float,
            // An image that is filled is not copied to, but wgpu clears it at first: without this by drawing, after
            // which Mesa's software driver takes timestamps at the wrong time.
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let bytes = image.bytes(len);
        device.check_memory(bytes, "an image of a matrix")?;
        let fill = |filler: &Pipeline| {
            Ok::<_, ExecutorError>(Fill {
                pipeline: filler.pipeline.clone(),
                bindings: bind(device, filler, &[tensor, Bound::Image(&view)])?,
                columns: image.row,
            })
        };
        Ok(Self {
            fill: filler.map(fill).transpose()?,
            texture,
            view,
            bytes,
            texels: image.texels(),
            rows: image.rows(len),
            per_line: image.per_line,
        })
    }

    /// Whether it is filled by a dispatch, not copied.
    pub(super) const fn is_filled(&self) -> bool {
        self.fill.is_some()
    }

    /// Fills the image, if it is not one that is copied.
    pub(super) fn fill(&self, pass: &mut wgpu::ComputePass<'_>) {
        if let Some(fill) = &self.fill {
            pass.set_pipeline(&fill.pipeline);
            pass.set_bind_group(0, &fill.bindings, &[]);
            let parameters = [self.rows, fill.columns, self.per_line];
            pass.set_immediates(0, bytemuck::cast_slice(&parameters));
            let groups = (self.rows * self.texels).div_ceil(WORKGROUP);
            pass.dispatch_workgroups(groups.clamp(1, MOST_GROUPS), 1, 1);
        }
    }

    /// Copies the tensor that begins at byte `start` of a buffer, if the image is not one that is filled.
    pub(super) fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        buffer: &wgpu::Buffer,
        start: u64,
    ) {
        let line = self.per_line * self.texels;
        let (lines, rest) = (
            self.rows / self.per_line,
            self.rows % self.per_line * self.texels,
        );
        let line_bytes = u64::from(line) * TEXEL;
        for (y, width, height) in [(0, line, lines), (lines, rest, 1)] {
            if width == 0 || height == 0 || self.is_filled() {
                continue;
            }
            let source = wgpu::TexelCopyBufferInfo {
                buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: start + u64::from(y) * line_bytes,
                    bytes_per_row: (height > 1).then_some(line * 16),
                    rows_per_image: None,
                },
            };
            let target = wgpu::TexelCopyTextureInfo {
                texture: &self.texture,
                mip_level: 0,
                origin: wgpu::Origin3d { x: 0, y, z: 0 },
                aspect: wgpu::TextureAspect::All,
            };
            let size = wgpu::Extent3d {
                width,
                height,
                depth_or_array_layers: 1,
            };
            encoder.copy_buffer_to_texture(source, target, size);
        }
    }
}
