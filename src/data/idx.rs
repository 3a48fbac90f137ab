//! IDX, the format of MNIST: two zero bytes, an element type, the number of dimensions, the sizes as big-endian u32,
//! then the elements. See <http://yann.lecun.com/exdb/mnist/>.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::DataError;
use super::read::{Stream, broken};
use super::stored::{FileRows, Stored};
use super::table::{Table, TableInputs, TableOptions, TableTarget};

const UNSIGNED_BYTE: u8 = 0x08;
/// A folder with more files than this is not searched to the end.
const MOST_FILES: usize = 1000;

/// What a remedy for most of what can be wrong is.
const AGAIN: &str = "fetch or write the file again";

/// A file whose sizes were read, and whose elements come next.
struct Header {
    path: PathBuf,
    stream: Stream,
    dims: Vec<usize>,
    /// Elements, by the sizes.
    claimed: u64,
    /// The first byte of the elements, if the file is not packed.
    start: u64,
}

/// Inputs, and labels if there are any.
pub(super) fn read(
    images: &Path,
    labels: Option<&Path>,
    options: &TableOptions,
) -> Result<Table, DataError> {
    let source = images.display().to_string();
    if labels.is_none() && options.require_target {
        return Err(DataError::mismatch(
            source,
            "a single IDX file",
            "a pair given as images,labels, since training and evaluation need labels",
        ));
    }
    let header = Header::read(images)?;
    let (rows, shape) = (header.dims[0], header.dims[1..].to_vec());
    let available = crate::executor::available();
    let stays = !header.stream.packed && options.in_file.stays(header.claimed, available);
    let inputs = if stays {
        let (start, features) = (header.start, shape.iter().product());
        header.check_length()?;
        let file = FileRows::open(images, start, rows, features)?;
        let rows = Stored::new(Arc::new(file));
        TableInputs::Stored {
            rows,
            shape: shape.clone(),
        }
    } else {
        TableInputs::Pixels {
            values: header.values()?,
            shape: shape.clone(),
        }
    };
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
            let header = Header::read(path)?;
            let at = path.display().to_string();
            if header.dims.len() != 1 {
                let found = format!("{} dimensions", header.dims.len());
                let hint = "give the pair as images,labels, in that order";
                return Err(DataError::malformed(
                    at,
                    found,
                    "labels, with one dimension",
                    hint,
                ));
            }
            let labels = header.values()?;
            if labels.len() != rows {
                return Err(DataError::malformed(
                    at,
                    format!("{} labels", labels.len()),
                    format!("{rows}, as many as {source} has rows"),
                    "take both files from the same data set",
                ));
            }
            TableTarget::Labels(labels.into_iter().map(u32::from).collect())
        }
    };
    Table::new(source, inputs, target)
}

impl Header {
    fn read(path: &Path) -> Result<Self, DataError> {
        let at = path.display().to_string();
        let io = |error| broken(path, &error);
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
                AGAIN,
            ));
        }
        let dims: Vec<u32> = sizes
            .chunks_exact(4)
            .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        let elements = dims
            .iter()
            .try_fold(1_u64, |product, &size| product.checked_mul(size.into()));
        let start = 4 + sizes.len() as u64;
        let left = stream.most_left(start);
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
                return Err(DataError::malformed(at, found, expected, AGAIN));
            }
        };
        Ok(Self {
            path: path.to_owned(),
            stream,
            dims: dims.into_iter().map(|size| size as usize).collect(),
            claimed,
            start,
        })
    }

    /// The error for other elements than the sizes claim.
    fn other(&self, found: String) -> DataError {
        let expected = format!("{}, by the sizes {:?}", self.claimed, self.dims);
        DataError::malformed(self.path.display().to_string(), found, expected, AGAIN)
    }

    /// The elements.
    fn values(mut self) -> Result<Vec<u8>, DataError> {
        let short = |found: usize| format!("an end after {found} elements");
        let Ok(wanted) = usize::try_from(self.claimed) else {
            return Err(self.other(short(0)));
        };
        let values = self.stream.read_up_to(wanted);
        let values = values.map_err(|error| broken(&self.path, &error))?;
        if values.len() < wanted {
            return Err(self.other(short(values.len())));
        }
        // The end of the data also checks the sum of a gzipped file.
        let more = self.stream.read_up_to(1);
        if !more.map_err(|error| broken(&self.path, &error))?.is_empty() {
            return Err(self.other(format!("more than {} elements", self.claimed)));
        }
        Ok(values)
    }

    /// Refuses more elements than the sizes claim in a file that is not packed; fewer were refused before.
    fn check_length(&self) -> Result<(), DataError> {
        if self.stream.len > self.start + self.claimed {
            return Err(self.other(format!("more than {} elements", self.claimed)));
        }
        Ok(())
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
            "a folder with one of each, or with sub-folders of PNG or JPEG files",
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
