//! What the points of a map are coloured by.

use super::Embedding;
use crate::experiment::ClassMap;

/// What decides a point's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Its class.
    #[default]
    Class,
    /// The one of the five pairs of CIFAR-10's classes that it is in.
    Five,
    /// Whether it shows a vehicle or horse, or another animal.
    Two,
    /// What was answered.
    Answer,
    /// Whether that was right.
    Error,
}

/// Groups of the points of a map, by their names and for each point its group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Colouring {
    /// The groups' names.
    pub names: Vec<String>,
    /// For each point the place of its group's name.
    pub groups: Vec<u16>,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Class, Self::Five, Self::Two, Self::Answer, Self::Error];

    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Class => "10",
            Self::Five => "5",
            Self::Two => "2",
            Self::Answer => "answer",
            Self::Error => "error",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Five => "5 classes",
            Self::Two => "2 classes",
            Self::Answer => "answer",
            Self::Error => "error",
        }
    }
}

impl std::str::FromStr for By {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|by| by.word() == word);
        found.ok_or_else(|| format!("`{word}` is not allowed: 10 (the classes of the data), 5, 2, answer or error"))
    }
}

impl Embedding {
    /// The points in groups.
    ///
    /// # Errors
    /// Where the data has other classes than a map of classes knows.
    pub fn colouring(&self, by: By) -> Result<Colouring, String> {
        let about = &self.about;
        let of_classes = |map: ClassMap| {
            let (names, places) = map.groups(&about.classes)?;
            let group = |label: u16| places.get(usize::from(label)).map_or(0, |place| *place as u16);
            Ok(Colouring { names, groups: self.points.iter().map(|point| group(point.label)).collect() })
        };
        match by {
            By::Class => of_classes(ClassMap::All),
            By::Five => of_classes(ClassMap::Five),
            By::Two => of_classes(ClassMap::Two),
            By::Answer => {
                let groups = self.points.iter().map(|point| point.answers[0]).collect();
                Ok(Colouring { names: about.answers.clone(), groups })
            }
            By::Error => {
                let names = ["right", "wrong"].map(str::to_owned).to_vec();
                Ok(Colouring {
                    names,
                    groups: self.points.iter().map(|point| u16::from(!self.is_right(point))).collect(),
                })
            }
        }
    }
}
