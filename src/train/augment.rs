//! Padded crops and flips: where each picture of a batch is moved to. [`super::pictures::Pictures::moved`] follows it,
//! for the whole batch on the device.

use mocolab::random::Random;

/// How the pictures of a batch are moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moves {
    /// The row of the picture that its first row shows; may lie outside.
    pub rows: Vec<i64>,
    /// The column of the picture that its first column shows, mirrored or not; may lie outside.
    pub columns: Vec<i64>,
    mirrored: Vec<bool>,
}

impl Moves {
    /// Draws moves for `count` pictures `width` wide: a crop of the picture's own size from the picture with `padding`
    /// pixels around it (none for 0), mirrored with probability `flip`.
    pub fn draw(count: usize, width: usize, padding: u8, flip: f64, random: &mut Random) -> Self {
        let reach = 2 * usize::from(padding) + 1;
        let mut moves = Self { rows: Vec::new(), columns: Vec::new(), mirrored: Vec::new() };
        for _ in 0..count {
            let [down, right] = [0; 2].map(|_: u8| random.below(reach) as i64 - i64::from(padding));
            let mirrored = flip > 0.0 && random.chance(flip);
            moves.rows.push(down);
            moves.columns.push(right + if mirrored { width as i64 - 1 } else { 0 });
            moves.mirrored.push(mirrored);
        }
        moves
    }

    /// The step from one column to the next, for each picture: 1, or -1 where it is mirrored.
    pub fn directions(&self) -> Vec<i64> {
        self.mirrored.iter().map(|mirrored| if *mirrored { -1 } else { 1 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::Pictures;
    use mocolab::{data::Split, random::Purpose};
    use tch::{Device, Tensor};

    const HEIGHT: usize = 5;
    const WIDTH: usize = 7;

    fn split(count: usize) -> Split {
        let mut random = Random::new(3, Purpose::Drawing, (0, 0));
        let images = (0..count * HEIGHT * WIDTH * 3).map(|_| random.below(256) as u8).collect();
        Split { images, labels: vec![0; count] }
    }

    fn moves(row: i64, column: i64, mirrored: bool) -> Moves {
        Moves { rows: vec![row], columns: vec![column], mirrored: vec![mirrored] }
    }

    #[test]
    fn no_move_changes_nothing_and_a_flip_mirrors() {
        let pictures = Pictures::new(&split(3), (HEIGHT, WIDTH), Device::Cpu);
        let plain = pictures.plain(&[2]);
        assert_eq!(pictures.moved(&[2], &moves(0, 0, false)), plain);
        assert_eq!(pictures.moved(&[2], &moves(0, WIDTH as i64 - 1, true)), plain.flip([2]));
        let none = Moves::draw(4, WIDTH, 0, 0.0, &mut Random::new(1, Purpose::Augment, (0, 0)));
        assert_eq!(pictures.moved(&[0, 1, 2, 1], &none), pictures.plain(&[0, 1, 2, 1]));
    }

    #[test]
    fn crops_equal_the_slow_obvious_loop() {
        let (split, count, padding) = (split(4), 40, 3_usize);
        let indices: Vec<i64> = (0..count).map(|index| index % 4).collect();
        let drawn = |random: &mut Random| Moves::draw(count as usize, WIDTH, padding as u8, 0.5, random);
        let moves = drawn(&mut Random::new(1, Purpose::Augment, (1, 2)));
        let fast = Pictures::new(&split, (HEIGHT, WIDTH), Device::Cpu).moved(&indices, &moves);
        let mut random = Random::new(1, Purpose::Augment, (1, 2));
        let mut slow = Vec::new();
        for index in indices {
            let (top, left) = (random.below(2 * padding + 1), random.below(2 * padding + 1));
            let mirrored = random.chance(0.5);
            for y in 0..HEIGHT {
                for x in 0..WIDTH {
                    let x = if mirrored { WIDTH - 1 - x } else { x };
                    let (y, x) = ((y + top).wrapping_sub(padding), (x + left).wrapping_sub(padding));
                    let inside = y < HEIGHT && x < WIDTH;
                    let at = ((index as usize * HEIGHT + y.min(HEIGHT)) * WIDTH + x.min(WIDTH)) * 3;
                    slow.extend((0..3).map(|c| if inside { split.images[at + c] } else { 0 }));
                }
            }
        }
        assert_eq!(fast, Tensor::from_slice(&slow).view([count, HEIGHT as i64, WIDTH as i64, 3]));
        assert!(moves.directions().contains(&1) && moves.directions().contains(&-1));
    }
}
