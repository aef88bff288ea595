//! `mocolab export metrics`: what runs measured, as one long table.

use super::mirror;
use super::output::{note, say, write};
use crate::project::Project;
use crate::sight::Sight;
use anyhow::{Context, bail, ensure};
use mocolab::config::did_you_mean;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct Asked {
    #[command(flatten)]
    which: mirror::Asked,
    /// Only this metric, as `val/loss`; several times for several.
    #[arg(long, short, value_name = "NAME")]
    metric: Vec<String>,
    /// How it is written [default: by the file's ending, else CSV].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where to [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Comma-separated values with a head (RFC 4180).
    Csv,
    /// An array of objects.
    Json,
    /// Apache Parquet, compressed by Snappy.
    Parquet,
}

/// A point of a curve. The names are those of the columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row<'a> {
    run: &'a str,
    experiment: &'a str,
    seed: Option<u64>,
    metric: &'a str,
    step: u64,
    /// Complete epochs.
    epoch: Option<f64>,
    /// Seconds of training, pauses left out.
    seconds: Option<f64>,
    /// None of what is no number.
    value: Option<f64>,
}

/// The columns of [`Row`].
const COLUMNS: [&str; 8] = ["run", "experiment", "seed", "metric", "step", "epoch", "seconds", "value"];
/// The same as Parquet has them.
const SCHEMA: &str = "message metrics { REQUIRED BYTE_ARRAY run (UTF8); REQUIRED BYTE_ARRAY experiment (UTF8); \
                      OPTIONAL INT64 seed; REQUIRED BYTE_ARRAY metric (UTF8); REQUIRED INT64 step; OPTIONAL DOUBLE epoch; \
                      OPTIONAL DOUBLE seconds; OPTIONAL DOUBLE value; }";

/// `mocolab export metrics`.
pub fn metrics(project: &Project, asked: &Asked) -> anyhow::Result<()> {
    let format = format(asked)?;
    let mut table = Table::new(format)?;
    let mut known = BTreeSet::new();
    for run in asked.which.find(project)? {
        let sight = Sight::read(run);
        known.extend(sight.state.curves.keys().cloned());
        if let Some(trouble) = &sight.trouble {
            note(&format!("{}: {trouble}", sight.run.label()));
        }
        if sight.damaged > 0 {
            note(&format!("{}: {} damaged lines of its record were passed over", sight.run.label(), sight.damaged));
        }
        table.add(&rows(&sight, (&sight.run.label(), &experiment(&sight)), &asked.metric))?;
    }
    require("the runs have", &asked.metric, &known.iter().map(String::as_str).collect::<Vec<_>>())?;
    let (bytes, rows) = table.end()?;
    let Some(out) = &asked.out else { return say(std::str::from_utf8(&bytes)?.trim_end()) };
    write(out, &bytes)?;
    note(&format!("wrote `{}`: {rows} points", out.display()));
    Ok(())
}

/// Whether all metrics that are wanted are known.
///
/// # Errors
/// Which isn't, what may have been meant, and what there is.
pub fn require(who: &str, wanted: &[String], known: &[&str]) -> anyhow::Result<()> {
    let Some(name) = wanted.iter().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let near = did_you_mean(name, known.iter().copied()).map(|near| format!("; {near}")).unwrap_or_default();
    bail!("{who} no `{name}`{near}\n  there are: {}", known.join(", "))
}

fn format(asked: &Asked) -> anyhow::Result<Format> {
    let ending = asked.out.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    let format = match (asked.format, ending) {
        (Some(format), _) => format,
        (None, Some("json")) => Format::Json,
        (None, Some("parquet")) => Format::Parquet,
        (None, _) => Format::Csv,
    };
    ensure!(
        format != Format::Parquet || asked.out.is_some(),
        "Parquet is nothing for a terminal: name a file by --out"
    );
    Ok(format)
}

fn experiment(sight: &Sight) -> String {
    sight.run.experiment_name().map(|name| name.to_string()).unwrap_or_default()
}

