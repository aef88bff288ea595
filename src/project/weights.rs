//! Files of weights as a user names them: absolute, there, and what they should be.

use super::Project;
use anyhow::{Context, bail, ensure};
use mocolab::run::Header;
use mocolab::text::quoted;
use std::path::{Path, PathBuf};

impl Project {
    /// The file of weights at `path`, absolute.
    ///
    /// # Errors
    /// Where there is none, or it is no safetensors file: with what makes one of it.
    pub(super) fn weights(&self, path: &Path) -> anyhow::Result<PathBuf> {
        let path = self.places.absolute(path)?;
        let shown = path.display();
        ensure!(path.is_file(), "there is no file `{shown}` to take weights from");
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if ["pt", "pth", "tar", "ckpt", "bin"].contains(&ending.as_str()) {
            let into = path.with_extension("safetensors");
            bail!(
                "`{shown}` is a pickled file, which can run any code: convert it once, where Python has torch and \
                 safetensors, and name what it makes:\n{}",
                conversion(&path, &into)
            );
        }
        // A link is followed here, for the user has named it: caches of models are full of them.
        let path = path.canonicalize().with_context(|| format!("looking for the weights in `{shown}`"))?;
        Header::read(&path).with_context(|| format!("reading the weights in `{shown}`"))?;
        Ok(path)
    }
}

/// The line for a shell that makes a safetensors file of a pickled one; FAIR's hold the weights under `state_dict`.
fn conversion(from: &Path, into: &Path) -> String {
    format!(
        "  python3 -c 'import sys, torch; from safetensors.torch import save_file; d = torch.load(sys.argv[1], \
         map_location=\"cpu\", weights_only=True); save_file({{k: v.clone(memory_format=torch.contiguous_format) for k, v \
         in d.get(\"state_dict\", d).items()}}, sys.argv[2])' {} {}",
        quoted(&from.display().to_string()),
        quoted(&into.display().to_string())
    )
}
