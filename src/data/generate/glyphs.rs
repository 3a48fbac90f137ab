//! Pictures of the ten digits, drawn stroke by stroke.
//!
//! A digit is a few polylines in the unit square. Each picture bends, slants, turns, scales and shifts them at random,
//! draws them with a round pen of random width, and adds noise. A pixel's brightness falls off over one pixel around
//! the pen's edge, which is what makes the strokes smooth.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use super::Draws;
use crate::random::Random;

/// Pixels along a side.
pub(super) const SIDE: usize = 16;
/// Standard deviation of a pixel's noise, as a fraction of full brightness.
pub(super) const NOISE: f64 = 0.1;

const PIXELS: usize = SIDE * SIDE;
type Point = [f64; 2];
type Strokes = Vec<Vec<Point>>;

/// `rows` pictures, `[rows, SIDE, SIDE]`, and the digit of each.
pub(super) fn draw(rows: usize, noise: f64, draws: Draws) -> (Vec<u8>, Vec<u32>) {
    static DIGITS: LazyLock<Vec<Vec<Strokes>>> = LazyLock::new(digits);
    let labels = draws.cases(rows, 10);
    let mut pixels = vec![0; rows * PIXELS];
    for (row, (picture, &digit)) in pixels.chunks_exact_mut(PIXELS).zip(&labels).enumerate() {
        let hand = Hand::new(draws.row(3, row));
        let forms = &DIGITS[digit as usize];
        // Half of the pictures have the first form; the others share the rest.
        let form = forms.get(1 + hand.other_form).unwrap_or(&forms[0]);
        let ink = draw_strokes(form, &hand);
        paint(picture, &ink, hand.brightness, noise, draws.row(4, row));
    }
    (pixels, labels)
}

/// The way one picture is drawn.
struct Hand {
    /// Which of the other forms of the digit, or beyond the last for the first form.
    other_form: usize,
    /// From the centred unit square to pixels, row-major.
    linear: [Point; 2],
    shift: Point,
    /// Size and phase of a wave that bends each coordinate along the other.
    bend: [Point; 2],
    /// Half the width of the pen, in pixels.
    pen: f64,
    brightness: f64,
}

impl Hand {
    fn new(random: Random) -> Self {
        let between = |i: u64, low: f64, high: f64| low + (high - low) * random.uniform(i);
        let size = SIDE as f64;
        let (width, height) = (between(0, 0.75, 1.05) * size, between(1, 0.80, 1.05) * size);
        let slant = 0.15 * random.normal(8);
        let turn = 0.08 * random.normal(9);
        let (sine, cosine) = (libm::sin(turn), libm::cos(turn));
        // Scale, then slant (y points down, so that a positive slant leans to the right), then turn.
        let (a, b, c) = (width, -slant * height, height);
        Self {
            other_form: if random.bits(2) & 1 == 0 {
                usize::MAX - 1
            } else {
                (random.bits(2) >> 1 & 1) as usize
            },
            linear: [
                [cosine * a, cosine * b - sine * c],
                [sine * a, sine * b + cosine * c],
            ],
            shift: [
                size / 2.0 + between(3, -1.0, 1.0),
                size / 2.0 + between(4, -1.0, 1.0),
            ],
            bend: [
                [0.03 * random.normal(10), TAU * random.uniform(5)],
                [0.03 * random.normal(11), TAU * random.uniform(6)],
            ],
            pen: between(7, 0.50, 1.15),
            brightness: between(12, 0.70, 1.0),
        }
    }

    fn place(&self, point: Point) -> Point {
        let [[bend_x, phase_x], [bend_y, phase_y]] = self.bend;
        let x = point[0] - 0.5 + bend_x * libm::sin(TAU * point[1] + phase_x);
        let y = point[1] - 0.5 + bend_y * libm::sin(TAU * point[0] + phase_y);
        [0, 1].map(|i| self.linear[i][0] * x + self.linear[i][1] * y + self.shift[i])
    }
}

/// How much of each pixel the pen covers, `[SIDE, SIDE]`, 0 to 1.
fn draw_strokes(strokes: &Strokes, hand: &Hand) -> [f64; PIXELS] {
    let reach = hand.pen + 0.5;
    let mut squared = [reach * reach; PIXELS];
    for stroke in strokes {
        let points: Vec<Point> = stroke.iter().map(|&point| hand.place(point)).collect();
        for ends in points.windows(2) {
            lower_distances(&mut squared, ends[0], ends[1], reach);
        }
    }
    squared.map(|squared| (reach - squared.sqrt()).clamp(0.0, 1.0))
}

/// Lowers each pixel's squared distance to the line from `a` to `b`, for the pixels within `reach` of it.
fn lower_distances(squared: &mut [f64; PIXELS], a: Point, b: Point, reach: f64) {
    let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    let length = (dx * dx + dy * dy).max(f64::MIN_POSITIVE);
    let range = |axis: usize| {
        // Casts from f64 saturate, so what lies outside the picture ends at its edge.
        #[expect(clippy::cast_possible_truncation, reason = "clamped to the picture")]
        let clamp = |x: f64| x.clamp(0.0, SIDE as f64) as usize;
        clamp((a[axis].min(b[axis]) - reach - 0.5).ceil())
            ..clamp((a[axis].max(b[axis]) + reach + 0.5).floor())
    };
    for row in range(1) {
        for column in range(0) {
            let [px, py] = [column as f64 + 0.5 - a[0], row as f64 + 0.5 - a[1]];
            let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
            let [ex, ey] = [px - along * dx, py - along * dy];
            let nearest = &mut squared[row * SIDE + column];
            *nearest = nearest.min(ex * ex + ey * ey);
        }
    }
}

