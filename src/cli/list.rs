//! Verbs that list: runs, and lines of a log.

use super::output::{note, say, say_json, table};
use crate::project::Project;
use crate::sight::Sight;
use crate::ui::Search;
use anyhow::{Context, bail};
use mocolab::run::Watch;
use mocolab::text::{duration, log_line, number, percent, quoted, sanitize};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// `mocolab ls`.
pub fn list(project: &Project, name: Option<&str>, filter: Option<&Search>, json: bool) -> anyhow::Result<()> {
    let found = project.runs.list_with_misnamed();
    let (runs, misnamed) = found.with_context(|| format!("reading `{}`", project.runs.path().display()))?;
    let wanted =
        |run: &mocolab::run::RunDir| name.is_none_or(|name| run.experiment_name().is_some_and(|n| n.as_str() == name));
    let mut sights: Vec<Sight> = runs.into_iter().filter(wanted).map(Sight::read).collect();
    let known = sights.len();
    sights.retain(|sight| filter.is_none_or(|search| search.filter().accepts(sight, mocolab::run::now())));
    if name.is_none() {
        for run in misnamed {
            let name = sanitize(&quoted(&run.label()));
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
    let mut file = match run.open_output() {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("`{}` has not been started: it has printed nothing", run.label())
        }
        Err(error) => return Err(error).with_context(|| format!("opening `{}`", run.output().display())),
    };
    if let Some(lines) = lines {
        let from = last(&file, lines)?;
        file.seek(SeekFrom::Start(from))?;
    }
    let (mut held, mut bytes) = (Vec::new(), vec![0; CHUNK]);
    let mut watch = Watch::new(run);
    loop {
        let live = follow && watch.status()?.is_live();
        // A log that was cut (by hand) is read from its start again.
        if file.metadata()?.len() < file.stream_position()? {
            file.rewind()?;
            held.clear();
        }
        loop {
            let (known, read) = (held.len(), file.read(&mut bytes)?);
            if read == 0 {
                break;
            }
            held.extend_from_slice(&bytes[..read]);
            let ends = bytes[..read].iter().rposition(|byte| *byte == b'\n');
            print(&mut held, ends.map_or(0, |at| known + at + 1))?;
        }
        if !live {
            let all = held.len();
            return print(&mut held, all);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Bytes of a log read at once. Of a line that has no end within so many the last are shown: a progress bar draws over itself for ever.
const CHUNK: usize = 256 << 10;

/// Where the last `lines` lines of a file begin, one without an end among them; not further back than is shown of lines of any length.
fn last(file: &File, lines: usize) -> std::io::Result<u64> {
    let end = file.metadata()?.len();
    let (mut from, mut left, mut bytes) = (end, lines, vec![0; CHUNK]);
    let least = end.saturating_sub((lines as u64).saturating_mul(CHUNK as u64));
    while from > least && left > 0 {
        let part = &mut bytes[..from.min(CHUNK as u64) as usize];
        from -= part.len() as u64;
        file.read_exact_at(part, from)?;
        for at in (0..part.len()).rev().filter(|at| part[*at] == b'\n') {
            let next = from + at as u64 + 1;
            // What ends the last line begins none.
            left -= usize::from(next < end);
            if left == 0 {
                return Ok(next);
            }
        }
    }
    Ok(from)
}

/// Prints the lines of `held` up to `until`, and keeps the rest.
fn print(held: &mut Vec<u8>, until: usize) -> anyhow::Result<()> {
    String::from_utf8_lossy(&held[..until]).lines().try_for_each(|line| say(log_line(line)))?;
    held.drain(..until);
    let cut = held.len().saturating_sub(CHUNK);
    if cut > 0 {
        held.splice(..cut + 3, *b"...");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_last_lines_begin_where_those_before_end() {
        let mut file = tempfile::tempfile().unwrap();
        let long = "x".repeat(CHUNK + 7);
        let text = format!("one\n\n{long}\nfour");
        file.write_all(text.as_bytes()).unwrap();
        let from = |lines| last(&file, lines).unwrap() as usize;
        assert_eq!(&text[from(1)..], "four");
        assert_eq!(&text[from(2)..], format!("{long}\nfour"));
        assert_eq!((from(0), from(3), from(4), from(9)), (text.len(), 4, 0, 0));
        file.set_len(9 << 30).unwrap();
        assert_eq!(last(&file, 2).unwrap(), (9 << 30) - 2 * CHUNK as u64, "of what has no end");
        file.set_len(text.len() as u64).unwrap();
        (&file).write_all(b"\n").unwrap();
        assert_eq!(last(&file, 1).unwrap() as usize, text.len() - 4, "an end is no line");
    }

    #[test]
    fn a_line_without_an_end_is_held_to_a_bound() {
        let mut held = vec![b'.'; CHUNK * 3];
        print(&mut held, 0).unwrap();
        assert_eq!(held.len(), CHUNK);
    }
}
