//! TensorBoard's projector: the newest map of a run as vectors with a line about each, and a sheet of their pictures.

use crate::data::{Places, Shown, test_pictures};
use crate::embedding::Embedding;
use crate::figure;
use crate::run::{MapFile, RunDir};
use crate::text::sanitize;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// Most pixels of a side of the sheet: more is more than browsers take.
const LARGEST_SHEET: usize = 8192;

/// Writes the newest map of `run` into `folder` as the projector reads it: the principal components of the features that were
/// mapped, the map itself, class and answer of each point, and their pictures as a sheet where these can be had.
///
/// # Errors
/// Where a file can't be written.
pub fn project(run: &RunDir, folder: &Path, places: &Places) -> io::Result<()> {
    // One that is damaged, or that a training which goes back takes away, is none.
    let newest = run.map_files()?.pop().and_then(|file| read(&file).ok());
    let Some((map, components, width)) = newest else { return Ok(()) };
    fs::create_dir_all(folder)?;
    let bytes = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    fs::write(folder.join("features.bytes"), bytes(&mut components.iter().copied()))?;
    fs::write(folder.join("map.bytes"), bytes(&mut map.points.iter().flat_map(|point| point.at)))?;
    fs::write(folder.join("points.tsv"), lines(&map))?;
    let numbers: Vec<u32> = map.points.iter().map(|point| point.image).collect();
    // Without the pictures there are the points still.
    let pictures = test_pictures(&map.about.data, places, &numbers).unwrap_or_default();
    let mut shown = String::new();
    if let Some((png, [width, height])) = sheet(&pictures)? {
        fs::write(folder.join("pictures.png"), png)?;
        shown = format!(
            "  sprite {{\n    image_path: \"pictures.png\"\n    single_image_dim: {width}\n    single_image_dim: {height}\n  }}\n"
        );
    }
    let part = |name: &str, path: &str, width: usize| {
        format!(
            "embeddings {{\n  tensor_name: \"{name}\"\n  tensor_shape: {}\n  tensor_shape: {width}\n  tensor_path: \"{path}\"\n  \
             metadata_path: \"points.tsv\"\n{shown}}}\n",
            map.points.len()
        )
    };
    let epoch = map.about.epoch;
    let text = part(&format!("features, epoch {epoch}"), "features.bytes", width)
        + &part(&format!("t-SNE, epoch {epoch}"), "map.bytes", 2);
    fs::write(folder.join("projector_config.pbtxt"), text)
}

fn read(file: &MapFile) -> io::Result<(Embedding, Vec<f32>, usize)> {
    let bytes = file.bytes()?;
    let damaged = |error| io::Error::new(io::ErrorKind::InvalidData, format!("`{}`: {error}", file.path().display()));
    let map = Embedding::decode(&bytes).map_err(damaged)?;
    let (components, width) = Embedding::components(&bytes).map_err(damaged)?;
    Ok((map, components, width))
}

/// A line a point, after one of headings.
fn lines(map: &Embedding) -> String {
    let name = |names: &[String], place: u16| {
        sanitize(names.get(usize::from(place)).map_or("", String::as_str)).replace('\t', " ")
    };
    let mut text = "class\tanswer\tright\timage\n".to_owned();
    for point in &map.points {
        let answer = point.answers[0];
        let right = map.about.right.get(usize::from(point.label)) == Some(&answer);
        let (class, said) = (name(&map.about.classes, point.label), name(&map.about.answers, answer));
        let _ = writeln!(text, "{class}\t{said}\t{right}\t{}", point.image);
    }
    text
}

/// All pictures on one PNG, as many in a row as rows, and how wide and high one is; none where there are none, or where the
/// sheet would be too large.
fn sheet(pictures: &[Shown]) -> io::Result<Option<(Vec<u8>, [usize; 2])>> {
    let Some(first) = pictures.first().filter(|first| first.width > 0) else { return Ok(None) };
    let (width, height) = (first.width, first.pixels.len() / first.width);
    let across = (pictures.len() as f64).sqrt().ceil() as usize;
    if across * height.max(width) > LARGEST_SHEET {
        return Ok(None);
    }
    let pictures: Vec<&[u8]> = pictures.iter().map(|picture| picture.pixels.as_flattened()).collect();
    let png = figure::sheet(&pictures, [width, height], across, 1)?;
    Ok(Some((png, [width, height])))
}
