//! `mocolab report`: a report of runs in a folder, and the same as PDF where a browser can print it.

use super::output::{note, say, say_json, table, write};
use super::{names, programs};
use crate::project::{self, Project};
use crate::report::{FIGURES, Page, Report, Reported, html};
use crate::sight::Sight;
use crate::ui::Search;
use anyhow::{Context, bail, ensure};
use mocolab::experiment::Name;
use mocolab::run::now;
use mocolab::status::Status;
use mocolab::text::bytes;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MARKDOWN: &str = "report.md";
const HTML: &str = "index.html";
const JSON: &str = "report.json";
const PDF: &str = "report.pdf";
/// Longest time for printing.
const PATIENCE: Duration = Duration::from_mins(3);

#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Runs: NAME (its latest), NAME/ID or a path [default: of every experiment the newest that is done].
    #[arg(add = names::runs(), id = "run", value_name = "RUN")]
    runs: Vec<String>,
    /// Only runs like these, as `recipe:probe queue>6400`.
    #[arg(long, value_name = "FILTER", value_parser = Search::read)]
    filter: Option<Search>,
    /// The folder to write into; a report that is there is replaced.
    #[arg(long, short, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// What it is a report of [default: the name of the project's folder].
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Print it as PDF too, by a Chromium that is found or that `MOCOLAB_BROWSER` names.
    #[arg(long)]
    pdf: bool,
    /// Write into a folder that holds something else.
    #[arg(long)]
    force: bool,
    /// For scripts: print what `report.json` holds.
    #[arg(long)]
    json: bool,
}

/// `mocolab report`.
pub fn report(project: &Project, asked: &Asked) -> anyhow::Result<()> {
    require_ours(&asked.out, asked.force)?;
    let (runs, missing) = choose(project, asked)?;
    let folder = project.runs.path().parent().and_then(Path::file_name);
    let name = folder.map(|name| name.to_string_lossy().into_owned());
    let title = asked.title.clone().or(name).unwrap_or_else(|| "mocolab".into());
    let when = jiff::ZonedDateTime::now().strftime("%-d %B %Y, %H:%M").to_string();
    let written = Report { title: title.clone(), runs: &runs, missing, when, places: &project.places }.write();
    save(&asked.out, &written.page, &title, &written.json)?;
    written.notes.iter().for_each(|sentence| note(sentence));
    if asked.json {
        say_json(&written.json)?;
    } else {
        for (title, rows) in &written.tables {
            say(format!("{title}\n"))?;
            let lines: Vec<Vec<String>> = std::iter::once(rows.head.clone()).chain(rows.rows.clone()).collect();
            table(&lines, &rows.right).iter().try_for_each(|line| say(format!("  {line}")))?;
            say("")?;
        }
        let size = fs::metadata(asked.out.join(HTML)).map_or(0, |data| data.len());
        let shown = asked.out.join(HTML);
        say(format!(
            "wrote `{}` ({}), {MARKDOWN}, {JSON} and {} figures of {} runs",
            shown.display(),
            bytes(size),
            written.page.files.len(),
            runs.len()
        ))?;
    }
    if asked.pdf {
        let pdf = print(&asked.out, &html(&written.page, &title, true))?;
        let size = fs::metadata(&pdf).map_or(0, |data| data.len());
        let wrote = format!("wrote `{}` ({})", pdf.display(), bytes(size));
        if asked.json { note(&wrote) } else { say(wrote)? }
    }
    Ok(())
}

