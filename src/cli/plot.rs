//! `mocolab plot`: curves of runs, in the terminal or as a figure.

use super::metrics::require;
use super::names;
use super::output::{say, write};
use crate::project::Project;
use crate::sight::Sight;
use anyhow::ensure;
use mocolab::curve::{Average, Curve};
use mocolab::figure::{Figure, Series, curves};
use mocolab::metrics;
use mocolab::state::RunState;
use mocolab::text::{number, sanitize};
use std::path::{Path, PathBuf};
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape};

/// Dots of a plot in the terminal: 2 by 4 a character.
const WIDTH: u32 = 140;
const HEIGHT: u32 = 32;

#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Runs: NAME (its latest), NAME/ID or a path.
    #[arg(add = names::runs(), id = "run", value_name = "RUN", required = true)]
    runs: Vec<String>,
    /// What was measured, as `val/loss`, several times for several [default: the losses, and the macro accuracy].
    #[arg(long, short, value_name = "NAME")]
    metric: Vec<String>,
    /// What it is drawn over.
    #[arg(long, value_enum, default_value = "epoch")]
    over: Over,
    /// A running average in front, that keeps this share of what came before at each point: 0 to 0.99.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    smooth: f64,
    /// Write a figure instead: SVG or PNG, by the file's ending.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What curves are drawn over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Over {
    /// Complete epochs.
    Epoch,
    /// Steps of the optimiser.
    Step,
    /// Minutes of training, pauses left out.
    Time,
}

impl Over {
    fn words(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Step => "step",
            Self::Time => "minutes of training",
        }
    }

    fn at(self, state: &RunState, step: u64) -> f64 {
        let step_itself = step as f64;
        match self {
            Self::Epoch => state.epochs_at(step).unwrap_or(step_itself),
            Self::Step => step_itself,
            Self::Time => state.worked_at(step).map_or(f64::NAN, |seconds| seconds / 60.0),
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=0.99).contains(value));
    value.ok_or_else(|| format!("`{text}` is not allowed: a number from 0 to 0.99"))
}

/// A curve to be drawn.
struct Drawn {
    name: String,
    points: Vec<(f64, f64)>,
    averaged: Option<Vec<(f64, f64)>>,
}

/// `mocolab plot`.
pub fn plot(project: &Project, asked: &Asked) -> anyhow::Result<()> {
    if let Some(out) = &asked.out {
        // Before anything is read: a name that can't be meant.
        ending(out)?;
    }
    let mut drawn = Vec::new();
    for run in &asked.runs {
        let sight = Sight::read(project.runs.find(run).map_err(anyhow::Error::msg)?);
        for metric in metrics_of(&sight, &asked.metric)? {
            let name = if asked.runs.len() == 1 { metric.clone() } else { format!("{} {metric}", sight.run.label()) };
            drawn.push(curve(&sight.state, &metric, (name, asked)));
        }
    }
    let Some(out) = &asked.out else {
        return drawn.iter().try_for_each(|curve| {
            let shown = curve.averaged.as_ref().unwrap_or(&curve.points);
            let smoothed =
                if curve.averaged.is_some() { format!(", smoothed {}", asked.smooth) } else { String::new() };
            letters(&format!("{} over {}{smoothed}", curve.name, asked.over.words()), shown)
        });
    };
    let count = drawn.len();
    write(out, &written(&figure(drawn, asked), out)?)?;
    say(format!("wrote `{}`: {count} curve{}", out.display(), if count == 1 { "" } else { "s" }))
}

/// The metrics that are wanted of a run; without wish those that say most.
fn metrics_of(sight: &Sight, wanted: &[String]) -> anyhow::Result<Vec<String>> {
    let known = &sight.state.curves;
    if wanted.is_empty() {
        let usual = [metrics::TRAIN_LOSS.to_owned(), metrics::VAL_LOSS.to_owned(), sight.state.headline("val")];
        let usual: Vec<String> = usual.into_iter().filter(|name| known.contains_key(name)).collect();
        ensure!(!usual.is_empty(), "{} has measured nothing yet", sight.run.label());
        return Ok(usual);
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    require(&format!("{} has", sight.run.label()), wanted, &names)?;
    Ok(wanted.to_vec())
}

fn curve(state: &RunState, metric: &str, (name, asked): (String, &Asked)) -> Drawn {
    let points = state.curves.get(metric).into_iter().flat_map(Curve::points);
    let points: Vec<(f64, f64)> = points.map(|(step, value)| (asked.over.at(state, step), value)).collect();
    let averaged = (asked.smooth > 0.0).then(|| {
        let mut average = Average::new(asked.smooth);
        let point = |(x, y): &(f64, f64)| {
            average.add(*y, u32::from(y.is_finite()));
            (*x, average.value())
        };
        points.iter().map(point).collect()
    });
    Drawn { name, points, averaged }
}

fn figure(drawn: Vec<Drawn>, asked: &Asked) -> Figure {
    let names: Vec<&str> = asked.metric.iter().map(String::as_str).collect();
    let title = if let [only] = names[..] { only.to_owned() } else { asked.runs.join(", ") };
    let up = if let [only] = names[..] { only } else { "" };
    let mut series = Vec::new();
    for (colour, Drawn { name, points, averaged }) in drawn.into_iter().enumerate() {
        match averaged {
            Some(averaged) => {
                series.push(Series { name: String::new(), points, faint: true, colour });
                series.push(Series { name, points: averaged, faint: false, colour });
            }
            None => series.push(Series { name, points, faint: false, colour }),
        }
    }
    curves(&sanitize(&title), [asked.over.words(), up], series, None)
}

fn ending(out: &Path) -> anyhow::Result<&str> {
    let ending = out.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    ensure!(matches!(ending, "svg" | "png"), "`{}` ends in neither .svg nor .png", out.display());
    Ok(ending)
}

fn written(figure: &Figure, out: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(if ending(out)? == "svg" { figure.svg().into_bytes() } else { figure.png() })
}

/// Draws a curve in the terminal, under a title; one point is told.
pub fn letters(title: &str, points: &[(f64, f64)]) -> anyhow::Result<()> {
    let points: Vec<(f32, f32)> =
        points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| (*x as f32, *y as f32)).collect();
    let [first, .., last] = points.as_slice() else {
        return points.iter().try_for_each(|(x, y)| say(format!("\n{title}: {} at {x}", number((*y).into()))));
    };
    say(format!("\n{title}, now {}", number(last.1.into())))?;
    let shape = Shape::Lines(&points);
    let mut chart = Chart::new(WIDTH, HEIGHT, first.0, last.0);
    let chart = chart.lineplot(&shape);
    let chart = chart.x_label_format(LabelFormat::Custom(Box::new(|x| format!("{x:.0}"))));
    let chart = chart.y_label_format(LabelFormat::Custom(Box::new(|y| number(f64::from(y)))));
    chart.axis();
    chart.figures();
    say(chart.to_string().trim_end())
}
