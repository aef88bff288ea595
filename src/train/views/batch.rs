//! The views of a whole batch at once, on its device: a few operations on one big tensor. Where only some pictures drew
//! an operation, the others keep their bits (colours that a crop's rounding left above 1 are 1 after a jitter of others).

use super::draws::{Change, Colour, Draws, gaussian};
use super::{GREY, reflect};
use crate::device::upload;
use tch::{Device, Kind, Tensor, kind::Element, no_grad};

/// A batch under change.
struct Batch<'a> {
    /// `[n, 3, height, width]`, fp32, 0 to 1.
    x: Tensor,
    draws: &'a Draws,
}

/// See [`super::view`].
pub(super) fn view(pixels: &Tensor, draws: &Draws) -> Tensor {
    no_grad(|| {
        let mut batch = Batch { x: (pixels / 255.0).permute([0, 3, 1, 2]), draws };
        batch.place();
        batch.jitter();
        batch.grey();
        batch.blur();
        batch.solarise();
        batch.x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
    })
}

impl Batch<'_> {
    fn device(&self) -> Device {
        self.x.device()
    }

    fn any(&self, drew: impl Fn(&Change) -> bool) -> bool {
        self.draws.changes.iter().any(drew)
    }

    /// Values of each picture, on the device: `[n, k]`.
    fn table<T: Element, I: IntoIterator<Item = T>>(&self, of: impl Fn(&Change) -> I) -> Tensor {
        let rows: Vec<T> = self.draws.changes.iter().flat_map(of).collect();
        let count = self.draws.changes.len().max(1);
        upload(&rows, self.device()).view([-1, (rows.len() / count) as i64])
    }

    /// Takes `changed` for the pictures that drew it.
    fn accept(&mut self, changed: &Tensor, drew: &[bool]) {
        let drew = upload(drew, self.device()).view([-1, 1, 1, 1]);
        self.x = changed.where_self(&drew, &self.x);
    }

    /// Crop, rotation and flip: where all three lead to, pixels are taken once. Bilinear within the crop, where a point
    /// beyond the middle of its outermost pixels is of their colour; then the nearest pixel of that, black where there is
    /// none.
    fn place(&mut self) {
        let (cropped, turned) = (self.any(|change| change.crop.is_some()), self.any(|change| change.rotate.is_some()));
        if !cropped && !turned && !self.any(|change| change.flip) {
            return;
        }
        let size = self.x.size();
        let (height, width) = (size[2] as usize, size[3] as usize);
        let rows = self.table(|change| {
            let (top, tall) = change.crop.map_or((0, height), |crop| (crop.top, crop.height));
            (0..height).map(move |row| taken(row, (top, tall), height))
        });
        let columns = self.table(|change| {
            let (left, wide) = change.crop.map_or((0, width), |crop| (crop.left, crop.width));
            let flip = change.flip;
            (0..width).map(move |column| taken(if flip { width - 1 - column } else { column }, (left, wide), width))
        });
        let whole = |places: Tensor| places.expand([-1, size[2], size[3]], false);
        let (mut rows, mut columns) = (whole(rows.unsqueeze(2)), whole(columns.unsqueeze(1)));
        let inside = turned.then(|| self.turn([&mut rows, &mut columns]));
        let grid = Tensor::stack(&[columns, rows], 3);
        let way = if cropped { BILINEAR } else { NEAREST };
        self.x = self.x.grid_sampler(&grid, way, BORDER, false);
        if let Some(inside) = inside {
            let _ = self.x.g_mul_(&inside);
        }
    }

    /// Turns the `places` `[n, height, width]` that pixels are taken from. Gives which lie in the picture, `[n, 1, height,
    /// width]`.
    fn turn(&self, places: [&mut Tensor; 2]) -> Tensor {
        // A picture turned and mirrored is the mirrored one turned the other way.
        let turns = self.table(|change| {
            let degrees = change.rotate.unwrap_or(0.0);
            let (sine, cosine) = if change.flip { -degrees } else { degrees }.to_radians().sin_cos();
            [sine, cosine]
        });
        let [sine, cosine] = [0, 1].map(|k| turns.narrow(1, k, 1).unsqueeze(2));
        let (height, width) = (places[0].size()[1], places[0].size()[2]);
        let middle = |length: i64| (length - 1) as f32 / 2.0;
        let from_middle =
            |length: i64| upload(&(0..length).map(|k| k as f32 - middle(length)).collect::<Vec<_>>(), self.device());
        let (y, x) = (from_middle(height).view([1, -1, 1]), from_middle(width).view([1, 1, -1]));
        let column = (&cosine * &x - &sine * &y + f64::from(middle(width))).round_();
        let row = (sine * x + cosine * y + f64::from(middle(height))).round_();
        let (near_row, near_column) = (row.clamp(0, height - 1), column.clamp(0, width - 1));
        let inside = near_row.eq_tensor(&row).logical_and(&near_column.eq_tensor(&column));
        let place = (near_row * width as f64 + near_column).to_kind(Kind::Int64).view([-1, height * width]);
        for it in places {
            *it = it.reshape([-1, height * width]).gather(1, &place, false).view([-1, height, width]);
        }
        inside.unsqueeze(1)
    }

    /// In rounds: in each, each picture has the blend that is its next, or none; in the middle one its hue is turned.
    fn jitter(&mut self) {
        if !self.any(|change| change.jitter.is_some()) {
            return;
        }
        let rounds: Vec<[Option<Colour>; ROUNDS]> =
            self.draws.changes.iter().map(|change| change.jitter.map_or([None; ROUNDS], rounds)).collect();
        let drawn = |round: usize| rounds.iter().any(|rounds| rounds[round].is_some());
        let parts: Vec<f32> = rounds.iter().flatten().flat_map(|step| parts(*step)).collect();
        let parts = upload(&parts, self.device()).view([-1, ROUNDS as i64, 3, 1, 1, 1]);
        let colours = upload(&[GREY, HUE_MIDDLES, HUE_SIGNS, HUE_STARTS].concat(), self.device()).view([4, 1, 3, 1, 1]);
        let [weights, middles, signs, starts] = [0, 1, 2, 3].map(|k| colours.get(k));
        for round in (0..ROUNDS).filter(|round| drawn(*round)) {
            let [first, second, third] = [0, 1, 2].map(|k| parts.select(1, round as i64).select(1, k));
            if round == HUE {
                let turns: Vec<bool> = rounds.iter().map(|rounds| rounds[HUE].is_some()).collect();
                self.accept(&hue(&self.x, &first, [&middles, &signs, &starts]), &turns);
            } else {
                let grey = grey(&self.x, &weights);
                let mean = grey.mean_dim(&[2_i64, 3][..], true, Kind::Float);
                let rest = Tensor::addcmul(&(mean * second), &grey, &third);
                self.x = Tensor::addcmul(&rest, &self.x, &first).clamp_(0.0, 1.0);
            }
        }
    }

    fn grey(&mut self) {
        let drew: Vec<bool> = self.draws.changes.iter().map(|change| change.grey).collect();
        if drew.contains(&true) {
            self.accept(&grey(&self.x, &upload(&GREY, self.device()).view([1, 3, 1, 1])), &drew);
        }
    }

    fn blur(&mut self) {
        if !self.any(|change| change.blur.is_some()) {
            return;
        }
        let size = self.draws.blur_kernel;
        // Where nothing is blurred each pixel is its own: its bits stay.
        let itself = |k: usize| if k == size / 2 { 1.0 } else { 0.0 };
        let kernels = self
            .table(|change| change.blur.map_or_else(|| (0..size).map(itself).collect(), |sigma| gaussian(size, sigma)));
        self.x = along(&along(&self.x, 3, &kernels), 2, &kernels);
    }

    fn solarise(&mut self) {
        if self.any(|change| change.solarise) {
            let above = self.draws.solarise_above;
            let above = self.table(|change| [if change.solarise { above } else { f32::INFINITY }]);
            let inverted: Tensor = 1.0 - &self.x;
            self.x = inverted.where_self(&self.x.ge_tensor(&above.view([-1, 1, 1, 1])), &self.x);
        }
    }
}

