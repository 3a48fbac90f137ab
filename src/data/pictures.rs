//! Folders of pictures: a sub-folder for each class, with PNG or JPEG files. All become bytes of one size.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::decode::{Decoded, decode};
use self::list::{Listing, is_named_so, list};
use super::error::DataError;
use super::missing::Findings;
use super::table::{Table, TableInputs, TableOptions, TableTarget};

mod decode;
mod list;

/// Bytes of pictures that are decoded before they are put behind one another.
const TOGETHER: usize = 16 << 20;
/// Sides of pictures that `size` may ask for.
const MOST_SIDE: usize = 4096;

/// What a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 for grey, 3 for red, green and blue, which lie side by side.
    pub channels: usize,
}

impl Picture {
    /// What rows of bytes of this shape are, if they are pictures: `[height, width]` or `[height, width, channels]`.
    pub(crate) fn of(shape: &[usize]) -> Option<Self> {
        let (height, width, channels) = match *shape {
            [height, width] => (height, width, 1),
            [height, width, channels @ (1 | 3)] => (height, width, channels),
            _ => return None,
        };
        Some(Self {
            width,
            height,
            channels,
        })
    }

    fn shape(self) -> Vec<usize> {
        match self.channels {
            1 => vec![self.height, self.width],
            channels => vec![self.height, self.width, channels],
        }
    }

    const fn bytes(self) -> usize {
        self.width * self.height * self.channels
    }
}

/// How pictures are made alike. It stands behind the folder's name, as in `pictures/:size=28x28,grey`, and is kept with the
/// model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureOptions {
    /// Width and height to which all are resized, whatever their proportions.
    pub size: Option<(usize, usize)>,
    /// 1 to make all grey, 3 to make all coloured. Not given, they stay as they are if they are alike, and grey ones become
    /// coloured among others that are.
    pub channels: Option<usize>,
    /// What the model was trained on.
    #[serde(skip)]
    pub expected: Option<Picture>,
}

impl PictureOptions {
    fn parse(spec: &str, text: &str) -> Result<Self, DataError> {
        let mut options = Self::default();
        let wrong = |found: String, expected: &str| DataError::Spec {
            spec: spec.to_owned(),
            found,
            expected: expected.to_owned(),
        };
        for option in text.split(',').map(str::trim) {
            let (again, option) = match option {
                "grey" | "gray" => (options.channels.replace(1).is_some(), option),
                "rgb" | "colour" | "color" => (options.channels.replace(3).is_some(), option),
                _ => {
                    let Some(size) = option.strip_prefix("size=") else {
                        let expected =
                            "size=28x28 (width and height), grey or rgb, separated by commas";
                        return Err(wrong(format!("option {option:?}"), expected));
                    };
                    let side = |text: &str| {
                        let side = text.trim().parse().ok();
                        side.filter(|side| (1..=MOST_SIDE).contains(side))
                    };
                    let sides = size
                        .split_once('x')
                        .and_then(|(width, height)| side(width).zip(side(height)));
                    let Some(sides) = sides else {
                        let expected =
                            format!("width and height from 1 to {MOST_SIDE}, as in size=28x28");
                        return Err(wrong(format!("{option:?}"), &expected));
                    };
                    (options.size.replace(sides).is_some(), "size")
                }
            };
            if again {
                return Err(wrong(format!("{option:?} again"), "each option once"));
            }
        }
        Ok(options)
    }
}

/// A folder of pictures, or a picture, and the options behind it, if the path is there.
pub(crate) fn with_options(text: &str) -> Option<(&str, &str)> {
    if Path::new(text).exists() {
        return None;
    }
    let (path, options) = text.rsplit_once(':')?;
    let place = Path::new(path);
    (place.is_dir() || place.exists() && is_named_so(place)).then_some((path, options))
}

/// Whether a folder holds pictures, or folders of them.
pub(super) fn is_folder(folder: &Path) -> bool {
    list(folder).is_ok_and(|listing| !listing.files.is_empty())
}

