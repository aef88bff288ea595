//! Where pictures come from, as a user writes it.

use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf, str::FromStr};

/// The `data` setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DataSource {
    /// `cifar10`, looked for where CIFAR-10 usually lies, or `cifar10:PATH`.
    Cifar10(Option<PathBuf>),
    /// `images:PATH`: a folder `train/<class>/*.{jpg,png}`, `test/<class>/…`.
    Images(PathBuf),
    /// `shapes`: drawings made on the spot; nothing to download, nothing to conclude from.
    Shapes,
    /// `cifar10 else shapes`: CIFAR-10 where it is found, else the drawings.
    Cifar10ElseShapes,
}

impl DataSource {
    /// What is allowed, for messages.
    pub const ALLOWED: &'static str = "`cifar10`, `cifar10:PATH`, `images:PATH`, `shapes` or `cifar10 else shapes`";
}

impl FromStr for DataSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').map_or((text, None), |(kind, path)| (kind, Some(path))) {
            ("cifar10", None) => Ok(Self::Cifar10(None)),
            ("cifar10", Some(path)) if !path.is_empty() => Ok(Self::Cifar10(Some(path.into()))),
            ("images", Some(path)) if !path.is_empty() => Ok(Self::Images(path.into())),
            ("shapes", None) => Ok(Self::Shapes),
            ("cifar10 else shapes", None) => Ok(Self::Cifar10ElseShapes),
            _ => Err(format!("`{text}` is not a data source: {}", Self::ALLOWED)),
        }
    }
}

impl TryFrom<String> for DataSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<DataSource> for String {
    fn from(source: DataSource) -> Self {
        source.to_string()
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Cifar10(None) => f.write_str("cifar10"),
            Self::Cifar10(Some(path)) => write!(f, "cifar10:{}", path.display()),
            Self::Images(path) => write!(f, "images:{}", path.display()),
            Self::Shapes => f.write_str("shapes"),
            Self::Cifar10ElseShapes => f.write_str("cifar10 else shapes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DataSource;

    #[test]
    fn every_source_reads_back_as_written() {
        for text in ["cifar10", "cifar10:/d/c", "images:a:b", "shapes", "cifar10 else shapes"] {
            assert_eq!(text.parse::<DataSource>().unwrap().to_string(), text);
        }
        for bad in ["", "cifar", "cifar10:", "images", "images:", "shapes:x", "CIFAR10"] {
            assert!(bad.parse::<DataSource>().unwrap_err().contains("cifar10:PATH"), "{bad}");
        }
    }
}
