//! A trainer that learns nothing: it keeps the protocol of a run (lock, record, heartbeat, request) and writes curves out
//! of the air, so that the terminal can be tested without libtorch. `MOCOLAB_TRAIN` names it in the place of the real one.
//!
//! `FAKE_STEP_MS` is the time of a step (default 20), `FAKE_STEPS` the steps of an epoch (default 10), `FAKE_FAIL_AT` a
//! step at which it fails, `FAKE_FAIL_NAME` the only experiment that does; `FAKE_CHILD` has it start a process that outlives it.

#![expect(clippy::print_stderr, reason = "what a trainer prints is its log")]

use mocolab::config::read_snapshot;
use mocolab::event::{Best, Checkpoint, Classes, Epoch, Event, Finished, Outcome, Real, Started, Step};
use mocolab::metrics;
use mocolab::run::{HeldLock, Log, RunDir, checkpoint_name};
use mocolab::status::Wish;
use safetensors::{Dtype, tensor::TensorView};
use std::collections::BTreeMap;
use std::time::Duration;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn loss(step: u64) -> f64 {
    2.3 * (-(step as f64) / 40.0).exp() + 0.1 * (step as f64 * 0.9).sin().abs()
}

fn epoch(number: u64, of: u64, step: u64) -> Event {
    let accuracy = 1.0 - 0.9 * (-(number as f64) / 3.0).exp();
    let values =
        [(metrics::VAL_LOSS, loss(step) + 0.1), (metrics::VAL_MACRO, accuracy), (metrics::TRAIN_LOSS, loss(step))];
    let measured = values.map(|(name, value)| (name.to_owned(), Real(value))).into();
    let best = [(metrics::VAL_MACRO.to_owned(), Best { value: accuracy, epoch: number })].into();
    Event::Epoch(Epoch { epoch: number, of, step, seconds: 0.2, metrics: measured, best })
}

fn measured(step: u64, of: u64, epoch: u64) -> Event {
    let values = [(metrics::TRAIN_LOSS, loss(step)), (metrics::LR, 0.1), (metrics::IMAGES_PER_S, 1000.0)];
    let metrics = values.map(|(name, value)| (name.to_owned(), Real(value))).into();
    Event::Step(Step { step, of, epoch, metrics })
}

fn judged(epoch: u64) -> Event {
    let hits = 60 + epoch;
    let confusion = vec![vec![hits, 9, 9], vec![9, hits, 9], vec![20, 20, hits]];
    Event::Classes(Classes { epoch, split: "val".into(), by: String::new(), confusion })
}

/// Writes a checkpoint of one tensor as the real trainer names it.
fn checkpoint(run: &RunDir, step: u64, epoch: u64) -> Result<Event, Box<dyn std::error::Error>> {
    let view = TensorView::new(Dtype::F32, vec![1], &[0, 0, 128, 63])?;
    let texts = [("step", step.to_string()), ("epoch", epoch.to_string()), ("best", "true".to_owned())];
    let texts = texts.map(|(key, text)| (key.to_owned(), text)).into();
    let bytes = safetensors::serialize([("fc.bias", view)], Some(texts))?;
    let file = checkpoint_name(step, &bytes);
    mocolab::run::make_folder(&run.checkpoints())?;
    std::fs::write(run.checkpoints().join(&file), &bytes)?;
    Ok(Event::Checkpoint(Checkpoint { step, epoch, file, bytes: bytes.len() as u64, best: true }))
}

/// How it ends upon a wish, if it does.
fn leaves(wish: Wish) -> Option<Outcome> {
    match wish {
        Wish::Stop => Some(Outcome::Stopped),
        Wish::Pause => Some(Outcome::Paused),
        _ => None,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let run = RunDir::new(std::env::args().nth(1).ok_or("which run?")?);
    let _lock = HeldLock::inherit(&run)?;
    let job = run.read_job()?.ok_or("no job")?;
    let name = run.experiment().display().to_string();
    let experiment = read_snapshot(&std::fs::read_to_string(run.experiment())?, &name)?;
    let (epochs, per_epoch) = (experiment.recipe.epochs(), number("FAKE_STEPS", 10));
    let (steps, pause, fail_at) = (epochs * per_epoch, number("FAKE_STEP_MS", 20), number("FAKE_FAIL_AT", u64::MAX));
    let spared = std::env::var("FAKE_FAIL_NAME").is_ok_and(|name| name != experiment.name.as_str());
    let fail_at = if spared { u64::MAX } else { fail_at };
    let mut log = Log::open(&run, job.attempt)?;
    let classes: Vec<String> = ["circle", "square", "star"].map(str::to_owned).to_vec();
    let started = Started {
        steps,
        epochs,
        steps_per_epoch: per_epoch,
        recipe: experiment.recipe.name().into(),
        arch: experiment.recipe.arch().to_string(),
        devices: job.devices.clone(),
        precision: "fp32".into(),
        data: "nothing".into(),
        classes,
        images: BTreeMap::new(),
        ..Started::default()
    };
    log.write(Event::Started(Box::new(started)))?;
    eprintln!("a fake trainer, attempt {}", job.attempt);
    if number("FAKE_CHILD", 0) > 0 {
        eprintln!("a child: {}", std::process::Command::new("sleep").arg("600").spawn()?.id());
    }
    for step in 1..=steps {
        std::thread::sleep(Duration::from_millis(pause));
        run.beat(step);
        let number = (step - 1) / per_epoch + 1;
        log.write(measured(step, steps, number))?;
        if step == fail_at {
            eprintln!("it was told to fail");
            let cause = Some("told to fail at this step".to_owned());
            log.write(Event::Finished(Finished { outcome: Outcome::Failed, step, cause }))?;
            std::process::exit(1);
        }
        if step % per_epoch == 0 {
            eprintln!("epoch {number} of {epochs}");
            log.write(judged(number))?;
            log.write(epoch(number, epochs, step))?;
            log.write(checkpoint(&run, step, number)?)?;
        }
        let asked = run.read_request()?.filter(|request| request.attempt == job.attempt);
        if let Some((request, outcome)) = asked.and_then(|request| Some((request.id, leaves(request.wish)?))) {
            log.write(checkpoint(&run, step, number)?)?;
            log.write(Event::Acknowledged { request })?;
            log.write(Event::Finished(Finished { outcome, step, cause: None }))?;
            return Ok(());
        }
    }
    log.write(Event::Finished(Finished { outcome: Outcome::Done, step: steps, cause: None }))?;
    Ok(())
}