fn paint(picture: &mut [u8], ink: &[f64; PIXELS], brightness: f64, noise: f64, random: Random) {
    // The sum of the four bytes of a word is close to normal: mean 4 * 127.5, variance 4 * (256^2 - 1) / 12.
    const MEAN: f64 = 510.0;
    const DEVIATION: f64 = 147.801_95;
    for (index, (pixels, ink)) in (0..).zip(picture.chunks_exact_mut(4).zip(ink.chunks_exact(4))) {
        let words = random.block(index);
        for ((pixel, ink), word) in pixels.iter_mut().zip(ink).zip(words) {
            let sum: u32 = word.to_le_bytes().map(u32::from).iter().sum();
            let value = brightness * ink + noise * (f64::from(sum) - MEAN) / DEVIATION;
            #[expect(clippy::cast_possible_truncation, reason = "clamped to a byte")]
            let byte = (255.0 * value).round().clamp(0.0, 255.0) as u8;
            *pixel = byte;
        }
    }
}

/// Part of an ellipse around `(x, y)`, from one angle to another in degrees, clockwise from the right (y points down).
fn arc([x, y, rx, ry]: [f64; 4], from: f64, to: f64) -> Vec<Point> {
    const STEP: f64 = 22.5;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most one turn, so at most 16 pieces"
    )]
    let pieces = ((to - from).abs() / STEP).ceil() as u32;
    (0..=pieces)
        .map(|i| {
            let angle = (from + (to - from) * f64::from(i) / f64::from(pieces)).to_radians();
            [x + rx * libm::cos(angle), y + ry * libm::sin(angle)]
        })
        .collect()
}

/// One stroke made of several parts, each starting where the one before ended.
fn joined(parts: &[&[Point]]) -> Vec<Point> {
    parts.concat()
}

/// The forms of each digit. Numbers are places in the unit square, y down, found by eye.
fn digits() -> Vec<Vec<Strokes>> {
    let loop_of_six = arc([0.50, 0.66, 0.24, 0.23], 180.0, 540.0);
    let loop_of_nine = arc([0.50, 0.34, 0.24, 0.22], 0.0, 360.0);
    let stem = |x: f64| vec![[x, 0.12], [x, 0.89]];
    let flag = vec![[0.34, 0.30], [0.53, 0.12], [0.53, 0.89]];
    let neck = arc([0.50, 0.34, 0.25, 0.22], -165.0, 40.0);
    let belly = arc([0.48, 0.64, 0.26, 0.25], -130.0, 140.0);
    let upper = arc([0.48, 0.31, 0.22, 0.19], -155.0, 80.0);
    let lower = arc([0.48, 0.69, 0.26, 0.20], -85.0, 150.0);
    let roof = vec![[0.22, 0.13], [0.78, 0.13], [0.42, 0.89]];
    vec![
        vec![
            vec![arc([0.5, 0.5, 0.26, 0.38], 0.0, 360.0)],
            vec![arc([0.5, 0.5, 0.21, 0.38], 0.0, 360.0)],
        ],
        vec![
            vec![stem(0.5)],
            vec![flag.clone()],
            vec![flag, vec![[0.34, 0.89], [0.72, 0.89]]],
        ],
        vec![
            vec![joined(&[&neck, &[[0.24, 0.88], [0.77, 0.88]]])],
            vec![joined(&[
                &neck,
                &[[0.42, 0.72]],
                &arc([0.34, 0.80, 0.10, 0.09], -60.0, -330.0),
                &[[0.78, 0.88]],
            ])],
        ],
        vec![
            vec![joined(&[&upper, &[[0.42, 0.50]], &lower])],
            vec![joined(&[
                &[[0.25, 0.13], [0.72, 0.13], [0.46, 0.44]],
                &lower,
            ])],
        ],
        vec![
            vec![
                vec![[0.60, 0.12], [0.22, 0.64], [0.80, 0.64]],
                vec![[0.63, 0.40], [0.63, 0.89]],
            ],
            vec![vec![[0.30, 0.12], [0.26, 0.52], [0.76, 0.52]], stem(0.68)],
            vec![vec![[0.64, 0.89], [0.64, 0.12], [0.22, 0.64], [0.80, 0.64]]],
        ],
        vec![
            vec![joined(&[
                &[[0.74, 0.12], [0.32, 0.12], [0.30, 0.46]],
                &belly,
            ])],
            vec![
                joined(&[&[[0.30, 0.14], [0.30, 0.45]], &belly]),
                vec![[0.30, 0.12], [0.76, 0.12]],
            ],
        ],
        vec![
            vec![
                arc([0.72, 0.64, 0.46, 0.53], 265.0, 180.0),
                loop_of_six.clone(),
            ],
            vec![joined(&[&[[0.60, 0.10], [0.34, 0.48]], &loop_of_six])],
        ],
        vec![
            vec![roof.clone()],
            vec![roof, vec![[0.36, 0.50], [0.74, 0.50]]],
        ],
        vec![
            vec![
                arc([0.5, 0.31, 0.20, 0.19], 90.0, 450.0),
                arc([0.5, 0.70, 0.25, 0.20], -90.0, 270.0),
            ],
            vec![
                arc([0.5, 0.30, 0.18, 0.18], 90.0, 450.0),
                arc([0.5, 0.68, 0.21, 0.21], -90.0, 270.0),
            ],
        ],
        vec![
            vec![
                loop_of_nine.clone(),
                arc([0.28, 0.36, 0.46, 0.53], 0.0, 85.0),
            ],
            vec![loop_of_nine, vec![[0.74, 0.34], [0.68, 0.89]]],
        ],
    ]
}
