//! Where weights come from, as a user writes it, and as a run keeps it.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The `from` and `init` settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Origin {
    /// `random`: drawn from the run's seed.
    Random,
    /// `NAME`, `NAME@last`, `NAME@best`, `NAME@epoch:N`, `NAME@random`: another experiment of the file. A moment that is
    /// named may also be of a run that ended before it was done.
    Experiment {
        /// The experiment, one variant of it, or the beginning of some variants' names.
        name: String,
        /// Which of its weights.
        moment: Moment,
    },
    /// `file:PATH`: a safetensors file with torchvision's names, or one of FAIR's MoCo.
    File(PathBuf),
    /// `checkpoint:PATH`: what a run's `NAME` has become: one checkpoint of one run.
    Checkpoint(PathBuf),
}

/// Which weights of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Those that it has when all its steps are done.
    End,
    /// Those of its newest checkpoint, done or not.
    Last,
    /// Those of its best epoch.
    Best,
    /// Those after this many epochs.
    Epoch(u64),
    /// Those of a network like it that has learnt nothing.
    Random,
}

impl Moment {
    /// The moment in words: `last`, `best`, `random` or `epoch:N`.
    ///
    /// What is not said, [`Moment::End`], has no word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "last" => Some(Self::Last),
            "best" => Some(Self::Best),
            "random" => Some(Self::Random),
            other => other.strip_prefix("epoch:")?.parse().ok().map(Self::Epoch),
        }
    }
}

impl Origin {
    /// What is allowed, for messages.
    pub const ALLOWED: &'static str = "`random`, an experiment as `NAME`, `NAME@best`, `NAME@last`, `NAME@epoch:N` or \
                                       `NAME@random`, or `file:PATH.safetensors`";

    /// As short as it can be said: of a checkpoint its run, of a file its name.
    pub fn label(&self) -> String {
        let part = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Self::Checkpoint(path) => {
                let run: Vec<String> = path.ancestors().skip(2).take(2).map(part).collect();
                run.iter().rev().map(String::as_str).collect::<Vec<_>>().join("/")
            }
            Self::File(path) => part(path),
            other => other.to_string(),
        }
    }

    /// The experiment that has to be trained first.
    pub fn awaits(&self) -> Option<&str> {
        match self {
            Self::Experiment { moment: Moment::Random, .. } => None,
            Self::Experiment { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no place to take weights from: {}", Self::ALLOWED);
        if text == "random" {
            return Ok(Self::Random);
        }
        if let Some(path) = text.strip_prefix("file:") {
            return if path.is_empty() { Err(refuse()) } else { Ok(Self::File(path.into())) };
        }
        if let Some(path) = text.strip_prefix("checkpoint:") {
            return if path.is_empty() { Err(refuse()) } else { Ok(Self::Checkpoint(path.into())) };
        }
        let (name, moment) = match text.split_once('@') {
            Some((name, moment)) => (name, Moment::parse(moment).ok_or_else(refuse)?),
            None => (text, Moment::End),
        };
        super::Name::try_from(name.to_owned()).map_err(|_| refuse())?;
        Ok(Self::Experiment { name: name.to_owned(), moment })
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Experiment { name, moment: Moment::End } => f.write_str(name),
            Self::Experiment { name, moment: Moment::Last } => write!(f, "{name}@last"),
            Self::Experiment { name, moment: Moment::Best } => write!(f, "{name}@best"),
            Self::Experiment { name, moment: Moment::Epoch(epoch) } => write!(f, "{name}@epoch:{epoch}"),
            Self::Experiment { name, moment: Moment::Random } => write!(f, "{name}@random"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Checkpoint(path) => write!(f, "checkpoint:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Origin};

    #[test]
    fn every_origin_reads_back_as_written() {
        for text in [
            "random",
            "moco-6400",
            "m.queue-1@best",
            "m@last",
            "m@epoch:100",
            "m@random",
            "file:a b.safetensors",
            "checkpoint:/x",
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        for bad in ["", "@best", "m@", "m@epoch", "m@epoch:x", "m@newest", "file:", "a b", "m@epoch:-1"] {
            assert!(bad.parse::<Origin>().unwrap_err().contains("NAME@best"), "{bad}");
        }
    }

    #[test]
    fn labels_are_short() {
        let label = |text: &str| text.parse::<Origin>().unwrap().label();
        assert_eq!(label("checkpoint:/p/runs/moco/20261125-1/checkpoints/step-1.0.safetensors"), "moco/20261125-1");
        assert_eq!(label("file:/a/b.safetensors"), "b.safetensors");
        assert_eq!(label("moco@best"), "moco@best");
    }

    #[test]
    fn only_what_is_trained_is_waited_for() {
        assert_eq!("m@best".parse::<Origin>().unwrap().awaits(), Some("m"));
        for text in ["m@random", "random", "file:x", "checkpoint:x"] {
            assert_eq!(text.parse::<Origin>().unwrap().awaits(), None);
        }
        assert_eq!(Moment::Epoch(1), Moment::Epoch(1));
    }
}
