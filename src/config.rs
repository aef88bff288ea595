//! `experiments.toml` and the `experiment.toml` of a run: text in, values or every problem at its line out. Reads no
//! files: whoever calls does, and refuses what is larger than [`LARGEST_FILE`] before reading it.

mod grid;
mod problem;
mod read;
mod scope;
mod snapshot;
mod suggest;
mod syntax;
mod template;

pub use problem::{Problem, Problems};
pub use snapshot::{read_snapshot, snapshot};
pub use template::{describe, template};

use crate::experiment::{Experiment, Name};
use problem::{Findings, printable};

/// Bytes that a configuration may have; larger files are something else.
pub const LARGEST_FILE: usize = 1 << 20;

/// Experiments that one file may describe, each variant of a grid counted.
pub const LARGEST_SUITE: usize = 1000;

/// All experiments of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// In the order of the file.
    pub groups: Vec<Group>,
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
        let groups = || self.groups.iter().map(|group| group.name.as_str());
        let variants = self.experiments().map(|experiment| experiment.name.as_str());
        let help = suggest::did_you_mean(name, groups())
            .or_else(|| suggest::did_you_mean(name, variants))
            .unwrap_or_else(|| format!("there are: {}", groups().collect::<Vec<_>>().join(", ")));
        Err(format!("no experiment is called `{}`; {help}", printable(name)))
    }
}

/// Reads `experiments.toml`: `text`, called `file` in messages. Grids are expanded and every default is filled in.
///
/// # Errors
///
/// Everything that is wrong with the file, as far as each part can be understood without the others.
pub fn parse(text: &str, file: &str) -> Result<Suite, Problems> {
    let mut findings = Findings::new(text, file);
    let mut suite = Suite { groups: Vec::new() };
    if let Some(root) = syntax::document(text, &mut findings) {
        let document = read::read(root.get_ref(), &mut findings);
        suite = grid::expand(&document, &mut findings);
        if findings.is_empty() && suite.groups.is_empty() {
            let help = "describe one under [experiment.NAME.supervised], or start from `mocolab init`".to_owned();
            findings.add_whole("no experiments", [help]);
        }
    }
    findings.into_result(suite)
}
