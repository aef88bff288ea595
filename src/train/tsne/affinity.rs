//! How likely each point is to pick each other one as its neighbour: the distribution that a map is to have.

use super::neighbours::Neighbours;
use rayon::prelude::*;

/// Halvings in the search for a bandwidth.
const HALVINGS: usize = 100;
/// How near the entropy must come to that asked for, in nats.
const TOLERANCE: f64 = 1e-7;

/// Joint probabilities `p` of the pairs of points, by row: symmetric, not negative, 1 in sum.
#[derive(Debug)]
pub struct Affinities {
    /// Row i is `starts[i]..starts[i + 1]` of the others; `[n + 1]`.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Affinities {
    /// Those of points of whose `neighbours` the nearest `k` lie at squared distances: in each row a Gaussian whose entropy is the logarithm
    /// of `perplexity`, then the mean of both directions (van der Maaten and Hinton 2008, equations 1 and section 3.1).
    pub fn new(neighbours: &Neighbours, (k, perplexity): (usize, f64)) -> Self {
        let n = neighbours.rows();
        let own: Vec<Vec<f32>> =
            (0..n).into_par_iter().map(|row| gaussian(&neighbours.squares(row)[..k], perplexity)).collect();
        let each = |row: usize| neighbours.of(row)[..k].iter().copied().zip(own[row].iter().copied());
        let mut lists: Vec<Vec<(u32, f32)>> = (0..n).map(|row| each(row).collect()).collect();
        for row in 0..n {
            each(row).for_each(|(column, value)| lists[column as usize].push((row as u32, value)));
        }
        lists.par_iter_mut().for_each(|list| {
            list.sort_by_key(|(column, _)| *column);
            list.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
        });
        let mut affinities = Self { starts: vec![0], columns: Vec::new(), values: Vec::new() };
        affinities.columns.reserve(n * k * 2);
        affinities.values.reserve(n * k * 2);
        for list in &lists {
            affinities.columns.extend(list.iter().map(|(column, _)| *column));
            affinities.values.extend(list.iter().map(|(_, value)| value / (2 * n) as f32));
            affinities.starts.push(affinities.columns.len());
        }
        affinities
    }

    /// The columns of `row`, ascending, and the probabilities there.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Points.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Entries of the longest row.
    pub fn longest(&self) -> usize {
        self.starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    /// The Kullback-Leibler divergence of the map `points` from these, in nats, where `normaliser` is Σ_{i≠j} 1/(1 + |`y_i` - `y_j|²`)
    /// (van der Maaten and Hinton 2008, equation 4).
    pub fn divergence(&self, points: &[[f32; 2]], normaliser: f64) -> f64 {
        let rows = (0..self.rows()).into_par_iter().map(|row| {
            let (columns, values) = self.row(row);
            let term = |(column, value): (&u32, &f32)| {
                let [x, y] = points[*column as usize];
                let square = f64::from(points[row][0] - x).powi(2) + f64::from(points[row][1] - y).powi(2);
                let value = f64::from(*value);
                if value > 0.0 { value * (value * normaliser * (1.0 + square)).ln() } else { 0.0 }
            };
            columns.iter().zip(values).map(term).sum::<f64>()
        });
        rows.collect::<Vec<f64>>().iter().sum()
    }
}

/// Shares of neighbours at squared distances `squares` under the Gaussian whose entropy is the logarithm of `perplexity`.
fn gaussian(squares: &[f64], perplexity: f64) -> Vec<f32> {
    let least = squares.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = squares.iter().map(|square| square - least).sum::<f64>() / squares.len().max(1) as f64;
    // Precision: 1 / 2σ².
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut precision = if mean > 0.0 { 1.0 / mean } else { 1.0 };
    let mut shares = vec![0.0; squares.len()];
    for _ in 0..HALVINGS {
        let (mut sum, mut moment) = (0.0, 0.0);
        for (share, square) in shares.iter_mut().zip(squares) {
            *share = (-(square - least) * precision).exp();
            sum += *share;
            moment += *share * (square - least);
        }
        for share in &mut shares {
            *share /= sum;
        }
        let over = sum.ln() + precision * moment / sum - perplexity.ln();
        if over.abs() < TOLERANCE {
            break;
        }
        if over > 0.0 {
            low = precision;
            precision = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * precision };
        } else {
            high = precision;
            precision = f64::midpoint(low, high);
        }
    }
    shares.into_iter().map(|share| share as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_perplexity_asked_for_and_nearer_is_likelier() {
        let squares: Vec<f64> = (1..=90).map(|place| f64::from(place).powi(2) * 1e-3 + 70.0).collect();
        for perplexity in [2.0, 30.0, 80.0] {
            let shares = gaussian(&squares, perplexity);
            let entropy: f64 = shares.iter().map(|p| f64::from(*p)).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum();
            assert!((entropy.exp() - perplexity).abs() < 1e-3, "{} for {perplexity}", entropy.exp());
            assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]));
        }
        // Points in one place are all as likely.
        assert!(gaussian(&[0.0; 4], 2.0).iter().all(|share| (share - 0.25).abs() < 1e-6));
    }

    #[test]
    fn both_directions_count_and_all_sum_to_one() {
        let neighbours = Neighbours::given(2, &[1, 2, 0, 2, 1, 0, 0, 1], &[1.0, 4.0, 1.0, 1.5, 1.5, 4.0, 9.0, 8.0]);
        let affinities = Affinities::new(&neighbours, (2, 1.5));
        let at = |row: usize, column: u32| {
            let (columns, values) = affinities.row(row);
            columns.iter().position(|there| *there == column).map(|place| values[place])
        };
        let all: f32 = (0..4).map(|row| affinities.row(row).1.iter().sum::<f32>()).sum();
        assert!((all - 1.0).abs() < 1e-6, "{all}");
        for (row, column) in [(0, 1), (0, 3), (1, 2), (2, 0)] {
            assert_eq!(at(row as usize, column), at(column as usize, row), "{row} {column}");
        }
        assert_eq!((at(2, 3), affinities.longest(), affinities.rows()), (None, 3, 4));
        let own = gaussian(&[9.0, 8.0], 1.5);
        assert_eq!(at(3, 0), Some(own[0] / 8.0), "3 knows 0, 0 does not know 3");
    }

    #[test]
    fn the_divergence_is_that_of_the_definition() {
        let neighbours = Neighbours::given(2, &[1, 2, 0, 2, 1, 0], &[1.0, 2.0, 1.0, 3.0, 3.0, 2.0]);
        let affinities = Affinities::new(&neighbours, (2, 1.5));
        let points = [[0.0, 0.0], [1.0, 0.5], [-2.0, 1.0]];
        let w = |i: usize, j: usize| {
            let [a, b]: [[f32; 2]; 2] = [points[i], points[j]];
            1.0 / (1.0 + f64::from((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)))
        };
        let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        let normaliser: f64 = pairs.iter().map(|(i, j)| w(*i, *j)).sum();
        let slow: f64 = pairs
            .iter()
            .map(|(i, j)| {
                let (columns, values) = affinities.row(*i);
                let p = f64::from(values[columns.iter().position(|column| *column as usize == *j).unwrap()]);
                p * (p / (w(*i, *j) / normaliser)).ln()
            })
            .sum();
        assert!((affinities.divergence(&points, normaliser) - slow).abs() < 1e-7);
    }
}
