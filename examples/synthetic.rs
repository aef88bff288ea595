//! A laboratory of a hundred nodes, made here: `synthetic DIRECTORY [RUNS] [LIVE] [SECONDS] [RATE]` makes a project of RUNS runs
//! (10,000) of which LIVE (500) are trained on other machines for SECONDS (300): each beats its heart every 5 s and writes RATE
//! (1) steps a second. Their locks are not seen from here, as on a file system whose locks don't cross nodes.

#![expect(clippy::print_stdout, reason = "it is a program")]

use mocolab::config;
use mocolab::event::{Event, Finished, Outcome, Real, Started, Step};
use mocolab::metrics;
use mocolab::run::{Job, Log, RunDir, Runs, Ticket, create, create_with, now};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// Experiments that the runs are of.
const EXPERIMENTS: usize = 100;
/// Steps of a run that has ended.
const STEPS: u64 = 50;
/// Steps that a run at work has left.
const ALL: u64 = 1_000_000;
/// Between two beats of a heart.
const BEAT: f64 = 5.0;

fn step(step: u64, of: u64) -> Event {
    let loss = 2.3 * (-(step as f64) / 400.0).exp() + 0.1;
    let values = [(metrics::TRAIN_LOSS, loss), (metrics::LR, 0.1), (metrics::IMAGES_PER_S, 10_000.0)];
    let metrics = values.map(|(name, value)| (name.to_owned(), Real(value))).into();
    Event::Step(Step { step, of, epoch: step / 100 + 1, metrics })
}

fn begin(run: &RunDir, node: usize, steps: u64) -> Result<Log, Box<dyn Error>> {
    let host = format!("node-{node:03}");
    let job = Job {
        attempt: 1,
        executor: "local".into(),
        devices: vec![format!("cuda:{}", node % 8)],
        boot_id: format!("boot of {host}"),
        host,
        pid: 1,
        t: now(),
        ..Job::default()
    };
    run.write_job(&job)?;
    let mut log = Log::open(run, 1)?;
    let plan = Started { steps, epochs: steps / 100 + 1, steps_per_epoch: 100, ..Started::default() };
    log.write(Event::Started(Box::new(plan)))?;
    Ok(log)
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(words.first().ok_or("which directory?")?);
    let number = |at: usize, default: u64| words.get(at).map_or(Ok(default), |word| word.parse());
    let (runs, live, seconds, rate) = (number(1, 10_000)?, number(2, 500)?, number(3, 300)?, number(4, 1)?);
    std::fs::create_dir_all(folder)?;
    let table = |number: usize| {
        format!(
            "[experiment.sweep-{number:02}]\ndata = \"shapes\"\n[experiment.sweep-{number:02}.supervised]\narch = \"resnet8\"\n"
        )
    };
    let text: String = (0..EXPERIMENTS).map(table).collect();
    std::fs::write(folder.join("experiments.toml"), &text)?;
    let suite = config::parse(&text, "experiments.toml")?;
    let experiments: Vec<_> = suite.experiments().collect();
    let (place, moment) = (Runs::new(folder.join("runs")), "2026-11-01T08:00:00[UTC]".parse::<jiff::ZonedDateTime>()?);
    let mut at_work = Vec::new();
    for number in 0..runs {
        let experiment = experiments[number as usize % EXPERIMENTS];
        let begun = moment.checked_add(jiff::Span::new().seconds(number as i64 * 7))?;
        let snapshot = config::snapshot(experiment);
        if number + live < runs {
            let run = create(&place, &experiment.name, &begun, &snapshot)?;
            let mut log = begin(&run, number as usize % 100, STEPS)?;
            for at in 1..=STEPS {
                log.write(step(at, STEPS))?;
            }
            log.write(Event::Finished(Finished { outcome: Outcome::Done, step: STEPS, cause: None }))?;
        } else {
            let run = create(&place, &experiment.name, &begun, &snapshot)?;
            // One of each hundred at work has another in this machine's queue, which waits for it.
            if number % 100 == 0 {
                let ticket = Ticket { source: Some(std::path::absolute(run.path())?), ..Ticket::default() };
                create_with(&place, &experiment.name, &begun, (&snapshot, Some(&ticket)))?;
            }
            at_work.push((begin(&run, number as usize % 100, ALL)?, run));
        }
    }
    println!("{runs} runs in `{}`, {live} at work for {seconds} s", folder.display());
    work(&mut at_work, seconds, rate)
}

/// All of them train, one after another within each part of a second.
fn work(at_work: &mut [(Log, RunDir)], seconds: u64, rate: u64) -> Result<(), Box<dyn Error>> {
    let (began, mut beats, mut beaten) = (Instant::now(), 0, -BEAT);
    for round in 1..=seconds * rate {
        let t = began.elapsed().as_secs_f64();
        if t - beaten >= BEAT {
            (beats, beaten) = (beats + 1, t);
            for (_, run) in at_work.iter() {
                run.beat(beats);
            }
        }
        for (log, _) in at_work.iter_mut() {
            log.write(step(round, ALL))?;
        }
        let due = Duration::from_secs_f64(round as f64 / rate as f64);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
    Ok(())
}
