//! What comes into images before a step of a plan: all that it reads there, unless a step before has left it.

use super::device::Device;
use super::image::Image;
use super::pipeline::{Bound, Pipeline};
use crate::executor::ExecutorError;
use crate::kernel::{self, Kernel, Shader};
use crate::plan::{Place, Plan, Step};

/// The images of a plan, each with what it was made for: steps that want the same share one.
pub(super) type Images = Vec<(ImageOf, Image)>;

/// What an image is made for: a range, and the rows in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ImageOf {
    pub(super) place: Place,
    row: u32,
}

/// The images that a step wants, in the order of the shader's.
pub(super) fn wanted(plan: &Plan, step: &Step, shader: &Shader) -> Vec<ImageOf> {
    let operands = [&step.inputs[..], &step.outputs[..]].concat();
    let of = |image: &kernel::Image| ImageOf {
        place: plan.tensors[operands[image.binding]].place,
        row: image.row,
    };
    shader.images.iter().map(of).collect()
}

/// Whether an image holds, before step `at`, what it is made for: a step before had it filled, and none has written
/// there since.
fn is_there(plan: &Plan, chosen: &[(Kernel, Shader)], at: usize, image: &ImageOf) -> bool {
    let meets = |&output: &usize| plan.tensors[output].place.meets(&image.place);
    for (step, (_, shader)) in plan.steps[..at].iter().zip(chosen).rev() {
        if step.outputs.iter().any(meets) {
            return false;
        }
        if wanted(plan, step, shader).contains(image) {
            return true;
        }
    }
    false
}

/// What comes into an image, from this byte of a buffer on.
#[derive(Debug)]
struct Source {
    buffer: wgpu::Buffer,
    start: u64,
    image: usize,
    /// Whether it is there already, if all steps before have run.
    is_there: bool,
}

/// What comes into images before a step.
#[derive(Debug)]
pub(super) struct Copies(Vec<Source>);

impl Copies {
    /// For step `at` of a plan whose kernels have `chosen` their shaders, and whose operands are bound so. Makes the images
    /// that are not there yet.
    pub(super) fn new(
        device: &Device,
        filler: Option<&Pipeline>,
        (plan, chosen, at): (&Plan, &[(Kernel, Shader)], usize),
        bound: &[Bound<'_>],
        images: &mut Images,
    ) -> Result<Self, ExecutorError> {
        let (step, shader) = (&plan.steps[at], &chosen[at].1);
        let mut sources = Vec::new();
        for (image, of) in shader.images.iter().zip(wanted(plan, step, shader)) {
            let operand = bound[image.binding];
            let Bound::Range(buffer, start, _) = operand else {
                unreachable!("operands are ranges before they are images");
            };
            let known = images.iter().position(|(other, _)| *other == of);
            if known.is_none() {
                let filler = filler.filter(|_| image.is_padded());
                let made = Image::new(device, image, of.place.len, (filler, operand))?;
                images.push((of, made));
            }
            sources.push(Source {
                buffer: buffer.clone(),
                start,
                image: known.unwrap_or(images.len() - 1),
                is_there: is_there(plan, chosen, at, &of),
            });
        }
        Ok(Self(sources))
    }

    /// The images that the step reads, in the order of the shader's.
    pub(super) fn views<'a>(
        &'a self,
        images: &'a Images,
    ) -> impl Iterator<Item = &'a wgpu::TextureView> {
        self.0.iter().map(|source| &images[source.image].1.view)
    }

    /// All of it if the step is run `alone`, else what is not there yet.
    fn needed<'a>(
        &'a self,
        images: &'a Images,
        alone: bool,
    ) -> impl Iterator<Item = (&'a Source, &'a Image)> {
        let needed = (self.0.iter()).filter(move |source| alone || !source.is_there);
        needed.map(|source| (source, &images[source.image].1))
    }

    /// Whether anything is copied, which must be outside of any pass.
    pub(super) fn any(&self, images: &Images, alone: bool) -> bool {
        let mut needed = self.needed(images, alone);
        needed.any(|(_, image)| !image.is_filled())
    }

    /// Records what is copied, outside of any pass.
    pub(super) fn record(&self, images: &Images, alone: bool, encoder: &mut wgpu::CommandEncoder) {
        for (source, image) in self.needed(images, alone) {
            image.copy(encoder, &source.buffer, source.start);
        }
    }

    /// Records the dispatches for the images that are filled. Returns whether there were any: they have a pipeline of
    /// their own.
    pub(super) fn fill(
        &self,
        images: &Images,
        alone: bool,
        pass: &mut wgpu::ComputePass<'_>,
    ) -> bool {
        let mut any = false;
        for (_, image) in self.needed(images, alone).filter(|(_, i)| i.is_filled()) {
            image.fill(pass);
            any = true;
        }
        any
    }
}
