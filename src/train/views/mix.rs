//! What classifiers are trained with besides: blanked squares and pictures mixed in pairs, both on normalised pictures.

use crate::device::upload;
use mocolab::random::Random;
use tch::{Kind, Tensor};

/// Pictures `x` `[n, 3, h, w]`, in each of which a square of `side` pixels is 0, its middle anywhere in the picture: what
/// lies outside is cut off (arXiv:1708.04552, section 3.2).
pub fn cutout(x: &Tensor, side: u8, random: &mut Random) -> Tensor {
    let (count, _, height, width) = x.size4().expect("pictures have four dimensions");
    let mut starts = Vec::with_capacity(2 * count as usize);
    for _ in 0..count {
        let mut start = |length: i64| random.below(length as usize) as i64 - i64::from(side / 2);
        starts.extend([start(height), start(width)]);
    }
    let starts = upload(&starts, x.device()).view([-1, 2]);
    let within = |which: i64, length: i64| {
        let place = Tensor::arange(length, (Kind::Int64, x.device())) - starts.narrow(1, which, 1);
        place.ge(0).logical_and(&place.lt(i64::from(side)))
    };
    let rows = within(0, height).view([-1, 1, height, 1]);
    let columns = within(1, width).view([-1, 1, 1, width]);
    x.masked_fill(&rows.logical_and(&columns), 0.0)
}

/// How the pictures of a batch are mixed in pairs (Zhang et al. 2017).
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// The other picture of each.
    pub partners: Vec<i64>,
    /// How much of a picture itself is kept, 0 to 1; the same for the whole batch, and for the loss of its label.
    pub share: f64,
}

impl Mix {
    /// Draws partners for `count` pictures, and a share from Beta(`alpha`, `alpha`); all is kept for `alpha` 0.
    pub fn draw(alpha: f64, count: usize, random: &mut Random) -> Self {
        let mut partners: Vec<i64> = (0..count as i64).collect();
        random.shuffle(&mut partners);
        // A / (A + B) of two Gamma variables is Beta; by logarithms, since both may be too small for a number.
        let [own, other] = [0; 2].map(|_: u8| if alpha > 0.0 { log_gamma_variable(alpha, random) } else { 0.0 });
        let share = if alpha > 0.0 { 1.0 / (1.0 + (other - own).exp()) } else { 1.0 };
        Self { partners, share }
    }

    /// The pictures `x` `[n, 3, h, w]`, mixed: `share` of each and the rest of its partner, channels last in memory.
    pub fn apply(&self, x: &Tensor) -> Tensor {
        let partners = upload(&self.partners, x.device());
        let rows = x.permute([0, 2, 3, 1]).contiguous();
        rows.lerp(&rows.index_select(0, &partners), 1.0 - self.share).permute([0, 3, 1, 2])
    }
}

/// The logarithm of a Gamma(`shape`, 1) variable (Marsaglia and Tsang 2000; section 6 for shapes below 1).
fn log_gamma_variable(shape: f64, random: &mut Random) -> f64 {
    if shape < 1.0 {
        let boost = (1.0 - random.unit()).ln() / shape;
        return log_gamma_variable(shape + 1.0, random) + boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = random.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - random.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d.ln() + v.ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mocolab::random::Purpose;
    use tch::Device;

    fn random(step: u64) -> Random {
        Random::new(1, Purpose::Augment, (0, step))
    }

    #[test]
    fn a_square_is_blanked_and_cut_off_at_the_edges() {
        let (count, height, width) = (300, 9, 7);
        for side in [1, 4, 5_u8] {
            let x = Tensor::ones([count, 3, height, width], (Kind::Float, Device::Cpu));
            let cut = cutout(&x, side, &mut random(u64::from(side)));
            let reach = i64::from(side);
            let mut blanks = [0; 2];
            for picture in (0..count).map(|k| cut.get(k)) {
                let blank: Tensor = 1.0 - &picture;
                assert!((0..3).all(|c| blank.get(c) == blank.get(0)), "all colours alike");
                let rows = blank.get(0).amax(1, false);
                let columns = blank.get(0).amax(0, false);
                assert_eq!(rows.outer(&columns), blank.get(0), "one box");
                let [tall, wide] = [rows, columns].map(|line| line.sum(Kind::Int64).int64_value(&[]));
                assert!((1.max(reach / 2)..=reach).contains(&tall) && (1.max(reach / 2)..=reach).contains(&wide));
                blanks = [blanks[0] + i32::from(tall == reach), blanks[1] + i32::from(tall < reach)];
            }
            assert!(blanks[0] > 0 && (side == 1 || blanks[1] > 0), "{blanks:?}");
            assert_eq!(cut, cutout(&x, side, &mut random(u64::from(side))));
        }
    }

    #[test]
    fn every_place_is_blanked_and_the_middle_most() {
        let x = Tensor::ones([2000, 3, 8, 8], (Kind::Float, Device::Cpu));
        let cut = cutout(&x, 4, &mut random(0));
        let blanked: Tensor = 1.0 - cut.mean_dim(&[0_i64, 1][..], false, Kind::Float);
        // A place is within the square for 4 of 8 middles along each side, for 3 of 8 in the first line.
        assert!((blanked.double_value(&[4, 4]) - 0.25).abs() < 0.04);
        assert!((blanked.double_value(&[0, 0]) - 3.0 * 3.0 / 64.0).abs() < 0.03);
    }

    #[test]
    fn pictures_are_mixed_with_their_partners() {
        let x = Tensor::arange(4 * 3 * 2 * 2, (Kind::Float, Device::Cpu)).view([4, 3, 2, 2]);
        for share in [0.25, 0.8, 1.0] {
            let mix = Mix { partners: vec![2, 1, 3, 0], share };
            let made = mix.apply(&x);
            assert_eq!(made.stride()[1], 1, "channels last");
            for (own, partner) in [(0, 2), (1, 1), (2, 3), (3, 0)] {
                let wanted = x.get(own) * share + x.get(partner) * (1.0 - share);
                assert!(made.get(own).allclose(&wanted, 1e-6, 1e-5, false));
            }
        }
    }

    #[test]
    fn shares_have_the_moments_of_their_distribution() {
        for alpha in [0.05, 0.2, 1.0, 4.0] {
            let shares: Vec<f64> = (0..20_000).map(|step| Mix::draw(alpha, 0, &mut random(step)).share).collect();
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
            let mean = shares.iter().sum::<f64>() / 20_000.0;
            let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 20_000.0;
            let fourth = shares.iter().map(|share| (share - mean).powi(4)).sum::<f64>() / 20_000.0;
            // Beta(a, a): variance 1 / 4 (2 a + 1), kurtosis 3 - 6 / (2 a + 3).
            let wanted = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 0.012, "{alpha}: {mean}");
            assert!((variance / wanted - 1.0).abs() < 0.04, "{alpha}: {variance} {wanted}");
            let kurtosis = 3.0 - 6.0 / (2.0 * alpha + 3.0);
            assert!((fourth / variance.powi(2) / kurtosis - 1.0).abs() < 0.06, "{alpha}: {fourth}");
        }
        assert!((0..100).all(|step| (0.0..=1.0).contains(&Mix::draw(1e-4, 2, &mut random(step)).share)));
        assert_eq!(Mix::draw(0.0, 2, &mut random(0)).share.to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn everyone_is_the_partner_of_one() {
        let mix = Mix::draw(1.0, 50, &mut random(0));
        let mut sorted = mix.partners.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<i64>>());
        assert_ne!(mix.partners, sorted);
        assert_eq!(mix, Mix::draw(1.0, 50, &mut random(0)));
    }
}
