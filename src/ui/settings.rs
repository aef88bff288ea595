//! The user's own file, `~/.config/mocolab/config.toml`: how the screen looks and which keys it obeys. It belongs to the
//! user and not to a project: nothing in it changes what is trained.

mod example;
mod read;

pub use example::example;

use crate::ui::keys::{Change, Keys};
use crate::ui::theme::Wanted;
use mocolab::config::{Findings, Hook, LARGEST_FILE, Problems, Slurm, document};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What the user's file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The theme, and whether signs are ASCII alone.
    pub theme: Wanted,
    /// Clicks and the wheel are obeyed; the terminal's own selection then needs Shift.
    pub mouse: bool,
    /// Frames a second that only show new data.
    pub fps: u32,
    /// Weight of what came before when a curve is smoothed, from 0 (not at all) to 0.99.
    pub smoothing: f64,
    /// What jobs of Slurm ask for, where a project's file says nothing.
    pub slurm: Slurm,
    /// Who is told of all your runs, beside those whom a project's file names.
    pub hooks: Vec<Hook>,
    /// Other keys.
    changes: Vec<Change>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Wanted::default(),
            mouse: false,
            fps: 4,
            smoothing: 0.0,
            slurm: Slurm::default(),
            hooks: Vec::new(),
            changes: Vec::new(),
        }
    }
}

impl Settings {
    /// The keys that count.
    pub fn keys(&self, ascii: bool) -> Keys {
        // What clashes was refused when the file was read.
        Keys::new(ascii).with(&self.changes).unwrap_or_else(|_| Keys::new(ascii))
    }
}

/// Reads `text`, called `file` in messages.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, file: &str) -> Result<Settings, Problems> {
    let mut findings = Findings::new(text, file);
    let mut settings = Settings::default();
    if let Some(root) = document(text, &mut findings) {
        settings = read::settings(root.get_ref(), &mut findings);
    }
    findings.into_result(settings)
}

/// Where the file lies: `$XDG_CONFIG_HOME/mocolab/config.toml`, else `~/.config/mocolab/config.toml`; none without a home.
/// `variable` reads the environment.
pub fn place(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    Some(user_folder(variable, "XDG_CONFIG_HOME", ".config")?.join("mocolab").join("config.toml"))
}

/// The folder that `name` names, else `beside` in the home; none without a home.
pub fn user_folder(variable: impl Fn(&str) -> Option<OsString>, name: &str, beside: &str) -> Option<PathBuf> {
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder(name).or_else(|| Some(folder("HOME")?.join(beside)))
}

/// What the user's own file says beyond the screen: what jobs of Slurm ask for, and who is told of runs.
///
/// # Errors
/// Where the file is wrong: nobody's jobs are to be submitted with what it does not say.
pub fn own() -> anyhow::Result<(Slurm, Vec<Hook>)> {
    let Some(path) = place(|name| std::env::var_os(name)) else { return Ok(Default::default()) };
    match text(&path) {
        Ok(text) => {
            let Settings { slurm, hooks, .. } = parse(&text, &path.display().to_string())?;
            Ok((slurm, hooks))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Default::default()),
        Err(error) => Err(anyhow::Error::new(error).context(format!("reading `{}`", path.display()))),
    }
}

/// The settings of the file at `path`; without one, the defaults. A file that is wrong changes nothing: the defaults count,
/// and a sentence says why.
pub fn load(path: &Path) -> (Settings, Option<String>) {
    let file = path.display().to_string();
    let problem = match text(path) {
        Ok(text) => match parse(&text, &file) {
            Ok(settings) => return (settings, None),
            Err(problems) => notice(&problems),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => return (Settings::default(), None),
        Err(error) => format!("`{}` can't be read: {error}", mocolab::text::sanitize(&file)),
    };
    (Settings::default(), Some(format!("{problem}; until it is mended the defaults count")))
}

/// No more than a configuration may have, so that a wrong link to something endless does no harm.
fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST_FILE as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// The first problem in one sentence, for a line of the screen.
fn notice(problems: &Problems) -> String {
    let Some(first) = problems.list.first() else { return problems.file.clone() };
    let help: String = first.help.iter().flat_map(|line| ["; ", line]).collect();
    let more = problems.list.len() - 1 + problems.more;
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    format!("{}:{}: {}{help}{more}", problems.file, first.line, first.message)
}

#[cfg(test)]
mod tests;
