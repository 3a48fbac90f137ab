//! The small parameters of a kernel, as a device gets them: at most 16 words of 4 bytes.

/// The type of one parameter in the shader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `u32`
    U32,
    /// `f32`
    F32,
}

/// One parameter: its name in the shader's `struct Params`, its type, and its value's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The member's name.
    pub name: &'static str,
    /// The member's type.
    pub kind: FieldKind,
    /// The value's bits.
    pub word: u32,
}

/// The parameters of a kernel, in order. Holds no heap memory, since it is made anew for every dispatch.
#[derive(Debug, Clone, Copy)]
pub struct Parameters {
    fields: [Field; Self::MAX],
    words: [u32; Self::MAX],
    len: usize,
}

impl Parameters {
    /// How many words there may be.
    pub const MAX: usize = 16;

    pub(crate) const fn new() -> Self {
        Self {
            fields: [Field {
                name: "",
                kind: FieldKind::U32,
                word: 0,
            }; Self::MAX],
            words: [0; Self::MAX],
            len: 0,
        }
    }

    const fn push(mut self, name: &'static str, kind: FieldKind, word: u32) -> Self {
        self.fields[self.len] = Field { name, kind, word };
        self.words[self.len] = word;
        self.len += 1;
        self
    }

    pub(crate) const fn u32(self, name: &'static str, value: u32) -> Self {
        self.push(name, FieldKind::U32, value)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the device computes in f32; the f64 reference reads the field"
    )]
    pub(crate) const fn f32(self, name: &'static str, value: f64) -> Self {
        self.push(name, FieldKind::F32, (value as f32).to_bits())
    }

    /// The parameters one by one.
    pub fn fields(&self) -> &[Field] {
        &self.fields[..self.len]
    }

    /// The words as they are sent to the device.
    pub fn words(&self) -> &[u32] {
        &self.words[..self.len]
    }
}
