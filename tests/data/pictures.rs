//! Folders of pictures.

use std::io::Cursor;

use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageFormat, RgbImage};
use thalweg::data::{
    Inputs, Normalize, Picture, Preparation, Table, TableInputs, TableOptions, TableTarget, Task,
};

use super::{Folder, inputs, load, load_with, refuses};

/// A grey or coloured picture, different for each seed.
pub(crate) fn picture(width: u32, height: u32, seed: u8) -> DynamicImage {
    let value = |x: u32, y: u32| ((x * 13 + y * 29) % 255) as u8 ^ seed.wrapping_mul(37);
    GrayImage::from_fn(width, height, |x, y| [value(x, y)].into()).into()
}

fn coloured(width: u32, height: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| [(x % 8) as u8 * 20, (y % 8) as u8 * 30, 200].into();
    RgbImage::from_fn(width, height, pixel).into()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn png(picture: &DynamicImage) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

pub(crate) fn jpeg(picture: &DynamicImage) -> Vec<u8> {
    encoded(picture, ImageFormat::Jpeg)
}

/// A folder with files in folders.
fn folder(files: &[(&str, &[u8])]) -> Folder {
    let folder = Folder::new(&[]);
    for (name, bytes) in files {
        let path = folder.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn spec(folder: &Folder, options: &str) -> String {
    format!("{}{options}", folder.0.path().display())
}

fn pixels(table: &Table) -> (&[u8], &[usize]) {
    match table.inputs() {
        TableInputs::Pixels { values, shape } => (values, shape),
        other => panic!("{other:?}"),
    }
}

fn fit(table: &Table) -> Preparation {
    let rows: Vec<u32> = (0..u32::try_from(table.rows()).unwrap()).collect();
    Preparation::fit(table, &rows, Task::Auto, Normalize::Auto).unwrap()
}

#[test]
fn classes_are_folders_in_natural_order() {
    let pictures: Vec<DynamicImage> = (0..5).map(|seed| picture(3, 2, seed)).collect();
    let bytes: Vec<Vec<u8>> = pictures.iter().map(png).collect();
    let folder = folder(&[
        ("10/a.png", &bytes[0]),
        ("2/b10.PNG", &bytes[1]),
        ("2/b9.png", &bytes[2]),
        ("b/x.Png", &bytes[3]),
        ("10/z.png", &bytes[4]),
        (".git/a.png", b"hidden"),
        ("2/.hidden.png", b"hidden"),
        ("2/notes.txt", b"not a picture"),
        ("readme.md", b"neither"),
    ]);
    let table = load(&spec(&folder, "")).unwrap();
    let (values, shape) = pixels(&table);
    assert_eq!(shape, [2, 3]);
    // By class, then by name.
    let expected: Vec<u8> = [1, 2, 0, 4, 3]
        .iter()
        .flat_map(|&i: &usize| pictures[i].as_bytes())
        .copied()
        .collect();
    assert_eq!(values, expected);
    assert_eq!(
        table.target(),
        &TableTarget::Classes {
            labels: vec![0, 0, 1, 1, 2],
            names: ["2", "10", "b"].map(str::to_owned).to_vec()
        }
    );
    assert!(table.place(3).ends_with("z.png"), "{}", table.place(3));
    let notes = table.notes().join("\n");
    assert!(
        notes.contains("2 files are not read") && notes.contains("readme.md"),
        "{notes}"
    );
    let fitted = fit(&table);
    assert_eq!(fitted.class_names().unwrap(), ["2", "10", "b"]);
    let picture = Picture {
        width: 3,
        height: 2,
        channels: 1,
    };
    let data = fitted.prepare_owned(table).unwrap();
    assert_eq!(
        (data.picture(), data.select(&[1]).picture()),
        (Some(picture), Some(picture))
    );
    let Inputs::U8 { scale, .. } = data.inputs() else {
        panic!("{:?}", data.inputs())
    };
    assert_eq!(*scale, 1.0 / 255.0);
    // The model file keeps it.
    let text = serde_json::to_string(&fitted).unwrap();
    let again: Preparation = serde_json::from_str(&text).unwrap();
    assert_eq!((again.picture(), &again), (Some(picture), &fitted));
}

#[test]
fn glyphs_and_idx_are_pictures_too() {
    let table = load("glyphs:n=30").unwrap();
    let data = fit(&table).prepare_owned(table).unwrap();
    let found = data.picture().unwrap();
    assert_eq!((found.width, found.height, found.channels), (16, 16, 1));
    let table = load("moons:n=30").unwrap();
    assert_eq!(fit(&table).picture(), None);
}

#[test]
fn kinds_are_made_alike() {
    let (grey, colour) = (picture(4, 3, 1), coloured(4, 3));
    let alpha: DynamicImage =
        GrayAlphaImage::from_fn(4, 3, |x, y| [((x * 9 + y) % 255) as u8, 7].into()).into();
    let deep = DynamicImage::ImageLuma16(grey.to_luma16());
    // Grey of all depths stays grey; alpha is left away.
    let all_grey = folder(&[
        ("a/1.png", &png(&grey)),
        ("a/2.png", &png(&alpha)),
        ("b/3.png", &png(&deep)),
    ]);
    let table = load(&spec(&all_grey, "")).unwrap();
    let (values, shape) = pixels(&table);
    assert_eq!(shape, [3, 4]);
    let expected = [grey.as_bytes(), alpha.to_luma8().as_raw(), grey.as_bytes()].concat();
    assert_eq!(values, expected);
    let notes = table.notes().join("\n");
    for part in [
        "1 of 3 pictures: with an alpha channel",
        "1 of 3 pictures: of 16 bits",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    // One in colour makes all of them coloured, whichever comes first.
    for names in [["a/1.png", "b/2.png"], ["b/2.png", "a/1.png"]] {
        let mixed = folder(&[(names[0], &png(&grey)), (names[1], &png(&colour))]);
        let table = load(&spec(&mixed, "")).unwrap();
        let (values, shape) = pixels(&table);
        assert_eq!(shape, [3, 4, 3]);
        let mut parts = [grey.to_rgb8().into_raw(), colour.as_bytes().to_vec()];
        if names[0] == "b/2.png" {
            parts.reverse();
        }
        assert_eq!(values, parts.concat());
        assert!(
            table.notes().join("\n").contains("1 of 2 pictures: grey"),
            "{:?}",
            table.notes()
        );
        let table = load(&spec(&mixed, ":grey")).unwrap();
        assert_eq!(pixels(&table).1, [3, 4]);
        let table = load(&spec(&all_grey, ":rgb")).unwrap();
        assert_eq!(pixels(&table).1, [3, 4, 3]);
    }
}

/// JPEG loses a little, and not more.
#[test]
fn jpeg_is_read() {
    let smooth: DynamicImage =
        GrayImage::from_fn(16, 16, |x, y| [((x * 8 + y * 4) % 255) as u8].into()).into();
    let rgb: DynamicImage = RgbImage::from_fn(16, 16, |x, y| {
        [(x * 8 % 255) as u8, (y * 8 % 255) as u8, 90].into()
    })
    .into();
    for picture in [smooth, rgb] {
        // Named as the other kind: the first bytes say what a file is.
        let files = folder(&[("a/1.jpg", &jpeg(&picture)), ("b/2.png", &jpeg(&picture))]);
        let table = load(&spec(&files, "")).unwrap();
        let (values, _) = pixels(&table);
        assert_eq!(values.len(), 2 * picture.as_bytes().len());
        for (found, expected) in values.iter().zip(picture.as_bytes()) {
            assert!(found.abs_diff(*expected) < 16, "{found} for {expected}");
        }
    }
}

/// A JPEG with an orientation in its EXIF, in either order of bytes.
fn turned(picture: &DynamicImage, orientation: u8, big: bool) -> Vec<u8> {
    let mut exif = b"Exif\0\0".to_vec();
    // A header, one entry of one short number, and no further table.
    exif.extend(match big {
        true => *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01",
        false => *b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0",
    });
    exif.extend(match big {
        true => [0, orientation, 0, 0, 0, 0, 0, 0],
        false => [orientation, 0, 0, 0, 0, 0, 0, 0],
    });
    let len = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let plain = jpeg(picture);
    [&plain[..2], b"\xff\xe1", &len, &exif, &plain[2..]].concat()
}

/// The corner in which a picture is bright says how it was turned, by the table of the EXIF standard.
#[test]
fn jpeg_is_turned_as_the_camera_says() {
    let value = |x: u32, y: u32| if x < 8 && y < 8 { 250 } else { 10 };
    let bright: DynamicImage = GrayImage::from_fn(32, 16, |x, y| [value(x, y)].into()).into();
    // Where the stored upper left corner is to be shown: right? below? and whether the sides change places.
    let shown = [
        (1, [false, false, false]),
        (2, [true, false, false]),
        (3, [true, true, false]),
        (4, [false, true, false]),
        (5, [false, false, true]),
        (6, [true, false, true]),
        (7, [true, true, true]),
        (8, [false, true, true]),
        // What is no orientation changes nothing.
        (9, [false, false, false]),
    ];
    for (orientation, [right, below, sides]) in shown {
        for big in [false, true] {
            let file = turned(&bright, orientation, big);
            let files = folder(&[("a/1.jpg", &file), ("b/2.jpg", &file)]);
            let table = load(&spec(&files, "")).unwrap();
            let (values, shape) = pixels(&table);
            let (width, height) = if sides { (16, 32) } else { (32, 16) };
            assert_eq!(shape, [height, width], "{orientation}");
            let x = if right { width - 4 } else { 4 };
            let y = if below { height - 4 } else { 4 };
            assert!(
                values[y * width + x] > 200,
                "{orientation}: not at {x}, {y}"
            );
            let all = values[..width * height]
                .iter()
                .filter(|v| **v > 128)
                .count();
            assert_eq!(all, 64, "{orientation}");
            let told = table
                .notes()
                .iter()
                .any(|note| note.contains("2 of 2 pictures: turned"));
            assert_eq!(told, (2..9).contains(&orientation), "{:?}", table.notes());
        }
    }
}

#[test]
fn sizes_must_agree_or_be_said() {
    let files = folder(&[
        ("a/1.png", &png(&picture(8, 6, 0))),
        ("b/2.png", &png(&picture(6, 8, 0))),
    ]);
    let hints = ["b/2.png", "6 x 8", "8 x 6", "a/1.png", ":size=8x6"];
    refuses(&spec(&files, ""), &TableOptions::default(), &hints);
    let table = load(&spec(&files, ":size=4x3")).unwrap();
    let (values, shape) = pixels(&table);
    assert_eq!((shape, values.len()), (&[3, 4][..], 24));
    assert!(
        table
            .notes()
            .join("\n")
            .contains("2 of 2 pictures: resized"),
        "{:?}",
        table.notes()
    );
    // A picture of one brightness keeps it.
    let flat: DynamicImage = GrayImage::from_pixel(9, 5, [77].into()).into();
    let files = folder(&[("a/1.png", &png(&flat)), ("b/2.png", &png(&flat))]);
    let table = load(&spec(&files, ":size=4x3")).unwrap();
    assert!(pixels(&table).0.iter().all(|&x| x == 77));
}

/// What the model was trained on decides how new pictures are read.
#[test]
fn a_model_reads_pictures_as_in_training() {
    let files = folder(&[
        ("a/1.png", &png(&picture(8, 6, 0))),
        ("b/2.png", &png(&picture(6, 8, 5))),
    ]);
    let fitted = fit(&load(&spec(&files, ":size=4x3")).unwrap());
    let new = folder(&[("z.png", &png(&picture(11, 9, 3)))]);
    let table = load_with(&spec(&new, ""), &fitted.table_options(false)).unwrap();
    assert_eq!(fitted.prepare(&table).unwrap().features(), 12);
    let one = format!("{}/z.png", spec(&new, ""));
    let table = load_with(&one, &fitted.table_options(false)).unwrap();
    assert_eq!((table.rows(), table.target()), (1, &TableTarget::None));
    // Not resized in training, and so not now, unless it is said.
    let fitted = fit(&load(&spec(
        &folder(&[
            ("a/1.png", &png(&picture(4, 4, 0))),
            ("b/2.png", &png(&picture(4, 4, 9))),
        ]),
        "",
    ))
    .unwrap());
    let hints = ["z.png", "11 x 9", "4 x 4", ":size=4x4"];
    refuses(&spec(&new, ""), &fitted.table_options(false), &hints);
    load_with(&spec(&new, ":size=4x4"), &fitted.table_options(false)).unwrap();
    let colours = folder(&[("a/1.png", &png(&coloured(4, 4)))]);
    refuses(
        &spec(&colours, ""),
        &fitted.table_options(true),
        &["1.png", "colours", ":grey"],
    );
    let table = load_with(&spec(&colours, ":grey"), &fitted.table_options(true)).unwrap();
    fitted.prepare(&table).unwrap();
    let other = folder(&[("c/1.png", &png(&picture(4, 4, 0)))]);
    let table = load_with(&spec(&other, ""), &fitted.table_options(true)).unwrap();
    let error = fitted.prepare(&table).unwrap_err().to_string();
    assert!(
        error.contains("1.png") && error.contains("\"c\""),
        "{error}"
    );
}

#[test]
fn what_is_no_set_of_pictures_is_refused() {
    let (good, training) = (png(&picture(4, 4, 0)), TableOptions::default());
    let good_jpeg = jpeg(&picture(40, 40, 0));
    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    let cut = &good_jpeg[..good_jpeg.len() - 30];
    for (bytes, part) in [
        (damaged.as_slice(), "damaged"),
        (&good[..good.len() - 25], "damaged"),
        (cut, "damaged"),
        (b"not a picture", "neither PNG nor JPEG"),
        (b"", "neither PNG nor JPEG"),
    ] {
        let files = folder(&[("a/1.png", &good), ("b/bad.png", bytes)]);
        refuses(
            &spec(&files, ""),
            &training,
            &["b/bad.png", part, "again, or remove it"],
        );
    }
    // Wherever it ends, and by however little.
    for end in (4..good_jpeg.len())
        .rev()
        .step_by(7)
        .chain([good_jpeg.len() - 1, good_jpeg.len() - 2])
    {
        let files = folder(&[
            ("a/1.png", &png(&picture(40, 40, 0))),
            ("b/bad.jpg", &good_jpeg[..end]),
        ]);
        refuses(&spec(&files, ""), &training, &["b/bad.jpg", "damaged"]);
    }
    // A header that claims more than memory holds.
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0x70, 0, 0, 0, 0x70, 0]);
    let check = flate2::Crc::new();
    let mut check = check;
    check.update(&huge[12..29]);
    huge[29..33].copy_from_slice(&check.sum().to_be_bytes());
    let files = folder(&[("a/1.png", &good), ("b/huge.png", &huge)]);
    refuses(
        &spec(&files, ""),
        &training,
        &["b/huge.png", "28672 x 28672", "67108864"],
    );
    let flat = folder(&[("1.png", &good), ("2.png", &good)]);
    refuses(
        &spec(&flat, ""),
        &training,
        &["2 pictures without classes", "sub-folder"],
    );
    assert_eq!(load_with(&spec(&flat, ""), &inputs()).unwrap().rows(), 2);
    let empty = folder(&[("a/1.png", &good), ("b/notes.txt", b"")]);
    refuses(
        &spec(&empty, ""),
        &training,
        &["b", "no picture", "remove the folder"],
    );
    let one = folder(&[("a/1.png", &good), ("a/2.png", &good)]);
    let table = load(&spec(&one, "")).unwrap();
    let error = Preparation::fit(&table, &[0, 1], Task::Auto, Normalize::Auto).unwrap_err();
    assert!(
        error.to_string().contains("at least two classes"),
        "{error}"
    );
    for (options, part) in [
        (":size=0x4", "from 1 to 4096"),
        (":size=4", "size=28x28"),
        (":size=4x4,size=5x5", "again"),
        (":grey,rgb", "again"),
        (":blue", "grey or rgb"),
        (":", "grey or rgb"),
    ] {
        refuses(&spec(&one, options), &training, &[part]);
    }
}
