//! How one picture of `shapes` comes about: a ground, clutter, the figure, a little clutter on top, noise.

use super::{
    canvas::{Area, Canvas, Colour},
    figure::Figure,
};
use crate::random::Random;

/// Least difference in lightness between figure and ground.
const CONTRAST: f32 = 0.2;
/// How often the figure is the lighter one: lightness says as little about the class as colour does, but pictures in
/// which either is equally likely leave a linear classifier nothing at all.
const LIGHTER: f64 = 0.85;
/// How far a figure leans to either side.
const TILT: f64 = 0.7;

/// Draws `figure` somewhere, in some size, turn, stretch and colours: [32, 32, 3] bytes.
pub(super) fn draw(figure: Figure, random: &mut Random) -> Vec<u8> {
    let (ground, ink) = two_colours(random);
    let mut canvas = Canvas::gradient(ground, nearby(ground, 0.25, random), direction(random));
    for _ in 0..3 + random.below(4) {
        clutter(&mut canvas, if random.chance(0.3) { ink } else { colour(random) }, random);
    }
    paint_figure(&mut canvas, figure, ink, random);
    if random.chance(0.5) {
        clutter(&mut canvas, colour(random), random);
    }
    let noise = random.between(0.01, 0.07) as f32;
    canvas.develop(noise, random)
}

fn paint_figure(canvas: &mut Canvas, figure: Figure, ink: Colour, random: &mut Random) {
    let radius = random.between(6.0, 12.5) as f32;
    let room = f64::from(16.0 - radius * 0.85);
    let centre = (16.0 + random.between(-room, room) as f32, 16.0 + random.between(-room, room) as f32);
    let (sine, cosine) = random.between(-TILT, TILT).sin_cos();
    let (sine, cosine) = (sine as f32, cosine as f32);
    let stretch = random.between(0.85, 1.18) as f32;
    let distance = |x: f32, y: f32| {
        let (along, up) = (x * cosine + y * sine, x * sine - y * cosine);
        figure.distance(along * stretch / radius, up / (stretch * radius)) * radius
    };
    canvas.paint(&Area { centre, reach: radius * 1.5, distance }, ink, random.between(0.8, 1.0) as f32);
}

/// A stroke or a blob, too small to be taken for a figure.
fn clutter(canvas: &mut Canvas, colour: Colour, random: &mut Random) {
    let centre = (random.between(0.0, 32.0) as f32, random.between(0.0, 32.0) as f32);
    let (x, y) = direction(random);
    let half = if random.chance(0.6) { random.between(2.0, 9.0) as f32 } else { 0.0 };
    let thick = random.between(0.5, if half > 0.0 { 1.1 } else { 2.6 }) as f32;
    let distance = |px: f32, py: f32| {
        let along = (px * x + py * y).clamp(-half, half);
        let (dx, dy) = (px - along * x, py - along * y);
        (dx * dx + dy * dy).sqrt() - thick
    };
    let area = Area { centre, reach: half + thick + 1.0, distance };
    canvas.paint(&area, colour, random.between(0.5, 1.0) as f32);
}

/// A direction of length 1, every one equally likely.
fn direction(random: &mut Random) -> (f32, f32) {
    let (sine, cosine) = random.between(0.0, std::f64::consts::TAU).sin_cos();
    (cosine as f32, sine as f32)
}

/// Ground and figure, told apart by lightness at least.
fn two_colours(random: &mut Random) -> (Colour, Colour) {
    let lighter = random.chance(LIGHTER);
    loop {
        let (ground, ink) = (colour(random), colour(random));
        let difference = lightness(ink) - lightness(ground);
        if difference.abs() >= CONTRAST {
            return if (difference > 0.0) == lighter { (ground, ink) } else { (ink, ground) };
        }
    }
}

/// Any hue, from pale to full, from dark to light.
fn colour(random: &mut Random) -> Colour {
    let hue = random.between(0.0, 6.0) as f32;
    let (saturation, value) = (random.between(0.15, 0.9) as f32, random.between(0.2, 1.0) as f32);
    [5.0_f32, 3.0, 1.0].map(|offset| {
        let place = (offset + hue) % 6.0;
        value * (1.0 - saturation * place.min(4.0 - place).clamp(0.0, 1.0))
    })
}

fn nearby(colour: Colour, spread: f64, random: &mut Random) -> Colour {
    colour.map(|value| (value + random.between(-spread, spread) as f32).clamp(0.0, 1.0))
}

/// Luma of ITU-R BT.601.
fn lightness([red, green, blue]: Colour) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}
