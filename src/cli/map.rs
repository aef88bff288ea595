//! `mocolab embed` and `mocolab show --tsne`: the map of a run's features without a screen: as letters, CSV or SVG.

use super::names;
use super::output::{note, say, say_json, table, write};
use crate::project::Project;
use anyhow::{Context, bail};
use mocolab::embedding::{About, By, Colouring, Embedding, Frame, read_perplexity, scatter};
use mocolab::executor::local;
use mocolab::figure;
use mocolab::run::{MapFile, RunDir, newest_first};
use mocolab::text::{percent, sanitize};
use std::path::{Path, PathBuf};

/// Letters across and down: a letter is twice as high as wide.
const SIZE: [usize; 2] = [76, 32];

#[derive(Debug, clap::Args)]
pub struct Embed {
    /// A run: NAME (its latest), NAME/ID or a path.
    #[arg(add = names::runs())]
    run: String,
    /// After which epoch: there must be a map of it already, or a checkpoint [default: the newest checkpoint].
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// What letters and colours stand for: 10 (the classes of the data), 5, 2, answer or error.
    #[arg(long, value_name = "BY", default_value = "10")]
    labels: By,
    /// Write the points as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the map as a figure of lines.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the map as a figure of pixels.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Write the features that it is a map of, all their dimensions, as .safetensors (with labels) or .npy; nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csv", "svg", "png", "again", "perplexity"])]
    features: Option<PathBuf>,
    /// Make it anew where it is there already.
    #[arg(long)]
    again: bool,
    /// Effective neighbours of a point [default: the run's `map_perplexity`].
    #[arg(long, value_name = "P", value_parser = read_perplexity)]
    perplexity: Option<f64>,
    /// Decides where points begin, and which pictures where they aren't all [default: the run's].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The most pictures, 0 = all [default: the run's `map_images`].
    #[arg(long, value_name = "N")]
    images: Option<u64>,
    /// `cpu`, or a GPU as `cuda:0`.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// For scripts: what is known of the map.
    #[arg(long)]
    json: bool,
}

impl Embed {
    /// Settings that only a new map follows.
    fn wants_another(&self) -> bool {
        self.again || self.perplexity.is_some() || self.seed.is_some() || self.images.is_some()
    }

    /// What the trainer is told.
    fn arguments(&self) -> Vec<String> {
        let given = [
            ("--epoch", self.epoch.map(|value| value.to_string())),
            ("--perplexity", self.perplexity.map(|value| value.to_string())),
            ("--seed", self.seed.map(|value| value.to_string())),
            ("--images", self.images.map(|value| value.to_string())),
            ("--device", Some(self.device.clone())),
        ];
        given.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten().collect()
    }
}

/// `mocolab embed`.
pub fn embed(project: &Project, asked: &Embed) -> anyhow::Result<()> {
    let run = project.runs.find(&asked.run).map_err(anyhow::Error::msg)?;
    if let Some(out) = &asked.features {
        return features(&run, asked, out);
    }
    let there = find(&run, asked.epoch)?.filter(|_| !asked.wants_another());
    let file = if let Some(file) = there.filter(|file| asked.epoch.is_some() || is_newest(&run, file)) {
        file
    } else {
        let made: About = local::embed(&run, &asked.arguments())?;
        let files = run.map_files().with_context(|| format!("reading the maps of {}", run.label()))?;
        files.into_iter().find(|file| file.step == made.step).context("the map that was made is not there")?
    };
    let map = file.read().context("reading the map")?;
    let colouring = map.colouring(asked.labels).map_err(anyhow::Error::msg)?;
    if asked.json {
        say_json(&map.about)?;
    } else {
        say(sanitize(&format!("{}, {}", run.label(), map.about)))?;
        say(format!("  {}", file.path().display()))?;
    }
    let drawn = || figure::map(&format!("{}: {}", run.label(), asked.labels.words()), &map, &colouring);
    let mut wrote = false;
    for (path, kind) in [(&asked.csv, "csv"), (&asked.svg, "svg"), (&asked.png, "png")] {
        let Some(path) = path else { continue };
        match kind {
            "csv" => write(path, &csv(&map, &colouring)?)?,
            "svg" => write(path, drawn().svg().as_bytes())?,
            _ => write(path, &drawn().png())?,
        }
        wrote = true;
        let line = format!("wrote `{}`: {} points", path.display(), map.points.len());
        if asked.json { note(&line) } else { say(line)? }
    }
    if wrote || asked.json { Ok(()) } else { letters(&map, &colouring) }
}

/// Has the trainer write features.
fn features(run: &RunDir, asked: &Embed, out: &Path) -> anyhow::Result<()> {
    let out = std::path::absolute(out)?;
    let known = out.extension().is_some_and(|ending| ending == "npy" || ending == "safetensors");
    anyhow::ensure!(known, "`{}` ends in neither .safetensors nor .npy", out.display());
    let mut arguments = asked.arguments();
    arguments.extend(["--features".to_owned(), out.display().to_string()]);
    let about: serde_json::Value = local::embed(run, &arguments)?;
    if asked.json {
        return say_json(&about);
    }
    let (pictures, width, epoch) = (&about["pictures"], &about["width"], &about["epoch"]);
    say(format!("wrote `{}`: {pictures} test pictures, {width} numbers of each, epoch {epoch}", out.display()))
}