/// Reads a folder, or one picture, which only a prediction takes.
pub(super) fn read(
    text: &str,
    behind: Option<&str>,
    options: &TableOptions,
) -> Result<Table, DataError> {
    let path = Path::new(text);
    let mut how = match behind {
        Some(behind) => PictureOptions::parse(&format!("{text}:{behind}"), behind)?,
        None => PictureOptions::default(),
    };
    let kept = options.pictures.unwrap_or_default();
    how.size = how.size.or(kept.size);
    how.channels = how.channels.or(kept.channels);
    how.expected = kept.expected;
    let listing = if path.is_dir() {
        list(path)?
    } else {
        Listing {
            files: vec![(path.to_owned(), 0)],
            ..Listing::default()
        }
    };
    let classes = &listing.classes;
    let sub_folders = "a sub-folder with pictures for each of at least two classes";
    if options.require_target && classes.is_empty() {
        let hint = "put the pictures of each class into a sub-folder with the name of the class";
        let found = match listing.files.len() {
            1 => "1 picture without a class".to_owned(),
            count => format!("{count} pictures without classes"),
        };
        return Err(DataError::malformed(text, found, sub_folders, hint));
    }
    let mut counts = vec![0_usize; classes.len()];
    for (_, class) in listing.files.iter().filter(|_| !classes.is_empty()) {
        counts[*class as usize] += 1;
    }
    let without = counts.iter().position(|count| *count == 0);
    if let Some(class) = without.filter(|_| options.require_target) {
        return Err(DataError::malformed(
            path.join(&classes[class]).display().to_string(),
            "no picture",
            "PNG or JPEG files, or no such folder",
            "put the pictures of the class there, or remove the folder",
        ));
    }
    if listing.files.is_empty() {
        return Err(DataError::malformed(
            text,
            "no PNG or JPEG file",
            sub_folders,
            "check the folder",
        ));
    }
    let mut pixels = Pixels::new(text, how);
    // The first alone, which says how much the others take.
    let (mut left, mut count) = (listing.files.as_slice(), 1);
    while !left.is_empty() {
        let (files, rest) = left.split_at(count.min(left.len()));
        let decoded: Vec<_> = files
            .par_iter()
            .map(|(file, _)| decode(file, how))
            .collect();
        for ((file, _), decoded) in files.iter().zip(decoded) {
            pixels.add(file, decoded?, listing.files.len())?;
        }
        left = rest;
        count = TOGETHER
            / pixels
                .values
                .len()
                .div_ceil(pixels.rows)
                .clamp(1, TOGETHER / 8);
    }
    let remarks = pixels.remarks(&listing.skipped);
    let picture = pixels.picture.expect("there is at least one picture");
    let target = if classes.is_empty() {
        TableTarget::None
    } else {
        TableTarget::Classes {
            labels: listing.files.iter().map(|(_, class)| *class).collect(),
            names: listing.classes,
        }
    };
    let inputs = TableInputs::Pixels {
        values: pixels.values,
        shape: picture.shape(),
    };
    let files = listing.files.into_iter();
    let names = files.map(|(file, _)| file.display().to_string()).collect();
    let table = Table::new(text, inputs, target)?.with_files(names);
    let findings = Findings {
        remarks,
        pictures: Some(PictureOptions {
            expected: None,
            ..how
        }),
        ..Findings::default()
    };
    Ok(table.with_findings(findings))
}

/// The pixels of all pictures, as they come.
struct Pixels {
    folder: String,
    how: PictureOptions,
    picture: Option<Picture>,
    first: PathBuf,
    values: Vec<u8>,
    /// How many were grey among coloured ones, had an alpha channel, had 16 bits, were resized, were turned.
    grey: usize,
    alpha: usize,
    deep: usize,
    resized: usize,
    turned: usize,
    rows: usize,
}

impl Pixels {
    fn new(folder: &str, how: PictureOptions) -> Self {
        Self {
            folder: folder.to_owned(),
            how,
            picture: None,
            first: PathBuf::new(),
            values: Vec::new(),
            grey: 0,
            alpha: 0,
            deep: 0,
            resized: 0,
            turned: 0,
            rows: 0,
        }
    }

