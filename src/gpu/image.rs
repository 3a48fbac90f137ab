//! Images: copies of tensors that some drivers read faster than the buffers they lie in.

use super::device::Device;
use crate::executor::ExecutorError;
use crate::kernel;

/// Bytes of a texel: four reals.
const TEXEL: u64 = 16;
/// An image of a tensor.
#[derive(Debug)]
pub(super) struct Image {
    texture: wgpu::Texture,
    pub(super) view: wgpu::TextureView,
    pub(super) bytes: u64,
    /// Texels in a line, whole lines, and texels in the line behind them.
    line: u32,
    lines: u32,
    rest: u32,
}

impl Image {
    /// An image for a tensor of `len` reals.
    pub(super) fn new(
        device: &Device,
        image: &kernel::Image,
        len: usize,
    ) -> Result<Self, ExecutorError> {
        let (line, bytes) = (image.line, image.bytes(len));
        let [width, height] = image.size(len);
        let texels = u32::try_from(len / 4).unwrap_or(u32::MAX);
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
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        device.check_memory(bytes, "an image of a matrix")?;
        Ok(Self {
            texture,
            view,
            bytes,
            line,
            lines: texels / line,
            rest: texels % line,
        })
    }

    /// Copies the tensor that begins at byte `start` of a buffer.
    pub(super) fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        buffer: &wgpu::Buffer,
        start: u64,
    ) {
        let line_bytes = u64::from(self.line) * TEXEL;
        let parts = [(0, self.line, self.lines), (self.lines, self.rest, 1)];
        for (y, width, height) in parts {
            if width == 0 || height == 0 {
                continue;
            }
            let source = wgpu::TexelCopyBufferInfo {
                buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: start + u64::from(y) * line_bytes,
                    bytes_per_row: (height > 1).then_some(self.line * 16),
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
