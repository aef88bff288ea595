//! A split of a data set on the device: one tensor of bytes, from which batches are taken by index.

use super::{augment::Moves, device::upload};
use mocolab::{data::Split, experiment::Normalise};
use tch::{Device, Kind, Tensor};

/// Pictures with labels, on the device.
#[derive(Debug)]
pub struct Pictures {
    /// One row for each pixel, `[n height width, 3]`, bytes.
    pixels: Tensor,
    /// `[n]`, whole numbers.
    labels: Tensor,
    height: i64,
    width: i64,
}

/// Mean and standard deviation of each colour, in bytes (0 to 255).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Colours {
    /// Means of red, green, blue.
    pub mean: [f64; 3],
    /// Standard deviations of red, green, blue.
    pub deviation: [f64; 3],
}

impl Pictures {
    /// Copies `split` to `device`; `size` is (height, width).
    pub fn new(split: &Split, size: (usize, usize), device: Device) -> Self {
        let labels: Vec<i64> = split.labels.iter().map(|label| i64::from(*label)).collect();
        Self {
            pixels: Tensor::from_slice(&split.images).view([-1, 3]).to_device(device),
            labels: Tensor::from_slice(&labels).to_device(device),
            height: size.0 as i64,
            width: size.1 as i64,
        }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// The numbers of all pictures.
    pub fn all(&self) -> Vec<i64> {
        (0..self.len() as i64).collect()
    }

    /// The labels of the pictures `indices`, `[b]`.
    pub fn labels(&self, indices: &[i64]) -> Tensor {
        self.labels.index_select(0, &upload(indices, self.labels.device()))
    }

    /// The pictures `indices` as they are, bytes `[b, height, width, 3]`.
    pub fn plain(&self, indices: &[i64]) -> Tensor {
        let images = self.pixels.view([-1, self.height * self.width * 3]);
        let indices = upload(indices, images.device());
        images.index_select(0, &indices).view([-1, self.height, self.width, 3])
    }

    /// The pictures `indices`, each moved by its move, black where nothing came from: bytes `[b, height, width, 3]`.
    pub fn moved(&self, indices: &[i64], moves: &Moves) -> Tensor {
        let (height, width, count) = (self.height, self.width, indices.len() as i64);
        let device = self.pixels.device();
        let table = [indices, &moves.rows, &moves.columns, &moves.directions()].concat();
        let table = upload(&table, device).view([-1, count, 1, 1]);
        let [image, row, column, direction] = [0, 1, 2, 3].map(|k| table.get(k));
        let along = |length: i64| Tensor::arange(length, (Kind::Int64, device));
        let rows = along(height).view([1, height, 1]) + row;
        let columns = along(width).view([1, 1, width]) * direction + column;
        let (near, next) = (rows.clamp(0, height - 1), columns.clamp(0, width - 1));
        let inside = near.eq_tensor(&rows).logical_and(&next.eq_tensor(&columns));
        let place: Tensor = (image * height + near) * width + next;
        let pixels = self.pixels.index_select(0, &place.view([-1])).view([-1, height, width, 3]);
        pixels.g_mul(&inside.unsqueeze(-1).to_kind(Kind::Uint8))
    }
}

impl Colours {
    /// Of the pictures `indices` of `split`, exactly: the same on every machine.
    pub fn of(split: &Split, indices: &[i64]) -> Self {
        let pixels = split.labels.len().max(1);
        let size = split.images.len() / pixels;
        let mut counts = [[0_u64; 256]; 3];
        for index in indices {
            for pixel in split.images[*index as usize * size..][..size].chunks_exact(3) {
                for (count, byte) in counts.iter_mut().zip(pixel) {
                    count[usize::from(*byte)] += 1;
                }
            }
        }
        let moment = |count: &[u64; 256], power: i32| {
            let sum: f64 = (0..=255_u8).zip(count).map(|(byte, n)| f64::from(byte).powi(power) * *n as f64).sum();
            sum / count.iter().sum::<u64>().max(1) as f64
        };
        let mean = counts.each_ref().map(|count| moment(count, 1));
        let spread = |k: usize| (moment(&counts[k], 2) - mean[k].powi(2)).max(1.0).sqrt();
        Self { mean, deviation: [0, 1, 2].map(spread) }
    }

    /// Those that the setting names: of the pictures `indices` of `split`, or of ImageNet.
    pub fn choose(setting: Normalise, split: &Split, indices: &[i64]) -> Self {
        match setting {
            Normalise::Data => Self::of(split, indices),
            Normalise::Imagenet => Self {
                mean: [0.485, 0.456, 0.406].map(|share| share * 255.0),
                deviation: [0.229, 0.224, 0.225].map(|share| share * 255.0),
            },
        }
    }

    /// Pictures `[b, 3, height, width]`, 0 to 1, as a network takes them: mean 0 and deviation 1 in each colour, of `kind`,
    /// in the same order in memory.
    pub fn normalise_view(&self, view: &Tensor, kind: Kind) -> Tensor {
        let column = |values: [f64; 3]| upload(&values.map(|v| v as f32), view.device()).view([3, 1, 1]);
        let scale = column(self.deviation.map(|deviation| 255.0 / deviation));
        let shift = column([0, 1, 2].map(|k| -self.mean[k] / self.deviation[k]));
        Tensor::addcmul(&shift, view, &scale).to_kind(kind)
    }

    /// Normalised pictures `[b, 3, height, width]` as bytes `[b, height, width, 3]` again.
    pub fn bytes(&self, x: &Tensor) -> Tensor {
        let row = |values: [f64; 3]| upload(&values.map(|v| v as f32), x.device());
        let plain = Tensor::addcmul(&row(self.mean), &x.permute([0, 2, 3, 1]), &row(self.deviation));
        plain.round().clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    /// Bytes `[b, height, width, 3]` as a network takes them: mean 0 and deviation 1 in each colour, `[b, 3, height,
    /// width]` of `kind`, channels last in memory.
    pub fn normalise(&self, bytes: &Tensor, kind: Kind) -> Tensor {
        let row = |values: [f64; 3]| upload(&values.map(|v| v as f32), bytes.device());
        let scale = row(self.deviation.map(|deviation| 1.0 / deviation));
        let shift = row([0, 1, 2].map(|k| -self.mean[k] / self.deviation[k]));
        Tensor::addcmul(&shift, &bytes.to_kind(Kind::Float), &scale).to_kind(kind).permute([0, 3, 1, 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colours_of_a_split_are_those_of_its_pixels() {
        let split = Split { images: vec![0, 10, 7, 100, 30, 7, 255, 255, 255, 1, 1, 1], labels: vec![0, 1] };
        let colours = Colours::of(&split, &[0]);
        assert_eq!(colours, Colours { mean: [50.0, 20.0, 7.0], deviation: [50.0, 10.0, 1.0] });
        let pictures = Pictures::new(&split, (1, 2), Device::Cpu);
        assert_eq!((pictures.len(), pictures.labels(&[1, 0, 1])), (2, Tensor::from_slice(&[1_i64, 0, 1])));
        let x = colours.normalise(&pictures.plain(&[0]), Kind::Float);
        assert_eq!(x.size(), [1, 3, 1, 2]);
        assert_eq!(x.stride()[1], 1, "channels last");
        assert!(x.allclose(
            &Tensor::from_slice(&[-1_f32, 1.0, -1.0, 1.0, 0.0, 0.0]).view([1, 3, 1, 2]),
            1e-6,
            1e-6,
            false
        ));
    }
}
