//! Buffers on the device, and the way of values into them and back.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::device::Device;
use crate::executor::{Data, ExecutorError};
use crate::plan::Place;
use crate::tensor::Element;

/// Most bytes on their way at once. wgpu copies what is written, and the copies stay until the device has taken them.
const CHUNK: usize = 32 << 20;

/// The smallest buffer for reading back, in bytes.
const SMALLEST_STAGING: u64 = 4 << 10;
/// Most buffers that are kept for reading back.
const MOST_STAGING: usize = 8;

/// A buffer on the device. Cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) buffer: wgpu::Buffer,
    pub(super) element: Element,
    pub(super) len: usize,
}

impl Memory {
    /// A buffer of zeros. `largest` is the device's limit.
    pub(super) fn new(
        device: &Device,
        element: Element,
        len: usize,
        largest: u64,
        what: &str,
    ) -> Result<Self, ExecutorError> {
        let bytes = (len as u64)
            .saturating_mul(element.size() as u64)
            .checked_next_multiple_of(16)
            .unwrap_or(u64::MAX);
        if bytes > largest {
            let cause = format!("its largest buffer takes {largest} bytes");
            return Err(device.out_of_memory(bytes, what, cause));
        }
        let buffer = device.wgpu.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::COPY_SRC
                | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        device.check_memory(bytes, what)?;
        Ok(Self {
            buffer,
            element,
            len,
        })
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.buffer.size()
    }

    /// # Panics
    /// If a place is not inside: it belongs to another store or plan.
    pub(super) fn hold(&self, place: Place) {
        assert!(
            place.offset + place.len <= self.len,
            "{place:?} is not in a buffer of {} elements: it is of another store or plan",
            self.len
        );
    }
}

/// `len` values whose bytes are read.
pub(super) fn values(
    element: Element,
    len: usize,
    read: impl FnOnce(&mut [u8]) -> Result<(), ExecutorError>,
) -> Result<Data, ExecutorError> {
    Ok(match element {
        Element::F32 => {
            let mut values = vec![0.0_f32; len];
            read(bytemuck::cast_slice_mut(&mut values))?;
            Data::F32(values)
        }
        Element::F16 => {
            let mut values = vec![f16::ZERO; len];
            read(bytemuck::cast_slice_mut(values.reinterpret_cast_mut()))?;
            Data::F16(values)
        }
        Element::U32 => {
            let mut values = vec![0_u32; len];
            read(bytemuck::cast_slice_mut(&mut values))?;
            Data::U32(values)
        }
        Element::U8 => {
            let mut values = vec![0_u8; len];
            read(&mut values)?;
            Data::U8(values)
        }
    })
}

/// What writes to buffers and reads from them.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    /// Bytes written since the last submission.
    pending: usize,
    /// Buffers for reading back that are not in use.
    staging: Vec<wgpu::Buffer>,
}

impl Transfer {
    /// Fills a buffer with one real.
    pub(super) fn fill(
        &mut self,
        device: &mut Device,
        memory: &Memory,
        value: f32,
    ) -> Result<(), ExecutorError> {
        let words = vec![value; memory.len.min(CHUNK / 4)];
        for start in (0..memory.len).step_by(words.len().max(1)) {
            let words = &words[..words.len().min(memory.len - start)];
            let start = start as u64 * 4;
            self.upload(device, &memory.buffer, start, bytemuck::cast_slice(words))?;
        }
        Ok(())
    }

    /// Writes bytes from byte `start` on. Devices write whole words, so a word at the edge is read first if only a part
    /// of it is to change.
    pub(super) fn write(
        &mut self,
        device: &mut Device,
        buffer: &wgpu::Buffer,
        start: u64,
        bytes: &[u8],
    ) -> Result<(), ExecutorError> {
        let before = bytes.len().min(((4 - start % 4) % 4) as usize);
        let (head, rest) = bytes.split_at(before);
        let (words, tail) = rest.split_at(rest.len() / 4 * 4);
        self.patch(device, buffer, start, head)?;
        self.upload(device, buffer, start + head.len() as u64, words)?;
        let end = start + (head.len() + words.len()) as u64;
        self.patch(device, buffer, end, tail)
    }