/// Shows the map of a run in letters: the newest one there is, or that of an epoch.
pub fn show(run: &RunDir, epoch: Option<u64>, by: By) -> anyhow::Result<()> {
    let Some(file) = find(run, epoch)? else {
        let epochs: Vec<String> =
            run.map_files()?.iter().filter_map(|file| file.epoch).map(|it| it.to_string()).collect();
        match epoch {
            Some(epoch) if !epochs.is_empty() => {
                bail!("{} has no map of epoch {epoch}; there are: {}", run.label(), epochs.join(", "))
            }
            _ => bail!(
                "{} has no map yet: `mocolab embed {}` makes one of its newest checkpoint",
                run.label(),
                run.label()
            ),
        }
    };
    let map = file.read().context("reading the map")?;
    let colouring = map.colouring(by).map_err(anyhow::Error::msg)?;
    say(sanitize(&format!("{}, {}", run.label(), map.about)))?;
    letters(&map, &colouring)
}

/// The newest map, or that of an epoch.
fn find(run: &RunDir, epoch: Option<u64>) -> anyhow::Result<Option<MapFile>> {
    let files = run.map_files().with_context(|| format!("reading the maps of {}", run.label()))?;
    Ok(files.into_iter().rfind(|file| epoch.is_none_or(|epoch| file.epoch == Some(epoch))))
}

/// Whether no checkpoint is newer than the map.
fn is_newest(run: &RunDir, file: &MapFile) -> bool {
    newest_first(&run.checkpoints())
        .ok()
        .and_then(|files| Some(files.first()?.step))
        .is_none_or(|step| step <= file.step)
}

/// Prints the map, a letter for the group with the most points in each place, and what the letters stand for.
fn letters(map: &Embedding, colouring: &Colouring) -> anyhow::Result<()> {
    let at: Vec<[f32; 2]> = map.points.iter().map(|point| point.at).collect();
    let frame = Frame::around(map.bounds(), [SIZE[0], SIZE[1] * 2]);
    let dots = scatter(&at, |place| colouring.groups.get(place).copied(), (frame, SIZE));
    let letter = |group: u16| char::from(b'a' + (group % 26) as u8);
    for row in dots.chunks(SIZE[0]) {
        let line: String = row.iter().map(|dot| dot.map_or(' ', |(group, _)| letter(group))).collect();
        say(line.trim_end())?;
    }
    let entry = |(group, name): (usize, &String)| {
        let own: Vec<usize> = (0..map.points.len()).filter(|place| colouring.groups[*place] == group as u16).collect();
        let right = own.iter().filter(|place| map.is_right(&map.points[**place])).count();
        let share = right as f64 / own.len().max(1) as f64;
        vec![
            letter(group as u16).to_string(),
            sanitize(name),
            own.len().to_string(),
            format!("{} right", percent(share)),
        ]
    };
    let rows: Vec<Vec<String>> = colouring.names.iter().enumerate().map(entry).collect();
    table(&rows, &[2, 3]).iter().try_for_each(|line| say(format!("  {line}")))
}

/// The points as CSV (RFC 4180), a row a picture.
fn csv(map: &Embedding, colouring: &Colouring) -> anyhow::Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record([
        "x",
        "y",
        "image",
        "class",
        "group",
        "answer",
        "share",
        "second",
        "second_share",
        "right",
        "distance",
    ])?;
    for (point, group) in map.points.iter().zip(&colouring.groups) {
        let [first, second] = point.answers.map(|answer| map.answer(answer));
        let group = colouring.names.get(usize::from(*group)).map_or("", String::as_str);
        let [x, y] = point.at.map(|at| at.to_string());
        let [share, second_share] = point.shares.map(|share| share.to_string());
        let (image, right, off) = (point.image.to_string(), map.is_right(point).to_string(), point.off.to_string());
        let class = map.class(point);
        rows.write_record([x.as_str(), &y, &image, class, group, first, &share, second, &second_share, &right, &off])?;
    }
    Ok(rows.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::sample_map;

    #[test]
    fn csv_has_a_row_a_point_and_quotes_what_needs_it() {
        let mut map = sample_map(20, 4);
        map.about.classes[3] = "cat, \"tabby\"".into();
        let colouring = map.colouring(By::Error).unwrap();
        let text = String::from_utf8(csv(&map, &colouring).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 21);
        assert!(lines[1].contains(",0,airplane,wrong,automobile,0.5,bird,0.5,false,0.5"), "{}", lines[1]);
        assert!(lines[4].contains(",6,\"cat, \"\"tabby\"\"\",right,"), "{}", lines[4]);
    }
}
