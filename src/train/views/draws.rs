//! Drawing what happens to each picture of a batch: plain numbers, so that they are the same on every device.

use mocolab::experiment::Views;
use mocolab::random::Random;

/// How each picture of a batch is to be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    /// What happens to each picture.
    pub(super) changes: Vec<Change>,
    /// Pixels that a blur reaches over, odd.
    pub(super) blur_kernel: usize,
    /// The brightness from which a solarised picture is inverted.
    pub(super) solarise_above: f32,
}

/// What happens to one picture, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Change {
    /// The part that is resized to the whole.
    pub crop: Option<Crop>,
    /// The angle it is turned by, in degrees, counter-clockwise.
    pub rotate: Option<f32>,
    /// Whether left and right are exchanged.
    pub flip: bool,
    /// Changes of colour, in this order.
    pub jitter: Option<[Colour; 4]>,
    /// Whether it loses all colour.
    pub grey: bool,
    /// The standard deviation of a Gaussian blur, in pixels.
    pub blur: Option<f32>,
    /// Whether what is bright is inverted.
    pub solarise: bool,
}

/// A box in a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crop {
    pub top: usize,
    pub left: usize,
    pub height: usize,
    pub width: usize,
}

/// A change of colour with its factor; the hue is turned by a part of the circle instead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Colour {
    Brightness(f32),
    Contrast(f32),
    Saturation(f32),
    Hue(f32),
}

impl Draws {
    /// Draws changes for `count` pictures of `size` (height, width).
    pub fn draw(settings: &Views, count: usize, size: (usize, usize), random: &mut Random) -> Self {
        Self {
            changes: (0..count).map(|_| Change::draw(settings, size, random)).collect(),
            blur_kernel: settings.blur_kernel.get() as usize,
            solarise_above: settings.solarise_above.get() as f32,
        }
    }

    /// These draws, then those of `second`, under the same settings.
    pub fn followed_by(mut self, second: Self) -> Self {
        self.changes.extend(second.changes);
        self
    }
}

impl Change {
    fn draw(settings: &Views, size: (usize, usize), random: &mut Random) -> Self {
        let crop = (settings.crop_area.get() < 1.0)
            .then(|| Crop::draw(settings.crop_area.get(), settings.crop_ratio.get(), size, random));
        let degrees = settings.rotate_degrees.get();
        let rotate = random.chance(settings.rotate.get()).then(|| random.between(-degrees, degrees) as f32);
        let flip = random.chance(settings.flip.get());
        let jitter = random.chance(settings.jitter.get()).then(|| Colour::draw(settings, random));
        let grey = random.chance(settings.grey.get());
        let (narrow, wide) = (settings.blur_sigma_min.get(), settings.blur_sigma_max.get());
        let blur = random.chance(settings.blur.get()).then(|| random.between(narrow, wide) as f32);
        let solarise = random.chance(settings.solarise.get());
        Self { crop, rotate, flip, jitter, grey, blur, solarise }
    }
}

impl Crop {
    /// Draws a box as torchvision's `RandomResizedCrop` does (Szegedy et al. 2015, section 6): a share of the area
    /// between `area` and 1, a ratio of the sides up to `ratio` either way; after ten boxes that don't fit, the largest
    /// in the middle that keeps to the ratio.
    fn draw(area: f64, ratio: f64, (height, width): (usize, usize), random: &mut Random) -> Self {
        const TRIES: usize = 10;
        let reach = ratio.ln().abs();
        for _ in 0..TRIES {
            let target = (height * width) as f64 * random.between(area, 1.0);
            let ratio = random.between(-reach, reach).exp();
            let side = |square: f64| square.sqrt().round_ties_even() as usize;
            let (w, h) = (side(target * ratio), side(target / ratio));
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let (top, left) = (random.below(height - h + 1), random.below(width - w + 1));
                return Self { top, left, height: h, width: w };
            }
        }
        let widest = reach.exp();
        let side = |other: usize| (other as f64 * widest).round_ties_even() as usize;
        let (h, w) = (height.min(side(width)), width.min(side(height)));
        Self { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
    }
}

impl Colour {
    fn draw(settings: &Views, random: &mut Random) -> [Self; 4] {
        let mut around = |reach: f64| random.between(1.0 - reach, 1.0 + reach) as f32;
        let brightness = Self::Brightness(around(settings.brightness.get()));
        let contrast = Self::Contrast(around(settings.contrast.get()));
        let saturation = Self::Saturation(around(settings.saturation.get()));
        let hue = settings.hue.get();
        let mut steps = [brightness, contrast, saturation, Self::Hue(random.between(-hue, hue) as f32)];
        random.shuffle(&mut steps);
        steps
    }
}

/// The weights of a Gaussian blur over `size` pixels with the standard deviation `sigma`.
pub(super) fn gaussian(size: usize, sigma: f32) -> Vec<f32> {
    let middle = (size as f32 - 1.0) / 2.0;
    let density = |k: usize| (-0.5 * ((k as f32 - middle) / sigma).powi(2)).exp();
    let sum: f32 = (0..size).map(density).sum();
    (0..size).map(|k| density(k) / sum).collect()
}
