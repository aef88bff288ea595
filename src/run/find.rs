//! The runs of a project: making one, listing them, finding the one a user means.

use super::watch::settled;
use super::{RunDir, Ticket, folder};
use crate::experiment::Name;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The folder that holds all runs of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs(PathBuf);

/// Makes the directory of a new run of `experiment`, begun at `moment`, with `snapshot` as its experiment.toml. It
/// appears whole or not at all.
///
/// # Errors
/// Where it can't be written.
pub fn create(runs: &Runs, experiment: &Name, moment: &jiff::ZonedDateTime, snapshot: &str) -> io::Result<RunDir> {
    create_with(runs, experiment, moment, (snapshot, None))
}

/// As [`create`], with a ticket for the queue where there is one: both are there, or neither.
///
/// # Errors
/// Where it can't be written.
pub fn create_with(
    runs: &Runs,
    experiment: &Name,
    moment: &jiff::ZonedDateTime,
    (snapshot, ticket): (&str, Option<&Ticket>),
) -> io::Result<RunDir> {
    let folder = runs.0.join(experiment.as_str());
    runs.make()?;
    folder::make(&folder)?;
    clear(&folder);
    let id = moment.strftime("%Y%m%d-%H%M%S").to_string();
    let beside = unused(&folder, &format!(".new-{id}-{}", std::process::id()))?;
    let run = RunDir::new(&beside);
    let ticketed = ticket.map_or(Ok(()), |ticket| run.write_ticket(ticket));
    let written = ticketed.and_then(|()| write_snapshot(&run, snapshot)).and_then(|()| place(&beside, &folder, &id));
    if written.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    written
}

/// Makes a folder that is nobody else's: a process may make two runs at once.
fn unused(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let mut number = 0;
    loop {
        let path = folder.join(format!("{name}-{number}"));
        match folder::make_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            result => return result.map(|()| path),
        }
    }
}

fn write_snapshot(run: &RunDir, snapshot: &str) -> io::Result<()> {
    let mut file = fs::File::create(run.experiment())?;
    file.write_all(snapshot.as_bytes())?;
    file.sync_all()?;
    fs::File::open(run.path())?.sync_all()
}

