//! What the record keeps for other programs to draw: the views that a step trains on, and how the weights are spread.

use super::{Training, ending};
use crate::{method::Method, preview, session::Session};
use anyhow::Result;
use mocolab::event::{Event, Histogram, Histograms, Picture};
use mocolab::figure;
use tch::{Device, Kind, Tensor};

/// Pictures whose views are shown.
const ROWS: usize = 8;
/// Pixels of a side that one of a picture becomes.
const SCALE: usize = 2;
/// Parts of a histogram.
const BINS: i64 = 64;

impl<M: Method> Training<'_, M> {
    /// Writes a picture of training pictures beside views of them. Where that fails a person is told, and the training goes on.
    pub(super) fn show_views(&self, session: &mut Session) -> Result<()> {
        let dataset = &self.job.dataset;
        let chosen = preview::choose(dataset.train.len(), ROWS, self.job.experiment.seed);
        if chosen.len() < self.job.devices.len() {
            return Ok(());
        }
        let written = crate::caught(|| {
            let columns = self.method.shown(&chosen, preview::COLUMNS - 1);
            if columns.is_empty() {
                return Ok(None);
            }
            let grid = Tensor::stack(&columns, 1).to_device(Device::Cpu).contiguous();
            let mut bytes = vec![0; grid.numel()];
            grid.copy_data(&mut bytes, grid.numel());
            let size = [dataset.width, dataset.height];
            let pictures: Vec<&[u8]> = bytes.chunks(size[0] * size[1] * 3).collect();
            let png = figure::sheet(&pictures, size, columns.len(), SCALE)?;
            Ok(Some(session.run().write_picture("views", &png)?))
        });
        match written {
            Ok(None) => Ok(()),
            Ok(Some(file)) => {
                session.write(Event::Picture(Picture { epoch: 0, step: 0, name: "views".to_owned(), file }))
            }
            Err(error) => ending::alert(session, "pictures", format!("the picture of views can't be made: {error:#}")),
        }
    }

    /// Records how the weights are spread after `epoch`.
    pub(super) fn histograms(&mut self, epoch: u64, session: &mut Session) -> Result<()> {
        let flat = self.method.weights().to_device(Device::Cpu);
        let named = self.method.named(&flat).into_iter();
        let weights = named.filter_map(|(name, values)| Some((name, histogram(&values)?))).collect();
        session.write(Event::Histograms(Histograms { epoch, step: self.progress.step, weights }))
    }
}

/// How `values` are spread; nothing of what has none, or some that are no numbers.
fn histogram(values: &Tensor) -> Option<Histogram> {
    let values = values.flatten(0, -1).to_kind(Kind::Float);
    let (min, max) = (values.numel() > 0).then(|| (values.min().double_value(&[]), values.max().double_value(&[])))?;
    if !min.is_finite() || !max.is_finite() {
        return None;
    }
    let wide = values.to_kind(Kind::Double);
    let counts = if min < max {
        Vec::<f64>::try_from(values.histc(BINS).to_kind(Kind::Double))
            .ok()?
            .into_iter()
            .map(|count| count as u64)
            .collect()
    } else {
        vec![values.numel() as u64]
    };
    let (sum, squares) = (wide.sum(Kind::Double).double_value(&[]), wide.square().sum(Kind::Double).double_value(&[]));
    Some(Histogram { min, max, sum, squares, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_all_values() {
        let values = Tensor::from_slice(&[0.0_f32, 1.0, 1.0, 64.0]);
        let found = histogram(&values).unwrap();
        assert_eq!((found.min, found.max, found.sum, found.squares), (0.0, 64.0, 66.0, 4098.0));
        assert_eq!((found.counts.len(), found.counts[0], found.counts[1], found.counts[63]), (64, 1, 2, 1));
        assert_eq!(histogram(&Tensor::from_slice(&[2.0_f32; 3])).unwrap().counts, [3]);
        assert_eq!(histogram(&Tensor::from_slice(&[f32::NAN])), None);
        assert_eq!(histogram(&Tensor::from_slice::<f32>(&[])), None);
    }
}
