//! One picture as three planes of numbers, and what can be done to it. Every loop runs over whole rows or planes without
//! a branch, so that the compiler makes vector instructions of it.

use super::draws::{Colour, Crop, gaussian};
use super::{GREY, reflect};

/// A picture under change.
pub(super) struct Planes {
    height: usize,
    width: usize,
    /// `[3, height, width]`, 0 to 1.
    values: Vec<f32>,
    /// Room for one more picture.
    spare: Vec<f32>,
    /// Room for a row of three colours.
    row: Vec<f32>,
}

/// Where a row or column of a resized picture comes from: two of the old ones, and how much of the second.
#[derive(Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    share: f32,
}

impl Tap {
    /// Where `length` rows or columns come from that show `side` ones from `start` on, bilinearly with the middles of
    /// pixels as their places; beyond the outermost middles there is only the outermost.
    fn all(start: usize, side: usize, length: usize) -> impl Iterator<Item = Self> {
        let scale = side as f32 / length as f32;
        (0..length).map(move |k| {
            let place = ((k as f32 + 0.5) * scale - 0.5).clamp(0.0, side as f32 - 1.0);
            let first = place as usize;
            Self { first: start + first, second: start + (first + 1).min(side - 1), share: place - first as f32 }
        })
    }
}

impl Planes {
    pub fn new(height: usize, width: usize) -> Self {
        let room = vec![0.0; 3 * height * width];
        Self { height, width, spare: room.clone(), values: room, row: Vec::new() }
    }

    fn area(&self) -> usize {
        self.height * self.width
    }

    /// The three colours.
    fn colours(&mut self) -> [&mut [f32]; 3] {
        let area = self.area();
        let (red, rest) = self.values.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        [red, green, blue]
    }

    /// Changes each pixel by itself.
    fn each(&mut self, change: impl Fn([f32; 3]) -> [f32; 3]) {
        let [reds, greens, blues] = self.colours();
        for ((red, green), blue) in reds.iter_mut().zip(greens).zip(blues) {
            [*red, *green, *blue] = change([*red, *green, *blue]);
        }
    }

    /// Takes a picture, bytes `[height, width, 3]`.
    pub fn load(&mut self, bytes: &[u8]) {
        let [reds, greens, blues] = self.colours();
        for (((red, green), blue), pixel) in reds.iter_mut().zip(greens).zip(blues).zip(bytes.chunks_exact(3)) {
            [*red, *green, *blue] = [pixel[0], pixel[1], pixel[2]].map(|byte| f32::from(byte) / 255.0);
        }
    }

    /// Takes the part `crop` of a picture, bytes `[height, width, 3]`, resized to the whole.
    pub fn load_crop(&mut self, bytes: &[u8], crop: &Crop) {
        let (height, width) = (self.height, self.width);
        let columns: Vec<Tap> = Tap::all(0, crop.width, width).collect();
        let mut row = std::mem::take(&mut self.row);
        let [reds, greens, blues] = self.colours();
        let lines = reds.chunks_exact_mut(width).zip(greens.chunks_exact_mut(width)).zip(blues.chunks_exact_mut(width));
        for (tap, ((reds, greens), blues)) in Tap::all(crop.top, crop.height, height).zip(lines) {
            let line = |y: usize| &bytes[(y * width + crop.left) * 3..][..crop.width * 3];
            let (above, below) = ((1.0 - tap.share) / 255.0, tap.share / 255.0);
            row.clear();
            row.extend(
                line(tap.first)
                    .iter()
                    .zip(line(tap.second))
                    .map(|(a, b)| f32::from(*a) * above + f32::from(*b) * below),
            );
            let (pixels, _) = row.as_chunks::<3>();
            for (((red, green), blue), tap) in reds.iter_mut().zip(greens).zip(blues).zip(&columns) {
                let (a, b) = (pixels[tap.first], pixels[tap.second]);
                [*red, *green, *blue] = [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * tap.share);
            }
        }
        self.row = row;
    }

    /// Writes the picture as `[height, width, 3]`.
    pub fn store(&mut self, into: &mut [f32]) {
        let [reds, greens, blues] = self.colours();
        for (((red, green), blue), pixel) in reds.iter().zip(greens).zip(blues).zip(into.chunks_exact_mut(3)) {
            pixel.copy_from_slice(&[*red, *green, *blue]);
        }
    }

