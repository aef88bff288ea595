//! `mocolab data preview`: what an experiment makes of its training pictures, on the terminal in half-blocks or as a PNG.
//! The pictures come from the trainer, which makes the views of a training.

use super::output::{on_terminal, say};
use crate::picture::{self, Colours, Picture};
use crate::project::Project;
use anyhow::{Context, bail, ensure};
use image::{ImageFormat, Rgb, RgbImage};
use mocolab::executor::local;
use mocolab::experiment::Experiment;
use mocolab::preview::Header;
use mocolab::{config, data, text::sanitize};
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;

/// Pictures in rows: one and its views.
#[derive(Debug)]
struct Grid {
    header: Header,
    /// RGB, `[rows, columns, height, width, 3]`.
    bytes: Vec<u8>,
}

/// Shows `count` training pictures of the experiment `name`, or writes them to `png`.
///
/// # Errors
/// Where there is no such experiment, its data or the trainer can't be found, or nothing to show pictures on.
pub fn preview(project: &Project, name: &str, count: u16, png: Option<&Path>) -> anyhow::Result<()> {
    ensure!(
        png.is_some() || on_terminal(),
        "pictures are shown on a terminal only: write them to a file with --png FILE"
    );
    let suite = project.suite()?;
    let experiments = suite.find(name).map_err(anyhow::Error::msg)?;
    let [experiment] = experiments.as_slice() else {
        let names: Vec<&str> = experiments.iter().map(|experiment| experiment.name.as_str()).collect();
        bail!("`{name}` has {} variants ({}): name one", names.len(), names.join(", "));
    };
    let data = data::resolve(&experiment.data, &project.places)?;
    let grid = Grid::ask(&Experiment { data, ..(*experiment).clone() }, count)?;
    let Some(png) = png else { return grid.show() };
    grid.image().save_with_format(png, ImageFormat::Png).with_context(|| format!("writing `{}`", png.display()))?;
    say(format!("wrote `{}`: {} pictures, each with four views of it", png.display(), grid.header.rows))
}

impl Grid {
    /// Has the trainer make it.
    fn ask(experiment: &Experiment, count: u16) -> anyhow::Result<Self> {
        let (trainer, mut command) = local::trainer_command()?;
        let doing = || format!("asking `{}` for pictures", trainer.display());
        command.args(["preview", "/dev/stdin", &count.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(doing)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A trainer that does not listen says why, and that is what the user should hear.
            let _ = stdin.write_all(config::snapshot(experiment).as_bytes());
        }
        let output = child.wait_with_output().with_context(doing)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            bail!("{}: {}", doing(), said.trim_start_matches("mocolab-train: "));
        }
        Self::read(&output.stdout).with_context(doing)
    }

    /// Reads what the trainer wrote.
    fn read(output: &[u8]) -> anyhow::Result<Self> {
        let end = output.iter().position(|byte| *byte == b'\n').context("its answer has no first line")?;
        let header: Header = serde_json::from_slice(&output[..end]).context("reading the first line")?;
        let bytes = output[end + 1..].to_vec();
        let wanted = header.rows * header.columns * header.height * header.width * 3;
        ensure!(bytes.len() == wanted, "{} bytes came instead of {wanted}", bytes.len());
        ensure!(header.labels.len() == header.rows, "{} rows have {} labels", header.rows, header.labels.len());
        ensure!(wanted > 0, "there are no pictures");
        Ok(Self { header, bytes })
    }

    /// The picture in `row` and `column`.
    fn picture(&self, row: usize, column: usize) -> Picture {
        let Header { height, width, columns, .. } = self.header;
        let size = height * width * 3;
        let pixels = self.bytes[(row * columns + column) * size..][..size].as_chunks().0.to_vec();
        Picture { width, pixels }
    }

    /// Prints it, its rows as wide as the terminal at most.
    fn show(&self) -> anyhow::Result<()> {
        let columns = self.header.columns;
        let terminal = crossterm::terminal::size().map_or(80, |(width, _)| usize::from(width));
        let width = ((terminal + 1) / columns).saturating_sub(1).clamp(1, self.header.width);
        let colours = Colours::from_environment();
        for (row, label) in self.header.labels.iter().enumerate() {
            say(sanitize(label))?;
            let pictures: Vec<Picture> = (0..columns).map(|column| self.picture(row, column).scaled(width)).collect();
            // Past `say`, which would take the colours out: nothing but half-blocks and colours is in here.
            for line in picture::lines(&pictures, colours) {
                writeln!(io::stdout().lock(), "{line}")?;
            }
        }
        Ok(())
    }

    /// It as one picture, each pixel a square of four by four, with gaps of one such pixel.
    fn image(&self) -> RgbImage {
        const SCALE: usize = 4;
        const GAP: Rgb<u8> = Rgb([255; 3]);
        let Header { height, width, columns, rows, .. } = self.header;
        let side = |count: usize, length: usize| ((count * (length + 1) - 1) * SCALE) as u32;
        RgbImage::from_fn(side(columns, width), side(rows, height), |x, y| {
            let (x, y) = (x as usize / SCALE, y as usize / SCALE);
            let (column, row) = (x / (width + 1), y / (height + 1));
            let (x, y) = (x % (width + 1), y % (height + 1));
            if x == width || y == height {
                return GAP;
            }
            let pixel = ((row * columns + column) * height + y) * width + x;
            Rgb([0, 1, 2].map(|colour| self.bytes[pixel * 3 + colour]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut answer = br#"{"height":1,"width":2,"columns":2,"rows":2,"labels":["cat","dog"]}"#.to_vec();
        answer.push(b'\n');
        answer.extend(0..24);
        Grid::read(&answer).unwrap()
    }

    #[test]
    fn an_answer_is_read_and_a_short_one_refused() {
        let grid = grid();
        assert_eq!(grid.header.labels, ["cat", "dog"]);
        assert_eq!(grid.picture(1, 0).pixels, [[12, 13, 14], [15, 16, 17]]);
        let short = b"{\"height\":1,\"width\":2,\"columns\":1,\"rows\":1,\"labels\":[\"cat\"]}\nabcde";
        assert_eq!(Grid::read(short).unwrap_err().to_string(), "5 bytes came instead of 6");
        assert!(Grid::read(b"usage").is_err());
        let none = b"{\"height\":1,\"width\":2,\"columns\":1,\"rows\":0,\"labels\":[]}\n";
        assert_eq!(Grid::read(none).unwrap_err().to_string(), "there are no pictures");
    }

    #[test]
    fn the_image_is_four_times_as_large_with_gaps() {
        let image = grid().image();
        assert_eq!(image.dimensions(), (5 * 4, 3 * 4));
        assert_eq!(image.get_pixel(4, 3), &Rgb([3, 4, 5]));
        assert_eq!(image.get_pixel(8, 0), &Rgb([255; 3]));
        assert_eq!(image.get_pixel(0, 7), &Rgb([255; 3]));
        assert_eq!(image.get_pixel(19, 11), &Rgb([21, 22, 23]));
    }
}
