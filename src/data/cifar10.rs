//! CIFAR-10 in its official binary layout (A. Krizhevsky 2009, <https://www.cs.toronto.edu/~kriz/cifar.html>): rows of
//! one label and the red, green and blue planes of a 32x32 picture, 10,000 to a file.

use super::{DataError, Dataset, Split};
use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// The folder in the official archive.
pub(super) const FOLDER: &str = "cifar-10-batches-bin";
/// The files of pictures: five to train on, one to test with.
pub(super) const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// The names of the classes, one a line.
pub(super) const NAMES: &str = "batches.meta.txt";
const CLASSES: usize = 10;
const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
/// Bytes of a row.
pub(super) const ROW: usize = 1 + 3 * PLANE;

/// The first of `folders` that is CIFAR-10 or holds it in a folder of the official name.
///
/// # Errors
/// [`DataError::NotFound`], or what is wrong with the one found: see [`check`].
pub(super) fn find(folders: &[PathBuf]) -> Result<PathBuf, DataError> {
    let looked_in: Vec<PathBuf> = folders.iter().flat_map(|folder| [folder.join(FOLDER), folder.clone()]).collect();
    let found = looked_in.iter().find(|folder| FILES.iter().any(|name| folder.join(name).exists())).cloned();
    let Some(folder) = found else {
        return Err(DataError::NotFound { looked_in });
    };
    check(&folder)?;
    Ok(folder)
}

/// Looks at names and sizes only, which is cheap: are all files there and made of whole rows?
///
/// # Errors
/// The file that is missing, empty or cut off.
pub(super) fn check(folder: &Path) -> Result<(), DataError> {
    for name in FILES.iter().chain([&NAMES]) {
        let path = folder.join(name);
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DataError::invalid(
                    path,
                    format!("is missing beside the other files of CIFAR-10: {AGAIN}"),
                ));
            }
            Err(error) => return Err(DataError::reading(&path)(error)),
        };
        if *name != NAMES {
            whole_rows(&path, length)?;
        }
    }
    Ok(())
}

const AGAIN: &str = "copy it again, or move the folder away and run `mocolab data get cifar10`";

fn whole_rows(path: &Path, length: u64) -> Result<(), DataError> {
    let (rows, rest) = (length / ROW as u64, length % ROW as u64);
    if rest != 0 {
        let problem = format!(
            "is cut off in row {rows} (counted from 0): {length} bytes are not a multiple of {ROW}, the {rest} last ones \
             are part of a row: {AGAIN}"
        );
        return Err(DataError::invalid(path, problem));
    }
    if rows == 0 {
        return Err(DataError::invalid(path, format!("is empty, expected rows of {ROW} bytes: {AGAIN}")));
    }
    Ok(())
}

/// Reads the folder that [`find`] found. Fewer rows than the official 10,000 to a file are a subset, and allowed.
///
/// # Errors
/// The file, and the row if there is one, that is not as it should be.
pub(super) fn read(folder: &Path) -> Result<Dataset, DataError> {
    let batches = |names: &[&str]| {
        let mut split = Split::default();
        names.iter().try_for_each(|name| read_batch(&folder.join(name), &mut split))?;
        Ok(split)
    };
    Ok(Dataset {
        name: "cifar10".into(),
        classes: read_names(&folder.join(NAMES))?,
        height: SIDE,
        width: SIDE,
        train: batches(&FILES[..5])?,
        test: batches(&FILES[5..])?,
    })
}

/// The pictures in the rows `wanted` of the test file, interleaved, and their size.
///
/// # Errors
/// Where the file can't be read, or has no such row.
pub(super) fn test_rows(folder: &Path, wanted: &[u32]) -> Result<(Vec<Vec<u8>>, usize), DataError> {
    let path = folder.join(FILES[5]);
    let mut file = fs::File::open(&path).map_err(DataError::reading(&path))?;
    let mut row = vec![0; ROW];
    let picture = |number: &u32| {
        file.seek(SeekFrom::Start(u64::from(*number) * ROW as u64)).map_err(DataError::reading(&path))?;
        file.read_exact(&mut row).map_err(DataError::reading(&path))?;
        let plane = |colour: usize, pixel: usize| row[1 + colour * PLANE + pixel];
        Ok((0..PLANE).flat_map(|pixel| [0, 1, 2].map(|colour| plane(colour, pixel))).collect())
    };
    Ok((wanted.iter().map(picture).collect::<Result<_, _>>()?, SIDE))
}

fn read_batch(path: &Path, split: &mut Split) -> Result<(), DataError> {
    let bytes = fs::read(path).map_err(DataError::reading(path))?;
    whole_rows(path, bytes.len() as u64)?;
    split.images.reserve(bytes.len());
    for (number, row) in bytes.chunks_exact(ROW).enumerate() {
        let (label, planes) = (row[0], &row[1..]);
        if usize::from(label) >= CLASSES {
            let problem = format!("has label `{label}` in row {number} (counted from 0), allowed are 0 to 9: {AGAIN}");
            return Err(DataError::invalid(path, problem));
        }
        split.labels.push(u16::from(label));
        let (red, rest) = planes.split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        for ((&red, &green), &blue) in red.iter().zip(green).zip(blue) {
            split.images.extend_from_slice(&[red, green, blue]);
        }
    }
    Ok(())
}

fn read_names(path: &Path) -> Result<Vec<String>, DataError> {
    let text = fs::read_to_string(path).map_err(DataError::reading(path))?;
    let names: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if names.len() != CLASSES {
        let problem = format!("names {} classes, expected {CLASSES}, one a line: {AGAIN}", names.len());
        return Err(DataError::invalid(path, problem));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn rows_of_any_bytes_are_pictures_or_an_error(
            rows in 0..3_usize, extra in 0..3_usize, labels in proptest::collection::vec(0..14_u8, 3), fill in proptest::num::u8::ANY
        ) {
            let folder = std::env::temp_dir().join(format!("mocolab-rows-{}", std::process::id()));
            let mut bytes = vec![fill; rows * ROW + extra];
            for (row, label) in labels.iter().enumerate().filter(|(row, _)| *row < rows) {
                bytes[row * ROW] = *label;
            }
            fs::write(&folder, &bytes).unwrap();
            let mut split = Split::default();
            let read = read_batch(&folder, &mut split);
            let _ = fs::remove_file(&folder);
            let valid = extra == 0 && rows > 0 && labels.iter().take(rows).all(|label| *label < 10);
            proptest::prop_assert!(read.is_ok() == valid || rows == 0);
            proptest::prop_assert!(!valid || (split.labels.len() == rows && split.images.len() == rows * (ROW - 1)));
        }
    }
}
