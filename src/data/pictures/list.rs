//! Which files of a folder are pictures, and of which class.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use crate::data::error::DataError;

/// The files of a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The classes, in natural order of their names; none if the pictures have no class.
    pub(super) classes: Vec<String>,
    /// Pictures with the numbers of their classes, by class and name.
    pub(super) files: Vec<(PathBuf, u32)>,
    /// Files that are no pictures.
    pub(super) skipped: Vec<PathBuf>,
}

/// Finds the pictures of a folder. Hidden files and folders are passed over.
pub(super) fn list(folder: &Path) -> Result<Listing, DataError> {
    let (folders, files) = entries(folder)?;
    let mut listing = Listing::default();
    if !folders.iter().any(|folder| has_picture(folder)) {
        for file in files {
            if is_named_so(&file) {
                listing.files.push((file, 0));
            } else {
                listing.skipped.push(file);
            }
        }
        return Ok(listing);
    }
    listing.skipped = files;
    let mut named: Vec<(String, PathBuf)> = folders
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().unwrap_or_default();
            (name.to_string_lossy().into_owned(), folder)
        })
        .collect();
    named.sort_by(|a, b| natural(&a.0, &b.0));
    for ((name, folder), class) in named.into_iter().zip(0..) {
        let (deeper, files) = entries(&folder)?;
        listing.skipped.extend(deeper);
        for file in files {
            if is_named_so(&file) {
                listing.files.push((file, class));
            } else {
                listing.skipped.push(file);
            }
        }
        listing.classes.push(name);
    }
    Ok(listing)
}

fn has_picture(folder: &Path) -> bool {
    entries(folder).is_ok_and(|(_, files)| files.iter().any(|file| is_named_so(file)))
}

/// The folders and the files in a folder, by name.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let io = |source| DataError::io(folder, source);
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            folders.push(path);
        } else {
            files.push(path);
        }
    }
    folders.sort();
    files.sort();
    Ok((folders, files))
}

pub(super) fn is_named_so(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    let is = |known: &&str| extension.is_some_and(|found| found.eq_ignore_ascii_case(known));
    ["png", "jpg", "jpeg"].iter().any(is)
}

/// The order of names in which numbers count as such: `2` before `10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (x, y) = (piece(left), piece(right));
        left = &left[x.len()..];
        right = &right[y.len()..];
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if is_number(x) && is_number(y) {
            let [x, y] = [x, y].map(|digits| digits.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            x.cmp(y)
        };
        if order != Ordering::Equal {
            return order;
        }
        if x.is_empty() && y.is_empty() {
            return a.cmp(b);
        }
    }
}

/// The digits that a text starts with, or what stands before the first.
fn piece(text: &str) -> &str {
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digit);
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["10", "2", "b", "a10", "a9", "02", "a", "", "1x", "a9b"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["", "1x", "02", "2", "10", "a", "a9", "a9b", "a10", "b"]
        );
    }
}
