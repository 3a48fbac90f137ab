//! As much of Thrift's compact protocol as page headers need, and a look at a footer's schema before it is built.
//!
//! What the `parquet` crate reads, it believes: it makes room for as many values as a header claims, and follows a schema
//! as deep as it goes. So claims are looked at here first, where nothing is allocated.

/// What is wrong, in a few words.
pub(super) type Found = String;

/// Groups within groups; lists of maps of lists are four or five.
const DEEPEST: usize = 100;
/// Elements of a schema, those within groups included.
const MOST_ELEMENTS: usize = 1 << 20;

/// Structs within structs that are not looked at; a footer has about ten.
const DEEPEST_SKIPPED: u8 = 40;

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Bytes that are read one after the other.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Thrift<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// None at the end of the bytes.
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(super) fn leave_out(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    /// The next field of a struct, as its number and its type; the type is 0 at the struct's end.
    fn field(&mut self, before: i64) -> Option<(i64, u8)> {
        let head = self.byte()?;
        let kind = head & 15;
        let id = match head >> 4 {
            _ if kind == 0 => 0,
            0 => self.zigzag()?,
            step => before + i64::from(step),
        };
        Some((id, kind))
    }

    /// Calls `each` with the number and the type of each field, which it reads, or leaves by saying false.
    fn each_field(
        &mut self,
        mut each: impl FnMut(&mut Self, i64, u8) -> Option<bool>,
    ) -> Option<()> {
        let mut id = 0;
        loop {
            let kind;
            (id, kind) = self.field(id)?;
            if kind == 0 {
                return Some(());
            }
            if !each(self, id, kind)? {
                self.skip(kind, DEEPEST_SKIPPED)?;
            }
        }
    }

    fn list(&mut self) -> Option<(usize, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            count => count.into(),
        };
        Some((count, head & 15))
    }

    fn skip(&mut self, kind: u8, deep: u8) -> Option<()> {
        let deep = deep.checked_sub(1)?;
        match kind {
            TRUE | FALSE => Some(()),
            3 => self.leave_out(1),
            I16 | I32 | I64 => self.varint().map(drop),
            7 => self.leave_out(8),
            BINARY => {
                let count = usize::try_from(self.varint()?).ok()?;
                self.leave_out(count)
            }
            LIST | 10 => {
                let (count, kind) = self.list()?;
                for _ in 0..count {
                    self.skip_within(kind, deep)?;
                }
                Some(())
            }
            11 => {
                let count = self.varint()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                for _ in 0..count {
                    self.skip_within(kinds >> 4, deep)?;
                    self.skip_within(kinds & 15, deep)?;
                }
                Some(())
            }
            STRUCT => self.each_field(|own, _, kind| own.skip(kind, deep).map(|()| true)),
            _ => None,
        }
    }

    /// Within a list or a map, a truth value takes a byte.
    fn skip_within(&mut self, kind: u8, deep: u8) -> Option<()> {
        match kind {
            TRUE | FALSE => self.leave_out(1),
            kind => self.skip(kind, deep),
        }
    }
}

/// What stands before a page.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct PageHeader {
    pub(super) kind: i64,
    /// Bytes as they are needed, and as they are in the file.
    pub(super) unpacked: i64,
    pub(super) packed: i64,
    /// The CRC-32 of the bytes in the file, if there is one.
    pub(super) check: Option<i64>,
    pub(super) values: i64,
    pub(super) encoding: i64,
    /// How the definition levels are written, in pages of version 1, where they are packed with the values.
    pub(super) levels: i64,
    /// In pages of version 2.
    pub(super) nulls: i64,
    pub(super) definition_bytes: i64,
    pub(super) repetition_bytes: i64,
    pub(super) is_packed: bool,
    /// Bytes of the header itself.
    pub(super) len: usize,
}

pub(super) const DATA_PAGE: i64 = 0;
pub(super) const INDEX_PAGE: i64 = 1;
pub(super) const DICTIONARY_PAGE: i64 = 2;
pub(super) const DATA_PAGE_V2: i64 = 3;

