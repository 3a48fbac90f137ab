//! Folders of pictures through the real binary.

use std::fs::read_to_string;

use super::Place;
use super::bad_input::refused;
use crate::data::pictures::{picture, png};

/// Two classes of pictures of two sizes: bright above, and bright below.
fn place() -> Place {
    let place = Place::new();
    for i in 0..30_u32 {
        let (class, bright) = [("above", 0), ("below", 1)][i as usize % 2];
        let (width, height) = if i < 20 { (8, 8) } else { (12, 10) };
        let pixel = |_, y: u32| {
            [if (y * 2 / height) == bright {
                200 + (i % 30) as u8
            } else {
                (i % 30) as u8
            }]
            .into()
        };
        let image = image::GrayImage::from_fn(width, height, pixel);
        let folder = place.path("pictures").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{i}.png")), png(&image.into())).unwrap();
    }
    place
}

#[test]
fn a_folder_is_trained_on() {
    let place = place();
    let train = "train --device cpu --hidden 8 --epochs 20 --lr 0.02";
    refused(
        &place,
        &format!("{train} --data pictures"),
        &["12 x 10", "8 x 8", ":size=8x8"],
    );
    let found = place.json(&format!("{train} --data pictures/:size=8x8 --out run"));
    assert!(found["val_accuracy"].as_f64() > Some(0.9), "{found}");
    let config = read_to_string(place.path("run/config.toml")).unwrap();
    assert!(
        config.contains("/pictures/:size=8x8\"\n") || config.contains("/pictures:size=8x8\"\n"),
        "{config}"
    );
    // Pictures of any size are read as in training, in sub-folders or not.
    let eval = place.json("eval run --data pictures --device cpu");
    assert_eq!(eval["accuracy"], 1.0, "{eval}");
    let again = place.json("eval run --device cpu");
    assert_eq!(again["accuracy"], found["val_accuracy"]);
    for data in ["pictures/above", "pictures/above/0.png"] {
        let out = place.ok(&format!("predict run --data {data} --device cpu"));
        assert!(
            out.lines().skip(1).all(|line| line == "above") && out.lines().count() > 1,
            "{out}"
        );
    }
    let found = place.json("data pictures/:size=4x4");
    assert_eq!(found["target"]["classes"]["below"], 15);
    assert_eq!(found["picture"]["height"], 4);
    assert!(place.ok("inspect run").contains("above, below"));
    place.ok(&format!("{train} --data pictures/:size=8x8"));
    assert!(
        place.path("runs/pictures-1").exists(),
        "a run is named by the folder"
    );
}

#[test]
fn bad_pictures_are_refused() {
    let place = place();
    let data = "train --device cpu --data";
    refused(
        &place,
        &format!("{data} pictures/:size=0x8"),
        &["size=0x8", "from 1 to 4096"],
    );
    refused(
        &place,
        &format!("{data} pictures/:gray,crop"),
        &["crop", "grey or rgb"],
    );
    refused(
        &place,
        &format!("{data} pictures/above"),
        &["pictures/above", "without classes"],
    );
    refused(
        &place,
        &format!("{data} pictures/above/0.png"),
        &["0.png", "name the folder"],
    );
    refused(
        &place,
        &format!("{data} pictures/:size=8x8 --task regression"),
        &["pictures", "classification"],
    );
    std::fs::write(
        place.path("pictures/below/1.png"),
        &png(&picture(8, 8, 1))[..60],
    )
    .unwrap();
    refused(
        &place,
        &format!("{data} pictures/:size=8x8"),
        &["below/1.png", "damaged"],
    );
    refused(
        &place,
        "data pictures/:size=8x8",
        &["below/1.png", "damaged"],
    );
}