/// The runs that are asked for, and sentences about those that can't be in.
fn choose(project: &Project, asked: &Asked) -> anyhow::Result<(Vec<Reported>, Vec<String>)> {
    let (mut chosen, mut missing) = (Vec::new(), Vec::new());
    let likes = |sight: &Sight| asked.filter.as_ref().is_none_or(|search| search.filter().accepts(sight, now()));
    if asked.runs.is_empty() {
        (chosen, missing) = newest(project, likes)?;
    } else {
        for name in &asked.runs {
            let sight = Sight::read(project.runs.find(name).map_err(anyhow::Error::msg)?);
            if likes(&sight) {
                chosen.push(reported(sight).map_err(anyhow::Error::msg)?);
            }
        }
    }
    let told = || missing.iter().flat_map(|sentence| ["\n  ", sentence]).collect::<String>();
    ensure!(
        !chosen.is_empty(),
        "no run {}{}\n`mocolab start` trains one, and `mocolab report RUN` reports one that isn't done",
        asked
            .filter
            .as_ref()
            .map_or_else(|| "is done yet".to_owned(), |search| format!("that is done is like `{}`", search.text())),
        told()
    );
    Ok((chosen, missing))
}

/// A run that has something to report; else a sentence.
fn reported(sight: Sight) -> Result<Reported, String> {
    let label = sight.run.label();
    match (project::experiment(&sight.run), &sight.state.started) {
        (Err(error), _) => Err(format!("{label} can't be read: {error:#}")),
        (_, None) => Err(format!("{label} {}: there is nothing to report of it", sight.standing())),
        (Ok(experiment), Some(_)) => Ok(Reported { sight, experiment }),
    }
}

/// Of every experiment its newest run that is done and liked, and sentences about those that have none, or one under way.
fn newest(project: &Project, likes: impl Fn(&Sight) -> bool) -> anyhow::Result<(Vec<Reported>, Vec<String>)> {
    let runs = project.runs.list().with_context(|| format!("reading `{}`", project.runs.path().display()))?;
    let mut by_name: BTreeMap<Option<Name>, Vec<_>> = BTreeMap::new();
    for run in runs {
        by_name.entry(run.experiment_name()).or_default().push(run);
    }
    let (mut done, mut missing) = (Vec::new(), Vec::new());
    let suite = project.suite().unwrap_or_default();
    let never = suite.experiments().filter(|one| !by_name.contains_key(&Some(one.name.clone())));
    missing.extend(never.map(|one| format!("{} has no run", one.name)));
    for runs in by_name.into_values() {
        for run in runs.into_iter().rev() {
            let sight = Sight::read(run);
            if !likes(&sight) {
                continue;
            }
            if sight.status != Status::Done {
                missing.push(format!("{} {}", sight.run.label(), sight.standing()));
                continue;
            }
            match reported(sight) {
                Ok(run) => {
                    done.push(run);
                    break;
                }
                Err(sentence) => missing.push(sentence),
            }
        }
    }
    Ok((done, missing))
}

/// What `report.json` in a folder says, where it is one of ours.
fn former(out: &Path) -> Option<serde_json::Value> {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(out.join(JSON)).ok()?).ok()?;
    let ours = json["version"].is_string() && json["made"].is_string() && json["files"].is_array();
    ours.then_some(json)
}

/// Nothing of others is overwritten.
fn require_ours(out: &Path, force: bool) -> anyhow::Result<()> {
    // Of one that was cut off at once, no more than its first file under a hidden name.
    let begun = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".report.json.");
    let mut inside = match fs::read_dir(out) {
        Ok(inside) => inside.flatten().filter(|entry| !begun(entry)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("reading `{}`", out.display())),
    };
    let ours = force || former(out).is_some() || inside.next().is_none();
    ensure!(
        ours,
        "`{}` holds something that is no report: name another folder by --out, or add --force",
        out.display()
    );
    Ok(())
}

