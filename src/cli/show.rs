//! `mocolab show`: a run in plain text, for a pipe, a dumb terminal or a pasted report.

use super::output::{on_terminal, say, say_json, table};
use super::plot::letters;
use crate::project::Project;
use crate::sight::Sight;
use mocolab::curve::Curve;
use mocolab::event::Classes;
use mocolab::metrics::{self, Confusion};
use mocolab::text::{duration, number, percent, sanitize};
use serde_json::json;

/// `mocolab show`.
pub fn show(project: &Project, run: &str, json: bool) -> anyhow::Result<()> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let sight = Sight::read(run);
    if json {
        return say_json(&details(&sight));
    }
    head(&sight)?;
    for name in [metrics::TRAIN_LOSS, metrics::VAL_LOSS, &sight.state.headline("val")] {
        plot(name, sight.state.curves.get(name))?;
    }
    for classes in sight.state.classes.values() {
        recalls(classes, sight.state.class_names())?;
    }
    for (_, alert) in &sight.state.alerts {
        say(format!("alert: {}", sanitize(&alert.message)))?;
    }
    Ok(())
}

fn head(sight: &Sight) -> anyhow::Result<()> {
    let state = &sight.state;
    say(format!("{}  {} {}  {}", sight.run.label(), sight.status.symbol(), sight.status, sight.devices()))?;
    say(format!("  {}", sight.run.path().display()))?;
    if let Some(started) = &state.started {
        say(format!(
            "  {} {}, {} parameters, {} on {}, {} classes",
            started.recipe,
            started.arch,
            started.parameters,
            started.precision,
            started.data,
            started.classes.len()
        ))?;
        say(format!(
            "  epoch {} of {}, step {} of {}, {} since the start{}",
            state.epoch.min(state.epochs),
            state.epochs,
            state.step,
            state.steps,
            duration(state.last_seen - state.began),
            state
                .seconds_left()
                .filter(|_| sight.status.is_live())
                .map(|s| format!(", {} left", duration(s)))
                .unwrap_or_default()
        ))?;
    }
    let started = state.started.as_ref();
    let guessing =
        started.and_then(|started| started.chance_loss).map(|loss| format!("guessing has the loss {loss:.4}"));
    let notes = started.map_or(&[][..], |started| &started.notes).iter().chain(&state.notes).cloned();
    notes.chain(guessing).try_for_each(|note| say(format!("  {}", sanitize(&note))))?;
    if let Some(cause) = sight.cause().or(sight.trouble.as_deref()) {
        say(format!("  {}", sanitize(cause)))?;
    }
    if sight.damaged > 0 {
        say(format!("  {} damaged lines in the record were passed over", sight.damaged))?;
    }
    let show = |name: &str, value: f64| if name.contains("accuracy") { percent(value) } else { number(value) };
    let row = |(name, value): (&String, &f64)| {
        let best = state.best.get(name).map(|best| format!("best {} in epoch {}", show(name, best.value), best.epoch));
        vec![sanitize(name), show(name, *value), best.unwrap_or_default()]
    };
    table(&state.latest.iter().map(row).collect::<Vec<_>>(), &[1]).iter().try_for_each(|line| say(format!("  {line}")))
}

fn plot(name: &str, curve: Option<&Curve>) -> anyhow::Result<()> {
    let points: Vec<(f64, f64)> =
        curve.into_iter().flat_map(Curve::points).map(|(step, value)| (step as f64, value)).collect();
    letters(&format!("{name} over steps"), &points)
}

fn recalls(classes: &Classes, names: &[String]) -> anyhow::Result<()> {
    let confusion = Confusion::from_counts(classes.confusion.clone());
    say(format!(
        "\n{}{} after epoch {}: macro accuracy {}, accuracy {}",
        classes.split,
        if classes.by.is_empty() { String::new() } else { format!(" ({})", sanitize(&classes.by)) },
        classes.epoch,
        percent(confusion.macro_accuracy()),
        percent(confusion.accuracy())
    ))?;
    let row = |(class, recall): (usize, Option<f64>)| {
        let share = recall.unwrap_or(f64::NAN);
        let bar = "█".repeat((share.max(0.0) * 40.0).round() as usize);
        let name = names.get(class).map_or_else(|| format!("class {class}"), |name| sanitize(name));
        vec![name, percent(share), if on_terminal() { bar } else { bar.replace('█', "#") }]
    };
    let rows: Vec<Vec<String>> = confusion.recalls().into_iter().enumerate().map(row).collect();
    table(&rows, &[1]).iter().try_for_each(|line| say(format!("  {line}")))
}

fn details(sight: &Sight) -> serde_json::Value {
    let curve = |curve: &Curve| curve.points().map(|(x, y)| json!([x, y.is_finite().then_some(y)])).collect::<Vec<_>>();
    let curves: serde_json::Map<_, _> =
        sight.state.curves.iter().map(|(name, points)| (name.clone(), json!(curve(points)))).collect();
    json!({
        "summary": sight.summary(),
        "experiment": sight.experiment.as_ref().ok(),
        "started": sight.state.started,
        "curves": curves,
        "classes": sight.state.classes,
        "checkpoints": sight.state.checkpoints,
        "alerts": sight.state.alerts.iter().map(|(t, alert)| json!({"t": t, "what": alert.what, "message": alert.message})).collect::<Vec<_>>(),
        "notes": sight.state.notes,
        "finished": sight.state.finished,
    })
}
