//! Pictures in half-blocks: each character is two pixels, the upper in its foreground, the lower in its background.

use std::fmt::Write;

/// A picture in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels of a row.
    pub width: usize,
    /// RGB, row by row.
    pub pixels: Vec<[u8; 3]>,
}

/// What colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// All of them.
    True,
    /// The palette of 256.
    Palette,
}

impl Colours {
    /// As `COLORTERM` says.
    pub fn from_environment() -> Self {
        match std::env::var("COLORTERM").as_deref() {
            Ok("truecolor" | "24bit") => Self::True,
            _ => Self::Palette,
        }
    }

    /// What chooses `colour` in an escape sequence, after the 38 of a foreground or the 48 of a background.
    fn code(self, colour: [u8; 3]) -> String {
        match self {
            Self::True => format!("2;{};{};{}", colour[0], colour[1], colour[2]),
            Self::Palette => format!("5;{}", palette(colour)),
        }
    }
}

/// The number of the palette's colour nearest to `colour`, in its cube of 6 by 6 by 6 or among its greys.
pub fn palette(colour: [u8; 3]) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance =
        |other: [u8; 3]| -> u32 { colour.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let nearest = |value: u8| (0..6_u8).min_by_key(|level| LEVELS[usize::from(*level)].abs_diff(value)).unwrap_or(0);
    let [red, green, blue] = colour.map(nearest);
    let cube = distance([red, green, blue].map(|level| LEVELS[usize::from(level)]));
    let (grey, number) = (0..24_u8).map(|k| (distance([8 + 10 * k; 3]), 232 + k)).min().unwrap_or((u32::MAX, 0));
    if grey < cube { number } else { 16 + 36 * red + 6 * green + blue }
}

impl Picture {
    /// Rows of pixels.
    pub fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    /// `width` pixels wide, in its own proportions: each pixel is the mean of the area it covers.
    pub fn scaled(&self, width: usize) -> Self {
        if width == self.width {
            return self.clone();
        }
        let height = ((self.height() * width) as f64 / self.width as f64).round().max(1.0) as usize;
        let rows: Vec<_> = (0..height).map(|row| covered(row, height, self.height())).collect();
        let columns: Vec<_> = (0..width).map(|column| covered(column, width, self.width)).collect();
        let mean = |rows: &[(usize, f64)], columns: &[(usize, f64)]| {
            let mut sums = [0.0; 3];
            for (row, tall) in rows {
                for (column, wide) in columns {
                    let pixel = self.pixels[row * self.width + column];
                    sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(value) * tall * wide);
                }
            }
            sums.map(|sum| sum.round() as u8)
        };
        let pixels = rows.iter().flat_map(|rows| columns.iter().map(|columns| mean(rows, columns)));
        Self { width, pixels: pixels.collect() }
    }
}

/// Which of `old` pixels in a line are covered by number `index` of `new` ones, and each one's share.
fn covered(index: usize, new: usize, old: usize) -> Vec<(usize, f64)> {
    // In parts of which a new pixel has `old` and an old pixel `new`, so that all borders are whole.
    let (start, end) = (index * old, (index + 1) * old);
    let share = |k: usize| (end.min((k + 1) * new) - start.max(k * new)) as f64 / old as f64;
    (start / new..end.div_ceil(new)).map(|k| (k, share(k))).collect()
}

/// Pictures of one height side by side, as lines for a terminal.
pub fn lines(pictures: &[Picture], colours: Colours) -> Vec<String> {
    let height = pictures.iter().map(Picture::height).max().unwrap_or(0);
    (0..height)
        .step_by(2)
        .map(|row| {
            let parts: Vec<String> = pictures.iter().map(|picture| line(picture, row, colours)).collect();
            parts.join(" ")
        })
        .collect()
}

/// The rows `row` and `row` + 1 of a picture. A colour is named only where it changes.
fn line(picture: &Picture, row: usize, colours: Colours) -> String {
    let mut text = String::new();
    let mut last = None;
    for column in 0..picture.width {
        let at = |row: usize| picture.pixels.get(row * picture.width + column).map(|pixel| colours.code(*pixel));
        let now = (at(row), at(row + 1));
        if last.as_ref() != Some(&now) {
            let above = now.0.as_deref().map_or("39".to_owned(), |code| format!("38;{code}"));
            let below = now.1.as_deref().map_or("49".to_owned(), |code| format!("48;{code}"));
            let _ = write!(text, "\x1b[{above};{below}m");
        }
        text.push('▀');
        last = Some(now);
    }
    text + "\x1b[0m"
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 3] = [255, 0, 0];
    const DARK: [u8; 3] = [1, 2, 3];

    #[test]
    fn two_rows_make_a_line_and_an_odd_one_stands_alone() {
        let picture = Picture { width: 2, pixels: vec![RED, RED, DARK, DARK, DARK, RED] };
        let made = lines(&[picture], Colours::True);
        assert_eq!(
            made,
            ["\x1b[38;2;255;0;0;48;2;1;2;3m▀▀\x1b[0m", "\x1b[38;2;1;2;3;49m▀\x1b[38;2;255;0;0;49m▀\x1b[0m"]
        );
    }

    #[test]
    fn pictures_stand_side_by_side_in_256_colours() {
        let one = |colour| Picture { width: 1, pixels: vec![colour; 2] };
        let made = lines(&[one(RED), one([8; 3])], Colours::Palette);
        assert_eq!(made, ["\x1b[38;5;196;48;5;196m▀\x1b[0m \x1b[38;5;232;48;5;232m▀\x1b[0m"]);
    }

    #[test]
    fn the_palette_is_met_where_it_has_the_colour() {
        assert_eq!(palette([0, 0, 0]), 16);
        assert_eq!(palette([255, 255, 255]), 231);
        assert_eq!(palette([95, 135, 175]), 16 + 36 + 2 * 6 + 3);
        assert_eq!(palette([118, 118, 118]), 243);
        assert_eq!(palette([100, 130, 170]), 16 + 36 + 2 * 6 + 3);
    }

    #[test]
    fn scaling_takes_the_mean_of_an_area() {
        let grey = |value: u8| [value; 3];
        let pixels = [0, 30, 60, 90, 120, 150].map(grey).to_vec();
        let picture = Picture { width: 3, pixels };
        // The middle column goes to both halves in equal parts.
        assert_eq!(picture.scaled(2).pixels, vec![grey(55), grey(95)]);
        assert_eq!(picture.scaled(3), picture);
        assert_eq!(picture.scaled(1).pixels, vec![grey(75)]);
        let large = Picture { width: 32, pixels: (0..32 * 32).map(|k| [(k % 251) as u8, 7, 255]).collect() };
        let small = large.scaled(15);
        assert_eq!((small.width, small.height()), (15, 15));
        assert!(small.pixels.iter().all(|pixel| pixel[1..] == [7, 255]));
        let mean = |it: &Picture| it.pixels.iter().map(|p| f64::from(p[0])).sum::<f64>() / it.pixels.len() as f64;
        assert!((mean(&large) - mean(&small)).abs() < 0.5);
    }
}
