//! The folders in which data sets are looked for and caches are kept.

use super::DataError;
use std::{
    env,
    path::{Path, PathBuf, absolute},
};

/// Where to look. What a path in `experiments.toml` is relative to, and where decoded pictures are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder of `experiments.toml`.
    pub project: PathBuf,
    /// For what can be rebuilt at any time.
    pub cache: PathBuf,
}

impl Places {
    /// The places of a project; the cache is `$MOCOLAB_CACHE`, else `$XDG_CACHE_HOME/mocolab`, else `~/.cache/mocolab`.
    pub fn new(project: impl Into<PathBuf>) -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("MOCOLAB_CACHE").unwrap_or_else(|| {
            let caches = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
            let caches = caches.or_else(|| Some(env::home_dir()?.join(".cache")));
            caches.unwrap_or_else(env::temp_dir).join("mocolab")
        });
        Self { project: project.into(), cache }
    }

    /// Where CIFAR-10 is looked for, in this order: the project's `data/`, `$MOCOLAB_DATA`, the cache.
    pub(super) fn of_cifar10(&self) -> Vec<PathBuf> {
        let named = env::var_os("MOCOLAB_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
        let folders = [Some(self.project.join("data")), named, Some(self.cache.clone())];
        folders.into_iter().flatten().map(|folder| absolute(&folder).unwrap_or(folder)).collect()
    }

    /// A path as a user writes it, made absolute: `~/` is the home folder, all else starts at the project.
    ///
    /// # Errors
    /// Where it is not UTF-8, or the current folder is gone.
    pub fn absolute(&self, path: &Path) -> Result<PathBuf, DataError> {
        let path = match (path.strip_prefix("~"), env::home_dir()) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => self.project.join(path),
        };
        let path = absolute(&path).map_err(DataError::reading(&path))?;
        if path.to_str().is_none() {
            return Err(DataError::invalid(path, "is not UTF-8, so it could not be written into a run: rename it"));
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::Places;
    use std::path::{Path, PathBuf};

    #[test]
    fn paths_start_at_the_project_or_at_home() {
        let places = Places { project: "/p".into(), cache: "/c".into() };
        let absolute = |path: &str| places.absolute(Path::new(path)).unwrap();
        assert_eq!(absolute("images"), PathBuf::from("/p/images"));
        assert_eq!(absolute("/d/images/"), PathBuf::from("/d/images/"));
        assert_eq!(absolute("~/images"), std::env::home_dir().unwrap().join("images"));
        assert_eq!(places.of_cifar10()[0], PathBuf::from("/p/data"));
        assert_eq!(places.of_cifar10().last().unwrap(), &PathBuf::from("/c"));
    }
}
