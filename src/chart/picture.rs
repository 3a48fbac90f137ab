//! Numbers of a grid as colours.

use super::png::{self, Pixels};

/// A grid of numbers that is drawn as a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Numbers in a row of the grid.
    pub width: usize,
    /// Row-major `[height, width]`, the first row above.
    pub values: Vec<f64>,
    /// What colours say.
    pub colours: Colours,
}

/// What the colours of a picture say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// From black, the least number, to white, the largest.
    Gray,
    /// White is 0; the bluer, the further below, and the redder, the further above. Both reach as far as the number that is
    /// furthest from 0.
    Signed,
}

const BLUE: [f64; 3] = [0.0, 70.0, 170.0];
const RED: [f64; 3] = [200.0, 40.0, 0.0];

impl Picture {
    /// Shades of grey.
    pub const fn gray(width: usize, values: Vec<f64>) -> Self {
        Self {
            width,
            values,
            colours: Colours::Gray,
        }
    }

    /// Blue below 0, red above.
    pub const fn signed(width: usize, values: Vec<f64>) -> Self {
        Self {
            width,
            values,
            colours: Colours::Signed,
        }
    }

    /// Rows of the grid.
    pub(super) fn height(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// The address of an image with a pixel a number; what is not finite is black.
    pub(super) fn address(&self) -> String {
        let finite = || self.values.iter().copied().filter(|v| v.is_finite());
        let count = self.width * self.height();
        let (pixels, bytes) = match self.colours {
            Colours::Gray => {
                let low = finite().fold(f64::INFINITY, f64::min);
                let high = finite().fold(f64::NEG_INFINITY, f64::max);
                let span = if high > low { high - low } else { 1.0 };
                let shade = |v: &f64| byte(255.0 * (v - low) / span);
                let bytes = self.values[..count].iter().map(shade).collect();
                (Pixels::Gray, bytes)
            }
            Colours::Signed => {
                let most = finite().fold(f64::MIN_POSITIVE, |most, v| most.max(v.abs()));
                let colour = |v: &f64| {
                    let (end, share) = (if *v < 0.0 { BLUE } else { RED }, v.abs() / most);
                    end.map(|channel| byte(255.0 + (channel - 255.0) * share))
                };
                let bytes: Vec<u8> = self.values[..count].iter().flat_map(colour).collect();
                (Pixels::Rgb, bytes)
            }
        };
        png::address(self.width, self.height(), pixels, &bytes)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is within the range of bytes; NaN becomes 0"
)]
fn byte(value: f64) -> u8 {
    value.clamp(0.0, 255.0).round() as u8
}
