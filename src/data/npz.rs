//! NPZ: a zip archive of arrays, `x.npy` with the inputs and `y.npy` with the targets. And a lone `.npy` of inputs.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::error::{DataError, list};
use super::npy::{Elements, Header};
use super::read::most_unpacked;
use super::table::{Table, TableInputs, TableTarget};

/// The zip crate keeps a few hundred bytes for each member. Without this limit, which is that of archives before zip64,
/// a file of nothing but members would take many times its size.
const MOST_MEMBERS: u64 = 65_535;

type Archive = ZipArchive<BufReader<File>>;

/// Inputs `x`, and targets `y` if there are any.
pub(super) fn read(path: &Path, require_target: bool) -> Result<Table, DataError> {
    let source = path.display().to_string();
    let mut archive = open(path)?;
    let (shape, x) = array(&mut archive, "x", &source)?;
    let target = if require_target || find(&archive, "y").is_some() {
        target(array(&mut archive, "y", &source)?, &source)?
    } else {
        TableTarget::None
    };
    table(source, &shape, x, target)
}

/// Inputs alone.
pub(super) fn read_npy(path: &Path, require_target: bool) -> Result<Table, DataError> {
    let source = path.display().to_string();
    if require_target {
        let expected = "an .npz file with x and y, since training and evaluation need targets";
        return Err(DataError::mismatch(source, "a single array", expected));
    }
    let io = |error| DataError::io(path, error);
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut reader = BufReader::new(file);
    let header = Header::read(&mut reader, size, &source)?;
    if let Some(x) = header.elements(&mut reader)? {
        return table(source, &header.shape, x, TableTarget::None);
    }
    reader.rewind().map_err(io)?;
    let header = Header::read(&mut reader, size, &source)?;
    let x = header.wide_elements(&mut reader)?;
    table(source, &header.shape, x, TableTarget::None)
}

fn table(
    source: String,
    shape: &[usize],
    x: Elements,
    target: TableTarget,
) -> Result<Table, DataError> {
    // An array of one dimension has one input a row.
    let shape = if shape.len() == 1 {
        vec![1]
    } else {
        shape[1..].to_vec()
    };
    let inputs = match x {
        Elements::U8(values) => TableInputs::Pixels { values, shape },
        Elements::Numbers(values) => TableInputs::Matrix { values, shape },
    };
    Table::new(source, inputs, target)
}

/// `[rows]`, `[rows, 1]` or `[rows, outputs]`.
fn target((shape, y): (Vec<usize>, Elements), source: &str) -> Result<TableTarget, DataError> {
    let outputs = match shape[..] {
        [_] => 1,
        [_, outputs] => outputs,
        _ => {
            return Err(DataError::malformed(
                format!("{source}, y"),
                format!("the shape {shape:?}"),
                "[rows] or [rows, outputs]",
                "store y.reshape(len(y), -1)",
            ));
        }
    };
    Ok(TableTarget::Matrix {
        values: y.into_numbers(),
        outputs,
    })
}

fn open(path: &Path) -> Result<Archive, DataError> {
    let io = |error| DataError::io(path, error);
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let members = zip64_members(&mut file).map_err(io)?;
    if members.is_some_and(|members| members > MOST_MEMBERS) {
        return Err(DataError::malformed(
            path.display().to_string(),
            "an archive of more than 65535 members",
            "an archive with x and y",
            "write it with numpy.savez(file, x=x, y=y)",
        ));
    }
    file.rewind().map_err(io)?;
    ZipArchive::new(file).map_err(|error| broken(&path.display().to_string(), &error))
}

/// The number of members that the end record of a zip64 archive claims.
fn zip64_members(file: &mut BufReader<File>) -> std::io::Result<Option<u64>> {
    const LOCATOR: &[u8] = b"PK\x06\x07";
    /// The locator, the end record, and the longest comment after them.
    const LONGEST_END: u64 = 20 + 22 + 65_535;
    let len = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(len.saturating_sub(LONGEST_END)))?;
    let mut end = Vec::new();
    file.by_ref().take(LONGEST_END).read_to_end(&mut end)?;
    let number = |bytes: Option<&[u8]>| {
        bytes
            .and_then(|b| b.try_into().ok())
            .map(u64::from_le_bytes)
    };
    let Some(at) = end
        .windows(LOCATOR.len())
        .rposition(|window| window == LOCATOR)
    else {
        return Ok(None);
    };
    let Some(record) = number(end.get(at + 8..at + 16)) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(record))?;
    let mut start = Vec::new();
    file.by_ref().take(40).read_to_end(&mut start)?;
    Ok(number(start.get(32..40)))
}

fn find(archive: &Archive, name: &str) -> Option<usize> {
    archive
        .index_for_name(&format!("{name}.npy"))
        .or_else(|| archive.index_for_name(name))
}

fn array(
    archive: &mut Archive,
    name: &str,
    source: &str,
) -> Result<(Vec<usize>, Elements), DataError> {
    let Some(index) = find(archive, name) else {
        let members: Vec<String> = archive
            .file_names_raw()
            .map(|member| {
                String::from_utf8_lossy(member)
                    .trim_end_matches(".npy")
                    .to_owned()
            })
            .collect();
        return Err(DataError::malformed(
            source,
            format!("the arrays {}", list(&members)),
            format!("an array {name}"),
            "write it with numpy.savez(file, x=x, y=y)",
        ));
    };
    let at = format!("{source}, {name}");
    let mut member = archive
        .by_index(index)
        .map_err(|error| broken(&at, &error))?;
    let (size, packed) = (member.size(), member.compressed_size());
    if size > most_unpacked(packed) {
        return Err(DataError::malformed(
            at,
            format!("{packed} bytes that claim to unpack to {size}"),
            format!("at most {}", most_unpacked(packed)),
            "write the archive again",
        ));
    }
    let mut header = Header::read(&mut member, size, &at)?;
    if header.is_permuted() {
        // Room for all elements is made before they arrive, so see that they do.
        header.check_length(&mut member)?;
        drop(member);
        member = archive
            .by_index(index)
            .map_err(|error| broken(&at, &error))?;
        header = Header::read(&mut member, size, &at)?;
    }
    if let Some(elements) = header.elements(&mut member)? {
        return Ok((header.shape, elements));
    }
    drop(member);
    member = archive
        .by_index(index)
        .map_err(|error| broken(&at, &error))?;
    header = Header::read(&mut member, size, &at)?;
    let elements = header.wide_elements(&mut member)?;
    Ok((header.shape, elements))
}

fn broken(at: &str, error: &ZipError) -> DataError {
    let hint = "write it with numpy.savez or numpy.savez_compressed";
    DataError::malformed(
        at,
        format!("an archive that cannot be read ({error})"),
        "an intact .npz file",
        hint,
    )
}