    /// Changes bytes of one word.
    fn patch(
        &mut self,
        device: &mut Device,
        buffer: &wgpu::Buffer,
        start: u64,
        bytes: &[u8],
    ) -> Result<(), ExecutorError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (word_start, at) = (start / 4 * 4, (start % 4) as usize);
        let mut word = [0; 4];
        self.read(device, buffer, word_start, &mut word)?;
        word[at..at + bytes.len()].copy_from_slice(bytes);
        self.upload(device, buffer, word_start, &word)
    }

    /// Writes whole words.
    fn upload(
        &mut self,
        device: &mut Device,
        buffer: &wgpu::Buffer,
        start: u64,
        words: &[u8],
    ) -> Result<(), ExecutorError> {
        for (index, chunk) in words.chunks(CHUNK).enumerate() {
            if self.pending + chunk.len() > CHUNK {
                let submission = device.submit(None)?;
                device.wait(submission)?;
                self.pending = 0;
            }
            let start = start + (index * CHUNK) as u64;
            device.queue.write_buffer(buffer, start, chunk);
            device.check_memory(chunk.len() as u64, "data on its way to the device")?;
            self.pending += chunk.len();
        }
        Ok(())
    }

    /// Says that what was written has been submitted.
    pub(super) const fn submitted(&mut self) {
        self.pending = 0;
    }

    /// Reads bytes from byte `start` on, after all work before.
    pub(super) fn read(
        &mut self,
        device: &mut Device,
        buffer: &wgpu::Buffer,
        start: u64,
        bytes: &mut [u8],
    ) -> Result<(), ExecutorError> {
        let mut at = start;
        for chunk in bytes.chunks_mut(CHUNK) {
            self.read_chunk(device, buffer, at, chunk)?;
            at += chunk.len() as u64;
        }
        Ok(())
    }

    fn read_chunk(
        &mut self,
        device: &mut Device,
        buffer: &wgpu::Buffer,
        start: u64,
        bytes: &mut [u8],
    ) -> Result<(), ExecutorError> {
        let reading = self.begin(device, buffer, start, bytes.len())?;
        self.end(device, reading, bytes)
    }

    /// Has `len` bytes from byte `start` on sent back when all work before is done, and does not wait for them.
    pub(super) fn begin(
        &mut self,
        device: &mut Device,
        buffer: &wgpu::Buffer,
        start: u64,
        len: usize,
    ) -> Result<Reading, ExecutorError> {
        let (first, end) = (start / 4 * 4, start + len as u64);
        let size = end.next_multiple_of(4) - first;
        let staging = self.staging(device, size)?;
        let mut encoder = device
            .wgpu
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, first, &staging, 0, size);
        let submission = device.submit(Some(encoder.finish()))?;
        self.submitted();

        let (tell, told) = futures::channel::oneshot::channel();
        staging
            .slice(..size)
            .map_async(wgpu::MapMode::Read, move |result| {
                // The receiver is gone only if a call has failed before.
                let _ = tell.send(result);
            });
        Ok(Reading {
            staging,
            size,
            skip: (start % 4) as usize,
            submission,
            told,
        })
    }

    /// Waits for the bytes. The buffer that they came in is kept for the next; after a failure it may be mapped, and is not.
    pub(super) fn end(
        &mut self,
        device: &Device,
        reading: Reading,
        bytes: &mut [u8],
    ) -> Result<(), ExecutorError> {
        let Reading {
            staging,
            size,
            skip,
            submission,
            mut told,
        } = reading;
        device.wait(submission)?;
        if !matches!(told.try_recv(), Ok(Some(Ok(())))) {
            device.look()?;
            return Err(device.refusal("a buffer could not be read back".to_owned()));
        }
        let view = staging
            .slice(..size)
            .get_mapped_range()
            .map_err(|cause| device.refusal(cause.to_string()))?;
        bytes.copy_from_slice(&view[skip..skip + bytes.len()]);
        drop(view);
        staging.unmap();
        self.keep(staging);
        device.check()
    }

    /// A buffer for reading back.
    fn staging(&mut self, device: &Device, size: u64) -> Result<wgpu::Buffer, ExecutorError> {
        // They are sorted by size.
        if let Some(fits) = self.staging.iter().position(|s| s.size() >= size) {
            return Ok(self.staging.remove(fits));
        }
        let size = size.next_power_of_two().max(SMALLEST_STAGING);
        let staging = device.wgpu.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        device.check_memory(size, "data on its way back")?;
        Ok(staging)
    }

    /// Keeps a buffer for the next reading. Of those above the smallest size one is enough.
    fn keep(&mut self, staging: wgpu::Buffer) {
        let large = |s: &wgpu::Buffer| s.size() > SMALLEST_STAGING;
        if large(&staging) {
            self.staging
                .retain(|s| !large(s) || s.size() > staging.size());
            if self.staging.iter().any(large) {
                return;
            }
        } else if self.staging.len() >= MOST_STAGING {
            return;
        }
        self.staging.push(staging);
        self.staging.sort_by_key(wgpu::Buffer::size);
    }
}

/// Bytes on their way back.
#[derive(Debug)]
pub(super) struct Reading {
    staging: wgpu::Buffer,
    size: u64,
    /// Bytes before those that are wanted.
    skip: usize,
    submission: wgpu::SubmissionIndex,
    told: futures::channel::oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
}
