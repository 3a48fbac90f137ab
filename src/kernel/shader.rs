//! Which shader file, with which constants and which grid, does a kernel's work on a given device.

use std::borrow::Cow;

/// What a plan and a kernel need to know of a device, as plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most workgroups in one dimension of a dispatch.
    pub workgroups: u32,
    /// Largest storage binding, in bytes.
    pub binding: u64,
    /// Largest buffer, in bytes.
    pub buffer: u64,
    /// The subgroup size, where the adapter has only one.
    pub subgroup: Option<u32>,
    /// Most turns that an invocation's loops may take together: llvmpipe ends them there, and says nothing.
    pub turns: u64,
    /// A driver that runs shaders on the CPU: loads are dear, arithmetic is cheap, barriers are dear.
    pub software: bool,
    /// Whether there are numbers of half precision.
    pub half: bool,
    /// Whether products of f16 may take cooperative matrices: the adapter has them, and they have passed the self-test.
    pub cooperative: bool,
    /// Most texels in each direction of an image that kernels may read; 0 where the driver reads buffers faster.
    pub image: u32,
    /// Most invocations in a workgroup.
    pub invocations: u32,
    /// Memory of a workgroup, in bytes.
    pub workgroup_memory: u32,
    /// Workgroups that fill the device: with fewer, part of it is idle. 1 where the CPU does the work.
    pub fill: u32,
}

impl Limits {
    /// The smallest limits that any WebGPU device has.
    pub const SMALLEST: Self = Self {
        workgroups: 65_535,
        binding: 128 << 20,
        buffer: 256 << 20,
        subgroup: None,
        turns: u64::MAX,
        software: false,
        half: false,
        cooperative: false,
        image: 8192,
        invocations: 256,
        workgroup_memory: 16 << 10,
        fill: Self::FILL,
    };

    /// What fills a GPU: most have fewer than 150 processors.
    pub const FILL: u32 = 128;

    /// Whether products go to the kernels of one subgroup: on drivers that run shaders on the CPU, 8 lanes at a time.
    pub const fn one_subgroup(&self) -> bool {
        self.software && matches!(self.subgroup, Some(8))
    }
}

/// The number of workgroups in each dimension.
pub type Grid = [u32; 3];

/// A `const NAME: ... = VALUE;` line of a shader that the host replaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Constant {
    /// The constant's name.
    pub name: &'static str,
    /// The value, as WGSL text.
    pub value: String,
}

/// A matrix that a shader reads from an image of four reals a texel. The executor brings it there before a dispatch, unless it
/// is there still.
///
/// A row begins with a whole texel, and ends with zeros where it does not divide by 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Image {
    /// The binding.
    pub binding: usize,
    /// Elements in a row.
    pub row: u32,
    /// Rows in a line of the image, a power of two: with so many, a line has a multiple of 256 bytes, as copies need.
    pub per_line: u32,
}

impl Image {
    /// Texels behind each line that nothing reads: `PADDING` in `matmul_image.wgsl`. Without them the lines of a matrix
    /// whose rows have a power of two of elements fall on the same few lines of the cache: a product of 1024 runs at 28
    /// to 55 GFLOP/s then, not 95.
    const PADDING: u32 = 4;

    /// The image for a matrix of `len` reals in rows of `row`, if it fits one with `most` texels in each direction.
    pub(crate) fn fitting(binding: usize, row: u32, len: usize, most: u32) -> Option<Self> {
        let texels = row.div_ceil(4).max(1);
        let image = |per_line| Self {
            binding,
            row,
            per_line,
        };
        let fits = |image: &Self| image.size(len).iter().all(|&extent| extent <= most);
        let least = 16 >> texels.trailing_zeros().min(4);
        (0..16)
            .map(|doubled| image(least << doubled))
            .take_while(|image| u64::from(image.per_line) * u64::from(texels) < u64::from(most))
            .find(fits)
    }

    /// Whether rows are no whole texels.
    pub const fn is_padded(&self) -> bool {
        !self.row.is_multiple_of(4)
    }

    /// Texels in a row.
    pub const fn texels(&self) -> u32 {
        self.row.div_ceil(4)
    }

    /// Rows of a matrix of `len` reals.
    pub fn rows(&self, len: usize) -> u32 {
        u32::try_from(len / self.row.max(1) as usize).unwrap_or(u32::MAX)
    }