/// Ways of libtorch's `grid_sampler`, and what it finds beyond the edges.
const BILINEAR: i64 = 0;
const NEAREST: i64 = 1;
const BORDER: i64 = 1;

/// Where the row or column `place` comes from that is one of `length` which show `side` ones from `start` on, bilinearly
/// with the middles of pixels as their places; in the coordinates of `grid_sampler`, of which -1 and 1 are the picture's
/// edges.
fn taken(place: usize, (start, side): (usize, usize), length: usize) -> f32 {
    let place = (place as f32 + 0.5) * (side as f32 / length as f32) - 0.5;
    let place = place.clamp(0.0, side as f32 - 1.0) + start as f32;
    (place * 2.0 + 1.0) / length as f32 - 1.0
}

/// Rounds of a jitter, for pictures whose steps come in any order: three of blends, a turn of the hue, three of blends.
const ROUNDS: usize = 7;
/// The round of the hue.
const HUE: usize = 3;

/// Of red, green and blue, over the hue in sixths of the circle: each is a trapezoid, 1 or 0 around its middle.
const HUE_MIDDLES: [f32; 3] = [3.0, 2.0, 4.0];
/// Whether it grows or shrinks with the distance from there.
const HUE_SIGNS: [f32; 3] = [1.0, -1.0, -1.0];
/// What it is there, before it is cut off at 0 and 1.
const HUE_STARTS: [f32; 3] = [-1.0, 2.0, 2.0];

