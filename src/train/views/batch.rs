//! The views of a whole batch at once, on its device: a few operations on one big tensor. Where only some pictures drew
//! an operation, the others keep their bits.

use super::draws::{Change, Colour, Draws, gaussian};
use super::{GREY, reflect};
use crate::device::upload;
use tch::{Device, Kind, Tensor, no_grad};

/// A batch under change.
struct Batch<'a> {
    /// `[n, 3, height, width]`, fp32, 0 to 1.
    x: Tensor,
    draws: &'a Draws,
}

/// See [`super::view`].
pub(super) fn view(pixels: &Tensor, draws: &Draws) -> Tensor {
    no_grad(|| {
        let x = (pixels.to_kind(Kind::Float) / 255.0).permute([0, 3, 1, 2]);
        let mut batch = Batch { x, draws };
        batch.crop();
        batch.rotate();
        batch.flip();
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

    fn size(&self) -> (i64, i64) {
        let size = self.x.size();
        (size[2], size[3])
    }

    fn any(&self, drew: impl Fn(&Change) -> bool) -> bool {
        self.draws.changes.iter().any(drew)
    }

    /// Numbers of each picture, on the device: `[n, 1, 1, 1]` each.
    fn numbers<const K: usize>(&self, of: impl Fn(&Change) -> [f32; K]) -> [Tensor; K] {
        let rows: Vec<f32> = self.draws.changes.iter().flat_map(of).collect();
        let table = self.upload(&rows, K as i64);
        std::array::from_fn(|k| table.select(1, k as i64).view([-1, 1, 1, 1]))
    }

    /// `rows` as `[n, columns]` on the device, without waiting for what it is doing.
    fn upload(&self, rows: &[f32], columns: i64) -> Tensor {
        upload(rows, self.device()).view([-1, columns])
    }

    /// Takes `changed` for the pictures that drew it.
    fn accept(&mut self, changed: &Tensor, drew: impl Fn(&Change) -> bool) {
        let [drew] = self.numbers(|change| [f32::from(u8::from(drew(change)))]);
        self.x = changed.where_self(&drew.gt(0.5), &self.x);
    }

    /// 0, 1, … `length` - 1.
    fn along(&self, length: i64) -> Tensor {
        Tensor::arange(length, (Kind::Float, self.device()))
    }

    /// Bilinear; a point beyond the middle of a box's outermost pixels is of their colour.
    fn crop(&mut self) {
        if !self.any(|change| change.crop.is_some()) {
            return;
        }
        let (height, width) = self.size();
        let [top, left, tall, wide] = self.numbers(|change| {
            let whole = [0.0, 0.0, height as f32, width as f32];
            change.crop.map_or(whole, |crop| [crop.top, crop.left, crop.height, crop.width].map(|side| side as f32))
        });
        // In the coordinates of `grid_sampler`: -1 and 1 are the picture's edges.
        let places = |start: &Tensor, side: &Tensor, length: i64| {
            let [start, side] = [start, side].map(|numbers| numbers.view([-1, 1]));
            let place = (self.along(length) + 0.5) * (&side / length as f64) - 0.5;
            let place = place.clamp_min(0.0).minimum(&(side - 1.0)) + start;
            (place * 2.0 + 1.0) / length as f64 - 1.0
        };
        let rows = places(&top, &tall, height).unsqueeze(2).expand([-1, height, width], false);
        let columns = places(&left, &wide, width).unsqueeze(1).expand([-1, height, width], false);
        let grid = Tensor::stack(&[columns, rows], 3);
        let (bilinear, border) = (0, 1);
        self.x = self.x.grid_sampler(&grid, bilinear, border, false);
    }

    /// The nearest pixel, black where there is none.
    fn rotate(&mut self) {
        if !self.any(|change| change.rotate.is_some()) {
            return;
        }
        let (height, width) = self.size();
        let [sine, cosine] = self.numbers(|change| {
            let (sine, cosine) = change.rotate.unwrap_or(0.0).to_radians().sin_cos();
            [sine, cosine]
        });
        let (middle_y, middle_x) = ((height - 1) as f64 / 2.0, (width - 1) as f64 / 2.0);
        let y = (self.along(height) - middle_y).view([1, 1, -1, 1]);
        let x = (self.along(width) - middle_x).view([1, 1, 1, -1]);
        let column = (&cosine * &x - &sine * &y + middle_x).round();
        let row = (&sine * &x + &cosine * &y + middle_y).round();
        let (near_row, near_column) = (row.clamp(0, height - 1), column.clamp(0, width - 1));
        let inside = near_row.eq_tensor(&row).logical_and(&near_column.eq_tensor(&column));
        let place = near_row.to_kind(Kind::Int64) * width + near_column.to_kind(Kind::Int64);
        let place = place.view([-1, 1, height * width]).expand([-1, 3, -1], false);
        let turned = self.x.reshape([-1, 3, height * width]).gather(2, &place, false);
        self.x = turned.view([-1, 3, height, width]) * inside;
    }

    fn flip(&mut self) {
        if self.any(|change| change.flip) {
            self.accept(&self.x.flip([3]), |change| change.flip);
        }
    }

    /// Four rounds: in each, each picture has its own operation.
    fn jitter(&mut self) {
        if !self.any(|change| change.jitter.is_some()) {
            return;
        }
        for round in 0..4 {
            let step = |change: &Change| change.jitter.map(|steps| steps[round]);
            let blends = |change: &Change| !matches!(step(change), None | Some(Colour::Hue(_)));
            let turns = |change: &Change| matches!(step(change), Some(Colour::Hue(turn)) if turn != 0.0);
            if self.any(blends) {
                self.accept(&self.blended(step), blends);
            }
            if self.any(turns) {
                let [turn] =
                    self.numbers(|change| [if let Some(Colour::Hue(turn)) = step(change) { turn } else { 0.0 }]);
                self.accept(&hue(&self.x, &turn), turns);
            }
        }
    }

    /// Brightness, contrast and saturation are blends with black, with the mean grey and with each pixel's grey.
    fn blended(&self, step: impl Fn(&Change) -> Option<Colour>) -> Tensor {
        let [factor, mean_part, grey_part] = self.numbers(|change| match step(change) {
            Some(Colour::Brightness(factor)) => [factor, 0.0, 0.0],
            Some(Colour::Contrast(factor)) => [factor, 1.0 - factor, 0.0],
            Some(Colour::Saturation(factor)) => [factor, 0.0, 1.0 - factor],
            Some(Colour::Hue(_)) | None => [1.0, 0.0, 0.0],
        });
        let grey = grey(&self.x);
        let mean = grey.mean_dim(&[2_i64, 3][..], true, Kind::Float);
        (&self.x * factor + (mean * mean_part + grey * grey_part)).clamp(0.0, 1.0)
    }

    fn grey(&mut self) {
        if self.any(|change| change.grey) {
            self.accept(&grey(&self.x).expand_as(&self.x), |change| change.grey);
        }
    }

    fn blur(&mut self) {
        if !self.any(|change| change.blur.is_some()) {
            return;
        }
        let size = self.draws.blur_kernel;
        let kernels = self.draws.changes.iter().flat_map(|change| gaussian(size, change.blur.unwrap_or(1.0)));
        let kernels = self.upload(&kernels.collect::<Vec<_>>(), size as i64);
        let blurred = along(&along(&self.x, 3, &kernels), 2, &kernels);
        self.accept(&blurred, |change| change.blur.is_some());
    }

    fn solarise(&mut self) {
        if self.any(|change| change.solarise) {
            let bright = self.x.ge(f64::from(self.draws.solarise_above));
            let inverted: Tensor = 1.0 - &self.x;
            self.accept(&inverted.where_self(&bright, &self.x), |change| change.solarise);
        }
    }
}

/// The grey of colours `[n, 3, h, w]`: `[n, 1, h, w]`.
fn grey(x: &Tensor) -> Tensor {
    let [red, green, blue] = channels(x);
    red * f64::from(GREY[0]) + green * f64::from(GREY[1]) + blue * f64::from(GREY[2])
}

fn channels(x: &Tensor) -> [Tensor; 3] {
    [0, 1, 2].map(|channel| x.narrow(1, channel, 1))
}

/// `x` `[n, 3, h, w]` with its hue turned by `turn` `[n, 1, 1, 1]`, parts of the circle: see [`super::planes`].
fn hue(x: &Tensor, turn: &Tensor) -> Tensor {
    let [red, green, blue] = channels(x);
    let (most, least) = (x.amax(1, true), x.amin(1, true));
    let chroma = &most - &least;
    let divisor = chroma.where_self(&chroma.gt(0.0), &chroma.ones_like());
    let from_red = (&green - &blue) / &divisor;
    let from_green = (&blue - &red) / &divisor + 2.0;
    let from_blue = (&red - &green) / &divisor + 4.0;
    let sixths =
        from_red.where_self(&most.eq_tensor(&red), &from_green.where_self(&most.eq_tensor(&green), &from_blue));
    let sixths = (sixths + turn * 6.0).remainder(6.0);
    let red = (&sixths - 3.0).abs() - 1.0;
    let green = 2.0 - (&sixths - 2.0).abs();
    let blue = 2.0 - (&sixths - 4.0).abs();
    Tensor::cat(&[red, green, blue], 1).clamp(0.0, 1.0) * chroma + least
}

/// `x` `[n, 3, h, w]`, each picture blurred with its row of `kernels` `[n, k]` along `dimension`; the picture goes on
/// mirrored beyond its edges.
fn along(x: &Tensor, dimension: i64, kernels: &Tensor) -> Tensor {
    let (length, size) = (x.size()[dimension as usize], kernels.size()[1]);
    let places: Vec<i64> = (0..length + size - 1).map(|place| reflect(place - size / 2, length)).collect();
    let places = upload(&places, x.device());
    let padded = x.index_select(dimension, &places);
    let tap = |k: i64| padded.narrow(dimension, k, length) * kernels.select(1, k).view([-1, 1, 1, 1]);
    (1..size).fold(tap(0), |sum, k| sum + tap(k))
}
