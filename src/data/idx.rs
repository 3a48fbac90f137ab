//! IDX, the format of MNIST: two zero bytes, an element type, the number of dimensions, the sizes as big-endian u32,
//! then the elements. See <http://yann.lecun.com/exdb/mnist/>.

use std::path::{Path, PathBuf};

use super::error::DataError;
use super::read::{Stream, broken};
use super::table::{Table, TableInputs, TableTarget};

const UNSIGNED_BYTE: u8 = 0x08;
/// A folder with more files than this is not searched to the end.
const MOST_FILES: usize = 1000;

/// An array of bytes.
struct Idx {
    dims: Vec<usize>,
    values: Vec<u8>,
}

/// Inputs, and labels if there are any.
pub(super) fn read(
    images: &Path,
    labels: Option<&Path>,
    require_target: bool,
) -> Result<Table, DataError> {
    let source = images.display().to_string();
    if labels.is_none() && require_target {
        return Err(DataError::mismatch(
            source,
            "a single IDX file",
            "a pair given as images,labels, since training and evaluation need labels",
        ));
    }
    let inputs = Idx::read(images)?;
    let (rows, shape) = (inputs.dims[0], inputs.dims[1..].to_vec());
    if shape.is_empty() {
        return Err(DataError::malformed(
            &source,
            "one dimension, which is what labels have",
            "inputs with a dimension of rows and at least one more",
            "give the pair as images,labels, in that order",
        ));
    }
    let target = match labels {
        None => TableTarget::None,
        Some(path) => {
            let labels = Idx::read(path)?;
            let at = path.display().to_string();
            if labels.dims.len() != 1 {
                let found = format!("{} dimensions", labels.dims.len());
                let hint = "give the pair as images,labels, in that order";
                return Err(DataError::malformed(
                    at,
                    found,
                    "labels, with one dimension",
                    hint,
                ));
            }
            if labels.values.len() != rows {
                return Err(DataError::malformed(
                    at,
                    format!("{} labels", labels.values.len()),
                    format!("{rows}, as many as {source} has rows"),
                    "take both files from the same data set",
                ));
            }
            TableTarget::Labels(labels.values.into_iter().map(u32::from).collect())
        }
    };
    Table::new(
        source,
        TableInputs::Pixels {
            values: inputs.values,
            shape,
        },
        target,
    )
}

impl Idx {
    fn read(path: &Path) -> Result<Self, DataError> {
        let at = path.display().to_string();
        let io = |error| broken(path, &error);
        let again = "fetch or write the file again";
        let mut stream = Stream::open(path)?;
        let magic = stream.read_up_to(4).map_err(io)?;
        let count = dimensions(&magic, &at)?;
        let sizes = stream.read_up_to(4 * count).map_err(io)?;
        if sizes.len() < 4 * count {
            let found = format!("an end after {} bytes", 4 + sizes.len());
            return Err(DataError::malformed(
                at,
                found,
                format!("{count} sizes of 4 bytes each"),
                again,
            ));
        }
        let dims: Vec<u32> = sizes
            .chunks_exact(4)
            .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        let elements = dims
            .iter()
            .try_fold(1_u64, |product, &size| product.checked_mul(size.into()));
        let left = stream.most_left(4 + sizes.len() as u64);
        let claimed = match elements {
            Some(0) => {
                let found = format!("the sizes {dims:?}");
                return Err(DataError::malformed(
                    at,
                    found,
                    "sizes of at least 1",
                    "give a file that has rows",
                ));
            }
            Some(claimed) if claimed <= left => claimed,
            _ => {
                let found = format!("the sizes {dims:?} in a file of {} bytes", stream.len);
                let expected = format!("at most {left} elements, as many as the file can hold");
                return Err(DataError::malformed(at, found, expected, again));
            }
        };
        let short = |found: usize| {
            let found = format!("an end after {found} elements");
            DataError::malformed(
                &at,
                found,
                format!("{claimed}, by the sizes {dims:?}"),
                again,
            )
        };
        let wanted = usize::try_from(claimed).map_err(|_| short(0))?;
        let values = stream.read_up_to(wanted).map_err(io)?;
        if values.len() < wanted {
            return Err(short(values.len()));
        }
        // The end of the data also checks the sum of a gzipped file.
        if !stream.read_up_to(1).map_err(io)?.is_empty() {
            let found = format!("more than {claimed} elements");
            return Err(DataError::malformed(
                at,
                found,
                format!("{claimed}, by the sizes {dims:?}"),
                again,
            ));
        }
        let dims = dims.into_iter().map(|size| size as usize).collect();
        Ok(Self { dims, values })
    }
}

/// The number of dimensions that a magic number announces.
fn dimensions(magic: &[u8], at: &str) -> Result<usize, DataError> {
    let wrong = |found: String, hint: &str| {
        let expected =
            "the magic number of IDX: 0, 0, the element type 8, the number of dimensions";
        Err(DataError::malformed(
            format!("{at}, byte 0"),
            found,
            expected,
            hint,
        ))
    };
    match *magic {
        [0, 0, UNSIGNED_BYTE, count @ 1..=8] => Ok(count.into()),
        [0, 0, 0x09 | 0x0b..=0x0e, _] => wrong(
            format!("the element type {:#04x}", magic[2]),
            "store unsigned bytes, or use an .npz file",
        ),
        [_, _, _, _] => wrong(
            format!("{magic:?}"),
            "check that it is an IDX file, gzipped or not",
        ),
        _ => wrong(
            format!("a file of {} bytes", magic.len()),
            "check that it was written to the end",
        ),
    }
}

/// The one pair of images and labels in a folder.
pub(super) fn find_pair(folder: &Path) -> Result<(PathBuf, PathBuf), DataError> {
    let io = |source| DataError::io(folder, source);
    let mut images = Vec::new();
    let mut labels = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)?.take(MOST_FILES) {
        let path = entry.map_err(io)?.path();
        if !path.is_file() {
            continue;
        }
        // A file that cannot be read, or is something else, is none of the pair.
        let start = Stream::open(&path)
            .ok()
            .and_then(|mut stream| stream.read_up_to(4).ok());
        match start.as_deref() {
            Some([0, 0, UNSIGNED_BYTE, 1]) => labels.push(path),
            Some([0, 0, UNSIGNED_BYTE, 2..=8]) => images.push(path),
            _ => {}
        }
    }
    images.sort();
    labels.sort();
    let name = |path: &PathBuf| path.display().to_string();
    match (images.as_slice(), labels.as_slice()) {
        ([image], [label]) => Ok((image.clone(), label.clone())),
        ([], _) | (_, []) => Err(DataError::malformed(
            folder.display().to_string(),
            format!(
                "{} IDX files of inputs and {} of labels",
                images.len(),
                labels.len()
            ),
            "a folder with one of each",
            "name a file instead, or the pair as images,labels",
        )),
        _ => Err(DataError::malformed(
            folder.display().to_string(),
            format!(
                "several IDX files: {}",
                images
                    .iter()
                    .chain(&labels)
                    .take(20)
                    .map(name)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            "a folder with one pair",
            format!(
                "name the pair that you mean, such as {},{}",
                name(&images[0]),
                name(&labels[0])
            ),
        )),
    }
}