/// The steps of a picture, each in a round of its kind, in their order. A hue that isn't turned is no step.
fn rounds(steps: [Colour; 4]) -> [Option<Colour>; ROUNDS] {
    let mut steps = steps.into_iter().peekable();
    let rounds: [Option<Colour>; ROUNDS] =
        std::array::from_fn(|round| steps.next_if(|step| matches!(step, Colour::Hue(_)) == (round == HUE)));
    assert!(steps.next().is_none(), "a jitter turns the hue once");
    rounds.map(|step| step.filter(|step| *step != Colour::Hue(0.0)))
}

/// What a step makes a picture of: shares of itself, of its mean grey and of each pixel's grey (brightness, contrast and
/// saturation are blends with black and with these); or how far its hue is turned, in sixths of the circle.
fn parts(step: Option<Colour>) -> [f32; 3] {
    match step {
        None => [1.0, 0.0, 0.0],
        Some(Colour::Brightness(factor)) => [factor, 0.0, 0.0],
        Some(Colour::Contrast(factor)) => [factor, 1.0 - factor, 0.0],
        Some(Colour::Saturation(factor)) => [factor, 0.0, 1.0 - factor],
        Some(Colour::Hue(turn)) => [turn * 6.0, 0.0, 0.0],
    }
}

/// The grey of colours `[n, 3, h, w]`: `[n, 1, h, w]`.
fn grey(x: &Tensor, weights: &Tensor) -> Tensor {
    (x * weights).sum_dim_intlist(1, true, Kind::Float)
}

/// `x` `[n, 3, h, w]` with its hue turned by `turn` `[n, 1, 1, 1]`, sixths of the circle: see [`super::planes`].
fn hue(x: &Tensor, turn: &Tensor, [middles, signs, starts]: [&Tensor; 3]) -> Tensor {
    let (most, which) = x.max_dim(1, true);
    let least = x.amin(1, true);
    let chroma = most - &least;
    // Green less blue, blue less red, red less green: what counts is that of the two which are not the most.
    let difference = x.roll(-1, 1) - x.roll(-2, 1);
    let sixths = difference.gather(1, &which, false) / chroma.clamp_min(f64::from(f32::MIN_POSITIVE));
    let sixths = (sixths + which * 2 + turn).remainder(6.0);
    let share = Tensor::addcmul(starts, &(sixths - middles).abs_(), signs);
    Tensor::addcmul(&least, &share.clamp(0.0, 1.0), &chroma)
}

/// `x` `[n, 3, h, w]`, each picture blurred with its row of `kernels` `[n, k]` along `dimension`; the picture goes on
/// mirrored beyond its edges.
fn along(x: &Tensor, dimension: i64, kernels: &Tensor) -> Tensor {
    let (length, size) = (x.size()[dimension as usize], kernels.size()[1]);
    let places: Vec<i64> = (0..length + size - 1).map(|place| reflect(place - size / 2, length)).collect();
    let padded = x.index_select(dimension, &upload(&places, x.device()));
    let tap = |k: i64| padded.narrow(dimension, k, length);
    let weight = |k: i64| kernels.select(1, k).view([-1, 1, 1, 1]);
    (1..size).fold(tap(0) * weight(0), |mut sum, k| sum.addcmul_(&tap(k), &weight(k)))
}
