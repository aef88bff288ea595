//! `shapes` is hard enough: what one pixel says, a linear classifier finds, and it is little.

use mocolab::{
    data::{Dataset, Places, Split, load},
    experiment::DataSource,
};

const CLASSES: usize = 10;

/// Softmax regression on standardised pixels, one picture at a time.
struct Linear {
    mean: Vec<f32>,
    scale: Vec<f32>,
    weights: Vec<[f32; CLASSES]>,
}

impl Linear {
    fn new(images: &[u8], pixels: usize) -> Self {
        let n = (images.len() / pixels) as f64;
        let (mut sum, mut squares) = (vec![0.0_f64; pixels], vec![0.0_f64; pixels]);
        for image in images.chunks_exact(pixels) {
            for ((sum, squares), &value) in sum.iter_mut().zip(&mut squares).zip(image) {
                *sum += f64::from(value);
                *squares += f64::from(value).powi(2);
            }
        }
        let scale =
            sum.iter().zip(&squares).map(|(sum, squares)| (squares / n - (sum / n).powi(2)).sqrt().recip() as f32);
        let mean = sum.iter().map(|sum| (sum / n) as f32).collect();
        Self { mean, scale: scale.collect(), weights: vec![[0.0; CLASSES]; pixels + 1] }
    }

    fn inputs(&self, image: &[u8]) -> Vec<f32> {
        let standardised = image.iter().zip(self.mean.iter().zip(&self.scale));
        standardised.map(|(&value, (mean, scale))| (f32::from(value) - mean) * scale).chain([1.0]).collect()
    }

    fn scores(&self, inputs: &[f32]) -> [f32; CLASSES] {
        let mut scores = [0.0; CLASSES];
        for (input, weights) in inputs.iter().zip(&self.weights) {
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score += input * weight;
            }
        }
        scores
    }

    fn learn(&mut self, image: &[u8], label: u16, rate: f32) {
        let inputs = self.inputs(image);
        let scores = self.scores(&inputs);
        let highest = scores.iter().copied().fold(f32::MIN, f32::max);
        let mut gradient = scores.map(|score| (score - highest).exp());
        let sum: f32 = gradient.iter().sum();
        for value in &mut gradient {
            *value /= sum;
        }
        gradient[usize::from(label)] -= 1.0;
        for (input, weights) in inputs.iter().zip(&mut self.weights) {
            for (weight, slope) in weights.iter_mut().zip(gradient) {
                *weight -= rate * slope * input;
            }
        }
    }

    fn accuracy(&self, split: &Split) -> f64 {
        let pixels = self.mean.len();
        let right = split.images.chunks_exact(pixels).zip(&split.labels).filter(|(image, label)| {
            let scores = self.scores(&self.inputs(image));
            (0..CLASSES).max_by(|&a, &b| scores[a].total_cmp(&scores[b])) == Some(usize::from(**label))
        });
        right.count() as f64 / split.len() as f64
    }
}

#[test]
fn a_linear_classifier_stays_far_below_60_percent() {
    let Dataset { train, test, .. } = load(&DataSource::Shapes, &Places::new(".")).unwrap();
    let pixels = 32 * 32 * 3;
    let mut linear = Linear::new(&train.images, pixels);
    let epochs = 10;
    for epoch in 0..epochs {
        let rate = 2e-5 * (1.0 - epoch as f32 / epochs as f32);
        for (image, &label) in train.images.chunks_exact(pixels).zip(&train.labels) {
            linear.learn(image, label, rate);
        }
    }
    let (on_train, on_test) = (linear.accuracy(&train), linear.accuracy(&test));
    eprintln!("linear softmax on the pixels of `shapes`: train {on_train:.3}, test {on_test:.3}");
    assert!(on_train < 0.6 && on_test < 0.6, "too easy: {on_train} {on_test}");
    assert!(on_test > 0.12, "nothing to find, not even by chance: {on_test}");
}
