//! The pictures of a folder ([`super::listing`]), all of one size: decoded on all cores, and kept decoded by
//! [`super::image_cache`], since decoding takes many times longer than reading.
//!
//! Grey pictures become RGB, transparency is dropped, orientation tags are not followed (as in torchvision).

use super::listing::{Listing, MOST_BYTES, Picture, list};
use super::{DataError, Dataset, Split, image_cache, parallel};
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use std::{fs, io::Cursor, path::Path};

const SIDES: std::ops::RangeInclusive<u32> = 8..=256;

/// Reads the pictures from the cache, or decodes them and fills it.
///
/// # Errors
/// The folder or the picture that is not as it should be.
pub(super) fn load(folder: &Path, cache: &Path) -> Result<Dataset, DataError> {
    let listing = list(folder)?;
    let cache = image_cache::Place::new(cache, folder, &listing);
    if let Some(dataset) = cache.read() {
        return Ok(dataset);
    }
    let dataset = decode_all(listing)?;
    // the cache only saves time: a full or read-only disk is no reason not to train
    let _ = cache.write(&dataset);
    Ok(dataset)
}

/// The pictures `wanted` of the test split, decoded, with their width and height, which may differ.
///
/// # Errors
/// Where the folder can't be listed, there are not as many, or one can't be read.
pub(super) fn test_pictures(folder: &Path, wanted: &[u32]) -> Result<Vec<(Vec<u8>, usize)>, DataError> {
    let listing = list(folder)?;
    let picture = |number: &u32| {
        let gone = || DataError::invalid(folder, format!("has no test picture {number} any more"));
        let picture = decode(&listing.test.get(*number as usize).ok_or_else(gone)?.path, None)?;
        let width = picture.width() as usize;
        Ok((picture.into_raw(), width))
    };
    wanted.iter().map(picture).collect()
}

fn decode_all(Listing { classes, train, test }: Listing) -> Result<Dataset, DataError> {
    let first = decode(&train[0].path, None)?;
    let (width, height) = first.dimensions();
    let expected = Some(Expected { width, height, of: &train[0].path });
    let split = |pictures: &[Picture]| {
        let mut images = vec![0; pictures.len() * first.len()];
        parallel::fill(&mut images, pictures, |picture, image| {
            image.copy_from_slice(&decode(&picture.path, expected)?);
            Ok::<(), DataError>(())
        })?;
        Ok(Split { images, labels: pictures.iter().map(|picture| picture.label).collect() })
    };
    let (train, test) = (split(&train)?, split(&test)?);
    Ok(Dataset { name: "images".into(), classes, height: height as usize, width: width as usize, train, test })
}

const RESIZE: &str = "bring all pictures to one size first, for instance with `mogrify -resize 64x64! FOLDER/*/*/*`";

/// The size every picture must have, and the picture that set it.
#[derive(Clone, Copy)]
struct Expected<'a> {
    width: u32,
    height: u32,
    of: &'a Path,
}

fn decode(path: &Path, expected: Option<Expected>) -> Result<RgbImage, DataError> {
    let bytes = fs::read(path).map_err(DataError::reading(path))?;
    let unreadable = |problem: &dyn std::fmt::Display| {
        DataError::invalid(path, format!("cannot be read as a picture: {problem}; replace it or take it out"))
    };
    if !is_whole(&bytes) {
        return Err(unreadable(&"it is cut off"));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| unreadable(&error))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    // Also of what comes before the picture, a colour profile that unpacks to gigabytes.
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(|error| unreadable(&error))?;
    check_size(path, decoder.dimensions(), expected)?;
    decoder.set_limits(limits).map_err(|error| unreadable(&error))?;
    DynamicImage::from_decoder(decoder).map(DynamicImage::into_rgb8).map_err(|error| unreadable(&error))
}

/// The size must be `expected`, or for the first picture an allowed one.
fn check_size(path: &Path, (width, height): (u32, u32), expected: Option<Expected>) -> Result<(), DataError> {
    let wanted = match expected {
        Some(Expected { width: w, height: h, .. }) if (width, height) == (w, h) => return Ok(()),
        Some(Expected { width: w, height: h, of }) => format!("expected {w}x{h} like `{}`", of.display()),
        None if SIDES.contains(&width) && SIDES.contains(&height) => return Ok(()),
        None => format!("allowed are sides of {} to {}", SIDES.start(), SIDES.end()),
    };
    Err(DataError::invalid(path, format!("is {width}x{height}, {wanted}: {RESIZE}")))
}

/// Whether a JPEG or PNG has its end: what is missing before it, the JPEG decoder fills in with grey, silently.
fn is_whole(bytes: &[u8]) -> bool {
    let last = |marker: &[u8]| bytes.windows(marker.len()).rposition(|window| window == marker);
    if bytes.starts_with(b"\xff\xd8") {
        // the end marker belongs to the last scan: a thumbnail before it has one of its own
        let (scan, end) = (last(b"\xff\xda"), last(b"\xff\xd9"));
        scan.is_some() && scan < end
    } else if bytes.starts_with(b"\x89PNG") {
        last(b"IEND\xaeB`\x82").is_some()
    } else {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_changed_or_made_up_picture_is_one_or_an_error(
            jpeg in proptest::bool::ANY, changes in proptest::collection::vec((proptest::num::usize::ANY, proptest::num::u8::ANY), 1..8),
            cut in proptest::option::of(proptest::num::usize::ANY)
        ) {
            static WHOLE: std::sync::LazyLock<(tempfile::TempDir, [Vec<u8>; 2])> = std::sync::LazyLock::new(|| {
                let picture = RgbImage::from_fn(12, 12, |x, y| image::Rgb([(x * 20) as u8, (y * 20) as u8, 7]));
                let as_file = |format| {
                    let mut bytes = Cursor::new(Vec::new());
                    picture.write_to(&mut bytes, format).unwrap();
                    bytes.into_inner()
                };
                (tempfile::tempdir().unwrap(), [image::ImageFormat::Png, image::ImageFormat::Jpeg].map(as_file))
            });
            let (folder, whole) = &*WHOLE;
            let mut bytes = whole[usize::from(jpeg)].clone();
            for (at, new) in changes {
                let at = at % bytes.len();
                bytes[at] = new;
            }
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut % bytes.len()));
            let path = folder.path().join("picture");
            fs::write(&path, &bytes).unwrap();
            if let Ok(picture) = decode(&path, None) {
                proptest::prop_assert!(SIDES.contains(&picture.width()) && SIDES.contains(&picture.height()));
            }
        }
    }
}
