//! A small picture being painted: colours in [0, 1], edges smoothed by how much of a pixel they cover.

use super::{BYTES, SIDE};
use crate::random::Random;

/// Red, green, blue in [0, 1].
pub(super) type Colour = [f32; 3];

/// A part of the plane in pixels: where it may be (x from, x to, y from, y to) and how far a point lies outside it.
pub(super) struct Area<D: Fn(f32, f32) -> f32> {
    pub(super) centre: (f32, f32),
    pub(super) reach: f32,
    pub(super) distance: D,
}

/// The picture as [height, width, 3] in [0, 1].
pub(super) struct Canvas(Vec<f32>);

impl Canvas {
    /// A ground that turns from one colour to the other along (x, y), a direction of length 1.
    pub(super) fn gradient(from: Colour, to: Colour, (x, y): (f32, f32)) -> Self {
        let mut pixels = Vec::with_capacity(BYTES);
        for row in 0..SIDE {
            for column in 0..SIDE {
                let along = (centre(column) - 16.0) * x + (centre(row) - 16.0) * y;
                let share = (0.5 + along / 40.0).clamp(0.0, 1.0);
                pixels.extend((0..3).map(|channel| mix(from[channel], to[channel], share)));
            }
        }
        Self(pixels)
    }

    /// Lays `colour` over `area`, as dense as `opacity`; a pixel that the outline crosses gets its part.
    pub(super) fn paint(&mut self, area: &Area<impl Fn(f32, f32) -> f32>, colour: Colour, opacity: f32) {
        let span = |middle: f32| {
            let from = (middle - area.reach).floor().max(0.0) as usize;
            from..((middle + area.reach).ceil().max(0.0) as usize).min(SIDE)
        };
        for row in span(area.centre.1) {
            for column in span(area.centre.0) {
                let outside = (area.distance)(centre(column) - area.centre.0, centre(row) - area.centre.1);
                let cover = (0.5 - outside).clamp(0.0, 1.0) * opacity;
                for (value, colour) in self.0[(row * SIDE + column) * 3..][..3].iter_mut().zip(colour) {
                    *value = mix(*value, colour, cover);
                }
            }
        }
    }

    /// The picture in bytes, with close to normal noise of standard deviation `noise` (in [0, 1] units): the sum of four
    /// random bytes each, which is many times faster than exact normals and as good to the eye.
    pub(super) fn develop(&self, noise: f32, random: &mut Random) -> Vec<u8> {
        const MEAN: f32 = 510.0;
        const DEVIATION: f32 = 147.8;
        let scale = noise * 255.0 / DEVIATION;
        let mut bytes = Vec::with_capacity(BYTES);
        for pair in self.0.chunks_exact(2) {
            let drawn = random.bits().to_le_bytes();
            for (value, four) in pair.iter().zip(drawn.chunks_exact(4)) {
                let sum: u16 = four.iter().map(|&byte| u16::from(byte)).sum();
                bytes.push((value * 255.0 + (f32::from(sum) - MEAN) * scale + 0.5).clamp(0.0, 255.0) as u8);
            }
        }
        bytes
    }
}

fn centre(index: usize) -> f32 {
    index as f32 + 0.5
}

fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}
