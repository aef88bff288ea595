//! `shapes`: ten figures drawn on the spot, 20,000 to train on and 2,000 to test with. Position, size, turn, colours,
//! clutter and noise are random, so that no pixel says much by itself: a linear classifier stays far below a small
//! convolutional network. Nothing to download, nothing to conclude from.

mod canvas;
mod figure;
mod picture;

use super::{Dataset, Split, parallel};
use crate::random::{Purpose, Random};
use figure::Figure;

/// Decides every drawing. It is part of what `shapes` is: never change it.
const SEED: u64 = 2_023;
const SIDE: usize = 32;
const BYTES: usize = SIDE * SIDE * 3;
const TRAIN: usize = 20_000;
const TEST: usize = 2_000;

/// Draws the whole set, on all cores.
pub(super) fn load() -> Dataset {
    Dataset {
        name: "shapes".into(),
        classes: Figure::ALL.map(Figure::name).to_vec(),
        height: SIDE,
        width: SIDE,
        train: split(0, TRAIN),
        test: split(1, TEST),
    }
}

/// The test picture `number`; none where there is no such.
pub(super) fn test_picture(number: usize) -> Option<Vec<u8>> {
    (number < TEST).then(|| drawing(1, number))
}

/// Their width.
pub(super) const WIDTH: usize = SIDE;

/// `n` pictures, with every class equally often; each is a function of its place alone, so that cores can share the work.
fn split(number: u64, n: usize) -> Split {
    let mut images = vec![0; n * BYTES];
    let places: Vec<usize> = (0..n).collect();
    let drawn: Result<(), std::convert::Infallible> = parallel::fill(&mut images, &places, |&place, image| {
        image.copy_from_slice(&drawing(number, place));
        Ok(())
    });
    let Ok(()) = drawn;
    Split { images, labels: places.iter().map(|&place| label(place)).collect() }
}

fn drawing(split: u64, place: usize) -> Vec<u8> {
    let mut random = Random::new(SEED, Purpose::Drawing, (split, place as u64));
    picture::draw(Figure::ALL[usize::from(label(place))], &mut random)
}

fn label(place: usize) -> u16 {
    (place % Figure::ALL.len()) as u16
}

#[cfg(test)]
mod tests {
    use super::{BYTES, TEST, TRAIN, drawing, load};

    #[test]
    fn the_set_is_balanced_and_the_same_for_ever() {
        let set = load();
        assert_eq!((set.train.labels.len(), set.test.labels.len()), (TRAIN, TEST));
        assert_eq!(set.classes.len(), 10);
        for class in 0..10 {
            assert_eq!(set.train.labels.iter().filter(|&&label| label == class).count(), TRAIN / 10);
        }
        assert_eq!(crc32fast::hash(&set.train.images), 4_105_991_990, "training pictures");
        assert_eq!(crc32fast::hash(&set.test.images), 4_026_355_187, "test pictures");
    }

    #[test]
    fn one_picture_drawn_alone_is_the_one_in_the_set() {
        let set = load();
        for place in [0, 1, 777, TEST - 1] {
            assert!(drawing(1, place) == set.test.images[place * BYTES..][..BYTES], "{place}");
        }
        assert!(set.train.images[..BYTES] != set.test.images[..BYTES], "the splits share no picture");
    }
}
