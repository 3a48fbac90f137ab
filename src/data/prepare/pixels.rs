//! Inputs that are bytes: whether they stay bytes, and by what they are multiplied.

use super::Normalize;
use super::inputs::InputPreparation;
use super::scaling::Scaling;
use crate::data::error::DataError;
use crate::data::stored::Stored;
use crate::data::table::Table;

/// Bytes of a file that are looked at together.
const PIECE: usize = 1 << 20;

pub(super) fn fit_pixels(
    values: &[u8],
    shape: &[usize],
    rows: &[u32],
    normalize: Normalize,
) -> InputPreparation {
    let features: usize = shape.iter().product();
    let shape = shape.to_vec();
    match normalize {
        Normalize::Auto => {
            // Pictures of noughts and ones are in 0..1 already.
            let binary = rows.iter().all(|&row| {
                values[row as usize * features..][..features]
                    .iter()
                    .all(|&pixel| pixel <= 1)
            });
            InputPreparation::Pixels {
                shape,
                scale: if binary { 1.0 } else { 1.0 / 255.0 },
            }
        }
        Normalize::None => InputPreparation::Pixels { shape, scale: 1.0 },
        how => InputPreparation::Bytes {
            shape,
            scaling: Scaling::fit(values, features, rows, how, &[]),
        },
    }
}

/// As [`fit_pixels`], in one pass over the file, and not even that if a pixel says early what they are.
pub(super) fn fit_stored(
    table: &Table,
    stored: &Stored<u8>,
    shape: &[usize],
    rows: &[u32],
    normalize: Normalize,
) -> Result<InputPreparation, DataError> {
    let scale = match normalize {
        Normalize::None => 1.0,
        Normalize::Auto => {
            let piece = (PIECE / stored.features()).max(1);
            let training = stored.select(rows);
            let (mut binary, mut first, mut pixels) = (true, 0, Vec::new());
            while binary && first < rows.len() {
                let end = rows.len().min(first + piece);
                pixels.clear();
                training.read(first..end, &mut pixels)?;
                binary = pixels.iter().all(|&pixel| pixel <= 1);
                first = end;
            }
            if binary { 1.0 } else { 1.0 / 255.0 }
        }
        how => {
            return Err(DataError::malformed(
                table.source(),
                format!("inputs that stay in their file, to be normalised by {how}"),
                "bytes that stay bytes",
                "normalise by auto or none, or train without a window where there is memory for all rows",
            ));
        }
    };
    let shape = shape.to_vec();
    Ok(InputPreparation::Pixels { shape, scale })
}