    /// Turns it by `degrees` counter-clockwise: the nearest pixel, black where there is none.
    pub fn rotate(&mut self, degrees: f32) {
        let (height, width, area) = (self.height, self.width, self.area());
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let (middle_y, middle_x) = ((height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0);
        let place = |k: usize| {
            let (y, x) = ((k / width) as f32 - middle_y, (k % width) as f32 - middle_x);
            let column = (cosine * x - sine * y + middle_x).round_ties_even();
            let row = (sine * x + cosine * y + middle_y).round_ties_even();
            let inside = row >= 0.0 && row < height as f32 && column >= 0.0 && column < width as f32;
            if inside { row as usize * width + column as usize } else { usize::MAX }
        };
        let places: Vec<usize> = (0..area).map(place).collect();
        for (old, new) in self.values.chunks_exact(area).zip(self.spare.chunks_exact_mut(area)) {
            for (value, place) in new.iter_mut().zip(&places) {
                *value = old.get(*place).copied().unwrap_or(0.0);
            }
        }
        std::mem::swap(&mut self.values, &mut self.spare);
    }

    /// Exchanges left and right.
    pub fn flip(&mut self) {
        self.values.chunks_exact_mut(self.width).for_each(<[f32]>::reverse);
    }

    /// Changes the colours.
    pub fn recolour(&mut self, step: Colour) {
        match step {
            Colour::Brightness(factor) => self.each(|pixel| pixel.map(|value| (value * factor).clamp(0.0, 1.0))),
            Colour::Contrast(factor) => {
                let rest = (1.0 - factor) * self.mean_grey();
                self.each(|pixel| pixel.map(|value| (value * factor + rest).clamp(0.0, 1.0)));
            }
            Colour::Saturation(factor) => self.each(|pixel| {
                let rest = (1.0 - factor) * grey(pixel);
                pixel.map(|value| (value * factor + rest).clamp(0.0, 1.0))
            }),
            Colour::Hue(turn) if turn != 0.0 => self.each(|pixel| turned(pixel, turn * 6.0)),
            Colour::Hue(_) => {}
        }
    }

    fn mean_grey(&mut self) -> f32 {
        let area = self.area();
        // Sixteen sums at a time, since one after the other can't be vectorised.
        let sums = self.colours().map(|plane| {
            let (whole, rest) = plane.as_chunks::<16>();
            let mut sums = [0.0_f32; 16];
            for values in whole {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
            sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
        });
        grey(sums) / area as f32
    }

    /// Takes all colour away.
    pub fn grey(&mut self) {
        self.each(|pixel| [grey(pixel); 3]);
    }

    /// A Gaussian blur over `size` pixels with the standard deviation `sigma`; beyond its edges the picture goes on
    /// mirrored.
    pub fn blur(&mut self, size: usize, sigma: f32) {
        let (height, width, reach) = (self.height, self.width, (size / 2) as i64);
        let kernel = gaussian(size, sigma);
        self.row.resize(width + size - 1, 0.0);
        for (old, new) in self.values.chunks_exact(width).zip(self.spare.chunks_exact_mut(width)) {
            self.row[size / 2..][..width].copy_from_slice(old);
            for k in (0..size / 2).chain(size / 2 + width..width + size - 1) {
                self.row[k] = old[reflect(k as i64 - reach, width as i64) as usize];
            }
            new.fill(0.0);
            for (line, weight) in self.row.windows(width).zip(&kernel) {
                add(new, line, *weight);
            }
        }
        self.values.fill(0.0);
        for (index, new) in self.values.chunks_exact_mut(width).enumerate() {
            let (plane, y) = (index / height * height, (index % height) as i64);
            for (place, weight) in (y - reach..).zip(&kernel) {
                let line = plane + reflect(place, height as i64) as usize;
                add(new, &self.spare[line * width..][..width], *weight);
            }
        }
    }

    /// Inverts what is as bright as `threshold` or brighter.
    pub fn solarise(&mut self, threshold: f32) {
        for value in &mut self.values {
            *value = if *value >= threshold { 1.0 - *value } else { *value };
        }
    }
}

fn add(sums: &mut [f32], values: &[f32], weight: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value * weight;
    }
}

fn grey([red, green, blue]: [f32; 3]) -> f32 {
    red * GREY[0] + green * GREY[1] + blue * GREY[2]
}

/// The colour with its hue turned by `turn` sixths of the circle, -6 to 6, by the way of HSV (Smith 1978): value and chroma
/// stay, and each channel is a trapezoid over the hue.
fn turned([red, green, blue]: [f32; 3], turn: f32) -> [f32; 3] {
    let most = red.max(green).max(blue);
    let least = red.min(green).min(blue);
    let chroma = most - least;
    let divisor = if chroma > 0.0 { chroma } else { 1.0 };
    let (start, difference) = if green >= blue { (2.0, blue - red) } else { (4.0, red - green) };
    let (start, difference) = if red >= green.max(blue) { (0.0, green - blue) } else { (start, difference) };
    // -1 to 5, and the turn: brought into 0 to 6 without a division.
    let sixths = start + difference / divisor + turn;
    let sixths = if sixths < 0.0 { sixths + 6.0 } else { sixths };
    let sixths = if sixths >= 6.0 { sixths - 6.0 } else { sixths };
    let channel = |share: f32| least + chroma * share.clamp(0.0, 1.0);
    [channel((sixths - 3.0).abs() - 1.0), channel(2.0 - (sixths - 2.0).abs()), channel(2.0 - (sixths - 4.0).abs())]
}
