//! Which training pictures are held out for validation.

use crate::random::{Purpose, Random};

/// Parts the training pictures: (those kept for training, those held out), as places in `labels`, each ascending.
///
/// `fraction` of all pictures is held out, to the nearest whole one, and of every class the same share as nearly as
/// whole pictures allow (largest remainder; of equal remainders the lower label). Which pictures of a class go is drawn
/// from `seed`, `purpose` and the class alone. A fraction of 0 holds out none.
///
/// # Panics
/// If a label is not below `classes`.
pub fn stratified(
    labels: &[u16],
    classes: usize,
    fraction: f64,
    (seed, purpose): (u64, Purpose),
) -> (Vec<u32>, Vec<u32>) {
    let mut members = vec![Vec::new(); classes];
    for (place, &label) in (0..).zip(labels) {
        members[usize::from(label)].push(place);
    }
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let (mut kept, mut held_out) = (Vec::new(), Vec::new());
    for (class, (mut places, take)) in (0..).zip(members.into_iter().zip(shares(&sizes, fraction.clamp(0.0, 1.0)))) {
        Random::new(seed, purpose, (class, 0)).shuffle(&mut places);
        held_out.extend_from_slice(&places[..take]);
        kept.extend_from_slice(&places[take..]);
    }
    kept.sort_unstable();
    held_out.sort_unstable();
    (kept, held_out)
}

/// How many of each class to take, so that the sum is `fraction` of all to the nearest whole number.
fn shares(sizes: &[usize], fraction: f64) -> Vec<usize> {
    let exact = |size: usize| size as f64 * fraction;
    let mut shares: Vec<usize> = sizes.iter().map(|&size| exact(size) as usize).collect();
    let total = exact(sizes.iter().sum()).round() as usize;
    let mut by_remainder: Vec<usize> = (0..sizes.len()).filter(|&class| shares[class] < sizes[class]).collect();
    by_remainder.sort_by(|&a, &b| exact(sizes[b]).fract().total_cmp(&exact(sizes[a]).fract()));
    let missing = total.saturating_sub(shares.iter().sum());
    for class in by_remainder.into_iter().take(missing) {
        shares[class] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::{shares, stratified};
    use crate::random::Purpose;
    use proptest::prelude::*;

    #[test]
    fn a_tenth_of_cifar10_is_500_of_every_class() {
        let labels: Vec<u16> = (0..50_000).map(|place| place % 10).collect();
        let (kept, held_out) = stratified(&labels, 10, 0.1, (1, Purpose::Split));
        assert_eq!((kept.len(), held_out.len()), (45_000, 5_000));
        for class in 0..10 {
            assert_eq!(held_out.iter().filter(|&&place| labels[place as usize] == class).count(), 500);
        }
        assert_ne!(held_out, stratified(&labels, 10, 0.1, (2, Purpose::Split)).1, "the seed decides");
        assert_eq!(held_out, stratified(&labels, 10, 0.1, (1, Purpose::Split)).1);
    }

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        assert_eq!(shares(&[14, 15, 16], 0.1), [1, 2, 2]); // exactly 1.4, 1.5 and 1.6, 4.5 in all
        assert_eq!(shares(&[10, 10, 10], 0.0), [0, 0, 0]);
        assert_eq!(shares(&[3, 0, 5], 1.0), [3, 0, 5]);
        assert_eq!(shares(&[5, 5], 0.1), [1, 0]);
    }

    proptest! {
        #[test]
        fn every_picture_lands_on_one_side(
            labels in prop::collection::vec(0_u16..7, 0..300), fraction in 0.0..=1.0_f64, seed: u64,
        ) {
            let (kept, held_out) = stratified(&labels, 7, fraction, (seed, Purpose::Split));
            prop_assert!(kept.is_sorted() && held_out.is_sorted());
            prop_assert_eq!(held_out.len(), (labels.len() as f64 * fraction).round() as usize);
            let mut all = [kept, held_out.clone()].concat();
            all.sort_unstable();
            prop_assert!(all.iter().copied().eq(0..labels.len() as u32));
            for class in 0..7 {
                let size = labels.iter().filter(|&&label| label == class).count() as f64;
                let taken = held_out.iter().filter(|&&place| labels[place as usize] == class).count() as f64;
                prop_assert!((taken - size * fraction).abs() < 1.0 + 1e-9, "class {}: {} of {}", class, taken, size);
            }
        }
    }
}
