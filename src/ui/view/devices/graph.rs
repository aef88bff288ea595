//! The last minutes as a filled curve of Braille dots, two moments a column and four steps a row.

/// Dots of a column from its foot upwards: the left moment's, then the right one's.
const DOTS: [[u8; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// `shares` from 0 to 1, oldest first, in so many `rows`, the highest first. What is known shows at least one dot, so that
/// nothing done differs from nothing known.
pub fn area(shares: &[Option<f64>], rows: usize) -> Vec<String> {
    let dots = rows * 4;
    let heights: Vec<usize> = shares
        .iter()
        .map(|share| share.map_or(0, |share| ((share.clamp(0.0, 1.0) * dots as f64).round() as usize).max(1)))
        .collect();
    let cell = |pair: &[usize], row: usize| {
        let foot = (rows - 1 - row) * 4;
        let bits = pair.iter().zip(DOTS).flat_map(|(height, dots)| {
            let filled = height.saturating_sub(foot).min(4);
            dots.into_iter().take(filled)
        });
        match bits.fold(0, |all, bit| all | bit) {
            // Some fonts draw Braille's own blank as eight rings.
            0 => ' ',
            bits => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '),
        }
    };
    (0..rows).map(|row| heights.chunks(2).map(|pair| cell(pair, row)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::area;

    #[test]
    fn what_is_low_differs_from_what_is_not_known() {
        assert_eq!(area(&[None, Some(0.0), Some(0.5), Some(1.0)], 1), ["⢀⣼"]);
        assert_eq!(area(&[Some(1.0), Some(0.5), Some(f64::NAN)], 2), ["⡇ ", "⣿⡀"]);
        assert_eq!(area(&[], 2), ["", ""]);
        assert_eq!(area(&[Some(1.0)], 0), [""; 0]);
    }
}