    fn add(&mut self, file: &Path, decoded: Decoded, all: usize) -> Result<(), DataError> {
        let Decoded {
            mut pixels,
            mut picture,
            alpha,
            deep,
            resized,
            turned,
        } = decoded;
        let expected = self.how.expected;
        let channels = expected.map(|picture| picture.channels);
        let coloured = |grey: &[u8]| grey.iter().flat_map(|&x| [x; 3]).collect::<Vec<u8>>();
        let mut into_colour = |picture: &mut Picture| {
            picture.channels = 3;
            pixels = coloured(&pixels);
        };
        if channels == Some(3) && picture.channels == 1 {
            into_colour(&mut picture);
            self.grey += 1;
        }
        match &mut self.picture {
            Some(known) if known.channels == 3 && picture.channels == 1 => {
                into_colour(&mut picture);
                self.grey += 1;
            }
            Some(known) if known.channels == 1 && picture.channels == 3 && channels.is_none() => {
                // The first in colour makes all of them coloured.
                known.channels = 3;
                self.grey += self.rows;
                self.values = coloured(&self.values);
            }
            _ => {}
        }
        let (known, whose) = match (self.picture, expected) {
            (Some(known), None) => (known, format!("{}", self.first.display())),
            (_, Some(expected)) => (expected, "the training data".to_owned()),
            (None, None) => {
                self.first = file.to_owned();
                (picture, String::new())
            }
        };
        if self.rows == 0 {
            self.check_room(picture, all)?;
        }
        if known != picture {
            return Err(self.other(file, picture, (known, &whose)));
        }
        self.picture = Some(picture);
        self.values.extend(pixels);
        self.rows += 1;
        self.alpha += usize::from(alpha);
        self.deep += usize::from(deep);
        self.resized += usize::from(resized);
        self.turned += usize::from(turned);
        Ok(())
    }

    /// Refuses more pictures like the first than there is memory for.
    fn check_room(&self, picture: Picture, all: usize) -> Result<(), DataError> {
        let bytes = picture.bytes() as u64 * all as u64;
        match crate::executor::available() {
            Some(available) if bytes > available => Err(DataError::malformed(
                &self.folder,
                format!("{all} pictures that take {bytes} bytes, if all are like the first"),
                format!("at most {available} bytes, which are available"),
                format!("make them smaller with `{}:size=64x64`", self.folder),
            )),
            _ => Ok(()),
        }
    }

    fn other(&self, file: &Path, found: Picture, (known, whose): (Picture, &str)) -> DataError {
        let folder = self.folder.trim_end_matches('/');
        let Picture { width, height, .. } = known;
        if (found.width, found.height) != (width, height) {
            return DataError::malformed(
                file.display().to_string(),
                format!("{} x {} pixels", found.width, found.height),
                format!("{width} x {height}, as {whose} has"),
                format!("resize all of them with `{folder}/:size={width}x{height}`"),
            );
        }
        DataError::malformed(
            file.display().to_string(),
            "colours",
            format!("a grey picture, as {whose} has"),
            format!("make all of them grey with `{folder}/:grey`"),
        )
    }

    /// What was done to the pictures, one sentence each.
    fn remarks(&self, skipped: &[PathBuf]) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut say = |number: usize, what: &str| {
            if number > 0 {
                remarks.push(format!("{number} of {} pictures: {what}", self.rows));
            }
        };
        say(self.grey, "grey, and made coloured as others are");
        say(self.alpha, "with an alpha channel, which is left away");
        say(self.deep, "of 16 bits a channel, and of 8 now");
        say(
            self.turned,
            "turned or mirrored, as the camera wrote into them",
        );
        if let Some((width, height)) = self.how.size {
            let what = format!("resized to {width} x {height}, whatever their proportions");
            say(self.resized, &what);
        }
        if let Some(first) = skipped.first() {
            let files = if skipped.len() == 1 {
                "1 file is"
            } else {
                "files are"
            };
            let number = if skipped.len() == 1 {
                String::new()
            } else {
                format!("{} ", skipped.len())
            };
            remarks.push(format!(
                "{number}{files} not read, since they are no PNG or JPEG in the folder of a class, such as {}",
                first.display()
            ));
        }
        remarks
    }
}
