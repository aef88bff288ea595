//! The pictures an experiment learns from: finding them ([`resolve`]), reading them ([`load`]), parting them
//! ([`stratified`]), bringing them ([`get_cifar10`]). Moving them to a device is the trainer's.

mod cifar10;
mod download;
mod error;
mod fetch;
mod get;
mod image_cache;
mod images;
mod listing;
mod parallel;
mod places;
mod shapes;
mod shown;
mod split;
mod subset;
mod unpack;

pub use download::{Download, Progress, download};
pub use error::DataError;
pub use get::{CIFAR10_BYTES, CIFAR10_SHA256, CIFAR10_URL, get_cifar10};
pub use places::Places;
pub use shown::{Shown, test_pictures};
pub use split::stratified;

use crate::experiment::DataSource;
use std::path::Path;

/// A labelled set of pictures of one size, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The kind of source: `cifar10`, `images` or `shapes`.
    pub name: String,
    /// What the labels mean: label n is `classes[n]`.
    pub classes: Vec<String>,
    /// Rows of a picture.
    pub height: usize,
    /// Columns of a picture.
    pub width: usize,
    /// The pictures to learn from; what is held out for validation comes from here, see [`stratified`].
    pub train: Split,
    /// The pictures to test with.
    pub test: Split,
}

/// Pictures and their labels, in the same order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// `[n, height, width, 3]`, row-major, red, green and blue interleaved.
    pub images: Vec<u8>,
    /// `[n]`: the place of each picture's class in [`Dataset::classes`].
    pub labels: Vec<u16>,
}

impl Split {
    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Finds the pictures without reading them, for the moment in which a run is started: the answer names an absolute path
/// and no alternative, so that the run means the same pictures wherever and whenever it goes on.
///
/// # Errors
/// [`DataError::NotFound`] with the places looked in, or what is wrong with the folder found.
pub fn resolve(source: &DataSource, places: &Places) -> Result<DataSource, DataError> {
    match source {
        DataSource::Cifar10(None) => {
            cifar10::find(&places.of_cifar10()).map(|folder| DataSource::Cifar10(Some(folder)))
        }
        DataSource::Cifar10(Some(path)) => {
            let folder = cifar10::find(&[places.absolute(path)?])?;
            Ok(DataSource::Cifar10(Some(folder)))
        }
        DataSource::Images(path) => {
            let folder = places.absolute(path)?;
            listing::check(&folder)?;
            Ok(DataSource::Images(folder))
        }
        DataSource::Shapes => Ok(DataSource::Shapes),
        DataSource::Cifar10ElseShapes => match resolve(&DataSource::Cifar10(None), places) {
            Err(DataError::NotFound { .. }) => Ok(DataSource::Shapes),
            // a broken CIFAR-10 is an error too: nobody should learn on drawings without knowing
            found => found,
        },
    }
}

/// Reads a whole data set into memory; a source that is not resolved yet is resolved first.
///
/// # Errors
/// As [`resolve`], and whatever is wrong with a file, by name and row.
pub fn load(source: &DataSource, places: &Places) -> Result<Dataset, DataError> {
    match resolve(source, places)? {
        DataSource::Cifar10(Some(folder)) => cifar10::read(&folder),
        DataSource::Images(folder) => images::load(&folder, &places.cache),
        DataSource::Shapes => Ok(shapes::load()),
        DataSource::Cifar10(None) | DataSource::Cifar10ElseShapes => unreachable!("`resolve` leaves no choice open"),
    }
}

/// The names in `folder` that are not hidden, sorted by their bytes.
fn names(folder: &Path) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(DataError::reading(folder))? {
        let name = entry.map_err(DataError::reading(folder))?.file_name();
        let Some(name) = name.to_str() else {
            return Err(DataError::invalid(folder.join(&name), "has a name that is not UTF-8: rename it"));
        };
        if !name.starts_with('.') {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The bytes in lower-case hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}
