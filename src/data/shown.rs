//! Single test pictures, to be looked at: read without the rest of the set.

use super::{DataError, Places, cifar10, images, resolve, shapes};
use crate::experiment::DataSource;

/// A picture to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its number in the test set.
    pub number: u32,
    /// Pixels of a row.
    pub width: usize,
    /// RGB, row by row.
    pub pixels: Vec<[u8; 3]>,
}

/// The test pictures `wanted`, in this order.
///
/// # Errors
/// As [`super::load`], and where there is no such picture.
pub fn test_pictures(source: &DataSource, places: &Places, wanted: &[u32]) -> Result<Vec<Shown>, DataError> {
    let pictures: Vec<(Vec<u8>, usize)> = match resolve(source, places)? {
        DataSource::Cifar10(Some(folder)) => {
            let (pictures, width) = cifar10::test_rows(&folder, wanted)?;
            pictures.into_iter().map(|picture| (picture, width)).collect()
        }
        DataSource::Images(folder) => images::test_pictures(&folder, wanted)?,
        _ => {
            let picture = |number: &u32| {
                let gone = || DataError::invalid("shapes", format!("has no test picture {number}"));
                Ok((shapes::test_picture(*number as usize).ok_or_else(gone)?, shapes::WIDTH))
            };
            wanted.iter().map(picture).collect::<Result<_, DataError>>()?
        }
    };
    let shown = |(number, (bytes, width)): (&u32, (Vec<u8>, usize))| Shown {
        number: *number,
        width,
        pixels: bytes.as_chunks().0.to_vec(),
    };
    Ok(wanted.iter().zip(pictures).map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::load;
    use std::fs;

    #[test]
    fn they_are_those_of_the_whole_set() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::new(folder.path());
        let cifar = folder.path().join("cifar");
        fs::create_dir(&cifar).unwrap();
        let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
        fs::write(cifar.join("batches.meta.txt"), names).unwrap();
        for file in cifar10::FILES {
            let rows = (0..3_u8)
                .flat_map(|row| (0..cifar10::ROW).map(move |at| if at == 0 { row } else { (at % 251) as u8 ^ row }));
            fs::write(cifar.join(file), rows.collect::<Vec<u8>>()).unwrap();
        }
        let pictures = folder.path().join("pictures");
        for (place, path) in ["train/a", "train/b", "test/a", "test/b"].iter().enumerate() {
            let path = pictures.join(path);
            fs::create_dir_all(&path).unwrap();
            let image = image::RgbImage::from_fn(9, 8, |x, y| image::Rgb([x as u8, y as u8, place as u8]));
            image.save(path.join("1.png")).unwrap();
        }
        for source in [DataSource::Shapes, DataSource::Cifar10(Some(cifar)), DataSource::Images(pictures)] {
            let all = load(&source, &places).unwrap();
            let bytes = all.height * all.width * 3;
            for shown in test_pictures(&source, &places, &[1, 0]).unwrap() {
                let whole: Vec<u8> = shown.pixels.as_flattened().to_vec();
                assert_eq!(
                    (whole.as_slice(), shown.width),
                    (&all.test.images[shown.number as usize * bytes..][..bytes], all.width)
                );
            }
            assert!(test_pictures(&source, &places, &[50_000]).is_err(), "there are not as many");
        }
    }
}
