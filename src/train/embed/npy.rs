//! Matrices in `NumPy`'s files.

use anyhow::{Context, Result, ensure};
use npyz::{NpyFile, Order};
use std::{fs::File, io::BufReader, path::Path};
use tch::Tensor;

/// Reads a matrix of 32- or 64-bit floats, in either order: `[n, d]`, fp32.
///
/// # Errors
/// Where it can't be read, or is no such matrix.
pub fn read(path: &Path) -> Result<Tensor> {
    let open = || -> Result<_> { Ok(NpyFile::new(BufReader::new(File::open(path)?))?) };
    let reading = || format!("reading `{}`", path.display());
    let file = open().with_context(reading)?;
    let (shape, order, kind) = (file.shape().to_vec(), file.order(), file.dtype().descr());
    ensure!(
        shape.len() == 2,
        "`{}` holds an array of shape {shape:?}: a matrix, a point a row, is wanted",
        path.display()
    );
    let values: Vec<f32> = if kind.contains("f8") {
        file.into_vec::<f64>().with_context(reading)?.into_iter().map(|value| value as f32).collect()
    } else {
        ensure!(
            kind.contains("f4"),
            "`{}` holds values of type {kind}: 32- or 64-bit floats are wanted",
            path.display()
        );
        file.into_vec::<f32>().with_context(reading)?
    };
    let [rows, columns] = [shape[0] as i64, shape[1] as i64];
    let values = Tensor::from_slice(&values);
    Ok(match order {
        Order::C => values.view([rows, columns]),
        Order::Fortran => values.view([columns, rows]).transpose(0, 1).contiguous(),
    })
}