/// The points of a run, curve by curve.
fn rows<'a>(sight: &'a Sight, (run, experiment): (&'a str, &'a str), wanted: &[String]) -> Vec<Row<'a>> {
    let state = &sight.state;
    let seed = sight.experiment.as_ref().ok().map(|experiment| experiment.seed);
    let curves = state.curves.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let point = |metric: &'a str, (step, value): (u64, f64)| Row {
        run,
        experiment,
        seed,
        metric,
        step,
        epoch: state.epochs_at(step),
        seconds: state.worked_at(step),
        value: value.is_finite().then_some(value),
    };
    curves.flat_map(|(metric, curve)| curve.points().map(move |at| point(metric, at))).collect()
}

/// A table under construction.
enum Table {
    Csv(Box<csv::Writer<Vec<u8>>>, u64),
    Json(Vec<u8>, u64),
    Parquet(Box<SerializedFileWriter<Vec<u8>>>, u64),
}

impl Table {
    fn new(format: Format) -> anyhow::Result<Self> {
        Ok(match format {
            Format::Csv => {
                // The head also where no row follows.
                let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
                writer.write_record(COLUMNS)?;
                Self::Csv(Box::new(writer), 0)
            }
            Format::Json => Self::Json(b"[".to_vec(), 0),
            Format::Parquet => {
                let properties =
                    WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
                let schema = Arc::new(parse_message_type(SCHEMA)?);
                Self::Parquet(Box::new(SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?), 0)
            }
        })
    }

    fn add(&mut self, rows: &[Row]) -> anyhow::Result<()> {
        match self {
            Self::Csv(writer, count) => {
                *count += rows.len() as u64;
                rows.iter().try_for_each(|row| writer.serialize(row)).context("writing a row")
            }
            Self::Json(text, count) => rows.iter().try_for_each(|row| {
                text.extend(if *count == 0 { &b"\n"[..] } else { b",\n" });
                *count += 1;
                serde_json::to_writer(&mut *text, row).context("writing a row")
            }),
            Self::Parquet(writer, count) => {
                *count += rows.len() as u64;
                let mut group = writer.next_row_group()?;
                columns(&mut group, rows)?;
                group.close()?;
                Ok(())
            }
        }
    }

    /// All of it, and how many rows there are.
    fn end(self) -> anyhow::Result<(Vec<u8>, u64)> {
        Ok(match self {
            Self::Csv(writer, count) => ((*writer).into_inner()?, count),
            Self::Json(mut text, count) => {
                text.extend(b"\n]\n");
                (text, count)
            }
            Self::Parquet(writer, count) => ((*writer).into_inner()?, count),
        })
    }
}

/// Writes `rows` as the columns of [`SCHEMA`], in its order.
fn columns(group: &mut SerializedRowGroupWriter<Vec<u8>>, rows: &[Row]) -> anyhow::Result<()> {
    let text = |of: fn(&Row) -> String| rows.iter().map(|row| Some(ByteArray::from(of(row).into_bytes()))).collect();
    let whole = |of: fn(&Row) -> Option<u64>| rows.iter().map(|row| of(row).map(|value| value as i64)).collect();
    let real = |of: fn(&Row) -> Option<f64>| rows.iter().map(of).collect();
    column::<ByteArrayType>(group, text(|row| row.run.to_owned()), false)?;
    column::<ByteArrayType>(group, text(|row| row.experiment.to_owned()), false)?;
    column::<Int64Type>(group, whole(|row| row.seed), true)?;
    column::<ByteArrayType>(group, text(|row| row.metric.to_owned()), false)?;
    column::<Int64Type>(group, whole(|row| Some(row.step)), false)?;
    column::<DoubleType>(group, real(|row| row.epoch), true)?;
    column::<DoubleType>(group, real(|row| row.seconds), true)?;
    column::<DoubleType>(group, real(|row| row.value), true)
}

/// Writes the next column; where some may be missing, those that are there with a sign for each.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<Vec<u8>>,
    values: Vec<Option<T::T>>,
    optional: bool,
) -> anyhow::Result<()> {
    let there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    let mut column = group.next_column()?.context("the schema has fewer columns")?;
    column.typed::<T>().write_batch(&values, optional.then_some(&there[..]), None)?;
    column.close()?;
    Ok(())
}
