//! As much of protobuf's wire format as writing takes (<https://protobuf.dev/programming-guides/encoding/>).

/// A message on its way: fields one behind the other, each a tag and a value.
#[derive(Debug, Default, Clone)]
pub(super) struct Message(Vec<u8>);

/// How a value is written.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Bytes = 2,
    Fixed32 = 5,
}

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A whole number; a negative one takes ten bytes, as protobuf has it.
    pub(super) fn int(&mut self, field: u32, value: i64) {
        self.tag(field, Wire::Varint);
        self.varint(value.cast_unsigned());
    }

    /// A number in single precision.
    pub(super) fn float(&mut self, field: u32, value: f32) {
        self.tag(field, Wire::Fixed32);
        self.0.extend(value.to_le_bytes());
    }

    /// A string.
    pub(super) fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// Bytes.
    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.tag(field, Wire::Bytes);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message within this one.
    pub(super) fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::new();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn tag(&mut self, field: u32, wire: Wire) {
        self.varint(u64::from(field) << 3 | wire as u64);
    }

    /// Seven bits a byte, the lowest first; the highest bit of a byte says that another follows.
    fn varint(&mut self, mut value: u64) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    /// The examples of protobuf's own documentation.
    #[test]
    fn bytes_are_those_of_the_specification() {
        let mut message = Message::new();
        message.int(1, 150);
        message.text(2, "testing");
        message.message(3, |inner| inner.int(1, 150));
        message.float(4, 1.0);
        message.int(1, -2);
        let expected = [
            &[0x08, 0x96, 0x01][..],
            b"\x12\x07testing",
            &[0x1a, 0x03, 0x08, 0x96, 0x01],
            &[0x25, 0, 0, 0x80, 0x3f],
            &[
                0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
        ];
        assert_eq!(message.into_bytes(), expected.concat());
    }
}
