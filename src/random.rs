//! Randomness that depends on nothing but its key: every draw that decides a run is a function of (seed, epoch, step,
//! purpose), so a resumed run draws what an undisturbed one would have drawn, and the order of work does not matter.
//!
//! The generator is `ChaCha8` with the key as its seed (Bernstein 2008; 8 rounds as in `rand_chacha`); what is built on it
//! here is written out so that a new version of a library cannot change a result.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What a stream is drawn for. The numbers are part of every run's identity: never change or reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// First weights of a network.
    Weights = 1,
    /// Order of the training images in an epoch.
    Shuffle = 2,
    /// Padded crops and flips of a step.
    Augment = 3,
    /// Which images are held out for validation.
    Split = 4,
    /// The drawings of `data = "shapes"`.
    Drawing = 5,
    /// The first keys of a dictionary queue.
    Queue = 6,
    /// The order in which a key encoder sees a batch.
    KeyOrder = 7,
    /// Which labels a probe may use.
    Labels = 8,
    /// Views of validation pictures.
    Validation = 9,
    /// Which images of a probe's batch are mirrored.
    Mirror = 10,
    /// Pairs and shares of mixup.
    Mix = 11,
    /// Pictures that are shown.
    Preview = 12,
    /// Views of the pictures of a step.
    View = 13,
    /// The second views of momentum contrast.
    SecondView = 14,
    /// Places of cutout.
    Cutout = 15,
    /// Where the points of a map begin.
    Map = 16,
}

/// A stream of random numbers for one purpose at one place of a run.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of `seed` for `purpose`, at `place` = (epoch, step) or any other pair that tells two draws apart.
    pub fn new(seed: u64, purpose: Purpose, place: (u64, u64)) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, place.0, place.1]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), in steps of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform among 0, 1, … `n` - 1 for n < 2³²; the bias of the multiplication is below 2⁻³².
    pub fn below(&mut self, n: usize) -> usize {
        (((self.bits() >> 32) * n as u64) >> 32) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Standard normal (Box and Muller 1958, the cosine branch).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Puts `items` into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Purpose, Random};

    #[test]
    fn the_same_key_draws_the_same_for_ever() {
        let mut random = Random::new(1, Purpose::Shuffle, (2, 3));
        let drawn: Vec<u64> = (0..3).map(|_| random.bits()).collect();
        insta::assert_debug_snapshot!(drawn);
        let mut order: Vec<u8> = (0..10).collect();
        random.shuffle(&mut order);
        insta::assert_debug_snapshot!(order);
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, purpose, place| Random::new(seed, purpose, place).bits();
        let base = first(1, Purpose::Augment, (1, 1));
        assert_ne!(base, first(2, Purpose::Augment, (1, 1)));
        assert_ne!(base, first(1, Purpose::Weights, (1, 1)));
        assert_ne!(base, first(1, Purpose::Augment, (2, 1)));
        assert_ne!(base, first(1, Purpose::Augment, (1, 2)));
    }

    #[test]
    fn the_distributions_have_their_moments() {
        let mut random = Random::new(7, Purpose::Weights, (0, 0));
        let n = 100_000;
        let mean = |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || random.between(2.0, 4.0)) - 3.0).abs() < 0.01);
        assert!(mean(&mut || random.normal()).abs() < 0.02);
        assert!((mean(&mut || random.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((mean(&mut || random.below(5) as f64) - 2.0).abs() < 0.02);
        assert!((mean(&mut || f64::from(u8::from(random.chance(0.3)))) - 0.3).abs() < 0.01);
    }
}