impl PageHeader {
    /// None where the bytes are no header, or end within one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self {
            kind: -1,
            is_packed: true,
            ..Self::default()
        };
        let mut thrift = Thrift::new(bytes);
        thrift.each_field(|thrift, id, kind| {
            match (id, kind) {
                (1, I32) => header.kind = thrift.zigzag()?,
                (2, I32) => header.unpacked = thrift.zigzag()?,
                (3, I32) => header.packed = thrift.zigzag()?,
                (4, I32) => header.check = Some(thrift.zigzag()?),
                (5 | 7 | 8, STRUCT) => header.read_inner(thrift, id)?,
                _ => return Some(false),
            }
            Some(true)
        })?;
        header.len = thrift.at;
        Some(header)
    }

    fn read_inner(&mut self, thrift: &mut Thrift<'_>, page: i64) -> Option<()> {
        thrift.each_field(|thrift, id, kind| {
            match (page, id, kind) {
                (_, 1, I32) => self.values = thrift.zigzag()?,
                (5 | 7, 2, I32) | (8, 4, I32) => self.encoding = thrift.zigzag()?,
                (5, 3, I32) => self.levels = thrift.zigzag()?,
                (8, 2, I32) => self.nulls = thrift.zigzag()?,
                (8, 5, I32) => self.definition_bytes = thrift.zigzag()?,
                (8, 6, I32) => self.repetition_bytes = thrift.zigzag()?,
                (8, 7, TRUE | FALSE) => self.is_packed = kind == TRUE,
                _ => return Some(false),
            }
            Some(true)
        })
    }
}

/// Refuses a footer whose schema is deeper than can be followed, or claims more elements than are there.
pub(super) fn check_schema(footer: &[u8]) -> Result<(), Found> {
    let mut thrift = Thrift::new(footer);
    let mut schemas = 0;
    let mut wrong = None;
    let read = thrift.each_field(|thrift, id, kind| {
        if (id, kind) != (2, LIST) {
            return Some(false);
        }
        schemas += 1;
        wrong = schema(thrift)?.err();
        wrong.is_none().then_some(true)
    });
    match (wrong, read) {
        (Some(found), _) => Err(found),
        (None, None) => Err("what ends in the middle".to_owned()),
        (None, Some(())) if schemas == 1 => Ok(()),
        (None, Some(())) => Err(format!("{schemas} schemas")),
    }
}

fn schema(thrift: &mut Thrift<'_>) -> Option<Result<(), Found>> {
    let (count, kind) = thrift.list()?;
    if kind != STRUCT || count > MOST_ELEMENTS {
        return Some(Err(format!("a schema of {count} elements")));
    }
    // How many children of each open group are still to come.
    let mut open: Vec<u64> = Vec::new();
    for at in 0..count {
        let mut children = 0;
        thrift.each_field(|thrift, id, kind| {
            if (id, kind) != (5, I32) {
                return Some(false);
            }
            children = thrift.zigzag()?;
            Some(true)
        })?;
        let left = (count - at - 1) as u64;
        let Some(children) = u64::try_from(children).ok().filter(|most| *most <= left) else {
            return Some(Err(format!("a group of {children} columns")));
        };
        if let Some(left) = open.last_mut() {
            *left = left.saturating_sub(1);
        }
        if children > 0 {
            open.push(children);
        }
        if open.len() > DEEPEST {
            return Some(Err(format!("groups within groups, {DEEPEST} deep")));
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    Some(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with a schema of elements that have so many children and nothing else.
    fn footer(children: &[u64]) -> Vec<u8> {
        // Field 2, a list; its length takes up to three bytes.
        let mut bytes = vec![0x29, 0xf0 | STRUCT];
        let put = |bytes: &mut Vec<u8>, mut value: u64| {
            while value >= 0x80 {
                bytes.push(value.to_le_bytes()[0] | 0x80);
                value >>= 7;
            }
            bytes.push(value.to_le_bytes()[0]);
        };
        put(&mut bytes, children.len() as u64);
        for &count in children {
            bytes.push(0x55);
            put(&mut bytes, 2 * count);
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn schemas_that_cannot_be_followed_are_refused() {
        assert_eq!(check_schema(&footer(&[2, 0, 1, 0])), Ok(()));
        let flat: Vec<u64> = std::iter::once(50_000).chain(vec![0; 50_000]).collect();
        assert_eq!(check_schema(&footer(&flat)), Ok(()));
        let chain = |deep: usize| [vec![1; deep], vec![0]].concat();
        assert_eq!(check_schema(&footer(&chain(DEEPEST))), Ok(()));
        for (children, part) in [
            (chain(100_000), "groups within groups"),
            (vec![3, 0, 0], "a group of 3"),
            (vec![1 << 30, 0], "a group of"),
        ] {
            let found = check_schema(&footer(&children)).expect_err("it is wrong");
            assert!(found.contains(part), "{found}");
        }
        let mut twice = footer(&[1, 0]);
        twice.pop();
        twice.extend([0x09, 4]);
        twice.extend(&footer(&chain(100_000))[1..]);
        assert!(check_schema(&twice).is_err());
        let whole = footer(&[2, 0, 0]);
        for len in 0..whole.len() {
            assert!(check_schema(&whole[..len]).is_err(), "{len}");
        }
    }
}
