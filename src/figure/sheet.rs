//! Small pictures beside each other on one.

use super::png;
use std::io;

/// A PNG with `pictures` of `[width, height]`, RGB row by row, `columns` in a row, each pixel a square of `scale`; what is left
/// is black. A picture of another size is left out.
///
/// # Errors
/// Where there is no picture, or the sheet is too large for a PNG.
pub fn sheet(pictures: &[&[u8]], [width, height]: [usize; 2], columns: usize, scale: usize) -> io::Result<Vec<u8>> {
    let rows = pictures.len().div_ceil(columns.max(1));
    let row = columns * width * scale;
    let mut pixels = vec![[0; 3]; row * rows * height * scale];
    for (place, picture) in pictures.iter().enumerate().filter(|(_, picture)| picture.len() == width * height * 3) {
        let (top, left) = (place / columns * height, place % columns * width);
        for (at, pixel) in picture.as_chunks().0.iter().enumerate() {
            let (y, x) = ((top + at / width) * scale, (left + at % width) * scale);
            for line in y..y + scale {
                pixels[line * row + x..line * row + x + scale].fill(*pixel);
            }
        }
    }
    let [across, down] = [row, rows * height * scale].map(|side| u32::try_from(side).unwrap_or(0));
    png(pixels.as_flattened(), (across, down))
}
