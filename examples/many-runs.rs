//! Makes a project of many long runs, to see how the laboratory bears it:
//! `many-runs DIRECTORY [RUNS] [POINTS] [live]`, 1,000 runs of 100,000 points unless said otherwise, of four metrics a step
//! and ten images a millisecond. Runs beyond the first 16 are hard links to those where the disk can: their records are
//! the same. `live` leaves the last eight without an end.

#![expect(clippy::print_stdout, reason = "it is a program")]

use mocolab::config;
use mocolab::event::{Best, Classes, Epoch, Event, Finished, Line, Metrics, Outcome, Real, Started, Step};
use mocolab::metrics;
use mocolab::run::{Job, RunDir, Runs, create};
use std::error::Error;
use std::io::Write;
use std::path::Path;

/// Experiments that the runs are of.
const EXPERIMENTS: usize = 20;
/// Records that differ.
const RECORDS: usize = 16;
/// Metrics of a step.
const EACH: u64 = 4;
/// Epochs of a run.
const EPOCHS: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(words.first().ok_or("which directory?")?);
    let number = |at: usize, default: u64| words.get(at).map_or(Ok(default), |word| word.parse());
    let (runs, points) = (number(1, 1000)? as usize, number(2, 100_000)?);
    let live = words.iter().any(|word| word == "live");
    std::fs::create_dir_all(folder)?;
    let names: Vec<String> = (0..EXPERIMENTS).map(|number| format!("sweep-{number:02}")).collect();
    let tables = names.iter().enumerate().map(|(number, name)| {
        format!("[experiment.{name}]\nseed = {number}\ndata = \"shapes\"\n[experiment.{name}.supervised]\narch = \"resnet8\"\nepochs = {EPOCHS}\n\n")
    });
    let text: String = tables.collect();
    std::fs::write(folder.join("experiments.toml"), &text)?;
    let suite = config::parse(&text, "experiments.toml")?;
    let experiments: Vec<_> = suite.experiments().collect();
    let place = Runs::new(folder.join("runs"));
    let moment: jiff::ZonedDateTime = "2026-11-01T08:00:00[UTC]".parse()?;
    let mut records: Vec<RunDir> = Vec::new();
    for number in 0..runs {
        let experiment = experiments[number % EXPERIMENTS];
        let begun = moment.checked_add(jiff::Span::new().minutes(number as i64))?;
        let run = create(&place, &experiment.name, &begun, &config::snapshot(experiment))?;
        let devices = vec!["cuda:0".to_owned()];
        run.write_job(&Job { attempt: 1, executor: "local".into(), devices, host: "gone".into(), ..Job::default() })?;
        let ends = !(live && number + 8 >= runs);
        match records.get(number % RECORDS).filter(|_| ends && records.len() >= RECORDS) {
            Some(record) if std::fs::hard_link(record.events(), run.events()).is_ok() => {}
            _ => record(&run, number as f64, points / EACH, ends)?,
        }
        records.push(run);
    }
    println!("{runs} runs of {points} points in `{}`", folder.display());
    Ok(())
}

/// Writes a record of `steps` steps.
fn record(run: &RunDir, seed: f64, steps: u64, ends: bool) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(run.events())?);
    let mut seq = 0;
    let mut write = |t: f64, event: Event| {
        seq += 1;
        file.write_all(&Line { attempt: 1, seq: seq - 1, t: 1_793_520_000.0 + t, event }.encode())
    };
    let per_epoch = (steps / EPOCHS).max(1);
    let classes = (0..10).map(|class| format!("class {class}")).collect();
    let plan = Started { steps, epochs: EPOCHS, steps_per_epoch: per_epoch, classes, ..Started::default() };
    write(0.0, Event::Started(Box::new(plan)))?;
    let named =
        |values: &[(&str, f64)]| values.iter().map(|(name, v)| ((*name).to_owned(), Real(*v))).collect::<Metrics>();
    for step in 1..=steps {
        let (part, t) = (step as f64 / steps as f64, step as f64 * 0.0128);
        let loss = 2.3 * (-4.0 * part).exp() + 0.1 * (step as f64 * 0.7 + seed).sin().abs();
        let throughput = 10_000.0 + (step as f64 * 0.3).cos();
        let values = [
            (metrics::TRAIN_LOSS, loss),
            (metrics::TRAIN_ACCURACY, part),
            (metrics::LR, 0.1 - part / 10.0),
            (metrics::IMAGES_PER_S, throughput),
        ];
        let epoch = (step - 1) / per_epoch + 1;
        write(t, Event::Step(Step { step, of: steps, epoch, metrics: named(&values) }))?;
        if step % per_epoch == 0 {
            let value = 1.0 - 0.9 * (-part * 5.0).exp();
            let confusion = vec![vec![50; 10]; 10];
            write(t, Event::Classes(Classes { epoch, split: "val".into(), by: String::new(), confusion }))?;
            let best = [(metrics::VAL_MACRO.to_owned(), Best { value, epoch })].into();
            let metrics = named(&[(metrics::VAL_MACRO, value), (metrics::VAL_LOSS, loss), (metrics::TRAIN_LOSS, loss)]);
            write(t, Event::Epoch(Epoch { epoch, of: EPOCHS, step, seconds: 3.0, metrics, best }))?;
        }
    }
    if ends {
        write(steps as f64, Event::Finished(Finished { outcome: Outcome::Done, step: steps, cause: None }))?;
    }
    file.flush()
}
