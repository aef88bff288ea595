//! Matrices in `NumPy`'s files, versions 1 to 3 of its format (numpy.lib.format): a magic word, a header of one line of
//! Python, the values.

use anyhow::{Context, Result, bail, ensure};
use std::{fs, path::Path};
use tch::Tensor;

/// What such a file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a matrix of little-endian 32- or 64-bit floats, in either order: `[n, d]`, fp32.
///
/// # Errors
/// Where it can't be read, or is no such matrix.
pub fn read(path: &Path) -> Result<Tensor> {
    let bytes = fs::read(path).with_context(|| format!("reading `{}`", path.display()))?;
    matrix(&bytes).with_context(|| format!("`{}` is no matrix of NumPy's", path.display()))
}

fn matrix(bytes: &[u8]) -> Result<Tensor> {
    ensure!(bytes.starts_with(MAGIC) && bytes.len() >= 12, "it does not begin as such a file does");
    let (length, start): (usize, usize) = if bytes[6] == 1 {
        (usize::from(u16::from_le_bytes([bytes[8], bytes[9]])), 10)
    } else {
        (u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize, 12)
    };
    let header = bytes.get(start..start.saturating_add(length)).context("its header is cut off")?;
    let header = std::str::from_utf8(header).context("its header is no text")?;
    // `{'descr': '<f4', 'fortran_order': False, 'shape': (10000, 50), }`
    let after = |key: &str| header.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
    let kind = after("descr").and_then(|rest| rest.split('\'').nth(1)).context("its header names no type")?;
    let turned = after("fortran_order").is_some_and(|rest| rest.starts_with("True"));
    let shape = after("shape").and_then(|rest| rest.split(['(', ')']).nth(1)).context("its header names no shape")?;
    let sides: Vec<i64> = shape.split(',').filter_map(|side| side.trim().parse().ok()).collect();
    let [rows, columns] = sides[..] else { bail!("its shape is ({shape}): a point a row is wanted, as (10000, 50)") };
    let values = &bytes[start + length..];
    let values: Vec<f32> = match kind {
        "<f4" => values.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect(),
        "<f8" => values.as_chunks().0.iter().map(|value| f64::from_le_bytes(*value) as f32).collect(),
        other => bail!("its values are of type `{other}`: `<f4` or `<f8` is wanted"),
    };
    let count = rows.checked_mul(columns).and_then(|count| usize::try_from(count).ok());
    ensure!(Some(values.len()) == count, "it holds {} values, and its shape is ({shape})", values.len());
    let values = Tensor::from_slice(&values);
    Ok(if turned { values.view([columns, rows]).transpose(0, 1).contiguous() } else { values.view([rows, columns]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
        bytes.extend(values);
        bytes
    }

    #[test]
    fn matrices_of_both_widths_and_orders_are_read() {
        let narrow: Vec<u8> = [1_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let wide: Vec<u8> = [1_f64, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let rows = Tensor::from_slice(&[1_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 3]);
        let header = |kind: &str, turned: &str| {
            format!("{{'descr': '{kind}', 'fortran_order': {turned}, 'shape': (2, 3), }}   \n")
        };
        assert_eq!(matrix(&file(&header("<f4", "False"), &narrow)).unwrap(), rows);
        assert_eq!(matrix(&file(&header("<f8", "False"), &wide)).unwrap(), rows);
        let turned = matrix(&file(&header("<f4", "True"), &narrow)).unwrap();
        assert_eq!(turned, Tensor::from_slice(&[1_f32, 3.0, 5.0, 2.0, 4.0, 6.0]).view([2, 3]));
        let whole = file(&header("<f4", "False"), &narrow);
        assert!((0..whole.len()).all(|cut| matrix(&whole[..cut]).is_err()));
        for (header, says) in [
            (header("<i8", "False"), "`<i8`"),
            (header("<f8", "False"), "it holds 3 values"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }".to_owned(), "its shape is (6,)"),
        ] {
            let error = matrix(&file(&header, &narrow)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