/// Writes a report; figures of the one before that it has no more go, and its PDF, which would be of other runs.
fn save(out: &Path, page: &Page, title: &str, json: &serde_json::Value) -> anyhow::Result<()> {
    let former = former(out);
    fs::create_dir_all(out).with_context(|| format!("making `{}`", out.display()))?;
    // First what says whose folder it is: also where this is cut off.
    write(&out.join(JSON), format!("{}\n", serde_json::to_string_pretty(json)?).as_bytes())?;
    let figures = out.join(FIGURES);
    fs::create_dir_all(&figures).with_context(|| format!("making `{}`", figures.display()))?;
    for (file, bytes) in &page.files {
        write(&out.join(file), bytes)?;
    }
    write(&out.join(MARKDOWN), page.text.as_bytes())?;
    write(&out.join(HTML), html(page, title, false).as_bytes())?;
    let Some(former) = former else { return Ok(()) };
    let names = former["files"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    for name in names.filter(|name| !page.files.iter().any(|(file, _)| file == name)) {
        // What the file says is believed only as far as it names a figure.
        let figure = name.strip_prefix(FIGURES).and_then(|rest| rest.strip_prefix('/'));
        if let Some(figure) = figure.filter(|figure| !figure.contains('/')) {
            let _ = fs::remove_file(figures.join(figure));
        }
    }
    let _ = fs::remove_file(out.join(PDF));
    Ok(())
}

/// Prints `html` by a browser into `report.pdf`.
fn print(out: &Path, html: &str) -> anyhow::Result<PathBuf> {
    let Some(browser) = programs::browser() else {
        bail!(
            "no browser that prints was found ({}): install one, name one by MOCOLAB_BROWSER, or print `{}` by hand",
            programs::BROWSERS.join(", "),
            out.join(HTML).display()
        );
    };
    // A folder of its own, not hidden, since some browsers may not look into others.
    let out = std::path::absolute(out)?;
    let work = out.join(format!("printing-{}", std::process::id()));
    let printed = print_in(&work, (&browser, html));
    let kept = printed.and_then(|pdf| {
        let path = out.join(PDF);
        fs::rename(&pdf, &path).with_context(|| format!("writing `{}`", path.display())).map(|()| path)
    });
    let _ = fs::remove_dir_all(&work);
    kept
}

fn print_in(work: &Path, (browser, html): (&Path, &str)) -> anyhow::Result<PathBuf> {
    let (page, pdf) = (work.join("page.html"), work.join("page.pdf"));
    fs::create_dir_all(work).with_context(|| format!("making `{}`", work.display()))?;
    write(&page, html.as_bytes())?;
    let log = work.join("log");
    let mut command = Command::new(browser);
    command.args(["--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"]);
    if rustix::process::geteuid().is_root() {
        // Its sandbox refuses to work for root. The page is ours, and has no script.
        command.arg("--no-sandbox");
    }
    let shown = browser.display();
    let path = |name: &str, path: &Path| format!("{name}{}", path.display());
    command
        .args([
            path("--user-data-dir=", &work.join("profile")),
            path("--print-to-pdf=", &pdf),
            format!("file://{}", encoded(&page)),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?);
    let mut child = command.spawn().with_context(|| format!("starting `{shown}`"))?;
    let began = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if began.elapsed() > PATIENCE => {
                child.kill()?;
                child.wait()?;
                bail!("`{shown}` had not printed after {} s, and was ended", PATIENCE.as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    if !status.success() || !pdf.exists() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        bail!("`{shown}` printed nothing ({status}): {}", last.into_iter().rev().collect::<Vec<_>>().join("; "));
    }
    Ok(pdf)
}

/// A path as a part of an address.
fn encoded(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    bytes.iter().map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_an_address() {
        assert_eq!(encoded(Path::new("/tmp/lab #2/ä.html")), "/tmp/lab%20%232/%C3%A4.html");
    }

    #[test]
    fn a_folder_of_others_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(require_ours(folder.path(), false).is_ok() && require_ours(&folder.path().join("new"), false).is_ok());
        fs::write(folder.path().join(JSON), "{\"lighthouse\": 1}").unwrap();
        assert!(require_ours(folder.path(), false).is_err() && require_ours(folder.path(), true).is_ok());
        fs::write(folder.path().join(JSON), "{\"version\": \"1\", \"made\": \"x\", \"files\": []}").unwrap();
        assert!(require_ours(folder.path(), false).is_ok());
    }
}