/// Removes what is left of makings that were cut off: nothing is under way for an hour.
fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b".new-")) {
        let written = entry.metadata().and_then(|data| data.modified()).ok();
        let age = written.and_then(|written| SystemTime::now().duration_since(written).ok());
        if age.is_some_and(|age| age > Duration::from_hours(1)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The moment that an id tells, and the number of the run in it: later ones are greater.
pub fn moment(id: &str) -> (&str, u32) {
    let number = id.get(15..).and_then(|rest| rest.strip_prefix('-')?.parse().ok());
    number.map_or((id, 1), |number| (&id[..15], number))
}

/// Whether the moment `other` is after `id`, by no more than a clock is set back by: beyond a day it was wrong then, or no moment.
fn is_soon(id: &str, other: &str) -> bool {
    let read = |text| jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", text).ok();
    let Some((moment, other)) = read(id).zip(read(other)) else { return false };
    other > moment && other.duration_since(moment) < jiff::SignedDuration::from_hours(25)
}

/// Renames `beside` to the first free one of `id`, `id-2`, `id-3`, … A directory with something in it is never replaced.
/// Where a clock was set back, the id goes on from the last one that is there, so that a later run never looks earlier.
fn place(beside: &Path, folder: &Path, id: &str) -> io::Result<RunDir> {
    let ids = folders(folder)?.into_iter().map(|path| RunDir::new(path).id());
    let later = ids.filter(|other| moment(other).0 == id || is_soon(id, moment(other).0));
    let last = later.max_by(|a, b| moment(a).cmp(&moment(b)));
    let (id, first) = last.as_deref().map_or((id, 1), |last| (moment(last).0, moment(last).1 + 1));
    for number in first..first + 1000 {
        let path = folder.join(if number == 1 { id.to_owned() } else { format!("{id}-{number}") });
        match fs::rename(beside, &path) {
            Ok(()) => {
                folder::sync_above(&path)?;
                return Ok(RunDir::new(path));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("a thousand runs named `{id}` are there already")))
}

impl Runs {
    /// The runs under `folder`, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder where it is missing: for its owner alone.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn make(&self) -> io::Result<()> {
        folder::make_private(&self.0)
    }

    /// From now on the folder's group may look at the runs: `chmod g+rxs`, and what is made in it later is like it.
    ///
    /// # Errors
    /// Where it can't be made, or is not this user's.
    pub fn share(&self) -> io::Result<()> {
        self.make()?;
        folder::share(&self.0)
    }

    /// All runs, by experiment and id. Whatever else lies there is passed over.
    ///
    /// # Errors
    /// Where a folder can't be read.
    pub fn list(&self) -> io::Result<Vec<RunDir>> {
        Ok(self.list_with_misnamed()?.0)
    }

    /// As [`Runs::list`], and beside them the runs that are in no list, since what somebody has renamed them to is no name of one.
    ///
    /// # Errors
    /// Where a folder can't be read.
    pub fn list_with_misnamed(&self) -> io::Result<(Vec<RunDir>, Vec<RunDir>)> {
        let mut runs = Vec::new();
        for experiment in folders(&self.0)? {
            let inner = match folders(&experiment) {
                // Somebody else's, who keeps them to himself.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
                inner => inner?,
            };
            for run in inner {
                let run = RunDir::new(run);
                // What can't be asked for a moment is no reason to forget a run.
                if run.experiment().try_exists().unwrap_or(true) {
                    runs.push(run);
                }
            }
        }
        runs.sort();
        Ok(runs.into_iter().partition(RunDir::is_well_named))
    }

    /// When each folder that holds runs was last written to: the same twice means that no run came or went. None where one
    /// was written to so lately that more may follow unseen, or can't be read.
    pub fn stamp(&self) -> Option<Vec<(PathBuf, SystemTime)>> {
        let dated = |path: PathBuf| {
            let written = fs::metadata(&path).ok()?.modified().ok()?;
            settled(written).then_some((path, written))
        };
        let inner = folders(&self.0).ok()?;
        std::iter::once(self.0.clone()).chain(inner).map(dated).collect()
    }

    /// The run a user means: `experiment/id`, `experiment/start-of-id`, `experiment` (its latest run) or a path.
    ///
    /// # Errors
    /// A sentence for the user where there is none, or more than one.
    pub fn find(&self, text: &str) -> Result<RunDir, String> {
        let path = RunDir::new(text.trim_end_matches('/'));
        if path.experiment().exists() {
            let full = RunDir::new(fs::canonicalize(path.path()).map_err(|error| format!("`{text}`: {error}"))?);
            let no = || {
                let here = full.path().display();
                format!(
                    "`{here}` is not named as a run is, `EXPERIMENT/ID` of letters, digits, `.`, `_` and `-`: rename what isn't"
                )
            };
            return if full.is_well_named() { Ok(full) } else { Err(no()) };
        }
        let all = self.list().map_err(|error| format!("reading `{}`: {error}", self.0.display()))?;
        let (experiment, start) = text.split_once('/').unwrap_or((text, ""));
        let mut of_it = all.iter().filter(|run| run.experiment_name().is_some_and(|name| name.as_str() == experiment));
        let found: Vec<&RunDir> = of_it.by_ref().filter(|run| run.id().starts_with(start)).collect();
        if let Some(exact) = found.iter().find(|run| run.id() == start) {
            return Ok((*exact).clone());
        }
        match (found.as_slice(), start) {
            ([.., last], "") => Ok((*last).clone()),
            ([one], _) => Ok((*one).clone()),
            ([], _) => Err(self.none_such(text, &all)),
            (several, _) => {
                let names: Vec<String> = several.iter().map(|run| run.label()).collect();
                Err(format!("`{text}` may be any of {}: write more of the id", names.join(", ")))
            }
        }
    }

    fn none_such(&self, text: &str, all: &[RunDir]) -> String {
        let place = self.0.display();
        if all.is_empty() {
            return format!("there is no run `{text}`: `{place}` holds no runs yet; `mocolab start NAME` makes one");
        }
        let nearest = all.iter().map(RunDir::label).max_by(|a, b| {
            let near = |label: &str| strsim::jaro_winkler(label, text);
            near(a).total_cmp(&near(b))
        });
        let hint = nearest.map(|label| format!("; did you mean `{label}`?")).unwrap_or_default();
        format!("there is no run `{text}` in `{place}`{hint} `mocolab ls` lists all")
    }
}

impl RunDir {
    /// Whether it is named as runs are: such a name is read by no shell, and writes no line of its own into a list.
    fn is_well_named(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        self.experiment_name().is_some() && self.id().bytes().all(plain)
    }
}

fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        // Most file systems say without being asked again; a link may lead to a folder.
        let is_folder = |kind: fs::FileType| kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && entry.file_type().is_ok_and(is_folder) {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> (tempfile::TempDir, Runs) {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        (folder, runs)
    }

    #[test]
    fn runs_of_the_same_second_get_ids_of_their_own() {
        let (_folder, runs) = project();
        let moment: jiff::ZonedDateTime = "2026-11-24T22:36:29[UTC]".parse().unwrap();
        let name: Name = "quick".parse().unwrap();
        let made: Vec<String> = (0..3).map(|_| create(&runs, &name, &moment, "x = 1").unwrap().id()).collect();
        assert_eq!(made, ["20261124-223629", "20261124-223629-2", "20261124-223629-3"]);
        assert_eq!(runs.list().unwrap().len(), 3);
        assert_eq!(fs::read_dir(runs.path().join("quick")).unwrap().count(), 3, "nothing half made is left");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_run_look_earlier() {
        let (_folder, runs) = project();
        let name: Name = "quick".parse().unwrap();
        for other in ["quick/my-best", "quick/20400101-000000", "quick/99999999-999999"] {
            fs::create_dir_all(runs.path().join(other)).unwrap();
        }
        let begin = |moment: &str| create(&runs, &name, &moment.parse().unwrap(), "").unwrap().id();
        let mut made: Vec<String> = (0..11).map(|_| begin("2026-10-25T02:30:00[UTC]")).collect();
        made.extend([begin("2026-10-25T02:10:00[UTC]"), begin("2026-10-25T02:40:00[UTC]")]);
        assert_eq!(made[10..], ["20261025-023000-11", "20261025-023000-12", "20261025-024000"]);
        let listed: Vec<String> = runs.list().unwrap().iter().map(RunDir::id).collect();
        assert_eq!(listed, made);
        assert_eq!(runs.find("quick").unwrap().id(), "20261025-024000");
        assert_eq!(moment("of my own-2"), ("of my own-2", 1));
    }

    #[test]
    fn what_is_left_of_makings_that_were_cut_off_goes_after_an_hour() {
        let (_folder, runs) = project();
        let make =
            || create(&runs, &"quick".parse().unwrap(), &"2026-11-24T22:36:29[UTC]".parse().unwrap(), "").unwrap();
        make();
        let left = runs.path().join("quick/.new-20261124-223629-7-0");
        fs::create_dir(&left).unwrap();
        make();
        assert!(left.exists(), "it may be under way");
        fs::File::open(&left).unwrap().set_modified(SystemTime::now() - Duration::from_hours(2)).unwrap();
        make();
        assert!(!left.exists());
    }

    #[test]
    fn a_user_finds_the_run_that_is_meant() {
        let (_folder, runs) = project();
        assert!(runs.find("quick").unwrap_err().contains("holds no runs yet"));
        for moment in ["2026-11-24T22:36:29[UTC]", "2026-11-25T01:00:00[UTC]"] {
            create(&runs, &"quick".parse().unwrap(), &moment.parse().unwrap(), "").unwrap();
        }
        assert_eq!(runs.find("quick").unwrap().id(), "20261125-010000");
        assert_eq!(runs.find("quick/20261124").unwrap().id(), "20261124-223629");
        assert!(runs.find("quick/2026").unwrap_err().contains("write more of the id"));
        assert!(runs.find("quik").unwrap_err().contains("did you mean `quick/"));
        let path = runs.find("quick").unwrap().path().to_owned();
        assert_eq!(runs.find(path.to_str().unwrap()).unwrap().label(), "quick/20261125-010000");
    }
}