    /// Width and height in texels, for a matrix of `len` reals.
    ///
    /// Neither is ever a power of two: Mesa's software driver compiles a pipeline anew for images that are, in a tenth of
    /// a second.
    pub fn size(&self, len: usize) -> [u32; 2] {
        let width = self.per_line * self.texels() + Self::PADDING;
        let lines = self.rows(len).div_ceil(self.per_line).max(3);
        [width, lines + u32::from(lines.is_power_of_two())]
    }

    /// The bytes it takes on a device.
    pub fn bytes(&self, len: usize) -> u64 {
        let [width, height] = self.size(len).map(u64::from);
        width * height * 16
    }
}

/// A shader, as a kernel chooses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shader {
    /// The file in `shaders/`, without its ending.
    pub file: &'static str,
    /// Files of functions that it calls by a name that several of them define: the host chooses one.
    pub joined: Vec<&'static str>,
    /// The constants that are replaced.
    pub constants: Vec<Constant>,
    /// The inputs that are images; the others are buffers.
    pub images: Vec<Image>,
    /// The dispatch.
    pub grid: Grid,
}

/// Invocations in a workgroup of the kernels that run a strided loop.
pub const WORKGROUP: u32 = 256;

impl Shader {
    pub(crate) const fn new(file: &'static str, grid: Grid) -> Self {
        Self {
            file,
            joined: Vec::new(),
            constants: Vec::new(),
            images: Vec::new(),
            grid,
        }
    }

    /// A kernel that runs `for (i = id; i < count; i += size)`, one invocation for an element or a row.
    ///
    /// `i + size` does not overflow in the shader: a binding has at most 2^32 bytes, so `count` and what it is rounded up
    /// to are about 2^30.
    pub(crate) fn strided(file: &'static str, count: usize, limits: &Limits) -> Self {
        let groups = count
            .div_ceil(WORKGROUP as usize)
            .clamp(1, limits.workgroups as usize);
        Self::new(
            file,
            [u32::try_from(groups).unwrap_or(limits.workgroups), 1, 1],
        )
    }

    /// The same, four elements at a time where `count` and the length of a `row` divide by 4: the shader's `Value` is a
    /// scalar of WGSL's type `scalar`, or a vector of four.
    pub(crate) fn strided_wide(
        file: &'static str,
        count: usize,
        row: u32,
        scalar: &str,
        limits: &Limits,
    ) -> Self {
        if row.is_multiple_of(4) {
            let value = format!("vec4<{scalar}>");
            Self::strided(file, count / 4, limits)
                .with_u32("WIDTH", 4)
                .with("Value", value)
        } else {
            Self::strided(file, count, limits).with("Value", scalar.to_owned())
        }
    }

    pub(crate) fn join(mut self, file: &'static str) -> Self {
        self.joined.push(file);
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.constants.push(Constant {
            name,
            value: value.into().into_owned(),
        });
        self
    }

    pub(crate) fn with_u32(self, name: &'static str, value: u32) -> Self {
        self.with(name, format!("{value}u"))
    }

    pub(crate) fn with_bool(self, name: &'static str, value: bool) -> Self {
        self.with(name, if value { "true" } else { "false" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_fit_and_can_be_copied_to() {
        let most = 16_384;
        for row in [1, 3, 4, 10, 60, 64, 784, 1000, 2048, 4096, 16_000] {
            for rows in [1, 2, 3, 4, 16, 17, 1024, 16_384, 100_000] {
                let len = rows * row as usize;
                if len > 32 << 20 {
                    continue; // more than a binding holds
                }
                let image = Image::fitting(0, row, len, most).expect("all of these fit");
                let [width, height] = image.size(len);
                assert!(width <= most && height <= most, "{rows} rows: {image:?}");
                assert!(
                    !width.is_power_of_two() && !height.is_power_of_two(),
                    "{rows} rows: compiled anew for {image:?}"
                );
                let line = image.per_line * image.texels();
                assert!(
                    image.per_line.is_power_of_two() && line < width,
                    "{image:?}"
                );
                assert_eq!(line * 16 % 256, 0, "copies need it: {image:?}");
                assert!(
                    (image.per_line * height) as usize >= rows,
                    "{rows} rows: {image:?}"
                );
            }
        }
        // 4097 texels in a row, of which copies need 16 in a line.
        assert_eq!(Image::fitting(0, 4 * 4097, 4 * 4097, most), None);
        assert_eq!(
            Image::fitting(0, 64, 64 << 24, most),
            None,
            "16 million rows"
        );
    }
}
