//! Decoded image folders on disk: one safetensors file for each folder, told to be out of date by the listing's names,
//! sizes and times, and to be damaged by a checksum. A cache that does not fit is as good as none: it is rebuilt.

use super::{DataError, Dataset, Split, hexadecimal, listing::Listing};
use crate::disk::write_whole;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// Written into every cache; a change of the layout, or of how pictures are decoded, changes it.
const LAYOUT: &str = "mocolab images 1";

/// Where the decoded pictures of one folder are kept, and what they must have been decoded from.
pub(super) struct Place {
    file: PathBuf,
    listing: String,
    classes: Vec<String>,
}

impl Place {
    pub(super) fn new(cache: &Path, folder: &Path, listing: &Listing) -> Self {
        let mut hash = Sha256::new();
        for picture in listing.train.iter().chain(&listing.test) {
            hash.update(picture.path.as_os_str().as_encoded_bytes());
            // 0 ends a path, so that no two listings run into the same bytes
            hash.update([0]);
            hash.update(picture.bytes.to_le_bytes());
            hash.update(picture.modified.to_le_bytes());
        }
        let of_folder = hexadecimal(&Sha256::digest(folder.as_os_str().as_encoded_bytes()));
        Self {
            file: cache.join("images").join(format!("{}.safetensors", &of_folder[..16])),
            listing: hexadecimal(&hash.finalize()),
            classes: listing.classes.clone(),
        }
    }

    /// The decoded pictures, if they are there, whole, and of the same listing.
    pub(super) fn read(&self) -> Option<Dataset> {
        let bytes = fs::read(&self.file).ok()?;
        let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
        let said = header.metadata().as_ref()?;
        if said.get("layout")? != LAYOUT || said.get("listing")? != &self.listing {
            return None;
        }
        let tensors = SafeTensors::deserialize(&bytes).ok()?;
        let shape = tensors.tensor("train.images").ok()?.shape().to_vec();
        let &[_, height, width, 3] = shape.as_slice() else { return None };
        let classes = self.classes.clone();
        let (train, test) = (split(&tensors, "train")?, split(&tensors, "test")?);
        let dataset = Dataset { name: "images".into(), classes, height, width, train, test };
        (said.get("crc32")? == &checksum(&dataset)).then_some(dataset)
    }

    pub(super) fn write(&self, dataset: &Dataset) -> Result<(), DataError> {
        let folder = self.file.parent().expect("the file was joined to a folder");
        fs::create_dir_all(folder).map_err(DataError::writing(folder))?;
        let said = [("layout", LAYOUT), ("listing", &self.listing), ("crc32", &checksum(dataset))];
        let said: HashMap<_, _> = said.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let labels = [&dataset.train, &dataset.test].map(|split| label_bytes(&split.labels));
        let mut views = Vec::new();
        for ((name, split), labels) in [("train", &dataset.train), ("test", &dataset.test)].into_iter().zip(&labels) {
            let shape = vec![split.len(), dataset.height, dataset.width, 3];
            views.push((format!("{name}.images"), TensorView::new(Dtype::U8, shape, &split.images)));
            views.push((format!("{name}.labels"), TensorView::new(Dtype::U16, vec![split.len()], labels)));
        }
        let views = views.into_iter().map(|(name, view)| (name, view.expect("the shapes are those of the data")));
        let bytes = safetensors::serialize(views, Some(said)).expect("four tensors of known size can be written");
        write_whole(&self.file, &bytes).map_err(DataError::writing(&self.file))
    }
}

fn split(tensors: &SafeTensors, name: &str) -> Option<Split> {
    let images = tensors.tensor(&format!("{name}.images")).ok()?;
    let labels = tensors.tensor(&format!("{name}.labels")).ok()?;
    let right = images.dtype() == Dtype::U8 && labels.dtype() == Dtype::U16 && images.shape()[..1] == *labels.shape();
    let labels = labels.data().as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect();
    right.then(|| Split { images: images.data().to_vec(), labels })
}

/// Over everything that training depends on.
fn checksum(dataset: &Dataset) -> String {
    let mut sum = crc32fast::Hasher::new();
    for split in [&dataset.train, &dataset.test] {
        sum.update(&split.images);
        sum.update(&label_bytes(&split.labels));
    }
    sum.update(format!("{}x{} {:?}", dataset.width, dataset.height, dataset.classes).as_bytes());
    format!("{:08x}", sum.finalize())
}

fn label_bytes(labels: &[u16]) -> Vec<u8> {
    labels.iter().flat_map(|label| label.to_le_bytes()).collect()
}
