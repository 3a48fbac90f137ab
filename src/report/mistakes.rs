//! The rows that a network answers worst.

use super::html::{escaped, name, number, put, table};
use crate::chart::png::{Pixels, address};

/// A row that was answered badly.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// Its number among the rows that were looked at, from 0.
    pub row: usize,
    /// What it is.
    pub truth: String,
    /// What the network says.
    pub predicted: String,
    /// The probabilities of what it says and of what is true, where the network gives any.
    pub probabilities: Option<[f64; 2]>,
    /// Its loss.
    pub loss: f64,
    /// What it looks like.
    pub look: Look,
}

/// What a row looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum Look {
    /// A picture.
    Picture(Picture),
    /// Columns with values in their own units.
    Columns(Vec<(String, String)>),
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// One channel, or red, green and blue.
    pub channels: usize,
    /// Row by row, the channels of a pixel together.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// Pixels across and down, and channels, of a row of this shape, if it is a picture: `[height, width]`, perhaps with one
    /// channel or three behind or before.
    pub fn shape(shape: &[usize]) -> Option<[usize; 3]> {
        let [width, height, channels] = match *shape {
            [height, width] | [height, width, 1] | [1, height, width] => [width, height, 1],
            [height, width, 3] | [3, height, width] => [width, height, 3],
            _ => return None,
        };
        let seen = |side| (4..=1024).contains(&side);
        (seen(width) && seen(height)).then_some([width, height, channels])
    }

    /// A prepared row as a picture: from 0 to 1 is from dark to bright; what goes beyond is scaled to fit.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "brightness is a byte"
    )]
    pub fn of(shape: &[usize], row: &[f32]) -> Option<Self> {
        let [width, height, channels] = Self::shape(shape)?;
        if row.len() != width * height * channels {
            return None;
        }
        let [mut low, mut high] = [0.0_f32, 1.0];
        if row.iter().any(|v| !(0.0..=1.0).contains(v)) {
            low = row.iter().copied().fold(f32::INFINITY, f32::min);
            high = row
                .iter()
                .copied()
                .fold(f32::NEG_INFINITY, f32::max)
                .max(low + f32::MIN_POSITIVE);
        }
        let byte = |v: f32| ((v - low) / (high - low) * 255.0).round() as u8;
        let planes = channels == 3 && shape[0] == 3;
        let at = |i: usize| {
            if planes {
                i % 3 * width * height + i / 3
            } else {
                i
            }
        };
        let bytes = (0..row.len()).map(|i| byte(row[at(i)])).collect();
        Some(
            Self {
                width,
                height,
                channels,
                bytes,
            }
            .smaller(),
        )
    }

    /// Every other pixel of a large one, again and again.
    fn smaller(self) -> Self {
        if self.width.max(self.height) <= 96 {
            return self;
        }
        let (width, height) = (self.width / 2, self.height / 2);
        let place = |i: usize| (i / width * 2 * self.width + i % width * 2) * self.channels;
        let pixel = |i: usize| &self.bytes[place(i)..place(i) + self.channels];
        let bytes = (0..width * height).flat_map(pixel).copied().collect();
        Self {
            width,
            height,
            bytes,
            ..self
        }
        .smaller()
    }

    pub(super) fn address(&self) -> String {
        let pixels = if self.channels == 3 {
            Pixels::Rgb
        } else {
            Pixels::Gray
        };
        address(self.width, self.height, pixels, &self.bytes)
    }
}

/// All of them: pictures side by side, others as a table.
pub(super) fn html(mistakes: &[Mistake]) -> String {
    let pictures = mistakes.iter().all(|m| matches!(m.look, Look::Picture(_)));
    if mistakes.is_empty() {
        return "<p>There are none.</p>\n".to_owned();
    }
    if !pictures {
        return columns(mistakes);
    }
    let mut out = String::from("<div class=\"mistakes\">\n");
    for mistake in mistakes {
        let Look::Picture(picture) = &mistake.look else {
            continue;
        };
        let (truth, predicted) = (name(&mistake.truth), name(&mistake.predicted));
        put(
            &mut out,
            &format!(
                "<figure><img alt=\"row {}: true {truth}, predicted {predicted}\" src=\"{}\">",
                mistake.row,
                picture.address()
            ),
        );
        put(
            &mut out,
            &format!(
                "<figcaption>true <b>{truth}</b>{}<br>said <b>{predicted}</b>{}<br>loss {}, row {}</figcaption></figure>\n",
                mistake
                    .probabilities
                    .map_or_else(String::new, |p| format!(" ({})", percent(p[1]))),
                mistake
                    .probabilities
                    .map_or_else(String::new, |p| format!(" ({})", percent(p[0]))),
                number(mistake.loss),
                mistake.row
            ),
        );
    }
    out.push_str("</div>\n");
    out
}

fn percent(probability: f64) -> String {
    match 100.0 * probability {
        p if p > 0.0 && p < 0.1 => "&lt; 0.1 %".to_owned(),
        p => format!("{p:.1} %"),
    }
}

fn columns(mistakes: &[Mistake]) -> String {
    let named = |m: &Mistake| match &m.look {
        Look::Columns(columns) => columns.clone(),
        Look::Picture(_) => Vec::new(),
    };
    let probable = mistakes.iter().any(|m| m.probabilities.is_some());
    let mut head: Vec<String> = ["row", "true", "predicted"].map(str::to_owned).into();
    if probable {
        head.extend(["its probability", "that of the true one"].map(str::to_owned));
    }
    head.push("loss".to_owned());
    head.extend(named(&mistakes[0]).iter().map(|(column, _)| name(column)));
    let row = |m: &Mistake| {
        let mut cells = vec![m.row.to_string(), name(&m.truth), name(&m.predicted)];
        if probable {
            let told = |i: usize| m.probabilities.map_or_else(String::new, |p| percent(p[i]));
            cells.extend([told(0), told(1)]);
        }
        cells.push(number(m.loss));
        cells.extend(named(m).iter().map(|(_, value)| name(value)));
        cells
    };
    let rows: Vec<_> = mistakes.iter().map(row).collect();
    table(
        "",
        &escaped("The rows with the largest loss, the worst first"),
        &head,
        &rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_shape_are_pictures() {
        assert_eq!(Picture::shape(&[16, 8]), Some([8, 16, 1]));
        assert_eq!(Picture::shape(&[3, 32, 32]), Some([32, 32, 3]));
        assert_eq!(Picture::shape(&[7]), None);
        let planes: Vec<f32> = (0..48).map(|i| (i / 16) as f32 / 2.0).collect();
        let found = Picture::of(&[3, 4, 4], &planes).expect("it is a picture");
        assert_eq!(
            found.bytes[..3],
            [0, 128, 255],
            "the channels of a pixel stand together"
        );
        let large = Picture::of(&[200, 400], &vec![0.5; 80_000]).expect("it is a picture");
        assert_eq!(
            (large.width, large.height, large.bytes.len()),
            (50, 25, 1250)
        );
    }
}
