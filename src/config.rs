//! `experiments.toml` and the `experiment.toml` of a run: text in, values or every problem at its line out. Reads no
//! files: whoever calls does, and refuses what is larger than [`LARGEST_FILE`] before reading it.

mod change;
mod grid;
mod hook;
mod origins;
mod problem;
mod read;
mod scope;
mod slurm;
mod snapshot;
mod suggest;
mod syntax;
mod template;

pub use change::{Entry, change, changes, entries};
pub use hook::{Hook, Kind, Occasion, Secret};
pub use problem::{Findings, Problem, Problems};
pub use slurm::Slurm;
pub use snapshot::{read_snapshot, snapshot};
pub use suggest::did_you_mean;
pub use syntax::document;
pub use template::{describe, template};

use crate::experiment::{Experiment, Name};
use problem::printable;

/// Bytes that a configuration may have; larger files are something else.
pub const LARGEST_FILE: usize = 1 << 20;

/// Experiments that one file may describe, each variant of a grid counted.
pub const LARGEST_SUITE: usize = 1000;

/// All experiments of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Suite {
    /// In the order of the file.
    pub groups: Vec<Group>,
    /// What jobs of Slurm ask for.
    pub slurm: Slurm,
    /// Who is told of runs.
    pub hooks: Vec<Hook>,
}

/// One `[experiment.NAME]` of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The name in the file.
    pub name: Name,
    /// Its variants; where no setting has a list, one experiment of the same name.
    pub experiments: Vec<Experiment>,
}

impl Suite {
    /// All experiments in the order of the file.
    pub fn experiments(&self) -> impl Iterator<Item = &Experiment> {
        self.groups.iter().flat_map(|group| &group.experiments)
    }

    /// What `name` stands for: all variants of an experiment, or one variant.
    ///
    /// # Errors
    ///
    /// Says that there is no such experiment, and which was probably meant or which there are.
    pub fn find(&self, name: &str) -> Result<Vec<&Experiment>, String> {
        if let Some(group) = self.groups.iter().find(|group| group.name.as_str() == name) {
            return Ok(group.experiments.iter().collect());
        }
        if let Some(experiment) = self.experiments().find(|experiment| experiment.name.as_str() == name) {
            return Ok(vec![experiment]);
        }
        let groups = || self.names();
        let variants = self.experiments().map(|experiment| experiment.name.as_str());
        let help = did_you_mean(name, groups())
            .or_else(|| did_you_mean(name, variants))
            .unwrap_or_else(|| format!("there are: {}", groups().collect::<Vec<_>>().join(", ")));
        Err(format!("no experiment is called `{}`; {help}", printable(name)))
    }

    /// What `words` stand for, each once, every experiment after those it takes weights from. A word is a name as for
    /// [`Suite::find`], or one with `*` for any characters.
    ///
    /// # Errors
    ///
    /// Where a word stands for none.
    pub fn choose(&self, words: &[String]) -> Result<Vec<&Experiment>, String> {
        let mut chosen: Vec<&Name> = Vec::new();
        for word in words {
            let found = if word.contains('*') { self.like(word)? } else { self.find(word)? };
            chosen.extend(found.iter().map(|experiment| &experiment.name));
        }
        Ok(self.in_order().into_iter().filter(|experiment| chosen.contains(&&experiment.name)).collect())
    }

    fn like(&self, pattern: &str) -> Result<Vec<&Experiment>, String> {
        let fits = |name: &Name| is_like(pattern, name.as_str());
        let whole = self.groups.iter().map(|group| (fits(&group.name), group));
        let found =
            whole.flat_map(|(whole, group)| group.experiments.iter().filter(move |one| whole || fits(&one.name)));
        let found: Vec<&Experiment> = found.collect();
        if found.is_empty() {
            let there = self.names().collect::<Vec<_>>().join(", ");
            return Err(format!("no experiment is called like `{}`; there are: {there}", printable(pattern)));
        }
        Ok(found)
    }

    /// The names in the file.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| group.name.as_str())
    }
}

/// Whether `name` is `pattern` with any characters in the place of each `*`.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(start) else { return false };
    (0..=name.len()).any(|skipped| name.is_char_boundary(skipped) && is_like(rest, &name[skipped..]))
}

/// Who is told of runs, by `[hook.NAME]` in `text`, called `file` in messages: an `experiments.toml` or a user's file. The rest
/// is not looked at.
///
/// # Errors
///
/// Everything that is wrong there.
pub fn hooks(text: &str, file: &str) -> Result<Vec<Hook>, Problems> {
    let mut findings = Findings::new(text, file);
    let mut hooks = Vec::new();
    if let Some(root) = document(text, &mut findings)
        && let Some((key, value)) = root.get_ref().get_key_value("hook")
    {
        hooks = Hook::read(value.get_ref(), key.span(), &mut findings);
    }
    findings.into_result(hooks)
}

/// Reads `experiments.toml`: `text`, called `file` in messages. Grids are expanded and every default is filled in.
///
/// # Errors
///
/// Everything that is wrong with the file, as far as each part can be understood without the others.
pub fn parse(text: &str, file: &str) -> Result<Suite, Problems> {
    let mut findings = Findings::new(text, file);
    let mut suite = Suite::default();
    if let Some(root) = document(text, &mut findings) {
        let document = read::read(root.get_ref(), &mut findings);
        suite = grid::expand(&document, &mut findings);
        suite.slurm = document.slurm.clone();
        suite.hooks.clone_from(&document.hooks);
        if findings.is_empty() {
            origins::check(&suite, &document, &mut findings);
        }
        if findings.is_empty() && suite.groups.is_empty() {
            let help = "describe one under [experiment.NAME.supervised] or [experiment.NAME.moco], or start from `mocolab init`".to_owned();
            findings.add_whole("no experiments", [help]);
        }
    }
    findings.into_result(suite)
}
