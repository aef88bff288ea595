//! Verbs that list: runs, and lines of a log.

use super::output::{note, say, say_json, table};
use crate::project::Project;
use crate::sight::Sight;
use crate::ui::Search;
use anyhow::{Context, bail};
use mocolab::run::Watch;
use mocolab::text::{duration, log_line, number, percent, quoted};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::time::Duration;

/// `mocolab ls`.
pub fn list(project: &Project, name: Option<&str>, filter: Option<&Search>, json: bool) -> anyhow::Result<()> {
    let runs = project.runs.list().with_context(|| format!("reading `{}`", project.runs.path().display()))?;
    let wanted =
        |run: &mocolab::run::RunDir| name.is_none_or(|name| run.experiment_name().is_some_and(|n| n.as_str() == name));
    let mut sights: Vec<Sight> = runs.into_iter().filter(wanted).map(Sight::read).collect();
    let known = sights.len();
    sights.retain(|sight| filter.is_none_or(|search| search.filter().accepts(sight, mocolab::run::now())));
    if name.is_none() {
        for run in project.runs.misnamed().unwrap_or_default() {
            let name = quoted(&run.label());
            note(&format!(
                "{name} is passed over: runs have letters, digits, `.`, `_` and `-` in their names; rename its folder"
            ));
        }
    }
    if json {
        return say_json(&sights.iter().map(Sight::summary).collect::<Vec<_>>());
    }
    if sights.is_empty() && known > 0 {
        bail!("none of {known} runs is like `{}`", filter.map_or("", Search::text));
    }
    if let (true, Some(name)) = (sights.is_empty(), name) {
        bail!("there are no runs of `{name}`; `mocolab ls` lists all runs, `mocolab check` all experiments");
    }
    if sights.is_empty() {
        return say("no runs yet; `mocolab start NAME` makes one, `mocolab check` lists the names");
    }
    let head = ["RUN", "STATUS", "DEVICE", "EPOCH", "DONE", "LEFT", "LOSS", "MACRO"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(sights.iter().map(row)).collect();
    table(&rows, &[3, 4, 5, 6, 7]).iter().try_for_each(say)
}

fn row(sight: &Sight) -> Vec<String> {
    let state = &sight.state;
    let known = state.epochs > 0;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    vec![
        sight.run.label(),
        format!("{} {}", sight.status.symbol(), sight.status),
        sight.devices(),
        or_dash(known.then(|| format!("{}/{}", state.epoch.min(state.epochs), state.epochs))),
        or_dash(known.then(|| format!("{:.0}%", (state.progress() * 100.0).floor()))),
        or_dash(state.seconds_left().filter(|_| sight.status.is_live()).map(duration)),
        or_dash(sight.loss().map(number)),
        or_dash(sight.best_macro().map(|best| percent(best.value))),
    ]
}

/// `mocolab logs`.
pub fn logs(project: &Project, run: &str, follow: bool, lines: Option<usize>) -> anyhow::Result<()> {
    let run = project.runs.find(run).map_err(anyhow::Error::msg)?;
    let path = run.output();
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("`{}` has not been started: it has printed nothing", run.label())
        }
        Err(error) => return Err(error).with_context(|| format!("opening `{}`", path.display())),
    };
    let mut held = Vec::new();
    let mut first = true;
    let mut watch = Watch::new(run);
    loop {
        let live = follow && watch.status()?.is_live();
        let end = file.stream_position()?;
        // A log that was cut (by hand) is read from its start again.
        if file.metadata()?.len() < end {
            file.seek(SeekFrom::Start(0))?;
        }
        file.read_to_end(&mut held)?;
        print_whole(&mut held, lines.filter(|_| first), !live)?;
        first = false;
        if !live {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Prints the whole lines of `held`, the last `only` of them, and keeps the rest; at the `end` the rest too.
fn print_whole(held: &mut Vec<u8>, only: Option<usize>, end: bool) -> anyhow::Result<()> {
    let until = if end { held.len() } else { held.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1) };
    let text = String::from_utf8_lossy(&held[..until]).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let skip = only.map_or(0, |only| lines.len().saturating_sub(only));
    lines[skip..].iter().try_for_each(|line| say(log_line(line)))?;
    held.drain(..until);
    Ok(())
}
